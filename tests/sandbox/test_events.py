"""Events as they reach who wants them: once and rightly signed, unless the sandbox is asked to do otherwise."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.sandbox.client import ADA, BOB, Client, open_client
from tests.sandbox.recording import Recorder, recording
from tests.support.servers import wait_until
from tests.support.signing_sandbox import SigningSandbox, running_sandbox

HEADERS = [f"x-docusign-signature-{number}" for number in (1, 2)]


@dataclass
class Receiver:
    """Takes events. `statuses` are what it answers, one after the other, and 200 from then on."""

    url: str
    statuses: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def take(self, body: bytes, headers: dict[str, str]) -> int:
        self.bodies.append(body)
        self.headers.append(headers)
        return self.statuses.pop(0) if self.statuses else 200

    @property
    def messages(self) -> list[Any]:
        return [json.loads(body) for body in self.bodies]

    @property
    def names(self) -> list[str]:
        return [message["event"] for message in self.messages]


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


@pytest.fixture(scope="module")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SigningSandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def client(sandbox_process: SigningSandbox) -> Client:
    return open_client(sandbox_process)


@pytest.fixture
def receiver(recorder: Recorder) -> Iterator[Receiver]:
    receiver = Receiver(f"http://127.0.0.1:{recorder.port}/webhooks/here?of=test")
    recorder.take_event = receiver.take
    yield receiver
    recorder.take_event = lambda _body, _headers: 200


@pytest.fixture
def send(sandbox: SigningSandbox, client: Client, receiver: Receiver) -> Callable[..., str]:
    """Sends an envelope and waits for its events of these names; its id."""

    def send(events: Sequence[str] = ("envelope-sent",)) -> str:
        envelope_id = client.create(webhook=receiver.url, events=events)
        flush(sandbox)
        return envelope_id

    return send


def flush(sandbox: SigningSandbox) -> None:
    assert sandbox.post("/sandbox/events/flush") == {"left": 0}


def list_states(sandbox: SigningSandbox, envelope_id: str) -> list[tuple[str, str, int]]:
    events = [each for each in sandbox.get("/sandbox/events") if each["envelope_id"] == envelope_id]
    return [(each["event"], each["state"], each["attempt_count"]) for each in events]


def sign(secret: str, body: bytes) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def test_what_happens_is_told_in_its_order_and_signed_by_every_key(
    sandbox: SigningSandbox, client: Client, receiver: Receiver
) -> None:
    envelope_id = client.create(webhook=receiver.url)
    sandbox.sign(envelope_id, BOB, ADA)
    flush(sandbox)
    assert receiver.names == [
        "envelope-sent",
        *["recipient-sent"] * 2,
        "recipient-delivered",
        "recipient-completed",
        "recipient-delivered",
        "envelope-delivered",
        "recipient-completed",
        "envelope-completed",
    ]
    assert {message["data"]["envelopeId"] for message in receiver.messages} == {envelope_id}
    statuses = [message["data"]["envelopeSummary"]["status"] for message in receiver.messages]
    assert statuses == ["sent"] * 6 + ["delivered", "completed", "completed"], "as it was at the moment"
    for body, headers in zip(receiver.bodies, receiver.headers, strict=True):
        assert [headers[name] for name in HEADERS] == [sign(key, body) for key in sandbox.credentials["hmac_keys"]]


def test_only_what_was_asked_for_is_told(send: Callable[..., str], receiver: Receiver) -> None:
    send(["recipient-sent"])
    assert receiver.names == ["recipient-sent"] * 2
    assert sorted(message["data"]["recipientId"] for message in receiver.messages) == ["1", "2"]


def test_a_dropped_event_never_comes(sandbox: SigningSandbox, send: Callable[..., str], receiver: Receiver) -> None:
    sandbox.misbehave({"fault": "drop", "next": 1})
    envelope_id = send(["envelope-sent", "recipient-sent"])
    assert receiver.names == ["recipient-sent"] * 2
    assert list_states(sandbox, envelope_id)[0] == ("envelope-sent", "dropped", 0)


def test_a_doubled_event_comes_twice(sandbox: SigningSandbox, send: Callable[..., str], receiver: Receiver) -> None:
    sandbox.misbehave({"fault": "double"})
    send()
    [first, second] = receiver.bodies
    assert first == second


def test_shuffled_events_overtake_each_other(sandbox: SigningSandbox, client: Client, receiver: Receiver) -> None:
    sandbox.misbehave({"fault": "shuffle", "seconds": 0.4}, seed=5)
    events = ["envelope-sent", "recipient-delivered", "recipient-completed", "envelope-completed"]
    envelope_id = client.create(webhook=receiver.url, events=events)
    sandbox.sign(envelope_id, BOB, ADA)
    wait_until(lambda: len(receiver.bodies) == 6)
    moments = [message["generatedDateTime"] for message in receiver.messages]
    assert moments != sorted(moments)


def test_a_delayed_event_comes_later(sandbox: SigningSandbox, client: Client, receiver: Receiver) -> None:
    sandbox.misbehave({"fault": "delay", "operation": "envelope-sent", "seconds": 1})
    client.create(webhook=receiver.url, events=["envelope-sent", "recipient-sent"])
    wait_until(lambda: len(receiver.bodies) == 3)
    assert receiver.names == ["recipient-sent", "recipient-sent", "envelope-sent"]


def test_a_wrongly_signed_event_has_signatures_of_nobody(
    sandbox: SigningSandbox, send: Callable[..., str], receiver: Receiver
) -> None:
    sandbox.misbehave({"fault": "wrong_signature"})
    send()
    [body], [headers] = receiver.bodies, receiver.headers
    given, right = {headers[name] for name in HEADERS}, {sign(key, body) for key in sandbox.credentials["hmac_keys"]}
    assert len(given) == 2
    assert not given & right


def test_an_unsigned_event_has_no_signature(
    sandbox: SigningSandbox, send: Callable[..., str], receiver: Receiver
) -> None:
    sandbox.misbehave({"fault": "no_signature"})
    send()
    assert not [name for name in receiver.headers[0] if name.startswith("x-docusign")]


def test_what_is_not_accepted_is_sent_again(
    sandbox: SigningSandbox, send: Callable[..., str], receiver: Receiver
) -> None:
    receiver.statuses = [500]
    envelope_id = send(["envelope-sent", "recipient-sent"])
    wait_until(lambda: len(receiver.bodies) == 4)
    wait_until(lambda: all(state == "delivered" for _, state, _ in list_states(sandbox, envelope_id)))
    counts = [(message["event"], message["retryCount"]) for message in receiver.messages]
    assert counts[0] == ("envelope-sent", 0)
    assert counts[-1] == ("envelope-sent", 1)
    again = {**receiver.messages[-1], "retryCount": 0}
    assert again == receiver.messages[0], "the same, by another attempt"
    for body, headers in zip(receiver.bodies, receiver.headers, strict=True):
        assert headers[HEADERS[0]] == sign(sandbox.credentials["hmac_keys"][0], body)


def test_one_can_be_sent_again_by_hand(sandbox: SigningSandbox, send: Callable[..., str], receiver: Receiver) -> None:
    sandbox.misbehave({"fault": "drop"})
    envelope_id = send()
    assert receiver.bodies == []
    [event] = [each for each in sandbox.get("/sandbox/events") if each["envelope_id"] == envelope_id]
    sandbox.post(f"/sandbox/events/{event['id']}/resend")
    wait_until(lambda: receiver.names == ["envelope-sent"])


def test_a_new_key_signs_in_a_header_of_its_own_and_a_retired_one_no_more(
    sandbox: SigningSandbox, send: Callable[..., str], receiver: Receiver
) -> None:
    first, second, third = sandbox.post("/sandbox/hmac-keys")
    send()
    body, headers = receiver.bodies[0], receiver.headers[0]
    assert headers["x-docusign-signature-3"] == sign(third["secret"], body)
    left = sandbox.post(f"/sandbox/hmac-keys/{third['id']}/retire")
    assert [key["id"] for key in left] == [first["id"], second["id"]]
    send()
    assert "x-docusign-signature-3" not in receiver.headers[1]
    known = json.loads((sandbox.folder / "credentials.json").read_text())
    assert known["hmac_keys"] == [first["secret"], second["secret"]]

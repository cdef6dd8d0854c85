"""The sandbox killed in the middle of everything: it still knows what it answered, and still tells what happened."""

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
from docusign_esign.client.api_exception import ApiException
from urllib3.exceptions import HTTPError

from tests.sandbox.client import ADA, BOB, Client, open_client
from tests.sandbox.recording import Recorder, recording
from tests.support.servers import free_port, wait_until
from tests.support.signing_sandbox import Refusal, SigningSandbox, running_sandbox

KILLS, CREATORS = 4, 2
DISTURBED = (ApiException, Refusal, HTTPError, URLError, HTTPException, ConnectionError, TimeoutError)


@dataclass
class Work:
    """What clients did, and what they were answered."""

    webhook: str
    created: dict[str, str] = field(default_factory=dict)  # transaction ids by the id of the envelope
    signed: set[tuple[str, str]] = field(default_factory=set)  # envelopes and addresses
    is_over: bool = False

    def create(self, client: Client) -> None:
        while not self.is_over:
            transaction_id = str(uuid.uuid4())
            with suppress(*DISTURBED):
                self.created[client.create(transaction_id=transaction_id, webhook=self.webhook)] = transaction_id
                time.sleep(0.02)

    def sign(self, sandbox: SigningSandbox) -> None:
        """As both, one after the other; whether they had signed before makes no difference."""
        dice = random.Random(7)
        while not self.is_over:
            envelope_id = dice.choice(list(self.created) or [""])
            for email in (ADA, BOB) if envelope_id else ():
                with suppress(*DISTURBED):
                    sandbox.post(f"/sandbox/envelopes/{envelope_id}/sign", {"email": email})
                    self.signed.add((envelope_id, email))
            time.sleep(0.01)


@contextmanager
def working(sandbox: SigningSandbox, client: Client, work: Work) -> Iterator[None]:
    """Clients at work, who go on whatever becomes of the sandbox."""
    work.is_over = False
    threads = [threading.Thread(target=work.create, args=(client,)) for _ in range(CREATORS)]
    threads.append(threading.Thread(target=work.sign, args=(sandbox,)))
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        work.is_over = True
        for thread in threads:
            thread.join()


@pytest.fixture
def receiver() -> Iterator[Recorder]:
    """Takes its time, so that events are on their way when the sandbox is killed."""
    with recording() as receiver:
        receiver.take_event = take_slowly
        yield receiver


def take_slowly(_body: bytes, _headers: dict[str, str]) -> int:
    time.sleep(0.03)
    return 204


def test_nothing_that_was_answered_is_lost(tmp_path: Path, receiver: Recorder) -> None:
    """Each block ends with SIGKILL, as `running_sandbox` does."""
    folder, port, dice = tmp_path / "sandbox", free_port(), random.Random(3)
    work = Work(f"http://127.0.0.1:{receiver.port}/webhooks/here")
    credentials = None
    for number in range(KILLS):
        with running_sandbox(folder, port=port) as sandbox:
            credentials = credentials or sandbox.credentials
            assert sandbox.credentials == credentials, "ids, keys and secrets stay"
            client = open_client(sandbox)
            with working(sandbox, client, work):
                goal = 4 * (number + 1)
                wait_until(lambda goal=goal: min(len(work.created), len(work.signed)) >= goal)
                time.sleep(dice.uniform(0, 0.1))
                sandbox.kill()
    with running_sandbox(folder, port=port) as sandbox:
        assert find_losses(sandbox, work) == []
        assert sandbox.post("/sandbox/events/flush") == {"left": 0}
        wait_until(lambda: not find_untold(sandbox, receiver.events))
        assert open_client(sandbox).create() not in work.created
        assert len(sandbox.list_envelopes()) > len(work.created), "it goes on from there"


def find_losses(sandbox: SigningSandbox, work: Work) -> list[str]:
    """What was answered and is not there, or is there twice."""
    envelopes = {each["envelopeId"]: each for each in sandbox.list_envelopes()}
    losses = [f"envelope {each} is lost" for each in work.created if each not in envelopes]
    losses += [
        f"envelope {each} has another transaction id"
        for each, transaction_id in work.created.items()
        if envelopes.get(each, {}).get("transactionId") != transaction_id
    ]
    counts = Counter(each["transactionId"] for each in envelopes.values())
    losses += [f"transaction {each} is there twice" for each, count in counts.items() if count > 1]
    for envelope_id, email in work.signed:
        [signer] = [each for each in envelopes[envelope_id]["recipients"]["signers"] if each["email"] == email]
        if signer["status"] != "completed":
            losses.append(f"the signature of {email} under {envelope_id} is lost")
    if not any(each["status"] == "completed" for each in envelopes.values()):
        losses.append("nobody has completed anything")
    return losses


def find_untold(sandbox: SigningSandbox, told: list[Any]) -> list[tuple[str, str]]:
    """What happened and nobody has heard of: what is known of each envelope, beside the events that arrived."""
    heard = Counter((event["data"]["envelopeId"], event["event"]) for event in told)
    happened: Counter[tuple[str, str]] = Counter()
    for envelope in sandbox.list_envelopes():
        envelope_id = envelope["envelopeId"]
        signers = envelope["recipients"]["signers"]
        happened[envelope_id, "envelope-sent"] = 1
        happened[envelope_id, "recipient-sent"] = len(signers)
        happened[envelope_id, "recipient-completed"] = sum(each["status"] == "completed" for each in signers)
        happened[envelope_id, "envelope-completed"] = int(envelope["status"] == "completed")
    return list((happened - heard).elements())


def test_an_event_on_its_way_is_sent_again(tmp_path: Path, receiver: Recorder) -> None:
    folder, port, webhook = tmp_path / "sandbox", free_port(), f"http://127.0.0.1:{receiver.port}/webhooks/here"
    with running_sandbox(folder, port=port) as sandbox:

        def kill_sender(_body: bytes, _headers: dict[str, str]) -> int:
            sandbox.kill()
            return 204

        receiver.take_event = kill_sender
        with suppress(*DISTURBED):
            open_client(sandbox).create(webhook=webhook, events=["envelope-sent"])
        wait_until(lambda: sandbox.process.poll() is not None)
    receiver.take_event = take_slowly
    with running_sandbox(folder, port=port) as sandbox:
        wait_until(lambda: len(receiver.events) == 2)
        wait_until(lambda: [each["state"] for each in sandbox.get("/sandbox/events")] == ["delivered"])
    [first, second] = receiver.events
    assert first == second


def test_what_goes_wrong_on_request_still_does(tmp_path: Path) -> None:
    with running_sandbox(tmp_path) as sandbox:
        sandbox.misbehave({"fault": "error_before", "operation": "create", "next": 3}, seed=4)
        sandbox.post("/sandbox/clock", {"advance_days": 2})
        sandbox.post("/sandbox/consent", {"given": False})
        before = sandbox.get("/sandbox/behaviour")
    with running_sandbox(tmp_path) as sandbox:
        assert sandbox.get("/sandbox/behaviour") == before
        assert sandbox.post("/sandbox/clock", {"advance_days": 0}) == {"offset_days": 2.0}
        with pytest.raises(URLError, match="400"):
            open_client(sandbox)

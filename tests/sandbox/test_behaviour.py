"""Calls that go wrong on request, as the client sees them: the unmodified SDK."""

import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from docusign_esign.client.api_exception import ApiException
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from tests.sandbox.client import Client, define, open_client
from tests.support.servers import wait_until
from tests.support.signing_sandbox import SigningSandbox, running_sandbox

HOUR = 3600


@pytest.fixture(scope="module")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SigningSandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def client(sandbox_process: SigningSandbox) -> Client:
    return open_client(sandbox_process)


def refuse(client: Client, **values: Any) -> ApiException:
    """How an envelope is refused."""
    with pytest.raises(ApiException) as refusal:
        client.create(**values)
    return refusal.value


def test_a_slow_call_outlasts_who_does_not_wait(sandbox: SigningSandbox, client: Client) -> None:
    sandbox.misbehave({"fault": "slow", "operation": "create", "seconds": 0.4, "next": 2})
    began = time.monotonic()
    client.create()
    assert time.monotonic() - began >= 0.4
    definition = define(transaction_id="impatient")
    with pytest.raises(ReadTimeoutError):
        client.api.create_envelope(client.account_id, envelope_definition=definition, _request_timeout=(1, 0.1))
    wait_until(lambda: client.count("impatient") == 1)
    [rule] = sandbox.get("/sandbox/behaviour")["rules"]
    assert (rule["next"], rule["hits"]) == (0, 2)


@pytest.mark.parametrize(
    ("fault", "status", "code", "header"),
    [
        ("rate_limit", 429, "HOURLY_APIINVOCATION_LIMIT_EXCEEDED", "X-RateLimit-Remaining"),
        ("hourly_limit", 400, "HOURLY_APIINVOCATION_LIMIT_EXCEEDED", "X-RateLimit-Remaining"),
        ("burst_limit", 429, "BURST_APIINVOCATION_LIMIT_EXCEEDED", "X-BurstLimit-Remaining"),
    ],
)
def test_a_limit_names_itself_and_its_end(
    sandbox: SigningSandbox, client: Client, fault: str, status: int, code: str, header: str
) -> None:
    transaction_id = str(uuid.uuid4())
    sandbox.misbehave({"fault": fault, "operation": "create", "next": 1})
    refusal = refuse(client, transaction_id=transaction_id)
    assert (refusal.status, refusal.headers[header]) == (status, "0")
    assert code.encode() in refusal.body
    assert 0 < int(refusal.headers["X-RateLimit-Reset"]) - time.time() <= HOUR
    assert client.count(transaction_id) == 0
    client.create(transaction_id=transaction_id)
    assert client.count(transaction_id) == 1


def test_a_token_that_is_not_accepted(sandbox: SigningSandbox, client: Client) -> None:
    sandbox.misbehave({"fault": "unauthorized", "operation": "create", "next": 1})
    refusal = refuse(client)
    assert refusal.status == 401
    assert b"AUTHORIZATION_INVALID_TOKEN" in refusal.body


@pytest.mark.parametrize(("fault", "count"), [("error_before", 0), ("error_after", 1)])
def test_a_server_error_leaves_open_whether_it_was_done(
    sandbox: SigningSandbox, client: Client, fault: str, count: int
) -> None:
    transaction_id = str(uuid.uuid4())
    sandbox.misbehave({"fault": fault, "operation": "create", "next": 1, "status": 502})
    assert refuse(client, transaction_id=transaction_id).status == 502
    assert client.count(transaction_id) == count


@pytest.mark.parametrize(("fault", "count"), [("close_before", 0), ("close_after", 1)])
def test_a_cut_connection_leaves_open_whether_it_was_done(
    sandbox: SigningSandbox, client: Client, fault: str, count: int
) -> None:
    transaction_id = str(uuid.uuid4())
    sandbox.misbehave({"fault": fault, "operation": "create", "next": 1})
    with pytest.raises(ProtocolError):
        client.create(transaction_id=transaction_id)
    assert client.count(transaction_id) == count


def test_a_rule_strikes_its_call_alone_and_as_often_as_it_says(sandbox: SigningSandbox, client: Client) -> None:
    sandbox.misbehave({"fault": "error_before", "operation": "get", "next": 2})
    envelope_id = client.create()
    for _ in range(2):
        with pytest.raises(ApiException):
            client.get_status(envelope_id)
    assert client.get_status(envelope_id) == "sent"
    [rule] = sandbox.get("/sandbox/behaviour")["rules"]
    assert (rule["next"], rule["hits"]) == (0, 2)


def test_chance_can_be_repeated(sandbox: SigningSandbox, client: Client) -> None:
    envelope_id = client.create()
    outcomes = []
    for _ in range(2):
        sandbox.misbehave({"fault": "error_before", "operation": "get", "probability": 0.5}, seed=3)
        outcomes.append([is_answered(client, envelope_id) for _ in range(12)])
    assert outcomes[0] == outcomes[1]
    assert len(set(outcomes[0])) == 2, "some fail, some do not"


def is_answered(client: Client, envelope_id: str) -> bool:
    try:
        return client.get_status(envelope_id) == "sent"
    except ApiException:
        return False


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"fault": "explode"}, "fault is one of"),
        ({"fault": "slow", "operation": "dance"}, "operation is any or one of"),
        ({"fault": "slow", "probability": 2}, "probability is expected to be a number from 0 to 1"),
        ({"fault": "slow", "seconds": float("nan")}, "seconds is expected to be a number"),
        ({"fault": "slow", "seconds": True}, "seconds is expected to be a number"),
        ({"fault": "slow", "next": -1}, "next is expected to be a number"),
        ({"fault": "error_before", "status": 200}, "status is expected to be a number from 500"),
        ({"fault": "slow", "color": "red"}, "a rule has no color"),
        ("slow", "a rule is expected to be an object"),
    ],
)
def test_a_rule_that_cannot_be_understood_changes_nothing(sandbox: SigningSandbox, rule: Any, reason: str) -> None:
    sandbox.misbehave({"fault": "slow", "operation": "token"})
    before = sandbox.get("/sandbox/behaviour")
    refusal = sandbox.find_refusal("/sandbox/behaviour", {"rules": [rule]})
    assert refusal["errorCode"] == "INVALID_RULE"
    assert reason in refusal["message"]
    assert sandbox.get("/sandbox/behaviour") == before

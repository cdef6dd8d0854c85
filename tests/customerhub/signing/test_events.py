"""Events of the signing service: whose they are, and that nothing comes of them but a fresh reading."""

import json
import select
import socket

import pytest

from customerhub.signing import operations
from customerhub.signing.access import find_settings
from customerhub.signing.events import is_signed, parse_event
from models import InvoiceProfile, SigningEvent, SigningKey, SigningRequest
from models.base import db
from models.enums import ProfileStatus
from models.signing_enums import EnvelopeStatus, SigningRequestKind
from tests.customerhub.signing.conftest import ADA, CLIENT, compare, current_envelope, list_requests, perform
from tests.support.signing_events import build_body, post, sign, tell
from tests.support.statements import record_statements


def count_checks(envelope):
    return [kind for kind, _ in list_requests(envelope)].count("check")


@pytest.fixture
def sent(signing_org):
    return signing_org.send_profile()


def test_a_false_completion_moves_nothing(signing_org, sent, client):
    """Signed rightly, and still no more than a reason to look."""
    profile, envelope = sent
    body = build_body(envelope, signing_org.sandbox)
    [secret, _] = signing_org.sandbox.credentials["hmac_keys"]
    assert post(client, body, sign(body, secret)).status_code == 204
    perform()
    assert current_envelope(profile).status is EnvelopeStatus.SENT
    assert db.session.get_one(InvoiceProfile, profile.id).status is ProfileStatus.NDA_PENDING
    assert count_checks(envelope) == 1


@pytest.mark.parametrize("repeated", [1, 3])
def test_an_event_is_kept_once_and_looked_at_once(signing_org, sent, client, repeated):
    profile, envelope = sent
    signing_org.sandbox.sign(envelope.remote_id, ADA, CLIENT)
    body = build_body(envelope, signing_org.sandbox)
    [secret, _] = signing_org.sandbox.credentials["hmac_keys"]
    for _ in range(repeated):
        assert post(client, body, sign(body, secret)).status_code == 204
        perform()
    db.session.refresh(profile)
    assert profile.status is ProfileStatus.COMPLETED
    assert db.session.scalar(db.select(db.func.count()).select_from(SigningEvent)) == 1
    assert count_checks(envelope) == 1
    assert envelope.drift is None


@pytest.mark.parametrize("tampering", ["wrong key", "another body", "no header", "not base64", "retired key"])
def test_what_is_not_signed_by_an_active_key_is_refused(signing_org, sent, client, tampering):
    profile, envelope = sent
    body = build_body(envelope, signing_org.sandbox)
    [secret, _] = signing_org.sandbox.credentials["hmac_keys"]
    signatures = {
        "wrong key": [sign(body, "guess")],
        "another body": [sign(body + b" ", secret)],
        "no header": [],
        "not base64": ["Ä\x80", ""],
        "retired key": [sign(body, secret)],
    }[tampering]
    if tampering == "retired key":
        for key in db.session.scalars(db.select(SigningKey).where(SigningKey.name == "Key 1")):
            key.active = False
        db.session.commit()
    assert post(client, body, *[each.encode("utf-8").decode("latin-1") for each in signatures]).status_code == 401
    assert db.session.scalar(db.select(db.func.count()).select_from(SigningEvent)) == 0
    assert count_checks(envelope) == 0
    assert profile.status is ProfileStatus.NDA_PENDING


def test_any_active_key_in_any_header_will_do(signing_org, sent, client):
    _, envelope = sent
    body = build_body(envelope, signing_org.sandbox)
    [_, second] = signing_org.sandbox.credentials["hmac_keys"]
    assert post(client, body, sign(body, "old"), "x", sign(body, second)).status_code == 204
    assert count_checks(envelope) == 1


@pytest.mark.parametrize("content", [b"", b"[]", b"nul", b'{"data": 5}', b'{"data": {"accountId": {}}}', b"\xff\xfe"])
def test_what_is_no_event_is_refused(signing_org, sent, client, content):
    [secret, _] = signing_org.sandbox.credentials["hmac_keys"]
    assert post(client, content, sign(content, secret)).status_code == 401
    assert parse_event(content).remote_id == ""


def test_an_envelope_of_somebody_else_does_no_harm(signing_org, sent, client):
    _, envelope = sent
    body = build_body(envelope, signing_org.sandbox, envelopeId="00000000-0000-0000-0000-000000000000")
    [secret, _] = signing_org.sandbox.credentials["hmac_keys"]
    assert post(client, body, sign(body, secret)).status_code == 204
    [event] = db.session.scalars(db.select(SigningEvent))
    assert event.envelope_id is None
    assert count_checks(envelope) == 0


def test_one_that_is_too_large_is_refused_unread(signing_org, sent, client):
    assert post(client, b" " * (3 * 1024 * 1024), "x").status_code == 413


def test_an_event_during_a_reading_causes_another_reading(signing_org, sent):
    """The reading under way may be older than the event."""
    from customerhub.core import clock
    from customerhub.customers.signature_requests import add_request
    from customerhub.signing import requests

    _, envelope = sent
    assert add_request(envelope, SigningRequestKind.CHECK)
    assert not add_request(envelope, SigningRequestKind.CHECK)
    db.session.commit()
    [request_id] = requests.list_due(clock.get_now(), limit=5)
    assert requests.claim_request(request_id, now=clock.get_now()) is not None
    assert add_request(envelope, SigningRequestKind.CHECK)
    states = [each.state.value for each in db.session.scalars(db.select(SigningRequest).order_by(SigningRequest.id))]
    assert states == ["done", "working", "waiting"]


def test_the_answer_waits_for_nobody_but_the_database(signing_org, sent, client, replace_services):
    """What it causes is queued after the commit; the signing service is not asked meanwhile."""
    _, envelope = sent
    told = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        replace_services(signing_sandbox=host, notify_signing_workers=lambda: told.append("workers"))
        with record_statements() as statements:
            assert tell(client, envelope, signing_org.sandbox, "envelope-sent") == 204
        is_asked, _, _ = select.select([silent], [], [], 0)
    assert not is_asked
    assert told == ["workers"]
    assert list_requests(envelope)[-1] == ("check", "waiting")
    written = [text.split()[2] for text in statements if text.startswith("INSERT")]
    assert written == ["signing_event", "signing_request"]
    assert len(statements) <= 10


def test_signatures_are_those_of_the_raw_body():
    body = b'{"a":  1}'
    assert is_signed(body, [sign(body, "key")], "key")
    assert is_signed(body, ["x", f" {sign(body, 'key')} "], "key")
    assert not is_signed(json.dumps(json.loads(body)).encode(), [sign(body, "key")], "key")
    assert not is_signed(body, [], "key")


def test_reading_without_news_is_no_change(signing_org):
    """Somebody who has the page of a document or of the settings open can go on with it."""
    _, envelope = signing_org.send_profile()
    settings = find_settings(envelope.organisation_id)
    before, checked_at = (envelope.version, settings.version), envelope.checked_at
    operations.check_now(envelope, actor=signing_org.author)
    perform()
    compare()
    db.session.expire_all()
    assert (envelope.version, settings.version) == before
    assert checked_at is None or envelope.checked_at > checked_at
    assert envelope.checked_at is not None
    assert settings.changes_read_until is not None


def test_an_event_that_is_faster_than_the_answer_is_looked_at(signing_org, client, monkeypatch):
    """The signers have signed before the worker that sends it has recorded its id."""
    from customerhub.signing.docusign import SigningService

    send, sandbox = SigningService.send, signing_org.sandbox

    def send_and_be_overtaken(service, draft):
        remote_id = send(service, draft)
        sandbox.sign(remote_id, ADA, CLIENT)
        body = json.dumps(
            {"event": "envelope-completed", "data": {"accountId": service.account_id, "envelopeId": remote_id}}
        )
        assert post(client, body.encode(), sign(body.encode(), sandbox.credentials["hmac_keys"][0])).status_code == 204
        return remote_id

    monkeypatch.setattr(SigningService, "send", send_and_be_overtaken)
    profile = signing_org.add_profile()
    perform()
    event = db.session.scalars(db.select(SigningEvent)).one()
    assert event.envelope_id == current_envelope(profile).id
    assert profile.status is ProfileStatus.COMPLETED

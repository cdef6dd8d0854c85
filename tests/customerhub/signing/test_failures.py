"""When the signing service is slow, refuses, breaks off or forgets to answer."""

from datetime import timedelta

import pytest

from customerhub.core import clock
from customerhub.core.errors import WrongState
from customerhub.signing import operations, requests
from models import SigningRequest
from models.base import db
from models.signing_enums import EnvelopeStatus, SigningRequestState
from tests.customerhub.approvals.conftest import acting
from tests.customerhub.signing.conftest import ADA, CLIENT, current_envelope, list_requests, perform


def count_remote(sandbox, envelope):
    """How many envelopes the sandbox has of ours."""
    return sum(each.get("transactionId") == envelope.transaction_id for each in sandbox.list_envelopes())


def perform_later(**delta):
    """As if so much time had passed. The clock stays: the sandbox has its own, and tokens tell the time."""
    for request in db.session.scalars(db.select(SigningRequest)):
        request.next_attempt_at -= timedelta(**delta)
        if request.claimed_until is not None:
            request.claimed_until -= timedelta(**delta)
    return perform()


@pytest.mark.parametrize("fault", ["error_after", "close_after"])
def test_an_envelope_whose_answer_was_lost_is_found_again(signing_org, fault):
    profile = signing_org.add_profile()
    signing_org.sandbox.misbehave({"fault": fault, "operation": "create", "next": 1})
    assert perform() == "1 to be retried"
    envelope = current_envelope(profile)
    assert (envelope.status, envelope.remote_id) == (EnvelopeStatus.CREATED, None)
    assert count_remote(signing_org.sandbox, envelope) == 1
    assert perform_later(minutes=2) == "1 done"
    envelope = current_envelope(profile)
    assert (envelope.status, count_remote(signing_org.sandbox, envelope)) == (EnvelopeStatus.SENT, 1)


@pytest.mark.parametrize("fault", ["error_before", "close_before", "unauthorized"])
def test_what_was_not_done_is_done_later(signing_org, fault):
    profile = signing_org.add_profile()
    signing_org.sandbox.misbehave({"fault": fault, "operation": "create", "next": 1})
    assert perform() == "1 to be retried"
    assert perform() == "Nothing was due"
    assert perform_later(minutes=2) == "1 done"
    envelope = current_envelope(profile)
    assert (envelope.status, count_remote(signing_org.sandbox, envelope)) == (EnvelopeStatus.SENT, 1)


@pytest.mark.parametrize("fault", ["rate_limit", "hourly_limit", "burst_limit"])
def test_a_limit_is_waited_for_without_costing_an_attempt(signing_org, fault):
    profile = signing_org.add_profile()
    signing_org.add_profile()
    signing_org.sandbox.misbehave({"fault": fault, "operation": "create"})
    assert perform() == "1 to be retried", "the second is not even tried"
    [request] = db.session.scalars(
        db.select(SigningRequest).where(SigningRequest.envelope_id == current_envelope(profile).id)
    )
    assert request.attempts == 0
    assert request.next_attempt_at > clock.get_now() + timedelta(seconds=20)
    signing_org.sandbox.misbehave()
    assert perform_later(hours=1, minutes=5) == "2 done"


def test_a_refusal_is_final_and_told(signing_org):
    profile = signing_org.add_profile()
    envelope = current_envelope(profile)
    envelope.client_anchor = "/not in the document/"
    db.session.commit()
    assert perform() == "1 refused"
    [request] = db.session.scalars(db.select(SigningRequest))
    assert request.state is SigningRequestState.FAILED
    assert "ANCHOR" in request.last_error
    assert perform_later(days=30) == "Nothing was due"


def test_a_service_that_stays_away_is_given_up_in_the_end(signing_org):
    profile = signing_org.add_profile()
    signing_org.sandbox.misbehave({"fault": "error_before", "operation": "create"})
    summaries = [perform_later(days=2) for _ in range(requests.MAX_ATTEMPTS + 1)]
    assert summaries == ["1 to be retried"] * (requests.MAX_ATTEMPTS - 1) + ["1 given up", "Nothing was due"]
    assert list_requests(current_envelope(profile)) == [("send", "failed")]
    assert sum(requests.RETRY_DELAYS, timedelta()) < timedelta(days=7), "a transaction id is known for seven days"


def test_a_missing_consent_is_told_by_its_own_word(signing_org):
    signing_org.add_profile()
    signing_org.sandbox.post("/sandbox/consent", {"given": False})
    try:
        assert perform() == "1 to be retried"
    finally:
        signing_org.sandbox.post("/sandbox/consent", {"given": True})
    [request] = db.session.scalars(db.select(SigningRequest))
    assert "consent_required" in request.last_error
    assert perform_later(minutes=2) == "1 done"


def test_nothing_overtakes_the_sending(signing_org):
    """It is voided before it was sent, but after somebody tried: the service may have it."""
    profile = signing_org.add_profile()
    signing_org.sandbox.misbehave({"fault": "error_after", "operation": "create", "next": 1})
    perform()
    envelope = current_envelope(profile)
    with acting(signing_org.author):
        operations.void_envelope(envelope, reason="Wrong customer", actor=signing_org.author)
    assert list_requests(envelope) == [("send", "waiting"), ("void", "waiting")]
    assert perform() == "Nothing was due"
    perform_later(minutes=2)
    envelope = current_envelope(profile)
    assert (envelope.status, envelope.end_reason) == (EnvelopeStatus.VOIDED, "Wrong customer")
    [remote] = [each for each in signing_org.sandbox.list_envelopes() if each["envelopeId"] == envelope.remote_id]
    assert (remote["status"], remote["voidedReason"]) == ("voided", "Wrong customer")


def test_one_that_nobody_has_begun_to_send_never_goes_out(signing_org):
    profile = signing_org.add_profile()
    envelope = current_envelope(profile)
    with acting(signing_org.author):
        operations.void_envelope(envelope, reason="Wrong customer", actor=signing_org.author)
    assert (envelope.status, list_requests(envelope)) == (EnvelopeStatus.VOIDED, [("send", "cancelled")])
    assert perform() == "Nothing was due"
    assert count_remote(signing_org.sandbox, envelope) == 0


def test_a_worker_that_dies_leaves_its_request_to_the_next(signing_org):
    profile = signing_org.add_profile()
    db.session.commit()
    now = clock.get_now()
    [request_id] = requests.list_due(now, limit=5)
    assert requests.claim_request(request_id, now=now) is not None
    db.session.commit()
    assert perform() == "Nothing was due"
    assert perform_later(minutes=6) == "1 done"
    assert current_envelope(profile).status is EnvelopeStatus.SENT


def test_documents_that_could_not_be_fetched_come_later(signing_org):
    profile, envelope = signing_org.send_profile()
    signing_org.sandbox.sign(envelope.remote_id, ADA, CLIENT)
    signing_org.sandbox.misbehave({"fault": "error_before", "operation": "download", "next": 1})
    with acting(signing_org.author):
        operations.check_now(envelope, actor=signing_org.author)
    assert perform() == "1 done, 1 to be retried"
    assert current_envelope(profile).signed_file_id is None
    assert perform_later(minutes=2) == "1 done"
    assert current_envelope(profile).signed_file_id is not None


def test_one_whose_sending_was_given_up_is_voided_all_the_same(signing_org):
    """The service made it and never answered, or never heard of it: it is asked."""
    for fault, count in (("error_after", 1), ("error_before", 0)):
        profile = signing_org.add_profile()
        signing_org.sandbox.misbehave(
            {"fault": fault, "operation": "create", "next": 1}, {"fault": "error_before", "operation": "list"}
        )
        for _ in range(requests.MAX_ATTEMPTS):
            perform_later(days=2)
        envelope = current_envelope(profile)
        assert list_requests(envelope) == [("send", "failed")]
        signing_org.sandbox.misbehave()
        with acting(signing_org.author):
            operations.void_envelope(envelope, reason="Wrong customer", actor=signing_org.author)
        perform()
        envelope = current_envelope(profile)
        assert (envelope.status, envelope.end_reason) == (EnvelopeStatus.VOIDED, "Wrong customer")
        assert count_remote(signing_org.sandbox, envelope) == count


def test_what_was_given_up_is_tried_again_once(signing_org):
    profile = signing_org.add_profile()
    envelope = current_envelope(profile)
    anchor, envelope.client_anchor = envelope.client_anchor, "/not in the document/"
    db.session.commit()
    assert perform() == "1 refused"
    envelope = current_envelope(profile)
    envelope.client_anchor = anchor
    with acting(signing_org.author):
        operations.try_again(envelope, actor=signing_org.author)
        with pytest.raises(WrongState):
            operations.try_again(envelope, actor=signing_org.author)
    assert perform() == "1 done"
    assert current_envelope(profile).status is EnvelopeStatus.SENT

"""An envelope that was sent twice, because a worker was held up between looking for it and sending it."""

import threading

import pytest

from jobs import signing
from models.base import db
from models.enums import ContractStatus, ProfileStatus
from models.signing_enums import EnvelopeStatus
from tests.customerhub.signing.conftest import ADA, CLIENT, compare, current_envelope, perform


@pytest.fixture
def sent_twice(signing_org, monkeypatch):
    """A profile whose envelope a second worker sends while the first one is about to; the sandbox's two ids."""
    from customerhub.signing.docusign import SigningService

    send, is_inside = SigningService.send, threading.Event()

    def send_and_be_overtaken(service, draft):
        if not is_inside.is_set():
            is_inside.set()
            overtaking_id = send(service, draft)
            envelope = current_envelope(profile)
            envelope.remote_id, envelope.account_id = overtaking_id, service.account_id
            envelope.status = EnvelopeStatus.SENT
            db.session.commit()
        return send(service, draft)

    monkeypatch.setattr(SigningService, "send", send_and_be_overtaken)
    profile = signing_org.add_profile()
    contract = signing_org.add_contract(profile)
    return profile, contract


def list_remote(signing_org, profile):
    """(id, status) of what the sandbox has for a profile, in the order in which it was sent."""
    transaction_id = current_envelope(profile).transaction_id
    remotes = [each for each in signing_org.sandbox.list_envelopes() if each["transactionId"] == transaction_id]
    return [(each["envelopeId"], each["status"]) for each in remotes]


def test_the_later_one_is_voided_at_once(signing_org, sent_twice):
    profile, contract = sent_twice
    assert perform() == "1 done"
    (first, first_status), (_, second_status) = list_remote(signing_org, profile)
    assert (first_status, second_status) == ("sent", "voided")
    assert current_envelope(profile).remote_id == first
    signing_org.sandbox.sign(first, ADA, CLIENT)
    compare()
    assert (profile.status, contract.status) == (ProfileStatus.COMPLETED, ContractStatus.LIVE)


@pytest.fixture
def left_double(signing_org, sent_twice):
    """As after a worker that was killed before it could void its own."""
    profile, contract = sent_twice
    signing_org.sandbox.misbehave({"fault": "close_before", "operation": "update"})
    perform()
    signing_org.sandbox.misbehave()
    assert [status for _, status in list_remote(signing_org, profile)] == ["sent", "sent"]
    return profile, contract


def test_the_comparison_voids_one_that_was_left(signing_org, left_double):
    profile, _ = left_double
    compare()
    assert [status for _, status in list_remote(signing_org, profile)] == ["sent", "voided"]
    assert profile.status is ProfileStatus.NDA_PENDING


def test_a_void_that_fails_is_made_up_for_by_the_next_comparison(signing_org, left_double):
    profile, _ = left_double
    signing_org.sandbox.misbehave({"fault": "close_before", "operation": "update"})
    with pytest.raises(signing.IncompleteRun):
        compare()
    signing_org.sandbox.misbehave()
    compare()
    assert [status for _, status in list_remote(signing_org, profile)] == ["sent", "voided"]


def test_what_all_have_signed_counts_though_it_was_the_other(signing_org, left_double):
    profile, contract = left_double
    (first, _), (second, _) = list_remote(signing_org, profile)
    signing_org.sandbox.sign(second, ADA, CLIENT)
    compare()
    assert current_envelope(profile).remote_id == second
    assert (profile.status, contract.status) == (ProfileStatus.COMPLETED, ContractStatus.LIVE)
    assert list_remote(signing_org, profile) == [(first, "voided"), (second, "completed")]
    assert perform() == "1 done"
    assert current_envelope(profile).signed_file_id is not None


def test_a_double_of_another_organisation_is_left_alone(signing_org, left_double):
    from customerhub.signing.doubles import select_doubles
    from customerhub.signing.readings import EnvelopeReading

    profile, _ = left_double
    transaction_id = current_envelope(profile).transaction_id
    reading = EnvelopeReading("other", EnvelopeStatus.SENT, transaction_id=transaction_id)
    assert len(select_doubles(profile.organisation_id, [reading])) == 1
    assert select_doubles(profile.organisation_id + 1, [reading]) == []

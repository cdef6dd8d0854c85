"""Reminders and expiry of open envelopes, by the organisation's own day."""

from datetime import timedelta

import pytest

from customerhub.core.organisation_dates import organisation_today
from customerhub.signing import deadlines, operations
from customerhub.signing.access import find_settings
from models import InvoiceProfile
from models.base import db
from models.enums import ProfileStatus
from models.signing_enums import EnvelopeStatus
from tests.customerhub.approvals.conftest import acting
from tests.customerhub.signing.conftest import ADA, current_envelope, list_requests, perform


@pytest.fixture
def sent(signing_org):
    return signing_org.send_profile()


def move_back(envelope, days):
    """As if it had been sent so many days ago."""
    for name in ("sent_on", "reminded_on", "expires_on"):
        setattr(envelope, name, getattr(envelope, name) - timedelta(days=days))
    db.session.commit()


def request(signing_org):
    with acting(signing_org.org.system):
        count = deadlines.request_due(signing_org.org.id, today=organisation_today(signing_org.org.id))
        db.session.commit()
    return count


def test_signers_are_reminded_again_and_again_but_get_no_more_days(signing_org, sent):
    profile, envelope = sent
    assert request(signing_org) == 0
    for _ in range(2):
        move_back(current_envelope(profile), 3)
        expires_on = current_envelope(profile).expires_on
        assert (request(signing_org), request(signing_org)) == (1, 0)
        perform()
        assert current_envelope(profile).expires_on == expires_on
    assert [kind for kind, _ in list_requests(envelope)] == ["send", "resend", "resend"]


def test_a_resend_by_a_user_counts_the_days_anew(signing_org, sent):
    profile, envelope = sent
    move_back(envelope, 29)
    with acting(signing_org.author):
        operations.resend_envelope(current_envelope(profile), actor=signing_org.author)
    perform()
    assert current_envelope(profile).expires_on == organisation_today(signing_org.org.id) + timedelta(days=30)
    assert request(signing_org) == 0


def test_what_is_not_signed_in_time_expires(signing_org, sent):
    profile, envelope = sent
    signing_org.sandbox.sign(envelope.remote_id, ADA)
    move_back(envelope, 30)
    assert request(signing_org) == 1
    perform()
    envelope = current_envelope(profile)
    assert envelope.status is EnvelopeStatus.EXPIRED
    assert envelope.end_reason.startswith("Not signed by 20")
    assert db.session.get_one(InvoiceProfile, profile.id).status is ProfileStatus.NDA_DECLINED
    assert request(signing_org) == 0


def test_one_that_all_signed_meanwhile_is_completed_all_the_same(signing_org, sent):
    profile, envelope = sent
    signing_org.sandbox.sign(envelope.remote_id, *[each.email for each in envelope.signers])
    move_back(envelope, 30)
    assert request(signing_org) == 1
    perform()
    assert current_envelope(profile).status is EnvelopeStatus.COMPLETED
    assert db.session.get_one(InvoiceProfile, profile.id).status is ProfileStatus.COMPLETED


def test_without_reminders_only_the_expiry_is_due(signing_org, sent):
    _, envelope = sent
    find_settings(signing_org.org.id).reminder_days = 0
    move_back(envelope, 20)
    assert request(signing_org) == 0
    days = [
        (each.day, each.is_expiry) for each in deadlines.list_deadlines(signing_org.org.id, until=envelope.expires_on)
    ]
    assert days == [(envelope.expires_on, True)]

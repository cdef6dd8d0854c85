"""Reminders and expiry of open envelopes, by the organisation's own day."""

from datetime import timedelta

import pytest

from customerhub.core.organisation_dates import organisation_today
from customerhub.signing import deadlines, operations
from customerhub.signing.access import find_settings
from models import InvoiceProfile
from models.base import db
from models.enums import ProfileStatus
from models.signing_enums import EnvelopeStatus, SignerStatus
from tests.customerhub.approvals.conftest import acting
from tests.customerhub.signing.conftest import ADA, CLIENT, current_envelope, list_requests, perform


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


def list_ahead(signing_org, envelope):
    """What is told ahead of the customer's documents: each day, whether it is the expiry, and why it will not be."""
    db.session.expire_all()
    found = deadlines.list_customer_deadlines(envelope.customer_id, signing_org.org.id)
    return [(each.day, each.is_expiry, each.obstacle) for each in found]


def test_what_is_told_ahead_is_what_is_asked_for_then(signing_org, sent):
    profile, envelope = sent
    today = organisation_today(signing_org.org.id)
    told = list_ahead(signing_org, envelope)
    assert told == [(today + timedelta(days=3), False, None), (today + timedelta(days=30), True, None)]
    move_back(current_envelope(profile), 2)
    assert list_ahead(signing_org, envelope)[0] == (today + timedelta(days=1), False, None)
    assert request(signing_org) == 0
    move_back(current_envelope(profile), 1)
    assert request(signing_org) == 1
    move_back(current_envelope(profile), 24)
    current_envelope(profile).reminded_on = today - timedelta(days=1)
    db.session.commit()
    assert list_ahead(signing_org, envelope) == [
        (today + timedelta(days=2), False, None),
        (today + timedelta(days=3), True, None),
    ]
    current_envelope(profile).reminded_on = today
    db.session.commit()
    assert list_ahead(signing_org, envelope) == [(today + timedelta(days=3), True, None)], "it expires on that day"


def keep_from_being_set_up(signing_org, _profile, _envelope):
    find_settings(signing_org.org.id).private_key = None


def lose_mail(_signing_org, _profile, envelope):
    for signer in envelope.signers:
        signer.status = SignerStatus.UNDELIVERABLE


def lose_mail_of_who_is_left(_signing_org, _profile, envelope):
    envelope.signers[0].status, envelope.signers[1].status = SignerStatus.SIGNED, SignerStatus.UNDELIVERABLE


def complete_profile(_signing_org, profile, _envelope):
    profile.status = ProfileStatus.COMPLETED


def take_its_place(_signing_org, _profile, envelope):
    envelope.is_current = False


@pytest.mark.parametrize(
    ("hinder", "obstacle"),
    [
        (keep_from_being_set_up, "eSignature is not set up"),
        (lose_mail, f"Email to {ADA} and {CLIENT} came back. Correct the address"),
        (lose_mail_of_who_is_left, f"Email to {CLIENT} came back. Correct the address"),
        (complete_profile, "The invoice profile is completed"),
        (take_its_place, "A newer document has taken its place"),
    ],
)
def test_an_obstacle_is_told_and_nobody_is_reminded(signing_org, sent, hinder, obstacle):
    profile, envelope = sent
    move_back(envelope, 3)
    with acting(signing_org.org.system):
        hinder(signing_org, profile, envelope)
        db.session.commit()
    [reminder, expiry] = list_ahead(signing_org, envelope)
    assert reminder[1:] == (False, obstacle)
    assert expiry[2] == (obstacle if hinder is keep_from_being_set_up else None)
    assert request(signing_org) == 0
    assert [kind for kind, _ in list_requests(envelope)] == ["send"]


def test_one_who_can_be_reached_is_reminded(signing_org, sent):
    _, envelope = sent
    move_back(envelope, 3)
    with acting(signing_org.org.system):
        envelope.signers[1].status = SignerStatus.UNDELIVERABLE
        db.session.commit()
    assert list_ahead(signing_org, envelope)[0][2] is None
    assert request(signing_org) == 1


def test_what_has_ended_or_was_never_sent_has_nothing_ahead(signing_org, sent):
    _, envelope = sent
    settings = find_settings(signing_org.org.id)
    waiting = signing_org.add_profile()
    assert deadlines.plan_deadlines(current_envelope(waiting), settings) == []
    assert deadlines.find_reminder_obstacle(current_envelope(waiting), settings) == "The document has not been sent yet"
    with acting(signing_org.org.system):
        envelope.status = EnvelopeStatus.DECLINED
        db.session.commit()
    assert list_ahead(signing_org, envelope) == []
    assert deadlines.find_reminder_obstacle(envelope, settings) == "This document signature has ended: declined"

"""Readings of one envelope in any order, old ones and repeated ones: the outcome is that of the newest."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customerhub.signing.readings import EnvelopeReading, SignerReading, parse_moment
from customerhub.signing.results import apply_reading
from customerhub.signing.transitions import ENVELOPE_STATUSES, SIGNER_STATUSES
from models import Envelope, InvoiceProfile, OutboxMessage
from models.base import db
from models.enums import ProfileStatus
from models.signing_enums import EnvelopeStatus, SignerRole, SignerStatus
from tests.support import factories as make

START = datetime(2026, 1, 31, 9, tzinfo=UTC)
S, P = EnvelopeStatus, SignerStatus
# What the service said at one moment after the other, up to each way in which it may end.
BEGINNING = [(S.SENT, P.SENT, P.SENT), (S.SENT, P.SENT, P.DELIVERED), (S.DELIVERED, P.DELIVERED, P.SIGNED)]
ENDINGS = {
    S.COMPLETED: (S.COMPLETED, P.SIGNED, P.SIGNED),
    S.DECLINED: (S.DECLINED, P.DECLINED, P.SIGNED),
    S.VOIDED: (S.VOIDED, P.DELIVERED, P.SIGNED),
    S.EXPIRED: (S.EXPIRED, P.DELIVERED, P.SIGNED),
}
OUTCOMES = {S.COMPLETED: ProfileStatus.COMPLETED}


def build_reading(number, status, ours, theirs, *, is_bare=False):
    """What was said at one moment; a bare one leaves out all that it can."""
    moment = START + timedelta(minutes=number)
    signers = []
    for position, signer_status in enumerate((ours, theirs), start=1):
        facts = {} if is_bare else {"name": f"Signer {position}", "sent_at": START}
        if signer_status is P.SIGNED and not is_bare:
            facts["signed_at"] = START + timedelta(minutes=2)
        if signer_status is P.DECLINED:
            facts["decline_reason"] = "No"
        signers.append(SignerReading(position=position, status=signer_status, **facts))
    return EnvelopeReading(remote_id="r", status=status, status_at=None if is_bare else moment, signers=tuple(signers))


def make_sent_envelope():
    envelope = make.EnvelopeFactory(status=S.SENT, remote_id="r")
    for position, role in enumerate((SignerRole.ORGANISATION, SignerRole.CLIENT), start=1):
        make.EnvelopeSignerFactory(
            organisation_id=envelope.organisation_id,
            envelope_id=envelope.id,
            position=position,
            role=role,
            email=f"signer{position}@hub.example",
            status=P.SENT,
        )
    db.session.commit()
    return envelope.id


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), ending=st.sampled_from(sorted(ENDINGS)))
def test_any_order_ends_alike(session, act_as_system, data, ending):
    sequence = [build_reading(number, *each) for number, each in enumerate([*BEGINNING, ENDINGS[ending]])]
    sequence.append(build_reading(9, *ENDINGS[ending], is_bare=True))
    shuffled = data.draw(st.permutations(sequence * 2))
    envelope_id = make_sent_envelope()
    for reading in shuffled:
        apply_reading(envelope_id, reading)
        db.session.commit()
    envelope = db.session.get_one(Envelope, envelope_id)
    assert envelope.status is ending
    assert [each.status for each in envelope.signers] == list(ENDINGS[ending][1:])
    signed = [each for each in envelope.signers if each.status is P.SIGNED]
    assert {each.signed_at for each in signed} == {START + timedelta(minutes=2)}, "nothing known was wiped"
    profile = db.session.get_one(InvoiceProfile, envelope.invoice_profile_id)
    assert profile.status is OUTCOMES.get(ending, ProfileStatus.NDA_DECLINED)
    mails = db.session.scalars(db.select(OutboxMessage).where(OutboxMessage.customer_id == envelope.customer_id)).all()
    assert len(mails) == 2, "each signer once"


@pytest.mark.parametrize("machine", [ENVELOPE_STATUSES, SIGNER_STATUSES])
def test_from_an_end_nothing_leads_away(machine):
    ends = {S.COMPLETED, S.DECLINED, S.VOIDED, S.EXPIRED} if machine is ENVELOPE_STATUSES else {P.SIGNED, P.DECLINED}
    assert {
        state for state in machine.states if not any(each.is_possible_in(state) for each in machine.transitions)
    } == ends


def test_an_envelope_that_is_no_longer_current_moves_no_profile(session, act_as_system):
    envelope_id = make_sent_envelope()
    envelope = db.session.get_one(Envelope, envelope_id)
    envelope.is_current = False
    db.session.commit()
    apply_reading(envelope_id, build_reading(3, *ENDINGS[S.COMPLETED]))
    assert envelope.status is S.COMPLETED
    assert db.session.get_one(InvoiceProfile, envelope.invoice_profile_id).status is ProfileStatus.NDA_PENDING


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31T09:00:00.1230000Z", START + timedelta(milliseconds=123)),
        ("2026-01-31T09:00:00Z", START),
        ("2026-01-31T10:00:00.0000000+01:00", START),
        ("2026-01-31T09:00:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_moments_are_read_as_the_service_writes_them(text, moment):
    assert parse_moment(text) == moment

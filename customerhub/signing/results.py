"""What becomes of an envelope by what the signing service said of it.

All of a reading is applied in one transaction, signer by signer. What a reading leaves out wipes nothing that is known,
and nothing goes back: a reading may be older than what is known.
"""

from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm.attributes import set_committed_value

from customerhub.core import clock
from customerhub.core.database import save_changes
from customerhub.core.errors import NotFound
from customerhub.core.organisation_dates import organisation_today
from customerhub.customers.signature_requests import add_request
from customerhub.signing.access import find_settings
from customerhub.signing.completion import complete_profile, decline_profile
from customerhub.signing.readings import EnvelopeReading, SignerReading
from customerhub.signing.transitions import can_become, can_signer_become, is_final
from models import Envelope, EnvelopeSigner, InvoiceProfile, SigningEvent
from models.base import db, get_table
from models.signing_enums import EnvelopeStatus, SignerStatus, SigningRequestKind

ENVELOPES: Final = get_table(Envelope)
EVENTS: Final = get_table(SigningEvent)
_SIGNER_FACTS: Final = ("sent_at", "delivered_at", "signed_at", "declined_at", "decline_reason")


def lock_envelope(envelope_id: int) -> tuple[Envelope, InvoiceProfile]:
    """An envelope and its profile as they are now, which nobody else changes before this transaction ends; in the order
    in which saving a customer locks them. Raises NotFound where it is gone.
    """
    profile_id = select(Envelope.invoice_profile_id).where(Envelope.id == envelope_id).scalar_subquery()
    profile = db.session.scalars(_locking(select(InvoiceProfile).where(InvoiceProfile.id == profile_id))).first()
    envelope = db.session.scalars(_locking(select(Envelope).where(Envelope.id == envelope_id))).first()
    if profile is None or envelope is None:
        raise NotFound("This document signature no longer exists")
    return envelope, profile


def _locking(query: Any) -> Any:
    return query.with_for_update(key_share=True).execution_options(populate_existing=True)


def apply_reading(envelope_id: int, reading: EnvelopeReading, *, is_comparison: bool = False) -> bool:
    """Bring an envelope to what was read of it, and its profile along; whether its status moved.

    A `is_comparison` was made without an event: what it finds is kept as drift, for people to see.
    """
    envelope, profile = lock_envelope(envelope_id)
    known_status = envelope.status
    with save_changes():
        for signer_reading in reading.signers:
            signer = next((each for each in envelope.signers if each.position == signer_reading.position), None)
            if signer is not None:
                _apply_to_signer(signer, signer_reading)
        _apply_to_envelope(envelope, reading)
        if is_comparison and envelope.status is not known_status:
            envelope.drift = (
                f"The signing service said {envelope.status.value} while {known_status.value} was known here. "
                "No event had reported it. It was corrected."
            )
    if envelope.status is known_status:
        return False
    _follow(envelope, profile)
    return True


def _apply_to_signer(signer: EnvelopeSigner, reading: SignerReading) -> None:
    if reading.status is not None and can_signer_become(signer, reading.status):
        signer.status = reading.status
    has_declined = signer.status is SignerStatus.DECLINED
    for name in _SIGNER_FACTS:
        value = getattr(reading, name)
        if value is not None and (has_declined or name not in ("declined_at", "decline_reason")):
            setattr(signer, name, value)
    for name in ("name", "email"):
        value = getattr(reading, name)
        if value:
            setattr(signer, name, value)


def _apply_to_envelope(envelope: Envelope, reading: EnvelopeReading) -> None:
    _remember_check(envelope)
    if reading.sent_at is not None and envelope.sent_at is None:
        envelope.sent_at = reading.sent_at
    status = reading.status
    if status is None or not can_become(envelope, status):
        return
    envelope.status = status
    envelope.status_at = reading.status_at or clock.get_now()
    if is_final(envelope):
        envelope.ended_at = reading.ended_at or envelope.status_at
        envelope.end_reason = envelope.end_reason or reading.end_reason or _find_decline_reason(envelope)


def _remember_check(envelope: Envelope) -> None:
    """That it was read is no change of it: nobody who has its page open is to meet that as somebody else's."""
    now = clock.get_now()
    db.session.execute(update(ENVELOPES).where(ENVELOPES.c.id == envelope.id).values(checked_at=now))
    set_committed_value(envelope, "checked_at", now)


def _find_decline_reason(envelope: Envelope) -> str | None:
    declined = [each for each in envelope.signers if each.status is SignerStatus.DECLINED]
    return next((f"{each.name}: {each.decline_reason}" for each in declined if each.decline_reason), None)


def _follow(envelope: Envelope, profile: InvoiceProfile) -> None:
    if envelope.status is EnvelopeStatus.COMPLETED:
        add_request(envelope, SigningRequestKind.FETCH)
        complete_profile(envelope, profile)
    elif is_final(envelope):
        decline_profile(envelope, profile)


def record_sending(envelope: Envelope, remote_id: str, account_id: str) -> bool:
    """An envelope was taken by the signing service; false where it was taken under another id before. The caller has
    locked it.
    """
    if envelope.remote_id not in (None, remote_id):
        return False
    now = clock.get_now()
    with save_changes():
        envelope.remote_id, envelope.account_id = remote_id, account_id
        if can_become(envelope, EnvelopeStatus.SENT):
            envelope.status, envelope.status_at = EnvelopeStatus.SENT, now
        envelope.sent_at = envelope.sent_at or now
        for signer in envelope.signers:
            if can_signer_become(signer, SignerStatus.SENT):
                signer.status, signer.sent_at = SignerStatus.SENT, signer.sent_at or now
        _count_days_anew(envelope)
        _look_at_early_events(envelope)
    return True


def _look_at_early_events(envelope: Envelope) -> None:
    """Events that came before it was known whose they are: the service is faster than its own answer now and then."""
    statement = (
        update(EVENTS)
        .where(
            EVENTS.c.organisation_id == envelope.organisation_id,
            EVENTS.c.remote_id == envelope.remote_id,
            EVENTS.c.envelope_id.is_(None),
        )
        .values(envelope_id=envelope.id)
    )
    if db.session.execute(statement.returning(EVENTS.c.id)).all():
        add_request(envelope, SigningRequestKind.CHECK)


def record_resending(envelope: Envelope, *, is_reminder: bool) -> None:
    """The signers of an envelope were asked once more. By a user their days count from today; a reminder gives no more
    of them. The caller has locked it.
    """
    with save_changes():
        if is_reminder:
            envelope.reminded_on = organisation_today(envelope.organisation_id)
        else:
            _count_days_anew(envelope)


def _count_days_anew(envelope: Envelope) -> None:
    settings = find_settings(envelope.organisation_id)
    today = organisation_today(envelope.organisation_id)
    envelope.sent_on = envelope.reminded_on = today
    envelope.expires_on = today + timedelta(days=settings.expiry_days) if settings else None

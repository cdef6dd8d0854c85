"""When the signers of open envelopes are reminded, when envelopes expire, and what keeps either from happening."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from customerhub.customers.signature_attention import ASKED_STATUSES
from customerhub.customers.signature_requests import REQUIRED_SETTINGS, add_request
from customerhub.signing.access import NOT_SET_UP, find_settings
from customerhub.signing.comparison import SENT_STATUSES
from customerhub.signing.transitions import is_final
from models import Envelope, SigningSettings
from models.base import db
from models.enums import ProfileStatus
from models.signing_enums import SignerStatus, SigningRequestKind

REMINDERS_OFF: Final = "Reminders are inactive in the set-up of eSignature"
_LOAD_FACTS: Final = (selectinload(Envelope.signers), joinedload(Envelope.invoice_profile))


class Deadline(NamedTuple):
    """A day on which something happens to an open envelope, unless `obstacle` says why it does not."""

    envelope: Envelope
    day: date
    is_expiry: bool
    obstacle: str | None = None


def list_deadlines(organisation_id: int, *, until: date) -> Iterator[Deadline]:
    """What is due for the open envelopes of an organisation up to a day: the expiry where that is due, else the next
    reminder.
    """
    settings = find_settings(organisation_id)
    query = select(Envelope).where(Envelope.organisation_id == organisation_id, Envelope.status.in_(SENT_STATUSES))
    for envelope in db.session.scalars(query.options(*_LOAD_FACTS).order_by(Envelope.id)):
        due = [each for each in plan_deadlines(envelope, settings) if each.day <= until]
        yield from due[-1:]


def list_customer_deadlines(customer_id: int, organisation_id: int) -> list[Deadline]:
    """What lies ahead of the open envelopes of a customer."""
    settings = find_settings(organisation_id)
    query = select(Envelope).where(Envelope.customer_id == customer_id, Envelope.status.in_(SENT_STATUSES))
    envelopes = db.session.scalars(query.options(*_LOAD_FACTS).order_by(Envelope.id))
    return [deadline for envelope in envelopes for deadline in plan_deadlines(envelope, settings)]


def plan_deadlines(envelope: Envelope, settings: SigningSettings | None) -> list[Deadline]:
    """What lies ahead of an envelope, in order: the next reminder, where there is one before the expiry, and that."""
    deadlines: list[Deadline] = []
    if is_final(envelope):
        return deadlines
    if settings is not None and settings.reminder_days and envelope.reminded_on is not None:
        day = envelope.reminded_on + timedelta(days=settings.reminder_days)
        if envelope.expires_on is None or day < envelope.expires_on:
            deadlines.append(Deadline(envelope, day, False, find_reminder_obstacle(envelope, settings)))
    if envelope.expires_on is not None:
        obstacle = None if _is_set_up(settings) else NOT_SET_UP
        deadlines.append(Deadline(envelope, envelope.expires_on, True, obstacle))
    return deadlines


def find_reminder_obstacle(envelope: Envelope, settings: SigningSettings | None) -> str | None:
    """Why nobody is reminded to sign `envelope`, whenever that is; None where nothing keeps it from happening."""
    if is_final(envelope):
        return f"This document signature has ended: {envelope.status.value}"
    if envelope.reminded_on is None:
        return "The document has not been sent yet"
    if settings is None or not _is_set_up(settings):
        return NOT_SET_UP
    if not settings.reminder_days:
        return REMINDERS_OFF
    if not envelope.is_current:
        return "A newer document has taken its place"
    if envelope.invoice_profile.status is ProfileStatus.COMPLETED:
        return "The invoice profile is completed"
    asked = [each for each in envelope.signers if each.status in ASKED_STATUSES]
    if asked and all(each.status is SignerStatus.UNDELIVERABLE for each in asked):
        return f"Email to {' and '.join(each.email for each in asked)} came back. Correct the address"
    return None


def _is_set_up(settings: SigningSettings | None) -> bool:
    return settings is not None and all(getattr(settings, name) for name in REQUIRED_SETTINGS)


def request_due(organisation_id: int, *, today: date) -> int:
    """Ask for what is due today and has no obstacle; how much there was. What was asked for and is not done yet is not
    asked again.
    """
    count = 0
    for deadline in list_deadlines(organisation_id, until=today):
        if deadline.obstacle is not None:
            continue
        if deadline.is_expiry:
            reason = f"Not signed by {deadline.day.isoformat()}"
            is_new = add_request(deadline.envelope, SigningRequestKind.VOID, reason=reason, is_expired=True)
        else:
            is_new = add_request(deadline.envelope, SigningRequestKind.RESEND, is_reminder=True)
        count += is_new
    return count

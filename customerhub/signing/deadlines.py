"""Which open envelopes are due for a reminder, and which have not been signed in time."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

from sqlalchemy import select

from customerhub.customers.signature_requests import add_request
from customerhub.signing.access import find_settings
from customerhub.signing.comparison import SENT_STATUSES
from models import Envelope
from models.base import db
from models.signing_enums import SigningRequestKind


class Deadline(NamedTuple):
    """A day on which something happens to an open envelope."""

    envelope: Envelope
    day: date
    is_expiry: bool


def list_deadlines(organisation_id: int, *, until: date) -> Iterator[Deadline]:
    """What is due for the open envelopes of an organisation up to a day: the expiry where that is due, else the next
    reminder.
    """
    settings = find_settings(organisation_id)
    if settings is None:
        return
    query = select(Envelope).where(Envelope.organisation_id == organisation_id, Envelope.status.in_(SENT_STATUSES))
    for envelope in db.session.scalars(query.order_by(Envelope.id)):
        if envelope.expires_on is not None and envelope.expires_on <= until:
            yield Deadline(envelope, envelope.expires_on, is_expiry=True)
        elif settings.reminder_days and envelope.reminded_on is not None:
            day = envelope.reminded_on + timedelta(days=settings.reminder_days)
            if day <= until:
                yield Deadline(envelope, day, is_expiry=False)


def request_due(organisation_id: int, *, today: date) -> int:
    """Ask for what is due today; how much there was. What was asked for and is not done yet is not asked again."""
    count = 0
    for deadline in list_deadlines(organisation_id, until=today):
        if deadline.is_expiry:
            reason = f"Not signed by {deadline.day.isoformat()}"
            is_new = add_request(deadline.envelope, SigningRequestKind.VOID, reason=reason, is_expired=True)
        else:
            is_new = add_request(deadline.envelope, SigningRequestKind.RESEND, is_reminder=True)
        count += is_new
    return count

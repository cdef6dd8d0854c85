"""Comparing what the signing service knows with what is known here, so that a lost event changes no outcome."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import exists, or_, select, update

from customerhub.core import history
from customerhub.signing.access import SETTINGS, find_settings
from customerhub.signing.readings import EnvelopeReading
from customerhub.signing.transitions import OPEN_STATUSES
from models import Envelope
from models.base import db
from models.signing_enums import EnvelopeStatus

OVERLAP: Final = timedelta(minutes=10)  # clocks disagree, and what happens meanwhile is listed late
FIRST_LOOK_BACK: Final = timedelta(days=7)
CHECK_INTERVAL: Final = timedelta(days=1)  # for each open envelope, whatever the list of changes says
CHUNK: Final = 100  # envelopes that are read by one call
SENT_STATUSES: Final = OPEN_STATUSES - {EnvelopeStatus.CREATED}


def has_sent_envelopes(organisation_id: int) -> bool:
    """Whether the signing service has anything of an organisation."""
    condition = exists().where(Envelope.organisation_id == organisation_id, Envelope.remote_id.is_not(None))
    return bool(db.session.scalar(select(condition)))


def get_start(organisation_id: int, *, now: datetime) -> datetime:
    """From when on changes are to be listed."""
    settings = find_settings(organisation_id)
    read_until = settings.changes_read_until if settings else None
    return (read_until or now - FIRST_LOOK_BACK) - OVERLAP


def remember_end(organisation_id: int, *, until: datetime) -> None:
    """Changes until then have been read. That is no change of what people set up."""
    condition = SETTINGS.c.organisation_id == organisation_id
    db.session.execute(update(SETTINGS).where(condition).values(changes_read_until=until))


def select_differing(organisation_id: int, readings: Sequence[EnvelopeReading]) -> list[tuple[int, EnvelopeReading]]:
    """Of what was read, the envelopes of this organisation whose status is another here, with their ids."""
    readings_by_id = {reading.remote_id: reading for reading in readings}
    query = select(Envelope.id, Envelope.remote_id, Envelope.status).where(
        Envelope.organisation_id == organisation_id, Envelope.remote_id.in_(readings_by_id)
    )
    return [
        (envelope_id, readings_by_id[remote_id])
        for envelope_id, remote_id, status in db.session.execute(query)
        if remote_id is not None and readings_by_id[remote_id].status not in (status, None)
    ]


def list_unchecked(organisation_id: int, *, now: datetime) -> Sequence[str]:
    """The open envelopes that were not read for a day, a chunk of them, as the signing service knows them."""
    is_old = or_(Envelope.checked_at.is_(None), Envelope.checked_at <= now - CHECK_INTERVAL)
    query = (
        select(Envelope.remote_id)
        .where(
            Envelope.organisation_id == organisation_id,
            Envelope.status.in_(SENT_STATUSES),
            Envelope.remote_id.is_not(None),
            is_old,
        )
        .order_by(Envelope.checked_at, Envelope.id)
        .limit(CHUNK)
    )
    return [each for each in db.session.scalars(query) if each is not None]


def mark_checked(organisation_id: int, remote_ids: Sequence[str], *, now: datetime) -> None:
    """These envelopes were read, whether or not anything had changed."""
    if remote_ids:
        db.session.execute(
            update(Envelope)
            .where(Envelope.organisation_id == organisation_id, Envelope.remote_id.in_(remote_ids))
            .values(checked_at=now),
            execution_options={**history.bulk_options(), "synchronize_session": False},
        )

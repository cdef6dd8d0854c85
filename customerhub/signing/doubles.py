"""Envelopes that the signing service has twice: whoever sent one was held up so long that it was sent again.

The one that was recorded counts, unless all have signed the other one by then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from customerhub.core.database import save_changes
from customerhub.signing import results
from customerhub.signing.readings import EnvelopeReading
from customerhub.signing.transitions import OPEN_STATUSES, is_final
from models import Envelope
from models.base import db
from models.signing_enums import EnvelopeStatus

VOID_REASON: Final = "This document was sent twice. Please sign the other one."


@dataclass(frozen=True)
class Double:
    """An envelope of the signing service beside the recorded one of `envelope_id`."""

    envelope_id: int
    reading: EnvelopeReading


def select_doubles(organisation_id: int, readings: Sequence[EnvelopeReading]) -> list[Double]:
    """Of what was read, what was sent for an envelope of the organisation that is recorded under another id."""
    transaction_ids = {each.transaction_id for each in readings if each.transaction_id is not None}
    query = select(Envelope.id, Envelope.transaction_id, Envelope.remote_id).where(
        Envelope.organisation_id == organisation_id,
        Envelope.transaction_id.in_(transaction_ids),
        Envelope.remote_id.is_not(None),
    )
    recorded = {row.transaction_id: row for row in db.session.execute(query)}
    pairs = ((recorded.get(each.transaction_id), each) for each in readings)
    return [Double(row.id, each) for row, each in pairs if row is not None and row.remote_id != each.remote_id]


def settle_double(double: Double) -> str | None:
    """Record what there is to record of a double: which envelope is to be voided now, None where none is."""
    envelope, _ = results.lock_envelope(double.envelope_id)
    if double.reading.status is EnvelopeStatus.COMPLETED and not is_final(envelope):
        recorded_id = envelope.remote_id
        with save_changes():
            envelope.remote_id = double.reading.remote_id
        results.apply_reading(envelope.id, double.reading, is_comparison=True)
        return recorded_id
    return double.reading.remote_id if double.reading.status in OPEN_STATUSES else None

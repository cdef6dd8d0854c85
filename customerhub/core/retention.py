"""Deleting what is no longer needed: uploads that no row refers to, old imports, exports, bulk operations, form tokens
and sessions.
"""

from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import CursorResult, Select, delete, func, literal, select
from sqlalchemy.orm import InstrumentedAttribute

from customerhub.core import history, storage
from customerhub.core.database import save_changes
from customerhub.core.errors import HubError
from customerhub.core.permissions import Actor
from customerhub.core.references import list_referring_columns
from models import CustomerImport, EndedSession, ListExport, OperationRun, StoredFile, UsedForm
from models.base import Base, db, get_table
from models.enums import TransferState

SOURCE: Final = "housekeeping"
CHUNK: Final = 200  # rows in one transaction
_ENDED_STATES: Final = (
    TransferState.READY,  # looked at and never confirmed
    TransferState.DONE,
    TransferState.FAILED,
    TransferState.CANCELLED,
    TransferState.REVERTED,
)


def remove_transfers(*, older_than: datetime) -> int:
    """Delete imports, exports and bulk operations that ended before that time, with their files; how many there were.
    Commits.

    What an import or an operation changed stays, and so does its history; it can only no longer be taken back.
    """
    return sum(_remove_ended(kind, older_than) for kind in (CustomerImport, ListExport, OperationRun))


def remove_unclaimed_files(*, older_than: datetime) -> int:
    """Delete files from before that time which no row refers to; how many there were. Commits.

    Such a file was uploaded with a form that was refused and never sent again.
    """
    table = get_table(StoredFile)
    reference_queries = [
        select(literal(1)).where(column == StoredFile.id)
        for other in Base.metadata.sorted_tables
        for column in list_referring_columns(other, table)
    ]
    query = select(StoredFile).where(
        StoredFile.created_at < older_than, *(~each.exists() for each in reference_queries)
    )
    return _remove_in_chunks(query, StoredFile.id, storage.remove)


def delete_used_forms(*, older_than: datetime) -> int:
    """Delete what is kept of forms that were sent before that time; how many there were. Commits."""
    return _delete_older_than(UsedForm, older_than)


def delete_ended_sessions(*, older_than: datetime) -> int:
    """Delete what is kept of sessions that were ended before that time; how many there were. Commits."""
    return _delete_older_than(EndedSession, older_than)


def _delete_older_than(kind: type[UsedForm] | type[EndedSession], older_than: datetime) -> int:
    result = db.session.execute(delete(kind).where(kind.created_at < older_than))
    db.session.commit()
    return int(cast(CursorResult[Any], result).rowcount)


def _remove_ended(kind: type[CustomerImport] | type[ListExport] | type[OperationRun], older_than: datetime) -> int:
    ended = func.coalesce(kind.finished_at, kind.started_at, kind.created_at)

    def remove(transfer: Any) -> None:
        file = getattr(transfer, "file", None)
        with save_changes():
            db.session.delete(transfer)
        if file is not None:
            storage.remove(file)

    return _remove_in_chunks(select(kind).where(kind.state.in_(_ENDED_STATES), ended < older_than), kind.id, remove)


def _remove_in_chunks(query: Select[Any], key: InstrumentedAttribute[int], remove: Any) -> int:
    """Remove all rows of `query`, a few in each transaction; one that has become needed meanwhile is passed over."""
    removed, last = 0, 0
    while rows := db.session.scalars(query.where(key > last).order_by(key).limit(CHUNK)).all():
        last = rows[-1].id
        for row in rows:
            with history.act_as(Actor(None, row.organisation_id), SOURCE):
                try:
                    with db.session.begin_nested():
                        remove(row)
                except HubError:
                    continue
                removed += 1
        db.session.commit()
    return removed

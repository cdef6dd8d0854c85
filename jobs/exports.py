"""Large lists, written to a file in the background."""

import logging
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import update

from customerhub import clock, history, storage
from customerhub.exporting import CONTENT_TYPES, write_file
from customerhub.permissions import Actor
from models import ListExport, User
from models.base import db
from models.enums import TransferState

log = logging.getLogger(__name__)

STEP = 1000  # rows between two looks at whether it was cancelled


@dataclass(frozen=True)
class Listing:
    """A list to be written: its headings, which columns are numbers, how many rows, and the rows."""

    headings: list[str]
    numbers: set[int]
    total: int
    rows: Iterator[list[str]]


# Screen → what makes its list. The screens put themselves in: what a list shows is theirs to say.
SOURCES: dict[str, Callable[[ListExport, Actor], Listing]] = {}


class Cancelled(Exception):
    """Somebody cancelled the export."""


def write(export_id: int) -> None:
    """Write one export. Called again after a crash it starts over; one that is done or cancelled is left alone."""
    if not _move(export_id, (TransferState.QUEUED, TransferState.RUNNING), TransferState.RUNNING):
        return
    try:
        _write(export_id)
    except Cancelled:
        db.session.rollback()
    except Exception:
        db.session.rollback()
        log.exception("export %s failed", export_id)
        _move(export_id, (TransferState.RUNNING,), TransferState.FAILED, problem="The export failed. Try again.")


def _write(export_id: int) -> None:
    export = db.session.get_one(ListExport, export_id)
    user = db.session.get_one(User, export.user_id)
    actor = Actor(user, export.organisation_id)
    listing = SOURCES[export.screen](export, actor)
    kind, title = export.format, export.title
    _note(export_id, done_rows=0, total_rows=listing.total)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"list.{kind}"
        write_file(path, kind, listing.headings, listing.numbers, _counted(export_id, listing.rows))
        with history.acting(actor, f"export {export_id}"), path.open("rb") as file:
            stored = storage.store(
                file,
                f"{title}-{clock.today()}.{kind}",
                CONTENT_TYPES[kind],
                organisation_id=actor.organisation_id,
                actor=actor,
                limit=2**31,
            )
            done = _move(export_id, (TransferState.RUNNING,), TransferState.DONE, file_id=stored.id)
            if not done:
                raise Cancelled


def _counted(export_id: int, rows: Iterator[list[str]]) -> Iterator[list[str]]:
    """The rows, told as done now and then; raises Cancelled once somebody cancelled."""
    number = 0
    for number, row in enumerate(rows, 1):
        yield row
        if number % STEP == 0 and not _note(export_id, done_rows=number):
            raise Cancelled
    _note(export_id, done_rows=number)


def _note(export_id: int, **values: int) -> bool:
    """Keep how far it is; False where it no longer runs."""
    changed = db.session.execute(
        update(ListExport)
        .where(ListExport.id == export_id, ListExport.state == TransferState.RUNNING)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    db.session.commit()
    return bool(changed.rowcount)  # type: ignore[attr-defined]


def _move(export_id: int, before: tuple[TransferState, ...], after: TransferState, **values: object) -> bool:
    """Change the state, if it is one of `before`; whether it did. Commits."""
    moment = "started_at" if after is TransferState.RUNNING else "finished_at"
    changed = db.session.execute(
        update(ListExport)
        .where(ListExport.id == export_id, ListExport.state.in_(before))
        .values({"state": after, moment: clock.now(), **values})
        .execution_options(synchronize_session=False)
    )
    db.session.commit()
    return bool(changed.rowcount)  # type: ignore[attr-defined]


def cancel(export_id: int) -> bool:
    """Stop an export that waits or runs; whether there was anything to stop. Commits."""
    return _move(export_id, (TransferState.QUEUED, TransferState.RUNNING), TransferState.CANCELLED)

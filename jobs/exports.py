"""Large lists, and reports, written to a file in the background.

Whoever takes an export to write it raises its version; a worker that finds it raised again knows that another has taken
over. No worker holds a transaction open while it writes to the file: on SQLite nobody else could save anything then.
"""

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.exc import OperationalError

from customerhub import clock, history, storage
from customerhub.errors import HubError
from customerhub.exporting import CONTENT_TYPES, in_chunks, write_file
from customerhub.permissions import Actor, Permission, actor_again, require
from jobs import queue
from models import ListExport, Organisation, User
from models.base import db
from models.enums import TransferState
from models.sqlite import reading
from models.transfer import gone_quiet

LARGEST = 2**31  # bytes
NEVER_BEGUN = timedelta(minutes=3)
UNDER_WAY = (TransferState.QUEUED, TransferState.RUNNING)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Listing:
    """A list to be written: its headings, which columns are numbers, the keys of its rows, and what reads some of them.

    `cells` gives the cells of the rows with these keys, in their order and without those that are gone meanwhile.
    """

    headings: list[str]
    numbers: set[int]
    keys: Sequence[int]
    cells: Callable[[Sequence[int]], list[list[str]]]


@dataclass(frozen=True)
class Paper:
    """A document to be written: the name and the type of its file, and what makes it, with no transaction open."""

    file_name: str
    content_type: str
    make: Callable[[], bytes]


# Screen → what makes its list or document, or raises NotAllowed. The screens put themselves in: what a list shows is
# theirs to say.
SOURCES: dict[str, Callable[[ListExport, Actor], Listing | Paper]] = {}


class Superseded(Exception):
    """Somebody cancelled the export, or another worker took it over. Nothing is to be done about it."""


@dataclass(frozen=True)
class Claim:
    """The right to write an export, until somebody cancels it or takes it over."""

    export_id: int
    version: int

    @property
    def holds(self) -> ColumnElement[bool]:
        return and_(
            ListExport.id == self.export_id,
            ListExport.version == self.version,
            ListExport.state == TransferState.RUNNING,
        )


@dataclass(frozen=True)
class _Task:
    """All that an export asks for."""

    actor: Actor
    content: Listing | Paper
    kind: str
    file_name: str
    content_type: str


def write(export_id: int) -> None:
    """Write one export that waits, or whose worker has died: it starts over. Any other is left alone."""
    claim = _claim(export_id)
    if claim is None:
        return
    try:
        _write(claim)
    except Superseded:
        db.session.rollback()
    except OperationalError:
        db.session.rollback()
        _give_back(claim)
        raise  # the queue has it tried again
    except Exception as error:
        db.session.rollback()
        _change(claim.holds, state=TransferState.FAILED, finished_at=clock.now(), problem=_told(error, export_id))
        db.session.commit()


def _claim(export_id: int) -> Claim | None:
    """Take an export to write it. Of two who try only one gets it."""
    now = clock.now()
    left = and_(ListExport.state == TransferState.RUNNING, gone_quiet(ListExport, now))
    version = _change(
        and_(ListExport.id == export_id, or_(ListExport.state == TransferState.QUEUED, left)),
        state=TransferState.RUNNING,
        version=ListExport.version + 1,
        started_at=now,
        heard_at=now,
        done_rows=0,
        total_rows=None,
    )
    db.session.commit()
    return None if version is None else Claim(export_id, version)


def _give_back(claim: Claim) -> None:
    """Let it wait again; where even that cannot be noted, it is taken up once it has gone quiet."""
    with suppress(OperationalError):
        _change(claim.holds, state=TransferState.QUEUED)
        db.session.commit()


def _write(claim: Claim) -> None:
    with reading():
        task = _task(claim.export_id)
        db.session.rollback()
    content = task.content
    _note(claim, total_rows=1 if isinstance(content, Paper) else len(content.keys))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"list.{task.kind}"
        if isinstance(content, Paper):
            path.write_bytes(content.make())
            _note(claim, done_rows=1)
        else:
            write_file(path, task.kind, content.headings, content.numbers, _rows(claim, content))
        _store(claim, task, path)


def _task(export_id: int) -> _Task:
    """What is to be written. Raises NotAllowed where who asked for it may no longer have it."""
    export = db.session.get_one(ListExport, export_id)
    actor = actor_again(db.session.get_one(User, export.user_id), export.organisation_id)
    require(actor, Permission.CUSTOMERS_EXPORT)
    content = SOURCES[export.screen](export, actor)
    if isinstance(content, Paper):
        return _Task(actor, content, export.format, content.file_name, content.content_type)
    zone = db.session.get_one(Organisation, export.organisation_id).timezone
    file_name = f"{export.title}-{clock.today(zone)}.{export.format}"
    return _Task(actor, content, export.format, file_name, CONTENT_TYPES[export.format])


def _rows(claim: Claim, listing: Listing) -> Iterator[list[str]]:
    """The rows, each chunk told as done when it is written. Raises Superseded."""
    done = 0
    for keys in in_chunks(listing.keys):
        with reading():
            rows = listing.cells(keys)
            db.session.rollback()
        yield from rows
        done += len(rows)
        _note(claim, done_rows=done)


def _note(claim: Claim, **values: int) -> None:
    """Keep how far it is, and that somebody is at work on it. Raises Superseded."""
    if _change(claim.holds, heard_at=clock.now(), **values) is None:
        raise Superseded
    db.session.commit()


def _store(claim: Claim, task: _Task, path: Path) -> None:
    actor = task.actor
    with history.acting(actor, f"export {claim.export_id}"), path.open("rb") as file:
        stored = storage.store(
            file,
            task.file_name,
            task.content_type,
            organisation_id=actor.organisation_id,
            actor=actor,
            limit=LARGEST,
        )
        if _change(claim.holds, state=TransferState.DONE, finished_at=clock.now(), file_id=stored.id) is None:
            raise Superseded
        db.session.commit()


def _change(condition: ColumnElement[bool], **values: Any) -> int | None:
    """Set `values` on the export for which `condition` holds; its version then, or None where there is none."""
    changed = db.session.scalars(
        update(ListExport)
        .where(condition)
        .values(**values)
        .returning(ListExport.version)
        .execution_options(synchronize_session=False)
    )
    return changed.first()


def _told(error: Exception, export_id: int) -> str:
    """What people read of `error`."""
    if isinstance(error, HubError):
        return error.message[:500]
    log.error("export %s failed", export_id, exc_info=error)
    return "The export failed. Try again."


def cancel(export_id: int) -> bool:
    """Stop an export that waits or runs; whether there was anything to stop. Commits."""
    stoppable = and_(ListExport.id == export_id, ListExport.state.in_(UNDER_WAY))
    stopped = _change(stoppable, state=TransferState.CANCELLED, finished_at=clock.now())
    db.session.commit()
    return stopped is not None


def resume() -> str:
    """Queue again what lost its job, as when the queue server was away or a worker was killed for good."""
    now = clock.now()
    never_begun = and_(ListExport.state == TransferState.QUEUED, ListExport.created_at < now - NEVER_BEGUN)
    left = and_(ListExport.state == TransferState.RUNNING, gone_quiet(ListExport, now))
    found = db.session.scalars(select(ListExport.id).where(or_(never_begun, left))).all()
    db.session.rollback()
    for export_id in found:
        queue.nudge(write, export_id, queue=queue.BULK)
    return f"{len(found)} taken up again" if found else "Nothing was left"

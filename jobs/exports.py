"""Large lists, reports, and archives of documents, written to a file in the background.

Whoever writes an export holds a lease of it. No worker holds a transaction open while it writes to the file: on SQLite
nobody else could save anything then.
"""

import logging
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from flask import Flask, current_app
from sqlalchemy import update

from customerhub.core import clock, history, storage
from customerhub.core.archives import ARCHIVE_TYPE
from customerhub.core.errors import HubError, NotFound
from customerhub.core.leases import Lease, LeaseTable, Superseded
from customerhub.core.permissions import Actor, Permission, require_permission, restore_actor
from customerhub.core.spreadsheets import (
    CONTENT_TYPES,
    ExtraSheet,
    Row,
    SheetColumn,
    SheetFormats,
    split_into_chunks,
    write_table,
)
from jobs.leased_work import leased_work, resume_lost
from models import ListExport, Organisation, User
from models.base import db, get_table
from models.enums import TransferState
from models.sqlite import read_only_transaction
from models.transfers import LEASE_DURATION

MAX_FILE_BYTES = 2**31  # bytes
ACTIVE_STATES = (TransferState.QUEUED, TransferState.RUNNING)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DependentTable:
    """What goes into a sheet of its own beside a list: what belongs to the rows with the keys of the list."""

    name: str
    columns: Sequence[SheetColumn]
    load_rows: Callable[[Sequence[int]], Sequence[Row]]


@dataclass(frozen=True)
class TableExport:
    """A list to be written: its columns, the keys of its rows, what reads some of them, and how dates are written.

    `load_rows` gives the values of the rows with these keys, in their order and without those that are gone meanwhile.
    `notice` is what people must know of the file, such as that rows are missing.
    """

    columns: Sequence[SheetColumn]
    keys: Sequence[int]
    load_rows: Callable[[Sequence[int]], Sequence[Row]]
    formats: SheetFormats
    notice: str | None = None
    dependent_tables: Sequence[DependentTable] = ()

    @property
    def total(self) -> int:
        return len(self.keys)


@dataclass(frozen=True)
class DocumentExport:
    """A document to be written: the name and the type of its file, and what makes it, with no transaction open."""

    file_name: str
    content_type: str
    build_content: Callable[[], bytes]

    @property
    def total(self) -> int:
        return 1


class ArchiveMember(Protocol):
    """A stored file: what it is called in the archive, and the key of its bytes."""

    @property
    def name(self) -> str: ...
    @property
    def storage_key(self) -> str: ...


@dataclass(frozen=True)
class ArchiveExport:
    """Stored files to be put into a ZIP file of this name."""

    file_name: str
    members: Sequence[ArchiveMember]
    content_type: str = ARCHIVE_TYPE

    @property
    def total(self) -> int:
        return len(self.members)


ExportContent = TableExport | DocumentExport | ArchiveExport
ExportBuilder = Callable[[ListExport, Actor], ExportContent]  # raises NotAllowed
_EXTENSION = "hub_export_builders"


def init_exports(app: Flask, builders: Mapping[str, ExportBuilder]) -> None:
    """Give `app` what can be exported: screen → what makes its list or document."""
    app.extensions[_EXTENSION] = dict(builders)


def get_builders() -> dict[str, ExportBuilder]:
    """What can be exported from the current app, by screen."""
    builders: dict[str, ExportBuilder] = current_app.extensions[_EXTENSION]
    return builders


_EXPORTS: Final = get_table(ListExport)
LEASES: Final = LeaseTable(
    _EXPORTS,
    until=_EXPORTS.c.claimed_until,
    token=_EXPORTS.c.version,
    waiting=_EXPORTS.c.state == TransferState.QUEUED,
    active=_EXPORTS.c.state == TransferState.RUNNING,
    duration=LEASE_DURATION,
)


@dataclass(frozen=True)
class _Task:
    """All that an export asks for."""

    actor: Actor
    content: ExportContent
    kind: str
    file_name: str
    content_type: str


def write(export_id: int) -> None:
    """Write one export that waits, or whose worker has died: it starts over. Any other is left alone."""
    lease = _claim(export_id)
    if lease is not None:
        with leased_work(LEASES, lease, waiting_state=TransferState.QUEUED, fail=lambda error: _fail(lease, error)):
            _write(lease)


def _claim(export_id: int) -> Lease | None:
    """Take an export to write it. Of two who try only one gets it."""
    now = clock.get_now()
    leases = LEASES.claim(
        _EXPORTS.c.id == export_id,
        now=now,
        state=TransferState.RUNNING,
        started_at=now,
        done_rows=0,
        total_rows=None,
    )
    db.session.commit()
    return leases[0] if leases else None


def _fail(lease: Lease, error: Exception) -> None:
    problem = _error_message(error, lease.row_id)
    LEASES.release(lease, state=TransferState.FAILED, finished_at=clock.get_now(), problem=problem)


def _write(lease: Lease) -> None:
    with read_only_transaction():
        task = _load_task(lease.row_id)
        db.session.rollback()
    content = task.content
    notice = content.notice if isinstance(content, TableExport) else None
    _record_progress(lease, total_rows=content.total)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"list.{task.kind}"
        if isinstance(content, DocumentExport):
            path.write_bytes(content.build_content())
            _record_progress(lease, done_rows=1)
        elif isinstance(content, ArchiveExport):
            notice = _write_archive(lease, content, path)
        else:
            extra_sheets = [
                ExtraSheet(each.name, each.columns, _dependent_rows(lease, each, content.keys))
                for each in content.dependent_tables
            ]
            write_table(path, task.kind, content.columns, _rows(lease, content), content.formats, extra_sheets)
        _store(lease, task, path, notice)


def _load_task(export_id: int) -> _Task:
    """What is to be written. Raises NotAllowed where who asked for it may no longer have it."""
    export = db.session.get_one(ListExport, export_id)
    actor = restore_actor(db.session.get_one(User, export.user_id), export.organisation_id)
    require_permission(actor, Permission.CUSTOMERS_EXPORT)
    content = get_builders()[export.screen](export, actor)
    if not isinstance(content, TableExport):
        return _Task(actor, content, export.format, content.file_name, content.content_type)
    zone = db.session.get_one(Organisation, export.organisation_id).timezone
    file_name = f"{export.title}-{clock.get_today(zone)}.{export.format}"
    return _Task(actor, content, export.format, file_name, CONTENT_TYPES[export.format])


def _rows(lease: Lease, listing: TableExport) -> Iterator[Row]:
    """The rows, each chunk told as done when it is written. Raises Superseded."""
    done_count = 0
    for keys in split_into_chunks(listing.keys):
        with read_only_transaction():
            rows = listing.load_rows(keys)
            db.session.rollback()
        yield from rows
        done_count += len(rows)
        _record_progress(lease, done_rows=done_count)


def _dependent_rows(lease: Lease, table: DependentTable, listed_keys: Sequence[int]) -> Iterator[Row]:
    """The rows that belong to those of the list. Raises Superseded."""
    for keys in split_into_chunks(listed_keys):
        with read_only_transaction():
            rows = table.load_rows(keys)
            db.session.rollback()
        yield from rows
        _record_progress(lease)


def _write_archive(lease: Lease, archive: ArchiveExport, path: Path) -> str | None:
    """Write the files, each told as done; which were missing, in a sentence. Raises Superseded, and NotFound where all
    were.
    """
    missing_names = []
    with zipfile.ZipFile(path, "w") as target:
        for number, member in enumerate(archive.members, start=1):
            try:
                with storage.open_file(member) as source, target.open(member.name, "w") as place:
                    shutil.copyfileobj(source, place)
            except NotFound:
                missing_names.append(member.name)
            _record_progress(lease, done_rows=number - len(missing_names))
    if len(missing_names) == len(archive.members):
        raise NotFound("None of the files exists any more")
    return f"No longer there: {', '.join(missing_names)}"[:500] if missing_names else None


def _record_progress(lease: Lease, **values: int) -> None:
    """Keep how far it is, and that somebody is at work on it. Raises Superseded."""
    LEASES.renew(lease, now=clock.get_now(), **values)
    db.session.commit()


def _store(lease: Lease, task: _Task, path: Path, notice: str | None) -> None:
    actor = task.actor
    with history.act_as(actor, f"export {lease.row_id}"), path.open("rb") as file:
        stored = storage.store_file(
            file,
            task.file_name,
            task.content_type,
            organisation_id=actor.organisation_id,
            actor=actor,
            limit=MAX_FILE_BYTES,
        )
        end = {"state": TransferState.DONE, "finished_at": clock.get_now(), "problem": notice}
        if not LEASES.release(lease, **end, file_id=stored.id):
            raise Superseded
        db.session.commit()


def _error_message(error: Exception, export_id: int) -> str:
    """What people read of `error`."""
    if isinstance(error, HubError):
        return error.message[:500]
    log.error("export %s failed", export_id, exc_info=error)
    return "The export failed. Try again."


def cancel(export_id: int) -> bool:
    """Stop an export that waits or runs; whether there was anything to stop. Commits."""
    cancelled_id = db.session.scalar(
        update(_EXPORTS)
        .where(_EXPORTS.c.id == export_id, _EXPORTS.c.state.in_(ACTIVE_STATES))
        .values(state=TransferState.CANCELLED, claimed_until=None, finished_at=clock.get_now())
        .returning(_EXPORTS.c.id)
    )
    db.session.commit()
    return cancelled_id is not None


def resume() -> str:
    """Queue again what lost its job, as when the queue server was away or a worker was killed for good."""
    return resume_lost((write, export_id) for export_id in LEASES.list_lost(now=clock.get_now()))

"""One import from its upload to its end: what the jobs do with it. Each step leaves the commit to them.

Whoever takes an import to check it raises its version; whoever works on, and finds it raised again, knows that
somebody has cancelled or taken over, and stops. Only a check that nobody has heard of for long is taken over. Saving
and reverting are one transaction each, and one at a time in an organisation: killed half-way they have done nothing,
and may be run again.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, insert, or_, select, update

from customerhub import clock, storage
from customerhub.customers.importing.checking import CheckedRow, Checker, shown_cells
from customerhub.customers.importing.columns import HEADERS, NEEDED, OWN
from customerhub.customers.importing.comparing import previewed_changes
from customerhub.customers.importing.names import Names
from customerhub.customers.importing.one_pass import Tally
from customerhub.customers.importing.reverting import revert_rows, undo_of
from customerhub.customers.importing.runs import S, move
from customerhub.customers.importing.saving import Saver, one_at_a_time
from customerhub.customers.importing.workbook import open_table
from customerhub.errors import Conflict, NotFound
from customerhub.permissions import Actor, Permission, require
from models import CustomerImport, ImportRow, StoredFile
from models.base import db
from models.enums import RowOutcome, TransferState
from models.transfer import gone_quiet

LOOK_AGAIN = "Customers were changed after this file was checked. It was checked again: look at it before you confirm"

NO_PORTAL_USER = "Some customers got no portal user, because their email address already has an account."
MOST_NAMED = 20  # rows

Progress = Callable[[int], object]


class Superseded(Exception):
    """Somebody cancelled the import, or another worker took it over. Nothing is to be done about it."""


@dataclass(frozen=True)
class Claim:
    """The right to work on an import, until somebody raises its version again."""

    import_id: int
    organisation_id: int
    version: int


def source_of(import_id: int) -> str:
    """What the history says of changes that this import made."""
    return f"import {import_id}"


def claim_check(import_id: int) -> Claim | None:
    """Take an import to check it: one that waits for that, or whose worker has died; None for any other."""
    now = clock.now()
    left = and_(CustomerImport.state == S.CHECKING, gone_quiet(CustomerImport, now))
    waiting = or_(CustomerImport.state == S.QUEUED, left)
    fresh = {"done_rows": 0, "new_rows": 0, "changed_rows": 0, "unchanged_rows": 0, "error_rows": 0}
    if not move(import_id, waiting, state=S.CHECKING, started_at=now, heard_at=now, total_rows=None, **fresh):
        return None
    db.session.execute(delete(ImportRow).where(ImportRow.import_id == import_id))
    row = db.session.execute(
        select(CustomerImport.organisation_id, CustomerImport.version).where(CustomerImport.id == import_id)
    ).one()
    return Claim(import_id, row.organisation_id, row.version)


def give_back(claim: Claim) -> None:
    """Let an import wait for its check again, unless it is somebody else's now."""
    move(claim.import_id, _holds(claim), state=S.QUEUED)


def check(claim: Claim, *, max_rows: int) -> Iterator[int]:
    """Find out what would become of each row; yields the rows done, each time with something to commit.

    Raises Unusable where the file cannot be used, Superseded where the import was cancelled or taken over.
    """
    tally = Tally()
    with ExitStack() as opened:
        file = opened.enter_context(storage.open_file(_file(claim.import_id)))
        yield 0  # so that nobody waits for this transaction while the file is opened
        table = opened.enter_context(open_table(file, names=HEADERS, needed=NEEDED, untold=OWN, max_rows=max_rows))
        _keep(claim, total_rows=table.count_rows(max_rows), ignored_columns=table.ignored)
        yield 0
        checker = Checker(claim.organisation_id, from_1904=table.from_1904)
        yield 0
        for rows in checker.chunks(table.rows()):
            tally.add(rows)
            _keep(claim, **_counts(tally))
            db.session.execute(insert(ImportRow), [_preview(claim, row, checker.names) for row in rows])
            yield tally.total
        _keep(claim, state=S.READY, total_rows=tally.total)
        yield tally.total


def _file(import_id: int) -> StoredFile:
    found = db.session.scalar(
        select(StoredFile).join(CustomerImport, CustomerImport.file_id == StoredFile.id)
        .where(CustomerImport.id == import_id)
    )  # fmt: skip
    if found is None:
        raise NotFound("The file is no longer there")
    return found


def _holds(claim: Claim) -> ColumnElement[bool]:
    return and_(CustomerImport.version == claim.version, CustomerImport.state == S.CHECKING)


def _keep(claim: Claim, **values: Any) -> None:
    """Note how far the work is, and when. Raises Superseded where it is somebody else's now."""
    result = db.session.execute(
        update(CustomerImport)
        .where(CustomerImport.id == claim.import_id, _holds(claim))
        .values(heard_at=clock.now(), **values)
        .returning(CustomerImport.id)
        .execution_options(synchronize_session=False)
    )
    if result.first() is None:
        raise Superseded


def _counts(tally: Tally) -> dict[str, int]:
    return {
        "done_rows": tally.total,
        "new_rows": tally.new,
        "changed_rows": tally.changed,
        "unchanged_rows": tally.unchanged,
        "error_rows": tally.error,
    }


def _preview(claim: Claim, row: CheckedRow, names: dict[str, Names]) -> dict[str, Any]:
    """What is kept of a checked row: its cells where they are all there is to show, its changes where there are any."""
    cells = shown_cells(row.cells)
    reference, name = cells.get("reference"), cells.get("name")
    if name is None and row.known:
        name = row.known["name"]
    return {
        "import_id": claim.import_id,
        "row_number": row.number,
        "outcome": row.outcome,
        "reference": reference[:255] if reference else None,
        "name": name[:255] if name else None,
        "customer_id": row.customer_id,
        "cells": cells if row.outcome in (RowOutcome.NEW, RowOutcome.ERROR) else None,
        "changes": previewed_changes(row.changed, names) or None,
        "errors": [{"column": problem.column, "reason": problem.reason} for problem in row.problems] or None,
    }


def fail(claim: Claim, problem: str) -> None:
    """End a check that cannot be finished, unless it is somebody else's now: nothing is kept of the rows."""
    if move(claim.import_id, _holds(claim), state=S.FAILED, problem=problem[:500], finished_at=clock.now()):
        db.session.execute(delete(ImportRow).where(ImportRow.import_id == claim.import_id))


def save(import_id: int, *, actor: Actor, max_rows: int, progress: Progress | None = None) -> bool:
    """Save what was confirmed, in the transaction at hand; whether there was anything to do.

    The file is checked once more, with the customers kept from changing, and saved only where all of it comes out as
    the preview showed it. Raises Conflict where it does not, Superseded where it was cancelled, HubError where
    the file or the set-up can no longer be used.
    """
    require(actor, Permission.CUSTOMERS_IMPORT)
    one_at_a_time(actor.organisation_id)
    if not _is_in(import_id, S.SAVING):
        return False
    tally = Tally()
    noticed: list[int] = []
    with storage.open_file(_file(import_id)) as file, \
            open_table(file, names=HEADERS, needed=NEEDED, untold=OWN, max_rows=max_rows) as table:  # fmt: skip
        checker = Checker(actor.organisation_id, from_1904=table.from_1904)
        saver = Saver(actor.organisation_id, checker.names)
        for rows in checker.chunks(table.rows(), lock=True):
            _compare_with_preview(import_id, rows, checker.names)
            saver.save(rows)
            _keep_undo(import_id, rows)
            tally.add(rows)
            noticed += [row.number for row in rows if row.notice]
            if progress:
                progress(tally.total)
            if not _is_in(import_id, S.SAVING):
                raise Superseded
    _finish(import_id, S.SAVING, S.DONE, problem=_told(noticed), **_counts(tally))
    return True


def _told(numbers: list[int]) -> str | None:
    """What is to be told of the rows that were saved without a portal user."""
    if not numbers:
        return None
    some = ", ".join(map(str, numbers[:MOST_NAMED]))
    rest = f" and {len(numbers) - MOST_NAMED:,} more" if len(numbers) > MOST_NAMED else ""
    return f"{NO_PORTAL_USER} Rows: {some}{rest}."


def _is_in(import_id: int, state: TransferState) -> bool:
    return db.session.scalar(select(CustomerImport.state).where(CustomerImport.id == import_id)) is state


def _compare_with_preview(import_id: int, rows: list[CheckedRow], names: dict[str, Names]) -> None:
    shown = {
        row.row_number: (row.outcome, row.changes or {})
        for row in db.session.execute(
            select(ImportRow.row_number, ImportRow.outcome, ImportRow.changes).where(
                ImportRow.import_id == import_id, ImportRow.row_number.between(rows[0].number, rows[-1].number)
            )
        )
    }
    if shown != {row.number: (row.outcome, previewed_changes(row.changed, names)) for row in rows}:
        raise Conflict(LOOK_AGAIN)


def _keep_undo(import_id: int, rows: list[CheckedRow]) -> None:
    done = [row for row in rows if row.outcome in (RowOutcome.NEW, RowOutcome.CHANGED)]
    if done:
        table: Any = ImportRow.__table__
        db.session.connection().execute(
            update(table)
            .where(table.c.import_id == import_id, table.c.row_number == bindparam("number"))
            .values(customer_id=bindparam("customer"), undo=bindparam("before"), errors=bindparam("told")),
            [
                {"number": row.number, "customer": row.customer_id, "before": undo_of(row), "told": _notice_of(row)}
                for row in done
            ],
        )


def _notice_of(row: CheckedRow) -> list[dict[str, str]] | None:
    return [{"column": "email", "reason": row.notice}] if row.notice else None


def _finish(import_id: int, before: TransferState, after: TransferState, **values: Any) -> None:
    if not move(import_id, CustomerImport.state == before, state=after, finished_at=clock.now(), **values):
        raise Superseded


def check_again(import_id: int, problem: str) -> None:
    """After a save that could not be: have it checked anew, and say why."""
    move(import_id, CustomerImport.state == S.SAVING, state=S.QUEUED, problem=problem[:500])


def back_to_preview(import_id: int, problem: str) -> None:
    """After a save that went wrong: nothing was saved, and it may be tried again."""
    move(import_id, CustomerImport.state == S.SAVING, state=S.READY, problem=problem[:500])


def revert(import_id: int, *, actor: Actor, progress: Progress | None = None) -> bool:
    """Take back what the import did, in the transaction at hand; whether there was anything to do.

    What was changed since stays as it is, and its row says so.
    """
    require(actor, Permission.CUSTOMERS_IMPORT)
    one_at_a_time(actor.organisation_id)
    if not _is_in(import_id, S.RUNNING):
        return False
    source = source_of(import_id)
    found = revert_rows(import_id, organisation_id=actor.organisation_id, source=source, progress=progress)
    told = [f"Changed or linked since, so they stay as they are: {found.kept:,}. See the rows"] if found.kept else []
    if found.mailed:
        told.append(f"Portal users who had their mail already: {found.mailed:,}. Its link no longer works")
    _finish(import_id, S.RUNNING, S.REVERTED, problem=". ".join(told) or None)
    return True


def back_to_done(import_id: int, problem: str) -> None:
    """After a revert that went wrong: nothing was taken back."""
    move(import_id, CustomerImport.state == S.RUNNING, state=S.DONE, problem=problem[:500])

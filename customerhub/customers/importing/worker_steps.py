"""One import from its upload to its end: what the jobs do with it. Each step leaves the commit to them.

Whoever checks an import holds a lease of it. Saving and reverting are one transaction each, and one at a time in an
organisation: killed half-way they have done nothing, and may be run again.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, Final

from sqlalchemy import bindparam, delete, insert, select, update

from customerhub.core import clock, storage
from customerhub.core.errors import Conflict, NotFound
from customerhub.core.leases import Lease, LeaseTable, Superseded
from customerhub.core.permissions import Actor, Permission, require_permission
from customerhub.core.xlsx.table import open_table
from customerhub.customers.importing.account_checking import CheckedAccount
from customerhub.customers.importing.account_columns import OWNER_HEADER
from customerhub.customers.importing.account_saving import build_account_undo
from customerhub.customers.importing.checking import CheckedRow, format_cells, store_cells
from customerhub.customers.importing.comparing import build_preview_changes
from customerhub.customers.importing.custom_columns import load_columns
from customerhub.customers.importing.import_file import RowCounts
from customerhub.customers.importing.lookups import Lookup
from customerhub.customers.importing.reverting import build_undo, revert_rows
from customerhub.customers.importing.saving import lock_organisation
from customerhub.customers.importing.transitions import (
    CHECK_AGAIN,
    FAIL_CHECK,
    FINISH_CHECK,
    FINISH_REVERT,
    FINISH_SAVE,
    START_CHECK,
    UNDO_CONFIRM,
    UNDO_REVERT,
    ImportTransition,
    S,
    update_import,
)
from customerhub.customers.importing.workbook import ImportWorkbook, WorkbookChecker
from models import CustomerImport, ImportRow, StoredFile
from models.base import db, get_table
from models.enums import RowOutcome, TransferState
from models.transfers import LEASE_DURATION

CHECKED_AGAIN = "Customers were changed after this file was checked. It was checked again: review it before you confirm"

NO_PORTAL_USER = "No portal user was created for some customers because their email address already has an account."
MAX_LISTED_ROWS = 20  # rows

Progress = Callable[[int], object]


IMPORTS: Final = get_table(CustomerImport)
LEASES: Final = LeaseTable(
    IMPORTS,
    until=IMPORTS.c.claimed_until,
    token=IMPORTS.c.version,
    waiting=IMPORTS.c.state == S.QUEUED,
    active=IMPORTS.c.state == S.CHECKING,
    duration=LEASE_DURATION,
)


def source_of(import_id: int) -> str:
    """What the history says of changes that this import made."""
    return f"import {import_id}"


def claim_check(import_id: int) -> Lease | None:
    """Take an import to check it: one that waits for that, or whose worker has died; None for any other."""
    now = clock.get_now()
    no_counts: dict[str, Any] = _count_columns(RowCounts())
    leases = LEASES.claim(
        IMPORTS.c.id == import_id, now=now, state=START_CHECK.to_state, started_at=now, total_rows=None, **no_counts
    )
    if not leases:
        return None
    db.session.execute(delete(ImportRow).where(ImportRow.import_id == import_id))
    return leases[0]


def check(lease: Lease, *, max_rows: int) -> Iterator[int]:
    """Find out what would become of each row; yields the rows done, each time with something to commit.

    Raises UnusableFile where the file cannot be used, Superseded where the import was cancelled or taken over.
    """
    counts = RowCounts()
    with ExitStack() as exit_stack:
        stored_file = _get_file(lease.row_id)
        organisation_id = stored_file.organisation_id
        file = exit_stack.enter_context(storage.open_file(stored_file))
        yield 0  # so that nobody waits for this transaction while the file is opened
        header_names = load_columns(organisation_id).header_names
        table = exit_stack.enter_context(open_table(file, max_rows=max_rows, **header_names))
        workbook = ImportWorkbook(table)
        _renew(lease, total_rows=workbook.count_rows(max_rows), ignored_columns=workbook.ignored_columns)
        yield 0
        checker = WorkbookChecker(workbook, organisation_id)
        yield 0
        for rows in checker.check_rows():
            counts.add_rows(rows)
            _renew(lease, **_count_columns(counts))
            db.session.execute(insert(ImportRow), _build_previews(lease, rows, checker))
            yield counts.total
        _finish_check(lease, counts, workbook.describe_hidden_parts())
        yield counts.total


def _get_file(import_id: int) -> StoredFile:
    stored_file = db.session.scalar(
        select(StoredFile)
        .join(CustomerImport, CustomerImport.file_id == StoredFile.id)
        .where(CustomerImport.id == import_id)
    )
    if stored_file is None:
        raise NotFound("The file no longer exists")
    return stored_file


def _renew(lease: Lease, **values: Any) -> None:
    """Note how far the work is. Raises Superseded where it is somebody else's now."""
    LEASES.renew(lease, now=clock.get_now(), **values)


def _finish_check(lease: Lease, counts: RowCounts, hidden_parts: str | None) -> None:
    """The preview is ready. It says what is hidden in Excel, behind why it was checked again, if it was."""
    reason = db.session.scalar(select(CustomerImport.problem).where(CustomerImport.id == lease.row_id))
    reason = CHECKED_AGAIN if reason and reason.startswith(CHECKED_AGAIN) else None
    values: dict[str, Any] = {"total_rows": counts.total, "finished_at": clock.get_now()}
    values["problem"] = ". ".join(filter(None, (reason, hidden_parts)))[:500] or None
    if not LEASES.release(lease, state=FINISH_CHECK.to_state, **values):
        raise Superseded


def _count_columns(counts: RowCounts) -> dict[str, int]:
    return {
        "done_rows": counts.total,
        "new_rows": counts.new,
        "changed_rows": counts.changed,
        "unchanged_rows": counts.unchanged,
        "error_rows": counts.error,
    }


def _build_previews(lease: Lease, rows: Sequence[CheckedRow], checker: WorkbookChecker) -> list[dict[str, Any]]:
    """What is kept of checked rows of one sheet."""
    lookups = checker.lookups_of(rows)
    return [_build_preview(lease, row, lookups, from_1904=checker.from_1904) for row in rows]


def _build_preview(
    lease: Lease, row: CheckedRow, lookups: dict[str, Lookup], *, from_1904: bool = False
) -> dict[str, Any]:
    """What is kept of a checked row: its cells as they are where it is in error, because they are given back; what
    saving would change where it is not.
    """
    texts = format_cells(row) | {name: row.values[name] for name in ("reference", "name") if row.values.get(name)}
    reference, name = texts.get(OWNER_HEADER if row.is_account else "reference"), texts.get("name") or row.known_name
    return {
        "import_id": lease.row_id,
        "is_account": row.is_account,
        "row_number": row.number,
        "outcome": row.outcome,
        "reference": reference[:255] if reference else None,
        "name": name[:255] if name else None,
        "customer_id": row.customer_id,
        "cells": store_cells(row, from_1904=from_1904) if row.outcome is RowOutcome.ERROR else None,
        "changes": build_preview_changes(row.saved_changes, row.columns, lookups) or None,
        "errors": [{"column": problem.column, "reason": problem.reason} for problem in row.problems] or None,
    }


def fail(lease: Lease, problem: str) -> None:
    """End a check that cannot be finished, unless it is somebody else's now: nothing is kept of the rows."""
    if LEASES.release(lease, state=FAIL_CHECK.to_state, problem=problem[:500], finished_at=clock.get_now()):
        db.session.execute(delete(ImportRow).where(ImportRow.import_id == lease.row_id))


def save(import_id: int, *, actor: Actor, max_rows: int, progress: Progress | None = None) -> bool:
    """Save what was confirmed, in the transaction at hand; whether there was anything to do.

    The file is checked once more, with the customers kept from changing, and saved only where all of it comes out as
    the preview showed it. Raises Conflict where it does not, Superseded where it was cancelled, HubError where
    the file or the set-up can no longer be used.
    """
    require_permission(actor, Permission.CUSTOMERS_IMPORT)
    lock_organisation(actor.organisation_id)
    if not _has_state(import_id, S.SAVING):
        return False
    counts = RowCounts()
    noticed_rows: list[int] = []
    with (
        storage.open_file(_get_file(import_id)) as file,
        open_table(file, max_rows=max_rows, **load_columns(actor.organisation_id).header_names) as table,
    ):
        checker = WorkbookChecker(ImportWorkbook(table), actor.organisation_id)
        saver = checker.build_saver()
        for rows in checker.check_rows(lock=True):
            _compare_with_preview(import_id, rows, checker.lookups_of(rows))
            saver.save_rows(rows)
            _save_undo(import_id, rows)
            counts.add_rows(rows)
            noticed_rows += [row.number for row in rows if row.notice]
            if progress:
                progress(counts.total)
            if not _has_state(import_id, S.SAVING):
                raise Superseded
    _finish(import_id, FINISH_SAVE, problem=_unserved_rows_warning(noticed_rows), **_count_columns(counts))
    return True


def _unserved_rows_warning(numbers: list[int]) -> str | None:
    """The warning about rows that were saved without a portal user."""
    if not numbers:
        return None
    some = ", ".join(map(str, numbers[:MAX_LISTED_ROWS]))
    rest = f" and {len(numbers) - MAX_LISTED_ROWS:,} more" if len(numbers) > MAX_LISTED_ROWS else ""
    return f"{NO_PORTAL_USER} Rows: {some}{rest}."


def _has_state(import_id: int, state: TransferState) -> bool:
    return db.session.scalar(select(CustomerImport.state).where(CustomerImport.id == import_id)) is state


def _compare_with_preview(import_id: int, rows: Sequence[CheckedRow], lookups: dict[str, Lookup]) -> None:
    previewed_rows = {
        row.row_number: (row.outcome, row.changes or {})
        for row in db.session.execute(
            select(ImportRow.row_number, ImportRow.outcome, ImportRow.changes).where(
                ImportRow.import_id == import_id,
                ImportRow.is_account == rows[0].is_account,
                ImportRow.row_number.between(rows[0].number, rows[-1].number),
            )
        )
    }
    if previewed_rows != {
        row.number: (row.outcome, build_preview_changes(row.saved_changes, row.columns, lookups)) for row in rows
    }:
        raise Conflict(CHECKED_AGAIN)


def _save_undo(import_id: int, rows: Sequence[CheckedRow]) -> None:
    saved_rows = [row for row in rows if row.outcome in (RowOutcome.NEW, RowOutcome.CHANGED)]
    if saved_rows:
        table = get_table(ImportRow)
        db.session.connection().execute(
            update(table)
            .where(
                table.c.import_id == import_id,
                table.c.is_account == saved_rows[0].is_account,
                table.c.row_number == bindparam("number"),
            )
            .values(customer_id=bindparam("customer"), undo=bindparam("before"), errors=bindparam("notices")),
            [
                {
                    "number": row.number,
                    "customer": row.customer_id,
                    "before": build_account_undo(row) if isinstance(row, CheckedAccount) else build_undo(row),
                    "notices": _build_notice(row),
                }
                for row in saved_rows
            ],
        )


def _build_notice(row: CheckedRow) -> list[dict[str, str]] | None:
    return [{"column": "email", "reason": row.notice}] if row.notice else None


def _finish(import_id: int, transition: ImportTransition, **values: Any) -> None:
    if not update_import(import_id, transition, claimed_until=None, finished_at=clock.get_now(), **values):
        raise Superseded


def request_recheck(import_id: int, problem: str) -> None:
    """After a save that could not be: have it checked anew, and say why."""
    update_import(import_id, CHECK_AGAIN, claimed_until=None, problem=problem[:500])


def return_to_preview(import_id: int, problem: str) -> None:
    """After a save that went wrong: nothing was saved, and it may be tried again."""
    update_import(import_id, UNDO_CONFIRM, problem=problem[:500])


def revert(import_id: int, *, actor: Actor, progress: Progress | None = None) -> bool:
    """Take back what the import did, in the transaction at hand; whether there was anything to do.

    What was changed since stays as it is, and its row says so.
    """
    require_permission(actor, Permission.CUSTOMERS_IMPORT)
    lock_organisation(actor.organisation_id)
    if not _has_state(import_id, S.RUNNING):
        return False
    source = source_of(import_id)
    result = revert_rows(import_id, organisation_id=actor.organisation_id, source=source, progress=progress)
    warnings = (
        [f"Changed or linked since the import, so not reverted: {result.skipped_count:,}. See the rows"]
        if result.skipped_count
        else []
    )
    if result.mailed_count:
        warnings.append(f"Portal users already emailed: {result.mailed_count:,}. Their link no longer works")
    _finish(import_id, FINISH_REVERT, problem=". ".join(warnings) or None)
    return True


def return_to_done(import_id: int, problem: str) -> None:
    """After a revert that went wrong: nothing was taken back."""
    update_import(import_id, UNDO_REVERT, problem=problem[:500])

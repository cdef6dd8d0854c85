"""Importing a workbook: read, checked, compared and, if requested, saved, all in one transaction."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, BinaryIO

from customerhub.core.organisation_dates import organisation_date_format
from customerhub.core.permissions import Actor, Permission, require_permission
from customerhub.core.xlsx.table import Table, open_table
from customerhub.customers.importing.account_columns import ACCOUNTS_SHEET
from customerhub.customers.importing.checking import CheckedRow, store_cells
from customerhub.customers.importing.columns import ImportColumns
from customerhub.customers.importing.custom_columns import load_columns
from customerhub.customers.importing.errors_workbook import ErrorsWorkbook
from customerhub.customers.importing.saving import lock_organisation
from customerhub.customers.importing.workbook import ImportWorkbook, WorkbookChecker
from models.enums import RowOutcome

Progress = Callable[[int, int], object]


@dataclass
class RowCounts:
    """How many rows came out how."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    error: int = 0

    @property
    def total(self) -> int:
        return self.new + self.changed + self.unchanged + self.error

    def add_rows(self, rows: Sequence[CheckedRow]) -> None:
        outcomes = [row.outcome for row in rows]
        for outcome in RowOutcome:
            setattr(self, outcome.value, getattr(self, outcome.value) + outcomes.count(outcome))


@dataclass(frozen=True, slots=True)
class RowError:
    """Why a cell of a row was refused. `row` is the number that Excel shows, `sheet` the name of the sheet where that
    is not the one of customers.
    """

    row: int
    column: str
    reason: str
    sheet: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """In plain values."""
        values = {"row": self.row, "column": self.column, "reason": self.reason}
        return values | {"sheet": self.sheet} if self.sheet else values


@dataclass(frozen=True, slots=True)
class RowNotice:
    """A notice about a row that was saved. `row` is the number that Excel shows."""

    row: int
    text: str


@dataclass
class ImportResult:
    """What an import found, and whether it `is_saved`, that is, whether there was anything to save and it was saved.
    `ignored_columns` are those of the file that mean nothing here, `hidden_parts` tells what of it Excel hides.
    """

    counts: RowCounts = field(default_factory=RowCounts)
    errors: list[RowError] = field(default_factory=list)
    notices: list[RowNotice] = field(default_factory=list)
    ignored_columns: list[str] = field(default_factory=list)
    hidden_parts: str | None = None
    is_saved: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The counts, the errors and, where there are any, the notices and what is hidden, in plain values."""
        values = {
            "new": self.counts.new,
            "changed": self.counts.changed,
            "unchanged": self.counts.unchanged,
            "errors": [error.as_dict() for error in self.errors],
        }
        notices = [{"row": notice.row, "text": notice.text} for notice in self.notices]
        more = {"notices": notices, "hidden": self.hidden_parts}
        return values | {name: value for name, value in more.items() if value}


def import_rows(
    workbook: ImportWorkbook,
    *,
    organisation_id: int,
    counts: RowCounts,
    save: bool = False,
    good_rows_only: bool = False,
) -> Iterator[Sequence[CheckedRow]]:
    """The rows of `workbook`, checked, in chunks, each counted in `counts` and saved before it is given out.

    Without `good_rows_only` nothing more is saved from the first row in error on: the caller undoes the rest.
    """
    checker = WorkbookChecker(workbook, organisation_id)
    saver = checker.build_saver() if save else None
    for rows in checker.check_rows(lock=save):
        counts.add_rows(rows)
        if saver and (good_rows_only or not counts.error):
            saver.save_rows(rows)
        yield rows


def import_open_file(
    file: BinaryIO,
    *,
    actor: Actor,
    max_rows: int,
    dry_run: bool = False,
    good_rows_only: bool = False,
    errors_file: IO[bytes] | None = None,
    progress: Progress | None = None,
) -> ImportResult:
    """Import the workbook `file` into the organisation of `actor`.

    Where the result says that `is_saved` is False the caller undoes the transaction. The rows in error go into
    `errors_file` as a workbook. `progress` gets the rows done and about how many there are. Raises UnusableFile
    where the file cannot be used, Conflict where somebody else was faster: then it may be tried again.
    """
    require_permission(actor, Permission.CUSTOMERS_IMPORT)
    result = ImportResult()
    if not dry_run:
        lock_organisation(actor.organisation_id)
    columns = load_columns(actor.organisation_id)
    with open_table(file, max_rows=max_rows, **columns.header_names) as table:
        workbook = ImportWorkbook(table)
        total = workbook.count_rows(max_rows)
        result.ignored_columns = workbook.ignored_columns
        errors_workbook = _open_errors_workbook(errors_file, table, columns, actor) if errors_file else None
        options = {"save": not dry_run, "good_rows_only": good_rows_only}
        for rows in import_rows(workbook, organisation_id=actor.organisation_id, counts=result.counts, **options):
            _collect_errors(rows, result, errors_workbook)
            result.notices += [RowNotice(row.number, row.notice) for row in rows if row.notice]
            if progress:
                progress(result.counts.total, max(total, result.counts.total))
        result.hidden_parts = workbook.describe_hidden_parts()
        if errors_workbook:
            errors_workbook.close()
    _conclude_import(result, is_saved=not dry_run and (good_rows_only or not result.errors))
    return result


def _open_errors_workbook(file: IO[bytes], table: Table, columns: ImportColumns, actor: Actor) -> ErrorsWorkbook:
    date_format = organisation_date_format(actor.organisation_id)
    return ErrorsWorkbook(file, date_format, columns, from_1904=table.from_1904)


def _conclude_import(result: ImportResult, *, is_saved: bool) -> None:
    """Notices describe what was done: there are none where nothing is saved."""
    result.is_saved = is_saved and result.counts.new + result.counts.changed > 0
    if not result.is_saved:
        result.notices.clear()


def _collect_errors(rows: Sequence[CheckedRow], result: ImportResult, errors_workbook: ErrorsWorkbook | None) -> None:
    for row in rows:
        if row.problems:
            sheet = ACCOUNTS_SHEET if row.is_account else None
            result.errors += [RowError(row.number, each.column, each.reason, sheet) for each in row.problems]
            if errors_workbook:
                errors = [{"column": problem.column, "reason": problem.reason} for problem in row.problems]
                errors_workbook.add_row(row.number, store_cells(row), errors, is_account=row.is_account)

"""One pass over a workbook: read, checked, compared and, where that is wanted, saved, all in one transaction."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any, BinaryIO

from customerhub.customers.importing.checking import CheckedRow, Checker, shown_cells
from customerhub.customers.importing.columns import HEADERS, NEEDED, OWN
from customerhub.customers.importing.errors_workbook import ErrorsWorkbook
from customerhub.customers.importing.saving import Saver, one_at_a_time
from customerhub.customers.importing.workbook import Table, open_table
from customerhub.permissions import Actor, Permission, require
from models.enums import RowOutcome

Progress = Callable[[int, int], object]


@dataclass
class Tally:
    """How many rows came out how."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    error: int = 0

    @property
    def total(self) -> int:
        return self.new + self.changed + self.unchanged + self.error

    def add(self, rows: list[CheckedRow]) -> None:
        outcomes = [row.outcome for row in rows]
        for outcome in RowOutcome:
            setattr(self, outcome.value, getattr(self, outcome.value) + outcomes.count(outcome))


@dataclass(frozen=True, slots=True)
class RowError:
    """Why a cell of a row was refused. `row` is the number that Excel shows."""

    row: int
    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class RowNotice:
    """What is to be told of a row that was saved. `row` is the number that Excel shows."""

    row: int
    text: str


@dataclass
class ImportResult:
    """What an import found, and whether it `saved`. `ignored_columns` are those of the file that mean nothing here."""

    tally: Tally = field(default_factory=Tally)
    errors: list[RowError] = field(default_factory=list)
    notices: list[RowNotice] = field(default_factory=list)
    ignored_columns: list[str] = field(default_factory=list)
    saved: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The counts, the errors and, where there are any, the notices, in plain values."""
        told = {
            "new": self.tally.new,
            "changed": self.tally.changed,
            "unchanged": self.tally.unchanged,
            "errors": [{"row": error.row, "column": error.column, "reason": error.reason} for error in self.errors],
        }
        notices = [{"row": notice.row, "text": notice.text} for notice in self.notices]
        return told | ({"notices": notices} if notices else {})


def import_rows(
    table: Table, *, organisation_id: int, tally: Tally, save: bool = False, good_rows_only: bool = False
) -> Iterator[list[CheckedRow]]:
    """The rows of `table`, checked, in chunks, each counted in `tally` and saved before it is given out.

    Without `good_rows_only` nothing more is saved from the first row in error on: the caller undoes the rest.
    """
    checker = Checker(organisation_id, from_1904=table.from_1904)
    saver = Saver(organisation_id, checker.names) if save else None
    for rows in checker.chunks(table.rows(), lock=save):
        tally.add(rows)
        if saver and (good_rows_only or not tally.error):
            saver.save(rows)
        yield rows


def import_file(
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

    Where the result says that nothing is `saved` the caller undoes the transaction. The rows in error go into
    `errors_file` as a workbook. `progress` is told the rows done and about how many there are. Raises Unusable where
    the file cannot be used, Conflict where somebody else was faster: then it may be tried again.
    """
    require(actor, Permission.CUSTOMERS_IMPORT)
    result = ImportResult()
    if not dry_run:
        one_at_a_time(actor.organisation_id)
    with open_table(file, names=HEADERS, needed=NEEDED, untold=OWN, max_rows=max_rows) as table:
        total = table.count_rows(max_rows)
        result.ignored_columns = table.ignored
        refused = ErrorsWorkbook(errors_file) if errors_file else None
        chunks = import_rows(
            table,
            organisation_id=actor.organisation_id,
            tally=result.tally,
            save=not dry_run,
            good_rows_only=good_rows_only,
        )
        for rows in chunks:
            _note_errors(rows, result, refused)
            result.notices += [RowNotice(row.number, row.notice) for row in rows if row.notice]
            if progress:
                progress(result.tally.total, max(total, result.tally.total))
        if refused:
            refused.close()
    result.saved = not dry_run and (good_rows_only or not result.errors)
    if not result.saved:
        result.notices.clear()
    return result


def _note_errors(rows: list[CheckedRow], result: ImportResult, refused: ErrorsWorkbook | None) -> None:
    for row in rows:
        if row.problems:
            result.errors += [RowError(row.number, problem.column, problem.reason) for problem in row.problems]
            if refused:
                errors = [{"column": problem.column, "reason": problem.reason} for problem in row.problems]
                refused.add(row.number, shown_cells(row.cells), errors)

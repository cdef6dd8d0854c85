"""Rows of cells judged: each becomes values to save, or reasons why not.

The rules are those of the customer form. Rows go through in chunks, so that memory and the number of queries stay
small however long the workbook is.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Any, Final

from customerhub.customers import rules
from customerhub.customers.importing.columns import BY_FIELD, COLUMNS, Column, Reads, header_of
from customerhub.customers.importing.comparing import Known, changes, load_known, merged
from customerhub.customers.importing.names import Names, load_names
from customerhub.customers.importing.sheet import DAYS_FROM_1904, BadCell, Cell, as_text
from customerhub.customers.importing.statistics import keep_statistics
from customerhub.errors import Invalid
from models import Customer
from models.enums import RowOutcome
from models.keys import exact_key, folded

CHUNK: Final = 1_000  # rows
KEPT_CELLS: Final = 5_000  # how many different cells of a column are remembered with what they mean

# A few letters become many when they are made comparable, such as the one ligature for a whole Arabic phrase.
_LONGEST_KEY: Final[int] = Customer.__table__.c.reference_key.type.length  # type: ignore[attr-defined]
_LONGEST_SORT_NAME: Final[int] = Customer.__table__.c.sort_name.type.length  # type: ignore[attr-defined]

_NOT_SHOWN = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127), "�")


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row is refused: the column at fault, by its header, and a sentence."""

    column: str
    reason: str


@dataclass(slots=True)
class CheckedRow:
    """A row of the workbook and what is to become of it.

    `values` holds what its cells mean, by field, blank ones left out; `changed` the (before, after) of each field that
    differs from the `known` customer. `notice` is what is to be told of a row that was saved.
    """

    number: int
    cells: list[Cell]
    values: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    key: str | None = None
    known: Known | None = None
    changed: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    customer_id: int | None = None
    notice: str | None = None

    @property
    def outcome(self) -> RowOutcome:
        if self.problems:
            return RowOutcome.ERROR
        if self.known is None:
            return RowOutcome.NEW
        return RowOutcome.CHANGED if self.changed else RowOutcome.UNCHANGED


Read = Callable[[Any], Any]


class Checker:
    """Judges the rows of one workbook for one organisation. `from_1904` where its dates count from 1904."""

    def __init__(self, organisation_id: int, *, from_1904: bool = False) -> None:
        self.organisation_id = organisation_id
        self.names = load_names(organisation_id)
        self._seen: dict[str, int] = {}
        shift = DAYS_FROM_1904 if from_1904 else 0
        self._readers: list[tuple[Column, Read, dict[Cell, tuple[Any, str]] | None]] = [
            (column, _reader(column, self.names, shift), {} if column.repeats else None) for column in COLUMNS
        ]
        self._retired = {name: names for name, names in self.names.items() if names.retired}

    def chunks(self, rows: Iterable[tuple[int, list[Cell]]], *, lock: bool = False) -> Iterator[list[CheckedRow]]:
        """The rows, checked and compared with the customers there are, about a thousand at a time.

        With `lock` these customers are kept from changing until the transaction ends.
        """
        keep_statistics()
        source = iter(rows)
        while chunk := [self._checked(number, cells) for number, cells in islice(source, CHUNK)]:
            keys = [row.key for row in chunk if row.key is not None]
            known = load_known(self.organisation_id, keys, lock=lock)
            for row in chunk:
                self._compare(row, known.get(row.key) if row.key is not None else None)
            yield chunk

    def _checked(self, number: int, cells: list[Cell]) -> CheckedRow:
        """What each cell means by itself."""
        row = CheckedRow(number, cells)
        values = row.values
        for cell, (column, read, remembered) in zip(cells, self._readers, strict=True):
            if cell is None:
                continue
            if remembered is None:
                value, reason = _tried(read, cell)
            elif (kept := remembered.get(cell)) is not None:
                value, reason = kept
            else:
                if len(remembered) >= KEPT_CELLS:
                    remembered.clear()
                value, reason = remembered[cell] = _tried(read, cell)
            if reason:
                row.problems.append(Problem(column.header, reason))
            elif value is not None:
                values[column.field] = value
        self._identify(row)
        if (name := values.get("name")) and not name.isascii() and len(folded(name)) > _LONGEST_SORT_NAME:
            row.problems.append(Problem("name", "This name is too long"))
        return row

    def _identify(self, row: CheckedRow) -> None:
        """Note the reference of `row`; the second row with one is refused."""
        reference = row.values.get("reference")
        if reference is None:
            return
        row.key = exact_key(reference)
        assert row.key is not None
        if len(row.key) > _LONGEST_KEY:
            row.problems.append(Problem("reference", "This reference is too long"))
        first = self._seen.setdefault(row.key, row.number)
        if first != row.number:
            row.problems.append(Problem("reference", f"Row {first} has this reference too"))

    def _compare(self, row: CheckedRow, known: Known | None) -> None:
        """What the cells mean together, and with what is known of the customer."""
        row.known = known
        row.customer_id = known["id"] if known else None
        whole = merged(known, row.values)
        refused = {problem.column for problem in row.problems}
        # Whose row it is stays unknown where the reference cannot be read: nothing can be said to be missing then.
        missing = [] if row.key is None and "reference" in refused else rules.missing_particulars(whole)
        for name, message in (*_disagreements(whole, refused), *missing):
            header = header_of(name)
            if header not in refused:
                row.problems.append(Problem(header, message))
        for name, names in self._retired.items():
            self._refuse_retired(row, name, names)
        if known is not None and not row.problems:
            row.changed = changes(known, row.values)

    def _refuse_retired(self, row: CheckedRow, name: str, names: Names) -> None:
        """What is no longer in use may stay, but not come anew."""
        chosen = row.values.get(name)
        if chosen is None or (row.known is not None and row.known[name] == chosen):
            return
        try:
            names.refuse_retired(chosen)
        except Invalid as error:
            row.problems.append(Problem(BY_FIELD[name].header, error.message))


def _disagreements(values: dict[str, Any], refused: set[str]) -> Iterator[tuple[str, str]]:
    """(field, message) of values that do not go together; those of refused cells are not looked at."""
    pairs = (
        (rules.check_year_end, "year_end_day", "year_end_month"),
        (rules.check_review, "review_start_date", "review_frequency"),
    )
    for check, one, other in pairs:
        if refused and (header_of(one) in refused or header_of(other) in refused):
            continue
        try:
            check(values.get(one), values.get(other))
        except Invalid as error:
            yield error.field or one, error.message


def _tried(read: Read, cell: Cell) -> tuple[Any, str]:
    """(what `cell` means, "") or (None, why it means nothing)."""
    if isinstance(cell, BadCell):
        return None, cell.reason
    try:
        return read(cell), ""
    except Invalid as error:
        return None, error.message.translate(_NOT_SHOWN)


def _reader(column: Column, names: dict[str, Names], shift: int) -> Read:
    """What makes a value of a cell of `column`. `shift` is added to the serial numbers of days."""
    if column.reads is Reads.DATE:
        return lambda cell: _day(column, cell, shift)
    if column.reads is Reads.NAME:
        find: Callable[[str], Any] = names[column.field].find
    elif column.reads is Reads.NAMES:
        find = names[column.field].find_all
    else:
        find = column.clean
    return lambda cell: find(cell if isinstance(cell, str) else as_text(cell))


def _day(column: Column, cell: Any, shift: int) -> date | None:
    if isinstance(cell, str):
        day: date | None = column.clean(cell)
        return day
    if isinstance(cell, (int, float)):
        return rules.from_serial(cell + shift)
    if isinstance(cell, date):
        return rules.in_reach(cell)
    raise Invalid(f"{as_text(cell)} is a time, not a date")


def shown_cells(cells: list[Cell]) -> dict[str, str]:
    """What was read, by header, as text; cells without a value are left out."""
    return {
        column.header: as_text(cell).translate(_NOT_SHOWN)
        for column, cell in zip(COLUMNS, cells, strict=True)
        if cell is not None and not isinstance(cell, BadCell)
    }

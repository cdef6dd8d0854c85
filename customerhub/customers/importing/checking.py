"""Checking rows of cells: each becomes values to save, or errors.

The rules are those of the customer form. Rows go through in chunks, so that memory and the number of queries stay
small however long the workbook is.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, time
from itertools import islice
from typing import Any, Final

from customerhub.core import dates
from customerhub.core.csv_masking import unmask_formulas
from customerhub.core.errors import Invalid
from customerhub.core.money import format_percent
from customerhub.core.organisation_dates import organisation_date_format
from customerhub.core.table_statistics import update_statistics
from customerhub.core.xlsx.sheet import (
    DAYS_FROM_1904,
    BadCell,
    Cell,
    FormattedNumber,
    PercentNumber,
    Value,
    format_cell,
)
from customerhub.customers import rules
from customerhub.customers.importing.columns import MARKUP_CLASSES, STANDARD_COLUMNS, CellType, Column, ImportColumns
from customerhub.customers.importing.comparing import ExistingCustomer, compare_values, load_existing, merge_values
from customerhub.customers.importing.custom_columns import list_missing_fields, load_columns, load_own_lookups
from customerhub.customers.importing.lookups import Lookup, load_lookups
from customerhub.customers.importing.required_columns import NO_COLUMN_TEXT
from customerhub.customers.importing.stored_cells import FROM_1904, StoredCell, replace_unprintable, store_cell
from customerhub.customers.required_fields import list_missing_by_organisation
from models import Customer
from models.base import column_length
from models.enums import DateFormat, RowOutcome
from models.keys import exact_key, fold_text

CHUNK_SIZE: Final = 1_000  # rows
MAX_CACHED_CELLS: Final = 5_000  # how many different cells of a column are remembered with what they mean

# A few letters become many when they are made comparable, such as the one ligature for a whole Arabic phrase.
_MAX_KEY_LENGTH: Final = column_length(Customer.reference_key)
_MAX_SORT_NAME_LENGTH: Final = column_length(Customer.sort_name)

_EXCEL_DIGITS: Final = 15  # of a number; those behind are lost
_ROUNDED_NUMBER = re.compile(r"[+-]?[0-9](?:[.,][0-9]+)?E\+[0-9]{2,3}")  # as Excel shows a number of many digits
_TYPE_AGAIN: Final = "Format the cell as text and type it again"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row is refused: the column at fault, by its header, and a sentence."""

    column: str
    reason: str


@dataclass(slots=True)
class CheckedRow:
    """A row of the workbook and what is to become of it.

    `values` holds what its cells mean, by field, blank ones left out; `changes` the (before, after) of each field that
    differs from the `existing` customer. `notice` is shown with a row that was saved.
    """

    number: int
    cells: list[Cell]
    values: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    key: str | None = None
    existing: ExistingCustomer | None = None
    changes: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    customer_id: int | None = None
    notice: str | None = None
    columns: ImportColumns = STANDARD_COLUMNS

    @property
    def is_account(self) -> bool:
        """Whether this is a row of the sheet of accounts."""
        return False

    @property
    def known_name(self) -> str | None:
        """The name of the customer that the row is about, where it says none itself."""
        return self.existing["name"] if self.existing else None

    @property
    def saved_changes(self) -> dict[str, tuple[Any, Any]]:
        """(before, after) of each field that saving changes: of a new customer of everything that is filled in."""
        if self.outcome is RowOutcome.NEW:
            return {name: (None, value) for name, value in self.values.items()}
        return self.changes

    @property
    def outcome(self) -> RowOutcome:
        if self.problems:
            return RowOutcome.ERROR
        if self.existing is None:
            return RowOutcome.NEW
        return RowOutcome.CHANGED if self.changes else RowOutcome.UNCHANGED


CellReader = Callable[[Any], Any]


class RowReader:
    """Reads the cells of rows with `columns`, each by itself; those that hold names by `lookups`. What cells of columns
    with few different values mean is remembered.
    """

    def __init__(
        self, columns: ImportColumns, lookups: dict[str, Lookup], organisation_id: int, *, from_1904: bool = False
    ) -> None:
        day_offset = DAYS_FROM_1904 if from_1904 else 0
        date_format = organisation_date_format(organisation_id)
        self._readers: list[tuple[Column, CellReader, dict[Any, tuple[Any, str]] | None]] = [
            (column, _build_reader(column, lookups, date_format, day_offset), {} if column.is_cacheable else None)
            for column in columns.columns
        ]

    def read_cells(self, row: CheckedRow) -> None:
        """Note in `row` what each of its cells means, and why those that mean nothing do not."""
        for cell, (column, read, cached_values) in zip(row.cells, self._readers, strict=True):
            if cell is None:
                continue
            if cached_values is None:
                value, reason = _read_cell(read, cell)
            elif (cached_value := cached_values.get(cell)) is not None:
                value, reason = cached_value
            else:
                if len(cached_values) >= MAX_CACHED_CELLS:
                    cached_values.clear()
                value, reason = cached_values[cell] = _read_cell(read, cell)
            if reason:
                row.problems.append(Problem(column.header, reason))
            elif value is not None:
                row.values[column.field] = value


class RowChecker:
    """Judges the rows of one workbook for one organisation. `from_1904` where its dates count from 1904.

    `new_names` are the names of the new customers among the rows so far, by the key of their reference; None of those
    whose row is in error.
    """

    def __init__(self, organisation_id: int, *, from_1904: bool = False) -> None:
        self.organisation_id = organisation_id
        self.from_1904 = from_1904
        self.columns = load_columns(organisation_id)
        self.lookups = load_lookups(organisation_id) | load_own_lookups(organisation_id)
        self._first_row_numbers: dict[str, int] = {}
        self._first_rows_of_customers: dict[int, int] = {}
        self.new_names: dict[str, str | None] = {}
        self._reader = RowReader(self.columns, self.lookups, organisation_id, from_1904=from_1904)
        self._lookups_with_retired = {name: names for name, names in self.lookups.items() if names.retired}

    def check_rows(self, rows: Iterable[tuple[int, list[Cell]]], *, lock: bool = False) -> Iterator[list[CheckedRow]]:
        """The rows, checked and compared with the customers there are, about a thousand at a time.

        With `lock` these customers are kept from changing until the transaction ends.
        """
        update_statistics(Customer)
        source = iter(rows)
        while chunk := [self._read_row(number, cells) for number, cells in islice(source, CHUNK_SIZE)]:
            keys = [row.key for row in chunk if row.key is not None]
            has_markups = any(not MARKUP_CLASSES.keys().isdisjoint(row.values) for row in chunk)
            existing_customers = load_existing(self.organisation_id, keys, lock=lock, has_markups=has_markups)
            for row in chunk:
                self._compare(row, existing_customers.get(row.key) if row.key is not None else None)
            yield chunk

    def _read_row(self, number: int, cells: list[Cell]) -> CheckedRow:
        """What each cell means by itself."""
        row = CheckedRow(number, cells, columns=self.columns)
        self._reader.read_cells(row)
        self._identify(row)
        if (name := row.values.get("name")) and not name.isascii() and len(fold_text(name)) > _MAX_SORT_NAME_LENGTH:
            row.problems.append(Problem("name", "This name is too long"))
        return row

    def _identify(self, row: CheckedRow) -> None:
        """Note the reference of `row`; the second row with one is refused."""
        reference = row.values.get("reference")
        if reference is None:
            return
        row.key = exact_key(reference)
        assert row.key is not None
        if len(row.key) > _MAX_KEY_LENGTH:
            row.problems.append(Problem("reference", "This reference is too long"))
        first = self._first_row_numbers.setdefault(row.key, row.number)
        if first != row.number:
            row.problems.append(Problem("reference", f"Row {first} has the same reference"))

    def _compare(self, row: CheckedRow, existing: ExistingCustomer | None) -> None:
        """What the cells mean together, and with what is known of the customer."""
        row.existing = existing
        row.customer_id = existing["id"] if existing else None
        if existing is not None:
            self._refuse_second_row(row, existing)
        merged_values = merge_values(existing, row.values)
        refused_columns = {problem.column for problem in row.problems}
        # Whose row it is stays unknown where the reference cannot be read: nothing can be said to be missing then.
        missing = [] if row.key is None and "reference" in refused_columns else rules.list_missing_fields(merged_values)
        if existing is None:
            missing = [*missing, *self._list_missing_of_new(row.values)]
        for name, message in (*_list_conflicts(merged_values, refused_columns), *missing):
            header = self.columns.header_of(name)
            if header not in refused_columns:
                row.problems.append(Problem(header, message))
        for name, lookup in self._lookups_with_retired.items():
            refuse_retired(row, name, lookup)
        if existing is not None and not row.problems:
            row.changes = compare_values(existing, row.values)
        if existing is None and row.key is not None:
            self.new_names.setdefault(row.key, None if row.problems else row.values["name"])

    def _list_missing_of_new(self, values: dict[str, Any]) -> list[tuple[str, str]]:
        """What the organisation requires of a new customer and `values` lack."""
        missing = list_missing_by_organisation(values, self.organisation_id)
        return [
            *((name, text if name in self.columns.by_field else NO_COLUMN_TEXT) for name, text in missing),
            *list_missing_fields(self.organisation_id, values),
        ]

    def _refuse_second_row(self, row: CheckedRow, existing: ExistingCustomer) -> None:
        """A customer that others were merged into has several references, and keeps the one it has."""
        if existing["reference_key"] != row.key:
            row.values.pop("reference", None)
        first = self._first_rows_of_customers.setdefault(existing["id"], row.number)
        if first != row.number and self._first_row_numbers.get(row.key or "") == row.number:
            row.problems.append(Problem("reference", f"Row {first} is the same customer, {existing['name']}"))


def refuse_retired(row: CheckedRow, name: str, lookup: Lookup) -> None:
    """What is no longer in use may stay, also where one in use has its name, but not come anew."""
    chosen_ids = row.values.get(name)
    existing_ids = row.existing[name] if row.existing is not None else None
    if chosen_ids is None or existing_ids == chosen_ids:
        return
    if lookup.is_same_name(existing_ids, chosen_ids):
        row.values[name] = existing_ids
        return
    kept_ids = existing_ids if isinstance(existing_ids, tuple) else ()
    try:
        lookup.refuse_retired(tuple(each for each in chosen_ids if each not in kept_ids) if kept_ids else chosen_ids)
    except Invalid as error:
        row.problems.append(Problem(row.columns.header_of(name), error.message))


def _list_conflicts(values: dict[str, Any], refused_columns: set[str]) -> Iterator[tuple[str, str]]:
    """(field, message) of values that do not go together; those of refused cells are not looked at."""
    pairs = (
        (rules.check_year_end, "year_end_day", "year_end_month"),
        (rules.check_review_schedule, "review_start_date", "review_frequency"),
    )
    for check, one, other in pairs:
        if refused_columns.intersection(map(STANDARD_COLUMNS.header_of, (one, other))):
            continue
        try:
            check(values.get(one), values.get(other))
        except Invalid as error:
            yield error.field or one, error.message


def _read_cell(read: CellReader, cell: Cell) -> tuple[Any, str]:
    """(what `cell` means, "") or (None, why it means nothing)."""
    if isinstance(cell, BadCell):
        return None, cell.reason
    try:
        return read(unmask_formulas(cell) if isinstance(cell, str) else cell), ""
    except Invalid as error:
        return None, replace_unprintable(error.message)


def _build_reader(column: Column, lookups: dict[str, Lookup], date_format: DateFormat, day_offset: int) -> CellReader:
    """What makes a value of a cell of `column`. `day_offset` is added to the serial numbers of days."""
    if column.cell_type is CellType.DATE:
        return lambda cell: _read_date(cell, date_format, day_offset)
    if column.cell_type is CellType.IDENTIFIER:
        return lambda cell: column.clean(_read_identifier(cell))
    if column.cell_type is CellType.PERCENT:
        return lambda cell: column.clean(_read_percent(cell))
    if column.cell_type is CellType.NUMBER:
        return lambda cell: column.clean(format_cell(cell.value if isinstance(cell, FormattedNumber) else cell))
    if column.cell_type is CellType.NAME:
        find: Callable[[str], Any] = lookups[column.field].get_id
    elif column.cell_type is CellType.NAMES:
        find = lookups[column.field].get_ids
    else:
        find = column.clean
    return lambda cell: find(cell if isinstance(cell, str) else format_cell(cell))


def _read_date(cell: Value, date_format: DateFormat, day_offset: int) -> date | None:
    if isinstance(cell, str):
        return dates.parse_date(cell, date_format)
    if isinstance(cell, FormattedNumber):
        cell = cell.value
    if isinstance(cell, bool):
        raise Invalid(f"{format_cell(cell)} is not a date")
    if isinstance(cell, (int, float)):
        return dates.date_from_serial(cell, day_offset=day_offset)
    if isinstance(cell, date):
        return dates.require_date_in_range(cell)
    raise Invalid(f"{format_cell(cell)} is a time, not a date")


def _read_percent(cell: Value) -> str:
    """The number of percent that a cell shows, as a text."""
    if isinstance(cell, PercentNumber):
        return f"{cell.percent:f}"
    return format_cell(cell.value if isinstance(cell, FormattedNumber) else cell)


def _read_identifier(cell: Value) -> str:
    """What was typed, as a text. Raises Invalid where Excel kept something else of it."""
    text = format_cell(cell)
    if isinstance(cell, str):
        if _ROUNDED_NUMBER.fullmatch(cell.strip()):
            raise Invalid(f"Excel shortened the number to {cell.strip()}. {_TYPE_AGAIN}")
    elif isinstance(cell, (bool, date, time)):
        kind = "a time" if isinstance(cell, time) else "a date"
        raise Invalid(f"Excel turned this into {text if isinstance(cell, bool) else f'{kind}, {text}'}. {_TYPE_AGAIN}")
    elif isinstance(cell, (int, float)) and len(text.strip("-0.")) > _EXCEL_DIGITS:
        raise Invalid(f"Excel keeps {_EXCEL_DIGITS} digits of a number, this one has more. {_TYPE_AGAIN}")
    return text


def format_cells(row: CheckedRow) -> dict[str, str]:
    """What was read, by header, as people read it. Cells without a value are left out."""
    texts = {}
    for column, cell in zip(row.columns.columns, row.cells, strict=True):
        if cell is None or isinstance(cell, BadCell):
            continue
        value = row.values.get(column.field)
        if value is not None and column.cell_type is CellType.DATE:
            text = value.isoformat()
        else:
            text = format_percent(cell.percent) if isinstance(cell, PercentNumber) else format_cell(cell)
        texts[column.header] = replace_unprintable(text)
    return texts


def store_cells(row: CheckedRow, *, from_1904: bool = False) -> dict[str, StoredCell]:
    """What was read, by header, as it is kept to be given back. Cells without a value are left out.

    `from_1904` is noted beside them, for who has nothing else to know it by.
    """
    stored_cells: dict[str, StoredCell] = {FROM_1904: True} if from_1904 else {}
    for column, cell in zip(row.columns.columns, row.cells, strict=True):
        stored = store_cell(cell)
        if stored is not None:
            stored_cells[column.header] = stored
    return stored_cells

"""Lists as CSV and Excel files: cells typed and made harmless, written in constant memory."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal
from enum import Enum, auto
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, Final, TextIO

import xlsxwriter

from customerhub.core.csv_masking import mask_beginning, mask_column, mask_formulas, unmask_formulas
from customerhub.core.dates import EXCEL_DATE_FORMATS, format_date
from customerhub.core.money import format_amount, format_number, format_percent, format_unit_price
from models.enums import DateFormat, ListSeparator

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

CHUNK: Final = 1000  # rows that are read at a time
COLUMN_WIDTH: Final = 18  # characters

_MAX_CACHED: Final = 20_000  # how many different values of a column are remembered


class CellKind(Enum):
    """What the cells of a column hold, and so how both kinds of file write them. Any cell may be None."""

    TEXT = auto()  # str, and what looks like a number stays a text: 00042
    DATE = auto()  # date
    MOMENT = auto()  # datetime with a time zone
    AMOUNT = auto()  # Decimal with two decimals
    UNIT_PRICE = auto()  # Decimal with two to six decimals
    PERCENT = auto()  # Decimal: 20 is 20 %
    NUMBER = auto()  # Decimal with the decimals that it has
    COUNT = auto()  # int
    YES_NO = auto()  # bool


CellValue = str | date | Decimal | int | bool | None
Row = Sequence[Any]


@dataclass(frozen=True)
class SheetColumn:
    """A column of a file."""

    heading: str
    kind: CellKind = CellKind.TEXT


@dataclass(frozen=True)
class ExtraSheet:
    """A further sheet of a workbook: what it is called, its columns and its rows. A CSV file has no place for it."""

    name: str
    columns: Sequence[SheetColumn]
    rows: Iterable[Row]


@dataclass(frozen=True)
class SheetFormats:
    """How whoever reads a file writes dates, the time zone of its moments (without one, UTC), and what their
    spreadsheet expects between the cells of a CSV file.
    """

    date_format: DateFormat
    zone: tzinfo | None = None
    list_separator: ListSeparator = ListSeparator.COMMA

    def to_local(self, moment: datetime) -> datetime:
        """The time that clocks show at `moment`, without a zone."""
        return (moment.astimezone(self.zone) if self.zone else moment).replace(tzinfo=None)

    def format_moment(self, moment: datetime) -> str:
        local = self.to_local(moment)
        return f"{format_date(local, self.date_format)}, {local:%H:%M}"


def split_into_chunks(keys: Sequence[int]) -> Iterator[Sequence[int]]:
    """`keys` as they are to be read: some at a time."""
    for start in range(0, len(keys), CHUNK):
        yield keys[start : start + CHUNK]


class ValueCache(dict[Any, Any]):
    """What `compute` makes of each value, remembered: a column holds few different dates, amounts and states."""

    def __init__(self, compute: Callable[[Any], Any]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, value: Any) -> Any:
        if len(self) >= _MAX_CACHED:
            self.clear()
        result = self[value] = self._compute(value)
        return result


def get_formatter(kind: CellKind, formats: SheetFormats) -> Callable[[Any], str]:
    """What makes a text of a value of `kind`, as a CSV file writes it; blank for None."""
    formatters: dict[CellKind, Callable[[Any], str]] = {
        CellKind.TEXT: str,
        CellKind.DATE: lambda day: format_date(day, formats.date_format),
        CellKind.MOMENT: formats.format_moment,
        CellKind.AMOUNT: format_amount,
        CellKind.UNIT_PRICE: format_unit_price,
        CellKind.PERCENT: format_percent,
        CellKind.NUMBER: format_number,
        CellKind.COUNT: lambda count: f"{count:,}",
        CellKind.YES_NO: lambda value: "Yes" if value else "No",
    }
    format_value = formatters[kind]
    return lambda value: "" if value is None else format_value(value)


def write_csv(
    target: TextIO,
    headings: Iterable[str],
    rows: Iterable[Sequence[str]],
    separator: ListSeparator = ListSeparator.COMMA,
) -> None:
    """Write texts as a CSV file, with a byte order mark so that Excel reads accents.

    What a spreadsheet could take for a formula gets an apostrophe in front: +49 89 123 does, -1,234.50 does not.
    """
    writer = csv.writer(target, delimiter=separator.character)
    target.write("\ufeff")
    for row in chain([headings], rows):
        first, *others = row
        writer.writerow([mask_beginning(mask_formulas(first)), *map(mask_formulas, others)])


def write_csv_table(target: TextIO, columns: Sequence[SheetColumn], rows: Iterable[Row], formats: SheetFormats) -> None:
    """As `write_csv`, of typed values. Works on whole columns of some rows, which is much faster than on cells."""
    write_csv(target, (column.heading for column in columns), (), formats.list_separator)
    writer = csv.writer(target, delimiter=formats.list_separator.character)
    caches = [ValueCache(get_formatter(column.kind, formats)) for column in columns]
    source = iter(rows)
    while chunk := list(islice(source, CHUNK)):
        texts = [
            mask_column([value or "" for value in values])
            if column.kind is CellKind.TEXT
            else list(map(cache.__getitem__, values))
            for column, cache, values in zip(columns, caches, zip(*chunk, strict=True), strict=True)
        ]
        texts[0] = list(map(mask_beginning, texts[0]))
        writer.writerows(zip(*texts, strict=True))


def keep_apostrophe(text: str) -> str:
    """`text` for a workbook that may be imported. Only one that looks masked is changed: it is masked once more."""
    return text if unmask_formulas(text) == text else mask_formulas(text)


def write_workbook(
    target: BinaryIO,
    columns: Sequence[SheetColumn],
    rows: Iterable[Row],
    formats: SheetFormats,
    extra_sheets: Iterable[ExtraSheet] = (),
) -> None:
    """Write an Excel workbook with typed cells: dates are dates, numbers are numbers, and no text is a formula. The
    headings stay in sight and filter the rows below them. The sheets follow each other in the file.
    """
    options = {"strings_to_formulas": False, "strings_to_urls": False, "constant_memory": True}
    with xlsxwriter.Workbook(target, options) as workbook:
        _write_sheet(workbook, workbook.add_worksheet(), columns, rows, formats)
        for extra in extra_sheets:
            _write_sheet(workbook, workbook.add_worksheet(extra.name), extra.columns, extra.rows, formats)


def _write_sheet(
    workbook: Any, sheet: Any, columns: Sequence[SheetColumn], rows: Iterable[Row], formats: SheetFormats
) -> None:
    bold = workbook.add_format({"bold": True})
    for column_index, column in enumerate(columns):
        cell_format = workbook.add_format({"num_format": _number_format(column.kind, formats)})
        sheet.set_column(column_index, column_index, COLUMN_WIDTH, cell_format)
    for column_index, column in enumerate(columns):
        sheet.write_string(0, column_index, column.heading, bold)
    sheet.freeze_panes(1, 0)
    writers = [_cell_writer(sheet, column.kind, formats) for column in columns]
    row_index = 0
    for row_index, row in enumerate(rows, 1):
        for column_index, (write, value) in enumerate(zip(writers, row, strict=True)):
            if value is not None and value != "":
                write(row_index, column_index, value)
    sheet.autofilter(0, 0, row_index, len(columns) - 1)


def _number_format(kind: CellKind, formats: SheetFormats) -> str:
    """How Excel shows the cells of a column, and what it makes of a cell that somebody types there later."""
    day_format = EXCEL_DATE_FORMATS[formats.date_format]
    return {
        CellKind.TEXT: "@",
        CellKind.DATE: day_format,
        CellKind.MOMENT: f"{day_format} hh:mm",
        CellKind.AMOUNT: "#,##0.00",
        CellKind.UNIT_PRICE: "#,##0.00####",
        CellKind.PERCENT: "0.00##%",
        CellKind.NUMBER: "General",
        CellKind.COUNT: "#,##0",
        CellKind.YES_NO: "General",
    }[kind]


def _cell_writer(sheet: Any, kind: CellKind, formats: SheetFormats) -> Callable[[int, int, Any], object]:
    """What writes a value of `kind` into a cell of `sheet`, in the format of its column."""

    def write_moment(row: int, column: int, moment: datetime) -> None:
        sheet.write_datetime(row, column, formats.to_local(moment))

    def write_text(row: int, column: int, text: str) -> None:
        sheet.write_string(row, column, keep_apostrophe(text))

    if kind is CellKind.TEXT:
        return write_text
    if kind is CellKind.MOMENT:
        return write_moment
    if kind is CellKind.PERCENT:
        return lambda row, column, percent: sheet.write_number(row, column, float(percent / 100))
    writers: dict[CellKind, Callable[[int, int, Any], object]] = {
        CellKind.DATE: sheet.write_datetime,
        CellKind.YES_NO: sheet.write_boolean,
    }
    write_number: Callable[[int, int, Any], object] = sheet.write_number
    return writers.get(kind, write_number)


def write_table(
    path: Path,
    kind: str,
    columns: Sequence[SheetColumn],
    rows: Iterable[Row],
    formats: SheetFormats,
    extra_sheets: Iterable[ExtraSheet] = (),
) -> None:
    """Write a list to `path` as `kind`, csv or xlsx; only the latter has a place for further sheets."""
    if kind == "csv":
        with path.open("w", encoding="utf-8", newline="") as text:
            write_csv_table(text, columns, rows, formats)
    else:
        with path.open("wb") as binary:
            write_workbook(binary, columns, rows, formats, extra_sheets)

"""The cells of one sheet, row by row, as they are stored."""

import math
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from xml.etree.ElementTree import Element

from customerhub.core.xlsx.package import build_damaged_error
from customerhub.core.xlsx.shared_strings import SharedStrings, text_of, unescape_text
from customerhub.core.xlsx.xml_stream import iterate_elements, local_name

MAX_ROWS: Final = 1_048_576  # what Excel allows
MAX_COLUMNS: Final = 16_384
TRUE_VALUES: Final = ("1", "true")
DAYS_FROM_1904: Final = 1462  # between the two beginnings of time that Excel knows

_MAX_CACHED_NUMBERS = 20_000
_NUMBER = re.compile(r"-?(?:[0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?")
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,40}")
_COLUMN_LETTERS = re.compile(r"[A-Z]{1,3}")
_LAST_SERIAL = 2_958_465  # 31 December 9999


@dataclass(frozen=True, slots=True)
class BadCell:
    """A cell without a usable value; `reason` says why. `stored` is the error of Excel that it holds, such as #N/A."""

    reason: str
    stored: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class FormattedNumber:
    """A whole number that its cell shows with further characters: 42 as 00042 or K-00042."""

    value: int
    text: str


class PercentNumber(float):
    """A number that its cell shows as a percentage: 0.12 as 12 %."""

    @property
    def percent(self) -> Decimal:
        """The number before the sign: 12 of 12 %."""
        return Decimal(float.__repr__(self)) * 100


Number = int | float
Value = str | bool | int | float | FormattedNumber | date | datetime | time
Cell = Value | BadCell | None
NumberFormat = Callable[[int], str]

NO_RESULT = BadCell("The formula has no stored result. Open the file in Excel and save it, or type the value")


def format_cell(cell: Value) -> str:
    """A cell as the text it stands for: a number keeps its digits, a date is written 2025-01-31."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, FormattedNumber):
        return cell.text
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, (int, float)):
        return str(cell) if isinstance(cell, int) else f"{Decimal(float.__repr__(cell)):f}"
    return cell.isoformat(" ") if isinstance(cell, datetime) else cell.isoformat()


def parse_column_letters(letters: str) -> int:
    """The place of a column from 0: A is 0, AA is 26. Raises UnusableFile where there is no such column."""
    if not _COLUMN_LETTERS.fullmatch(letters):
        raise build_damaged_error(f"it has a cell in an invalid column “{letters[:10]}”")
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - 64
    if index > MAX_COLUMNS:
        raise build_damaged_error(f"it has a cell in an invalid column “{letters}”")
    return index - 1


class Sheet:
    """One pass over a sheet: its rows in order, each a number as Excel shows it and the cells that hold something.

    `date_styles` are the cell styles that show a number as a date, `percent_styles` those that show it as a percentage,
    `number_formats` what the others that add characters make of a whole number; `from_1904` where dates count from
    1904. `hidden_rows` are the numbers of the rows read so far that hold something and that Excel does not show.
    """

    def __init__(
        self,
        pieces: Iterable[bytes],
        strings: SharedStrings,
        *,
        date_styles: Container[str] = frozenset(),
        percent_styles: Container[str] = frozenset(),
        number_formats: Mapping[str, NumberFormat] | None = None,
        from_1904: bool = False,
    ) -> None:
        self._pieces = iter(pieces)
        self._strings = strings
        self._date_styles = date_styles
        self._percent_styles = percent_styles
        self._number_formats = number_formats or {}
        self._from_1904 = from_1904
        self._elements = self._iterate_row_elements()
        self._number = 0
        self.hidden_rows: list[int] = []
        self._indexes: dict[str, int] = {}
        self._numbers: dict[str, Number | BadCell] = {}
        self._dates: dict[str, date | datetime | time | BadCell] = {}

    def read_first_row(self) -> tuple[int, dict[int, Cell]]:
        """The first row that is not blank: its number, and its cells by column; (0, {}) where all are blank."""
        for element in self._elements:
            cells = self._read_cells(element)
            if cells:
                return self._number, cells
        return 0, {}

    def read_rows(self, columns: Mapping[int, int], width: int) -> Iterator[tuple[int, list[Cell]]]:
        """The rows that are left and hold something in `columns`: index of the column → place among `width` cells."""
        for element in self._elements:
            cells = self._read_cells(element, columns)
            if cells:
                placed_cells: list[Cell] = [None] * width
                for index, cell in cells.items():
                    placed_cells[columns[index]] = cell
                if element.get("hidden") in TRUE_VALUES or element.get("ht") == "0":
                    self.hidden_rows.append(self._number)
                yield self._number, placed_cells

    def _iterate_row_elements(self) -> Iterator[Element]:
        for batch in iterate_elements(self._pieces, container_name="sheetData"):
            for element in batch:
                if local_name(element.tag) == "row":
                    self._number = self._read_row_number(element)
                    yield element
        for _ in self._pieces:
            pass  # to the end of the part, where its checksum is compared

    def _read_row_number(self, element: Element) -> int:
        number_text = element.get("r")
        if number_text is None:
            number = self._number + 1
        elif number_text.isascii() and number_text.isdigit() and len(number_text) <= 7:
            number = int(number_text)
        else:
            raise build_damaged_error(f"it has an invalid row number “{number_text[:10]}”")
        if not self._number < number <= MAX_ROWS:
            raise build_damaged_error(f"row {number:,} does not follow row {self._number:,}")
        return number

    def _read_cells(self, row: Element, columns: Container[int] | None = None) -> dict[int, Cell]:
        """The cells of `row` that hold something, by column; only those of `columns`."""
        cells: dict[int, Cell] = {}
        column_indexes = self._indexes
        digits = -len(str(self._number))
        index = -1
        for element in row:
            reference = element.get("r")
            if reference is None:
                index += 1
            else:
                letters = reference[:digits]
                if letters not in column_indexes:
                    column_indexes[letters] = parse_column_letters(letters)
                index = column_indexes[letters]
            if (columns is None or index in columns) and len(element):
                cell = self._read_value(element)
                if cell is not None:
                    cells[index] = cell
        return cells

    def _read_value(self, element: Element) -> Cell:
        kind = element.get("t", "n")
        if kind == "inlineStr":
            inline = next((child for child in element if local_name(child.tag) == "is"), None)
            return _text_or_none(text_of(inline)) if inline is not None else None
        stored, has_formula = element[0].text, False
        if len(element) > 1 or not element[0].tag.endswith("}v"):
            stored, has_formula = _read_stored_text(element)
        if not stored:
            return NO_RESULT if has_formula and (stored is None or kind != "str") else None
        if kind == "s":
            return self._read_shared_string(stored)
        if kind == "n":
            return self._read_number(stored, element.get("s"))
        return _read_other_value(kind, stored)

    def _read_shared_string(self, stored: str) -> Cell:
        try:
            return _text_or_none(self._strings[int(stored)])
        except (ValueError, IndexError):
            raise build_damaged_error("a cell refers to a missing text") from None

    def _read_number(self, stored: str, style: str | None) -> Cell:
        if style is not None and style in self._date_styles:
            if stored not in self._dates:
                if len(self._dates) > _MAX_CACHED_NUMBERS:
                    self._dates.clear()
                self._dates[stored] = _parse_moment(_parse_number(stored), self._from_1904)
            return self._dates[stored]
        if stored not in self._numbers:
            if len(self._numbers) > _MAX_CACHED_NUMBERS:
                self._numbers.clear()
            self._numbers[stored] = _parse_number(stored)
        number = self._numbers[stored]
        if style is None or isinstance(number, BadCell):
            return number
        if style in self._percent_styles:
            return PercentNumber(number)
        if style in self._number_formats and isinstance(number, int) and number >= 0:
            return FormattedNumber(number, self._number_formats[style](number))
        return number


def _read_stored_text(element: Element) -> tuple[str | None, bool]:
    """(text of <v>, None where there is none; whether the cell has a formula)."""
    stored, has_formula = None, False
    for child in element:
        name = local_name(child.tag)
        if name == "v":
            stored = child.text or ""
        elif name == "f":
            has_formula = True
    return stored, has_formula


def _text_or_none(text: str) -> str | None:
    return text if text and not text.isspace() else None


def _read_other_value(kind: str, stored: str) -> Cell:
    if kind == "str":
        return _text_or_none(unescape_text(stored) if "_x" in stored else stored)
    if kind == "e":
        return BadCell(f"The cell contains the Excel error {stored[:20]}", stored[:20])
    if kind == "b":
        return stored not in ("0", "false")
    if kind == "d":
        return _parse_iso_moment(stored.strip())
    raise build_damaged_error(f"it has a cell of an unknown type “{kind[:10]}”")


def _parse_iso_moment(stored: str) -> date | datetime | time | BadCell:
    """The day, and the time of day where there is one, that is written in a cell; in whatever zone it is written."""
    try:
        if "-" not in stored[:10]:
            return time.fromisoformat(stored).replace(tzinfo=None)
        moment = datetime.fromisoformat(stored).replace(tzinfo=None)
    except ValueError:
        return BadCell(f"“{stored[:30]}” is not a date")
    return moment if moment.time() != time() else moment.date()


def _parse_number(stored: str) -> Number | BadCell:
    """The number that is stored, with all its digits where it is whole."""
    bare = stored.strip()
    if _WHOLE_NUMBER.fullmatch(bare):
        return int(bare)
    value = float(bare) if _NUMBER.fullmatch(bare) else math.nan
    if not math.isfinite(value):
        return BadCell(f"“{bare[:20]}” is not a number")
    return int(value) if value.is_integer() else value


def _parse_moment(serial: Number | BadCell, from_1904: bool) -> date | datetime | time | BadCell:
    """The day, and the time of day where there is one, that Excel shows for a number."""
    if isinstance(serial, BadCell):
        return serial
    if from_1904:
        serial += DAYS_FROM_1904
    if not 0 <= serial < _LAST_SERIAL + 1:
        return BadCell(f"{serial} is not a date")
    # Excel counts a 29 February 1900, which there was not.
    days, part = divmod(serial + 1 if 1 <= serial < 60 else serial, 1)
    moment = datetime(1899, 12, 30) + timedelta(days=int(days), seconds=round(part * 86_400))  # noqa: DTZ001
    if serial < 1:
        return moment.time()
    return moment if moment.time() != time() else moment.date()

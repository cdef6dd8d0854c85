"""The cells of one sheet, row by row, as they are stored."""

import math
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from xml.etree.ElementTree import Element

from customerhub.customers.importing.elements import elements, local
from customerhub.customers.importing.shared_strings import SharedStrings, text_of, unescaped
from customerhub.customers.importing.zipped import damaged

MOST_ROWS: Final = 1_048_576  # what Excel allows
MOST_COLUMNS: Final = 16_384
DAYS_FROM_1904: Final = 1462  # between the two beginnings of time that Excel knows

_KEPT_NUMBERS = 20_000
_NUMBER = re.compile(r"-?(?:[0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?")
_WHOLE = re.compile(r"-?[0-9]{1,40}")
_LETTERS = re.compile(r"[A-Z]{1,3}")
_LAST_SERIAL = 2_958_465  # 31 December 9999


@dataclass(frozen=True, slots=True)
class BadCell:
    """A cell without a usable value; `reason` says why."""

    reason: str


Number = int | float
Cell = str | int | float | date | datetime | time | BadCell | None

NO_RESULT = BadCell("The formula has no stored result. Open the file in Excel and save it, or type the value")


def as_text(cell: str | int | float | date | datetime | time) -> str:
    """A cell as the text it stands for: a number keeps its digits, a date is written 2025-01-31."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, (int, float)):
        return str(cell) if isinstance(cell, int) else f"{Decimal(repr(cell)):f}"
    return cell.isoformat(" ") if isinstance(cell, datetime) else cell.isoformat()


def column_index(letters: str) -> int:
    """The place of a column from 0: A is 0, AA is 26. Raises Unusable where there is no such column."""
    if not _LETTERS.fullmatch(letters):
        raise damaged(f"it has a cell in a column “{letters[:10]}”")
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - 64
    if index > MOST_COLUMNS:
        raise damaged(f"it has a cell in a column “{letters}”")
    return index - 1


class Sheet:
    """One pass over a sheet: its rows in order, each a number as Excel shows it and the cells that hold something.

    `date_styles` are the cell styles that show a number as a date; `from_1904` where dates count from 1904.
    """

    def __init__(
        self,
        pieces: Iterable[bytes],
        strings: SharedStrings,
        *,
        date_styles: Container[str] = frozenset(),
        from_1904: bool = False,
    ) -> None:
        self._pieces = iter(pieces)
        self._strings = strings
        self._date_styles = date_styles
        self._from_1904 = from_1904
        self._elements = self._row_elements()
        self._number = 0
        self._indexes: dict[str, int] = {}
        self._numbers: dict[str, Number | BadCell] = {}
        self._dates: dict[str, date | datetime | time | BadCell] = {}

    def first_row(self) -> tuple[int, dict[int, Cell]]:
        """The first row that is not blank: its number, and its cells by column; (0, {}) where all are blank."""
        for element in self._elements:
            cells = self._cells(element)
            if cells:
                return self._number, cells
        return 0, {}

    def rows(self, columns: Mapping[int, int], width: int) -> Iterator[tuple[int, list[Cell]]]:
        """The rows that are left and hold something in `columns`: index of the column → place among `width` cells."""
        for element in self._elements:
            cells = self._cells(element, columns)
            if cells:
                placed: list[Cell] = [None] * width
                for index, cell in cells.items():
                    placed[columns[index]] = cell
                yield self._number, placed

    def _row_elements(self) -> Iterator[Element]:
        for batch in elements(self._pieces, inside="sheetData"):
            for element in batch:
                if local(element.tag) == "row":
                    self._number = self._row_number(element)
                    yield element
        for _ in self._pieces:
            pass  # to the end of the part, where its checksum is compared

    def _row_number(self, element: Element) -> int:
        told = element.get("r")
        if told is None:
            number = self._number + 1
        elif told.isascii() and told.isdigit() and len(told) <= 7:
            number = int(told)
        else:
            raise damaged(f"it has a row “{told[:10]}”")
        if not self._number < number <= MOST_ROWS:
            raise damaged(f"row {number:,} does not follow row {self._number:,}")
        return number

    def _cells(self, row: Element, wanted: Container[int] | None = None) -> dict[int, Cell]:
        """The cells of `row` that hold something, by column; only the `wanted` ones."""
        found: dict[int, Cell] = {}
        known = self._indexes
        digits = -len(str(self._number))
        index = -1
        for element in row:
            reference = element.get("r")
            if reference is None:
                index += 1
            else:
                letters = reference[:digits]
                if letters not in known:
                    known[letters] = column_index(letters)
                index = known[letters]
            if (wanted is None or index in wanted) and len(element):
                cell = self._value(element)
                if cell is not None:
                    found[index] = cell
        return found

    def _value(self, element: Element) -> Cell:
        kind = element.get("t", "n")
        if kind == "inlineStr":
            first = element[0]
            return _text(text_of(first)) if local(first.tag) == "is" else None
        stored, has_formula = element[0].text, False
        if len(element) > 1 or not element[0].tag.endswith("}v"):
            stored, has_formula = _stored(element)
        if not stored:
            return NO_RESULT if has_formula and (stored is None or kind != "str") else None
        if kind == "s":
            return self._shared(stored)
        if kind == "n":
            return self._numeric(stored, element.get("s"))
        return _other(kind, stored)

    def _shared(self, stored: str) -> Cell:
        try:
            return _text(self._strings[int(stored)])
        except (ValueError, IndexError):
            raise damaged("a cell refers to a text that is not there") from None

    def _numeric(self, stored: str, style: str | None) -> Cell:
        if style is not None and style in self._date_styles:
            if stored not in self._dates:
                if len(self._dates) > _KEPT_NUMBERS:
                    self._dates.clear()
                self._dates[stored] = _moment(_number(stored), self._from_1904)
            return self._dates[stored]
        if stored not in self._numbers:
            if len(self._numbers) > _KEPT_NUMBERS:
                self._numbers.clear()
            self._numbers[stored] = _number(stored)
        return self._numbers[stored]


def _stored(element: Element) -> tuple[str | None, bool]:
    """(text of <v>, None where there is none; whether the cell has a formula)."""
    stored, has_formula = None, False
    for child in element:
        name = local(child.tag)
        if name == "v":
            stored = child.text or ""
        elif name == "f":
            has_formula = True
    return stored, has_formula


def _text(text: str) -> str | None:
    return text if text and not text.isspace() else None


def _other(kind: str, stored: str) -> Cell:
    if kind == "str":
        return _text(unescaped(stored) if "_x" in stored else stored)
    if kind == "e":
        return BadCell(f"The cell holds Excel's error {stored[:20]}")
    if kind == "b":
        return "FALSE" if stored == "0" else "TRUE"
    if kind == "d":
        return stored.removesuffix("Z").removesuffix("T00:00:00")
    raise damaged(f"it has a cell of the kind “{kind[:10]}”")


def _number(stored: str) -> Number | BadCell:
    """The number that is stored, with all its digits where it is whole."""
    bare = stored.strip()
    if _WHOLE.fullmatch(bare):
        return int(bare)
    value = float(bare) if _NUMBER.fullmatch(bare) else math.nan
    if not math.isfinite(value):
        return BadCell(f"“{bare[:20]}” is not a number")
    return int(value) if value.is_integer() else value


def _moment(serial: Number | BadCell, from_1904: bool) -> date | datetime | time | BadCell:
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

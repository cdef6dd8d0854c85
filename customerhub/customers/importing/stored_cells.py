"""Cells of rows in error, kept as what they are, so that the workbook of these rows gives back the same cells.

A text is kept as a text, a number and TRUE as such, and all else as [kind, …]: what JSON holds.
"""

from datetime import date, datetime, time
from typing import Any, Final

from customerhub.core.xlsx.sheet import BadCell, Cell, FormattedNumber, PercentNumber
from customerhub.core.xlsx.styles import parse_number_format

StoredCell = str | bool | int | float | list[Any]

FROM_1904: Final = "(dates from 1904)"  # what stands beside the cells of a row whose workbook counts so, as no header

_UNPRINTABLE_REPLACEMENTS: Final = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127), "\N{REPLACEMENT CHARACTER}")
_LONGEST_FORMATTED: Final = 40  # characters
_LARGEST_INTEGER: Final = 2**53  # beyond it JSON of others, and a float, no longer hold every whole number


def replace_unprintable(text: str) -> str:
    """`text` without what no database and no page can show."""
    return text.translate(_UNPRINTABLE_REPLACEMENTS)


def store_cell(cell: Cell) -> StoredCell | None:
    """`cell` as it is kept; None where it is blank."""
    if isinstance(cell, str):
        return replace_unprintable(cell)
    if isinstance(cell, BadCell):
        return ["bad", cell.stored]
    if isinstance(cell, FormattedNumber):
        return ["formatted", str(cell.value), cell.text]
    if isinstance(cell, PercentNumber):
        return ["percent", float.__repr__(cell)]
    if isinstance(cell, int) and abs(cell) > _LARGEST_INTEGER:
        return ["number", str(cell)]
    if isinstance(cell, datetime):
        return ["moment", cell.isoformat()]
    if isinstance(cell, (date, time)):
        return ["date" if isinstance(cell, date) else "time", cell.isoformat()]
    return cell


def restore_cell(stored: StoredCell | None) -> Cell:
    """The cell that `store_cell` kept."""
    if not isinstance(stored, list):
        return stored
    kind, text = stored[0], stored[1]
    if kind == "formatted":
        return FormattedNumber(int(text), stored[2])
    if kind == "percent":
        return PercentNumber(text)
    if kind == "number":
        return int(text)
    if kind == "bad":
        return BadCell("", text)
    if kind == "moment":
        return datetime.fromisoformat(text)
    return date.fromisoformat(text) if kind == "date" else time.fromisoformat(text)


def find_number_format(number: FormattedNumber) -> str | None:
    """A format of Excel in which the cell of `number` shows what it showed; None where no simple one does."""
    text = number.text
    if len(text) > _LONGEST_FORMATTED:
        return None
    candidates = [f"{_fix_text(text)}#"] if number.value == 0 else []
    candidates += [
        f"{_fix_text(text[:start])}{_leave_places(text[start:end])}{_fix_text(text[end:])}"
        for end in range(len(text), 0, -1)
        for start in range(end)
    ]
    for code in candidates:
        format_number = parse_number_format(code)
        if format_number is not None and format_number(number.value) == text:
            return code
    return None


def _fix_text(text: str) -> str:
    """The part of a format that shows `text` whatever the number is."""
    return "".join(f"\\{character}" for character in text)


def _leave_places(text: str) -> str:
    """The part of a format that shows `text` where its digits are those of the number."""
    return "".join("0" if character in "0123456789" else f"\\{character}" for character in text)

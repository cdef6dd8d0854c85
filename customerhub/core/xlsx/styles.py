"""What the styles of a workbook show of a number: a date, a percentage, or characters beside its digits."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from customerhub.core.xlsx.sheet import NumberFormat
from customerhub.core.xlsx.xml_stream import iterate_elements

_DATE_IDS: Final = frozenset({*range(14, 23), *range(27, 37), 45, 46, 47, *range(50, 59)})  # Excel's own date formats
_PERCENT_IDS: Final = frozenset({9, 10})  # Excel's own percentages
_NOT_IN_FORMAT = re.compile(r'"[^"]*"?|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)

# A format of digits and fixed characters only. A point, comma, % or E changes how a number is written, not what it is.
_NOT_SHOWN = re.compile(
    r"\[(?:\$-[0-9A-Fa-f]*|Black|Blue|Cyan|Green|Magenta|Red|White|Yellow|Color ?[0-9]+)\]", re.IGNORECASE
)
_FORMAT_PART = re.compile(r'(?P<digit>[0#?])|"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|(?P<plain>[-+/() :$&~{}<>=^\'!])')


@dataclass(frozen=True)
class Styles:
    """What cell styles show of a number, by number of the style: a date or a time, a percentage, or what the format
    makes of a whole number.
    """

    dates: frozenset[str] = frozenset()
    percents: frozenset[str] = frozenset()
    number_formats: Mapping[str, NumberFormat] = field(default_factory=dict)


def load_styles(open_part: Callable[[], Iterable[bytes]]) -> Styles:
    """The styles of a workbook.

    The part is read twice, for its formats and for its styles, so that neither is in memory whole.
    """
    codes = {
        int(entry.get("numFmtId", "")): entry.get("formatCode", "")
        for batch in iterate_elements(open_part(), container_name="numFmts")
        for entry in batch
        if entry.get("numFmtId", "").isdecimal()
    }
    date_ids, percent_ids, formats = _read_codes(codes)
    date_styles: set[str] = set()
    percent_styles: set[str] = set()
    number_formats: dict[str, NumberFormat] = {}
    style = 0
    for batch in iterate_elements(open_part(), container_name="cellXfs"):
        for entry in batch:
            format_id = entry.get("numFmtId", "")
            if format_id.isdecimal() and int(format_id) in date_ids:
                date_styles.add(str(style))
            elif format_id.isdecimal() and int(format_id) in percent_ids:
                percent_styles.add(str(style))
            elif format_id.isdecimal() and int(format_id) in formats:
                number_formats[str(style)] = formats[int(format_id)]
            style += 1
    return Styles(frozenset(date_styles), frozenset(percent_styles), number_formats)


def _read_codes(codes: Mapping[int, str]) -> tuple[set[int], set[int], dict[int, NumberFormat]]:
    """The ids of formats of days and of percentages, and the formats that add characters, by id."""
    date_ids, percent_ids, formats = set(_DATE_IDS), set(_PERCENT_IDS), {}
    for format_id, code in codes.items():
        (date_ids.add if is_date_format(code) else date_ids.discard)(format_id)
        (percent_ids.add if is_percent_format(code) else percent_ids.discard)(format_id)
        number_format = parse_number_format(code)
        if number_format is not None:
            formats[format_id] = number_format
    return date_ids, percent_ids, formats


def is_date_format(code: str) -> bool:
    """Whether a number format shows days or hours: dd/mm/yyyy does, 0.00 and "day" 0 do not."""
    first = _NOT_IN_FORMAT.sub("", code).split(";")[0].lower()
    return any(letter in first for letter in "dmyhs") and "general" not in first


def is_percent_format(code: str) -> bool:
    """Whether a number format shows a hundredth as one percent: 0.00% does, 0"%" does not."""
    return "%" in _NOT_IN_FORMAT.sub("", code).split(";")[0]


def parse_number_format(code: str) -> NumberFormat | None:
    """What `code` makes of a whole number from 0 on: 00000 makes 42 to 00042, "K-"00000 to K-00042.

    None where it shows the digits alone, and where it has more than digits and fixed characters.
    """
    parts: list[tuple[bool, str]] = []  # (whether it stands for a digit, the character or text)
    position, section = 0, _NOT_SHOWN.sub("", code)
    while position < len(section) and section[position] != ";":
        match = _FORMAT_PART.match(section, position)
        if match is None:
            return None
        parts.append((match["digit"] is not None, match[match.lastgroup or 0]))
        position = match.end()
    places = [text for is_digit, text in parts if is_digit]
    if not places or (len(places) == len(parts) and places.count("0") <= 1):
        return None
    return lambda number: _format_number(number, parts, len(places))


def _format_number(number: int, parts: list[tuple[bool, str]], places: int) -> str:
    """Digits fill the places from the right; those for which there is no place come before the first."""
    digits = str(number) if number else ""
    surplus, rest = digits[: max(len(digits) - places, 0)], digits[-places:].rjust(places)
    fillers = {"0": "0", "?": " ", "#": ""}
    figures = [fillers[place] if digit == " " else digit for digit, place in zip(rest, _places_of(parts), strict=True)]
    figures[0] = surplus + figures[0]
    remaining = iter(figures)
    return "".join(next(remaining) if is_digit else text for is_digit, text in parts)


def _places_of(parts: list[tuple[bool, str]]) -> Iterable[str]:
    return (text for is_digit, text in parts if is_digit)

"""How an organisation writes dates, and how dates that people write are read."""

import calendar
import re
from datetime import date, datetime, timedelta
from typing import Final

from dateutil.relativedelta import relativedelta

from customerhub.core.errors import Invalid, quote_text
from models.enums import DateFormat

EARLIEST_DATE, LATEST_DATE = date(1900, 1, 1), date(2199, 12, 31)
EARLIEST_SERIAL_DATE = date(1970, 1, 1)  # before it a number is rather a year or digits that lost their separators

DATE_PATTERNS: Final = {
    DateFormat.DAY_MONTH_YEAR: "%d/%m/%Y",
    DateFormat.DAY_DOT_MONTH: "%d.%m.%Y",
    DateFormat.MONTH_DAY_YEAR: "%m/%d/%Y",
    DateFormat.ISO: "%Y-%m-%d",
    DateFormat.SPOKEN: "%-d %b %Y",
}

EXCEL_DATE_FORMATS: Final = {
    DateFormat.DAY_MONTH_YEAR: "dd/mm/yyyy",
    DateFormat.DAY_DOT_MONTH: "dd.mm.yyyy",
    DateFormat.MONTH_DAY_YEAR: "mm/dd/yyyy",
    DateFormat.ISO: "yyyy-mm-dd",
    DateFormat.SPOKEN: "d mmm yyyy",
}

# Which of the first two figures of 03/04/2025 is the day for an organisation; 2025-04-03 decides nothing.
_MONTH_FIRST: Final = frozenset({DateFormat.MONTH_DAY_YEAR})
_DAY_FIRST: Final = frozenset({DateFormat.DAY_MONTH_YEAR, DateFormat.DAY_DOT_MONTH, DateFormat.SPOKEN})
_EXAMPLE_DATE: Final = date(2025, 1, 31)
_EXCEL_EPOCH: Final = date(1899, 12, 30)

_YEAR_FIRST = re.compile(
    r"([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})(?:[T ]00:00(?::00(?:\.0{1,9})?)?(?:Z|[+-]00:?00)?)?"
)
_YEAR_LAST = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4})")
_DAY_NAME_YEAR = re.compile(r"([0-9]{1,2})\.? +([A-Za-z]{3,9})\.?,? +([0-9]{4})")
_NAME_DAY_YEAR = re.compile(r"([A-Za-z]{3,9})\.? +([0-9]{1,2}),? +([0-9]{4})")
_SERIAL = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,20})?")
_MONTHS: Final = {
    name.casefold(): month
    for names in (calendar.month_name, calendar.month_abbr)
    for month, name in enumerate(names)
    if name
} | {"sept": 9}


def format_date(day: date, date_format: DateFormat) -> str:
    """`day` as an organisation that chose `form` writes it."""
    return day.strftime(DATE_PATTERNS[date_format])


def add_months(anchor: date, months: int) -> date:
    """`anchor` moved on by whole months, clamped to the month's length: 31 January + 1 is 28 February.

    Raises ValueError where that is no day of the years 1 to 9999.
    """
    moved: date = anchor + relativedelta(months=months)
    return moved


def end_of_month(day: date) -> date:
    """The last day of the month of `day`."""
    last: date = day + relativedelta(day=31)
    return last


def describe_date_examples(date_format: DateFormat) -> str:
    """How dates are to be written: "31/01/2025 or 2025-01-31"."""
    return " or ".join(dict.fromkeys((format_date(_EXAMPLE_DATE, date_format), _EXAMPLE_DATE.isoformat())))


def parse_date(text: str, date_format: DateFormat) -> date | None:
    """The day that `text` writes, from 1900 to 2199, for an organisation that writes dates in `date_format`.

    2025-01-31 and 31 Jan 2025 are read everywhere, 03/04/2025 as the organisation writes its own dates, and Excel's
    serial number as by `date_from_serial`. None for a blank text. Raises Invalid for anything else, and for a date
    with two readings where the organisation's own format decides nothing.
    """
    bare = text.strip()
    if not bare:
        return None
    hint = f"write it as {describe_date_examples(date_format)}"
    if _SERIAL.fullmatch(bare):
        return date_from_serial(float(bare))
    try:
        day = _read_figures(bare, date_format) or _read_words(bare)
    except ValueError:
        raise Invalid(f"{quote_text(bare)} is not a valid date: {hint}") from None
    if day is None:
        raise Invalid(f"{quote_text(bare)} is not a date: {hint}")
    return require_date_in_range(day)


def _read_figures(text: str, date_format: DateFormat) -> date | None:
    """Raises ValueError where there is no such day."""
    if match := _YEAR_FIRST.fullmatch(text):
        return date(int(match[1]), int(match[3]), int(match[4]))
    match = _YEAR_LAST.fullmatch(text)
    if match is None:
        return None
    first, second, year = int(match[1]), int(match[3]), int(match[4])
    if date_format in _DAY_FIRST:
        return date(year, second, first)
    if date_format in _MONTH_FIRST and match[2] != ".":
        return date(year, first, second)
    if first > 12 or first == second:
        return date(year, second, first)
    if second > 12:
        return date(year, first, second)
    readings = " or ".join(f"{day:%-d %B %Y}" for day in (date(year, second, first), date(year, first, second)))
    raise Invalid(
        f"{quote_text(text)} can be {readings}: write it as {format_date(date(year, second, first), date_format)}"
        f" or {format_date(date(year, first, second), date_format)}"
    )


def _read_words(text: str) -> date | None:
    """31 Jan 2025 or Jan 31, 2025, the month in English. Raises ValueError where there is no such day."""
    if match := _DAY_NAME_YEAR.fullmatch(text):
        day, name, year = match.groups()
    elif match := _NAME_DAY_YEAR.fullmatch(text):
        name, day, year = match.groups()
    else:
        return None
    month = _MONTHS.get(name.casefold())
    return date(int(year), month, int(day)) if month else None


def date_from_serial(number: float, *, day_offset: int = 0) -> date:
    """The day behind Excel's serial number, such as 45688, where the cell does not say that it is a date: from 1970 on.

    `day_offset` is added where days count from another beginning. A time of day is dropped. Raises Invalid for smaller
    numbers: 2025 is a year, which as a serial number is in 1905.
    """
    if EARLIEST_DATE.year <= number <= LATEST_DATE.year:
        raise Invalid(f"{number:g} is a year, not a date: write day, month and year")
    try:
        day = _EXCEL_EPOCH + timedelta(days=int(number) + day_offset)
    except OverflowError:
        raise Invalid(f"{number:g} is not a date") from None
    if day < EARLIEST_SERIAL_DATE:
        raise Invalid(f"{number:g} is a number, not a date: write day, month and year")
    return require_date_in_range(day)


def require_date_in_range(day: date) -> date:
    """`day` where it lies from 1900 to 2199. Raises Invalid elsewhere."""
    bare = day.date() if isinstance(day, datetime) else day
    if not EARLIEST_DATE <= bare <= LATEST_DATE:
        raise Invalid(f"The year {bare.year} is out of range: {EARLIEST_DATE.year} to {LATEST_DATE.year}")
    return bare

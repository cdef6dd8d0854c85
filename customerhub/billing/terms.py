"""When an invoice is due. Pure calendar: no database, and no today. Calendar days only: no holidays, one due date."""

import calendar
from datetime import date, timedelta
from typing import Final

MAX_DAYS: Final = 365
FIRST_FIXED_DAY, LAST_FIXED_DAY = -28, 31


def calculate_due_date(invoice_date: date, *, days: int, fixed_day: int | None = None) -> date:
    """The due date of an invoice: so many `days` after its date, then the next `fixed_day` on or after that, if there
    is one.

    A fixed day beyond a month's length is the month's last day; one below zero counts from the month's end, with -1
    for the last day. An invoice of the fixed day itself is due that day. Raises ValueError for terms out of range,
    OverflowError where the day lies beyond the calendar.
    """
    check_terms(days, fixed_day)
    earliest = invoice_date + timedelta(days=days)
    if fixed_day is None:
        return earliest
    this_month = _find_day(earliest.year, earliest.month, fixed_day)
    if this_month >= earliest:
        return this_month
    next_month = earliest.replace(day=1) + timedelta(days=31)
    return _find_day(next_month.year, next_month.month, fixed_day)


def check_terms(days: int, fixed_day: int | None) -> None:
    """Raises ValueError for terms that there are not."""
    if not 0 <= days <= MAX_DAYS:
        raise ValueError(f"days is {days}: 0 to {MAX_DAYS}")
    if fixed_day is not None and (fixed_day == 0 or not FIRST_FIXED_DAY <= fixed_day <= LAST_FIXED_DAY):
        raise ValueError(
            f"fixed_day is {fixed_day}: 1 to {LAST_FIXED_DAY}, or -1 to {FIRST_FIXED_DAY} from the month's end"
        )


def _find_day(year: int, month: int, fixed_day: int) -> date:
    last = calendar.monthrange(year, month)[1]
    return date(year, month, min(fixed_day, last) if fixed_day > 0 else last + 1 + fixed_day)

"""When a customer is due for review. Pure."""

import calendar
from collections.abc import Iterator
from datetime import date
from itertools import count, islice


def after_months(anchor: date, months: int) -> date:
    """`anchor` moved on by whole months, clamped to the month's length: 31 January + 1 is 28 February."""
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    return date(year, month + 1, min(anchor.day, calendar.monthrange(year, month + 1)[1]))


def review_dates(start: date, frequency: int) -> Iterator[date]:
    """The days on which reviews are due: `start` + k x `frequency` months, each counted from `start`."""
    return (after_months(start, step * frequency) for step in count())


def next_reviews(start: date, frequency: int, as_of: date, how_many: int = 3) -> list[date]:
    """The next `how_many` days on which a review is due, `as_of` among them if it is one."""
    passed = max((as_of.year - start.year) * 12 + as_of.month - start.month, 0) // frequency
    first = max(passed - 1, 0)
    upcoming = (after_months(start, step * frequency) for step in count(first))
    return list(islice((day for day in upcoming if day >= as_of), how_many))

"""When a customer is due for review, and which due date a review answers. Pure."""

import calendar
from collections.abc import Container, Iterator
from datetime import date, timedelta
from itertools import count, islice
from typing import Final

EARLIEST_DAYS: Final = 30  # a review done at most that long before it is due answers it


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


def latest_review(start: date, frequency: int, as_of: date) -> date | None:
    """The last day up to `as_of` on which a review was due; None where none was due yet."""
    if start > as_of:
        return None
    step = ((as_of.year - start.year) * 12 + as_of.month - start.month) // frequency
    due = after_months(start, step * frequency)
    return due if due <= as_of else after_months(start, (step - 1) * frequency)


def is_answered(due: date, last_answered: date | None) -> bool:
    """Whether a review that was due on `due` is done: it was answered, or one that was due later, by another plan."""
    return last_answered is not None and last_answered >= due


def waiting_review(start: date, frequency: int, as_of: date, last_answered: date | None) -> date | None:
    """The last day up to `as_of` on which a review was due that nobody has done; None where there is none."""
    due = latest_review(start, frequency, as_of)
    return None if due is None or is_answered(due, last_answered) else due


def answered_date(start: date, frequency: int, done_on: date, answered: Container[date]) -> date | None:
    """The due date that a review done on `done_on` answers: the latest one, where no other review did so, else the next
    one, where it is near: at most half of the time between two reviews ahead, and at most EARLIEST_DAYS.
    """
    latest = latest_review(start, frequency, done_on)
    if latest is not None and latest not in answered:
        return latest
    (following,) = next_reviews(start, frequency, done_on + timedelta(days=1), 1)
    ahead = (following - done_on).days
    is_near = ahead <= EARLIEST_DAYS and (latest is None or 2 * ahead <= (following - latest).days)
    return following if is_near and following not in answered else None


def is_overdue(due: date, known_since: date, grace_days: int, as_of: date) -> bool:
    """Whether a review that was due on `due`, of a customer in the books since `known_since`, is overdue."""
    return as_of > max(due, known_since) + timedelta(days=grace_days)

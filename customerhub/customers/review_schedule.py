"""When a customer is due for review, and which due date a review answers. Pure."""

from collections.abc import Container, Iterator
from datetime import date, timedelta
from itertools import count, islice
from typing import Final

from customerhub.core.dates import add_months

MAX_DAYS_EARLY: Final = 30  # a review done at most that long before it is due answers it


def iterate_due_dates(start: date, frequency: int) -> Iterator[date]:
    """The days on which reviews are due: `start` + k x `frequency` months, each counted from `start`."""
    return (add_months(start, step * frequency) for step in count())


def list_next_due_dates(start: date, frequency: int, as_of: date, how_many: int = 3) -> list[date]:
    """The next `how_many` days on which a review is due, `as_of` among them if it is one."""
    completed_periods = max((as_of.year - start.year) * 12 + as_of.month - start.month, 0) // frequency
    first = max(completed_periods - 1, 0)
    upcoming = (add_months(start, step * frequency) for step in count(first))
    return list(islice((day for day in upcoming if day >= as_of), how_many))


def find_latest_due_date(start: date, frequency: int, as_of: date) -> date | None:
    """The last day up to `as_of` on which a review was due; None where none was due yet."""
    if start > as_of:
        return None
    step = ((as_of.year - start.year) * 12 + as_of.month - start.month) // frequency
    due = add_months(start, step * frequency)
    return due if due <= as_of else add_months(start, (step - 1) * frequency)


def is_answered(due: date, last_answered: date | None) -> bool:
    """Whether a review that was due on `due` is done: it was answered, or one that was due later, by another plan."""
    return last_answered is not None and last_answered >= due


def find_unanswered_due_date(start: date, frequency: int, as_of: date, last_answered: date | None) -> date | None:
    """The last day up to `as_of` on which a review was due that nobody has done; None where there is none."""
    due = find_latest_due_date(start, frequency, as_of)
    return None if due is None or is_answered(due, last_answered) else due


def find_answered_due_date(start: date, frequency: int, done_on: date, answered_dates: Container[date]) -> date | None:
    """The due date that a review done on `done_on` answers: the latest one, where no other review did so, else the next
    one, where it is near: at most half of the time between two reviews ahead, and at most EARLIEST_DAYS.
    """
    latest = find_latest_due_date(start, frequency, done_on)
    if latest is not None and latest not in answered_dates:
        return latest
    (next_due_date,) = list_next_due_dates(start, frequency, done_on + timedelta(days=1), 1)
    days_ahead = (next_due_date - done_on).days
    is_near = days_ahead <= MAX_DAYS_EARLY and (latest is None or 2 * days_ahead <= (next_due_date - latest).days)
    return next_due_date if is_near and next_due_date not in answered_dates else None


def is_overdue(due: date, known_since: date, grace_days: int, as_of: date) -> bool:
    """Whether a review that was due on `due`, of a customer in the books since `known_since`, is overdue."""
    return as_of > max(due, known_since) + timedelta(days=grace_days)

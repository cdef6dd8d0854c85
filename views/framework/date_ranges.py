"""Spans of days by their names, as lists are filtered by: this month, the next 30 days."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import NamedTuple

from dateutil.relativedelta import MO, relativedelta


class Span(NamedTuple):
    """From the first day to the last, both included; None is without end."""

    first: date | None
    last: date | None


def list_date_ranges() -> list[tuple[str, str]]:
    """(name, label) of every span of days."""
    return [(name, label) for name, (label, _) in _RANGES.items()]


def find_date_range(name: str, today: date) -> Span | None:
    """The days of the span called `name`, as seen on `today`; None where there is none of that name."""
    _, build_span = _RANGES.get(name, ("", None))
    return build_span(today) if build_span else None


def _build_day(offset: int) -> Callable[[date], Span]:
    return lambda today: Span(today + timedelta(offset), today + timedelta(offset))


def _build_week(offset: int) -> Callable[[date], Span]:
    """Weeks begin on Monday."""

    def build_span(today: date) -> Span:
        monday = today + relativedelta(weekday=MO(-1)) + timedelta(weeks=offset)
        return Span(monday, monday + timedelta(days=6))

    return build_span


def _build_months(length: int, offset: int) -> Callable[[date], Span]:
    """The calendar month, quarter or year of `length` months that `today` is in, or one `offset` from it."""

    def build_span(today: date) -> Span:
        first_month = (today.month - 1) // length * length + 1
        first = today.replace(month=first_month, day=1) + relativedelta(months=length * offset)
        return Span(first, first + relativedelta(months=length, days=-1))

    return build_span


_RANGES: dict[str, tuple[str, Callable[[date], Span]]] = {
    "today": ("today", _build_day(0)),
    "yesterday": ("yesterday", _build_day(-1)),
    "tomorrow": ("tomorrow", _build_day(1)),
    "this_week": ("this week", _build_week(0)),
    "last_week": ("last week", _build_week(-1)),
    "next_week": ("next week", _build_week(1)),
    "this_month": ("this month", _build_months(1, 0)),
    "last_month": ("last month", _build_months(1, -1)),
    "next_month": ("next month", _build_months(1, 1)),
    "this_quarter": ("this quarter", _build_months(3, 0)),
    "last_quarter": ("last quarter", _build_months(3, -1)),
    "this_year": ("this year", _build_months(12, 0)),
    "last_year": ("last year", _build_months(12, -1)),
    "last_7_days": ("last 7 days", lambda today: Span(today - timedelta(days=6), today)),
    "last_30_days": ("last 30 days", lambda today: Span(today - timedelta(days=29), today)),
    "next_7_days": ("next 7 days", lambda today: Span(today, today + timedelta(days=6))),
    "next_30_days": ("next 30 days", lambda today: Span(today, today + timedelta(days=29))),
    "next_90_days": ("next 90 days", lambda today: Span(today, today + timedelta(days=89))),
    "until_today": ("today or before", lambda today: Span(None, today)),
    "past": ("before today", lambda today: Span(None, today - timedelta(days=1))),
    "future": ("after today", lambda today: Span(today + timedelta(days=1), None)),
}

"""Spans of days, against counting days one by one."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from views.framework.date_ranges import find_date_range, list_date_ranges

DAYS = st.dates(date(1990, 1, 1), date(2090, 12, 31))


def describe_week(day: date) -> tuple[int, int]:
    return day.isocalendar()[:2]


def count_months(day: date) -> int:
    return day.year * 12 + day.month - 1


def count_quarters(day: date) -> int:
    return count_months(day) // 3


# Whether a day belongs to a span, seen from today.
BELONGS = {
    "today": lambda day, today: day == today,
    "yesterday": lambda day, today: (today - day).days == 1,
    "tomorrow": lambda day, today: (day - today).days == 1,
    "this_week": lambda day, today: describe_week(day) == describe_week(today),
    "last_week": lambda day, today: describe_week(day) == describe_week(today - timedelta(7)),
    "next_week": lambda day, today: describe_week(day) == describe_week(today + timedelta(7)),
    "this_month": lambda day, today: count_months(day) == count_months(today),
    "last_month": lambda day, today: count_months(day) == count_months(today) - 1,
    "next_month": lambda day, today: count_months(day) == count_months(today) + 1,
    "this_quarter": lambda day, today: count_quarters(day) == count_quarters(today),
    "last_quarter": lambda day, today: count_quarters(day) == count_quarters(today) - 1,
    "this_year": lambda day, today: day.year == today.year,
    "last_year": lambda day, today: day.year == today.year - 1,
    "last_7_days": lambda day, today: 0 <= (today - day).days < 7,
    "last_30_days": lambda day, today: 0 <= (today - day).days < 30,
    "next_7_days": lambda day, today: 0 <= (day - today).days < 7,
    "next_30_days": lambda day, today: 0 <= (day - today).days < 30,
    "next_90_days": lambda day, today: 0 <= (day - today).days < 90,
    "until_today": lambda day, today: day <= today,
    "past": lambda day, today: day < today,
    "future": lambda day, today: day > today,
}


def test_every_span_is_checked_here():
    assert list(BELONGS) == [name for name, _ in list_date_ranges()]
    assert find_date_range("nothing", date(2026, 1, 1)) is None


@pytest.mark.parametrize("name", BELONGS)
@given(today=DAYS, distance=st.integers(-800, 800))
def test_a_span_has_the_days_that_it_names(name: str, today: date, distance: int):
    span = find_date_range(name, today)
    assert span is not None
    edges = [edge for edge in span if edge is not None]
    days = [today + timedelta(distance), *edges, *(edge + timedelta(step) for edge in edges for step in (-1, 1))]
    for day in days:
        is_within = (span.first is None or span.first <= day) and (span.last is None or day <= span.last)
        assert is_within == BELONGS[name](day, today), day

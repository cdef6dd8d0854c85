"""When customers are due for review, against a slow calendar of our own."""

from datetime import date, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customerhub.customers.reviews import after_months, next_reviews, review_dates

DAYS = st.dates(date(1900, 1, 1), date(2199, 12, 31))


def slow_after_months(anchor: date, months: int) -> date:
    """Walk over the calendar day by day: to the wanted month, and in it as far as the anchor's day or its end."""
    day = anchor.replace(day=1)
    for _ in range(months):
        day += timedelta(days=31)
        day = day.replace(day=1)
    wanted = day
    while wanted.day < anchor.day and (wanted + timedelta(days=1)).month == day.month:
        wanted += timedelta(days=1)
    return wanted


def slow_next_reviews(start: date, frequency: int, as_of: date, how_many: int) -> list[date]:
    due, months = [], 0
    while len(due) < how_many:
        day = slow_after_months(start, months)
        if day >= as_of:
            due.append(day)
        months += frequency
    return due


@pytest.mark.parametrize(
    ("anchor", "months", "day"),
    [
        ("2025-01-31", 1, "2025-02-28"),
        ("2024-01-31", 1, "2024-02-29"),
        ("2025-01-31", 2, "2025-03-31"),
        ("2025-12-31", 2, "2026-02-28"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2025-05-31", 0, "2025-05-31"),
        ("2025-03-31", -1, "2025-02-28"),
        ("2025-01-15", -13, "2023-12-15"),
    ],
)
def test_months_are_clamped_to_their_length(anchor, months, day):
    assert after_months(date.fromisoformat(anchor), months) == date.fromisoformat(day)


@given(DAYS, st.integers(0, 60))
def test_months_against_the_slow_calendar(anchor, months):
    assert after_months(anchor, months) == slow_after_months(anchor, months)


def test_each_date_counts_from_the_start_and_not_from_the_clamped_one_before():
    dates = islice(review_dates(date(2025, 1, 31), 1), 4)
    assert [day.day for day in dates] == [31, 28, 31, 30]


@given(DAYS, st.integers(1, 12), st.integers(-400, 4000), st.integers(1, 4))
def test_next_reviews_against_the_slow_calendar(start, frequency, days, how_many):
    as_of = start + timedelta(days=days)
    expected = slow_next_reviews(start, frequency, as_of, how_many)
    assert next_reviews(start, frequency, as_of, how_many) == expected


@pytest.mark.parametrize(
    ("as_of", "first"),
    [
        ("2025-04-30", "2025-04-30"),
        ("2025-05-01", "2025-07-31"),
        ("2024-06-01", "2025-01-31"),
        ("2025-02-01", "2025-04-30"),
    ],
)
def test_a_review_due_today_is_among_the_next(as_of, first):
    assert next_reviews(date(2025, 1, 31), 3, date.fromisoformat(as_of))[0] == date.fromisoformat(first)


def test_a_start_far_in_the_past_is_quick():
    assert next_reviews(date(1900, 1, 31), 1, date(2199, 11, 30)) == [
        date(2199, 11, 30), date(2199, 12, 31), date(2200, 1, 31)
    ]  # fmt: skip

"""When customers are due for review, against a slow calendar of our own."""

from datetime import date, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customerhub.core.dates import add_months, end_of_month
from customerhub.customers.review_schedule import (
    find_answered_due_date,
    find_latest_due_date,
    is_overdue,
    iterate_due_dates,
    list_next_due_dates,
)

DAYS = st.dates(date(1900, 1, 1), date(2199, 12, 31))


def slow_after_months(anchor: date, months: int) -> date:
    """Walk over the calendar day by day: to the wanted month, and in it as far as the anchor's day or its end."""
    day = anchor.replace(day=1)
    for _ in range(months):
        day += timedelta(days=31)
        day = day.replace(day=1)
    target = day
    while target.day < anchor.day and (target + timedelta(days=1)).month == day.month:
        target += timedelta(days=1)
    return target


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
        ("2000-01-31", 1, "2000-02-29"),
        ("1900-01-31", 1, "1900-02-28"),
        ("2025-12-31", 1, "2026-01-31"),
        ("2026-01-01", -1, "2025-12-01"),
        ("2025-08-31", 18, "2027-02-28"),
        ("9999-11-30", 1, "9999-12-30"),
        ("0001-02-28", -1, "0001-01-28"),
    ],
)
def test_months_are_clamped_to_their_length(anchor, months, day):
    assert add_months(date.fromisoformat(anchor), months) == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("anchor", "months"), [("9999-12-01", 1), ("0001-01-31", -1), ("2025-01-31", 10**9), ("2025-01-31", -(10**9))]
)
def test_a_month_that_no_calendar_has_is_refused(anchor, months):
    with pytest.raises(ValueError, match=r"^year -?\d+ is out of range$"):
        add_months(date.fromisoformat(anchor), months)


@given(DAYS, st.integers(0, 60))
def test_months_against_the_slow_calendar(anchor, months):
    assert add_months(anchor, months) == slow_after_months(anchor, months)


@given(DAYS)
def test_a_month_ends_before_the_next_begins(day):
    assert end_of_month(day) == slow_after_months(day.replace(day=1), 1) - timedelta(days=1)


def test_each_date_counts_from_the_start_and_not_from_the_clamped_one_before():
    dates = islice(iterate_due_dates(date(2025, 1, 31), 1), 4)
    assert [day.day for day in dates] == [31, 28, 31, 30]


@given(DAYS, st.integers(1, 12), st.integers(-400, 4000), st.integers(1, 4))
def test_next_reviews_against_the_slow_calendar(start, frequency, days, how_many):
    as_of = start + timedelta(days=days)
    expected = slow_next_reviews(start, frequency, as_of, how_many)
    assert list_next_due_dates(start, frequency, as_of, how_many) == expected


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
    assert list_next_due_dates(date(2025, 1, 31), 3, date.fromisoformat(as_of))[0] == date.fromisoformat(first)


def test_a_start_far_in_the_past_is_quick():
    assert list_next_due_dates(date(1900, 1, 31), 1, date(2199, 11, 30)) == [
        date(2199, 11, 30),
        date(2199, 12, 31),
        date(2200, 1, 31),
    ]


def slow_dates(start: date, frequency: int, until: date) -> list[date]:
    """Every due date up to a day, by the slow calendar."""
    dates: list[date] = []
    while (due := slow_after_months(start, len(dates) * frequency)) <= until:
        dates.append(due)
    return dates


@given(DAYS.filter(lambda day: day.year < 2180), st.integers(1, 12), st.integers(-400, 2000))
def test_the_latest_review_against_the_slow_calendar(start, frequency, days):
    as_of = start + timedelta(days=days)
    dates = slow_dates(start, frequency, as_of)
    assert find_latest_due_date(start, frequency, as_of) == (dates[-1] if dates else None)


@pytest.mark.parametrize(
    ("frequency", "done_on", "answered", "answers"),
    [
        (3, "2025-01-31", [], "2025-01-31"),
        (3, "2025-04-29", [], "2025-01-31"),  # late by nearly three months, and nobody did it before
        (3, "2025-04-29", ["2025-01-31"], "2025-04-30"),  # a day early
        (3, "2025-02-01", ["2025-01-31"], None),  # done twice: the next one stands
        (3, "2025-03-30", ["2025-01-31"], None),  # 31 days ahead
        (3, "2025-03-31", ["2025-01-31"], "2025-04-30"),  # 30 days ahead
        (3, "2025-04-01", ["2025-01-31", "2025-04-30"], None),
        (1, "2025-02-13", ["2025-01-31"], None),  # 15 of 28 days ahead: more than half
        (1, "2025-02-14", ["2025-01-31"], "2025-02-28"),  # 14 of 28
        (12, "2025-01-01", [], "2025-01-31"),  # before the first one
        (12, "2024-12-31", [], None),
        (12, "2026-01-05", ["2025-01-31"], "2026-01-31"),
    ],
)
def test_which_due_date_a_review_answers(frequency, done_on, answered, answers):
    known_dates = {date.fromisoformat(day) for day in answered}
    due_date = find_answered_due_date(date(2025, 1, 31), frequency, date.fromisoformat(done_on), known_dates)
    assert (due_date and due_date.isoformat()) == answers


@given(st.integers(1, 12), st.lists(st.integers(-40, 900), min_size=1, max_size=30))
def test_no_due_date_is_answered_twice_and_none_of_another_plan(frequency, days):
    start = date(2025, 1, 31)
    answered: list[date] = []
    for day in sorted(days):
        due_date = find_answered_due_date(start, frequency, start + timedelta(days=day), answered)
        if due_date is not None:
            answered.append(due_date)
    assert len(set(answered)) == len(answered)
    assert set(answered) <= set(slow_dates(start, frequency, date(2028, 12, 31)))


@pytest.mark.parametrize(
    ("known_since", "grace", "as_of", "overdue"),
    [
        ("2024-01-01", 0, "2025-01-31", False),
        ("2024-01-01", 0, "2025-02-01", True),
        ("2024-01-01", 14, "2025-02-14", False),
        ("2024-01-01", 14, "2025-02-15", True),
        ("2025-03-01", 14, "2025-03-15", False),  # entered with a review in the past: time from then on
        ("2025-03-01", 14, "2025-03-16", True),
    ],
)
def test_when_a_review_is_overdue(known_since, grace, as_of, overdue):
    days = (date.fromisoformat(text) for text in (known_since, as_of))
    since, day = days
    assert is_overdue(date(2025, 1, 31), since, grace, day) is overdue

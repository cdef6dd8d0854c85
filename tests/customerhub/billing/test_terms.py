"""Due dates. The cases are those of billing systems and of reports of their faults, by their names."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customerhub.billing.terms import calculate_due_date, check_terms

CASES = [
    ("TRM-01", {"days": 0}, "2019-01-01", "2019-01-01"),
    ("TRM-03", {"days": 30}, "2019-01-01", "2019-01-31"),
    ("TRM-04", {"days": 0, "fixed_day": 1}, "2019-01-02", "2019-02-01"),
    ("TRM-04", {"days": 0, "fixed_day": 1}, "2019-01-01", "2019-01-01"),
    ("TRM-07", {"days": 0, "fixed_day": -1}, "2020-02-15", "2020-02-29"),
    ("TRM-07", {"days": 0, "fixed_day": -1}, "2020-02-29", "2020-02-29"),
    ("TRM-11", {"days": 0, "fixed_day": 30}, "2020-01-30", "2020-01-30"),
    ("TRM-11", {"days": 0, "fixed_day": 30}, "2020-01-31", "2020-02-29"),
    ("TRM-12", {"days": 0, "fixed_day": 5}, "2020-01-01", "2020-01-05"),
    ("TRM-21", {"days": 0, "fixed_day": -5}, "2024-02-25", "2024-02-25"),
    ("TRM-21", {"days": 0, "fixed_day": -5}, "2024-02-26", "2024-03-27"),
    ("TRM-21", {"days": 0, "fixed_day": -5}, "2023-02-24", "2023-02-24"),
    ("TRM-21", {"days": 0, "fixed_day": -5}, "2023-02-25", "2023-03-27"),
    ("TRM-21", {"days": 0, "fixed_day": -5}, "2024-04-30", "2024-05-27"),
    ("days, then a fixed day", {"days": 60, "fixed_day": -1}, "2026-01-31", "2026-04-30"),
    ("days, then a fixed day", {"days": 10, "fixed_day": 15}, "2026-01-05", "2026-01-15"),
    ("days, then a fixed day", {"days": 11, "fixed_day": 15}, "2026-01-05", "2026-02-15"),
    ("the 31st of a short month", {"days": 0, "fixed_day": 31}, "2026-04-02", "2026-04-30"),
    ("over the year's end", {"days": 0, "fixed_day": 3}, "2026-12-04", "2027-01-03"),
    ("the first from the end of February", {"days": 0, "fixed_day": -28}, "2026-02-01", "2026-02-01"),
]
FIXED_DAYS = st.integers(-28, 31).filter(bool)
DATES = st.dates(date(1900, 1, 1), date(2200, 1, 1))


@pytest.mark.parametrize(("name", "terms", "invoice_date", "due_date"), CASES)
def test_a_case(name: str, terms: dict[str, int], invoice_date: str, due_date: str):
    assert calculate_due_date(date.fromisoformat(invoice_date), **terms) == date.fromisoformat(due_date), name


def is_fixed_day(day: date, fixed_day: int) -> bool:
    """Counted by walking over the days of the month."""
    days_of_month = [
        each for number in range(1, 32) if (each := day.replace(day=1) + timedelta(number - 1)).month == day.month
    ]
    if fixed_day < 0:
        return days_of_month[::-1].index(day) + 1 == -fixed_day
    return day == days_of_month[min(fixed_day, len(days_of_month)) - 1]


@given(DATES, st.integers(0, 365), FIXED_DAYS)
def test_it_is_the_first_such_day(invoice_date: date, days: int, fixed_day: int):
    expected = invoice_date + timedelta(days)
    while not is_fixed_day(expected, fixed_day):
        expected += timedelta(1)
    assert calculate_due_date(invoice_date, days=days, fixed_day=fixed_day) == expected


@given(DATES, DATES, st.integers(0, 365), st.none() | FIXED_DAYS)
def test_a_later_invoice_is_never_due_earlier(first: date, second: date, days: int, fixed_day: int | None):
    earlier, later = sorted((first, second))
    assert calculate_due_date(earlier, days=days, fixed_day=fixed_day) <= calculate_due_date(
        later, days=days, fixed_day=fixed_day
    )


@pytest.mark.parametrize(("days", "fixed_day"), [(-1, None), (366, None), (0, 0), (0, 32), (0, -29)])
def test_terms_out_of_range_are_none(days: int, fixed_day: int | None):
    with pytest.raises(ValueError, match=r"days is|fixed_day is"):
        check_terms(days, fixed_day)


def test_a_day_beyond_the_calendar_is_said():
    with pytest.raises(OverflowError):
        calculate_due_date(date(9999, 12, 31), days=1)
    with pytest.raises((OverflowError, ValueError)):
        calculate_due_date(date(9999, 12, 31), days=0, fixed_day=30)

"""Dates as people and spreadsheets write them."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customerhub.core.dates import (
    EARLIEST_DATE,
    EARLIEST_SERIAL_DATE,
    LATEST_DATE,
    date_from_serial,
    format_date,
    parse_date,
)
from customerhub.core.errors import Invalid
from models.enums import DateFormat

D, DOT, M, ISO, WORDS = (
    DateFormat.DAY_MONTH_YEAR,
    DateFormat.DAY_DOT_MONTH,
    DateFormat.MONTH_DAY_YEAR,
    DateFormat.ISO,
    DateFormat.SPOKEN,
)
DAYS = st.dates(EARLIEST_DATE, LATEST_DATE)


def refusal_message(text: str, date_format: DateFormat) -> str:
    with pytest.raises(Invalid) as error_info:
        parse_date(text, date_format)
    return error_info.value.message


@given(DAYS, st.sampled_from(DateFormat), st.sampled_from(DateFormat))
def test_a_date_is_read_back_as_the_organisation_writes_it(day, own, other):
    assert parse_date(format_date(day, own), own) == day
    assert parse_date(day.isoformat(), own) == day
    assert parse_date(format_date(day, WORDS), other) == day


@given(DAYS, st.sampled_from(DateFormat), st.sampled_from("/-."))
def test_figures_are_never_read_as_another_day_than_the_format_says(day, date_format, separator):
    """Of the two orders of figures an organisation reads its own or refuses, whatever stands between them."""
    for order in ("%d{0}%m{0}%Y", "%m{0}%d{0}%Y"):
        text = day.strftime(order.format(separator))
        try:
            parsed = parse_date(text, date_format)
        except Invalid:
            continue
        first, second = int(text[:2]), int(text[3:5])
        month_first = date_format is M and separator != "."
        if date_format is ISO or (date_format is M and separator == "."):
            assert first > 12 or second > 12 or first == second
            assert (parsed.year, {parsed.day, parsed.month}) == (day.year, {first, second})
        else:
            assert (parsed.month, parsed.day) == ((first, second) if month_first else (second, first))


@pytest.mark.parametrize(
    ("text", "date_format", "day"),
    [
        ("02/01/2025", D, "2025-01-02"),
        ("02/01/2025", DOT, "2025-01-02"),
        ("02/01/2025", WORDS, "2025-01-02"),
        ("02/01/2025", M, "2025-02-01"),
        ("01.02.2025", D, "2025-02-01"),
        ("1.2.2025", DOT, "2025-02-01"),
        ("31.01.2025", M, "2025-01-31"),
        ("31/01/2025", ISO, "2025-01-31"),
        ("01/31/2025", ISO, "2025-01-31"),
        ("03/03/2025", ISO, "2025-03-03"),
        ("31-01-2025", D, "2025-01-31"),
        ("2025/1/3", M, "2025-01-03"),
        ("2025-1-3", D, "2025-01-03"),
        ("2025-01-31T00:00:00", D, "2025-01-31"),
        ("2025-01-31 00:00", D, "2025-01-31"),
        ("2025-01-31T00:00:00.000Z", D, "2025-01-31"),
        ("1 Feb 2025", M, "2025-02-01"),
        ("1. February 2025", ISO, "2025-02-01"),
        ("Feb 1, 2025", D, "2025-02-01"),
        ("30 sept 2025", D, "2025-09-30"),
        ("45688", D, "2025-01-31"),
        ("45688.75", M, "2025-01-31"),
        (" 2199-12-31 ", D, "2199-12-31"),
        ("1900-01-01", D, "1900-01-01"),
    ],
)
def test_a_date_is_read(text, date_format, day):
    assert parse_date(text, date_format) == date.fromisoformat(day)


@pytest.mark.parametrize("text", ["", "  ", "\u00a0"])
def test_a_blank_is_no_date(text):
    assert parse_date(text, D) is None


@pytest.mark.parametrize(
    "text",
    [
        "31/02/2025",
        "2025-13-01",
        "0001-01-01",
        "9999-12-31",
        "1899-12-31",
        "2200-01-01",
        "0",
        "-1",
        "999999",
        "01/31/2025",
        "yesterday",
        "2025-01-31 12:30",
        "1e4",
        "45688.",
        "31/01/25",
        "31/01.2025",
        "31 Foo 2025",
        "31 Feb 2025",
        "٣١/٠١/٢٠٢٥",
        "x" * 5000,
    ],
)
def test_what_is_no_date_in_reach_is_refused(text):
    assert len(refusal_message(text, D)) < 150


def test_two_readings_are_refused_with_both():
    message = refusal_message("03/04/2025", ISO)
    assert "3 April 2025 or 4 March 2025" in message
    assert "2025-04-03 or 2025-03-04" in message
    assert "3 April 2025 or 4 March 2025" in refusal_message("03.04.2025", M)


def test_a_refusal_shows_the_format_of_the_organisation():
    assert refusal_message("31/01/2025", M).endswith("write it as 01/31/2025 or 2025-01-31")
    assert refusal_message("soon", ISO).endswith("write it as 2025-01-31")


@pytest.mark.parametrize("number", [1900, 1998, 2025, 2025.0, 2199])
def test_a_year_is_no_date(number):
    """2025 was read as 17 July 1905."""
    with pytest.raises(Invalid, match="is a year, not a date"):
        date_from_serial(number)
    assert "is a year, not a date" in refusal_message(f"{number:g}", D)


@pytest.mark.parametrize("number", [-5, 0, 1, 42, 1899, 2200, 10125, 25568.99])
def test_a_number_that_is_hardly_meant_as_a_date_is_none(number):
    with pytest.raises(Invalid, match="is a number, not a date"):
        date_from_serial(number)


@given(st.dates(EARLIEST_SERIAL_DATE, LATEST_DATE), st.floats(0, 0.99999))
def test_a_serial_number_is_the_day_that_excel_shows(day, time_of_day):
    assert date_from_serial((day - date(1899, 12, 30)) // timedelta(days=1) + time_of_day) == day
    assert date_from_serial((day - date(1904, 1, 1)) // timedelta(days=1) + time_of_day, day_offset=1462) == day

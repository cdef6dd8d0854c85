"""What one value of a customer may be, and several together: forms, imports and jobs ask the same rules."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customerhub.core.errors import Invalid
from customerhub.customers import rules
from models.enums import Risk
from tests.support.value_rules import CLEANERS, refusal_message

BLANKS = ["", " ", "\t", " \r\n ", "\u00a0", "\u200b"]


HOSTILE = [
    *("\x00", "a\x00b", "\x1b[31m", "\ud800", "a\u202eb", "\x85a\x85b"),
    *("9" * 5000, "x" * 5000, "٣" * 400, "ﷺ" * 60),
    *("<script>alert(1)</script>" * 20, "'; DROP TABLE customer; --", "{{7*7}}"),
    *("-1", "1e9999", "NaN"),
]


@pytest.mark.parametrize("text", [text for text in BLANKS if text != "\u200b"])
@pytest.mark.parametrize("name", CLEANERS)
def test_a_blank_text_gives_none(name, text):
    assert CLEANERS[name](text) is None


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("name", CLEANERS)
def test_nothing_worse_than_a_refusal_comes_of_a_hostile_text(name, text):
    try:
        result = CLEANERS[name](text)
    except Invalid as error:
        result = error.message
        assert len(result) < 200
    assert "\x00" not in str(result)


@given(st.text(max_size=30))
@pytest.mark.parametrize("name", CLEANERS)
def test_what_was_kept_is_kept_again(name, text):
    try:
        cleaned = CLEANERS[name](text)
    except Invalid:
        return
    if cleaned is not None:
        assert CLEANERS[name](str(cleaned)) == cleaned


# --- Dates, numbers and choices ----------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "months"), [("3", 3), ("3 Months", 3), ("1 month", 1), ("12MONTHS", 12), (" 6 ", 6)])
def test_a_frequency_is_read(text, months):
    assert rules.clean_frequency(text) == months


@pytest.mark.parametrize("text", ["0", "13", "-1", "3 years", "1.5", "monthly", "months", "9" * 5000])
def test_what_is_no_frequency_is_refused(text):
    assert "1 Month to 12 Months" in refusal_message(rules.clean_frequency, text)


@pytest.mark.parametrize(
    ("text", "risk"), [("Low", Risk.LOW), (" green", Risk.LOW), ("AMBER", Risk.MEDIUM), ("red", Risk.HIGH)]
)
def test_a_risk_is_read_by_name_and_by_colour(text, risk):
    assert rules.clean_risk(text) is risk


@pytest.mark.parametrize(("text", "day"), [("1", 1), ("31", 31), ("07", 7)])
def test_a_day_of_the_month_is_read(text, day):
    assert rules.clean_day_of_month(text) == day


@pytest.mark.parametrize("text", ["0", "32", "-1", "1.0", "first", "100"])
def test_what_is_no_day_of_a_month_is_refused(text):
    assert refusal_message(rules.clean_day_of_month, text)


@pytest.mark.parametrize(
    ("text", "month"), [("12", 12), ("December", 12), ("dec", 12), ("JUNE", 6), ("jul", 7), ("1", 1)]
)
def test_a_month_is_read_by_number_and_by_name(text, month):
    assert rules.clean_month(text) == month


@pytest.mark.parametrize("text", ["0", "13", "ju", "juno", "decembre", "-1"])
def test_what_is_no_month_is_refused(text):
    assert refusal_message(rules.clean_month, text)


# --- Several values together -------------------------------------------------------------------------------


@given(st.integers(1, 31), st.integers(1, 12))
def test_a_year_ends_on_a_day_of_some_year(day, month):
    try:
        date(2024, month, day)  # a leap year has every day
    except ValueError:
        with pytest.raises(Invalid):
            rules.check_year_end(day, month)
    else:
        rules.check_year_end(day, month)


@pytest.mark.parametrize(
    ("day", "month", "field"),
    [
        (31, None, "year_end_day"),
        (None, 12, "year_end_day"),
        (0, 12, "year_end_day"),
        (-5, 1, "year_end_day"),
        (1, 0, "year_end_month"),
        (1, 13, "year_end_month"),
        (1, -1, "year_end_month"),
        (30, 2, "year_end_day"),
    ],
)
def test_an_impossible_year_end_is_refused_at_its_field(day, month, field):
    with pytest.raises(Invalid) as error_info:
        rules.check_year_end(day, month)
    assert error_info.value.field == field


@pytest.mark.parametrize(
    ("start", "frequency", "field"),
    [
        (date(2025, 1, 1), None, "review_frequency"),
        (None, 3, "review_start_date"),
        (date(2025, 1, 1), 0, "review_frequency"),
        (date(2025, 1, 1), 13, "review_frequency"),
        (date(2025, 1, 1), -1, "review_frequency"),
    ],
)
def test_reviews_need_a_start_and_a_frequency(start, frequency, field):
    with pytest.raises(Invalid) as error_info:
        rules.check_review_schedule(start, frequency)
    assert error_info.value.field == field


def test_reviews_may_be_left_out():
    rules.check_review_schedule(None, None)
    rules.check_year_end(None, None)


FULL_VALUES = {
    "name": "A",
    "reference": "A",
    "email": "a@x.example",
    "region_id": 1,
    "start_date": date(2025, 1, 1),
    "risk": Risk.LOW,
    "departments": [object()],
}


@pytest.mark.parametrize("left_out", FULL_VALUES)
def test_each_particular_is_missed_by_name(left_out):
    values = {name: value for name, value in FULL_VALUES.items() if name != left_out}
    assert [field for field, _ in rules.list_missing_fields(values)] == [left_out]


def test_everything_missing_is_said_at_once():
    assert {field for field, _ in rules.list_missing_fields({})} == set(FULL_VALUES)
    assert rules.list_missing_fields(FULL_VALUES) == []


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ({}, {"name", "registration_number", "contacts"}),
        ({"name": "A", "identity_number": "1", "contacts": [1]}, set()),
        ({"name": "A", "registration_number": "1", "contacts": [1]}, set()),
        ({"name": "A", "registration_number": "1"}, {"contacts"}),
    ],
)
def test_a_prospect_needs_little(values, missing):
    assert {field for field, _ in rules.list_missing_fields({"is_prospect": True, **values})} == missing


def test_who_has_a_note_on_the_relationship_has_one():
    assert rules.derive_values({"relationship_note": "Since 1990"}) == {"existing_relationship": True}
    assert rules.derive_values({"relationship_note": None}) == {}

"""Amounts as people write them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customerhub.core import money
from customerhub.core.errors import Invalid

AMOUNTS = st.decimals(-(10**12), 10**12, places=2, allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1,234.50", "1234.50"),
        ("1234.5", "1234.50"),
        (" 1 234.50 ", "1234.50"),
        ("1\u00a0234\u202f567", "1234567"),
        ("0", "0"),
        ("-0.01", "-0.01"),
        ("+5", "5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1.500", "1.5"),
        ("0" * 400 + "7", "7"),
    ],
)
def test_an_amount_is_read_as_written(text, amount):
    assert money.parse_amount(text) == Decimal(amount)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "-",
        "+",
        ".",
        "-.",
        "abc",
        "1e5",
        "1E-2",
        "NaN",
        "Infinity",
        "-inf",
        "1_000",
        "１２",
        "0x10",
        "1-",
        "--1",
        "1.2.3",
        "9" * 25,
        "9" * 400,
        "1.001",
        "1\n2",
        "$5",
        "\x00",
        "1\x00",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(Invalid):
        money.parse_amount(text)


@pytest.mark.parametrize("text", ["12,50", "1.234,50", "1,23,456", "12,5000", "1234,567", ",5", "1 23", "12 34.5"])
def test_a_decimal_comma_is_never_taken_for_thousands(text):
    with pytest.raises(Invalid):
        money.parse_amount(text, places=6)


@pytest.mark.parametrize("text", ["0,125", "0,190", "-0,125", "00,125", "0,125.5", "0 190", "0,125,000", "000,000"])
@pytest.mark.parametrize("places", [2, 6])
def test_a_group_of_thousands_never_begins_with_nought(text, places):
    """Cost per unit 0,125 was saved as 125, and 0,190 % as 190 %."""
    with pytest.raises(Invalid):
        money.parse_amount(text, places=places)


@pytest.mark.parametrize(
    ("text", "example"),
    [("0,125", "0.125"), ("12,50", "12.50"), (",5", ".5"), ("-1234,5", "-1234.5"), ("1.2.3", "1234.50")],
)
def test_the_refusal_shows_how_to_write_it(text, example):
    with pytest.raises(Invalid, match=f"write it as {example}$"):
        money.parse_amount(text)


@pytest.mark.parametrize("text", ["1,250", "-1,250", "+12,500", "999,000"])
def test_thousands_or_three_decimals_is_refused_with_both(text):
    with pytest.raises(Invalid) as error_info:
        money.parse_amount(text, places=4)
    for reading in (text.replace(",", ""), text.replace(",", ".")):
        assert f" {reading}" in error_info.value.message
    assert money.parse_amount(text) == Decimal(text.replace(",", ""))


@pytest.mark.parametrize("text", ["1,250.00", "1,250.5", "1,250,000", "1 250", "1\u00a0250", "1250", "1.250"])
def test_what_has_one_reading_is_read_with_more_places_too(text):
    digits = text.replace(",", "").replace(" ", "").replace("\u00a0", "")
    assert money.parse_amount(text, places=4) == Decimal(digits)


def test_the_refusal_quotes_no_more_than_a_line():
    with pytest.raises(Invalid) as error_info:
        money.parse_amount("x" * 5000)
    assert len(error_info.value.message) < 120


def test_more_places_are_allowed_where_they_are_asked_for():
    assert money.parse_amount("0.018500", places=6) == Decimal("0.0185")
    with pytest.raises(Invalid, match="more than 4 decimals"):
        money.parse_amount("0.01851", places=4)


@given(AMOUNTS)
def test_what_is_shown_is_read_back(amount):
    assert money.parse_amount(money.format_amount(amount)) == amount
    assert money.parse_amount(str(amount)) == amount


@given(st.decimals(-(10**9), 10**9, places=5, allow_nan=False, allow_infinity=False))
def test_halves_are_rounded_away_from_nothing(amount):
    shifted = abs(amount) * 100
    whole = int(shifted)
    expected = Decimal(whole + (1 if shifted - whole >= Decimal("0.5") else 0)) / 100
    assert abs(money.to_cents(amount)) == expected
    assert money.to_cents(amount) * amount >= 0


@pytest.mark.parametrize(
    ("amount", "text"), [(None, ""), ("0", "0.00"), ("1234567.5", "1,234,567.50"), ("-0.005", "-0.01")]
)
def test_shown(amount, text):
    assert money.format_amount(None if amount is None else Decimal(amount)) == text


def test_shown_with_its_currency():
    assert money.format_amount(Decimal("1234.5"), "EUR") == "1,234.50 EUR"

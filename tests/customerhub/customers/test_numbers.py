"""Numbers that cannot be what they are said to be, by the rules of the countries whose rules are known."""

import pytest

from customerhub.core.errors import Invalid
from customerhub.customers import number_checks


@pytest.mark.parametrize(
    ("number", "country", "fits"),
    [
        ("DE 136-695-976", None, True),
        ("de136695976", "FR", True),
        ("DE136695977", None, False),
        ("136695976", "DE", True),
        ("136695977", "DE", False),
        ("ATU13585627", None, True),
        ("ATU13585626", None, False),
        ("EL094259216", None, True),
        ("XI980780684", None, True),
        ("980780684", "GB", True),
        ("980780685", "GB", False),
        ("123", "US", True),
        ("XYZ 1", None, True),
        ("123", None, True),
        ("", "DE", True),
        (None, "DE", True),
    ],
)
def test_vat_numbers(number: str | None, country: str | None, fits: bool):
    if fits:
        number_checks.check_vat_number(number, country)
    else:
        with pytest.raises(Invalid, match="is not a valid VAT number") as error_info:
            number_checks.check_vat_number(number, country)
        assert error_info.value.field == "vat_number"


@pytest.mark.parametrize(
    ("number", "country", "fits"),
    [
        ("556074-7569", "SE", True),
        ("556074-7568", "SE", False),
        ("HRB 123", "DE", True),
        ("732829320", "FR", True),
        ("732829321", "FR", False),
        ("988 077 917", "NO", True),
        ("anything", "XX", True),
        ("anything", None, True),
        (None, "SE", True),
    ],
)
def test_registration_numbers(number: str | None, country: str | None, fits: bool):
    if fits:
        number_checks.check_registration_number(number, country)
    else:
        with pytest.raises(Invalid, match="is not a valid registration number"):
            number_checks.check_registration_number(number, country)


@pytest.mark.parametrize(
    "number",
    [
        "+49 30 4048521",
        "030-0074321",
        "(5) 555-4729",
        "+44 (171) 555-7788",
        "+1 206 555 9857 ext. 3",
        "ask for Kim",
        "+49 1, +49 2",
        "+49 30 1 / +49 30 2",
    ],
)
def test_phone_numbers_are_kept_as_typed(number: str):
    assert number_checks.clean_phone_number(f" {number} ") == number


@pytest.mark.parametrize("number", ["+49 1", "+", "+999 1234567", "+49 30 12 34 56 78 90 12 34 56", "+abc"])
def test_a_number_that_no_country_has_is_refused(number: str):
    with pytest.raises(Invalid, match="is not a valid phone number"):
        number_checks.clean_phone_number(number)


@pytest.mark.parametrize("number", ["", "   "])
def test_blank_is_blank(number: str):
    assert number_checks.clean_phone_number(number) is None

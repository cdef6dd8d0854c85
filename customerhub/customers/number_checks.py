"""What makes a VAT, registration or phone number one, by the rules of the countries whose rules are known.

python-stdnum knows check digits and lengths, phonenumbers the numbering plans. Of a country they do not know, or where
the country is not told, any number is taken.
"""

import re
from typing import Final

import phonenumbers
import stdnum
from stdnum.eu import vat as eu_vat
from stdnum.exceptions import ValidationError

from customerhub.core.errors import Invalid, quote_text
from customerhub.core.validation import MAX_LENGTHS, clean_text
from models.keys import number_key

# What a body's registration number is, where that is one kind of number only. Others are kept by courts or chambers.
REGISTER_MODULES: Final = {
    "AU": "acn",
    "CH": "uid",
    "DK": "cvr",
    "EE": "registrikood",
    "FI": "ytunnus",
    "FR": "siren",
    "NO": "orgnr",
    "SE": "orgnr",
    "SG": "uen",
}
_TEXT_MARK: Final = re.compile(r"^'(?=[+(0-9])")  # by which a spreadsheet makes a text of what follows
_SHORTENED_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?[eE][+-]?[0-9]+")
_NUMBER_WITH_POINT: Final = re.compile(r"\+?[0-9]{5,}\.0")  # a number that went through a program as a figure
_SEVERAL_NUMBERS: Final = re.compile(r"[,;/]|.\+")
_EU_PREFIXES: Final = frozenset(code.upper() for code in eu_vat.MEMBER_STATES) | {"EL", "XI"}


def check_vat_number(number: str | None, country: str | None) -> None:
    """Raises Invalid where `number` cannot be a VAT number of the country it begins with, else of `country`."""
    key = number_key(number)
    if not key:
        return
    prefix = key[:2]
    if prefix in _EU_PREFIXES:
        if not eu_vat.is_valid(key):
            raise Invalid(f"{quote_text(number or '')} is not a valid VAT number for {prefix}", "vat_number")
        return
    module = stdnum.get_cc_module(country, "vat") if country and key[:1].isdigit() else None
    if module is not None and not module.is_valid(key):
        raise Invalid(f"{quote_text(number or '')} is not a valid VAT number for {country}", "vat_number")


def check_registration_number(number: str | None, country: str | None) -> None:
    """Raises Invalid where `number` cannot be in the company register of `country`."""
    name = REGISTER_MODULES.get(country or "")
    if not number or name is None:
        return
    module = stdnum.get_cc_module((country or "").lower(), name)
    if module is None:
        return
    try:
        module.validate(number)
    except ValidationError:
        message = f"{quote_text(number)} is not a valid registration number for {country}"
        raise Invalid(message, "registration_number") from None


def clean_phone_number(text: str) -> str | None:
    """A phone number as it was typed, trimmed. Raises Invalid where it tells its country, with + before it, and has too
    many or too few digits for that, and where a spreadsheet shortened it. Of several numbers in one field none is
    looked at.
    """
    bare = _TEXT_MARK.sub("", text.strip())
    if _NUMBER_WITH_POINT.fullmatch(bare):
        bare = bare.removesuffix(".0")
    cleaned_number = clean_text(bare, max_length=MAX_LENGTHS["contact_number"])
    if cleaned_number is not None and _SHORTENED_NUMBER.fullmatch(cleaned_number):
        message = f"{quote_text(text)} was shortened by a spreadsheet: enter the number with all its digits"
        raise Invalid(message, "contact_number")
    if cleaned_number is None or not cleaned_number.startswith("+") or _SEVERAL_NUMBERS.search(cleaned_number):
        return cleaned_number
    _check_phone_number(cleaned_number)
    return cleaned_number


def _check_phone_number(text: str) -> None:
    try:
        is_possible = phonenumbers.is_possible_number(phonenumbers.parse(text))
    except phonenumbers.NumberParseException:
        is_possible = False
    if not is_possible:
        raise Invalid(f"{quote_text(text)} is not a valid phone number: too few or too many digits", "contact_number")

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

from customerhub.customers.rules import LONGEST, clean_text
from customerhub.errors import Invalid, quoted
from models.keys import number_key

# What a body's registration number is, where that is one kind of number only. Others are kept by courts or chambers.
REGISTERS: Final = {
    "AU": "acn", "CH": "uid", "DK": "cvr", "EE": "registrikood", "FI": "ytunnus", "FR": "siren", "NO": "orgnr",
    "SE": "orgnr", "SG": "uen",
}  # fmt: skip
_SEVERAL: Final = re.compile(r"[,;/]|.\+")
_EU: Final = frozenset(code.upper() for code in eu_vat.MEMBER_STATES) | {"EL", "XI"}


def check_vat_number(number: str | None, country: str | None) -> None:
    """Raises Invalid where `number` cannot be a VAT number of the country it begins with, else of `country`."""
    key = number_key(number)
    if not key:
        return
    prefix = key[:2]
    if prefix in _EU:
        if not eu_vat.is_valid(key):
            raise Invalid(f"{quoted(number or '')} is not a VAT number of {prefix}", "vat_number")
        return
    module = stdnum.get_cc_module(country, "vat") if country and key[:1].isdigit() else None
    if module is not None and not module.is_valid(key):
        raise Invalid(f"{quoted(number or '')} is not a VAT number of {country}", "vat_number")


def check_registration_number(number: str | None, country: str | None) -> None:
    """Raises Invalid where `number` cannot be in the company register of `country`."""
    name = REGISTERS.get(country or "")
    if not number or name is None:
        return
    module = stdnum.get_cc_module((country or "").lower(), name)
    if module is None:
        return
    try:
        module.validate(number)
    except ValidationError:
        told = f"{quoted(number)} is not a registration number of {country}"
        raise Invalid(told, "registration_number") from None


def clean_phone_number(text: str) -> str | None:
    """A phone number as it was typed, trimmed. Raises Invalid where it tells its country, with + before it, and has too
    many or too few digits for that. Of several numbers in one field none is looked at.
    """
    kept = clean_text(text, longest=LONGEST["contact_number"])
    if kept is None or not kept.startswith("+") or _SEVERAL.search(kept):
        return kept
    _check_phone_number(kept)
    return kept


def _check_phone_number(text: str) -> None:
    try:
        is_one = phonenumbers.is_possible_number(phonenumbers.parse(text))
    except phonenumbers.NumberParseException:
        is_one = False
    if not is_one:
        raise Invalid(f"{quoted(text)} is not a phone number: digits are missing or too many", "contact_number")

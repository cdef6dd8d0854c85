"""Checks of single values without a table: texts, addresses, dates, countries, currencies."""

import re
from datetime import date
from decimal import Decimal
from urllib.parse import urlsplit

from babel import Locale
from babel.numbers import get_currency_precision, list_currencies
from email_validator import EmailNotValidError, validate_email

from customerhub.core.dates import require_date_in_range
from customerhub.core.errors import Invalid, quote_text
from models.keys import remove_invisible

MAX_LENGTHS = {"name": 200, "reference": 40, "email": 500, "contact_number": 60, "website": 300, "address": 500}


# Control characters have no place in a name, a reference or a line of an address; half a character in no text at all.
_CONTROL_CHARACTERS = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


_LINE_BREAK = re.compile(r"[\r\n\t]")


# The plain case, which needs no library to see that it is right. "xn--mnchen-3ya" is not plain: it is "münchen".
_PLAIN_EMAIL = re.compile(
    r"[a-z0-9_]+(?:[.+-][a-z0-9_]+)*@(?:(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+"
    r"(?!(?:test|invalid|local|localhost|onion|arpa)$)[a-z]{2,24}"
)


_HOST_NAME = re.compile(r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W_](?:[\w-]{0,61}[^\W_])?\.?")


_EXCLUDED_TERRITORIES = ("EU", "EZ", "QO", "UN", "XA", "XB", "ZZ")  # unions, outlying islands and pseudo-locales


_DECIMALS = 2  # of every amount that is kept


def clean_text(text: str, *, max_length: int, multiline: bool = False, field: str | None = None) -> str | None:
    """`text` trimmed. At most `max_length` characters; line breaks only where `multiline`. Raises Invalid with `field`.

    A text in which nothing can be seen counts as blank.
    """
    bare = text.strip()
    check_printable(bare, field)
    if not remove_invisible(bare).strip():
        return None
    if multiline:
        bare = bare.replace("\r\n", "\n").replace("\r", "\n")
    elif _LINE_BREAK.search(bare):
        bare = " ".join(bare.split())
    if len(bare) > max_length:
        raise Invalid(f"Too long: {len(bare)} characters, at most {max_length}", field)
    return bare


def check_printable(text: str, field: str | None = None) -> None:
    """Every character of `text` is one that people see, or a space or line break."""
    if _CONTROL_CHARACTERS.search(text):
        raise Invalid("Contains a character that cannot be shown. Please type the text again", field)


def clean_email(text: str) -> str | None:
    """One email address."""
    bare = text.strip()
    if not bare:
        return None
    if len(bare) <= 64 and _PLAIN_EMAIL.fullmatch(bare):
        return bare
    if len(bare) > 254:
        raise Invalid("An email address has at most 254 characters")
    try:
        return validate_email(bare, check_deliverability=False, strict=True).normalized
    except EmailNotValidError:
        raise Invalid(f"{quote_text(bare, 60)} is not an email address, such as name@example.com") from None


def clean_emails(text: str) -> str | None:
    """One or several email addresses, kept as "one@example.com, two@example.com", each once."""
    if "," not in text and ";" not in text:
        return clean_email(text)
    parts = [clean_email(part) for part in re.split("[,;]", text)]
    joined_emails = ", ".join(dict.fromkeys(part for part in parts if part))
    if len(joined_emails) > MAX_LENGTHS["email"]:
        raise Invalid(f"Too long: {len(joined_emails)} characters in all, at most {MAX_LENGTHS['email']}")
    return joined_emails or None


def clean_website(text: str) -> str | None:
    """A web address; https:// is put before one that has no scheme."""
    bare = clean_text(text, max_length=MAX_LENGTHS["website"])
    if bare is None:
        return None
    address = bare if "://" in bare else f"https://{bare}"
    try:
        parts = urlsplit(address)
        is_usable = parts.scheme in ("http", "https") and "@" not in parts.netloc
        is_usable = is_usable and _HOST_NAME.fullmatch(parts.hostname or "") is not None and (parts.port or 1) > 0
    except ValueError:
        is_usable = False
    if not is_usable or "\\" in address or any(character.isspace() for character in address):
        raise Invalid(f"{quote_text(bare, 60)} is not a web address, such as www.example.com")
    if len(address) > MAX_LENGTHS["website"]:
        raise Invalid(f"Too long: {len(address)} characters, at most {MAX_LENGTHS['website']}")
    return address


def check_date_range(day: date | None, field: str) -> None:
    """As `require_date_in_range`, for a date that may be missing; the refusal names `field`."""
    if day is not None:
        try:
            require_date_in_range(day)
        except Invalid as error:
            raise Invalid(error.message, field) from None


def check_not_past(day: date | None, field: str, *, today: date) -> None:
    """As `check_date_range`, for a day that is not past."""
    check_date_range(day, field)
    if day is not None and day < today:
        raise Invalid("This date is in the past", field)


def check_bounds(value: Decimal | int | None, field: str, minimum: int, maximum: int | None = None) -> None:
    """`value`, where there is one, lies from `minimum` to `maximum`."""
    if value is not None and (value < minimum or (maximum is not None and value > maximum)):
        raise Invalid(
            f"Enter {minimum} or more" if maximum is None else f"Enter a value from {minimum} to {maximum}", field
        )


def clean_country(text: str) -> str | None:
    """A country by its code of two letters: "de" is "DE"."""
    bare = text.strip().upper()
    if not bare:
        return None
    if not is_country(bare):
        raise Invalid(f"{quote_text(text)} is not a country: use a two-letter code such as DE")
    return bare


def is_country(code: str) -> bool:
    return len(code) == 2 and code.isalpha() and code not in _EXCLUDED_TERRITORIES and code in Locale("en").territories


def clean_currency(text: str) -> str:
    """A currency by its code of three letters: "eur" is "EUR". Amounts have two decimals, so it has two as well."""
    bare = text.strip().upper()
    if bare not in list_currencies():
        raise Invalid(f"{quote_text(text)} is not a currency: use a three-letter code such as EUR")
    if not has_cents(bare):
        raise Invalid(
            f"{bare} has {get_currency_precision(bare)} decimal places, but amounts have {_DECIMALS}. "
            "Choose another currency"
        )
    return bare


def has_cents(currency: str) -> bool:
    """Whether amounts of a currency have the two decimals that are kept of them."""
    return get_currency_precision(currency) == _DECIMALS

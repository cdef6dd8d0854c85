"""What one value of a customer may be. Pure rules: form, import, command and job all ask these.

Each takes a text as a person typed it, gives the value to keep, and raises Invalid with a sentence that says what
would be right. A blank text gives None.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final
from urllib.parse import urlsplit

from babel import Locale
from babel.numbers import get_currency_precision, list_currencies
from email_validator import EmailNotValidError, validate_email

from customerhub.errors import Invalid, quoted
from models.enums import CatalogType, Risk

LONGEST = {"name": 200, "reference": 40, "email": 500, "contact_number": 60, "website": 300, "address": 500}

# The columns that hold an entry of a catalog, those of a customer first.
CUSTOMER_CATALOGS: Final = {
    "region_id": CatalogType.REGION,
    "category_id": CatalogType.CATEGORY,
    "segment_id": CatalogType.SEGMENT,
    "channel_id": CatalogType.CHANNEL,
    "subscription_type_id": CatalogType.SUBSCRIPTION_TYPE,
}
CATALOG_OF: Final = {**CUSTOMER_CATALOGS, "type_id": CatalogType.ACCOUNT_TYPE}

# Control characters have no place in a name, a reference or a line of an address; half a character in no text at all.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_LINE_BREAK = re.compile(r"[\r\n\t]")
# The plain case, which needs no library to see that it is right. "xn--mnchen-3ya" is not plain: it is "münchen".
_PLAIN_EMAIL = re.compile(
    r"[a-z0-9_]+(?:[.+-][a-z0-9_]+)*@(?:(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+"
    r"(?!(?:test|invalid|local|localhost|onion|arpa)$)[a-z]{2,24}"
)
_HOST = re.compile(r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W_](?:[\w-]{0,61}[^\W_])?\.?")
_FREQUENCY = re.compile(r"(\d{1,4})\s*(?:months?)?", re.IGNORECASE)
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_DASHED = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]00:00(?::00)?)?")
_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_NO_COUNTRIES = ("EU", "EZ", "QO", "UN", "XA", "XB", "ZZ")  # unions, outlying islands and pseudo-locales
_DECIMALS = 2  # of every amount that is kept
_EXCEL_EPOCH = date(1899, 12, 30)
EARLIEST, LATEST = date(1900, 1, 1), date(2199, 12, 31)


def clean_text(text: str, *, longest: int, lines: bool = False) -> str | None:
    """`text` trimmed. At most `longest` characters; line breaks only where `lines`.

    A text in which nothing can be seen counts as blank.
    """
    bare = text.strip()
    check_shown(bare)
    if not any(character.isprintable() and not character.isspace() for character in bare):
        return None
    if lines:
        bare = bare.replace("\r\n", "\n").replace("\r", "\n")
    elif _LINE_BREAK.search(bare):
        bare = " ".join(bare.split())
    if len(bare) > longest:
        raise Invalid(f"This has {len(bare)} characters; {longest} is the most")
    return bare


def check_shown(text: str) -> None:
    """Every character of `text` is one that people see, or a space or line break."""
    if _CONTROL.search(text):
        raise Invalid("There is a character in it that cannot be shown. Type it again")


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
        raise Invalid(f"{quoted(bare, 60)} is not an email address, such as name@example.com") from None


def clean_emails(text: str) -> str | None:
    """One or several email addresses, kept as "one@example.com, two@example.com", each once."""
    if "," not in text and ";" not in text:
        return clean_email(text)
    parts = [clean_email(part) for part in re.split("[,;]", text)]
    kept = ", ".join(dict.fromkeys(part for part in parts if part))
    if len(kept) > LONGEST["email"]:
        raise Invalid(f"These addresses have {len(kept)} characters; {LONGEST['email']} is the most")
    return kept or None


def clean_website(text: str) -> str | None:
    """A web address; https:// is put before one that has no scheme."""
    bare = clean_text(text, longest=LONGEST["website"])
    if bare is None:
        return None
    address = bare if "://" in bare else f"https://{bare}"
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and "@" not in parts.netloc
        usable = usable and _HOST.fullmatch(parts.hostname or "") is not None and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or "\\" in address or any(character.isspace() for character in address):
        raise Invalid(f"{quoted(bare, 60)} is not a web address, such as www.example.com")
    if len(address) > LONGEST["website"]:
        raise Invalid(f"This has {len(address)} characters; {LONGEST['website']} is the most")
    return address


def clean_date(text: str) -> date | None:
    """A day written 31/01/2025, 2025-01-31 or as Excel's serial number, from 1900 to 2199."""
    bare = text.strip()
    if not bare:
        return None
    try:
        if match := _SLASHED.fullmatch(bare):
            day, month, year = (int(part) for part in match.groups())
            return in_reach(date(year, month, day))
        if match := _DASHED.fullmatch(bare):
            year, month, day = (int(part) for part in match.groups())
            return in_reach(date(year, month, day))
    except ValueError:
        raise Invalid(f"There is no day {quoted(bare)}") from None
    if re.fullmatch(r"[0-9]{1,6}(?:\.[0-9]{1,20})?", bare):
        return from_serial(float(bare))
    raise Invalid(f"{quoted(bare)} is not a date: write it as 31/01/2025 or 2025-01-31")


def from_serial(number: float) -> date:
    """The day behind Excel's serial number: 45688 is 31 January 2025. A time of day is dropped."""
    try:
        # Excel counts a 29 February 1900, which there was not.
        return in_reach(_EXCEL_EPOCH + timedelta(days=int(number) + (1 if 1 <= number < 60 else 0)))
    except (OverflowError, ValueError):
        raise Invalid(f"{number:g} is not a date") from None


def in_reach(day: date) -> date:
    """`day` where it lies from 1900 to 2199."""
    bare = day.date() if isinstance(day, datetime) else day
    if not EARLIEST <= bare <= LATEST:
        raise Invalid(f"The year {bare.year} is out of reach: 1900 to 2199")
    return bare


def check_reach(day: date | None, field: str) -> None:
    """As `in_reach`, for a date that may be missing; the refusal names `field`."""
    if day is not None:
        try:
            in_reach(day)
        except Invalid as error:
            raise Invalid(error.message, field) from None


def check_upcoming(day: date | None, field: str, *, today: date) -> None:
    """As `check_reach`, for a day that is not past."""
    check_reach(day, field)
    if day is not None and day < today:
        raise Invalid("This day is past", field)


def check_bounds(value: Decimal | int | None, field: str, least: int, most: int | None = None) -> None:
    """`value`, where there is one, lies from `least` to `most`."""
    if value is not None and (value < least or (most is not None and value > most)):
        raise Invalid(f"This is {least} or more" if most is None else f"This is {least} to {most}", field)


def clean_frequency(text: str) -> int | None:
    """Months between reviews, 1 to 12: "3", "3 Months" or "1 month"."""
    bare = text.strip()
    if not bare:
        return None
    match = _FREQUENCY.fullmatch(bare)
    if not match or not 1 <= int(match[1]) <= 12:
        raise Invalid(f"{quoted(bare)} is not a frequency: 1 Month to 12 Months")
    return int(match[1])


def clean_risk(text: str) -> Risk | None:
    """Low, Medium or High, or Green, Amber or Red."""
    bare = text.strip().lower()
    if not bare:
        return None
    known = {"low": Risk.LOW, "green": Risk.LOW, "medium": Risk.MEDIUM, "amber": Risk.MEDIUM,
             "high": Risk.HIGH, "red": Risk.HIGH}  # fmt: skip
    if bare not in known:
        raise Invalid(f"{quoted(text)} is not a risk: Low, Medium or High")
    return known[bare]


def clean_day_of_month(text: str) -> int | None:
    bare = text.strip()
    if not bare:
        return None
    if not re.fullmatch(r"\d{1,2}", bare) or not 1 <= int(bare) <= 31:
        raise Invalid(f"{quoted(bare)} is not a day of a month: 1 to 31")
    return int(bare)


def clean_month(text: str) -> int | None:
    """A month by number or by name: "12", "December" or "Dec"."""
    bare = text.strip().lower()
    if not bare:
        return None
    if re.fullmatch(r"\d{1,2}", bare) and 1 <= int(bare) <= 12:
        return int(bare)
    if len(bare) >= 3 and bare.isalpha():
        for number, name in enumerate(_MONTHS, 1):
            if name.startswith(bare):
                return number
    raise Invalid(f"{quoted(text)} is not a month: 1 to 12 or January to December")


def check_year_end(day: int | None, month: int | None) -> None:
    """A year ends on a day that exists; 29 February stands for the last day of that month."""
    if (day is None) != (month is None):
        raise Invalid("A year end needs both a day and a month", "year_end_day")
    if day is None or month is None:
        return
    if not 1 <= month <= 12:
        raise Invalid("A month is a number from 1 to 12", "year_end_month")
    if day < 1:
        raise Invalid("A day is a number from 1 to 31", "year_end_day")
    last = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]
    if day > last:
        raise Invalid(f"{_MONTHS[month - 1].title()} has no day {day}", "year_end_day")


def missing_particulars(values: "dict[str, object]") -> list[tuple[str, str]]:
    """(field, message) of each particular that a customer must have and `values` lacks.

    A prospect needs a name, an identity or registration number and one contact; everybody else the full set
    (DOMAIN, section 3). `values` maps column names, `departments` and `contacts` to what the customer has.
    """
    if values.get("is_prospect"):
        missing = [] if values.get("name") else [("name", "A name is needed")]
        if not values.get("identity_number") and not values.get("registration_number"):
            missing.append(("registration_number", "A prospect needs an identity or registration number"))
        if not values.get("contacts"):
            missing.append(("contacts", "A prospect needs one contact"))
        return missing
    needed = {
        "name": "A name is needed",
        "reference": "A reference is needed",
        "email": "An email address is needed",
        "region_id": "Choose a region",
        "start_date": "A start date is needed",
        "risk": "Choose a risk: Low, Medium or High",
        "departments": "Choose at least one department",
    }
    return [(field, message) for field, message in needed.items() if not values.get(field)]


def check_review(start: date | None, frequency: int | None) -> None:
    """Reviews need a day to start on and a frequency."""
    if start is None and frequency is None:
        return
    if start is None:
        raise Invalid("Reviews need a start date", "review_start_date")
    if frequency is None or not 1 <= frequency <= 12:
        raise Invalid("Reviews need a frequency of 1 to 12 months", "review_frequency")


def clean_country(text: str) -> str | None:
    """A country by its code of two letters: "de" is "DE"."""
    bare = text.strip().upper()
    if not bare:
        return None
    if not is_country(bare):
        raise Invalid(f"{quoted(text)} is not a country: write two letters such as DE")
    return bare


def is_country(code: str) -> bool:
    return len(code) == 2 and code.isalpha() and code not in _NO_COUNTRIES and code in Locale("en").territories


def clean_currency(text: str) -> str:
    """A currency by its code of three letters: "eur" is "EUR". Amounts have two decimals, so it has two as well."""
    bare = text.strip().upper()
    if bare not in list_currencies():
        raise Invalid(f"{quoted(text)} is not a currency: write three letters such as EUR")
    if not has_cents(bare):
        raise Invalid(
            f"{bare} has {get_currency_precision(bare)} decimal places, and amounts are kept with {_DECIMALS}. "
            "Choose another currency"
        )
    return bare


def has_cents(currency: str) -> bool:
    """Whether amounts of a currency have the two decimals that are kept of them."""
    return get_currency_precision(currency) == _DECIMALS


def split_names(text: str) -> list[str]:
    """The names in a list with commas, semicolons or line breaks between them, each trimmed, once, in their order."""
    names = (" ".join(part.split()) for part in re.split("[,;\n]", text))
    return list(dict.fromkeys(name for name in names if name))


def implied(values: Mapping[str, object]) -> dict[str, object]:
    """The columns that follow from others: whoever has a note on the relationship has a relationship."""
    return {"existing_relationship": True} if values.get("relationship_note") else {}

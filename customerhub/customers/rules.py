"""Rules for single values of a customer. Pure: form, import, command and job all use these.

Each takes a text as a person typed it, gives the value to keep, and raises Invalid with a sentence that says what
would be right. A blank text gives None.
"""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Final

from customerhub.core import validation
from customerhub.core.errors import Invalid, quote_text
from customerhub.core.money import parse_amount
from models.enums import CatalogType, IncreaseProfile, Risk

# The columns that hold an entry of a catalog, those of a customer first.
CUSTOMER_CATALOGS: Final = {
    "region_id": CatalogType.REGION,
    "category_id": CatalogType.CATEGORY,
    "segment_id": CatalogType.SEGMENT,
    "channel_id": CatalogType.CHANNEL,
    "subscription_type_id": CatalogType.SUBSCRIPTION_TYPE,
}
CATALOG_TYPES: Final = {**CUSTOMER_CATALOGS, "type_id": CatalogType.ACCOUNT_TYPE}

# What a customer that is no prospect must have, with what is said where it is missing.
REQUIRED_FIELDS: Final = {
    "name": "Enter a name",
    "reference": "Enter a reference",
    "email": "Enter an email address",
    "region_id": "Choose a region",
    "start_date": "Enter a start date",
    "risk": "Choose a risk: Low, Medium or High",
    "departments": "Choose at least one department",
}

# What a prospect must have: one of the two numbers is enough.
PROSPECT_FIELDS: Final = ("name", "identity_number", "registration_number", "contacts")

MARKUP_BOUNDS: Final = (-100, 1000)  # in percent

_FREQUENCY = re.compile(r"(\d{1,4})\s*(?:months?)?", re.IGNORECASE)
MONTH_NAMES: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
FREQUENCY_NAMES: Final = ("1 Month", *(f"{months} Months" for months in range(2, 13)))


def clean_frequency(text: str) -> int | None:
    """Months between reviews, 1 to 12: "3", "3 Months" or "1 month"."""
    bare = text.strip()
    if not bare:
        return None
    match = _FREQUENCY.fullmatch(bare)
    if not match or not 1 <= int(match[1]) <= 12:
        raise Invalid(f"{quote_text(bare)} is not a frequency: 1 Month to 12 Months")
    return int(match[1])


def clean_risk(text: str) -> Risk | None:
    """Low, Medium or High, or Green, Amber or Red."""
    bare = text.strip().lower()
    if not bare:
        return None
    risks_by_name = {
        "low": Risk.LOW,
        "green": Risk.LOW,
        "medium": Risk.MEDIUM,
        "amber": Risk.MEDIUM,
        "high": Risk.HIGH,
        "red": Risk.HIGH,
    }
    if bare not in risks_by_name:
        raise Invalid(f"{quote_text(text)} is not a risk: Low, Medium or High")
    return risks_by_name[bare]


def clean_markup(text: str) -> Decimal | None:
    """A percentage on the cost of calls, with or without its sign: "12.5" or "12.5 %"."""
    bare = text.strip().removesuffix("%").rstrip()
    if not bare:
        return None
    if not re.search("[0-9]", bare):
        raise Invalid(f"{quote_text(text)} is not a percentage: write it as 12.5")
    percent = parse_amount(bare, places=4)
    validation.check_bounds(percent, "percent", *MARKUP_BOUNDS)
    return percent


def clean_day_of_month(text: str) -> int | None:
    bare = text.strip()
    if not bare:
        return None
    if not re.fullmatch(r"\d{1,2}", bare) or not 1 <= int(bare) <= 31:
        raise Invalid(f"{quote_text(bare)} is not a day of the month: 1 to 31")
    return int(bare)


def clean_month(text: str) -> int | None:
    """A month by number or by name: "12", "December" or "Dec"."""
    bare = text.strip().lower()
    if not bare:
        return None
    if re.fullmatch(r"\d{1,2}", bare) and 1 <= int(bare) <= 12:
        return int(bare)
    if len(bare) >= 3 and bare.isalpha():
        for number, name in enumerate(MONTH_NAMES, 1):
            if name.lower().startswith(bare):
                return number
    raise Invalid(f"{quote_text(text)} is not a month: 1 to 12 or January to December")


def check_year_end(day: int | None, month: int | None) -> None:
    """A year ends on a day that exists; 29 February stands for the last day of that month."""
    if (day is None) != (month is None):
        raise Invalid("Enter both the day and the month of the financial year end", "year_end_day")
    if day is None or month is None:
        return
    if not 1 <= month <= 12:
        raise Invalid("A month is a number from 1 to 12", "year_end_month")
    if day < 1:
        raise Invalid("A day is a number from 1 to 31", "year_end_day")
    last = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]
    if day > last:
        raise Invalid(f"{MONTH_NAMES[month - 1]} has no day {day}", "year_end_day")


def list_missing_fields(values: "dict[str, object]") -> list[tuple[str, str]]:
    """(field, message) of each particular that a customer must have and `values` lacks.

    A prospect needs a name, an identity or registration number and one contact; everybody else the full set
    (DOMAIN, section 3). `values` maps column names, `departments` and `contacts` to what the customer has.
    """
    if values.get("is_prospect"):
        missing = [] if values.get("name") else [("name", "Enter a name")]
        if not values.get("identity_number") and not values.get("registration_number"):
            missing.append(("registration_number", "A prospect needs an identity or registration number"))
        if not values.get("contacts"):
            missing.append(("contacts", "A prospect needs one contact"))
        return missing
    return [(field, message) for field, message in REQUIRED_FIELDS.items() if not values.get(field)]


def check_review_schedule(start: date | None, frequency: int | None) -> None:
    """Reviews need a day to start on and a frequency."""
    if start is None and frequency is None:
        return
    if start is None:
        raise Invalid("Reviews need a start date", "review_start_date")
    if frequency is None or not 1 <= frequency <= 12:
        raise Invalid("Review frequency must be 1 to 12 months", "review_frequency")


def check_annual_increase(profile: IncreaseProfile | None, percent: Decimal | None) -> None:
    """A fixed increase has a percentage; the others follow an index."""
    if profile is IncreaseProfile.FIXED and percent is None:
        raise Invalid("Enter the percentage of the fixed increase", "annual_increase_percent")


def derive_values(values: Mapping[str, object]) -> dict[str, object]:
    """The columns that follow from others: a customer with a note on the relationship has a relationship, and only a
    fixed annual increase has a percentage. `values` may leave out what is not changed.
    """
    derived: dict[str, object] = {"existing_relationship": True} if values.get("relationship_note") else {}
    if values.get("annual_increase_profile", IncreaseProfile.FIXED) is not IncreaseProfile.FIXED:
        derived["annual_increase_percent"] = None
    return derived

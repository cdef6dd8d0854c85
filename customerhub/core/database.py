"""Flushing, with the database's refusals translated into error messages."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from customerhub.core.errors import Conflict, HubError, Invalid, StillLinked
from models.base import db

# Constraint → (field, sentence). What is not listed here is told in general terms.
UNIQUE_MESSAGES: dict[str, tuple[str, str]] = {
    "uq_customer_organisation_id_reference_key": ("reference", "Another customer has this reference"),
    "uq_customer_organisation_id_account_number": (
        "account_number",
        "Another customer has this account number",
    ),
    "uq_account_organisation_id_number": ("account_number", "Another account has this number"),
    "uq_customer_organisation_id_identity_key": (
        "identity_number",
        "Another customer has this identity number",
    ),
    "uq_customer_organisation_id_registration_key": (
        "registration_number",
        "Another customer has this registration number",
    ),
    "uq_customer_organisation_id_vat_key": ("vat_number", "Another customer has this VAT number"),
    "uq_hub_user_email_key": ("email", "This email address already has an account"),
    "uq_address_customer_id_kind": ("addresses", "An address of this type already exists"),
    "uq_invoice_profile_customer_id_name": ("invoice_profiles", "An invoice profile with this name already exists"),
    "uq_call_markup_customer_id_call_class": ("call_markups", "This call class already has a markup"),
    "uq_saved_view_user_id_screen_name": ("name", "You already have a view with this name"),
    "uq_saved_view_shared_with_id_screen_name_key": ("name", "A shared view with this name already exists"),
    "uq_tariff_rate_tariff_id_prefix_valid_from": ("rates", "Only one price per prefix and start date is allowed"),
}

# The checks of the database behind the rules that forms and operations ask first.
CHECK_MESSAGES: dict[str, tuple[str, str]] = {
    "ck_address_country": ("addresses", "Enter a two-letter country code, e.g. DE"),
    "ck_billing_line_active": ("billing_lines", "The end date cannot be before the start date"),
    "ck_billing_line_costs": ("billing_lines", "Enter 0 or more"),
    "ck_call_markup_percent": ("call_markups", "Enter a markup from -100 to 1000 percent"),
    "ck_commodity_defaults": ("default_minimum_cost", "Enter a minimum cost and a cost per unit of 0 or more"),
    "ck_customer_annual_increase": ("annual_increase_percent", "Enter the percentage of the fixed increase"),
    "ck_customer_billing_day": ("billing_day", "Enter a value from 1 to 31"),
    "ck_customer_credit_limit": ("credit_limit", "Enter 0 or more"),
    "ck_customer_number_of_users": ("number_of_users", "Enter 0 or more"),
    "ck_customer_review_frequency": ("review_frequency", "Review frequency must be 1 to 12 months"),
    "ck_customer_total_spend": ("total_spend", "Enter 0 or more"),
    "ck_customer_year_end": ("year_end_day", "This day does not exist"),
    "ck_payment_terms_days": ("days", "Enter a value from 0 to 365"),
    "ck_payment_terms_fixed_day": ("fixed_day", "Enter a day from 1 to 31, or -1 to -28 from the month's end"),
    "ck_product_price": ("price", "Enter a price of 0 or more"),
    "ck_tariff_fallback_markup": ("fallback_markup", "Enter a markup from 0 to 1000 percent"),
    "ck_tariff_rate_price_per_minute": ("rates", "Enter a price of 0 or more"),
    "ck_vat_rate_percent": ("percent", "Enter a rate from 0 to 100 percent"),
}


ROW_CHANGED_MEANWHILE = "Another user changed this record in the meantime"


@contextmanager
def save_changes() -> Iterator[None]:
    """Flush at the end of the block.

    Raises Conflict where a unique value is taken or the row was changed meanwhile, StillLinked where others
    refer to a row that goes, Invalid where a check of the database refuses a value. The session needs a rollback
    then.
    """
    try:
        with db.session.no_autoflush:
            yield
        db.session.flush()
    except (IntegrityError, DataError) as error:
        raise to_hub_error(error) from error
    except StaleDataError as error:
        raise Conflict(ROW_CHANGED_MEANWHILE) from error


def insert_new(model: Any, *, on: Sequence[str] | None = None) -> Any:
    """An INSERT into the table of `model` that leaves out what one of its unique keys has already, or only the key of
    the columns `on`. Add values, and what it is to return.
    """
    return build_upsert(model).on_conflict_do_nothing(index_elements=on)


def insert_or_update(model: Any, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Give the row of `model` with the unique `key` these values, and make it where there is none."""
    insert = build_upsert(model).values(**key, **values)
    db.session.execute(insert.on_conflict_do_update(index_elements=list(key), set_=values))


def build_upsert(model: Any) -> Any:
    """An INSERT that can say what to do where a unique key is taken."""
    dialect = sqlite if db.session.get_bind().dialect.name == "sqlite" else postgresql
    return dialect.insert(model)


def to_hub_error(error: IntegrityError | DataError) -> HubError:
    """The refusal `error` as a HubError."""
    text = str(error.orig)
    name = _constraint_name(error, text)
    if name in UNIQUE_MESSAGES:
        field, message = UNIQUE_MESSAGES[name]
        return Conflict(message, field)
    if name in CHECK_MESSAGES:
        field, message = CHECK_MESSAGES[name]
        return Invalid(message, field)
    if name.startswith("uq_"):
        column = _last_column(name)
        return Conflict(f"This {column or 'name'} is already in use", column)
    if "foreign key" in text.lower():
        return StillLinked("A linked record no longer exists, or this record is still in use")
    if isinstance(error, DataError):
        return Invalid("A value is too long, too large or contains an invalid character")
    return Invalid("A value is outside the allowed range", _last_column(name) if name else None)


def _constraint_name(error: IntegrityError | DataError, text: str) -> str:
    """The name of the violated constraint, where the database reports it."""
    reported_name = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    if reported_name:
        return str(reported_name)
    if match := re.search(r"UNIQUE constraint failed: (.+)", text):
        columns = [column.strip().split(".") for column in match[1].split(",")]
        return "_".join(["uq", columns[0][0], *(column[-1] for column in columns)])
    if match := re.search(r"CHECK constraint failed: (\w+)", text):
        return match[1]
    return ""


def _last_column(name: str) -> str | None:
    for field in ("name", "code", "email", "number", "prefix", "reference"):
        if name.endswith((f"_{field}", f"_{field}_key")):
            return field
    return None

"""Flushing with the database's refusals turned into sentences."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from customerhub.errors import Conflict, HubError, Invalid, StillLinked
from models.base import db

# Constraint → (field, sentence). What is not listed here is told in general terms.
SENTENCES: dict[str, tuple[str, str]] = {
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
    "uq_address_customer_id_kind": ("addresses", "There is already an address of this kind"),
    "uq_invoice_profile_customer_id_name": ("invoice_profiles", "There is already a profile with this name"),
    "uq_tariff_rate_tariff_id_prefix_valid_from": ("rates", "A prefix has one price a day"),
}

# The checks of the database behind the rules that forms and operations ask first.
BOUNDS: dict[str, tuple[str, str]] = {
    "ck_address_country": ("addresses", "A country is two letters such as DE"),
    "ck_billing_line_active": ("billing_lines", "A line cannot end before it begins"),
    "ck_billing_line_costs": ("billing_lines", "A cost is 0 or more"),
    "ck_commodity_defaults": ("default_minimum_cost", "Minimum cost and cost per unit are 0 or more"),
    "ck_customer_billing_day": ("billing_day", "This is 1 to 31"),
    "ck_customer_credit_limit": ("credit_limit", "This is 0 or more"),
    "ck_customer_number_of_users": ("number_of_users", "This is 0 or more"),
    "ck_customer_review_frequency": ("review_frequency", "Reviews need a frequency of 1 to 12 months"),
    "ck_customer_total_spend": ("total_spend", "This is 0 or more"),
    "ck_customer_year_end": ("year_end_day", "There is no such day"),
    "ck_payment_terms_value": (
        "value", "Days after the invoice are 0 to 365; a day of the month is 1 to 31, or -1 to -28 from its end"
    ),
    "ck_product_price": ("price", "A price is 0 or more"),
    "ck_tariff_fallback_markup": ("fallback_markup", "A markup is 0 to 1000 percent"),
    "ck_tariff_rate_price_per_minute": ("rates", "A price is 0 or more"),
    "ck_vat_rate_percent": ("percent", "A rate is 0 to 100 percent"),
}  # fmt: skip


@contextmanager
def saving() -> Iterator[None]:
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
        raise explained(error) from error
    except StaleDataError as error:
        raise Conflict("Somebody else saved this record in the meantime") from error


def insert_new(model: Any, *, on: Sequence[str] | None = None) -> Any:
    """An INSERT into the table of `model` that leaves out what one of its unique keys has already, or only the key of
    the columns `on`. Add values, and what it is to return.
    """
    return _insert(model).on_conflict_do_nothing(index_elements=on)


def insert_or_update(model: Any, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Give the row of `model` with the unique `key` these values, and make it where there is none."""
    insert = _insert(model).values(**key, **values)
    db.session.execute(insert.on_conflict_do_update(index_elements=list(key), set_=values))


def _insert(model: Any) -> Any:
    """An INSERT that can say what to do where a unique key is taken."""
    dialect = sqlite if db.session.get_bind().dialect.name == "sqlite" else postgresql
    return dialect.insert(model)


def explained(error: IntegrityError | DataError) -> HubError:
    """The refusal `error` as a HubError."""
    text = str(error.orig)
    name = _constraint(error, text)
    if name in SENTENCES:
        field, sentence = SENTENCES[name]
        return Conflict(sentence, field)
    if name in BOUNDS:
        field, sentence = BOUNDS[name]
        return Invalid(sentence, field)
    if name.startswith("uq_"):
        taken = _last_column(name)
        return Conflict(f"There is already one with this {taken or 'name'}", taken)
    if "foreign key" in text.lower():
        return StillLinked("Something that this refers to is gone, or something still refers to this")
    if isinstance(error, DataError):
        return Invalid("A value is too long, too large or has a character in it that cannot be shown")
    return Invalid("A value is outside of what is allowed", _last_column(name) if name else None)


def _constraint(error: IntegrityError | DataError, text: str) -> str:
    """The name of the constraint that refused, where the database tells it."""
    told = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    if told:
        return str(told)
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

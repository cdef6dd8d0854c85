"""Flushing with the database's refusals turned into sentences."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

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


def explained(error: IntegrityError | DataError) -> HubError:
    """The refusal `error` as a HubError."""
    text = str(error.orig)
    name = _constraint(error, text)
    if name in SENTENCES:
        field, sentence = SENTENCES[name]
        return Conflict(sentence, field)
    if name.startswith("uq_"):
        return Conflict("There is already one with this name", _last_column(name))
    if "foreign key" in text.lower():
        return StillLinked("Something that this refers to is gone, or something still refers to this")
    if isinstance(error, DataError):
        return Invalid("A value is too long or too large")
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

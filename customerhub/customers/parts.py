"""The parts of a customer's record: addresses, contacts, documents, lines, profiles and legal entities."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from sqlalchemy import inspect
from sqlalchemy.orm import Session, SessionTransaction

from customerhub.core import validation
from customerhub.core.errors import Invalid
from customerhub.core.row_validation import Problems, clean_row
from customerhub.custom_fields.values import list_value_problems
from customerhub.customers.accounts import NUMBER_TAKEN, list_account_problems
from customerhub.customers.choice_rules import CHOICE_RULES, is_valid_choice
from customerhub.customers.invoice_profiles import NAME_TAKEN, list_profile_problems
from customerhub.customers.profile_form import PROFILE_FORM
from customerhub.customers.rules import MARKUP_BOUNDS
from customerhub.form_layouts.required import list_missing_of
from models import (
    Account,
    Address,
    BillingLine,
    CallMarkup,
    ComplianceDocument,
    Customer,
    CustomerPart,
    InvoiceProfile,
    NotificationTemplate,
)
from models.base import db
from models.custom_fields import HasCustomFields
from models.keys import fold_text

PARTS = (
    "accounts",
    "addresses",
    "contacts",
    "compliance_documents",
    "billing_lines",
    "call_markups",
    "invoice_profiles",
    "legal_entities",
)
NUMBER_TO_COME = ("number", "Required")  # of an account: it is given one where none was entered
_FLUSHED_KEY: Final = "parts_flushed"


def parts_at_hand(customer: Customer) -> Iterator[tuple[str, int, Any]]:
    """(name of the list, position in it, row) of every part of the lists that may have been changed."""
    for name in list_names_at_hand(customer):
        for position, part in enumerate(getattr(customer, name)):
            yield name, position, part


def list_names_at_hand(customer: Customer) -> list[str]:
    """The lists of parts that somebody has looked into, or of which a row was changed in this transaction.

    What nobody has read or changed is as it was when it was checked and saved.
    """
    state: Any = inspect(customer)
    if not state.persistent:
        return list(PARTS)
    session = db.session()
    changed_models = session.info.get(_FLUSHED_KEY, {}).get(customer.id, set()) | {
        type(row) for row in _list_changed_parts(session) if row.customer_id == customer.id
    }
    return [
        name for name in PARTS if name not in state.unloaded or state.mapper.attrs[name].entity.class_ in changed_models
    ]


def _list_changed_parts(session: Session) -> list[CustomerPart]:
    return [row for row in (*session.new, *session.dirty) if isinstance(row, CustomerPart)]


def remember_flushed_parts(session: Session, _context: Any, _instances: Any) -> None:
    """Listener of `before_flush`: a part that is flushed by a query on the way is still one that was changed."""
    for row in _list_changed_parts(session):
        session.info.setdefault(_FLUSHED_KEY, {}).setdefault(row.customer_id, set()).add(type(row))


def forget_flushed_parts(session: Session, transaction: SessionTransaction) -> None:
    """Listener of `after_transaction_end`."""
    if transaction.parent is None:
        session.info.pop(_FLUSHED_KEY, None)


def list_part_problems(customer: Customer, *, are_profiles_entered: bool = False) -> Problems:
    """Put every part into the customer's organisation and clean it. Problems have fields such as "contacts.0.email".
    `are_profiles_entered` where all of the invoice profiles were in a form.
    """
    problems: Problems = []
    for name, position, part in parts_at_hand(customer):
        part.organisation_id = customer.organisation_id
        check = CHECKS.get(type(part))
        row_problems = clean_row(part) + (check(part) if check else [])
        row_problems = [each for each in row_problems if not (isinstance(part, Account) and each == NUMBER_TO_COME)]
        if isinstance(part, HasCustomFields):
            row_problems += list_value_problems(part)
        if isinstance(part, InvoiceProfile):
            row_problems += list_missing_of(PROFILE_FORM, part, is_entered=are_profiles_entered)
        problems += [(f"{name}.{position}.{field}", message) for field, message in row_problems]
    names_at_hand = list_names_at_hand(customer)
    if "addresses" in names_at_hand:
        kinds = [address.kind for address in customer.addresses]
        problems += _list_duplicate_problems("addresses", "kind", kinds, "An address of this type already exists")
    if "call_markups" in names_at_hand:
        classes = [markup.call_class for markup in customer.call_markups]
        message = "This call class already has a markup"
        problems += _list_duplicate_problems("call_markups", "call_class", classes, message)
    if "accounts" in names_at_hand:
        numbers = [account.number or account for account in customer.accounts]
        problems += _list_duplicate_problems("accounts", "number", numbers, NUMBER_TAKEN)
    if "invoice_profiles" in names_at_hand:
        names = [fold_text(profile.name or "") for profile in customer.invoice_profiles]
        problems += _list_duplicate_problems("invoice_profiles", "name", names, NAME_TAKEN)
    return problems


def _list_duplicate_problems(name: str, field: str, values: list[Any], message: str) -> Problems:
    return [
        (f"{name}.{position}.{field}", message) for position, value in enumerate(values) if value in values[:position]
    ]


def _list_address_problems(address: Address) -> Problems:
    try:
        address.country = validation.clean_country(address.country or "")
    except Invalid as error:
        return [("country", error.message)]
    return []


def _list_line_problems(line: BillingLine) -> Problems:
    problems = [
        (field, "Enter 0 or more") for field in ("minimum_cost", "cost_per_unit") if (getattr(line, field) or 0) < 0
    ]
    if line.active_from and line.active_to and line.active_to < line.active_from:
        problems.append(("active_to", "The end date cannot be before the start date"))
    return problems


def _list_markup_problems(markup: CallMarkup) -> Problems:
    try:
        validation.check_bounds(markup.percent, "percent", *MARKUP_BOUNDS)
    except Invalid as error:
        return error.problems
    return []


def _list_document_problems(document: ComplianceDocument) -> Problems:
    rule = CHOICE_RULES["template_id"]
    if is_valid_choice(rule, NotificationTemplate, document.template_id, document.organisation_id):
        return []
    return [("template_id", "Choose a template for compliance documents from the list")]


CHECKS: dict[type[Any], Callable[[Any], Problems]] = {
    Account: list_account_problems,
    Address: _list_address_problems,
    BillingLine: _list_line_problems,
    CallMarkup: _list_markup_problems,
    ComplianceDocument: _list_document_problems,
    InvoiceProfile: list_profile_problems,
}

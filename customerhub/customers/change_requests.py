"""Change requests: a partner or portal user proposes a change of a customer's particulars, staff decide.

Proposed is a set of values beside those the proposer saw. On approval exactly these change, and only while each still
holds what was seen.
"""

from datetime import date
from typing import Any, Final

from sqlalchemy import inspect, select

from customerhub.approvals import stages, tasks
from customerhub.core import history
from customerhub.core.database import UNIQUE_MESSAGES, save_changes
from customerhub.core.errors import Conflict, Invalid, NotAllowed
from customerhub.core.permissions import Actor, Permission, has_portal_permission, require_access, require_permission
from customerhub.customers.records import list_record_problems, save_customer
from models import ApprovalTask, Customer
from models.base import db
from models.enums import CustomerType, PortalPermission, Role, TaskKind
from models.keys import number_key

FIELDS: Final = (
    "name",
    "customer_type",
    "identity_number",
    "registration_number",
    "registration_date",
    "vat_number",
    "vat_registration_date",
    "email",
    "contact_number",
    "website",
)
_DATE_FIELDS: Final = ("registration_date", "vat_registration_date")
# What no two customers have: where it is compared, and the constraint that refuses it.
_UNIQUE_NUMBERS: Final[dict[str, tuple[Any, str]]] = {
    "identity_number": (Customer.identity_key, "uq_customer_organisation_id_identity_key"),
    "registration_number": (Customer.registration_key, "uq_customer_organisation_id_registration_key"),
    "vat_number": (Customer.vat_key, "uq_customer_organisation_id_vat_key"),
}


def serialize_value(value: Any) -> str | None:
    """A particular as a proposal keeps it."""
    if value is None or value == "":
        return None
    return value.isoformat() if isinstance(value, date) else str(value)


def _parse_value(name: str, text: str | None) -> Any:
    """The value of a column from what a proposal keeps. Raises Invalid with the field where it cannot be one."""
    if text is None:
        return None
    try:
        if name in _DATE_FIELDS:
            return date.fromisoformat(text)
        return CustomerType(text) if name == "customer_type" else text
    except ValueError:
        raise Invalid("Invalid date" if name in _DATE_FIELDS else "Choose a value from the list", name) from None


def propose_update(
    customer: Customer, *, values: dict[str, Any], comment: str | None = None, actor: Actor
) -> ApprovalTask:
    """Ask for `values`, by column, in place of what the customer has.

    Raises Invalid where nothing would change or a value cannot be one, Conflict where a request is waiting already,
    NotAllowed for a portal user who does not see these particulars.
    """
    require_permission(actor, Permission.PARTICULARS_ASK)
    require_access(actor, customer)
    _require_portal_access(customer, actor)
    unknown = set(values) - set(FIELDS)
    if unknown:
        raise Invalid(f"These fields cannot be changed here: {', '.join(sorted(unknown))}")
    current_values = {name: serialize_value(getattr(customer, name)) for name in values}
    requested_values = _clean_values(customer, values)
    proposal = {
        name: [current_values[name], requested_values[name]]
        for name in values
        if current_values[name] != requested_values[name]
    }
    if not proposal:
        raise Invalid("No changes entered")
    _refuse_duplicate_numbers(customer, requested_values)
    cleaned_comment = tasks.clean_comment(comment)
    return tasks.open_task(
        TaskKind.PARTICULARS,
        actor=actor,
        subject=customer.name,
        customer=customer,
        proposal=proposal,
        comment=cleaned_comment,
    )


def _require_portal_access(customer: Customer, actor: Actor) -> None:
    """Raises NotAllowed for a portal user to whom the page with these particulars is not open."""
    user = actor.user
    if user is None or user.role is not Role.CUSTOMER:
        return
    if not (customer.portal_access and has_portal_permission(user, PortalPermission.DASHBOARD)):
        raise NotAllowed("You do not have access to this. Please ask your contact person")


def _refuse_duplicate_numbers(customer: Customer, requested_values: dict[str, str | None]) -> None:
    """Raises Invalid, with the field, where another customer has a requested number. The message does not name it."""
    for name, (column, constraint) in _UNIQUE_NUMBERS.items():
        key = number_key(requested_values.get(name))
        others = (Customer.organisation_id == customer.organisation_id, Customer.id != customer.id, column == key)
        if key is not None and db.session.scalar(select(Customer.id).where(*others)) is not None:
            raise Invalid(UNIQUE_MESSAGES[constraint][1], name)


def _clean_values(customer: Customer, values: dict[str, Any]) -> dict[str, str | None]:
    """`values` as the record would keep them. Raises Invalid where it could not: nobody could approve that.

    They are tried on the customer itself, by the rules of every save, and taken back.
    """
    columns = [column.key for column in inspect(Customer).column_attrs]
    with db.session.no_autoflush:
        saved_values = {name: getattr(customer, name) for name in columns}
        try:
            known_problems = list_record_problems(customer)
            for name, value in values.items():
                setattr(
                    customer,
                    name,
                    _parse_value(name, serialize_value(value.strip() if isinstance(value, str) else value)),
                )
            problems = [problem for problem in list_record_problems(customer) if problem not in known_problems]
            cleaned_values = {name: serialize_value(getattr(customer, name)) for name in values}
        finally:
            for name, value in saved_values.items():
                setattr(customer, name, value)
    if problems:
        raise Invalid.from_problems(problems)
    return cleaned_values


def list_outdated_fields(task: ApprovalTask) -> list[str]:
    """The proposed fields whose value is no longer the one the proposer saw."""
    customer = task.customer
    assert customer is not None
    return [name for name, (seen, _) in task.proposal.items() if serialize_value(getattr(customer, name)) != seen]


def apply_update(task: ApprovalTask, *, comment: str | None, actor: Actor) -> None:
    """Do what an approved update asks for. The task is closed by the caller.

    Raises Conflict where the record has moved on, Invalid where a value breaks a rule.
    """
    outdated_fields = list_outdated_fields(task)
    if outdated_fields:
        names = ", ".join(name.replace("_", " ") for name in outdated_fields)
        raise Conflict(f"The record has changed since this request ({names}). Decline it and submit a new request")
    customer = task.customer
    assert customer is not None
    with history.with_reason(comment or f"Requested by {task.requester or 'the system'}"):
        for name, (_, requested_value) in task.proposal.items():
            setattr(customer, name, _parse_value(name, requested_value))
        save_customer(customer, actor=actor)
    recheck = tasks.find_open_task(customer, TaskKind.RECHECK)
    if recheck is not None and task.requester_id is not None and set(stages.CREDIT_CHECK_FACTS) & task.proposal.keys():
        with save_changes():
            tasks.add_requesters(recheck, {task.requester_id})

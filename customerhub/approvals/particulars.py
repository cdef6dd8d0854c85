"""A change of a customer's particulars that a partner or portal user proposes and somebody decides.

Proposed is a set of values beside those the proposer saw. On approval exactly these change, and only while each still
holds what was seen.
"""

from datetime import date
from typing import Any, Final

from sqlalchemy import inspect, select

from customerhub import history
from customerhub.approvals import stages, tasks
from customerhub.customers.records import particulars_problems, save_customer
from customerhub.database import SENTENCES, saving
from customerhub.errors import Conflict, Invalid, NotAllowed
from customerhub.permissions import Actor, Permission, has_ability, require, require_own
from models import ApprovalTask, Customer
from models.base import db
from models.enums import CustomerType, PortalPermission, Role, TaskKind
from models.keys import number_key

FIELDS: Final = (
    "name", "customer_type", "identity_number", "registration_number", "registration_date", "vat_number",
    "vat_registration_date", "email", "contact_number", "website",
)  # fmt: skip
_DATES: Final = ("registration_date", "vat_registration_date")
# What no two customers have: where it is compared, and the constraint that refuses it.
_NUMBERS: Final[dict[str, tuple[Any, str]]] = {
    "identity_number": (Customer.identity_key, "uq_customer_organisation_id_identity_key"),
    "registration_number": (Customer.registration_key, "uq_customer_organisation_id_registration_key"),
    "vat_number": (Customer.vat_key, "uq_customer_organisation_id_vat_key"),
}


def plain(value: Any) -> str | None:
    """A particular as a proposal keeps it."""
    if value is None or value == "":
        return None
    return value.isoformat() if isinstance(value, date) else str(value)


def _typed(name: str, text: str | None) -> Any:
    """The value of a column from what a proposal keeps. Raises Invalid with the field where it cannot be one."""
    if text is None:
        return None
    try:
        if name in _DATES:
            return date.fromisoformat(text)
        return CustomerType(text) if name == "customer_type" else text
    except ValueError:
        raise Invalid("There is no such day" if name in _DATES else "Choose one of the list", name) from None


def propose_update(
    customer: Customer, *, values: dict[str, Any], comment: str | None = None, actor: Actor
) -> ApprovalTask:
    """Ask for `values`, by column, in place of what the customer has.

    Raises Invalid where nothing would change or a value cannot be one, Conflict where a request is waiting already,
    NotAllowed for a portal user who does not see these particulars.
    """
    require(actor, Permission.PARTICULARS_ASK)
    require_own(actor, customer)
    _require_portal(customer, actor)
    unknown = set(values) - set(FIELDS)
    if unknown:
        raise Invalid(f"These cannot be changed here: {', '.join(sorted(unknown))}")
    seen = {name: plain(getattr(customer, name)) for name in values}
    wanted = _tidied(customer, values)
    proposal = {name: [seen[name], wanted[name]] for name in values if seen[name] != wanted[name]}
    if not proposal:
        raise Invalid("Nothing would change")
    _refuse_taken(customer, wanted)
    said = tasks.tidied(comment)
    return tasks.open_task(
        TaskKind.PARTICULARS, actor=actor, subject=customer.name, customer=customer, proposal=proposal, comment=said
    )


def _require_portal(customer: Customer, actor: Actor) -> None:
    """Raises NotAllowed for a portal user to whom the page with these particulars is not open."""
    user = actor.user
    if user is None or user.role is not Role.CUSTOMER:
        return
    if not (customer.portal_access and has_ability(user, PortalPermission.DASHBOARD)):
        raise NotAllowed("Your access does not include this. Please ask your contact with us")


def _refuse_taken(customer: Customer, wanted: dict[str, str | None]) -> None:
    """Raises Invalid, with the field, where another customer has a number that is asked for. Which one is not told."""
    for name, (column, constraint) in _NUMBERS.items():
        key = number_key(wanted.get(name))
        others = (Customer.organisation_id == customer.organisation_id, Customer.id != customer.id, column == key)
        if key is not None and db.session.scalar(select(Customer.id).where(*others)) is not None:
            raise Invalid(SENTENCES[constraint][1], name)


def _tidied(customer: Customer, values: dict[str, Any]) -> dict[str, str | None]:
    """`values` as the record would keep them. Raises Invalid where it could not: nobody could approve that.

    They are tried on the customer itself, by the rules of every save, and taken back.
    """
    columns = [column.key for column in inspect(Customer).column_attrs]
    with db.session.no_autoflush:
        before = {name: getattr(customer, name) for name in columns}
        try:
            known = particulars_problems(customer)
            for name, value in values.items():
                setattr(customer, name, _typed(name, plain(value.strip() if isinstance(value, str) else value)))
            problems = [problem for problem in particulars_problems(customer) if problem not in known]
            wanted = {name: plain(getattr(customer, name)) for name in values}
        finally:
            for name, value in before.items():
                setattr(customer, name, value)
    if problems:
        raise Invalid(problems[0][1], problems[0][0], problems)
    return wanted


def moved_on(task: ApprovalTask) -> list[str]:
    """The proposed fields whose value is no longer the one the proposer saw."""
    customer = task.customer
    assert customer is not None
    return [name for name, (seen, _) in task.proposal.items() if plain(getattr(customer, name)) != seen]


def apply(task: ApprovalTask, *, comment: str | None, actor: Actor) -> None:
    """Do what an approved update asks for. The task is closed by the caller.

    Raises Conflict where the record has moved on, Invalid where a value breaks a rule.
    """
    stale = moved_on(task)
    if stale:
        names = ", ".join(name.replace("_", " ") for name in stale)
        raise Conflict(f"The record has changed since this was asked for ({names}). Decline it and ask anew")
    customer = task.customer
    assert customer is not None
    with history.because(comment or f"Asked for by {task.requester or 'the system'}"):
        for name, (_, wanted) in task.proposal.items():
            setattr(customer, name, _typed(name, wanted))
        save_customer(customer, actor=actor)
    again = tasks.find_open(customer, TaskKind.RECHECK)
    if again is not None and task.requester_id is not None and set(stages.FACTS) & task.proposal.keys():
        with saving():
            tasks.join(again, {task.requester_id})

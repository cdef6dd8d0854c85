"""Whom we must not approve, contract or reinstate: asked by every operation that would, entered and lifted by tasks.

A customer is matched by its id, and by its normalised identity or registration number, so that a copy, an import or a
new registration of the same body is the same body.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import or_, select

from customerhub import clock, history
from customerhub.approvals import tasks
from customerhub.customers import alerts
from customerhub.customers.alerts import today
from customerhub.customers.rules import check_upcoming
from customerhub.database import saving
from customerhub.errors import WrongState
from customerhub.permissions import Actor, Permission, require, require_own
from models import ApprovalTask, BlacklistEntry, Customer
from models.base import db
from models.enums import TaskKind
from models.keys import number_key

NUMBERS: Final = ("identity_number", "registration_number")  # by which somebody is matched, beside the record itself


def entries_of(customer: Customer, *, as_of: date) -> list[BlacklistEntry]:
    """The entries that hold for `customer` on that day, the first made first."""
    matches = _matches(customer.id, number_key(customer.identity_number), number_key(customer.registration_number))
    return _valid(matches, customer.organisation_id, as_of)


def entries_of_numbers(
    organisation_id: int, *, identity_number: str | None, registration_number: str | None, as_of: date
) -> list[BlacklistEntry]:
    """The entries that hold on that day for whoever has one of these numbers."""
    matches = _matches(None, number_key(identity_number), number_key(registration_number))
    return _valid(matches, organisation_id, as_of)


def listed_among(customers: Sequence[Customer], *, as_of: date) -> set[int]:
    """The ids of those of `customers`, all of one organisation, for whom an entry holds on that day."""
    ids = [customer.id for customer in customers]
    identities = {number_key(customer.identity_number) for customer in customers} - {None}
    registrations = {number_key(customer.registration_number) for customer in customers} - {None}
    matches = [
        BlacklistEntry.customer_id.in_(ids),
        BlacklistEntry.identity_key.in_(identities),
        BlacklistEntry.registration_key.in_(registrations),
    ]
    held: set[Any] = set()
    for entry in _valid(matches, customers[0].organisation_id, as_of):
        held |= {("id", entry.customer_id), ("identity", entry.identity_key)}
        held.add(("registration", entry.registration_key))
    return {
        customer.id
        for customer in customers
        if held.intersection(
            (
                ("id", customer.id),
                ("identity", number_key(customer.identity_number) or ""),
                ("registration", number_key(customer.registration_number) or ""),
            )
        )
    }


def _matches(customer_id: int | None, identity_key: str | None, registration_key: str | None) -> list[Any]:
    pairs: tuple[tuple[Any, Any], ...] = (
        (BlacklistEntry.customer_id, customer_id),
        (BlacklistEntry.identity_key, identity_key),
        (BlacklistEntry.registration_key, registration_key),
    )
    return [column == value for column, value in pairs if value is not None]


def _valid(matches: list[Any], organisation_id: int, as_of: date) -> list[BlacklistEntry]:
    if not matches:
        return []
    return list(
        db.session.scalars(
            select(BlacklistEntry)
            .where(BlacklistEntry.organisation_id == organisation_id, or_(*matches), BlacklistEntry.holds(as_of))
            .order_by(BlacklistEntry.id)
        )
    )


def listed_customers(entries: Sequence[BlacklistEntry]) -> list[Customer]:
    """The customers whom these entries, all of one organisation, are about, whether they hold or not."""
    if not entries:
        return []
    pairs = ((Customer.id, "customer_id"), (Customer.identity_key, "identity_key"),
             (Customer.registration_key, "registration_key"))  # fmt: skip
    ways = [column.in_({getattr(entry, name) for entry in entries} - {None}) for column, name in pairs]
    query = select(Customer).where(Customer.organisation_id == entries[0].organisation_id, or_(*ways))
    return list(db.session.scalars(query.order_by(Customer.id)))


def keep_listed(customer: Customer, entries: Sequence[BlacklistEntry]) -> None:
    """`customer` was matched by these entries: it still is, whatever its numbers are now.

    Otherwise a corrected number, or a merge, would take somebody off the blacklist without a decision.
    """
    matched = {entry.id for entry in entries_of(customer, as_of=today(customer.organisation_id))}
    for entry in entries:
        if entry.id not in matched:
            with history.because(f"{customer} was blacklisted by a number that it no longer has"), saving():
                db.session.add(_entry_for(customer, reason=entry.reason, valid_until=entry.valid_until))


def keep_numbers_listed(
    customer: Customer, entries: Sequence[BlacklistEntry], numbers: Mapping[str, str | None]
) -> None:
    """`customer` took the place of somebody whom these entries matched: whoever comes with one of their `numbers`, by
    column, is still matched.
    """
    day, nothing = today(customer.organisation_id), dict.fromkeys(NUMBERS)
    free = {
        name: number
        for name, number in numbers.items()
        if number and not entries_of_numbers(customer.organisation_id, **nothing | {name: number}, as_of=day)
    }
    for entry in entries if free else ():
        with history.because(f"{customer} took the place of somebody blacklisted with this number"), saving():
            terms = {"reason": entry.reason, "valid_until": entry.valid_until}
            db.session.add(_entry_for(customer, **nothing | free, **terms))


def refuse_blacklisted(customer: Customer, what: str) -> None:
    """Raises WrongState where `customer` is blacklisted today. `what` is the act, as in "approved"."""
    found = entries_of(customer, as_of=today(customer.organisation_id))
    if found:
        raise WrongState(f"{customer} is blacklisted and cannot be {what}: {found[0].reason}")


# --- Asking and deciding -----------------------------------------------------------------------------------------


def request_blacklisting(
    customer: Customer, *, reason: str, valid_until: date | None = None, actor: Actor
) -> ApprovalTask:
    """Ask that `customer` be blacklisted. Raises WrongState where it is, Conflict where that is asked for already."""
    require(actor, Permission.TASKS_WORK)
    require_own(actor, customer)
    if entries_of(customer, as_of=today(customer.organisation_id)):
        raise WrongState(f"{customer} is blacklisted already")
    said = _reason(reason)
    check_upcoming(valid_until, "valid_until", today=today(customer.organisation_id))
    proposal = {"reason": said, "valid_until": valid_until.isoformat() if valid_until else None}
    return tasks.open_task(
        TaskKind.BLACKLIST, actor=actor, subject=customer.name, customer=customer, proposal=proposal, comment=said
    )


def request_removal(customer: Customer, *, reason: str, actor: Actor) -> ApprovalTask:
    """Ask that `customer` be taken off the blacklist."""
    require(actor, Permission.TASKS_WORK)
    require_own(actor, customer)
    if not entries_of(customer, as_of=today(customer.organisation_id)):
        raise WrongState(f"{customer} is not blacklisted")
    said = _reason(reason)
    return tasks.open_task(
        TaskKind.REMOVAL, actor=actor, subject=customer.name, customer=customer, proposal={"reason": said}, comment=said
    )


def enter(task: ApprovalTask) -> BlacklistEntry:
    """Do what an approved blacklisting asks for. The task is closed by the caller."""
    customer = task.customer
    assert customer is not None
    told = task.proposal.get("valid_until")
    until = date.fromisoformat(told) if told else None
    if until is not None and until < today(task.organisation_id):
        raise WrongState(f"It was asked for until {until.isoformat()}, and this day is past. Decline it and ask anew")
    entry = _entry_for(customer, reason=task.proposal["reason"], valid_until=until)
    with history.because(entry.reason), saving():
        db.session.add(entry)
    _review([entry])
    return entry


def _entry_for(customer: Customer, **terms: Any) -> BlacklistEntry:
    """An entry for a customer and its numbers, unless `terms` tell others."""
    numbers = {name: getattr(customer, name) for name in NUMBERS}
    about = {"organisation_id": customer.organisation_id, "customer_id": customer.id, "name": customer.name}
    return BlacklistEntry(**about | numbers | terms)


def _review(entries: Sequence[BlacklistEntry]) -> list[Customer]:
    """The alerts of everybody whom these entries match, also by a number alone. Returns them."""
    customers = listed_customers(entries)
    for customer in customers:
        alerts.review_customer(customer, as_of=today(customer.organisation_id))
    return customers


def lift(task: ApprovalTask) -> list[Customer]:
    """Do what an approved removal asks for: every entry that matches the customer ends. Returns whom they matched."""
    customer = task.customer
    assert customer is not None
    reason = task.proposal["reason"]
    ended = entries_of(customer, as_of=today(task.organisation_id))
    with history.because(reason), saving():
        for entry in ended:
            entry.removed_at = clock.now()
            entry.removal_reason = reason
    return _review(ended)


def _reason(text: str) -> str:
    return tasks.needed(text, "reason")

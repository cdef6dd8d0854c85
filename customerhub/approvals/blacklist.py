"""The blacklist: checked before a customer is approved, contracted or reinstated, and changed by approval tasks.

A customer is matched by its id, and by its normalised identity or registration number, so that a copy, an import or a
new registration of the same body is the same body.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from sqlalchemy import Select, and_, or_, select, true
from sqlalchemy.orm import aliased

from customerhub.approvals import tasks
from customerhub.core import clock, history
from customerhub.core.database import save_changes
from customerhub.core.errors import HubError, WrongState, raise_refusal
from customerhub.core.many_rows import split_refused
from customerhub.core.organisation_dates import organisation_today
from customerhub.core.permissions import Actor, Permission, require_access, require_permission
from customerhub.core.validation import check_not_past
from models import ApprovalTask, BlacklistEntry, Customer
from models.base import db
from models.enums import TaskKind
from models.keys import number_key

NUMBER_COLUMNS: Final = (
    "identity_number",
    "registration_number",
)  # by which somebody is matched, beside the record itself


class Body(NamedTuple):
    """Whom an entry may match: a record, and whoever has one of these numbers as `number_key` makes them alike."""

    customer_id: int | None
    identity_key: str | None
    registration_key: str | None


def build_body(customer_id: int | None = None, *, identity_number: str | None, registration_number: str | None) -> Body:
    return Body(customer_id, number_key(identity_number), number_key(registration_number))


def body_of(customer: Customer) -> Body:
    return build_body(customer.id, **{name: getattr(customer, name) for name in NUMBER_COLUMNS})


def find_entries(bodies: Sequence[Body], organisation_id: int, *, as_of: date) -> list[list[BlacklistEntry]]:
    """The entries that hold on that day for each of `bodies`, by one statement; of each the first made first."""
    columns: tuple[Any, ...] = (
        BlacklistEntry.customer_id,
        BlacklistEntry.identity_key,
        BlacklistEntry.registration_key,
    )
    keys = [{body[place] for body in bodies} - {None} for place in range(len(columns))]
    matches = [column.in_(list(several)) for column, several in zip(columns, keys, strict=True) if several]
    if not matches:
        return [[] for _ in bodies]
    query = select(BlacklistEntry).where(
        BlacklistEntry.organisation_id == organisation_id, or_(*matches), BlacklistEntry.is_active_on(as_of)
    )
    entries_by_key: dict[tuple[int, Any], list[BlacklistEntry]] = {}
    for entry in db.session.scalars(query):
        for key in enumerate((entry.customer_id, entry.identity_key, entry.registration_key)):
            entries_by_key.setdefault(key, []).append(entry)
    return [_list_matching(body, entries_by_key) for body in bodies]


def _list_matching(
    body: Body, entries_by_key: Mapping[tuple[int, Any], Sequence[BlacklistEntry]]
) -> list[BlacklistEntry]:
    keys = [key for key in enumerate(body) if key[1] is not None]
    found = {entry.id: entry for key in keys for entry in entries_by_key.get(key, ())}
    return [found[entry_id] for entry_id in sorted(found)]


def list_entries(customer: Customer, *, as_of: date) -> list[BlacklistEntry]:
    """The entries that hold for `customer` on that day, the first made first."""
    return find_entries([body_of(customer)], customer.organisation_id, as_of=as_of)[0]


def list_all_entries(customer: Customer, *, limit: int) -> Sequence[BlacklistEntry]:
    """The newest entries that match a customer by record or number, `limit` at most: also those that were removed or
    have expired.
    """
    columns: tuple[Any, ...] = (
        BlacklistEntry.customer_id,
        BlacklistEntry.identity_key,
        BlacklistEntry.registration_key,
    )
    matches = [column == key for column, key in zip(columns, body_of(customer), strict=True) if key is not None]
    query = select(BlacklistEntry).where(BlacklistEntry.organisation_id == customer.organisation_id, or_(*matches))
    return db.session.scalars(query.order_by(BlacklistEntry.id.desc()).limit(limit)).all()


def list_entries_by_numbers(
    organisation_id: int, *, identity_number: str | None, registration_number: str | None, as_of: date
) -> list[BlacklistEntry]:
    """The entries in force on that day that match one of these numbers."""
    body = build_body(identity_number=identity_number, registration_number=registration_number)
    return find_entries([body], organisation_id, as_of=as_of)[0]


def blacklisted_ids(customers: Sequence[Customer], *, as_of: date) -> set[int]:
    """The ids of those of `customers`, all of one organisation, for whom an entry holds on that day."""
    entries_by_id = list_entries_by_id(customers, customers[0].organisation_id, as_of=as_of)
    return {key for key, entries in entries_by_id.items() if entries}


def list_entries_by_id(
    customers: Sequence[Customer], organisation_id: int, *, as_of: date
) -> dict[int, list[BlacklistEntry]]:
    """The entries of an organisation that hold for each of `customers` on that day, by their ids, as `list_entries`."""
    entries = find_entries([body_of(customer) for customer in customers], organisation_id, as_of=as_of)
    return {customer.id: own_entries for customer, own_entries in zip(customers, entries, strict=True)}


def select_blacklisted_ids(
    organisation_id: int, as_of: date, customer_ids: Collection[int] | None = None
) -> Select[Any]:
    """The ids of the organisation's customers, or of those among `customer_ids`, for whom an entry holds on that day.

    Found from the entries, which are few, by each of the three ways in which one matches.
    """
    entry, customer = BlacklistEntry, aliased(Customer)
    is_active = and_(entry.organisation_id == organisation_id, entry.is_active_on(as_of))
    match_conditions = (
        customer.id == entry.customer_id,
        customer.identity_key == entry.identity_key,
        customer.registration_key == entry.registration_key,
    )
    is_asked_for = true() if customer_ids is None else customer.id.in_(customer_ids)
    queries = [
        select(customer.id)
        .join(entry, match_condition)
        .where(is_active, customer.organisation_id == organisation_id, is_asked_for)
        for match_condition in match_conditions
    ]
    return select(queries[0].union(*queries[1:]).subquery().c.id)


def list_matched_customers(entries: Sequence[BlacklistEntry]) -> list[Customer]:
    """The customers whom these entries, all of one organisation, are about, whether they hold or not."""
    if not entries:
        return []
    pairs = (
        (Customer.id, "customer_id"),
        (Customer.identity_key, "identity_key"),
        (Customer.registration_key, "registration_key"),
    )
    conditions = [column.in_({getattr(entry, name) for entry in entries} - {None}) for column, name in pairs]
    query = select(Customer).where(Customer.organisation_id == entries[0].organisation_id, or_(*conditions))
    return list(db.session.scalars(query.order_by(Customer.id)))


def keep_blacklisted(
    customer: Customer, entries: Sequence[BlacklistEntry], *, present_entries: Sequence[BlacklistEntry] | None = None
) -> None:
    """`customer` was matched by these entries: it still is, whatever its numbers are now. Who has asked already tells
    the `present_entries` that hold for it.

    Otherwise a corrected number, or a merge, would take somebody off the blacklist without a decision.
    """
    if present_entries is None:
        present_entries = list_entries(customer, as_of=organisation_today(customer.organisation_id))
    present_ids = {entry.id for entry in present_entries}
    for entry in entries:
        if entry.id not in present_ids:
            with history.with_reason(f"{customer} was blacklisted under a previous number"), save_changes():
                db.session.add(_build_entry(customer, reason=entry.reason, valid_until=entry.valid_until))


def keep_numbers_blacklisted(
    customer: Customer, entries: Sequence[BlacklistEntry], numbers: Mapping[str, str | None]
) -> None:
    """`customer` took the place of one that these entries matched: a customer with one of its `numbers`, by
    column, is still matched.
    """
    day, no_numbers = organisation_today(customer.organisation_id), dict.fromkeys(NUMBER_COLUMNS)
    unlisted_numbers = {
        name: number
        for name, number in numbers.items()
        if number and not list_entries_by_numbers(customer.organisation_id, **no_numbers | {name: number}, as_of=day)
    }
    for entry in entries if unlisted_numbers else ():
        with history.with_reason(f"{customer} replaced a customer blacklisted under this number"), save_changes():
            entry_values = {"reason": entry.reason, "valid_until": entry.valid_until}
            db.session.add(_build_entry(customer, **no_numbers | unlisted_numbers, **entry_values))


def refuse_entries(customer: Customer, entries: Sequence[BlacklistEntry], action: str) -> None:
    """Raises WrongState where any of these `entries` holds for `customer`. `action` is the act, as in "approved"."""
    if entries:
        raise WrongState(_describe_refusal(customer, entries, action))


def describe_refusal(customer: Customer, action: str) -> str:
    """What is said where `customer`, who is blacklisted today, cannot be `action`, such as "approved"."""
    entries = list_entries(customer, as_of=organisation_today(customer.organisation_id))
    return _describe_refusal(customer, entries, action)


def _describe_refusal(customer: Customer, entries: Sequence[BlacklistEntry], action: str) -> str:
    reason = f": {entries[0].reason}" if entries else ""
    return f"{customer} is blacklisted and cannot be {action}{reason}"


# --- Asking and deciding -----------------------------------------------------------------------------------------


def request_blacklisting(
    customer: Customer, *, reason: str, valid_until: date | None = None, actor: Actor
) -> ApprovalTask:
    """Request that `customer` be blacklisted. Raises WrongState where it is, Conflict where that is requested."""
    requests, refusals = request_blacklistings([customer], reason=reason, valid_until=valid_until, actor=actor)
    raise_refusal(refusals)
    return requests[0]


def request_blacklistings(
    customers: Sequence[Customer], *, reason: str, valid_until: date | None = None, actor: Actor
) -> tuple[list[ApprovalTask], dict[int, HubError]]:
    """As `request_blacklisting`, of many at once: the requests, and why not, by the id of each customer without one.

    Raises Conflict where somebody else requests it at the same moment.
    """

    def check_request(customer: Customer, entries: Sequence[BlacklistEntry], today: date) -> None:
        if entries:
            raise WrongState(f"{customer} is already blacklisted")
        _require_reason(reason)
        check_not_past(valid_until, "valid_until", today=today)

    further_terms = {"valid_until": valid_until.isoformat() if valid_until else None}
    return _request(TaskKind.BLACKLIST, customers, check_request, reason, further_terms, actor)


def request_removal(customer: Customer, *, reason: str, actor: Actor) -> ApprovalTask:
    """Ask that `customer` be taken off the blacklist."""
    requests, refusals = request_removals([customer], reason=reason, actor=actor)
    raise_refusal(refusals)
    return requests[0]


def request_removals(
    customers: Sequence[Customer], *, reason: str, actor: Actor
) -> tuple[list[ApprovalTask], dict[int, HubError]]:
    """As `request_removal`, of many at once, as `request_blacklistings`."""

    def check_request(customer: Customer, entries: Sequence[BlacklistEntry], _today: date) -> None:
        if not entries:
            raise WrongState(f"{customer} is not blacklisted")
        _require_reason(reason)

    return _request(TaskKind.REMOVAL, customers, check_request, reason, {}, actor)


def _request(
    kind: TaskKind,
    customers: Sequence[Customer],
    check_request: Callable[[Customer, Sequence[BlacklistEntry], date], None],
    reason: str,
    further_terms: Mapping[str, Any],
    actor: Actor,
) -> tuple[list[ApprovalTask], dict[int, HubError]]:
    """Request a decision about each of `customers` that `check_request` lets, by the entries that hold for it today."""
    require_permission(actor, Permission.TASKS_WORK)
    today = organisation_today(actor.organisation_id)
    entries = list_entries_by_id(customers, actor.organisation_id, as_of=today)

    def check(customer: Customer) -> Customer:
        require_access(actor, customer)
        check_request(customer, entries[customer.id], today)
        return customer

    accepted, refusals = split_refused(customers, check)
    if not accepted:
        return [], refusals
    cleaned_reason = _require_reason(reason)
    proposal = {"reason": cleaned_reason, **further_terms}
    requests, further_refusals = tasks.open_tasks(
        kind, accepted, proposal=proposal, comment=cleaned_reason, actor=actor
    )
    return requests, refusals | further_refusals


def add_to_blacklist(task: ApprovalTask) -> list[Customer]:
    """Carry out an approved blacklisting; returns the customers that the new entry matches, also by a number alone.

    The caller refreshes their alerts and closes the task.
    """
    customer = task.customer
    assert customer is not None
    valid_until_text = task.proposal.get("valid_until")
    valid_until = date.fromisoformat(valid_until_text) if valid_until_text else None
    if valid_until is not None and valid_until < organisation_today(task.organisation_id):
        raise WrongState(
            f"The requested end date {valid_until.isoformat()} has passed. Decline it and submit a new request"
        )
    entry = _build_entry(customer, reason=task.proposal["reason"], valid_until=valid_until)
    with history.with_reason(entry.reason), save_changes():
        db.session.add(entry)
    return list_matched_customers([entry])


def _build_entry(customer: Customer, **values: Any) -> BlacklistEntry:
    """An entry for a customer and its numbers, unless `values` give others."""
    numbers = {name: getattr(customer, name) for name in NUMBER_COLUMNS}
    customer_values = {"organisation_id": customer.organisation_id, "customer_id": customer.id, "name": customer.name}
    return BlacklistEntry(**customer_values | numbers | values)


def remove_from_blacklist(task: ApprovalTask) -> list[Customer]:
    """Carry out an approved removal: every entry that matches the customer ends. Returns the customers they matched.

    The caller refreshes their alerts and closes the task.
    """
    customer = task.customer
    assert customer is not None
    reason = task.proposal["reason"]
    entries = list_entries(customer, as_of=organisation_today(task.organisation_id))
    with history.with_reason(reason), save_changes():
        for entry in entries:
            entry.removed_at = clock.get_now()
            entry.removal_reason = reason
    return list_matched_customers(entries)


def _require_reason(text: str) -> str:
    return tasks.require_comment(text, "reason")

"""Deleting customers that nothing hangs on but the details of their records."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from sqlalchemy import func, select

from customerhub.activity.attachments import delete_customer_attachments
from customerhub.core.database import save_changes
from customerhub.core.errors import HubError, NotFound, StillLinked, raise_refusal
from customerhub.core.many_rows import delete_rows, split_refused
from customerhub.core.permissions import Actor, Permission, require_access, require_permission
from customerhub.core.references import describe_references, list_references_by_id
from customerhub.customers.unused_portal_users import count_linked_rows, delete_unused_users, list_unused_users
from models import Account, Alert, ApprovalTask, Customer, Note
from models.base import db

# What goes with the customer without a question: the details of the record itself. So do portal users that came with it
# and never signed in.
DETAIL_TABLES: Final = (
    "account",
    "address",
    "alert",
    "approval_task",
    "attachment",
    "call_markup",
    "contact",
    "customer_department",
    "customer_invoice_type",
    "customer_tag",
    "legal_entity",
    "merged_customer",
    "note",
    "reminder",
)


def deletion_refusal_reasons(customers: Sequence[Customer]) -> dict[int, str]:
    """What is linked to each of `customers` beyond the details of its record, in a sentence; others are left out."""
    if not customers:
        return {}
    links_by_id = list_references_by_id(customers)
    accounts = (
        select(Account.customer_id, func.count(), func.sum(Account.balance))
        .where(Account.customer_id.in_([customer.id for customer in customers]))
        .group_by(Account.customer_id)
    )
    account_totals = {key: (count, balance) for key, count, balance in db.session.execute(accounts)}
    removable_counts = count_linked_rows(
        list_unused_users([key for key, blocking_links in links_by_id.items() if "hub_user" in dict(blocking_links)])
    )
    reasons = {}
    for customer in customers:
        remaining_counts = Counter(dict(links_by_id[customer.id])) - removable_counts.get(customer.id, Counter())
        blocking_links = [
            (table, remaining_counts[table])
            for table, _ in links_by_id[customer.id]
            if remaining_counts[table] and table not in DETAIL_TABLES
        ]
        count, balance = account_totals.get(customer.id, (0, 0))
        if count > 1 or balance:
            blocking_links.append(("account", count))
        if blocking_links:
            reasons[customer.id] = (
                f"{customer.name} still has {describe_references(blocking_links)} and cannot be deleted."
            )
    return reasons


def delete_customer(customer: Customer, *, actor: Actor) -> None:
    """Delete `customer` at once, with the details of its record.

    Raises StillLinked, saying what is linked, where anything more hangs on it, NotFound where somebody else has deleted
    it.
    """
    raise_refusal(delete_customers([customer], actor=actor))


def delete_customers(customers: Sequence[Customer], *, actor: Actor) -> dict[int, HubError]:
    """As `delete_customer`, of many at once: returns why not, by the id of each that is left as it is.

    Raises Conflict where a portal user of one has just signed in, or a task of one is being changed.
    """
    require_permission(actor, Permission.CUSTOMERS_DELETE)

    def check_access(customer: Customer) -> Customer:
        require_access(actor, customer)
        return customer

    visible, refusals = split_refused(customers, check_access)
    with db.session.no_autoflush:
        locked_ids = _lock_and_refresh(visible)
        reasons = deletion_refusal_reasons([each for each in visible if each.id in locked_ids])

    def check_links(customer: Customer) -> Customer:
        if customer.id not in locked_ids:
            raise NotFound("This customer no longer exists")
        if customer.id in reasons:
            raise StillLinked(reasons[customer.id])
        return customer

    deletable, further_refusals = split_refused(visible, check_links)
    if deletable:
        _delete_with_details(deletable)
    return refusals | further_refusals


def _lock_and_refresh(customers: Sequence[Customer]) -> set[int]:
    """Read these customers as they are now; the ids of those that are still there. Whoever is adding something to one
    is waited for and seen; whoever comes later finds it gone.
    """
    query = select(Customer).where(Customer.id.in_([customer.id for customer in customers])).order_by(Customer.id)
    refreshed = query.with_for_update().execution_options(populate_existing=True)
    return {customer.id for customer in db.session.scalars(refreshed)}


def _delete_with_details(customers: Sequence[Customer]) -> None:
    """Delete these customers, what belongs to their records, and their portal users without a sign-in."""
    ids = [customer.id for customer in customers]
    with save_changes():
        tasks = db.session.scalars(select(ApprovalTask).where(ApprovalTask.customer_id.in_(ids)))
        alerts = db.session.scalars(select(Alert).where(Alert.customer_id.in_(ids)))
        notes = db.session.scalars(select(Note).where(Note.customer_id.in_(ids)))
        delete_customer_attachments(ids)
        delete_unused_users(list_unused_users(ids))
        delete_rows(tasks.all(), alerts.all(), notes.all(), customers)

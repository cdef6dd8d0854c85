"""Making one customer of two: everything linked moves to the one that stays, and the old address leads there.

Nothing issued changes: what hangs on an account moves with the account. The history of the one that goes is kept under
its old number and shown with that of the one that stays.
"""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import Table, inspect, select

from customerhub import clock, history
from customerhub.approvals import blacklist, letters, stages, tasks
from customerhub.customers import alerts
from customerhub.customers.records import save_customer
from customerhub.database import saving
from customerhub.errors import Invalid, NotFound, WrongState
from customerhub.links import Links, columns_to, links_of, told
from customerhub.permissions import Actor, Permission, require, require_own
from models import Account, Address, Alert, ApprovalTask, Customer, InvoiceProfile, MergedCustomer, Reminder, Review
from models.base import Base, db
from models.enums import Stage, TaskState
from models.keys import folded

# What a choice is offered for where the two differ: what people enter, not what approval, billing and the system keep.
CHOSEN: Final = ("customer_department", "customer_invoice_type")  # what both have is joined, not moved
LEFT_ALONE: Final = frozenset(
    {"id", "organisation_id", "account_number", "stage", "status_id", "is_prospect", "promotional_emails"}
)


def choosable_fields() -> list[str]:
    """The columns of a customer of which either value may be kept, in the order of the table."""
    columns = inspect(Customer).column_attrs
    return [
        column.key for column in columns if column.key not in LEFT_ALONE and not column.columns[0].info.get("untracked")
    ]


def differing(first: Customer, second: Customer) -> list[str]:
    """The fields in which the two differ."""
    return [name for name in choosable_fields() if (getattr(first, name) or None) != (getattr(second, name) or None)]


def what_moves(other: Customer) -> Links:
    """(table, number of rows) of everything that would move."""
    return links_of([other])[other.id]


def why_not_merged(survivor: Customer, other: Customer) -> str | None:
    """Why the two cannot be merged, or None where they can."""
    if survivor.id == other.id:
        return "A customer cannot be merged with itself"
    if survivor.kind is not other.kind:
        return f"One is a {survivor.kind.value}, the other a {other.kind.value}"
    return None


def merge_customers(survivor: Customer, other: Customer, *, take: Collection[str] = (), actor: Actor) -> None:
    """Move everything of `other` to `survivor`, with the values of the fields `take`, and leave a redirect.

    Raises WrongState where the two cannot be merged, Invalid where what would come out breaks a rule, Conflict where
    somebody changed one of them meanwhile.
    """
    require(actor, Permission.CUSTOMERS_MERGE)
    require_own(actor, survivor)
    require_own(actor, other)
    problem = why_not_merged(survivor, other)
    if problem is not None:
        raise WrongState(problem)
    unknown = set(take) - set(choosable_fields())
    if unknown:
        raise Invalid(f"There is no choice of {', '.join(sorted(unknown))}")
    _lock(survivor, other)
    values = {name: getattr(other, name) for name in take}
    moved, listed = what_moves(other), blacklist.entries_of(other, as_of=blacklist.today(other.organisation_id))
    numbers = {name: getattr(other, name) for name in blacklist.NUMBERS}
    with history.because(f"Merged: {other} ({other.account_number})"):
        _join_requests(survivor, other)
        ended = _clear_the_way(survivor, other, actor)
        _move(survivor, other)
        _replace(survivor, other)
        for name, value in values.items():
            setattr(survivor, name, value)
        save_customer(survivor, actor=actor)
        blacklist.keep_listed(survivor, listed)
        blacklist.keep_numbers_listed(survivor, listed, numbers)
        history.note(survivor, "merged", customer=f"{other.name} ({other.account_number})", moved=_told(moved))
    alerts.review_customer(survivor, as_of=blacklist.today(survivor.organisation_id))
    for task in ended:
        letters.answered(task, TaskState.WITHDRAWN.value, comment=None, actor=actor)


def _told(moved: Links) -> str:
    rows = [(table, count) for table, count in moved if table not in CHOSEN]
    return told(rows) if rows else "nothing"


def _lock(*customers: Customer) -> None:
    """Nobody links anything to either of them from here on; in the order of their ids, so that two cannot wait for each
    other. Raises NotFound where one of them is gone, such as by another merge.
    """
    for customer in sorted(customers, key=lambda each: each.id):
        locked = select(Customer.id).where(Customer.id == customer.id).with_for_update()
        if db.session.scalar(locked) is None:
            raise NotFound("One of the two is no longer there")
        db.session.refresh(customer)


def _join_requests(survivor: Customer, other: Customer) -> None:
    """Whoever asked for one of the two, or changed it while it was live, does not decide about the one that stays."""
    for kind in tasks.LASTING:
        several = [*tasks.of_kind(survivor, kind), *tasks.of_kind(other, kind)]
        people = {person for task in several for person in tasks.askers(task)}
        if survivor.stage in stages.UNDECIDED[kind] or survivor.stage is Stage.FAILED:
            with saving():
                for task in several:
                    tasks.join(task, people)


def _clear_the_way(survivor: Customer, other: Customer, actor: Actor) -> list[ApprovalTask]:
    """What there may be once only, and the survivor has: of the other it goes, or ends. Returns requests that end."""
    ended = []
    kinds = {address.kind for address in survivor.addresses}
    with saving():
        for address in db.session.scalars(select(Address).where(Address.customer_id == other.id)):
            if address.kind in kinds:
                db.session.delete(address)
        for alert in db.session.scalars(select(Alert).where(Alert.customer_id == other.id, Alert.rule.is_not(None))):
            if alert.closed_at is None:
                db.session.delete(alert)
        names = {folded(profile.name) for profile in survivor.invoice_profiles}
        for profile in db.session.scalars(select(InvoiceProfile).where(InvoiceProfile.customer_id == other.id)):
            if folded(profile.name) in names:
                profile.name = _own_name(profile.name, other)
        for account in db.session.scalars(select(Account).where(Account.customer_id == other.id)):
            account.is_main = False
        _clear_reviews(survivor, other)
        asked = {task.kind for task in _open_tasks(survivor)}
        for task in _open_tasks(other):
            if task.kind in asked or survivor.stage not in stages.UNDECIDED.get(task.kind, Stage):
                task.state, task.decided_at, task.decided_by_id = TaskState.WITHDRAWN, clock.now(), actor.id
                task.waits_for_requester = False
                ended += [task] if task.kind not in tasks.LASTING else []
    return ended


def _clear_reviews(survivor: Customer, other: Customer) -> None:
    """A due date has one review that answers it, and one reminder."""
    answered = set(db.session.scalars(select(Review.due_on).where(Review.customer_id == survivor.id)))
    for review in db.session.scalars(select(Review).where(Review.customer_id == other.id)):
        if review.due_on in answered:
            review.due_on = None
    mine = set(db.session.scalars(select(Reminder).where(Reminder.customer_id == survivor.id)).all())
    known = {(each.kind, each.document_id, each.due_on, each.days_before) for each in mine}
    for reminder in db.session.scalars(select(Reminder).where(Reminder.customer_id == other.id)):
        if (reminder.kind, reminder.document_id, reminder.due_on, reminder.days_before) in known:
            db.session.delete(reminder)


def _own_name(name: str, other: Customer) -> str:
    """`name` with the number of whose it was, within what the column holds."""
    column: Any = inspect(InvoiceProfile).columns["name"]
    suffix = f" ({other.account_number})"
    return name[: column.type.length - len(suffix)] + suffix


def _open_tasks(customer: Customer) -> list[ApprovalTask]:
    return list(
        db.session.scalars(
            select(ApprovalTask).where(ApprovalTask.customer_id == customer.id, ApprovalTask.state == TaskState.OPEN)
        )
    )


def _move(survivor: Customer, other: Customer) -> None:
    """Have every row that refers to the other refer to the survivor."""
    customer_table = Customer.__table__
    assert isinstance(customer_table, Table)
    classes: dict[Any, Any] = {mapper.local_table: mapper.class_ for mapper in Base.registry.mappers}
    with saving():
        for table in Base.metadata.sorted_tables:
            for column in columns_to(table, customer_table):
                model = classes.get(table)
                if model is None:
                    continue
                attribute = inspect(model).get_property_by_column(column).key
                for row in db.session.scalars(select(model).where(column == other.id)):
                    setattr(row, attribute, survivor.id)
        for relation in inspect(Customer).relationships:
            if relation.secondary is not None:
                both = _joined(getattr(survivor, relation.key), getattr(other, relation.key))
                setattr(survivor, relation.key, both)


def _joined(first: list[Any], second: list[Any]) -> list[Any]:
    return [*first, *(row for row in second if row not in first)]


def _replace(survivor: Customer, other: Customer) -> None:
    """The other goes; its old id, number and reference lead to the survivor."""
    old = MergedCustomer(
        organisation_id=other.organisation_id, old_id=other.id, into_id=survivor.id, name=other.name,
        account_number=other.account_number, reference=other.reference,
    )  # fmt: skip
    db.session.expire(other)
    db.session.expire(survivor, [relation.key for relation in inspect(Customer).relationships])
    with saving():
        db.session.delete(other)
    with saving():
        db.session.add(old)


def find_survivor(old_id: int, *, actor: Actor) -> int | None:
    """The id of the customer that took the place of one that was merged away."""
    return db.session.scalar(
        select(MergedCustomer.into_id).where(
            MergedCustomer.organisation_id == actor.organisation_id, MergedCustomer.old_id == old_id
        )
    )


def merged_into(customer: Customer) -> list[MergedCustomer]:
    """The customers whose place `customer` took."""
    return list(
        db.session.scalars(
            select(MergedCustomer).where(MergedCustomer.into_id == customer.id).order_by(MergedCustomer.id)
        )
    )

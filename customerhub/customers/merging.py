"""Merging two customers: everything linked moves to the one that stays, and the old address leads there.

Nothing issued changes: what hangs on an account moves with the account. The history of the one that goes is kept under
its old number and shown with that of the one that stays.
"""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, inspect, select

from customerhub.approvals import blacklist, mails, stages, tasks
from customerhub.core import clock, history
from customerhub.core.database import save_changes
from customerhub.core.errors import Invalid, NotFound, WrongState
from customerhub.core.organisation_dates import organisation_today
from customerhub.core.permissions import Actor, Permission, require_access, require_permission
from customerhub.core.references import References, describe_references, list_references_by_id, list_referring_columns
from customerhub.custom_fields.definitions import list_definitions
from customerhub.customers import alerts
from customerhub.customers.parts import PARTS
from customerhub.customers.records import save_customer
from models import (
    Account,
    Address,
    Alert,
    ApprovalTask,
    CallMarkup,
    Customer,
    InvoiceProfile,
    MergedCustomer,
    Reminder,
    Review,
)
from models.base import Base, column_length, db, get_table
from models.enums import Stage, TaskState
from models.keys import fold_text

# What a choice is offered for where the two differ: what people enter, not what approval, billing and the system keep.
# What both have is joined, not moved.
JOINED_TABLES: Final = ("customer_custom_value", "customer_department", "customer_invoice_type", "customer_tag")
EXCLUDED_FIELDS: Final = frozenset(
    {"id", "organisation_id", "account_number", "stage", "status_id", "is_prospect", "promotional_emails"}
)


def list_choosable_fields() -> list[str]:
    """The columns of a customer of which either value may be kept, in the order of the table."""
    columns = inspect(Customer).column_attrs
    return [
        column.key
        for column in columns
        if column.key not in EXCLUDED_FIELDS and not column.columns[0].info.get("untracked")
    ]


def list_custom_fields(first: Customer, second: Customer) -> list[str]:
    """The custom fields in which both have something, so either value may be kept; what only one of them has stays."""
    names = [each.name for each in list_definitions(first.field_owner, first.organisation_id)]
    return [name for name in names if getattr(first, name) is not None and getattr(second, name) is not None]


def list_differing_fields(first: Customer, second: Customer) -> list[str]:
    """The fields in which the two differ."""
    columns = [
        name for name in list_choosable_fields() if (getattr(first, name) or None) != (getattr(second, name) or None)
    ]
    custom_fields = list_custom_fields(first, second)
    return [*columns, *(name for name in custom_fields if getattr(first, name) != getattr(second, name))]


def count_rows_to_move(other: Customer) -> References:
    """(table, number of rows) of everything that would move."""
    return list_references_by_id([other])[other.id]


def _compare(customer: Customer, other: Any) -> tuple[Any, Any]:
    """Whether `other` is another customer, and one of the same kind. Of the class Customer conditions of a query."""
    return other.id != customer.id, other.kind == customer.kind


def build_partner_condition(customer: Customer) -> ColumnElement[bool]:
    """The condition that customers can be merged with this one."""
    return and_(*_compare(customer, Customer))


def merge_refusal_reason(survivor: Customer, other: Customer) -> str | None:
    """Why the two cannot be merged, or None where they can."""
    is_another, is_same_kind = _compare(survivor, other)
    if not is_another:
        return "A customer cannot be merged with itself"
    if not is_same_kind:
        return f"One is a {survivor.kind.value}, the other a {other.kind.value}"
    return None


def merge_customers(
    survivor: Customer, other: Customer, *, fields_from_other: Collection[str] = (), actor: Actor
) -> None:
    """Move everything of `other` to `survivor`, with the values of the fields `fields_from_other`, and leave a
    redirect.

    Raises WrongState where the two cannot be merged, Invalid where what would come out breaks a rule, Conflict where
    somebody changed one of them meanwhile.
    """
    _check_merge(survivor, other, fields_from_other, actor)
    _lock_customers(survivor, other)
    values = _collect_custom_values(survivor, other) | {name: getattr(other, name) for name in fields_from_other}
    moved_rows, blacklist_entries = (
        count_rows_to_move(other),
        blacklist.list_entries(other, as_of=organisation_today(other.organisation_id)),
    )
    numbers = {name: getattr(other, name) for name in blacklist.NUMBER_COLUMNS}
    with history.with_reason(f"Merged: {other} ({other.account_number})"):
        _merge_requesters(survivor, other)
        withdrawn_tasks = _resolve_conflicts(survivor, other, actor)
        _move_references(survivor, other)
        _replace_with_redirect(survivor, other)
        for name, value in values.items():
            setattr(survivor, name, value)
        for name in PARTS:
            getattr(survivor, name)  # what was moved is looked at, and so it is checked
        save_customer(survivor, actor=actor)
        blacklist.keep_blacklisted(survivor, blacklist_entries)
        blacklist.keep_numbers_blacklisted(survivor, blacklist_entries, numbers)
        history.record_event(
            survivor, "merged", customer=f"{other.name} ({other.account_number})", moved=_merge_summary(moved_rows)
        )
    alerts.refresh_alerts(survivor, as_of=organisation_today(survivor.organisation_id))
    for task in withdrawn_tasks:
        mails.notify_requester(task, TaskState.WITHDRAWN.value, comment=None, actor=actor)


def _check_merge(survivor: Customer, other: Customer, fields_from_other: Collection[str], actor: Actor) -> None:
    require_permission(actor, Permission.CUSTOMERS_MERGE)
    require_access(actor, survivor)
    require_access(actor, other)
    problem = merge_refusal_reason(survivor, other)
    if problem is not None:
        raise WrongState(problem)
    unknown = set(fields_from_other) - {*list_choosable_fields(), *list_custom_fields(survivor, other)}
    if unknown:
        raise Invalid(f"Unknown fields: {', '.join(sorted(unknown))}")


def _collect_custom_values(survivor: Customer, other: Customer) -> dict[str, Any]:
    """What only the other has in custom fields: it comes to the survivor."""
    names = [each.name for each in list_definitions(survivor.field_owner, survivor.organisation_id)]
    values = {name: getattr(other, name) for name in names if getattr(survivor, name) is None}
    return {name: value for name, value in values.items() if value is not None}


def _merge_summary(moved_rows: References) -> str:
    rows = [(table, count) for table, count in moved_rows if table not in JOINED_TABLES]
    return describe_references(rows) if rows else "nothing"


def _lock_customers(*customers: Customer) -> None:
    """Nobody links anything to either of them from here on; in the order of their ids, so that two cannot wait for each
    other. Raises NotFound where one of them is gone, such as by another merge.
    """
    for customer in sorted(customers, key=lambda each: each.id):
        query = select(Customer.id).where(Customer.id == customer.id).with_for_update()
        if db.session.scalar(query) is None:
            raise NotFound("One of the two customers no longer exists")
        db.session.refresh(customer)


def _merge_requesters(survivor: Customer, other: Customer) -> None:
    """The requesters of either customer, and who changed it while live, do not decide about the one that stays."""
    for kind in tasks.NOT_WITHDRAWABLE:
        onboarding_tasks = [*tasks.list_tasks(survivor, kind), *tasks.list_tasks(other, kind)]
        requester_ids = {person for task in onboarding_tasks for person in tasks.list_requesters(task)}
        if survivor.stage in stages.UNDECIDED_STAGES[kind] or survivor.stage is Stage.FAILED:
            with save_changes():
                for task in onboarding_tasks:
                    tasks.add_requesters(task, requester_ids)


def _resolve_conflicts(survivor: Customer, other: Customer, actor: Actor) -> list[ApprovalTask]:
    """What there may be once only, and the survivor has: of the other it goes, or ends. Returns requests that end."""
    withdrawn_tasks = []
    kinds = {address.kind for address in survivor.addresses}
    with save_changes():
        for address in db.session.scalars(select(Address).where(Address.customer_id == other.id)):
            if address.kind in kinds:
                db.session.delete(address)
        for alert in db.session.scalars(select(Alert).where(Alert.customer_id == other.id, Alert.rule.is_not(None))):
            if alert.closed_at is None:
                db.session.delete(alert)
        classes = {markup.call_class for markup in survivor.call_markups}
        for markup in db.session.scalars(select(CallMarkup).where(CallMarkup.customer_id == other.id)):
            if markup.call_class in classes:
                db.session.delete(markup)
        profile_names = {fold_text(profile.name) for profile in survivor.invoice_profiles}
        for profile in db.session.scalars(select(InvoiceProfile).where(InvoiceProfile.customer_id == other.id)):
            if fold_text(profile.name) in profile_names:
                profile.name = _build_unique_name(profile.name, other)
        for account in db.session.scalars(select(Account).where(Account.customer_id == other.id)):
            account.is_main = False
        _resolve_review_conflicts(survivor, other)
        open_kinds = {task.kind for task in _list_open_tasks(survivor)}
        for task in _list_open_tasks(other):
            if task.kind in open_kinds or survivor.stage not in stages.UNDECIDED_STAGES.get(task.kind, Stage):
                task.state, task.decided_at, task.decided_by_id = TaskState.WITHDRAWN, clock.get_now(), actor.id
                task.waits_for_requester = False
                withdrawn_tasks += [task] if task.kind not in tasks.NOT_WITHDRAWABLE else []
    return withdrawn_tasks


def _resolve_review_conflicts(survivor: Customer, other: Customer) -> None:
    """A due date has one review that answers it, and one reminder."""
    answered_dates = set(db.session.scalars(select(Review.due_on).where(Review.customer_id == survivor.id)))
    for review in db.session.scalars(select(Review).where(Review.customer_id == other.id)):
        if review.due_on in answered_dates:
            review.due_on = None
    survivor_reminders = set(db.session.scalars(select(Reminder).where(Reminder.customer_id == survivor.id)).all())
    survivor_keys = {(each.kind, each.document_id, each.due_on, each.days_before) for each in survivor_reminders}
    for reminder in db.session.scalars(select(Reminder).where(Reminder.customer_id == other.id)):
        if (reminder.kind, reminder.document_id, reminder.due_on, reminder.days_before) in survivor_keys:
            db.session.delete(reminder)


def _build_unique_name(name: str, other: Customer) -> str:
    """`name` with the number of whose it was, within what the column holds."""
    suffix = f" ({other.account_number})"
    return name[: column_length(InvoiceProfile.name) - len(suffix)] + suffix


def _list_open_tasks(customer: Customer) -> list[ApprovalTask]:
    return list(
        db.session.scalars(
            select(ApprovalTask).where(ApprovalTask.customer_id == customer.id, ApprovalTask.state == TaskState.OPEN)
        )
    )


def _move_references(survivor: Customer, other: Customer) -> None:
    """Have every row that refers to the other refer to the survivor."""
    customer_table = get_table(Customer)
    classes: dict[Any, Any] = {mapper.local_table: mapper.class_ for mapper in Base.registry.mappers}
    with save_changes():
        for table in Base.metadata.sorted_tables:
            for column in list_referring_columns(table, customer_table):
                model = classes.get(table)
                if model is None:
                    continue
                attribute = inspect(model).get_property_by_column(column).key
                for row in db.session.scalars(select(model).where(column == other.id)):
                    setattr(row, attribute, survivor.id)
        for relation in inspect(Customer).relationships:
            if relation.secondary is not None:
                joined_rows = _join_rows(getattr(survivor, relation.key), getattr(other, relation.key))
                setattr(survivor, relation.key, joined_rows)


def _join_rows(first: list[Any], second: list[Any]) -> list[Any]:
    return [*first, *(row for row in second if row not in first)]


def _replace_with_redirect(survivor: Customer, other: Customer) -> None:
    """The other goes; its old id, number and reference lead to the survivor."""
    redirect = MergedCustomer(
        organisation_id=other.organisation_id,
        old_id=other.id,
        into_id=survivor.id,
        name=other.name,
        account_number=other.account_number,
        reference=other.reference,
    )
    db.session.expire(other)
    db.session.expire(survivor, [relation.key for relation in inspect(Customer).relationships])
    with save_changes():
        db.session.delete(other)
    with save_changes():
        db.session.add(redirect)


def find_survivor_id(old_id: int, *, actor: Actor) -> int | None:
    """The id of the customer that took the place of one that was merged away."""
    return db.session.scalar(
        select(MergedCustomer.into_id).where(
            MergedCustomer.organisation_id == actor.organisation_id, MergedCustomer.old_id == old_id
        )
    )


def list_merged_customers(customer: Customer) -> list[MergedCustomer]:
    """The customers whose place `customer` took."""
    return list(
        db.session.scalars(
            select(MergedCustomer).where(MergedCustomer.into_id == customer.id).order_by(MergedCustomer.id)
        )
    )

"""The feed: everything that happened to a customer, the newest first.

It is read from what is there anyway: the history of changes, the notes, the mails and what was written in cases. A page
of it takes the same few statements however much there is.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, false, literal, not_, select, union_all
from sqlalchemy.orm import joinedload, selectinload

from customerhub.core.history_access import visibility_condition
from customerhub.core.permissions import Actor, Permission, require_access, require_permission
from models import CaseNote, Customer, CustomerCase, History, MergedCustomer, Note, NoteMention, OutboxMessage
from models.base import db


class EventKind(enum.StrEnum):
    """What the feed can be narrowed to."""

    NOTES = "notes"
    CHANGES = "changes"
    MAILS = "mails"
    TASKS = "tasks"
    CONTRACTS = "contracts"
    CASES = "cases"
    ATTACHMENTS = "attachments"


# The tables whose changes are of a kind; those of all others are CHANGES.
TABLES: Final[dict[EventKind, tuple[str, ...]]] = {
    EventKind.NOTES: ("note",),
    EventKind.TASKS: ("approval_task", "task_comment"),
    EventKind.CONTRACTS: ("contract", "customer_order"),
    EventKind.CASES: ("customer_case", "case_note"),
    EventKind.ATTACHMENTS: ("attachment",),
}
MODELS: Final[dict[str, Any]] = {
    model.__tablename__: model for model in (History, Note, OutboxMessage, CaseNote)
}  # what an event can be


@dataclass(frozen=True)
class Event:
    """Something that happened: `row` is a change of the history, a note, a mail, or what was written in a case."""

    at: datetime
    row: History | Note | OutboxMessage | CaseNote


def list_events(
    customer: Customer, kind: EventKind | None = None, *, actor: Actor, offset: int = 0, limit: int
) -> list[Event]:
    """The events of `customer`, those of one `kind` or all, that `actor` may see: the newest first, after `offset` of
    them, `limit` at most. Those of customers that were merged into it are among them.
    """
    require_permission(actor, Permission.CUSTOMERS_VIEW)
    require_access(actor, customer)
    parts = _build_parts(customer, kind, actor)
    if not parts:
        return []
    together = union_all(*parts).subquery()
    columns = together.c.table_name, together.c.id, together.c.at
    query = select(*columns).order_by(together.c.at.desc(), together.c.table_name, together.c.id.desc())
    keys = [(table, row_id, at) for table, row_id, at in db.session.execute(query.offset(offset).limit(limit))]
    rows = {
        (table, row.id): row
        for table in dict.fromkeys(table for table, *_ in keys)
        for row in _load_rows(MODELS[table], [row_id for other, row_id, _ in keys if other == table])
    }
    return [Event(at, rows[table, row_id]) for table, row_id, at in keys if (table, row_id) in rows]


def _build_parts(customer: Customer, kind: EventKind | None, actor: Actor) -> list[Select[Any]]:
    """(table, id, time) of the events of each table."""
    parts = []
    if actor.has_permission(Permission.HISTORY_VIEW) and kind is not EventKind.MAILS:
        parts.append(
            _select_keys(History, History.at, _changes_condition(kind), visibility_condition(actor)).where(
                History.organisation_id == customer.organisation_id,
                History.customer_id.in_([customer.id, *_list_merged_ids(customer)]),
            )
        )
    if kind in (None, EventKind.NOTES):
        parts.append(_select_keys(Note, Note.created_at, Note.customer_id == customer.id))
    if kind in (None, EventKind.MAILS):
        parts.append(_select_keys(OutboxMessage, OutboxMessage.created_at, OutboxMessage.customer_id == customer.id))
    if kind in (None, EventKind.CASES) and actor.has_permission(Permission.CASES_VIEW):
        in_cases = CaseNote.case_id.in_(select(CustomerCase.id).where(CustomerCase.customer_id == customer.id))
        parts.append(_select_keys(CaseNote, CaseNote.created_at, in_cases))
    return parts


def _select_keys(model: Any, at: Any, *conditions: Any) -> Select[Any]:
    return select(literal(model.__tablename__).label("table_name"), model.id.label("id"), at.label("at")).where(
        *conditions
    )


def _changes_condition(kind: EventKind | None) -> ColumnElement[bool]:
    """The changes of the history that are of `kind`. A note that is there stands for its creation."""
    is_shown_itself = and_(
        History.table_name == Note.__tablename__,
        History.action == "created",
        History.row_id.in_(select(Note.id).where(Note.id == History.row_id)),
    )
    if kind is None:
        return not_(is_shown_itself)
    if kind is EventKind.CHANGES:
        return History.table_name.not_in([table for tables in TABLES.values() for table in tables])
    tables = TABLES.get(kind, ())
    return and_(History.table_name.in_(tables), not_(is_shown_itself)) if tables else false()


def _list_merged_ids(customer: Customer) -> Sequence[int]:
    return db.session.scalars(select(MergedCustomer.old_id).where(MergedCustomer.into_id == customer.id)).all()


def _load_rows(model: Any, ids: Sequence[int]) -> Sequence[Any]:
    options: dict[Any, tuple[Any, ...]] = {
        Note: (
            joinedload(Note.author),
            joinedload(Note.assignee),
            joinedload(Note.done_by),
            selectinload(Note.mentions).joinedload(NoteMention.user),
        ),
        CaseNote: (joinedload(CaseNote.user), joinedload(CaseNote.case)),
    }
    return db.session.scalars(select(model).where(model.id.in_(ids)).options(*options.get(model, ()))).unique().all()

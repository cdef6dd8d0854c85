"""The history: every change of every business row, written with the change itself.

The session writes it on flush, so no screen, job or import can forget it. Whoever changes rows says who acts and
from where with `acting`; a change outside of it is refused. Bulk statements pass the session by, so they are
refused too, unless they say `recorded()` and write their own rows with `record`.
"""

import enum
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import event, insert, inspect
from sqlalchemy.orm import ColumnProperty, ORMExecuteState, Session, object_session
from sqlalchemy.orm.attributes import History as AttributeHistory

from customerhub.clock import now
from customerhub.permissions import Actor
from models import (
    CustomerImport,
    EndedSession,
    History,
    ImportRow,
    ListExport,
    MailOutage,
    NumberSequence,
    OutboxAttachment,
    OutboxMessage,
    PeriodicRun,
    Reminder,
    UsedForm,
)
from models.base import Base, db
from models.people import ListPreference, SavedView

# Not business rows: what the system keeps for itself.
UNTRACKED = (
    History,
    ImportRow,
    NumberSequence,
    SavedView,
    ListPreference,
    OutboxMessage,
    OutboxAttachment,
    Reminder,
    PeriodicRun,
    MailOutage,
    CustomerImport,
    ListExport,
    UsedForm,
    EndedSession,
)
BULK_IS_RECORDED = "bulk_is_recorded"
DELETED = "history_deleted"


@dataclass(frozen=True)
class Acting:
    actor: Actor
    source: str


_acting: ContextVar[Acting | None] = ContextVar("acting", default=None)
_reason: ContextVar[str | None] = ContextVar("reason", default=None)


@contextmanager
def acting(actor: Actor, source: str) -> Iterator[None]:
    """Within this block changes are recorded as made by `actor` from `source`, such as "import 12"."""
    token = _acting.set(Acting(actor, source))
    try:
        yield
    finally:
        _acting.reset(token)


def begin(actor: Actor, source: str) -> Any:
    """As `acting`, for callers with two ends, such as a request. Give what it returns to `end`."""
    return _acting.set(Acting(actor, source))


def end(token: Any) -> None:
    _acting.reset(token)


def actor() -> Actor:
    """Who acts just now."""
    current = _acting.get()
    if current is None:
        raise RuntimeError("nobody acts here: history.acting() was not entered")
    return current.actor


@contextmanager
def because(reason: str | None) -> Iterator[None]:
    """Changes flushed within this block are recorded with the reason given for them, beside one around it."""
    token = _reason.set("\n".join(text for text in (_reason.get(), reason) if text) or None)
    try:
        yield
    finally:
        _reason.reset(token)


def before(row: Base) -> dict[str, Any]:
    """The columns of `row` that were changed since it was read, with the values they had; all None where it is new."""
    state = inspect(row)
    assert state is not None
    pairs = {name: _pair(state.attrs[name].history, "changed") for name in state.mapper.column_attrs.keys()}  # noqa: SIM118
    return {name: pair[0] for name, pair in pairs.items() if pair is not None}


def recorded() -> dict[str, bool]:
    """Execution options of a bulk statement whose author writes its history with `record`."""
    return {BULK_IS_RECORDED: True}


def shown(value: Any) -> Any:
    """`value` as the history keeps it: text, a number, true or false, or None."""
    if value is None or (isinstance(value, (bool, int, str)) and not isinstance(value, enum.Enum)):
        return value
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, dict):
        return ", ".join(f"{name.removesuffix('_id').replace('_', ' ')}: {shown(each)}" for name, each in value.items())
    if isinstance(value, (list, tuple, set)):
        return ", ".join("–" if item is None else str(shown(item)) for item in value)
    if isinstance(value, Decimal):
        return f"{value.normalize():f}" if value == value.to_integral() else f"{value:f}"
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return str(value)


def entry(
    *,
    organisation_id: int,
    action: str,
    table: str,
    row_id: int,
    title: str,
    changes: dict[str, Any],
    customer_id: int | None = None,
) -> dict[str, Any]:
    """One history row as column values, by the present actor and source."""
    current = _acting.get()
    if current is None:
        raise RuntimeError(f"a change of {table} outside history.acting(): nobody would know who made it")
    return {
        "organisation_id": organisation_id,
        "at": now(),
        "actor_id": current.actor.id,
        "actor_name": current.actor.name,
        "source": current.source[:120],
        "action": action,
        "table_name": table,
        "row_id": row_id,
        "customer_id": customer_id,
        "title": title[:200],
        "changes": changes,
        "reason": _reason.get(),
    }


def record(entries: Iterable[dict[str, Any]]) -> None:
    """Write history rows for changes that passed the session by, or for events that change no row."""
    rows = list(entries)
    if rows:
        db.session.execute(insert(History), rows)


def note(row: Any, action: str, **facts: Any) -> None:
    """Record that `action` happened to `row`, with `facts` that no column shows."""
    changes = {name: [None, shown(value)] for name, value in facts.items()}
    record([_entry_of(row, action, changes)])


def _entry_of(row: Any, action: str, changes: dict[str, Any]) -> dict[str, Any]:
    table = row.__tablename__
    return entry(
        organisation_id=row.id if table == "organisation" else row.organisation_id,
        action=action,
        table=table,
        row_id=row.id,
        customer_id=row.id if table == "customer" else getattr(row, "customer_id", None),
        title=str(row),
        changes=changes,
    )


def _changes(row: Base, action: str) -> dict[str, Any]:
    """[before, after] of each tracked column and many-to-many link that changed, as people read them."""
    state = inspect(row)
    assert state is not None
    relations = state.mapper.relationships
    changes: dict[str, Any] = {}
    for column in state.mapper.column_attrs:
        name, info = column.key, column.columns[0].info
        pointed = name.removesuffix("_id") if name.endswith("_id") else ""
        if info.get("untracked") or name in ("id", "organisation_id") or (pointed and pointed not in relations):
            continue
        pair = _pair(state.attrs[name].history, action)
        if pair is None:
            continue
        if info.get("secret"):
            changes[name] = ["•••" if value else None for value in pair]
        elif pointed:
            changes[pointed] = [_label(relations[pointed].mapper.class_, key) for key in pair]
        else:
            changes[name] = [shown(value) for value in pair]
    for relation in relations:
        if relation.secondary is not None and relation.key in state.dict:
            history = state.attrs[relation.key].history
            kept = list(history.unchanged or ())
            before = _names([*kept, *(history.deleted or ())])
            after = None if action == "deleted" else _names([*kept, *(history.added or ())])
            if before != after:
                changes[relation.key] = [before, after]
    return changes


def _pair(history: AttributeHistory, action: str) -> list[Any] | None:
    """[before, after] of one attribute, or None where it did not change."""
    if action == "deleted":
        value = (history.unchanged or history.deleted or [None])[0]
        return None if value is None else [value, None]
    if not history.added:
        return None
    before = history.deleted[0] if history.deleted else None
    after = history.added[0]
    return None if before == after else [before, after]


def _label(model: type[Base], key: Any) -> str | None:
    if key is None:
        return None
    with db.session.no_autoflush:
        found = db.session.get(model, key)
    return str(found) if found is not None else f"#{key}"


def _names(rows: Iterable[Any]) -> str | None:
    return ", ".join(sorted(str(row) for row in rows)) or None


@event.listens_for(Base, "attribute_instrument", propagate=True)
def _keep_old_values(_model: type[Base], _name: str, attribute: Any) -> None:
    """A value that is set without having been read is read first: history tells what it was."""
    if isinstance(attribute.property, ColumnProperty):
        event.listen(attribute, "set", _nothing, active_history=True)


def _nothing(_row: Any, _value: Any, _before: Any, _initiator: Any) -> None:
    return None


@event.listens_for(Session, "before_flush")
def _load_before_values(session: Session, _context: Any, _instances: Any) -> None:
    """A deleted row's values are read before it is gone."""
    session.info[DELETED] = []
    for row in session.deleted:
        if not isinstance(row, UNTRACKED):
            state = inspect(row)
            assert state is not None
            linked = (relation for relation in state.mapper.relationships if relation.secondary is not None)
            for attribute in (*state.mapper.column_attrs, *linked):
                getattr(row, attribute.key)


@event.listens_for(Base, "after_delete", propagate=True)
def _keep_deleted(_mapper: Any, _connection: Any, row: Base) -> None:
    """Rows that go because they were taken out of their owner's list are not among those that were deleted by name."""
    session = object_session(row)
    assert session is not None
    session.info[DELETED].append(row)


@event.listens_for(Session, "after_flush")
def _write(session: Session, _context: Any) -> None:
    entries = []
    deleted = session.info.pop(DELETED, [])
    for rows, action in ((session.new, "created"), (session.dirty, "changed"), (deleted, "deleted")):
        for row in rows:
            if isinstance(row, UNTRACKED) or (action == "changed" and row in deleted):
                continue
            changes = _changes(row, action)
            if changes or action == "deleted":
                entries.append(_entry_of(row, action, changes))
    if entries:
        session.connection().execute(insert(History), entries)


@event.listens_for(Session, "do_orm_execute")
def _refuse_unrecorded_bulk(state: ORMExecuteState) -> None:
    if not (state.is_insert or state.is_update or state.is_delete):
        return
    if state.execution_options.get(BULK_IS_RECORDED):
        return
    mapper = state.bind_mapper
    if mapper is not None and not issubclass(mapper.class_, UNTRACKED):
        raise RuntimeError(f"a bulk statement on {mapper.class_.__name__} that history would not see: use recorded()")

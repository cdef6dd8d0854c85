"""The history: every change of every business row, written with the change itself.

The session writes it on flush, by the listeners here that app.py names, so no screen, job or import can forget it.
Whoever changes rows says who acts and from where with `act_as`; a change outside of it is refused. Bulk statements pass
the session by, so they are refused too, unless they say `bulk_options()` and write their own rows with `record`.
"""

import enum
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import String, event, insert, inspect
from sqlalchemy.orm import ColumnProperty, ORMExecuteState, Session, object_session
from sqlalchemy.orm.attributes import History as AttributeHistory

from customerhub.core.clock import get_now
from customerhub.core.permissions import Actor
from models import (
    CustomerImport,
    EndedSession,
    History,
    ImportRow,
    ListExport,
    MailOutage,
    NoteMention,
    NumberSequence,
    OperationRun,
    OperationRunRow,
    OutboxAttachment,
    OutboxMessage,
    PeriodicRun,
    Reminder,
    SigningEvent,
    SigningRequest,
    UsedForm,
)
from models.base import Base, db
from models.users import ListPreference, SavedView, WorkVisit

# Not business rows: what the system keeps for itself.
UNTRACKED = (
    History,
    ImportRow,
    NumberSequence,
    SavedView,  # what others see of one is recorded by its operations
    ListPreference,
    OutboxMessage,
    OutboxAttachment,
    Reminder,
    SigningEvent,
    SigningRequest,  # what people ask for is recorded by its operations
    PeriodicRun,
    MailOutage,
    CustomerImport,
    ListExport,
    OperationRun,
    OperationRunRow,
    UsedForm,
    EndedSession,
    WorkVisit,
    NoteMention,  # follows from the text of its note
)
BULK_IS_RECORDED = "bulk_is_recorded"
DELETED = "history_deleted"
NOTED = "history_noted"


@dataclass(frozen=True)
class ActorContext:
    actor: Actor
    source: str


_actor_context: ContextVar[ActorContext | None] = ContextVar("acting", default=None)
_reason: ContextVar[str | None] = ContextVar("reason", default=None)
_collected_entries: ContextVar[list[dict[str, Any]] | None] = ContextVar("collected_entries", default=None)


@contextmanager
def act_as(actor: Actor, source: str) -> Iterator[None]:
    """Within this block changes are recorded as made by `actor` from `source`, such as "import 12"."""
    token = _actor_context.set(ActorContext(actor, source))
    try:
        yield
    finally:
        _actor_context.reset(token)


def set_actor(actor: Actor, source: str) -> Any:
    """As `act_as`, for callers with two ends, such as a request. Give what it returns to `reset_actor`."""
    return _actor_context.set(ActorContext(actor, source))


def reset_actor(token: Any) -> None:
    _actor_context.reset(token)


def get_actor() -> Actor:
    """Who acts just now."""
    current = _actor_context.get()
    if current is None:
        raise RuntimeError("nobody acts here: history.act_as() was not entered")
    return current.actor


@contextmanager
def with_reason(reason: str | None) -> Iterator[None]:
    """Changes flushed within this block are recorded with the reason given for them, beside one around it."""
    token = _reason.set("\n".join(text for text in (_reason.get(), reason) if text) or None)
    try:
        yield
    finally:
        _reason.reset(token)


@contextmanager
def written_together() -> Iterator[None]:
    """What changes within this block is written to the history by one statement, at its end.

    A block within another one belongs to it. Where it is left by an error nothing is written: whoever is refused takes
    the changes back, all of them: a savepoint that is taken back lies around the block, never in it.
    """
    if _collected_entries.get() is not None:
        yield
        return
    entries: list[dict[str, Any]] = []
    token = _collected_entries.set(entries)
    try:
        yield
    finally:
        _collected_entries.reset(token)
    _write_entries(db.session(), entries)


def previous_values_of(row: Base) -> dict[str, Any]:
    """The columns of `row` that were changed since it was read, with the values they had; all None where it is new."""
    state = inspect(row)
    assert state is not None
    names = [each.key for each in state.mapper.column_attrs]
    pairs = {name: _before_and_after(state.attrs[name].history, "changed") for name in names}
    return {name: pair[0] for name, pair in pairs.items() if pair is not None}


def bulk_options() -> dict[str, bool]:
    """Execution options of a bulk statement whose author writes its history with `record`."""
    return {BULK_IS_RECORDED: True}


def display_value(value: Any) -> Any:
    """`value` as the history keeps it: text, a number, true or false, or None."""
    if value is None or (isinstance(value, (bool, int, str)) and not isinstance(value, enum.Enum)):
        return value
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, dict):
        return ", ".join(
            f"{name.removesuffix('_id').replace('_', ' ')}: {display_value(each)}" for name, each in value.items()
        )
    if isinstance(value, (list, tuple, set)):
        return ", ".join("–" if item is None else str(display_value(item)) for item in value)
    if isinstance(value, Decimal):
        return f"{value.normalize():f}" if value == value.to_integral() else f"{value:f}"
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return str(value)


def build_entry(
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
    current = _actor_context.get()
    if current is None:
        raise RuntimeError(f"a change of {table} outside history.act_as(): nobody would know who made it")
    return {
        "organisation_id": organisation_id,
        "at": get_now(),
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
    _write_entries(db.session(), list(entries))


def _write_entries(session: Session, entries: list[dict[str, Any]]) -> None:
    """Write history rows now, or at the end of the block of `written_together`."""
    collected_entries = _collected_entries.get()
    if collected_entries is not None:
        collected_entries += entries
    elif entries:
        session.connection().execute(insert(History), entries)


def record_rows(rows: Iterable[Base], action: str) -> None:
    """Write what was changed or set of `rows`, which a bulk statement writes instead of a flush."""
    changes_by_row = [(row, _collect_changes(row, action)) for row in rows]
    record(_build_row_entry(row, action, changes) for row, changes in changes_by_row if changes)


def note_changes(row: Base, changes: dict[str, list[Any]]) -> None:
    """Have the entry of `row` of this flush tell these changes too, [before, after] by name: of what it keeps elsewhere
    than in its own columns. For listeners of the flush.
    """
    noted: dict[Base, dict[str, list[Any]]] = db.session().info.setdefault(NOTED, {})
    noted.setdefault(row, {}).update(changes)


def record_event(row: Any, action: str, **details: Any) -> None:
    """Record that `action` happened to `row`, with `facts` that no column shows."""
    changes = {name: [None, display_value(value)] for name, value in details.items()}
    record([_build_row_entry(row, action, changes)])


def _build_row_entry(row: Any, action: str, changes: dict[str, Any]) -> dict[str, Any]:
    table = row.__tablename__
    return build_entry(
        organisation_id=row.id if table == "organisation" else row.organisation_id,
        action=action,
        table=table,
        row_id=row.id,
        customer_id=row.id if table == "customer" else getattr(row, "customer_id", None),
        title=str(row),
        changes=changes,
    )


def _collect_changes(row: Base, action: str) -> dict[str, Any]:
    """[before, after] of each tracked column and many-to-many link that changed, as people read them."""
    state = inspect(row)
    assert state is not None
    relations = state.mapper.relationships
    changes: dict[str, Any] = {}
    for column in state.mapper.column_attrs:
        name, info = column.key, column.columns[0].info
        is_text = isinstance(column.columns[0].type, String)  # an id that another program gave
        reference_name = name.removesuffix("_id") if name.endswith("_id") and not is_text else ""
        if (
            info.get("untracked")
            or name in ("id", "organisation_id")
            or (reference_name and reference_name not in relations)
        ):
            continue
        pair = _before_and_after(state.attrs[name].history, action)
        if pair is None:
            continue
        if info.get("secret"):
            changes[name] = ["•••" if value else None for value in pair]
        elif reference_name:
            changes[reference_name] = [
                _describe_reference(relations[reference_name].mapper.class_, key) for key in pair
            ]
        else:
            changes[name] = [display_value(value) for value in pair]
    for relation in relations:
        if relation.secondary is not None and relation.key in state.dict:
            history = state.attrs[relation.key].history
            unchanged_rows = list(history.unchanged or ())
            before = _join_names([*unchanged_rows, *(history.deleted or ())])
            after = None if action == "deleted" else _join_names([*unchanged_rows, *(history.added or ())])
            if before != after:
                changes[relation.key] = [before, after]
    changes.update(db.session().info.get(NOTED, {}).pop(row, {}))
    return changes


def _before_and_after(history: AttributeHistory, action: str) -> list[Any] | None:
    """[before, after] of one attribute, or None where it did not change."""
    if action == "deleted":
        value = (history.unchanged or history.deleted or [None])[0]
        return None if value is None else [value, None]
    if not history.added:
        return None
    before = history.deleted[0] if history.deleted else None
    after = history.added[0]
    return None if before == after else [before, after]


def _describe_reference(model: type[Base], key: Any) -> str | None:
    if key is None:
        return None
    with db.session.no_autoflush:
        row = db.session.get(model, key)
    return str(row) if row is not None else f"#{key}"


def _join_names(rows: Iterable[Any]) -> str | None:
    return ", ".join(sorted(str(row) for row in rows)) or None


@event.listens_for(Base, "attribute_instrument", propagate=True)
def _load_replaced_values(_model: type[Base], _name: str, attribute: Any) -> None:
    """A value that is set without having been read is read first: history tells what it was."""
    if isinstance(attribute.property, ColumnProperty):
        event.listen(attribute, "set", _ignore_event, active_history=True)


def _ignore_event(_row: Any, _value: Any, _before: Any, _initiator: Any) -> None:
    return None


def load_deleted_values(session: Session, _context: Any, _instances: Any) -> None:
    """Listener of `before_flush`: a deleted row's values are read before it is gone."""
    session.info[DELETED] = []
    session.info[NOTED] = {}
    for row in session.deleted:
        if not isinstance(row, UNTRACKED):
            state = inspect(row)
            assert state is not None
            linked = (relation for relation in state.mapper.relationships if relation.secondary is not None)
            for attribute in (*state.mapper.column_attrs, *linked):
                getattr(row, attribute.key)


@event.listens_for(Base, "after_delete", propagate=True)
def _collect_deleted(_mapper: Any, _connection: Any, row: Base) -> None:
    """Rows that go because they were taken out of their owner's list are not among those that were deleted by name."""
    session = object_session(row)
    assert session is not None
    session.info[DELETED].append(row)


def write_history(session: Session, _context: Any) -> None:
    """Listener of `after_flush`: one history row for each changed row."""
    entries = []
    deleted = session.info.pop(DELETED, [])
    for rows, action in ((session.new, "created"), (session.dirty, "changed"), (deleted, "deleted")):
        for row in rows:
            if isinstance(row, UNTRACKED) or (action == "changed" and row in deleted):
                continue
            changes = _collect_changes(row, action)
            if changes or action == "deleted":
                entries.append(_build_row_entry(row, action, changes))
    _write_entries(session, entries)


def refuse_unrecorded_statements(state: ORMExecuteState) -> None:
    """Listener of `do_orm_execute`. Raises RuntimeError for a bulk statement that nobody writes the history of."""
    if not (state.is_insert or state.is_update or state.is_delete):
        return
    if state.execution_options.get(BULK_IS_RECORDED):
        return
    mapper = state.bind_mapper
    if mapper is not None and not issubclass(mapper.class_, UNTRACKED):
        raise RuntimeError(
            f"a bulk statement on {mapper.class_.__name__} that history would not see: use bulk_options()"
        )

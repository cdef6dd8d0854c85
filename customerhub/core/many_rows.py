"""Changing many rows by as many statements as it takes to change few."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, TypeVar

from sqlalchemy import bindparam, insert, inspect, select, update
from sqlalchemy.orm import selectinload
from sqlalchemy.orm.attributes import set_committed_value

from customerhub.core import history
from customerhub.core.database import ROW_CHANGED_MEANWHILE
from customerhub.core.errors import Conflict, HubError
from customerhub.core.locking import list_lock_columns, lock_order_of
from customerhub.core.preloading import preload_references
from models.base import Row, db, get_table

R = TypeVar("R", bound=Row)
T = TypeVar("T")


def lock_rows(rows: Sequence[Row]) -> frozenset[int]:
    """Lock `rows`, all of one table, in the order of `lock_order_of`; the ids of those that are no longer in the
    version that was read.
    """
    if not rows:
        return frozenset()
    model = type(rows[0])
    query = select(model.id, model.version).where(model.id.in_({row.id for row in rows}))
    locked = query.order_by(*list_lock_columns(model)).with_for_update(key_share=True)
    with db.session.no_autoflush:
        versions = {row.id: row.version for row in db.session.execute(locked)}
    return frozenset(row.id for row in rows if versions.get(row.id) != row.version)


def split_refused(rows: Sequence[R], prepare: Callable[[R], T]) -> tuple[list[T], dict[int, HubError]]:
    """What `prepare` makes of each of `rows`, in the order of `lock_order_of`, and of those that it refuses the errors,
    by id.
    """
    prepared: list[T] = []
    refusals: dict[int, HubError] = {}
    for row in sorted(rows, key=lock_order_of):
        try:
            prepared.append(prepare(row))
        except HubError as error:
            refusals[row.id] = error
    return prepared, refusals


def lock_accepted(
    rows: Sequence[R], check: Callable[[R], None], changed_error: HubError | None = None
) -> tuple[list[R], dict[int, HubError]]:
    """Those of `rows` that `check` does not refuse, in the order of `lock_order_of`, and the errors of the others by
    id. They stay as they are until the transaction ends; one that somebody else has changed since it was read is
    refused with `changed_error`.
    """
    # One by itself is written in the version that was read, without a look at it before.
    changed_ids = lock_rows(rows) if len(rows) > 1 else frozenset()

    def accept(row: R) -> R:
        check(row)
        if row.id in changed_ids:
            raise changed_error or Conflict(ROW_CHANGED_MEANWHILE)
        return row

    return split_refused(rows, accept)


def discard_changes(row: Row) -> None:
    """Forget what was set on `row` and not written: it holds what it held, read again when somebody asks."""
    state: Any = inspect(row)
    db.session.expire(row, [each.key for each in state.attrs if each.history.has_changes()])


def add_rows(rows: Sequence[Row], key: str) -> None:
    """Write new `rows` and their history: one statement for all, where a flush may take one for each. They are of one
    table, the same columns were set of each, and each has another value in the column `key`.

    They have their ids then; several are not in the session.
    """
    if len(rows) < 2:
        db.session.add_all(rows)
        db.session.flush()
        return
    for row in rows:
        row.update_derived_columns()
    model: Any = type(rows[0])
    names = [attribute.key for attribute in model.__mapper__.column_attrs if attribute.key in rows[0].__dict__]
    values = [{name: getattr(row, name) for name in names} for row in rows]
    statement = insert(model).returning(getattr(model, key), model.id)
    inserted = db.session.execute(statement, values, execution_options=history.bulk_options())
    ids = {row[0]: row[1] for row in inserted}
    references = preload_references(rows)  # kept until the history has told their names
    for row in rows:
        row.id = ids[getattr(row, key)]
    history.record_rows(rows, "created")
    del references


def delete_rows(*groups: Sequence[Row]) -> None:
    """Delete the rows of each group, all of one table, with what is in their lists, as a flush does: but what belongs
    to them is read for all of a group at once.
    """
    rows = [row for group in groups for row in group]
    parts = [part for group in groups if group for part in _load_lists(group)]
    references = preload_references([*rows, *parts])  # kept until the history has told their names
    for row in rows:
        db.session.delete(row)
    db.session.flush()
    del references


def _load_lists(rows: Sequence[Row]) -> list[Row]:
    """Read the lists of `rows` by a statement each, where they are not known yet; returns what is in them."""
    model = type(rows[0])
    names = [relation.key for relation in inspect(model).relationships if relation.uselist]
    if names:
        query = select(model).where(model.id.in_([row.id for row in rows]))
        db.session.scalars(query.options(*(selectinload(getattr(model, name)) for name in names))).all()
    return [part for row in rows for name in names for part in getattr(row, name)]


def write_changes(rows: Sequence[Row]) -> None:
    """Write what was set on `rows`, which are of one table, and its history: one statement for all in which the same
    columns were set, where a flush takes one for each.

    Only columns are written, what was done to lists of a row is left to the flush. Raises Conflict where somebody else
    has changed one of the rows since it was read; the session needs a rollback then.
    """
    _derive_columns(rows)
    changes = {row.id: history.previous_values_of(row) for row in rows}
    changed_rows = [row for row in rows if changes[row.id]]
    references = preload_references(changed_rows, is_changed_only=True)  # kept until the history has told their names
    for names, group in groupby(sorted(changed_rows, key=lambda row: sorted(changes[row.id])), _names_of(changes)):
        _update_rows(list(group), names)
    history.record_rows(changed_rows, "changed")
    del references
    for row in changed_rows:
        for name in changes[row.id]:
            set_committed_value(row, name, getattr(row, name))
        set_committed_value(row, "version", row.version + 1)


def raise_versions(rows: Sequence[Row]) -> None:
    """Count a change of each of `rows`, all of one table, whose own columns stay: of what a table of pairs holds.

    Raises Conflict where somebody else has changed one of them since it was read; the session needs a rollback then.
    """
    _update_rows(rows, ())
    for row in rows:
        set_committed_value(row, "version", row.version + 1)


def _derive_columns(rows: Sequence[Row]) -> None:
    """As a flush before it updates rows."""
    for row in rows:
        state: Any = inspect(row)
        if state.modified:
            row.update_derived_columns()


def _names_of(changes: dict[int, dict[str, Any]]) -> Any:
    return lambda row: sorted(changes[row.id])


def _update_rows(rows: Sequence[Row], names: Sequence[str]) -> None:
    """Write the columns `names` of each of these rows, in the version that was read."""
    table = get_table(type(rows[0]))
    statement = (
        update(table)
        .where(table.c.id == bindparam("key"), table.c.version == bindparam("read_version"))
        .values({"version": table.c.version + 1} | {name: bindparam(f"new_{name}") for name in names})
    )
    values = [
        {"key": row.id, "read_version": row.version} | {f"new_{name}": getattr(row, name) for name in names}
        for row in rows
    ]
    result = db.session.connection().execute(statement, values)
    if result.rowcount != len(rows):
        raise Conflict(ROW_CHANGED_MEANWHILE)

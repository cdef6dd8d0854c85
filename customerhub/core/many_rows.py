"""Changing many rows by as many statements as it takes to change few."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import bindparam, inspect, select, update
from sqlalchemy.orm.attributes import set_committed_value

from customerhub.core import history
from customerhub.core.database import ROW_CHANGED_MEANWHILE
from customerhub.core.errors import Conflict
from customerhub.core.preloading import preload_references
from models.base import Row, db, get_table


def lock_rows(model: type[Row], rows: Sequence[Row], *order: Any) -> frozenset[int]:
    """Lock `rows` in this order; the ids of those that are no longer in the version that was read."""
    query = select(model.id, model.version).where(model.id.in_({row.id for row in rows})).order_by(*order)
    with db.session.no_autoflush:
        versions = {row.id: row.version for row in db.session.execute(query.with_for_update(key_share=True))}
    return frozenset(row.id for row in rows if versions.get(row.id) != row.version)


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
    history.record_changes(changed_rows)
    del references
    for row in changed_rows:
        for name in changes[row.id]:
            set_committed_value(row, name, getattr(row, name))
        set_committed_value(row, "version", row.version + 1)


def _derive_columns(rows: Sequence[Row]) -> None:
    """Do what the listeners of a flush do before it updates each row."""
    for row in rows:
        state: Any = inspect(row)
        if state.modified:
            state.mapper.dispatch.before_update(state.mapper, db.session.connection(), state)


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

"""Reading what rows refer to by one statement a table, instead of one a row whenever somebody asks."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import RelationshipDirection, selectinload
from sqlalchemy.orm.util import identity_key

from models.base import db


def preload_references(rows: Iterable[Any], *, names: Collection[str] = (), is_changed_only: bool = False) -> list[Any]:
    """The rows that the columns of `rows` refer to: by the relations `names`, or by all; only by columns that were
    changed, then with those that they referred to before.

    From now on the session has them, but only for as long as somebody keeps what is returned.
    """
    ids_by_model: dict[Any, set[int]] = {}
    for row in rows:
        state: Any = inspect(row)
        for relation in state.mapper.relationships:
            if relation.direction is RelationshipDirection.MANYTOONE and (not names or relation.key in names):
                changes = state.attrs[next(iter(relation.local_columns)).key].history
                keys = [*changes.added, *changes.deleted, *(() if is_changed_only else changes.unchanged)]
                ids_by_model.setdefault(relation.mapper.class_, set()).update(key for key in keys if key is not None)
    found: list[Any] = []
    for model, ids in ids_by_model.items():
        known = [db.session.identity_map.get(identity_key(model, key)) for key in ids]
        found += [row for row in known if row is not None]
        missing_ids = ids - {row.id for row in known if row is not None}
        if missing_ids:
            found += db.session.scalars(select(model).where(model.id.in_(sorted(missing_ids))))
    return found


def preload_lists(rows: Sequence[Any], names: Iterable[str]) -> None:
    """Read the lists `names` of `rows`, all of one table, by a statement or two each, where they are not known yet."""
    if not rows:
        return
    model = type(rows[0])
    options = [selectinload(getattr(model, name)) for name in names if name in inspect(model).relationships]
    if options:
        db.session.scalars(select(model).where(model.id.in_([row.id for row in rows])).options(*options)).all()

"""Reading what a page shows of many rows in a fixed number of queries."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.orm.attributes import set_committed_value

from models.base import db


def with_choices(rows: Iterable[Any], *targets: type[Any]) -> list[Any]:
    """`rows`, all of one table, with everything that their columns refer to loaded; only rows of `targets` if given."""
    known = list(rows)
    kept = [row for row in known if inspect(row).persistent]
    if kept:
        for relation in inspect(type(kept[0])).relationships:
            if not relation.uselist and (not targets or relation.mapper.class_ in targets):
                _load(kept, relation)
    return known


def _load(rows: list[Any], relation: Any) -> None:
    """Load one relation of `rows` where it is not yet."""
    column, target = next(iter(relation.local_columns)).key, relation.mapper.class_
    missing = [row for row in rows if relation.key in inspect(row).unloaded]
    keys = {getattr(row, column) for row in missing} - {None}
    found = {row.id: row for row in db.session.scalars(select(target).where(target.id.in_(keys)))} if keys else {}
    for row in missing:
        set_committed_value(row, relation.key, found.get(getattr(row, column)))

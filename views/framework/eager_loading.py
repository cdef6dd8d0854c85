"""Reading what a page shows of many rows in a fixed number of queries."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.orm.attributes import set_committed_value

from models.base import db


def load_relations(rows: Iterable[Any], *targets: type[Any]) -> list[Any]:
    """`rows`, all of one table, with everything that their columns refer to loaded; only rows of `targets` if given."""
    all_rows = list(rows)
    persistent_rows = [row for row in all_rows if inspect(row).persistent]
    if persistent_rows:
        for relation in inspect(type(persistent_rows[0])).relationships:
            if not relation.uselist and (not targets or relation.mapper.class_ in targets):
                _load_relation(persistent_rows, relation)
    return all_rows


def _load_relation(rows: list[Any], relation: Any) -> None:
    """Load one relation of `rows` where it is not yet."""
    column, target = next(iter(relation.local_columns)).key, relation.mapper.class_
    missing = [row for row in rows if relation.key in inspect(row).unloaded]
    keys = {getattr(row, column) for row in missing} - {None}
    rows_by_id = {row.id: row for row in db.session.scalars(select(target).where(target.id.in_(keys)))} if keys else {}
    for row in missing:
        set_committed_value(row, relation.key, rows_by_id.get(getattr(row, column)))

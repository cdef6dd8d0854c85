"""Reading what a page shows of many rows in a fixed number of queries."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import selectinload

from models.base import db


def with_choices(rows: Iterable[Any]) -> list[Any]:
    """`rows`, all of one table, with everything that their columns refer to loaded."""
    known = list(rows)
    kept = [row for row in known if inspect(row).persistent]
    if kept:
        model: Any = type(kept[0])
        pointed = [relation.key for relation in inspect(model).relationships if not relation.uselist]
        query = select(model).where(model.id.in_([row.id for row in kept]))
        db.session.scalars(query.options(*(selectinload(getattr(model, name)) for name in pointed))).all()
    return known

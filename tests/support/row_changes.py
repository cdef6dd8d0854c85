"""Detecting whether a request has changed anything."""

from typing import Any

from sqlalchemy import func, select

from models import History
from models.base import Base, db


def database_contents() -> dict[str, list[str]]:
    """Every row of every table, to be compared. That a form was used changes nothing."""
    tables = [table for table in Base.metadata.sorted_tables if table.name != "used_form"]
    return {table.name: sorted(map(str, db.session.execute(select(table)).all())) for table in tables}


def last_change_id() -> int:
    """A number that grows with every change of a business row: each leaves history, and none can be made without."""
    return db.session.scalar(select(func.max(History.id))) or 0


def changes_since(mark: int) -> list[History]:
    return list(db.session.scalars(select(History).where(History.id > mark).order_by(History.id)))


def describe_changes(entries: list[History]) -> list[tuple[str, str, Any]]:
    """What happened, to what, and each field before and after."""
    return [(entry.action, entry.table_name, entry.changes) for entry in entries]

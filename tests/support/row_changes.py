"""Detecting whether a request has changed anything."""

from collections import Counter
from typing import Any

from sqlalchemy import Table, func, select

from models import History
from models.base import Base, db

NEW_ID = "new"


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


def newest_ids() -> dict[str, int]:
    """The highest id of each table."""
    tables = [table for table in Base.metadata.sorted_tables if "id" in table.c]
    return {table.name: db.session.scalar(select(func.max(table.c.id))) or 0 for table in tables}


def describe_contents(newest: dict[str, int]) -> dict[str, list[str]]:
    """As `database_contents`, whatever numbers the rows have that were made after `newest`, the ids of before. Of the
    history of each row the order counts.
    """
    contents = {}
    for table in Base.metadata.sorted_tables:
        query = select(table).order_by(table.c.id) if "id" in table.c else select(table)
        rows = [_hide_new_ids(table, dict(row), newest) for row in db.session.execute(query).mappings()]
        if table.name == History.__tablename__:
            places: Counter[tuple[Any, Any]] = Counter()
            for row in rows:
                places[row["table_name"], row["row_id"]] += 1
                is_new = row["id"] == NEW_ID and row["row_id"] != NEW_ID
                row["place"] = places[row["table_name"], row["row_id"]] if is_new else None
        contents[table.name] = sorted(map(str, rows))
    return contents


def _hide_new_ids(table: Table, row: dict[str, Any], newest: dict[str, int]) -> dict[str, Any]:
    referred = {column.name: key.column for column in table.c for key in column.foreign_keys if key.column.name == "id"}
    tables = {name: column.table.name for name, column in referred.items()} | {"id": table.name}
    if table.name == History.__tablename__:
        tables["row_id"] = row["table_name"]
    hidden = {
        name: NEW_ID
        for name, other in tables.items()
        if row.get(name) is not None and row[name] > newest.get(other, row[name])
    }
    return row | hidden

"""How Alembic reaches the database and what it compares."""

import logging
from typing import Any, Literal

from alembic import context
from alembic.runtime.migration import MigrationInfo
from sqlalchemy import Enum
from sqlalchemy.engine import Connection

from models import db
from models.downgrades import SEARCH_TABLES, RowsWouldBeDropped, count_rows, describe_counts, find_dropped_counts
from models.types import ScaledDecimal, UtcDateTime

log = logging.getLogger("alembic.env")
directions: list[bool] = []  # of each migration that was run, whether it led to a newer version


def include_object(_item: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
    """Leave out what only one database has: SQLite's search tables, PostgreSQL's trigram indexes."""
    if kind == "table" and name and name.startswith(SEARCH_TABLES):
        return False
    return not (kind == "index" and name and name.endswith("_search_text"))


def render_item(kind: str, item: Any, _autogen_context: Any) -> str | Literal[False]:
    """Write plain SQLAlchemy types into migrations, so that an old one never depends on today's code."""
    if kind != "type":
        return False
    if isinstance(item, ScaledDecimal):
        return 'sa.BigInteger().with_variant(sa.Integer(), "sqlite")'
    if isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if isinstance(item, Enum):
        values = ", ".join(repr(value) for value in item.enums)
        return f"sa.Enum({values}, name={item.name!r}, native_enum=False, create_constraint=True, length=40)"
    return False


def configure(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        include_object=include_object,
        render_item=render_item,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=True,
        on_version_apply=note_direction,  # type: ignore[arg-type]  # Alembic passes all by name
    )


def note_direction(*, step: MigrationInfo, **_others: Any) -> None:
    """Called by Alembic after each migration."""
    directions.append(step.is_upgrade)


def may_go_down() -> bool:
    """Whether this run may lead to an older version: whatever does not lead to the newest, as every start does."""
    try:
        return context.get_revision_argument() != context.get_head_revision()
    except KeyError:  # a run that migrates nothing
        return False


def check_dropped_rows(connection: Connection, before: dict[str, int]) -> None:
    """Raise RowsWouldBeDropped where rows are gone and nobody has said that they may; else tell which."""
    counts = find_dropped_counts(before, count_rows(connection))
    if not counts:
        return
    if "drop-rows" not in context.get_x_argument():
        raise RowsWouldBeDropped(counts)
    log.warning("dropped %s", describe_counts(counts))


def run(connection: Connection) -> None:
    """Bring the database to the wanted version.

    SQLite changes a table by making a new one and dropping the old: while foreign keys are enforced, what refers to
    its rows would go with them. They are checked at the end instead.
    """
    on_sqlite = connection.dialect.name == "sqlite"
    raw: Any = connection.connection.dbapi_connection
    if on_sqlite:
        raw.execute("PRAGMA foreign_keys=OFF")
    try:
        # Counting begins a transaction for all of it, which Alembic takes over where it finds one: a downgrade that is
        # refused has changed nothing.
        before = count_rows(connection) if may_go_down() else {}
        configure(connection)
        with context.begin_transaction():
            context.run_migrations()
            if any(not is_upgrade for is_upgrade in directions):
                check_dropped_rows(connection, before)
        connection.commit()
    finally:
        connection.rollback()
        if on_sqlite:
            raw.execute("PRAGMA foreign_keys=ON")
    if on_sqlite and (broken := raw.execute("PRAGMA foreign_key_check").fetchall()):
        raise RuntimeError(f"references to rows that are gone: {broken[:10]}")


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with db.engine.connect() as opened:
        run(opened)

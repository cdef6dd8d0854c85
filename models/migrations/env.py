"""How Alembic reaches the database and what it compares."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import Enum
from sqlalchemy.engine import Connection

from models import db
from models.types import ScaledDecimal, UtcDateTime

SEARCH_TABLES = "customer_search"


def include_object(_item: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
    """Leave out what only one database has: SQLite's search tables, PostgreSQL's trigram index."""
    if kind == "table" and name and name.startswith(SEARCH_TABLES):
        return False
    return not (kind == "index" and name == "ix_customer_search_text")


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
    )


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
        configure(connection)
        with context.begin_transaction():
            context.run_migrations()
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

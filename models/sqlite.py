"""What SQLite needs to behave like a server: enforced foreign keys, a write-ahead log, honest transactions."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

BUSY_MILLISECONDS = 30_000
CHECKPOINT_MILLISECONDS = 2_000  # nobody can write meanwhile

# A transaction that begins as a reader and then writes fails at once where another has written in between; one that
# begins as a writer waits for its turn. So whoever only reads says so, and everything else begins as a writer.
is_read_only: ContextVar[bool] = ContextVar("is_read_only", default=False)


@contextmanager
def read_only_transaction() -> Iterator[None]:
    """A transaction that begins within this block only reads, and keeps nobody from writing.

    End it before the block ends: it cannot turn into one that writes.
    """
    token = is_read_only.set(True)
    try:
        yield
    finally:
        is_read_only.reset(token)


@event.listens_for(Engine, "connect")
def _prepare(connection: Any, _record: Any) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    connection.isolation_level = None
    for pragma in (
        "foreign_keys=ON",
        "journal_mode=WAL",
        "synchronous=NORMAL",
        f"busy_timeout={BUSY_MILLISECONDS}",
        "cache_size=-65536",
        "temp_store=MEMORY",
        "mmap_size=2147418112",
    ):
        connection.execute(f"PRAGMA {pragma}")


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN" if is_read_only.get() else "BEGIN IMMEDIATE")


def write_log_into_database(engine: Engine) -> bool:
    """Bring what is only in the write-ahead log, the file -wal, into the database's own file; whether all of it is.

    Without it a small database may be in the log alone, and a copy of its one file be empty. Call it with no
    transaction open. Others who read or write are waited for, but not for long. Nothing happens on PostgreSQL.
    """
    if engine.dialect.name != "sqlite":
        return True
    connection = engine.raw_connection()  # in no transaction, as every other one here begins as a writer
    sqlite: Any = connection.driver_connection
    try:
        sqlite.execute(f"PRAGMA busy_timeout={CHECKPOINT_MILLISECONDS}")
        is_busy, _frames, _written = sqlite.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        sqlite.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
    finally:
        connection.close()
    return not is_busy

"""Which migration the database is at, and which one this version of the code needs."""

from functools import cache
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

MIGRATIONS = Path(__file__).with_name("migrations")


@cache
def list_needed_revisions() -> frozenset[str]:
    """The newest revisions that this version of the code has migrations for. Read once a process."""
    return frozenset(ScriptDirectory(str(MIGRATIONS)).get_heads())


def list_database_revisions(connection: Connection) -> frozenset[str]:
    """The revisions that the database is at; none where it was never migrated."""
    return frozenset(MigrationContext.configure(connection).get_current_heads())


def is_schema_current(connection: Connection) -> bool:
    """Whether the database is at exactly the revisions that this version of the code needs.

    False too where the database is newer: a process of the older version must not take requests then.
    """
    return list_database_revisions(connection) == list_needed_revisions()

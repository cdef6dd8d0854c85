"""What is only busy, and what is broken."""

import sqlite3

import pytest
from psycopg import errors
from sqlalchemy.exc import IntegrityError, OperationalError

from customerhub.core.errors import Conflict, Invalid
from customerhub.core.locking import is_contention


def sqlite_error(code: int) -> OperationalError:
    error = sqlite3.OperationalError("told by SQLite")
    error.sqlite_errorcode = code
    return OperationalError("SELECT 1", {}, error)


def postgresql_error(kind: type[Exception]) -> OperationalError:
    return OperationalError("SELECT 1", {}, kind("told by PostgreSQL"))


@pytest.mark.parametrize(
    "error",
    [
        Conflict("Somebody else saved it"),
        sqlite_error(sqlite3.SQLITE_BUSY),
        sqlite_error(sqlite3.SQLITE_BUSY_SNAPSHOT),
        sqlite_error(sqlite3.SQLITE_LOCKED),
        postgresql_error(errors.DeadlockDetected),
        postgresql_error(errors.SerializationFailure),
        postgresql_error(errors.LockNotAvailable),
    ],
    ids=str,
)
def test_who_tries_again_may_succeed(error: Exception) -> None:
    assert is_contention(error)


@pytest.mark.parametrize(
    "error",
    [
        Invalid("Enter a name"),
        ValueError("database is locked"),
        sqlite_error(sqlite3.SQLITE_FULL),
        sqlite_error(sqlite3.SQLITE_IOERR),
        postgresql_error(errors.AdminShutdown),
        postgresql_error(errors.OperationalError),
        OperationalError("SELECT 'deadlock'", {}, Exception("gone")),
        IntegrityError("INSERT", {}, sqlite3.IntegrityError("UNIQUE constraint failed: locked")),
    ],
    ids=str,
)
def test_who_tries_again_fails_again(error: Exception) -> None:
    assert not is_contention(error)

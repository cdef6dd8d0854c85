"""What is only busy, and what is broken."""

import sqlite3

import pytest
from psycopg import errors
from sqlalchemy.exc import IntegrityError, OperationalError

from customerhub.contention import is_contention
from customerhub.errors import Conflict, Invalid


def of_sqlite(code: int) -> OperationalError:
    error = sqlite3.OperationalError("told by SQLite")
    error.sqlite_errorcode = code
    return OperationalError("SELECT 1", {}, error)


def of_postgresql(kind: type[Exception]) -> OperationalError:
    return OperationalError("SELECT 1", {}, kind("told by PostgreSQL"))


@pytest.mark.parametrize(
    "error",
    [
        Conflict("Somebody else saved it"),
        of_sqlite(sqlite3.SQLITE_BUSY),
        of_sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT),
        of_sqlite(sqlite3.SQLITE_LOCKED),
        of_postgresql(errors.DeadlockDetected),
        of_postgresql(errors.SerializationFailure),
        of_postgresql(errors.LockNotAvailable),
    ],
    ids=str,
)
def test_who_tries_again_may_succeed(error: Exception) -> None:
    assert is_contention(error)


@pytest.mark.parametrize(
    "error",
    [
        Invalid("A name is needed"),
        ValueError("database is locked"),
        of_sqlite(sqlite3.SQLITE_FULL),
        of_sqlite(sqlite3.SQLITE_IOERR),
        of_postgresql(errors.AdminShutdown),
        of_postgresql(errors.OperationalError),
        OperationalError("SELECT 'deadlock'", {}, Exception("gone")),
        IntegrityError("INSERT", {}, sqlite3.IntegrityError("UNIQUE constraint failed: locked")),
    ],
    ids=str,
)
def test_who_tries_again_fails_again(error: Exception) -> None:
    assert not is_contention(error)

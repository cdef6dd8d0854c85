"""Telling a database that is only busy from one that is broken."""

from typing import Final

from sqlalchemy.exc import DBAPIError

from customerhub.errors import Conflict

_BUSY: Final = frozenset({5, 6})  # SQLITE_BUSY and SQLITE_LOCKED, in the lowest byte of an error code
_STATES: Final = frozenset({"40001", "40P01", "55P03"})  # could not serialize, deadlock, lock not available


def is_contention(error: BaseException) -> bool:
    """Whether `error` only means that others wrote at the same time: tried again, the same may succeed."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, Conflict)
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _BUSY
    return getattr(error.orig, "sqlstate", None) in _STATES

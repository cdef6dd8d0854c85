"""Several who write at the same time: in which order they take rows, and whether a database is only busy or broken."""

from typing import Any, Final

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


def lock_order(row: Any) -> tuple[int, int]:
    """Where `row` comes when many are changed: by its customer, then by itself. Whoever takes rows in this order waits
    for nobody who waits for them, be it customers that one has ticked and another their tasks.
    """
    return getattr(row, "customer_id", None) or row.id, row.id

"""Concurrent writers: the order in which they lock rows, and whether a database error is contention."""

from typing import Any, Final

from sqlalchemy import func
from sqlalchemy.exc import DBAPIError

from customerhub.core.errors import Conflict

_SQLITE_BUSY_CODES: Final = frozenset({5, 6})  # SQLITE_BUSY and SQLITE_LOCKED, in the lowest byte of an error code
_SQL_STATES: Final = frozenset({"40001", "40P01", "55P03"})  # could not serialize, deadlock, lock not available


def is_contention(error: BaseException) -> bool:
    """Whether `error` only means that others wrote at the same time: tried again, the same may succeed."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, Conflict)
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _SQLITE_BUSY_CODES
    return getattr(error.orig, "sqlstate", None) in _SQL_STATES


def lock_order_of(row: Any) -> tuple[int, int]:
    """Where `row` comes when many are changed: by its customer, then by itself. Transactions that lock in this order
    never wait for each other in a circle, even if one changes customers and another their tasks.
    """
    return getattr(row, "customer_id", None) or row.id, row.id


def list_lock_columns(model: Any) -> tuple[Any, ...]:
    """The order of `lock_order_of`, for a statement that locks rows of `model`."""
    customer_id = getattr(model, "customer_id", None)
    return (model.id,) if customer_id is None else (func.coalesce(customer_id, model.id), model.id)

"""Whether an error means that the database or the disk is away or full: not a bug, and over some time later."""

import errno
from typing import Final

from sqlalchemy.exc import DBAPIError, OperationalError, TimeoutError

# SQLITE_READONLY, SQLITE_IOERR, SQLITE_FULL and SQLITE_CANTOPEN, in the lowest byte of an error code.
_SQLITE_CODES: Final = frozenset({8, 10, 13, 14})
# PostgreSQL: no connection, no disk, memory or connection left, server shutting down or starting, error of the disk.
_SQL_STATES: Final = ("08", "53", "57P01", "57P02", "57P03", "58030")
_ERROR_NUMBERS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})


def is_outage(error: BaseException) -> bool:
    """Whether `error` comes of a database or disk that is away, full or cannot be written."""
    if isinstance(error, OSError):
        return error.errno in _ERROR_NUMBERS
    if isinstance(error, TimeoutError):  # no connection of the pool became free
        return True
    if not isinstance(error, DBAPIError):
        return False
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _SQLITE_CODES
    state = getattr(error.orig, "sqlstate", "")
    if state is None:  # the server said nothing: there was none
        return isinstance(error, OperationalError) or error.connection_invalidated
    return error.connection_invalidated or state.startswith(_SQL_STATES)

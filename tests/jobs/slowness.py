"""A database that is too slow for a job."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rq.timeouts import JobTimeoutException, UnixSignalDeathPenalty
from sqlalchemy import event

from models.base import db


@contextmanager
def too_slow(words: str) -> Iterator[None]:
    """Each statement with these words in it takes ten seconds, and the job at hand may take one, as RQ has it."""

    def wait(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if words in statement:
            time.sleep(10)

    event.listen(db.engine, "before_cursor_execute", wait)
    try:
        with UnixSignalDeathPenalty(1, JobTimeoutException):
            yield
    finally:
        event.remove(db.engine, "before_cursor_execute", wait)

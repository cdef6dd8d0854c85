"""A database that is too slow for a job."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rq.timeouts import JobTimeoutException, UnixSignalDeathPenalty

from tests.support.statements import watch_statements


@contextmanager
def slow_statements(words: str) -> Iterator[None]:
    """Each statement with these words in it takes ten seconds, and the job at hand may take one, as RQ has it."""

    def delay(statement: str, _parameters: Any) -> None:
        if words in statement:
            time.sleep(10)

    with watch_statements(delay), UnixSignalDeathPenalty(1, JobTimeoutException):
        yield

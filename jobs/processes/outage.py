"""What a process does while the queue server is away or refuses: it waits longer and longer, and says so once."""

import logging
import time

from redis.exceptions import RedisError

from jobs.queue import find_refusal

FIRST_PAUSE = 0.2  # seconds
MAX_PAUSE = 15.0  # seconds between two tries to reach the server

log = logging.getLogger(__name__)


class Outage:
    """The troubles of a queue server as one process meets them: each change of their state is one line of the log."""

    def __init__(self) -> None:
        self._state: str | None = None
        self._pause = FIRST_PAUSE
        self._ended_at = 0.0

    @property
    def is_on(self) -> bool:
        return self._state is not None

    def begin(self, error: RedisError) -> None:
        """The server failed with `error`, for the first time or again."""
        refusal = find_refusal(error)
        state = f"it refuses: {refusal}" if refusal else "it cannot be reached"
        if state != self._state:
            log.warning("waiting for the queue server: %s (%s)", state, error)
        if self._state is None and time.monotonic() - self._ended_at > MAX_PAUSE:
            self._pause = FIRST_PAUSE
        self._state = state

    def end(self) -> None:
        """The server did what it was asked to."""
        if self._state is not None:
            log.warning("the queue server is back")
            self._ended_at = time.monotonic()
        self._state = None

    def take_pause(self) -> float:
        """The seconds to wait until the next try; twice as long each time, until the server has been well for long."""
        pause = self._pause
        self._pause = min(self._pause * 2, MAX_PAUSE)
        return pause

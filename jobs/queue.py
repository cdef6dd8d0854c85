"""The connection to the queue server, and the two queues.

A job gets ids, rechecks the state and may run twice without harm, so a failed or killed one is simply tried again.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app
from redis import Redis
from redis.exceptions import AuthenticationError, AuthorizationError, RedisError, ResponseError
from rq import Queue, Retry
from rq.job import Job

from customerhub.core.config import Settings
from jobs import valkey

DEFAULT = "default"
BULK = "bulk"
JOB_TIMEOUTS = {DEFAULT: 300, BULK: 3600}  # queue: seconds a job of it may take
RESULT_SECONDS = 600
FAILURE_SECONDS = 14 * 24 * 3600
RETRY_DELAYS = [10, 60, 300]  # seconds
BACKOFF_SECONDS = 10.0  # no attempt to enqueue for that long after the server was unavailable or refused

_WRONG_PASSWORD = "the password is missing or wrong"  # noqa: S105
_REFUSALS = {  # what a server's answer begins with: what it means
    "OOM": "its memory is full",
    "MISCONF": "it cannot write to its disk",
    "READONLY": "it is a read-only replica",
    "NOREPLICAS": "it has too few replicas",
    "NOAUTH": _WRONG_PASSWORD,
    "WRONGPASS": _WRONG_PASSWORD,
    "NOPERM": "its user lacks a permission",
}
_PROBE_KEY = "hub:probe"
_EXTENSION = "hub_queue_server"
log = logging.getLogger(__name__)


@dataclass
class _QueueServer:
    """The queue server as one app reaches it."""

    connection: Redis
    backoff_until: float = 0.0  # by time.monotonic()


class QueueUnavailable(Exception):
    """The queue server does nothing for us. The message says why, in one line."""


class QueueRefused(QueueUnavailable):
    """The queue server answers and refuses: its memory or its disk is full, or the password is wrong.

    The message tells no more than that, so anybody may read it.
    """


def server_url(settings: Settings) -> str:
    """The address of the queue server: the one of REDIS_URL, else the embedded one of the data folder."""
    return settings.redis_url or valkey.server_url(settings.data_dir)


def connect(settings: Settings) -> Redis:
    """A connection for long-lived processes: it may wait for a job, and tries again when the server was away."""
    return Redis.from_url(server_url(settings), socket_connect_timeout=5, health_check_interval=30)


def check_queue_server(settings: Settings, *, seconds: float) -> None:
    """Raise QueueUnavailable unless the queue server takes jobs; `seconds` to connect, and again for the answer.

    A connection of its own: one in use may be waiting for something else.
    """
    with (
        queue_errors(),
        Redis.from_url(
            server_url(settings), socket_connect_timeout=seconds, socket_timeout=seconds, retry=None
        ) as connection,
    ):
        check_writing(connection)


def check_writing(connection: Redis) -> None:
    """Write a key that lasts a second: one that refuses to write may still answer a ping. Raises RedisError."""
    connection.set(_PROBE_KEY, 1, px=1000)


def init_queue(app: Flask, settings: Settings) -> None:
    """Give `app` the connection that `enqueue` and `try_enqueue` use. Connects at the first use.

    It gives up fast, because a screen waits for it.
    """
    app.extensions[_EXTENSION] = _QueueServer(
        Redis.from_url(
            server_url(settings), socket_connect_timeout=1, socket_timeout=2, retry=None, health_check_interval=30
        )
    )


def _get_server() -> _QueueServer:
    server: _QueueServer = current_app.extensions[_EXTENSION]
    return server


def close_connection() -> None:
    """Leave no open connection in a process that will be forked. The next use connects anew."""
    _get_server().connection.connection_pool.disconnect()


def get_queue(name: str = DEFAULT) -> Queue:
    """The queue `name` of the current app."""
    return Queue(name, connection=_get_server().connection, default_timeout=JOB_TIMEOUTS[name])


def check_app_queue() -> None:
    """Raise QueueUnavailable unless the queue server takes jobs of the current app."""
    with queue_errors():
        check_writing(_get_server().connection)


def enqueue(function: Callable[..., Any], *args: object, queue: str = DEFAULT) -> Job:
    """Have a worker call `function(*args)` soon; plain values only, such as ids.

    Work of more than a minute belongs in the BULK queue, which has workers of its own. Raises QueueUnavailable.
    """
    with queue_errors():
        return get_queue(queue).enqueue_call(
            function,
            args=args,
            result_ttl=RESULT_SECONDS,
            failure_ttl=FAILURE_SECONDS,
            retry=Retry(max=len(RETRY_DELAYS), interval=RETRY_DELAYS),
        )


@contextmanager
def queue_errors() -> Iterator[None]:
    """A block that talks to the queue server. Raises QueueUnavailable where it does not answer, or refuses."""
    try:
        yield
    except (RedisError, OSError) as error:
        if refusal := find_refusal(error):
            raise QueueRefused(f"The queue server refuses: {refusal}") from error
        raise QueueUnavailable(f"The queue server cannot be reached ({error})") from error


def find_refusal(error: BaseException) -> str | None:
    """Why the queue server refuses, in a few words; None where `error` says something else."""
    if isinstance(error, AuthenticationError | AuthorizationError):
        return _WRONG_PASSWORD
    if not isinstance(error, ResponseError):
        return None
    code = error.status_code or next((code for code in _REFUSALS if code in str(error).split()), "")
    return _REFUSALS.get(code, "its log or ours has the reason")


def try_enqueue(function: Callable[..., Any], *args: object, queue: str = DEFAULT) -> bool:
    """Like `enqueue`, for work that the schedule finds anyway: where no server takes it, it warns and returns False.

    A server that was away or refused is not tried for BACKOFF_SECONDS: a caller with a thousand jobs waits for it once.
    """
    server = _get_server()
    if time.monotonic() < server.backoff_until:
        return False
    try:
        enqueue(function, *args, queue=queue)
    except QueueUnavailable as error:
        server.backoff_until = time.monotonic() + BACKOFF_SECONDS
        log.warning("%s.%s waits for the schedule: %s", function.__module__, function.__name__, error)
        return False
    return True

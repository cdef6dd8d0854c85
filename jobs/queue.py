"""The connection to the queue server, and the two queues.

A job gets ids, rechecks the state and may run twice without harm, so a failed or killed one is simply tried again.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, current_app
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Retry
from rq.job import Job

from customerhub.config import Settings
from jobs import valkey

DEFAULT = "default"
BULK = "bulk"
JOB_TIMEOUTS = {DEFAULT: 300, BULK: 3600}  # queue: seconds a job of it may take
RESULT_SECONDS = 600
FAILURE_SECONDS = 14 * 24 * 3600
RETRY_PAUSES = [10, 60, 300]  # seconds
REST_SECONDS = 10.0  # how long nobody is nudged after the server was away

_EXTENSION = "hub_queue_server"
_rests_until = 0.0  # by time.monotonic()
log = logging.getLogger(__name__)


class QueueAway(Exception):
    """The queue server cannot be reached. The message says which and why, in one line."""


def server_url(settings: Settings) -> str:
    """The address of the queue server: the one of REDIS_URL, else the embedded one of the data folder."""
    return settings.redis_url or valkey.url(settings.data_dir)


def connect(settings: Settings) -> Redis:
    """A connection for long-lived processes: it may wait for a job, and tries again when the server was away."""
    return Redis.from_url(server_url(settings), socket_connect_timeout=5, health_check_interval=30)


def init_queue(app: Flask, settings: Settings) -> None:
    """Give `app` the connection that `enqueue` and `nudge` use. Connects at the first use.

    It gives up fast, because a screen waits for it.
    """
    global _rests_until
    _rests_until = 0.0
    app.extensions[_EXTENSION] = Redis.from_url(
        server_url(settings), socket_connect_timeout=1, socket_timeout=2, retry=None, health_check_interval=30
    )


def get_queue(name: str = DEFAULT) -> Queue:
    """The queue `name` of the current app."""
    return Queue(name, connection=current_app.extensions[_EXTENSION], default_timeout=JOB_TIMEOUTS[name])


def enqueue(function: Callable[..., Any], *args: object, queue: str = DEFAULT) -> Job:
    """Have a worker call `function(*args)` soon; plain values only, such as ids.

    Work of more than a minute belongs in the BULK queue, which has workers of its own. Raises QueueAway.
    """
    with reaching():
        return get_queue(queue).enqueue_call(
            function,
            args=args,
            result_ttl=RESULT_SECONDS,
            failure_ttl=FAILURE_SECONDS,
            retry=Retry(max=len(RETRY_PAUSES), interval=RETRY_PAUSES),
        )


@contextmanager
def reaching() -> Iterator[None]:
    """A block that talks to the queue server. Raises QueueAway where it does not answer."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise QueueAway(f"The queue server cannot be reached ({error})") from error


def nudge(function: Callable[..., Any], *args: object, queue: str = DEFAULT) -> bool:
    """Like `enqueue`, for work that the schedule finds anyway: without a server it warns and returns False.

    A server that was away is left alone for REST_SECONDS: whoever has a thousand pieces of work waits for it once.
    """
    global _rests_until
    if time.monotonic() < _rests_until:
        return False
    try:
        enqueue(function, *args, queue=queue)
    except QueueAway as error:
        _rests_until = time.monotonic() + REST_SECONDS
        log.warning("%s.%s waits for the schedule: %s", function.__module__, function.__name__, error)
        return False
    return True

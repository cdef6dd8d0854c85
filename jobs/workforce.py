"""Who works: the workers and schedulers that the queue server has heard of lately.

Each function raises QueueAway where the queue server does not answer.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from rq import Worker
from rq.cron_scheduler_registry import get_registry_key
from rq.defaults import DEFAULT_CRON_SCHEDULER_TTL
from rq.worker import BaseWorker

from jobs.queue import DEFAULT, reaching
from jobs.registries import KnownJob, find, sealed_queue


@dataclass(frozen=True)
class KnownWorker:
    """A worker as it is told. `job` is what it does and `since` when, None where it waits for something to do."""

    name: str
    host: str
    process: int | None
    queues: tuple[str, ...]
    job: KnownJob | None
    since: datetime | None
    heard_at: datetime | None
    born_at: datetime | None
    done: int
    failed: int


class _Seen(Worker):
    """A worker looked at from outside."""

    def _set_connection(self, connection: Redis) -> Redis:
        """Leaves the time limits alone: a screen cannot wait as long as a worker can."""
        return connection


def workers() -> list[KnownWorker]:
    """Every worker, in the order of their queues and age."""
    with reaching():
        found = [_told(worker) for worker in _Seen.all(connection=sealed_queue(DEFAULT).connection)]
    order = datetime.max.replace(tzinfo=UTC)
    return sorted(found, key=lambda worker: (worker.queues, worker.born_at or order, worker.name))


def schedulers() -> list[datetime]:
    """When each scheduler was heard of last."""
    with reaching():
        connection = sealed_queue(DEFAULT).connection
        oldest = time.time() - DEFAULT_CRON_SCHEDULER_TTL
        found: list[Any] = connection.zrangebyscore(get_registry_key(), oldest, "+inf", withscores=True)
    return [datetime.fromtimestamp(heard, UTC) for _name, heard in found]


def _told(worker: BaseWorker) -> KnownWorker:
    names = tuple(worker.queue_names())
    executions = worker.get_current_executions()
    job = find(names[0], executions[0].job_id) if executions and names else None
    return KnownWorker(
        name=worker.name,
        host=worker.hostname or "",
        process=worker.pid,
        queues=names,
        job=job,
        since=executions[0].created_at if job else None,
        heard_at=worker.last_heartbeat,
        born_at=worker.birth_date,
        done=worker.successful_job_count,
        failed=worker.failed_job_count,
    )

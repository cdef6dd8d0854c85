"""The workers and schedulers that are connected to the queue server.

Each function raises QueueUnavailable where the queue server does not answer.
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

from jobs.monitoring.queue_contents import JobInfo, find_job, read_only_queue
from jobs.queue import DEFAULT, queue_errors


@dataclass(frozen=True)
class WorkerInfo:
    """A worker as it is shown. `job` is what it does and `job_started_at` since when, None where it is idle."""

    name: str
    host: str
    process: int | None
    queues: tuple[str, ...]
    job: JobInfo | None
    job_started_at: datetime | None
    heartbeat_at: datetime | None
    started_at: datetime | None
    done_count: int
    failed_count: int


class _ObservedWorker(Worker):
    """A worker looked at from outside."""

    def _set_connection(self, connection: Redis) -> Redis:
        """Leaves the time limits alone: a screen cannot wait as long as a worker can."""
        return connection


def list_workers() -> list[WorkerInfo]:
    """Every worker, in the order of their queues and age."""
    with queue_errors():
        infos = [_worker_info(worker) for worker in _ObservedWorker.all(connection=read_only_queue(DEFAULT).connection)]
    last = datetime.max.replace(tzinfo=UTC)
    return sorted(infos, key=lambda worker: (worker.queues, worker.started_at or last, worker.name))


def list_scheduler_heartbeats() -> list[datetime]:
    """The last heartbeat of each scheduler."""
    with queue_errors():
        connection = read_only_queue(DEFAULT).connection
        oldest = time.time() - DEFAULT_CRON_SCHEDULER_TTL
        heartbeats: list[Any] = connection.zrangebyscore(get_registry_key(), oldest, "+inf", withscores=True)
    return [datetime.fromtimestamp(heartbeat, UTC) for _name, heartbeat in heartbeats]


def _worker_info(worker: BaseWorker) -> WorkerInfo:
    names = tuple(worker.queue_names())
    executions = worker.get_current_executions()
    job = find_job(names[0], executions[0].job_id) if executions and names else None
    return WorkerInfo(
        name=worker.name,
        host=worker.hostname or "",
        process=worker.pid,
        queues=names,
        job=job,
        job_started_at=executions[0].created_at if job else None,
        heartbeat_at=worker.last_heartbeat,
        started_at=worker.birth_date,
        done_count=worker.successful_job_count,
        failed_count=worker.failed_job_count,
    )

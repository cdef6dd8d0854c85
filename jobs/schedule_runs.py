"""Queueing a job of the schedule, when it is due or on request, and when it is due next."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from croniter import croniter
from redis.exceptions import LockError
from rq.cron import CronJob, get_cron_job_ids
from rq.job import JobStatus

from customerhub.core.errors import WrongState
from customerhub.core.permissions import Actor, Permission, require_permission
from jobs.monitoring.queue_contents import fetch_jobs, read_only_queue
from jobs.queue import DEFAULT, FAILURE_SECONDS, JOB_TIMEOUTS, RESULT_SECONDS, get_queue, queue_errors
from jobs.schedule import PeriodicJob

MAX_SCHEDULERS = 3  # that may be at work at once; each queues calls of its own
LOCK_SECONDS = 10
GRACE_SECONDS = 60  # how much longer than it may a job can last until its worker ends it

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ActiveRun:
    """A call that waits or runs, and since when."""

    has_started: bool
    since: datetime | None


def job_options(entry: PeriodicJob) -> dict[str, Any]:
    """How RQ is to queue each call. One that nobody took before the next is due lapses."""
    return {
        "cron": entry.cron,
        "job_timeout": JOB_TIMEOUTS[entry.queue],
        "result_ttl": RESULT_SECONDS,
        "ttl": _seconds_between(entry.cron),
        "failure_ttl": FAILURE_SECONDS,
        "meta": {"periodic": True},
    }


def max_duration(entry: PeriodicJob) -> timedelta:
    """How long a run can last. One that began before that was interrupted."""
    return timedelta(seconds=JOB_TIMEOUTS[entry.queue] + GRACE_SECONDS)


def next_run_time(entry: PeriodicJob) -> datetime:
    """When it is queued next, in UTC."""
    return _cron_job(entry).get_next_enqueue_time()


def list_active_runs(entries: Sequence[PeriodicJob]) -> dict[str, ActiveRun]:
    """Those of `entries` of which a call waits or runs, by name. Raises QueueUnavailable."""
    queue = read_only_queue(DEFAULT)
    with queue_errors():
        ids = {entry.name: get_cron_job_ids(entry.name, queue.connection, 0, _max_calls(entry)) for entry in entries}
        all_ids = [job_id for job_ids in ids.values() for job_id in job_ids]
        jobs = {job.id: job for job in fetch_jobs(all_ids, queue) if job is not None}
    active_runs = {}
    for name, job_ids in ids.items():
        calls = [jobs[job_id] for job_id in job_ids if job_id in jobs]
        running = [job for job in calls if job.get_status(refresh=False) is JobStatus.STARTED]
        waiting = [job for job in calls if job.get_status(refresh=False) is JobStatus.QUEUED]
        if running:
            active_runs[name] = ActiveRun(True, running[-1].started_at)
        elif waiting:
            active_runs[name] = ActiveRun(False, waiting[-1].enqueued_at)
    return active_runs


def run_now(entry: PeriodicJob, *, actor: Actor) -> None:
    """Have a worker run `entry` soon, as if it were due.

    Raises WrongState where a call of it waits or runs already, NotAllowed, QueueUnavailable.
    """
    require_permission(actor, Permission.JOBS)
    with queue_errors():
        connection = get_queue(entry.queue).connection
        lock = connection.lock(f"hub:run-now:{entry.name}", timeout=LOCK_SECONDS)
        if not lock.acquire(blocking=False):
            raise WrongState("Already queued a moment ago")
        try:
            if active_run := list_active_runs([entry]).get(entry.name):
                raise WrongState("Already running" if active_run.has_started else "Already waiting for a worker")
            _cron_job(entry).enqueue(connection)
        finally:
            with suppress(LockError):  # it took longer than LOCK_SECONDS
                lock.release()
    log.info("user %s has %s run", actor.id, entry.name)


def _cron_job(entry: PeriodicJob) -> CronJob:
    return CronJob(entry.queue, entry.function, **job_options(entry))


def _max_calls(entry: PeriodicJob) -> int:
    """How many calls may have been queued since one that still runs."""
    return MAX_SCHEDULERS * (1 + int(max_duration(entry).total_seconds()) // _seconds_between(entry.cron))


def _seconds_between(cron: str) -> int:
    """The seconds from one time of `cron` to the next, from now on."""
    times = croniter(cron, datetime.now().astimezone())
    first: datetime = times.get_next(datetime)
    return int((times.get_next(datetime) - first).total_seconds())

"""What can be done with a line of the schedule: have it queued, by the clock or by hand, and tell when it is due."""

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

from customerhub.errors import WrongState
from customerhub.permissions import Actor, Permission, require
from jobs.queue import DEFAULT, FAILURE_SECONDS, JOB_TIMEOUTS, RESULT_SECONDS, get_queue, reaching
from jobs.registries import fetched, sealed_queue
from jobs.schedule import Periodic

SCHEDULERS = 3  # that may be at work at once; each queues calls of its own
LOCK_SECONDS = 10
GRACE_SECONDS = 60  # how much longer than it may a job can last until its worker ends it

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class UnderWay:
    """A call that waits or runs, and since when."""

    has_begun: bool
    since: datetime | None


def job_options(entry: Periodic) -> dict[str, Any]:
    """How RQ is to queue each call. One that nobody took before the next is due lapses."""
    return {
        "cron": entry.cron,
        "job_timeout": JOB_TIMEOUTS[entry.queue],
        "result_ttl": RESULT_SECONDS,
        "ttl": _seconds_between(entry.cron),
        "failure_ttl": FAILURE_SECONDS,
        "meta": {"periodic": True},
    }


def longest(entry: Periodic) -> timedelta:
    """How long a run can last. One that began before that was interrupted."""
    return timedelta(seconds=JOB_TIMEOUTS[entry.queue] + GRACE_SECONDS)


def next_time(entry: Periodic) -> datetime:
    """When it is queued next, in UTC."""
    return _cron_job(entry).get_next_enqueue_time()


def under_way(entries: Sequence[Periodic]) -> dict[str, UnderWay]:
    """Those of `entries` of which a call waits or runs, by name. Raises QueueAway."""
    queue = sealed_queue(DEFAULT)
    with reaching():
        ids = {entry.name: get_cron_job_ids(entry.name, queue.connection, 0, _most_calls(entry)) for entry in entries}
        every = [job_id for few in ids.values() for job_id in few]
        jobs = {job.id: job for job in fetched(every, queue) if job is not None}
    found = {}
    for name, few in ids.items():
        calls = [jobs[job_id] for job_id in few if job_id in jobs]
        running = [job for job in calls if job.get_status(refresh=False) is JobStatus.STARTED]
        waiting = [job for job in calls if job.get_status(refresh=False) is JobStatus.QUEUED]
        if running:
            found[name] = UnderWay(True, running[-1].started_at)
        elif waiting:
            found[name] = UnderWay(False, waiting[-1].enqueued_at)
    return found


def run_now(entry: Periodic, *, actor: Actor) -> None:
    """Have a worker run `entry` soon, as if it were due.

    Raises WrongState where a call of it waits or runs already, NotAllowed, QueueAway.
    """
    require(actor, Permission.JOBS)
    with reaching():
        connection = get_queue(entry.queue).connection
        lock = connection.lock(f"hub:run-now:{entry.name}", timeout=LOCK_SECONDS)
        if not lock.acquire(blocking=False):
            raise WrongState("It was queued just now.")
        try:
            if at_hand := under_way([entry]).get(entry.name):
                raise WrongState("It is running already." if at_hand.has_begun else "It waits for a worker already.")
            _cron_job(entry).enqueue(connection)
        finally:
            with suppress(LockError):  # it took longer than LOCK_SECONDS
                lock.release()
    log.info("user %s has %s run", actor.id, entry.name)


def _cron_job(entry: Periodic) -> CronJob:
    return CronJob(entry.queue, entry.function, **job_options(entry))


def _most_calls(entry: Periodic) -> int:
    """How many calls may have been queued since one that still runs."""
    return SCHEDULERS * (1 + int(longest(entry).total_seconds()) // _seconds_between(entry.cron))


def _seconds_between(cron: str) -> int:
    """The seconds from one time of `cron` to the next, from now on."""
    times = croniter(cron, datetime.now().astimezone())
    first: datetime = times.get_next(datetime)
    return int((times.get_next(datetime) - first).total_seconds())

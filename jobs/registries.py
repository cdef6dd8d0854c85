"""What lies in RQ's own registries: the jobs that wait, run, are tried again later, failed and finished.

A look moves no job, and unpickles nothing: whatever lies in the queue server would run with the rights of who looks.
Jobs come and go meanwhile, so one that was there a moment ago may be gone. Each function raises QueueAway where the
queue server does not answer.
"""

import enum
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus
from rq.registry import BaseRegistry
from rq.results import Result
from rq.serializers import JSONSerializer

from jobs.queue import JOB_TIMEOUTS, get_queue, reaching

LONGEST_CALL = 200  # characters of a call that are shown
LONGEST_TRACE = 20_000  # characters of a traceback, from its end

_CALL = re.compile(r"([\w.]+)\((.*)\)", re.DOTALL)
NO_JOB = (  # what reading something raises that is no job
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    zlib.error,
    NoSuchJobError,
)


class Place(enum.StrEnum):
    """Where a job is. The values are told in addresses."""

    WAITING = "waiting"
    RUNNING = "running"
    LATER = "later"
    FAILED = "failed"
    FINISHED = "finished"


PLACES = {
    JobStatus.QUEUED: Place.WAITING,
    JobStatus.STARTED: Place.RUNNING,
    JobStatus.SCHEDULED: Place.LATER,
    JobStatus.FAILED: Place.FAILED,
    JobStatus.STOPPED: Place.FAILED,
    JobStatus.FINISHED: Place.FINISHED,
}


@dataclass(frozen=True)
class KnownJob:
    """A job as it is told. `call` is the call as RQ describes it; `trouble` how the last attempt failed.

    Where `is_readable` is false the queue server holds something under this id that is no job.
    """

    id: str
    queue: str
    place: Place | None
    call: str = ""
    enqueued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    due_at: datetime | None = None
    attempts_left: int = 0
    worker: str = ""
    trouble: str = ""
    is_readable: bool = True

    @property
    def function(self) -> str:
        """The name of its function with the module, blank where the call does not tell."""
        told = _CALL.fullmatch(self.call)
        return told[1] if told else ""

    @property
    def arguments(self) -> str:
        told = _CALL.fullmatch(self.call)
        return told[2] if told else self.call

    @property
    def error(self) -> str:
        """The last line of how it failed."""
        lines = self.trouble.strip().splitlines()
        return lines[-1].strip() if lines else ""


def counts() -> dict[str, dict[Place, int]]:
    """How many jobs are where, by queue."""
    with reaching():
        return {name: {place: _count(sealed_queue(name), place) for place in Place} for name in JOB_TIMEOUTS}


def page_of(name: str, place: Place, start: int, length: int) -> tuple[list[KnownJob], int]:
    """The jobs of a queue at a place, from the `start`th on, and how many there are in all.

    They are in the order in which they come up, those that are over the newest first. What has gone since it was put
    there is counted but left out.
    """
    with reaching():
        queue = sealed_queue(name)
        total = _count(queue, place)
        if place is Place.WAITING:
            return _told(queue, place, queue.get_job_ids(start, length)), total
        newest_first = place in (Place.FAILED, Place.FINISHED)
        ids = registry_of(queue, place).get_job_ids(start, start + length - 1, desc=newest_first, cleanup=False)
        return _told(queue, place, ids), total


def find(name: str, job_id: str) -> KnownJob | None:
    """The job of this queue with this id, wherever it is."""
    return find_several(name, [job_id]).get(job_id)


def find_several(name: str, ids: Sequence[str]) -> dict[str, KnownJob]:
    """The jobs of this queue with these ids, wherever they are, by id and in this order."""
    with reaching():
        told = _told(sealed_queue(name), None, ids)
    return {job.id: job for job in told if job.queue == name}


def sealed_queue(name: str) -> Queue:
    """The queue `name`, whose jobs are never unpickled."""
    return Queue(name, connection=get_queue(name).connection, serializer=JSONSerializer)


def registry_of(queue: Queue, place: Place) -> BaseRegistry:
    """The registry of everything but what waits, which is in the queue itself."""
    found: BaseRegistry = {
        Place.RUNNING: queue.started_job_registry,
        Place.LATER: queue.scheduled_job_registry,
        Place.FAILED: queue.failed_job_registry,
        Place.FINISHED: queue.finished_job_registry,
    }[place]
    return found


def fetched(ids: Sequence[str], queue: Queue) -> list[Job | None]:
    """The jobs with these ids; None for one that is gone or cannot be read."""
    try:
        return list(Job.fetch_many(ids, connection=queue.connection, serializer=queue.serializer))
    except NO_JOB:  # one of them
        return [_alone(job_id, queue) for job_id in ids]


def _alone(job_id: str, queue: Queue) -> Job | None:
    try:
        return Job.fetch(job_id, connection=queue.connection, serializer=queue.serializer)
    except NO_JOB:
        return None


def _count(queue: Queue, place: Place) -> int:
    if place is Place.WAITING:
        return int(queue.count)
    # Tidying up the running ones would give up jobs of dead workers. The workers do that.
    return int(registry_of(queue, place).get_job_count(cleanup=False))


def _told(queue: Queue, place: Place | None, ids: Sequence[str]) -> list[KnownJob]:
    """What is known of the jobs with these ids, without those that are gone."""
    jobs = dict(zip(ids, fetched(ids, queue), strict=True))
    known = [job for job in jobs.values() if job is not None]
    where = {job.id: place or PLACES.get(_status(job)) for job in known}
    due = _due_times(queue, [job.id for job in known if where[job.id] is Place.LATER])
    failures = _failures(queue, [job for job in known if where[job.id] is Place.FAILED])
    made = []
    for job_id, job in jobs.items():
        if job is not None:
            made.append(_known(job, where[job_id], due.get(job_id), failures.get(job_id, "")))
        elif queue.connection.exists(Job.key_for(job_id)):
            made.append(KnownJob(job_id, queue.name, place, is_readable=False))
    return made


def _known(job: Job, place: Place | None, due_at: datetime | None, trouble: str) -> KnownJob:
    return KnownJob(
        id=job.id,
        queue=job.origin,
        place=place,
        call=(job.description or "")[:LONGEST_CALL],
        enqueued_at=job.enqueued_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
        due_at=due_at,
        attempts_left=job.retries_left or 0,
        worker=job.worker_name or "",
        trouble=trouble,
    )


def _status(job: Job) -> JobStatus:
    return job.get_status(refresh=False)


def _due_times(queue: Queue, ids: Sequence[str]) -> dict[str, datetime]:
    """When each of these jobs is tried again, as far as it is not being queued just now."""
    if not ids:
        return {}
    scores = queue.connection.zmscore(queue.scheduled_job_registry.key, list(ids))
    return {key: datetime.fromtimestamp(score, UTC) for key, score in zip(ids, scores, strict=True) if score}


def _failures(queue: Queue, jobs: Sequence[Job]) -> dict[str, str]:
    """How the last attempt of each of `jobs` failed, by id."""
    with queue.connection.pipeline(transaction=False) as pipeline:
        for job in jobs:
            pipeline.xrevrange(Result.get_key(job.id), count=1)
        found = pipeline.execute(raise_on_error=False)
    return {job.id: _trouble(job, queue, told) for job, told in zip(jobs, found, strict=True)}


def _trouble(job: Job, queue: Queue, told: object) -> str:
    if not isinstance(told, list) or not told:
        return ""
    key, payload = told[0]
    try:
        result = Result.restore(job.id, key.decode(), payload, queue.connection, serializer=queue.serializer)
    except NO_JOB:
        return ""
    return (result.exc_string or "")[-LONGEST_TRACE:]

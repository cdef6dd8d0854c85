"""The contents of RQ's registries: the jobs that wait, run, are scheduled for a retry, failed and finished.

Reading moves no job, and unpickles nothing: a pickle in the queue server would run with the rights of the reader.
Jobs come and go meanwhile, so one that was there a moment ago may be gone. Each function raises QueueUnavailable where
the queue server does not answer.
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

from jobs.queue import JOB_TIMEOUTS, get_queue, queue_errors

MAX_CALL_LENGTH = 200  # characters of a call that are shown
MAX_TRACEBACK_LENGTH = 20_000  # characters of a traceback, from its end

_CALL = re.compile(r"([\w.]+)\((.*)\)", re.DOTALL)
UNREADABLE_JOB_ERRORS = (  # what reading something raises that is no job
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    zlib.error,
    NoSuchJobError,
)


class JobState(enum.StrEnum):
    """Where a job is. The values are part of addresses."""

    WAITING = "waiting"
    RUNNING = "running"
    SCHEDULED = "later"
    FAILED = "failed"
    FINISHED = "finished"


STATES_BY_STATUS = {
    JobStatus.QUEUED: JobState.WAITING,
    JobStatus.STARTED: JobState.RUNNING,
    JobStatus.SCHEDULED: JobState.SCHEDULED,
    JobStatus.FAILED: JobState.FAILED,
    JobStatus.STOPPED: JobState.FAILED,
    JobStatus.FINISHED: JobState.FINISHED,
}


@dataclass(frozen=True)
class JobInfo:
    """A job as it is shown. `call` is the call as RQ describes it; `traceback` how the last attempt failed.

    Where `is_readable` is false the queue server holds something under this id that is no job.
    """

    id: str
    queue: str
    state: JobState | None
    call: str = ""
    enqueued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    due_at: datetime | None = None
    attempts_left: int = 0
    worker: str = ""
    traceback: str = ""
    is_readable: bool = True

    @property
    def function(self) -> str:
        """The name of its function with the module, blank where the call does not contain it."""
        match = _CALL.fullmatch(self.call)
        return match[1] if match else ""

    @property
    def arguments(self) -> str:
        match = _CALL.fullmatch(self.call)
        return match[2] if match else self.call

    @property
    def error(self) -> str:
        """The last line of how it failed."""
        lines = self.traceback.strip().splitlines()
        return lines[-1].strip() if lines else ""


def count_jobs() -> dict[str, dict[JobState, int]]:
    """How many jobs are where, by queue."""
    with queue_errors():
        return {name: {state: _count_jobs(read_only_queue(name), state) for state in JobState} for name in JOB_TIMEOUTS}


def list_jobs(name: str, state: JobState, start: int, length: int) -> tuple[list[JobInfo], int]:
    """The jobs of a queue at a place, from the `start`th on, and how many there are in all.

    They are in the order in which they come up, those that are over the newest first. What has gone since it was put
    there is counted but left out.
    """
    with queue_errors():
        queue = read_only_queue(name)
        total = _count_jobs(queue, state)
        if state is JobState.WAITING:
            return _job_infos(queue, state, queue.get_job_ids(start, length)), total
        newest_first = state in (JobState.FAILED, JobState.FINISHED)
        ids = registry_of(queue, state).get_job_ids(start, start + length - 1, desc=newest_first, cleanup=False)
        return _job_infos(queue, state, ids), total


def find_job(name: str, job_id: str) -> JobInfo | None:
    """The job of this queue with this id, wherever it is."""
    return find_jobs(name, [job_id]).get(job_id)


def find_jobs(name: str, ids: Sequence[str]) -> dict[str, JobInfo]:
    """The jobs of this queue with these ids, wherever they are, by id and in this order."""
    with queue_errors():
        job_infos = _job_infos(read_only_queue(name), None, ids)
    return {job.id: job for job in job_infos if job.queue == name}


def read_only_queue(name: str) -> Queue:
    """The queue `name`, whose jobs are never unpickled."""
    return Queue(name, connection=get_queue(name).connection, serializer=JSONSerializer)


def registry_of(queue: Queue, state: JobState) -> BaseRegistry:
    """The registry of everything but what waits, which is in the queue itself."""
    registry: BaseRegistry = {
        JobState.RUNNING: queue.started_job_registry,
        JobState.SCHEDULED: queue.scheduled_job_registry,
        JobState.FAILED: queue.failed_job_registry,
        JobState.FINISHED: queue.finished_job_registry,
    }[state]
    return registry


def fetch_jobs(ids: Sequence[str], queue: Queue) -> list[Job | None]:
    """The jobs with these ids; None for one that is gone or cannot be read."""
    try:
        return list(Job.fetch_many(ids, connection=queue.connection, serializer=queue.serializer))
    except UNREADABLE_JOB_ERRORS:  # one of them
        return [_fetch_job(job_id, queue) for job_id in ids]


def _fetch_job(job_id: str, queue: Queue) -> Job | None:
    try:
        return Job.fetch(job_id, connection=queue.connection, serializer=queue.serializer)
    except UNREADABLE_JOB_ERRORS:
        return None


def _count_jobs(queue: Queue, state: JobState) -> int:
    if state is JobState.WAITING:
        return int(queue.count)
    # Tidying up the running ones would give up jobs of dead workers. The workers do that.
    return int(registry_of(queue, state).get_job_count(cleanup=False))


def _job_infos(queue: Queue, state: JobState | None, ids: Sequence[str]) -> list[JobInfo]:
    """What is known of the jobs with these ids, without those that are gone."""
    jobs = dict(zip(ids, fetch_jobs(ids, queue), strict=True))
    readable_jobs = [job for job in jobs.values() if job is not None]
    states = {job.id: state or STATES_BY_STATUS.get(_status(job)) for job in readable_jobs}
    due_times = _due_times(queue, [job.id for job in readable_jobs if states[job.id] is JobState.SCHEDULED])
    failures = _tracebacks(queue, [job for job in readable_jobs if states[job.id] is JobState.FAILED])
    job_infos = []
    for job_id, job in jobs.items():
        if job is not None:
            job_infos.append(_job_info(job, states[job_id], due_times.get(job_id), failures.get(job_id, "")))
        elif queue.connection.exists(Job.key_for(job_id)):
            job_infos.append(JobInfo(job_id, queue.name, state, is_readable=False))
    return job_infos


def _job_info(job: Job, state: JobState | None, due_at: datetime | None, traceback: str) -> JobInfo:
    return JobInfo(
        id=job.id,
        queue=job.origin,
        state=state,
        call=(job.description or "")[:MAX_CALL_LENGTH],
        enqueued_at=job.enqueued_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
        due_at=due_at,
        attempts_left=job.retries_left or 0,
        worker=job.worker_name or "",
        traceback=traceback,
    )


def _status(job: Job) -> JobStatus:
    return job.get_status(refresh=False)


def _due_times(queue: Queue, ids: Sequence[str]) -> dict[str, datetime]:
    """When each of these jobs is tried again, as far as it is not being queued just now."""
    if not ids:
        return {}
    scores = queue.connection.zmscore(queue.scheduled_job_registry.key, list(ids))
    return {key: datetime.fromtimestamp(score, UTC) for key, score in zip(ids, scores, strict=True) if score}


def _tracebacks(queue: Queue, jobs: Sequence[Job]) -> dict[str, str]:
    """How the last attempt of each of `jobs` failed, by id."""
    with queue.connection.pipeline(transaction=False) as pipeline:
        for job in jobs:
            pipeline.xrevrange(Result.get_key(job.id), count=1)
        entries = pipeline.execute(raise_on_error=False)
    return {job.id: _traceback(job, queue, entry) for job, entry in zip(jobs, entries, strict=True)}


def _traceback(job: Job, queue: Queue, entry: object) -> str:
    if not isinstance(entry, list) or not entry:
        return ""
    key, payload = entry[0]
    try:
        result = Result.restore(job.id, key.decode(), payload, queue.connection, serializer=queue.serializer)
    except UNREADABLE_JOB_ERRORS:
        return ""
    return (result.exc_string or "")[-MAX_TRACEBACK_LENGTH:]

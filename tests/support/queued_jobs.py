"""Shorthands for tests of RQ's registries: jobs in each of them, and what is shown of them."""

from datetime import UTC, datetime, timedelta

from redis import Redis
from rq import Queue
from rq.job import Job, JobStatus

from jobs.monitoring import queue_contents
from jobs.monitoring.queue_contents import JobInfo, JobState
from jobs.queue import DEFAULT, get_queue
from tests.support import sample_jobs


def list_job_ids(place: JobState, queue: str = DEFAULT, start: int = 0, length: int = 50) -> list[str]:
    return [job.id for job in queue_contents.list_jobs(queue, place, start, length)[0]]


def single_job(place: JobState, queue: str = DEFAULT) -> JobInfo:
    [job] = queue_contents.list_jobs(queue, place, 0, 50)[0]
    return job


def move_job(job: Job, place: JobState, ends: datetime | None = None) -> None:
    """Lay a waiting job where RQ lays it when it has come so far."""
    queue = Queue(job.origin, connection=job.connection)
    queue.remove(job)
    status = {
        place: status for status, place in queue_contents.STATES_BY_STATUS.items() if status is not JobStatus.STOPPED
    }[place]
    job.set_status(status)
    score = (ends or datetime.now(UTC) + timedelta(days=1)).timestamp()
    entry = f"{job.id}:execution" if place is JobState.RUNNING else job.id
    job.connection.zadd(queue_contents.registry_of(queue, place).key, {entry: score})


def add_failed_jobs(count: int, trouble: str = "ValueError: no") -> list[str]:
    """So many failed jobs, the first of them the oldest."""
    ids = []
    for number in range(count):
        job = get_queue().enqueue(sample_jobs.fail, "nowhere")
        get_queue().remove(job)
        with job.connection.pipeline() as pipeline:
            job.set_status(JobStatus.FAILED, pipeline=pipeline)
            job.failure_ttl = 1000 + number
            job._handle_failure(trouble, pipeline)
            pipeline.execute()
        ids.append(job.id)
    return ids


def server_contents(server: Redis) -> dict[bytes, bytes]:
    """All that the server holds."""
    return {key: server.dump(key) for key in server.keys("*")}

"""Shorthands for tests of RQ's registries: jobs that lie where RQ lays them, and what is told of them."""

from datetime import UTC, datetime, timedelta

from redis import Redis
from rq import Queue
from rq.job import Job, JobStatus

from jobs import registries
from jobs.queue import DEFAULT, get_queue
from jobs.registries import KnownJob, Place
from tests.jobs import work


def ids_at(place: Place, queue: str = DEFAULT, start: int = 0, length: int = 50) -> list[str]:
    return [job.id for job in registries.page_of(queue, place, start, length)[0]]


def only(place: Place, queue: str = DEFAULT) -> KnownJob:
    [job] = registries.page_of(queue, place, 0, 50)[0]
    return job


def put_aside(job: Job, place: Place, ends: datetime | None = None) -> None:
    """Lay a waiting job where RQ lays it when it has come so far."""
    queue = Queue(job.origin, connection=job.connection)
    queue.remove(job)
    status = {place: status for status, place in registries.PLACES.items() if status is not JobStatus.STOPPED}[place]
    job.set_status(status)
    score = (ends or datetime.now(UTC) + timedelta(days=1)).timestamp()
    entry = f"{job.id}:execution" if place is Place.RUNNING else job.id
    job.connection.zadd(registries.registry_of(queue, place).key, {entry: score})


def put_failed(count: int, trouble: str = "ValueError: no") -> list[str]:
    """So many failed jobs, the first of them the oldest."""
    ids = []
    for number in range(count):
        job = get_queue().enqueue(work.fail, "nowhere")
        get_queue().remove(job)
        with job.connection.pipeline() as pipeline:
            job.set_status(JobStatus.FAILED, pipeline=pipeline)
            job.failure_ttl = 1000 + number
            job._handle_failure(trouble, pipeline)
            pipeline.execute()
        ids.append(job.id)
    return ids


def snapshot(server: Redis) -> dict[bytes, bytes]:
    """All that the server holds."""
    return {key: server.dump(key) for key in server.keys("*")}  # type: ignore[union-attr, misc]

"""What is told of RQ's registries is what lies in them; a look moves nothing and runs nothing of it."""

import pickle
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from rq import Retry
from rq.job import Job, JobStatus

from jobs.monitoring import queue_contents, workers
from jobs.monitoring.queue_contents import JobState
from jobs.queue import BULK, DEFAULT, QueueUnavailable, enqueue, get_queue
from tests.jobs.conftest import StartCommand
from tests.support import sample_jobs
from tests.support.queued_jobs import add_failed_jobs, list_job_ids, move_job, server_contents, single_job
from tests.support.servers import Valkey, wait_until

Lookup = Callable[[], object]


@pytest.fixture
def notes_file(tmp_path: Path) -> Path:
    return tmp_path / "notes_file"


@pytest.fixture
def server(queue_server: Valkey, queueing_app: Flask) -> Redis:
    """A connection to the queue server of the test, which is empty."""
    return get_queue().connection


LOOKUPS: dict[str, Lookup] = {
    "counts": queue_contents.count_jobs,
    "workers": workers.list_workers,
    "schedulers": workers.list_scheduler_heartbeats,
    "find": lambda: queue_contents.find_job(DEFAULT, "no-such-job"),
    **{
        f"{name} {place}": lambda name=name, place=place: queue_contents.list_jobs(name, place, 0, 50)
        for name in (DEFAULT, BULK)
        for place in JobState
    },
}


# --- What is told ------------------------------------------------------------------------------------------


def test_jobs_are_listed_where_they_are(server: Redis, start_worker: Callable[..., Any], notes_file: Path) -> None:
    running = enqueue(sample_jobs.take_time, str(notes_file), 30.0)
    failing = get_queue().enqueue(sample_jobs.fail, str(notes_file))
    waiting = enqueue(sample_jobs.write, str(notes_file), "later")
    elsewhere = enqueue(sample_jobs.write, str(notes_file), "bulk", queue=BULK)
    trying = get_queue(BULK).enqueue(sample_jobs.fail, str(notes_file), retry=Retry(max=3, interval=[500, 600, 700]))
    start_worker(BULK)
    wait_until(lambda: trying.get_status() is JobStatus.SCHEDULED)
    get_queue().remove(failing)
    get_queue(BULK).push_job_id(failing.id)  # the other worker takes it, as one of the queue `default`
    wait_until(lambda: failing.get_status() is JobStatus.FAILED)
    start_worker()
    wait_until(lambda: running.get_status() is JobStatus.STARTED)
    job_counts = queue_contents.count_jobs()
    assert {state: count for state, count in job_counts[DEFAULT].items() if count} == {
        JobState.WAITING: 1,
        JobState.RUNNING: 1,
        JobState.FAILED: 1,
    }
    assert {state: count for state, count in job_counts[BULK].items() if count} == {
        JobState.SCHEDULED: 1,
        JobState.FINISHED: 1,
    }
    assert job_counts[DEFAULT].keys() == job_counts[BULK].keys() == set(JobState)
    assert (single_job(JobState.RUNNING).id, single_job(JobState.WAITING).id) == (running.id, waiting.id)
    assert single_job(JobState.FINISHED, BULK).id == elsewhere.id
    later = single_job(JobState.SCHEDULED, BULK)
    assert (later.id, later.attempts_left) == (trying.id, 2)
    assert later.due_at is not None
    assert timedelta(seconds=480) < later.due_at - datetime.now(UTC) <= timedelta(seconds=500)
    failed = single_job(JobState.FAILED)
    assert (failed.function, failed.error) == ("tests.support.sample_jobs.fail", "ValueError: this job always fails")
    assert failed.arguments.startswith("'/")
    assert repr(str(notes_file)).startswith(failed.arguments.removesuffix("..."))  # which a long one is cut with
    assert "Traceback" in failed.traceback
    assert failed.started_at is not None
    assert failed.ended_at is not None
    assert failed.enqueued_at is not None
    assert failed.enqueued_at <= failed.started_at <= failed.ended_at


def test_workers_are_listed_with_their_job(server: Redis, start_worker: Callable[..., Any], notes_file: Path) -> None:
    assert workers.list_workers() == []
    busy, idle = start_worker(), start_worker(BULK)
    job = enqueue(sample_jobs.take_time, str(notes_file), 30.0)
    wait_until(lambda: job.get_status() is JobStatus.STARTED)
    wait_until(lambda: len(workers.list_workers()) == 2)
    by_queue = {worker.queues: worker for worker in workers.list_workers()}
    assert {worker.process for worker in by_queue.values()} == {busy.process.pid, idle.process.pid}
    at_work, at_rest = by_queue[DEFAULT,], by_queue[BULK,]
    assert at_work.job is not None
    assert (at_work.job.id, at_work.job.function) == (job.id, "tests.support.sample_jobs.take_time")
    assert at_work.job_started_at is not None
    assert abs(datetime.now(UTC) - at_work.job_started_at) < timedelta(seconds=30)
    assert (at_rest.job, at_rest.job_started_at) == (None, None)
    assert at_rest.heartbeat_at is not None


def test_a_scheduler_is_heard_of(server: Redis, start: StartCommand) -> None:
    assert workers.list_scheduler_heartbeats() == []
    start("-m", "jobs.processes.scheduler")
    wait_until(workers.list_scheduler_heartbeats)
    assert abs(datetime.now(UTC) - workers.list_scheduler_heartbeats()[0]) < timedelta(seconds=30)


def test_pages_have_every_job_once_and_in_order(server: Redis) -> None:
    failed = add_failed_jobs(120)
    waiting = [get_queue().enqueue(sample_jobs.write, "nowhere", str(number)).id for number in range(120)]
    pages = [list_job_ids(JobState.FAILED, start=start) for start in (0, 50, 100, 150)]
    assert [len(page) for page in pages] == [50, 50, 20, 0]
    assert [job_id for page in pages for job_id in page] == failed[::-1], "the newest first"
    assert (
        list_job_ids(JobState.WAITING)
        + list_job_ids(JobState.WAITING, start=50)
        + list_job_ids(JobState.WAITING, start=100)
        == waiting
    )
    assert queue_contents.list_jobs(DEFAULT, JobState.WAITING, 50, 50)[1] == 120
    assert {job.state for job in queue_contents.list_jobs(DEFAULT, JobState.FAILED, 0, 50)[0]} == {JobState.FAILED}


def test_a_page_of_thousands_asks_for_little(server: Redis) -> None:
    """A page costs the same however many there are: the commands that the server was sent are counted."""

    def count_requests(place: JobState) -> int:
        before = server.info("stats")["total_commands_processed"]
        assert len(list_job_ids(place)) == 50
        return int(server.info("stats")["total_commands_processed"] - before)

    add_failed_jobs(60)
    few = count_requests(JobState.FAILED)
    one = list_job_ids(JobState.FAILED)[0]
    failed_jobs = get_queue().failed_job_registry
    hash_of, result_of = Job.key_for(one), f"rq:results:{one}"
    with server.pipeline() as pipeline:
        for number in range(5000):
            pipeline.copy(hash_of, f"{hash_of}x{number}")
            pipeline.copy(result_of, f"{result_of}x{number}")
            pipeline.zadd(failed_jobs.key, {f"{one}x{number}": time.time() + 9000 + number})
        pipeline.execute()
    assert count_requests(JobState.FAILED) == few < 120
    assert queue_contents.count_jobs()[DEFAULT][JobState.FAILED] == 5060
    assert {job.error for job in queue_contents.list_jobs(DEFAULT, JobState.FAILED, 2500, 50)[0]} == {"ValueError: no"}


def test_a_job_is_found_in_its_own_queue_only(server: Redis) -> None:
    job = enqueue(sample_jobs.write, "nowhere", "x", queue=BULK)
    found = queue_contents.find_job(BULK, job.id)
    assert found is not None
    assert (found.id, found.state, found.queue) == (job.id, JobState.WAITING, BULK)
    assert queue_contents.find_job(DEFAULT, job.id) is None
    assert queue_contents.find_job(BULK, "gone") is None


# --- What is there no longer, or is no job -----------------------------------------------------------------


@pytest.mark.parametrize("place", JobState)
def test_what_has_gone_is_counted_and_left_out(server: Redis, place: JobState) -> None:
    jobs = [get_queue().enqueue(sample_jobs.write, "nowhere", str(number)) for number in range(3)]
    if place is not JobState.WAITING:
        for job in jobs:
            move_job(job, place)
    server.delete(jobs[1].key)
    listed_jobs, total = queue_contents.list_jobs(DEFAULT, place, 0, 50)
    assert ({job.id for job in listed_jobs}, total) == ({jobs[0].id, jobs[2].id}, 3)


def break_data(server: Redis, key: str) -> bool:
    server.hset(key, "data", b"\x80\x05garbage")
    return True


def break_meta(server: Redis, key: str) -> bool:
    server.hset(key, "meta", b"\xff\xfe")
    return True


def break_status(server: Redis, key: str) -> bool:
    server.hset(key, "status", "confused")
    return False


def break_text(server: Redis, key: str) -> bool:
    server.hset(key, "description", b"\xff\xfe\xfd")
    return False


def break_time(server: Redis, key: str) -> bool:
    server.hset(key, "enqueued_at", "yesterday")
    return False


def delete_data(server: Redis, key: str) -> bool:
    server.hdel(key, "data")
    return False


DAMAGES = (break_data, break_meta, break_status, break_text, break_time, delete_data)


@pytest.mark.parametrize("break_it", DAMAGES)
def test_unreadable_jobs_are_listed_among_the_others(server: Redis, break_it: Callable[[Redis, str], bool]) -> None:
    """Each says whether it can be told all the same, by what RQ calls it."""
    ids = add_failed_jobs(3)
    is_readable = break_it(server, Job.key_for(ids[1]))
    jobs_by_id = {job.id: job for job in queue_contents.list_jobs(DEFAULT, JobState.FAILED, 0, 50)[0]}
    assert jobs_by_id.keys() == set(ids)
    assert jobs_by_id[ids[1]].is_readable is is_readable
    assert jobs_by_id[ids[0]].function == jobs_by_id[ids[2]].function == "tests.support.sample_jobs.fail"
    if is_readable:
        assert jobs_by_id[ids[1]].function == "tests.support.sample_jobs.fail"
    alone = queue_contents.find_job(DEFAULT, ids[1])
    assert alone is not None
    assert alone.is_readable is is_readable


def test_a_failure_without_a_readable_reason_is_a_failure(server: Redis) -> None:
    [broken, bare, sound] = add_failed_jobs(3)
    server.delete(f"rq:results:{bare}")
    server.delete(f"rq:results:{broken}")
    server.xadd(f"rq:results:{broken}", {"type": "2", "exc_string": "not base64, not compressed"})
    errors_by_id = {job.id: job.error for job in queue_contents.list_jobs(DEFAULT, JobState.FAILED, 0, 50)[0]}
    assert errors_by_id == {broken: "", bare: "", sound: "ValueError: no"}


# --- A look is only a look ---------------------------------------------------------------------------------


class PickleTrap:
    """Whoever unpickles it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return sample_jobs.write, (str(self.path), "sprung")


def test_nothing_of_a_job_is_unpickled(server: Redis, notes_file: Path) -> None:
    job = get_queue().enqueue(sample_jobs.write, PickleTrap(notes_file), meta={"periodic": PickleTrap(notes_file)})
    server.hset(job.key, "result", pickle.dumps(PickleTrap(notes_file)))
    notes_file.unlink(missing_ok=True)
    for place in JobState:
        if place is not JobState.WAITING:
            move_job(job, place)
            server.xadd(f"rq:results:{job.id}", {"type": "1", "return_value": "gASV"})
        assert list_job_ids(place) == [job.id]
        assert queue_contents.find_job(DEFAULT, job.id) is not None
    assert not notes_file.exists()
    pickle.loads(pickle.dumps(PickleTrap(notes_file)))
    assert notes_file.exists(), "the trap works"


@pytest.mark.parametrize("look", LOOKUPS)
def test_a_look_changes_nothing(server: Redis, look: str) -> None:
    """Not even where the worker of a running job has died: moving that job is up to the workers."""
    add_failed_jobs(2)
    for place in (JobState.SCHEDULED, JobState.FAILED, JobState.FINISHED):
        move_job(get_queue().enqueue(sample_jobs.write, "nowhere", "x"), place, datetime.now(UTC) - timedelta(hours=1))
    abandoned = get_queue().enqueue(sample_jobs.write, "nowhere", "x")
    move_job(abandoned, JobState.RUNNING, datetime.now(UTC) - timedelta(hours=1))
    get_queue().enqueue(sample_jobs.write, "nowhere", "x")
    before = server_contents(server)
    LOOKUPS[look]()
    assert server_contents(server) == before
    assert abandoned.get_status() is JobStatus.STARTED


def test_a_look_keeps_its_time_limit(server: Redis, start_worker: Callable[..., Any]) -> None:
    """RQ's own way to look at workers would let the screens wait for minutes."""
    start_worker()
    wait_until(workers.list_workers)
    assert server.connection_pool.connection_kwargs["socket_timeout"] == 2


@pytest.mark.parametrize("look", LOOKUPS)
def test_without_a_server_every_look_says_so_at_once(queue_server: Valkey, queueing_app: Flask, look: str) -> None:
    queue_server.kill()
    begin = time.monotonic()
    with pytest.raises(QueueUnavailable, match="The queue server cannot be reached"):
        LOOKUPS[look]()
    assert time.monotonic() - begin < 1.5

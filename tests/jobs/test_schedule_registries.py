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

from jobs import registries, workforce
from jobs.queue import BULK, DEFAULT, QueueAway, enqueue, get_queue
from jobs.registries import Place
from tests.jobs import work
from tests.jobs.conftest import StartCommand
from tests.jobs.registering import ids_at, only, put_aside, put_failed, snapshot
from tests.servers import Valkey, wait_until

Looks = Callable[[], object]


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "notes"


@pytest.fixture
def server(queue_server: Valkey, queueing: Flask) -> Redis:
    """A connection to the queue server of the test, which is empty."""
    return get_queue().connection


LOOKS: dict[str, Looks] = {
    "counts": registries.counts,
    "workers": workforce.workers,
    "schedulers": workforce.schedulers,
    "find": lambda: registries.find(DEFAULT, "no-such-job"),
    **{
        f"{name} {place}": lambda name=name, place=place: registries.page_of(name, place, 0, 50)
        for name in (DEFAULT, BULK)
        for place in Place
    },
}


# --- What is told ------------------------------------------------------------------------------------------


def test_jobs_are_told_where_they_are(server: Redis, start_worker: Callable[..., Any], notes: Path) -> None:
    running = enqueue(work.take_time, str(notes), 30.0)
    failing = get_queue().enqueue(work.fail, str(notes))
    waiting = enqueue(work.write, str(notes), "later")
    elsewhere = enqueue(work.write, str(notes), "bulk", queue=BULK)
    trying = get_queue(BULK).enqueue(work.fail, str(notes), retry=Retry(max=3, interval=[500, 600, 700]))
    start_worker(BULK)
    wait_until(lambda: trying.get_status() is JobStatus.SCHEDULED)
    get_queue().remove(failing)
    get_queue(BULK).push_job_id(failing.id)  # the other worker takes it, as one of the queue `default`
    wait_until(lambda: failing.get_status() is JobStatus.FAILED)
    start_worker()
    wait_until(lambda: running.get_status() is JobStatus.STARTED)
    found = registries.counts()
    assert found[DEFAULT] == {
        Place.WAITING: 1, Place.RUNNING: 1, Place.LATER: 0, Place.FAILED: 1, Place.FINISHED: 0
    }  # fmt: skip
    assert found[BULK] == {Place.WAITING: 0, Place.RUNNING: 0, Place.LATER: 1, Place.FAILED: 0, Place.FINISHED: 1}
    assert (only(Place.RUNNING).id, only(Place.WAITING).id) == (running.id, waiting.id)
    assert only(Place.FINISHED, BULK).id == elsewhere.id
    later = only(Place.LATER, BULK)
    assert (later.id, later.attempts_left) == (trying.id, 2)
    assert later.due_at is not None
    assert timedelta(seconds=480) < later.due_at - datetime.now(UTC) <= timedelta(seconds=500)
    failed = only(Place.FAILED)
    assert (failed.function, failed.error) == ("tests.jobs.work.fail", "ValueError: this job always fails")
    assert failed.arguments.startswith("'/")
    assert repr(str(notes)).startswith(failed.arguments.removesuffix("..."))  # which a long one is cut with
    assert "Traceback" in failed.trouble
    assert failed.started_at is not None
    assert failed.ended_at is not None
    assert failed.enqueued_at is not None
    assert failed.enqueued_at <= failed.started_at <= failed.ended_at


def test_workers_tell_what_they_do(server: Redis, start_worker: Callable[..., Any], notes: Path) -> None:
    assert workforce.workers() == []
    busy, idle = start_worker(), start_worker(BULK)
    job = enqueue(work.take_time, str(notes), 30.0)
    wait_until(lambda: job.get_status() is JobStatus.STARTED)
    wait_until(lambda: len(workforce.workers()) == 2)
    by_queue = {worker.queues: worker for worker in workforce.workers()}
    assert {worker.process for worker in by_queue.values()} == {busy.process.pid, idle.process.pid}
    at_work, at_rest = by_queue[DEFAULT,], by_queue[BULK,]
    assert at_work.job is not None
    assert (at_work.job.id, at_work.job.function) == (job.id, "tests.jobs.work.take_time")
    assert at_work.since is not None
    assert abs(datetime.now(UTC) - at_work.since) < timedelta(seconds=30)
    assert (at_rest.job, at_rest.since) == (None, None)
    assert at_rest.heard_at is not None


def test_a_scheduler_is_heard_of(server: Redis, start: StartCommand) -> None:
    assert workforce.schedulers() == []
    start("-m", "jobs.scheduler")
    wait_until(workforce.schedulers)
    assert abs(datetime.now(UTC) - workforce.schedulers()[0]) < timedelta(seconds=30)


def test_pages_have_every_job_once_and_in_order(server: Redis) -> None:
    failed = put_failed(120)
    waiting = [get_queue().enqueue(work.write, "nowhere", str(number)).id for number in range(120)]
    pages = [ids_at(Place.FAILED, start=start) for start in (0, 50, 100, 150)]
    assert [len(page) for page in pages] == [50, 50, 20, 0]
    assert [job_id for page in pages for job_id in page] == failed[::-1], "the newest first"
    assert ids_at(Place.WAITING) + ids_at(Place.WAITING, start=50) + ids_at(Place.WAITING, start=100) == waiting
    assert registries.page_of(DEFAULT, Place.WAITING, 50, 50)[1] == 120
    assert {job.place for job in registries.page_of(DEFAULT, Place.FAILED, 0, 50)[0]} == {Place.FAILED}


def test_a_page_of_thousands_asks_for_little(server: Redis) -> None:
    """A page costs the same however many there are: the commands that the server was sent are counted."""

    def asked(place: Place) -> int:
        before = server.info("stats")["total_commands_processed"]
        assert len(ids_at(place)) == 50
        return int(server.info("stats")["total_commands_processed"] - before)

    put_failed(60)
    few = asked(Place.FAILED)
    one = ids_at(Place.FAILED)[0]
    registry = get_queue().failed_job_registry
    hash_of, result_of = Job.key_for(one), f"rq:results:{one}"
    with server.pipeline() as pipeline:
        for number in range(5000):
            pipeline.copy(hash_of, f"{hash_of}x{number}")
            pipeline.copy(result_of, f"{result_of}x{number}")
            pipeline.zadd(registry.key, {f"{one}x{number}": time.time() + 9000 + number})
        pipeline.execute()
    begin = time.monotonic()
    assert asked(Place.FAILED) == few < 120
    assert time.monotonic() - begin < 2
    assert registries.counts()[DEFAULT][Place.FAILED] == 5060
    assert {job.error for job in registries.page_of(DEFAULT, Place.FAILED, 2500, 50)[0]} == {"ValueError: no"}


def test_a_job_is_found_in_its_own_queue_only(server: Redis) -> None:
    job = enqueue(work.write, "nowhere", "x", queue=BULK)
    found = registries.find(BULK, job.id)
    assert found is not None
    assert (found.id, found.place, found.queue) == (job.id, Place.WAITING, BULK)
    assert registries.find(DEFAULT, job.id) is None
    assert registries.find(BULK, "gone") is None


# --- What is there no longer, or is no job -----------------------------------------------------------------


@pytest.mark.parametrize("place", Place)
def test_what_has_gone_is_counted_and_left_out(server: Redis, place: Place) -> None:
    jobs = [get_queue().enqueue(work.write, "nowhere", str(number)) for number in range(3)]
    if place is not Place.WAITING:
        for job in jobs:
            put_aside(job, place)
    server.delete(jobs[1].key)
    found, total = registries.page_of(DEFAULT, place, 0, 50)
    assert ({job.id for job in found}, total) == ({jobs[0].id, jobs[2].id}, 3)


def breaks_its_data(server: Redis, key: str) -> bool:
    server.hset(key, "data", b"\x80\x05garbage")
    return True


def breaks_its_meta(server: Redis, key: str) -> bool:
    server.hset(key, "meta", b"\xff\xfe")
    return True


def breaks_its_status(server: Redis, key: str) -> bool:
    server.hset(key, "status", "confused")
    return False


def breaks_its_text(server: Redis, key: str) -> bool:
    server.hset(key, "description", b"\xff\xfe\xfd")
    return False


def breaks_its_time(server: Redis, key: str) -> bool:
    server.hset(key, "enqueued_at", "yesterday")
    return False


def loses_its_data(server: Redis, key: str) -> bool:
    server.hdel(key, "data")
    return False


BREAKS = (breaks_its_data, breaks_its_meta, breaks_its_status, breaks_its_text, breaks_its_time, loses_its_data)


@pytest.mark.parametrize("break_it", BREAKS)
def test_what_cannot_be_read_is_told_among_the_others(server: Redis, break_it: Callable[[Redis, str], bool]) -> None:
    """Each says whether it can be told all the same, by what RQ calls it."""
    ids = put_failed(3)
    can_be_told = break_it(server, Job.key_for(ids[1]))
    found = {job.id: job for job in registries.page_of(DEFAULT, Place.FAILED, 0, 50)[0]}
    assert found.keys() == set(ids)
    assert found[ids[1]].is_readable is can_be_told
    assert found[ids[0]].function == found[ids[2]].function == "tests.jobs.work.fail"
    if can_be_told:
        assert found[ids[1]].function == "tests.jobs.work.fail"
    alone = registries.find(DEFAULT, ids[1])
    assert alone is not None
    assert alone.is_readable is can_be_told


def test_a_failure_without_a_readable_reason_is_a_failure(server: Redis) -> None:
    [broken, bare, sound] = put_failed(3)
    server.delete(f"rq:results:{bare}")
    server.delete(f"rq:results:{broken}")
    server.xadd(f"rq:results:{broken}", {"type": "2", "exc_string": "not base64, not compressed"})
    found = {job.id: job.error for job in registries.page_of(DEFAULT, Place.FAILED, 0, 50)[0]}
    assert found == {broken: "", bare: "", sound: "ValueError: no"}


# --- A look is only a look ---------------------------------------------------------------------------------


class Trap:
    """Whoever unpickles it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return work.write, (str(self.path), "sprung")


def test_nothing_of_a_job_is_unpickled(server: Redis, notes: Path) -> None:
    job = get_queue().enqueue(work.write, Trap(notes), meta={"periodic": Trap(notes)})
    server.hset(job.key, "result", pickle.dumps(Trap(notes)))
    notes.unlink(missing_ok=True)
    for place in Place:
        if place is not Place.WAITING:
            put_aside(job, place)
            server.xadd(f"rq:results:{job.id}", {"type": "1", "return_value": "gASV"})
        assert ids_at(place) == [job.id]
        assert registries.find(DEFAULT, job.id) is not None
    assert not notes.exists()
    pickle.loads(pickle.dumps(Trap(notes)))
    assert notes.exists(), "the trap works"


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_changes_nothing(server: Redis, look: str) -> None:
    """Not even where the worker of a running job has died: moving that job is up to the workers."""
    put_failed(2)
    for place in (Place.LATER, Place.FAILED, Place.FINISHED):
        put_aside(get_queue().enqueue(work.write, "nowhere", "x"), place, datetime.now(UTC) - timedelta(hours=1))
    abandoned = get_queue().enqueue(work.write, "nowhere", "x")
    put_aside(abandoned, Place.RUNNING, datetime.now(UTC) - timedelta(hours=1))
    get_queue().enqueue(work.write, "nowhere", "x")
    before = snapshot(server)
    LOOKS[look]()
    assert snapshot(server) == before
    assert abandoned.get_status() is JobStatus.STARTED


def test_a_look_keeps_its_time_limit(server: Redis, start_worker: Callable[..., Any]) -> None:
    """RQ's own way to look at workers would let the screens wait for minutes."""
    start_worker()
    wait_until(workforce.workers)
    assert server.connection_pool.connection_kwargs["socket_timeout"] == 2


@pytest.mark.parametrize("look", LOOKS)
def test_without_a_server_every_look_says_so_at_once(queue_server: Valkey, queueing: Flask, look: str) -> None:
    queue_server.kill()
    begin = time.monotonic()
    with pytest.raises(QueueAway, match="The queue server cannot be reached"):
        LOOKS[look]()
    assert time.monotonic() - begin < 1.5

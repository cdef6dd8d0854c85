"""What somebody does with a job happens in RQ's registries, once, and to no other job."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from redis import Redis
from rq.job import Job, JobStatus
from rq.registry import FailedJobRegistry

from customerhub.errors import NotAllowed, WrongState
from customerhub.permissions import Actor
from jobs import registries, steering
from jobs.queue import BULK, DEFAULT, JOB_TIMEOUTS, QueueAway, enqueue, get_queue
from jobs.registries import Place
from models import User
from models.base import db
from models.enums import Role
from tests.jobs import work
from tests.jobs.registering import ids_at, put_aside, put_failed, snapshot
from tests.servers import Valkey, wait_until
from tests.world import World

SYSTEM = Actor(None, 0)
ACTS = {"retry": steering.retry, "discard": steering.discard, "cancel": steering.cancel}
POSSIBLE = {
    "retry": {Place.FAILED, Place.LATER},
    "discard": {Place.FAILED},
    "cancel": {Place.WAITING, Place.LATER},
}


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """The file that jobs write to."""
    return tmp_path / "notes"


@pytest.fixture
def server(queue_server: Valkey, queueing: Flask) -> Redis:
    """A connection to the queue server of the test, which is empty."""
    return get_queue().connection


def lines(notes: Path) -> list[str]:
    return notes.read_text().splitlines() if notes.exists() else []


def where(job_id: str) -> Place | None:
    found = registries.find(DEFAULT, job_id)
    return found.place if found else None


def traces_of(job_id: str, server: Redis) -> list[bytes]:
    """The keys of the server that still know of a job."""
    return [key for key, held in snapshot(server).items() if job_id.encode() in key or job_id.encode() in held]


def job_at(place: Place) -> Job:
    job = get_queue().enqueue(work.write, "nowhere", "x")
    if place is not Place.WAITING:
        put_aside(job, place)
    return job


def test_a_failed_job_is_tried_again_by_a_worker(server: Redis, start_worker: Callable[..., Any], notes: Path) -> None:
    start_worker()
    job = get_queue().enqueue(work.fail, str(notes))
    other = get_queue().enqueue(work.fail, str(notes))
    wait_until(lambda: [each.get_status() for each in (job, other)] == [JobStatus.FAILED] * 2)
    steering.retry(DEFAULT, job.id, actor=SYSTEM)
    wait_until(lambda: len(lines(notes)) == 3)
    wait_until(lambda: job.get_status() is JobStatus.FAILED)
    assert set(ids_at(Place.FAILED)) == {job.id, other.id}
    steering.discard(DEFAULT, job.id, actor=SYSTEM)
    assert ids_at(Place.FAILED) == [other.id]
    assert traces_of(job.id, server) == []
    assert traces_of(other.id, server) != []


def test_a_job_that_is_tried_again_is_the_same_job(server: Redis) -> None:
    """Here nobody can read its data, and not a byte of it changes."""
    job = get_queue().enqueue(work.write, "here", "x", meta={"periodic": True}, job_timeout=77, ttl=500)
    put_aside(job, Place.FAILED)
    before = server.hgetall(job.key)
    steering.retry(DEFAULT, job.id, actor=SYSTEM)
    after = server.hgetall(job.key)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed <= {b"status", b"enqueued_at", b"started_at", b"ended_at", b"last_heartbeat", b"exc_info"}
    assert after[b"meta"] == before[b"meta"]
    assert Job.fetch(job.id, connection=server).args == ("here", "x")
    assert (ids_at(Place.WAITING), ids_at(Place.FAILED)) == ([job.id], [])


def test_a_cancelled_job_is_never_run(server: Redis, start_worker: Callable[..., Any], notes: Path) -> None:
    jobs = [enqueue(work.write, str(notes), str(number)) for number in range(3)]
    steering.cancel(DEFAULT, jobs[1].id, actor=SYSTEM)
    assert traces_of(jobs[1].id, server) == []
    start_worker()
    wait_until(lambda: jobs[2].get_status() is JobStatus.FINISHED)
    assert lines(notes) == ["0", "2"]


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("place", Place)
def test_what_can_be_done_depends_on_where_a_job_is(server: Redis, act: str, place: Place) -> None:
    job, bystander = job_at(place), job_at(place)
    before = snapshot(server)
    if place not in POSSIBLE[act]:
        with pytest.raises(WrongState):
            ACTS[act](DEFAULT, job.id, actor=SYSTEM)
        assert snapshot(server) == before
    else:
        ACTS[act](DEFAULT, job.id, actor=SYSTEM)
        assert where(job.id) is (Place.WAITING if act == "retry" else None)
        assert (traces_of(job.id, server) == []) is (act != "retry")
    assert where(bystander.id) is place


@pytest.mark.parametrize("act", ACTS)
def test_a_job_that_is_gone_cannot_be_steered(server: Redis, act: str) -> None:
    with pytest.raises(WrongState):
        ACTS[act](DEFAULT, "never-was", actor=SYSTEM)
    [lost] = put_failed(1)
    server.delete(Job.key_for(lost))
    if act == "discard":  # what is left of it goes
        steering.discard(DEFAULT, lost, actor=SYSTEM)
        assert traces_of(lost, server) == []
    else:
        with pytest.raises(WrongState):
            ACTS[act](DEFAULT, lost, actor=SYSTEM)


def test_what_is_no_job_can_only_be_discarded(server: Redis) -> None:
    broken, sound = put_failed(2)
    server.hset(Job.key_for(broken), "status", "confused")
    with pytest.raises(WrongState, match="Discard it"):
        steering.retry(DEFAULT, broken, actor=SYSTEM)
    steering.discard(DEFAULT, broken, actor=SYSTEM)
    assert traces_of(broken, server) == []
    assert ids_at(Place.FAILED) == [sound]


@pytest.mark.parametrize(("one", "other"), [("retry", "retry"), ("retry", "discard"), ("discard", "discard")])
def test_of_two_at_once_one_is_told_that_somebody_was_faster(
    server: Redis, queueing: Flask, one: str, other: str
) -> None:
    for job_id in put_failed(15):
        barrier = Barrier(2)

        def steer(act: str, job_id: str = job_id, barrier: Barrier = barrier) -> bool:
            with queueing.app_context():
                barrier.wait()
                try:
                    ACTS[act](DEFAULT, job_id, actor=SYSTEM)
                except WrongState:
                    return False
                return True

        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(steer, (one, other)))
        assert sorted(done) == [False, True]
        was_retried = (one, other)[done.index(True)] == "retry"
        assert get_queue().get_job_ids().count(job_id) == was_retried
        assert (where(job_id) is Place.WAITING) is was_retried


def test_a_job_that_a_worker_takes_is_not_cancelled(
    server: Redis, start_worker: Callable[..., Any], notes: Path
) -> None:
    """Each of many jobs is either run or cancelled, never both and never neither."""
    jobs = [enqueue(work.write, str(notes), str(number)) for number in range(40)]
    start_worker()
    wait_until(lambda: lines(notes))
    cancelled = set()
    for number, job in enumerate(jobs):
        try:
            steering.cancel(DEFAULT, job.id, actor=SYSTEM)
        except WrongState:
            continue
        cancelled.add(str(number))
    wait_until(lambda: len(lines(notes)) + len(cancelled) >= 40)
    time.sleep(0.3)
    assert cancelled
    assert sorted(lines(notes)) == sorted({str(number) for number in range(40)} - cancelled)


def test_all_failed_jobs_are_tried_again_once(server: Redis, start_worker: Callable[..., Any], notes: Path) -> None:
    """They fail at once and come back; they are not tried over and over."""
    start_worker()
    for _ in range(12):
        get_queue().enqueue(work.fail, str(notes))
    waiting = enqueue(work.write, str(notes), "not one of them", queue=BULK)
    wait_until(lambda: len(ids_at(Place.FAILED)) == 12)
    assert steering.all_failed(steering.retry, DEFAULT, actor=SYSTEM) == (12, 0)
    wait_until(lambda: len(ids_at(Place.FAILED)) == 12 and len(lines(notes)) == 24)
    assert steering.all_failed(steering.discard, DEFAULT, actor=SYSTEM) == (12, 0)
    assert registries.counts()[DEFAULT][Place.FAILED] == 0
    assert ids_at(Place.WAITING, BULK) == [waiting.id]
    assert len(lines(notes)) == 24


def test_thousands_are_worked_through_within_the_time_there_is(server: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    put_failed(400)
    monkeypatch.setattr(steering, "ALL_SECONDS", 0.0)
    assert steering.all_failed(steering.discard, DEFAULT, actor=SYSTEM) == (0, 400)
    assert registries.counts()[DEFAULT][Place.FAILED] == 400
    monkeypatch.undo()
    begin = time.monotonic()
    assert steering.all_failed(steering.discard, DEFAULT, actor=SYSTEM) == (400, 0)
    assert time.monotonic() - begin < steering.ALL_SECONDS
    assert server.keys("rq:job:*") == server.keys("rq:results:*") == []


@pytest.mark.parametrize("act", ACTS)
def test_without_a_server_nothing_is_steered(queue_server: Valkey, queueing: Flask, act: str) -> None:
    queue_server.kill()
    with pytest.raises(QueueAway):
        ACTS[act](DEFAULT, "some-job", actor=SYSTEM)
    with pytest.raises(QueueAway):
        steering.all_failed(ACTS[act], DEFAULT, actor=SYSTEM)


def test_only_who_may_steers_jobs(world: World) -> None:
    people = [world.ours.users[role] for role in Role]
    [job_id] = put_failed(1)
    before = snapshot(get_queue().connection)
    for key in people:
        actor = Actor.of(db.session.get_one(User, key))
        for act in ACTS.values():
            with pytest.raises(NotAllowed):
                act(DEFAULT, job_id, actor=actor)
            with pytest.raises(NotAllowed):
                steering.all_failed(act, DEFAULT, actor=actor)
    assert snapshot(get_queue().connection) == before
    steering.retry(DEFAULT, job_id, actor=Actor.of(db.session.get_one(User, world.platform_user)))
    assert where(job_id) is Place.WAITING


def test_the_registry_is_rqs_own(server: Redis) -> None:
    """What is discarded here is gone for RQ, too."""
    ids = put_failed(2)
    steering.discard(DEFAULT, ids[0], actor=SYSTEM)
    assert FailedJobRegistry(DEFAULT, connection=server).get_job_ids() == [ids[1]]
    assert JOB_TIMEOUTS.keys() == {DEFAULT, BULK}

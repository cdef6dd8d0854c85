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

from customerhub.core.errors import NotAllowed, WrongState
from customerhub.core.permissions import Actor
from jobs.monitoring import job_control, queue_contents
from jobs.monitoring.queue_contents import JobState
from jobs.queue import BULK, DEFAULT, JOB_TIMEOUTS, QueueUnavailable, enqueue, get_queue
from models import User
from models.base import db
from models.enums import Role
from tests.support import sample_jobs
from tests.support.queued_jobs import add_failed_jobs, list_job_ids, move_job, server_contents
from tests.support.servers import Valkey, wait_until
from tests.support.two_organisations import TwoOrganisations

SYSTEM = Actor(None, 0)
ACTIONS = {"retry": job_control.retry, "discard": job_control.discard, "cancel": job_control.cancel}
POSSIBLE = {
    "retry": {JobState.FAILED, JobState.SCHEDULED},
    "discard": {JobState.FAILED},
    "cancel": {JobState.WAITING, JobState.SCHEDULED},
}


@pytest.fixture
def notes_file(tmp_path: Path) -> Path:
    """The file that jobs write to."""
    return tmp_path / "notes_file"


@pytest.fixture
def server(queue_server: Valkey, queueing_app: Flask) -> Redis:
    """A connection to the queue server of the test, which is empty."""
    return get_queue().connection


def read_lines(notes_file: Path) -> list[str]:
    return notes_file.read_text().splitlines() if notes_file.exists() else []


def state_of_job(job_id: str) -> JobState | None:
    found = queue_contents.find_job(DEFAULT, job_id)
    return found.state if found else None


def job_keys(job_id: str, server: Redis) -> list[bytes]:
    """The keys of the server that still know of a job."""
    return [
        key for key, content in server_contents(server).items() if job_id.encode() in key or job_id.encode() in content
    ]


def make_job_in(place: JobState) -> Job:
    job = get_queue().enqueue(sample_jobs.write, "nowhere", "x")
    if place is not JobState.WAITING:
        move_job(job, place)
    return job


def test_a_failed_job_is_tried_again_by_a_worker(
    server: Redis, start_worker: Callable[..., Any], notes_file: Path
) -> None:
    start_worker()
    job = get_queue().enqueue(sample_jobs.fail, str(notes_file))
    other = get_queue().enqueue(sample_jobs.fail, str(notes_file))
    wait_until(lambda: [each.get_status() for each in (job, other)] == [JobStatus.FAILED] * 2)
    job_control.retry(DEFAULT, job.id, actor=SYSTEM)
    wait_until(lambda: len(read_lines(notes_file)) == 3)
    wait_until(lambda: job.get_status() is JobStatus.FAILED)
    assert set(list_job_ids(JobState.FAILED)) == {job.id, other.id}
    job_control.discard(DEFAULT, job.id, actor=SYSTEM)
    assert list_job_ids(JobState.FAILED) == [other.id]
    assert job_keys(job.id, server) == []
    assert job_keys(other.id, server) != []


def test_a_job_that_is_tried_again_is_the_same_job(server: Redis) -> None:
    """Here nobody can read its data, and not a byte of it changes."""
    job = get_queue().enqueue(sample_jobs.write, "here", "x", meta={"periodic": True}, job_timeout=77, ttl=500)
    move_job(job, JobState.FAILED)
    before = server.hgetall(job.key)
    job_control.retry(DEFAULT, job.id, actor=SYSTEM)
    after = server.hgetall(job.key)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed <= {b"status", b"enqueued_at", b"started_at", b"ended_at", b"last_heartbeat", b"exc_info"}
    assert after[b"meta"] == before[b"meta"]
    assert Job.fetch(job.id, connection=server).args == ("here", "x")
    assert (list_job_ids(JobState.WAITING), list_job_ids(JobState.FAILED)) == ([job.id], [])


def test_a_cancelled_job_is_never_run(server: Redis, start_worker: Callable[..., Any], notes_file: Path) -> None:
    jobs = [enqueue(sample_jobs.write, str(notes_file), str(number)) for number in range(3)]
    job_control.cancel(DEFAULT, jobs[1].id, actor=SYSTEM)
    assert job_keys(jobs[1].id, server) == []
    start_worker()
    wait_until(lambda: jobs[2].get_status() is JobStatus.FINISHED)
    assert read_lines(notes_file) == ["0", "2"]


@pytest.mark.parametrize("act", ACTIONS)
@pytest.mark.parametrize("place", JobState)
def test_what_can_be_done_depends_on_where_a_job_is(server: Redis, act: str, place: JobState) -> None:
    job, bystander = make_job_in(place), make_job_in(place)
    before = server_contents(server)
    if place not in POSSIBLE[act]:
        with pytest.raises(WrongState):
            ACTIONS[act](DEFAULT, job.id, actor=SYSTEM)
        assert server_contents(server) == before
    else:
        ACTIONS[act](DEFAULT, job.id, actor=SYSTEM)
        assert state_of_job(job.id) is (JobState.WAITING if act == "retry" else None)
        assert (job_keys(job.id, server) == []) is (act != "retry")
    assert state_of_job(bystander.id) is place


@pytest.mark.parametrize("act", ACTIONS)
def test_a_job_that_is_gone_cannot_be_steered(server: Redis, act: str) -> None:
    with pytest.raises(WrongState):
        ACTIONS[act](DEFAULT, "never-was", actor=SYSTEM)
    [lost] = add_failed_jobs(1)
    server.delete(Job.key_for(lost))
    if act == "discard":  # what is left of it goes
        job_control.discard(DEFAULT, lost, actor=SYSTEM)
        assert job_keys(lost, server) == []
    else:
        with pytest.raises(WrongState):
            ACTIONS[act](DEFAULT, lost, actor=SYSTEM)


def test_what_is_no_job_can_only_be_discarded(server: Redis) -> None:
    broken, sound = add_failed_jobs(2)
    server.hset(Job.key_for(broken), "status", "confused")
    with pytest.raises(WrongState, match="Discard it"):
        job_control.retry(DEFAULT, broken, actor=SYSTEM)
    job_control.discard(DEFAULT, broken, actor=SYSTEM)
    assert job_keys(broken, server) == []
    assert list_job_ids(JobState.FAILED) == [sound]


@pytest.mark.parametrize(("one", "other"), [("retry", "retry"), ("retry", "discard"), ("discard", "discard")])
def test_of_two_at_once_one_gets_a_conflict(server: Redis, queueing_app: Flask, one: str, other: str) -> None:
    for job_id in add_failed_jobs(15):
        barrier = Barrier(2)

        def steer(act: str, job_id: str = job_id, barrier: Barrier = barrier) -> bool:
            with queueing_app.app_context():
                barrier.wait()
                try:
                    ACTIONS[act](DEFAULT, job_id, actor=SYSTEM)
                except WrongState:
                    return False
                return True

        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(steer, (one, other)))
        assert sorted(done) == [False, True]
        was_retried = (one, other)[done.index(True)] == "retry"
        assert get_queue().get_job_ids().count(job_id) == was_retried
        assert (state_of_job(job_id) is JobState.WAITING) is was_retried


def test_a_job_that_a_worker_takes_is_not_cancelled(
    server: Redis, start_worker: Callable[..., Any], notes_file: Path
) -> None:
    """Each of many jobs is either run or cancelled, never both and never neither."""
    jobs = [enqueue(sample_jobs.write, str(notes_file), str(number)) for number in range(40)]
    start_worker()
    wait_until(lambda: read_lines(notes_file))
    cancelled = set()
    for number, job in enumerate(jobs):
        try:
            job_control.cancel(DEFAULT, job.id, actor=SYSTEM)
        except WrongState:
            continue
        cancelled.add(str(number))
    wait_until(lambda: len(read_lines(notes_file)) + len(cancelled) >= 40)
    time.sleep(0.3)
    assert cancelled
    assert sorted(read_lines(notes_file)) == sorted({str(number) for number in range(40)} - cancelled)


def test_all_failed_jobs_are_tried_again_once(
    server: Redis, start_worker: Callable[..., Any], notes_file: Path
) -> None:
    """They fail at once and come back; they are not tried over and over."""
    start_worker()
    for _ in range(12):
        get_queue().enqueue(sample_jobs.fail, str(notes_file))
    waiting = enqueue(sample_jobs.write, str(notes_file), "not one of them", queue=BULK)
    wait_until(lambda: len(list_job_ids(JobState.FAILED)) == 12)
    assert job_control.apply_to_failed_jobs(job_control.retry, DEFAULT, actor=SYSTEM) == (12, 0)
    wait_until(lambda: len(list_job_ids(JobState.FAILED)) == 12 and len(read_lines(notes_file)) == 24)
    assert job_control.apply_to_failed_jobs(job_control.discard, DEFAULT, actor=SYSTEM) == (12, 0)
    assert queue_contents.count_jobs()[DEFAULT][JobState.FAILED] == 0
    assert list_job_ids(JobState.WAITING, BULK) == [waiting.id]
    assert len(read_lines(notes_file)) == 24


def test_thousands_are_worked_through_within_the_time_there_is(server: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    add_failed_jobs(400)
    monkeypatch.setattr(job_control, "MAX_BULK_SECONDS", 0.0)
    assert job_control.apply_to_failed_jobs(job_control.discard, DEFAULT, actor=SYSTEM) == (0, 400)
    assert queue_contents.count_jobs()[DEFAULT][JobState.FAILED] == 400
    monkeypatch.undo()
    begin = time.monotonic()
    assert job_control.apply_to_failed_jobs(job_control.discard, DEFAULT, actor=SYSTEM) == (400, 0)
    assert time.monotonic() - begin < job_control.MAX_BULK_SECONDS
    assert server.keys("rq:job:*") == server.keys("rq:results:*") == []


@pytest.mark.parametrize("act", ACTIONS)
def test_without_a_server_nothing_is_steered(queue_server: Valkey, queueing_app: Flask, act: str) -> None:
    queue_server.kill()
    with pytest.raises(QueueUnavailable):
        ACTIONS[act](DEFAULT, "some-job", actor=SYSTEM)
    with pytest.raises(QueueUnavailable):
        job_control.apply_to_failed_jobs(ACTIONS[act], DEFAULT, actor=SYSTEM)


def test_only_who_may_steers_jobs(organisations: TwoOrganisations) -> None:
    people = [organisations.own.users[role] for role in Role]
    [job_id] = add_failed_jobs(1)
    before = server_contents(get_queue().connection)
    for key in people:
        actor = Actor.from_user(db.session.get_one(User, key))
        for act in ACTIONS.values():
            with pytest.raises(NotAllowed):
                act(DEFAULT, job_id, actor=actor)
            with pytest.raises(NotAllowed):
                job_control.apply_to_failed_jobs(act, DEFAULT, actor=actor)
    assert server_contents(get_queue().connection) == before
    job_control.retry(DEFAULT, job_id, actor=Actor.from_user(db.session.get_one(User, organisations.platform_user)))
    assert state_of_job(job_id) is JobState.WAITING


def test_the_registry_is_rqs_own(server: Redis) -> None:
    """What is discarded here is gone for RQ, too."""
    ids = add_failed_jobs(2)
    job_control.discard(DEFAULT, ids[0], actor=SYSTEM)
    assert FailedJobRegistry(DEFAULT, connection=server).get_job_ids() == [ids[1]]
    assert JOB_TIMEOUTS.keys() == {DEFAULT, BULK}

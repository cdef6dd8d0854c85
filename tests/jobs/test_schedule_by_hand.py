"""Running a job of the schedule by hand: it is queued as if it were due, and once however often somebody asks."""

import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import time_machine
from croniter import croniter
from flask import Flask
from rq.job import Job, JobStatus

from customerhub.core.config import Settings
from customerhub.core.errors import NotAllowed, WrongState
from customerhub.core.permissions import Actor
from jobs.monitoring import job_control
from jobs.processes.scheduler import HubScheduler
from jobs.queue import BULK, DEFAULT, JOB_TIMEOUTS, QueueUnavailable, connect, get_queue
from jobs.schedule import SCHEDULE, PeriodicJob
from jobs.schedule_runs import _cron_job, list_active_runs, max_duration, next_run_time, run_now
from models import User
from models.base import db
from models.enums import Role
from tests.jobs.conftest import StartCommand
from tests.support import sample_jobs, scheduled_jobs
from tests.support.servers import Valkey, wait_until
from tests.support.two_organisations import TwoOrganisations

SYSTEM = Actor(None, 0)
HOURLY = PeriodicJob(sample_jobs.tick, "0 * * * *", "Ticks")
SLOW = PeriodicJob(scheduled_jobs.run_slowly, "0 3 * * *", "Sleeps")
FAILING = PeriodicJob(scheduled_jobs.fail, "0 3 * * *", "Fails")


def queued_jobs(name: str = DEFAULT) -> list[Job]:
    return get_queue(name).jobs


@pytest.fixture
def start_noting_worker(start: StartCommand, tmp_path: Path) -> Callable[..., Any]:
    """Starts a worker whose jobs take `seconds`."""

    def start_noting_worker(seconds: float) -> Any:
        notes = {"HUB_TEST_NOTES": str(tmp_path / "notes"), "HUB_TEST_SECONDS": str(seconds)}
        return start("-m", "flask", "--app", "app", "worker", **notes)

    return start_noting_worker


def test_it_is_queued_as_the_scheduler_does_it(
    queue_server: Valkey, queueing_app: Flask, hub_settings: Settings
) -> None:
    with connect(hub_settings) as connection:
        HubScheduler(connection, [HOURLY]).enqueue_all()
    [by_clock] = queued_jobs()
    get_queue().empty()
    run_now(HOURLY, actor=SYSTEM)
    [by_hand] = queued_jobs()
    for name in ("func_name", "args", "timeout", "ttl", "result_ttl", "failure_ttl", "meta", "origin", "retries_left"):
        assert getattr(by_hand, name) == getattr(by_clock, name), name
    assert by_hand.meta == {"periodic": True}
    assert by_hand.id != by_clock.id


def test_a_second_click_is_refused_until_the_first_is_done(
    queue_server: Valkey, queueing_app: Flask, start_noting_worker: Callable[..., Any]
) -> None:
    run_now(SLOW, actor=SYSTEM)
    with pytest.raises(WrongState, match="Already waiting for a worker"):
        run_now(SLOW, actor=SYSTEM)
    [job] = queued_jobs()
    worker = start_noting_worker(2)
    wait_until(lambda: job.get_status() is JobStatus.STARTED)
    assert list_active_runs([SLOW])[SLOW.name].has_started
    with pytest.raises(WrongState, match="Already running"):
        run_now(SLOW, actor=SYSTEM)
    wait_until(lambda: job.get_status() is JobStatus.FINISHED)
    worker.send(signal.SIGTERM)
    assert worker.wait() == 0
    run_now(SLOW, actor=SYSTEM)
    assert len(queued_jobs()) == 1


def test_one_that_failed_can_be_run_again(
    queue_server: Valkey, queueing_app: Flask, start_noting_worker: Callable[..., Any]
) -> None:
    run_now(FAILING, actor=SYSTEM)
    [job] = queued_jobs()
    worker = start_noting_worker(0)
    wait_until(lambda: job.get_status() is JobStatus.FAILED)
    worker.send(signal.SIGTERM)
    assert worker.wait() == 0
    run_now(FAILING, actor=SYSTEM)
    with pytest.raises(WrongState):
        run_now(FAILING, actor=SYSTEM)
    [again] = queued_jobs()
    job_control.cancel(DEFAULT, again.id, actor=SYSTEM)
    job_control.retry(DEFAULT, job.id, actor=SYSTEM)
    with pytest.raises(WrongState, match="Already waiting for a worker"):  # the failed one waits again
        run_now(FAILING, actor=SYSTEM)


def test_what_the_clock_has_queued_counts(queue_server: Valkey, queueing_app: Flask, hub_settings: Settings) -> None:
    with connect(hub_settings) as connection:
        HubScheduler(connection, [HOURLY]).enqueue_all()
    with pytest.raises(WrongState, match="Already waiting for a worker"):
        run_now(HOURLY, actor=SYSTEM)
    assert len(queued_jobs()) == 1
    run_now(SLOW, actor=SYSTEM)  # another job is another matter
    assert [job.func_name for job in queued_jobs()] == [
        "tests.support.sample_jobs.tick",
        "tests.support.scheduled_jobs.run_slowly",
    ]


def test_a_call_that_lapsed_stands_in_nobodys_way(queue_server: Valkey, queueing_app: Flask) -> None:
    run_now(HOURLY, actor=SYSTEM)
    [job] = queued_jobs()
    get_queue().connection.delete(job.key)  # as it does when its time is up
    assert list_active_runs([HOURLY]) == {}
    run_now(HOURLY, actor=SYSTEM)


def test_a_long_run_is_known_however_many_calls_came_after_it(queue_server: Valkey, queueing_app: Flask) -> None:
    """Two schedulers go on enqueueing every minute while it runs for an hour, and every call but the first lapses."""
    entry = PeriodicJob(sample_jobs.tick, "* * * * *", "Ticks", BULK)
    run_now(entry, actor=SYSTEM)
    [running] = queued_jobs(BULK)
    running.set_status(JobStatus.STARTED)
    for _ in range(2 * JOB_TIMEOUTS[BULK] // 60):
        get_queue(BULK).connection.delete(_cron_job(entry).enqueue(get_queue(BULK).connection).key)
    assert list_active_runs([entry])[entry.name].has_started
    with pytest.raises(WrongState, match="Already running"):
        run_now(entry, actor=SYSTEM)


def test_many_clicks_at_once_queue_one(queue_server: Valkey, queueing_app: Flask) -> None:
    for number in range(10):
        entry = PeriodicJob(sample_jobs.tick, "0 * * * *", "Ticks", (DEFAULT, BULK)[number % 2])
        barrier = Barrier(8)

        def click(_number: int, entry: PeriodicJob = entry, barrier: Barrier = barrier) -> bool:
            with queueing_app.app_context():
                barrier.wait()
                try:
                    run_now(entry, actor=SYSTEM)
                except WrongState:
                    return False
                return True

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(click, range(8)))
        assert answers.count(True) == 1
        assert len(queued_jobs(entry.queue)) == 1
        get_queue(entry.queue).empty()


def test_without_a_server_it_says_so_at_once(queue_server: Valkey, queueing_app: Flask) -> None:
    queue_server.kill()
    begin = time.monotonic()
    with pytest.raises(QueueUnavailable):
        run_now(HOURLY, actor=SYSTEM)
    with pytest.raises(QueueUnavailable):
        list_active_runs(SCHEDULE)
    assert time.monotonic() - begin < 1.5


def test_only_who_may_runs_a_job(organisations: TwoOrganisations) -> None:
    for role in Role:
        with pytest.raises(NotAllowed):
            run_now(HOURLY, actor=Actor.from_user(db.session.get_one(User, organisations.own.users[role])))
    assert queued_jobs() == []
    run_now(HOURLY, actor=Actor.from_user(db.session.get_one(User, organisations.platform_user)))
    assert len(queued_jobs()) == 1


def test_the_next_time_is_the_next_of_the_machines_clock() -> None:
    for entry in SCHEDULE:
        due = next_run_time(entry)
        assert due == croniter(entry.cron, datetime.now().astimezone()).get_next(datetime).astimezone(UTC), entry.name
    with time_machine.travel(datetime(2026, 1, 31, 12, 0, 30, tzinfo=UTC), tick=False):
        assert next_run_time(PeriodicJob(sample_jobs.tick, "* * * * *", "")) == datetime(2026, 1, 31, 12, 1, tzinfo=UTC)


def test_a_run_may_be_as_old_as_its_time_limit() -> None:
    for entry in SCHEDULE:
        assert max_duration(entry) > timedelta(seconds=JOB_TIMEOUTS[entry.queue])

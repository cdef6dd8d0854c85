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

from customerhub.config import Settings
from customerhub.errors import NotAllowed, WrongState
from customerhub.permissions import Actor
from jobs import steering
from jobs.periodic import _cron_job, longest, next_time, run_now, under_way
from jobs.queue import BULK, DEFAULT, JOB_TIMEOUTS, QueueAway, connect, get_queue
from jobs.schedule import SCHEDULE, Periodic
from jobs.scheduler import HubScheduler
from models import User
from models.base import db
from models.enums import Role
from tests.jobs import periodic_work, work
from tests.jobs.conftest import StartCommand
from tests.servers import Valkey, wait_until
from tests.world import World

SYSTEM = Actor(None, 0)
HOURLY = Periodic(work.tick, "0 * * * *", "Ticks")
SLOW = Periodic(periodic_work.be_slow, "0 3 * * *", "Sleeps")
FAILING = Periodic(periodic_work.fail, "0 3 * * *", "Fails")


def queued(name: str = DEFAULT) -> list[Job]:
    return get_queue(name).jobs


@pytest.fixture
def start_noted(start: StartCommand, tmp_path: Path) -> Callable[..., Any]:
    """Starts a worker whose jobs take `seconds`."""

    def start_noted(seconds: float) -> Any:
        notes = {"HUB_TEST_NOTES": str(tmp_path / "notes"), "HUB_TEST_SECONDS": str(seconds)}
        return start("-m", "flask", "--app", "app", "worker", **notes)

    return start_noted


def test_it_is_queued_as_the_scheduler_does_it(queue_server: Valkey, queueing: Flask, hub_settings: Settings) -> None:
    with connect(hub_settings) as connection:
        HubScheduler(connection, [HOURLY]).enqueue_all()
    [by_clock] = queued()
    get_queue().empty()
    run_now(HOURLY, actor=SYSTEM)
    [by_hand] = queued()
    for name in ("func_name", "args", "timeout", "ttl", "result_ttl", "failure_ttl", "meta", "origin", "retries_left"):
        assert getattr(by_hand, name) == getattr(by_clock, name), name
    assert by_hand.meta == {"periodic": True}
    assert by_hand.id != by_clock.id


def test_a_second_click_is_refused_until_the_first_is_done(
    queue_server: Valkey, queueing: Flask, start_noted: Callable[..., Any]
) -> None:
    run_now(SLOW, actor=SYSTEM)
    with pytest.raises(WrongState, match="waits for a worker already"):
        run_now(SLOW, actor=SYSTEM)
    [job] = queued()
    worker = start_noted(2)
    wait_until(lambda: job.get_status() is JobStatus.STARTED)
    assert under_way([SLOW])[SLOW.name].has_begun
    with pytest.raises(WrongState, match="running already"):
        run_now(SLOW, actor=SYSTEM)
    wait_until(lambda: job.get_status() is JobStatus.FINISHED)
    worker.send(signal.SIGTERM)
    assert worker.wait() == 0
    run_now(SLOW, actor=SYSTEM)
    assert len(queued()) == 1


def test_one_that_failed_can_be_run_again(
    queue_server: Valkey, queueing: Flask, start_noted: Callable[..., Any]
) -> None:
    run_now(FAILING, actor=SYSTEM)
    [job] = queued()
    worker = start_noted(0)
    wait_until(lambda: job.get_status() is JobStatus.FAILED)
    worker.send(signal.SIGTERM)
    assert worker.wait() == 0
    run_now(FAILING, actor=SYSTEM)
    with pytest.raises(WrongState):
        run_now(FAILING, actor=SYSTEM)
    [again] = queued()
    steering.cancel(DEFAULT, again.id, actor=SYSTEM)
    steering.retry(DEFAULT, job.id, actor=SYSTEM)
    with pytest.raises(WrongState, match="waits for a worker"):  # the failed one waits again
        run_now(FAILING, actor=SYSTEM)


def test_what_the_clock_has_queued_counts(queue_server: Valkey, queueing: Flask, hub_settings: Settings) -> None:
    with connect(hub_settings) as connection:
        HubScheduler(connection, [HOURLY]).enqueue_all()
    with pytest.raises(WrongState, match="waits for a worker already"):
        run_now(HOURLY, actor=SYSTEM)
    assert len(queued()) == 1
    run_now(SLOW, actor=SYSTEM)  # another job is another matter
    assert [job.func_name for job in queued()] == ["tests.jobs.work.tick", "tests.jobs.periodic_work.be_slow"]


def test_a_call_that_lapsed_stands_in_nobodys_way(queue_server: Valkey, queueing: Flask) -> None:
    run_now(HOURLY, actor=SYSTEM)
    [job] = queued()
    get_queue().connection.delete(job.key)  # as it does when its time is up
    assert under_way([HOURLY]) == {}
    run_now(HOURLY, actor=SYSTEM)


def test_a_long_run_is_known_however_many_calls_came_after_it(queue_server: Valkey, queueing: Flask) -> None:
    """Two schedulers go on queueing every minute while it runs for an hour, and every call but the first lapses."""
    entry = Periodic(work.tick, "* * * * *", "Ticks", BULK)
    run_now(entry, actor=SYSTEM)
    [running] = queued(BULK)
    running.set_status(JobStatus.STARTED)
    for _ in range(2 * JOB_TIMEOUTS[BULK] // 60):
        get_queue(BULK).connection.delete(_cron_job(entry).enqueue(get_queue(BULK).connection).key)
    assert under_way([entry])[entry.name].has_begun
    with pytest.raises(WrongState, match="running already"):
        run_now(entry, actor=SYSTEM)


def test_many_clicks_at_once_queue_one(queue_server: Valkey, queueing: Flask) -> None:
    for number in range(10):
        entry = Periodic(work.tick, "0 * * * *", "Ticks", (DEFAULT, BULK)[number % 2])
        barrier = Barrier(8)

        def click(_number: int, entry: Periodic = entry, barrier: Barrier = barrier) -> bool:
            with queueing.app_context():
                barrier.wait()
                try:
                    run_now(entry, actor=SYSTEM)
                except WrongState:
                    return False
                return True

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(click, range(8)))
        assert answers.count(True) == 1
        assert len(queued(entry.queue)) == 1
        get_queue(entry.queue).empty()


def test_without_a_server_it_says_so_at_once(queue_server: Valkey, queueing: Flask) -> None:
    queue_server.kill()
    begin = time.monotonic()
    with pytest.raises(QueueAway):
        run_now(HOURLY, actor=SYSTEM)
    with pytest.raises(QueueAway):
        under_way(SCHEDULE)
    assert time.monotonic() - begin < 1.5


def test_only_who_may_runs_a_job(world: World) -> None:
    for role in Role:
        with pytest.raises(NotAllowed):
            run_now(HOURLY, actor=Actor.of(db.session.get_one(User, world.ours.users[role])))
    assert queued() == []
    run_now(HOURLY, actor=Actor.of(db.session.get_one(User, world.platform_user)))
    assert len(queued()) == 1


def test_the_next_time_is_the_next_of_the_machines_clock() -> None:
    for entry in SCHEDULE:
        due = next_time(entry)
        assert due == croniter(entry.cron, datetime.now().astimezone()).get_next(datetime).astimezone(UTC), entry.name
    with time_machine.travel(datetime(2026, 1, 31, 12, 0, 30, tzinfo=UTC), tick=False):
        assert next_time(Periodic(work.tick, "* * * * *", "")) == datetime(2026, 1, 31, 12, 1, tzinfo=UTC)


def test_a_run_may_be_as_old_as_its_time_limit() -> None:
    for entry in SCHEDULE:
        assert longest(entry) > timedelta(seconds=JOB_TIMEOUTS[entry.queue])

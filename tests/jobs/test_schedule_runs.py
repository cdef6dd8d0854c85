"""Each run of a job of the schedule is kept in the database, whatever becomes of it; and running twice does no harm."""

import os
import re
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rq.cron import CronScheduler
from rq.job import Job, JobStatus
from sqlalchemy import func, select

from customerhub import clock, periodic
from customerhub.config import Settings
from customerhub.periodic import RunState
from jobs.periodic import _cron_job, longest
from jobs.queue import get_queue
from jobs.schedule import Periodic
from models import Customer, OutboxMessage, PeriodicRun
from models.base import db
from tests.jobs import periodic_work as work
from tests.jobs.conftest import StartCommand
from tests.jobs.running import Running
from tests.servers import Valkey, wait_until
from tests.world import World

StartHub = Callable[..., Running]


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """The file that jobs write to."""
    return tmp_path / "notes"


@pytest.fixture
def start_hub(start: StartCommand, settings: Settings, notes: Path) -> StartHub:
    """Starts a process of the hub over the database of the test; jobs take `seconds`."""

    def start_hub(*words: str, seconds: float = 0, **more: str) -> Running:
        surroundings = {
            "DATABASE_URL": settings.database_url,
            "HUB_DATA_DIR": str(settings.data_dir),
            "REDIS_URL": settings.redis_url or "",
            "HUB_TEST_NOTES": str(notes),
            "HUB_TEST_SECONDS": str(seconds),
        }
        return start(*words, **surroundings | more)

    return start_hub


def worker(queue: str = "default") -> tuple[str, ...]:
    return ("-m", "flask", "--app", "app", "worker", "--queue", queue)


def lines(notes: Path) -> list[str]:
    return notes.read_text().splitlines() if notes.exists() else []


def queued(function: Callable[[], Any], **options: Any) -> Job:
    """Has `function` run as the schedule does."""
    call = _cron_job(Periodic(function, "0 * * * *", "For a test"))
    call.job_options |= options
    return call.enqueue(get_queue().connection)


def run_of(function: Callable[[], Any]) -> PeriodicRun | None:
    """The run as it is at this moment, whatever comes later."""
    found = periodic.list_runs().get(f"{function.__module__}.{function.__name__}")
    db.session.expunge_all()
    db.session.rollback()
    return found


def ended(function: Callable[[], Any]) -> PeriodicRun:
    """The run of `function`, as soon as it has ended."""
    wait_until(lambda: (run := run_of(function)) and run.finished_at)
    run = run_of(function)
    assert run is not None
    assert run.finished_at is not None
    assert timedelta(0) <= run.finished_at - run.started_at < timedelta(seconds=30)
    return run


def test_what_came_of_each_run_is_kept(world: World, start_hub: StartHub, notes: Path) -> None:
    running = start_hub(*worker())
    for function in (work.be_slow, work.say_nothing, work.refuse, work.fail):
        queued(function)
    assert (ended(work.be_slow).succeeded, ended(work.be_slow).told) == (True, "Slept well")
    assert (ended(work.say_nothing).succeeded, ended(work.say_nothing).told) == (True, "Done")
    refused, failed = ended(work.refuse), ended(work.fail)
    assert (refused.succeeded, failed.succeeded) == (False, False)
    for run, cause in ((refused, "The period is closed"), (failed, "ValueError")):
        found = re.fullmatch(rf"{cause}\. The log tells more under reference ([0-9A-F]{{8}})", run.told or "")
        assert found, run.told
        running.wait_for(f"reference {found[1]}: ")
    running.wait_for(work.SECRET)  # the log may have it, the row may not
    assert len(lines(notes)) == 4


def test_a_job_that_is_not_of_the_schedule_leaves_no_row(world: World, start_hub: StartHub, notes: Path) -> None:
    start_hub(*worker())
    job = get_queue().enqueue(work.say_nothing)
    wait_until(lambda: job.get_status() is JobStatus.FINISHED)
    assert periodic.list_runs() == {}


def test_a_killed_run_has_begun_and_never_ended(world: World, start_hub: StartHub, notes: Path) -> None:
    start_hub(*worker())
    job = queued(work.die)
    wait_until(lambda: job.get_status() is JobStatus.FAILED)
    run = run_of(work.die)
    assert run is not None
    assert (run.finished_at, run.succeeded, run.told) == (None, None, None)
    patience = longest(Periodic(work.die, "0 * * * *", ""))
    assert patience >= timedelta(seconds=job.timeout or 0)
    assert periodic.state_of(run, longest=patience, now=clock.now()) is RunState.RUNNING
    assert periodic.state_of(run, longest=patience, now=clock.now() + patience) is RunState.INTERRUPTED


def test_the_next_run_takes_the_place_of_one_whose_machine_died(world: World, start_hub: StartHub, notes: Path) -> None:
    first = start_hub(*worker(), seconds=60)
    queued(work.be_slow)
    wait_until(lambda: lines(notes))
    begun = run_of(work.be_slow)
    assert begun is not None
    os.kill(first.process.pid, signal.SIGKILL)
    os.kill(int(lines(notes)[0].split()[1]), signal.SIGKILL)
    wait_until(lambda: not first.processes())
    start_hub(*worker())
    queued(work.be_slow)
    again = ended(work.be_slow)
    assert again.started_at > begun.started_at
    assert (again.succeeded, again.told) == (True, "Slept well")


def test_a_run_that_takes_too_long_says_so(world: World, start_hub: StartHub, notes: Path) -> None:
    start_hub(*worker(), seconds=60)
    queued(work.be_slow, job_timeout=1)
    run = ended(work.be_slow)
    assert run.succeeded is False
    assert (run.told or "").startswith("It took longer than it may and was stopped. ")


def test_keeping_a_run_commits_nothing_that_the_job_has_not(world: World, start_hub: StartHub, notes: Path) -> None:
    start_hub(*worker())
    queued(work.forget_to_commit)
    assert ended(work.forget_to_commit).told == "Changed nothing"
    assert db.session.scalar(select(func.count()).where(OutboxMessage.subject == "Never committed")) == 0


def test_the_last_run_is_known_though_the_queue_server_died_meanwhile(
    world: World, queue_server: Valkey, start_hub: StartHub, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with queue_server.connect() as connection:
        monkeypatch.setitem(world.app.extensions, "hub_queue_server", connection)
        start_hub(*worker(), seconds=2, REDIS_URL=queue_server.url)
        queued(work.be_slow)
    wait_until(lambda: lines(notes))
    queue_server.kill()
    run = ended(work.be_slow)
    assert (run.succeeded, run.told) == (True, "Slept well")


@pytest.mark.slow
def test_two_schedulers_and_two_workers_do_everything_once(world: World, start_hub: StartHub, notes: Path) -> None:
    """Two of each, on one database: every job runs, more than once and at once; each reason has one message."""
    before = db.session.scalar(select(func.count(OutboxMessage.id))) or 0
    customers = db.session.scalars(select(Customer.id)).all()
    db.session.rollback()
    assert len(customers) > 4
    for queue in ("default", "default", "bulk"):
        start_hub(*worker(queue), seconds=0.2)
    schedulers = [start_hub("-m", "tests.jobs.periodic_scheduler") for _ in range(2)]
    wait_until(lambda: len(CronScheduler.all(get_queue().connection)) == 2)
    wait_until(lambda: sum(line.startswith("greets") for line in lines(notes)) >= 2)
    wait_until(lambda: (ended(work.greet), ended(work.say_nothing)))
    for scheduler in schedulers:
        scheduler.send(signal.SIGTERM)
        assert scheduler.wait() == 0
    wait_until(lambda: all(get_queue(name).started_job_registry.count == 0 for name in ("default", "bulk")))
    wait_until(lambda: get_queue().count == get_queue("bulk").count == 0)
    wait_until(lambda: ended(work.greet))
    runs = periodic.list_runs()
    assert runs.keys() == {"tests.jobs.periodic_work.greet", "tests.jobs.periodic_work.say_nothing"}
    assert {run.succeeded for run in runs.values()} == {True}
    assert runs["tests.jobs.periodic_work.greet"].told == f"{len(customers)} greeted"
    processes = {line for line in lines(notes) if line.startswith("greets")}
    assert len(processes) >= 2, "it did not run twice, so this shows nothing"
    written = db.session.scalars(select(OutboxMessage.reason_key).where(OutboxMessage.purpose == "test")).all()
    assert sorted(written) == sorted(f"greeting {key}" for key in customers)
    assert db.session.scalar(select(func.count(OutboxMessage.id))) == before + len(customers)


def test_a_database_that_is_away_stops_no_job(
    queue_server: Valkey, start: StartCommand, notes: Path, queueing: object
) -> None:
    """Here nobody made the tables: the run cannot be kept, which is logged, and the job is done all the same."""
    running = start(*worker(), HUB_TEST_NOTES=str(notes))
    job = queued(work.say_nothing)
    wait_until(lambda: job.get_status() is JobStatus.FINISHED)
    assert len(lines(notes)) == 1
    running.wait_for("the run could not be recorded")

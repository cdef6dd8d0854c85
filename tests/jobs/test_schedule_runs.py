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

from customerhub.core import clock, job_runs
from customerhub.core.config import Settings
from customerhub.core.job_runs import RunState
from jobs.queue import get_queue
from jobs.schedule import PeriodicJob
from jobs.schedule_runs import _cron_job, max_duration
from models import Customer, OutboxMessage, PeriodicRun
from models.base import db
from tests.jobs.conftest import StartCommand
from tests.support import scheduled_jobs as scheduled_jobs
from tests.support.running_processes import RunningCommand
from tests.support.servers import Valkey, wait_until
from tests.support.two_organisations import TwoOrganisations

StartHub = Callable[..., RunningCommand]


@pytest.fixture
def notes_file(tmp_path: Path) -> Path:
    """The file that jobs write to."""
    return tmp_path / "notes_file"


@pytest.fixture
def start_hub(start: StartCommand, settings: Settings, notes_file: Path) -> StartHub:
    """Starts a process of the hub over the database of the test; jobs take `seconds`."""

    def start_hub(*words: str, seconds: float = 0, **more: str) -> RunningCommand:
        surroundings = {
            "DATABASE_URL": settings.database_url,
            "HUB_DATA_DIR": str(settings.data_dir),
            "REDIS_URL": settings.redis_url or "",
            "HUB_TEST_NOTES": str(notes_file),
            "HUB_TEST_SECONDS": str(seconds),
        }
        return start(*words, **surroundings | more)

    return start_hub


def worker_command(queue: str = "default") -> tuple[str, ...]:
    return ("-m", "flask", "--app", "app", "worker", "--queue", queue)


def read_lines(notes_file: Path) -> list[str]:
    return notes_file.read_text().splitlines() if notes_file.exists() else []


def enqueue_function(function: Callable[[], Any], **options: Any) -> Job:
    """Has `function` run as the schedule does."""
    call = _cron_job(PeriodicJob(function, "0 * * * *", "For a test"))
    call.job_options |= options
    return call.enqueue(get_queue().connection)


def find_run(function: Callable[[], Any]) -> PeriodicRun | None:
    """The run as it is at this moment, whatever comes later."""
    run = job_runs.list_runs().get(f"{function.__module__}.{function.__name__}")
    db.session.expunge_all()
    db.session.rollback()
    return run


def wait_for_end(function: Callable[[], Any]) -> PeriodicRun:
    """The run of `function`, as soon as it has ended."""
    ended_runs: list[PeriodicRun] = []  # looked up once: a scheduler may have begun the next one meanwhile

    def has_ended() -> bool:
        run = find_run(function)
        if run is not None and run.finished_at is not None:
            ended_runs.append(run)
        return bool(ended_runs)

    wait_until(has_ended)
    (run,) = ended_runs
    assert run.finished_at is not None
    assert timedelta(0) <= run.finished_at - run.started_at < timedelta(seconds=30)
    return run


def test_what_came_of_each_run_is_kept(organisations: TwoOrganisations, start_hub: StartHub, notes_file: Path) -> None:
    running = start_hub(*worker_command())
    for function in (scheduled_jobs.run_slowly, scheduled_jobs.do_nothing, scheduled_jobs.refuse, scheduled_jobs.fail):
        enqueue_function(function)
    assert (wait_for_end(scheduled_jobs.run_slowly).succeeded, wait_for_end(scheduled_jobs.run_slowly).message) == (
        True,
        "Slept well",
    )
    assert (wait_for_end(scheduled_jobs.do_nothing).succeeded, wait_for_end(scheduled_jobs.do_nothing).message) == (
        True,
        "Done",
    )
    refused_run, failed_run = wait_for_end(scheduled_jobs.refuse), wait_for_end(scheduled_jobs.fail)
    assert (refused_run.succeeded, failed_run.succeeded) == (False, False)
    for run, cause in ((refused_run, "The period is closed"), (failed_run, "ValueError")):
        match = re.fullmatch(rf"{cause}\. See the log, reference ([0-9A-F]{{8}})", run.message or "")
        assert match, run.message
        running.wait_for(f"reference {match[1]}: ")
    running.wait_for(scheduled_jobs.SECRET)  # the log may have it, the row may not
    assert len(read_lines(notes_file)) == 4


def test_a_job_that_is_not_of_the_schedule_leaves_no_row(
    organisations: TwoOrganisations, start_hub: StartHub, notes_file: Path
) -> None:
    start_hub(*worker_command())
    job = get_queue().enqueue(scheduled_jobs.do_nothing)
    wait_until(lambda: job.get_status() is JobStatus.FINISHED)
    assert job_runs.list_runs() == {}


def test_a_killed_run_has_begun_and_never_ended(
    organisations: TwoOrganisations, start_hub: StartHub, notes_file: Path
) -> None:
    start_hub(*worker_command())
    job = enqueue_function(scheduled_jobs.kill_process)
    wait_until(lambda: job.get_status() is JobStatus.FAILED)
    run = find_run(scheduled_jobs.kill_process)
    assert run is not None
    assert (run.finished_at, run.succeeded, run.message) == (None, None, None)
    patience = max_duration(PeriodicJob(scheduled_jobs.kill_process, "0 * * * *", ""))
    assert patience >= timedelta(seconds=job.timeout or 0)
    assert job_runs.state_of(run, max_duration=patience, now=clock.get_now()) is RunState.RUNNING
    assert job_runs.state_of(run, max_duration=patience, now=clock.get_now() + patience) is RunState.INTERRUPTED


def test_the_next_run_takes_the_place_of_one_whose_machine_died(
    organisations: TwoOrganisations, start_hub: StartHub, notes_file: Path
) -> None:
    first = start_hub(*worker_command(), seconds=60)
    enqueue_function(scheduled_jobs.run_slowly)
    wait_until(lambda: read_lines(notes_file))
    started_run = find_run(scheduled_jobs.run_slowly)
    assert started_run is not None
    os.kill(first.process.pid, signal.SIGKILL)
    os.kill(int(read_lines(notes_file)[0].split()[1]), signal.SIGKILL)
    wait_until(lambda: not first.list_processes())
    start_hub(*worker_command())
    enqueue_function(scheduled_jobs.run_slowly)
    again = wait_for_end(scheduled_jobs.run_slowly)
    assert again.started_at > started_run.started_at
    assert (again.succeeded, again.message) == (True, "Slept well")


def test_a_run_that_takes_too_long_says_so(
    organisations: TwoOrganisations, start_hub: StartHub, notes_file: Path
) -> None:
    start_hub(*worker_command(), seconds=60)
    enqueue_function(scheduled_jobs.run_slowly, job_timeout=1)
    run = wait_for_end(scheduled_jobs.run_slowly)
    assert run.succeeded is False
    assert (run.message or "").startswith("Time limit exceeded, stopped. ")


def test_keeping_a_run_commits_nothing_that_the_job_has_not(
    organisations: TwoOrganisations, start_hub: StartHub, notes_file: Path
) -> None:
    start_hub(*worker_command())
    enqueue_function(scheduled_jobs.leave_uncommitted)
    assert wait_for_end(scheduled_jobs.leave_uncommitted).message == "Changed nothing"
    assert db.session.scalar(select(func.count()).where(OutboxMessage.subject == "Never committed")) == 0


def test_the_last_run_is_known_though_the_queue_server_died_meanwhile(
    organisations: TwoOrganisations,
    queue_server: Valkey,
    start_hub: StartHub,
    notes_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with queue_server.connect() as connection:
        monkeypatch.setattr(organisations.app.extensions["hub_queue_server"], "connection", connection)
        start_hub(*worker_command(), seconds=2, REDIS_URL=queue_server.url)
        enqueue_function(scheduled_jobs.run_slowly)
    wait_until(lambda: read_lines(notes_file))
    queue_server.kill()
    run = wait_for_end(scheduled_jobs.run_slowly)
    assert (run.succeeded, run.message) == (True, "Slept well")


@pytest.mark.slow
def test_two_schedulers_and_two_workers_do_everything_once(
    organisations: TwoOrganisations, start_hub: StartHub, notes_file: Path
) -> None:
    """Two of each, on one database: every job runs, more than once and at once; each reason has one message."""
    before = db.session.scalar(select(func.count(OutboxMessage.id))) or 0
    customers = db.session.scalars(select(Customer.id)).all()
    db.session.rollback()
    assert len(customers) > 4
    for queue in ("default", "default", "bulk"):
        start_hub(*worker_command(queue), seconds=0.2)
    schedulers = [start_hub("-m", "tests.processes.periodic_scheduler") for _ in range(2)]
    wait_until(lambda: len(CronScheduler.all(get_queue().connection)) == 2)
    wait_until(lambda: sum(line.startswith("greets") for line in read_lines(notes_file)) >= 2)
    wait_until(lambda: (wait_for_end(scheduled_jobs.greet_customers), wait_for_end(scheduled_jobs.do_nothing)))
    for scheduler in schedulers:
        scheduler.send(signal.SIGTERM)
        assert scheduler.wait() == 0
    wait_until(lambda: get_queue().count == get_queue("bulk").count == 0)
    wait_until(lambda: all(get_queue(name).started_job_registry.count == 0 for name in ("default", "bulk")))
    wait_until(lambda: (wait_for_end(scheduled_jobs.greet_customers), wait_for_end(scheduled_jobs.do_nothing)))
    runs = job_runs.list_runs()
    assert runs.keys() == {"tests.support.scheduled_jobs.greet_customers", "tests.support.scheduled_jobs.do_nothing"}
    assert {run.succeeded for run in runs.values()} == {True}
    assert runs["tests.support.scheduled_jobs.greet_customers"].message == f"{len(customers)} greeted"
    processes = {line for line in read_lines(notes_file) if line.startswith("greets")}
    assert len(processes) >= 2, "it did not run twice, so this shows nothing"
    written = db.session.scalars(select(OutboxMessage.reason_key).where(OutboxMessage.purpose == "test")).all()
    assert sorted(written) == sorted(f"greeting {key}" for key in customers)
    assert db.session.scalar(select(func.count(OutboxMessage.id))) == before + len(customers)


def test_a_database_that_is_away_stops_no_job(
    queue_server: Valkey, start: StartCommand, notes_file: Path, queueing_app: object
) -> None:
    """Here nobody made the tables: the run cannot be kept, which is logged, and the job is done all the same."""
    running = start(*worker_command(), HUB_TEST_NOTES=str(notes_file))
    job = enqueue_function(scheduled_jobs.do_nothing)
    wait_until(lambda: job.get_status() is JobStatus.FINISHED)
    assert len(read_lines(notes_file)) == 1
    running.wait_for("the run could not be recorded")

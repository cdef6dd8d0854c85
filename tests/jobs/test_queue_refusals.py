"""A queue server that answers and refuses is waited out: nothing ends, and what was due is done afterwards."""

import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis
from rq.cron import CronScheduler

from customerhub.core.config import Settings
from jobs.processes.startup_checks import CannotStart, check_queue_server
from jobs.queue import QueueRefused, QueueUnavailable, check_app_queue, enqueue, get_queue, try_enqueue
from jobs.schedule import SCHEDULE
from jobs.valkey import is_ready, server_url
from tests.jobs.conftest import StartCommand
from tests.support import sample_jobs
from tests.support.refusals import REFUSALS, RefusingServer
from tests.support.running_processes import RunningCommand
from tests.support.servers import Valkey, free_port, wait_until


@pytest.fixture
def refusing_server(queue_server: Valkey) -> Iterator[RefusingServer]:
    server = RefusingServer(queue_server)
    yield server
    server.connection.close()


@pytest.fixture
def notes_file(tmp_path: Path) -> Path:
    """The file that jobs write to."""
    return tmp_path / "notes_file"


def read_lines(notes_file: Path) -> list[str]:
    return notes_file.read_text().splitlines() if notes_file.exists() else []


def accepts_jobs() -> bool:
    try:
        check_app_queue()
    except QueueUnavailable:
        return False
    return True


@pytest.mark.parametrize("kind", REFUSALS)
def test_workers_and_scheduler_wait_until_the_server_takes_jobs_again(
    refusing_server: RefusingServer,
    queueing_app: Flask,
    start_worker: StartCommand,
    start: StartCommand,
    notes_file: Path,
    kind: str,
) -> None:
    worker, scheduler = start_worker(), start("-m", "jobs.processes.scheduler")
    enqueue(sample_jobs.write, str(notes_file), "before")
    wait_until(lambda: read_lines(notes_file) == ["before"])
    wait_until(lambda: CronScheduler.all(refusing_server.connection))
    refusing_server.begin(kind)
    line = f"waiting for the queue server: it refuses: {REFUSALS[kind].cause}"
    for run in (worker, scheduler):
        run.wait_for(line)
    time.sleep(4)
    for run in (worker, scheduler):
        assert run.process.poll() is None, run.output
        assert run.output.count(line) == 1, run.output
        # What was being worked on when the refusal began may tell of it: a periodic job is due at any minute.
        waiting = run.output.partition(line)[2]
        assert "redis.exceptions" not in waiting, run.output
        assert "retrying" not in waiting, run.output
    refusing_server.end(kind)
    wait_until(accepts_jobs)
    enqueue(sample_jobs.write, str(notes_file), "after")
    for run in (worker, scheduler):
        run.wait_for("the queue server is back")
    wait_until(lambda: read_lines(notes_file) == ["before", "after"])
    for run in (worker, scheduler):
        run.send(signal.SIGTERM)
        assert run.wait() == 0, run.output


@pytest.mark.parametrize("kind", ["OOM", "NOAUTH"])
def test_they_start_while_the_server_refuses_and_stop_when_told(
    refusing_server: RefusingServer,
    queueing_app: Flask,
    start_worker: StartCommand,
    start: StartCommand,
    notes_file: Path,
    kind: str,
) -> None:
    refusing_server.begin(kind)
    worker, scheduler = start_worker(), start("-m", "jobs.processes.scheduler")
    for run in (worker, scheduler):
        run.wait_for("waiting for the queue server: it refuses")
    scheduler.send(signal.SIGTERM)
    assert scheduler.wait() == 0, scheduler.output
    refusing_server.end(kind)
    wait_until(accepts_jobs)
    enqueue(sample_jobs.write, str(notes_file), "late")
    wait_until(lambda: read_lines(notes_file) == ["late"])
    refusing_server.begin(kind)
    line = "waiting for the queue server: it refuses"
    wait_until(lambda: worker.output.count(line) == 2)
    worker.send(signal.SIGTERM)
    assert worker.wait() == 0, worker.output
    assert "redis.exceptions" not in worker.output.rpartition(line)[2]


def test_a_job_that_was_taken_before_is_finished_and_the_worker_lives(
    refusing_server: RefusingServer, queueing_app: Flask, start_worker: StartCommand, notes_file: Path
) -> None:
    worker = start_worker()
    enqueue(sample_jobs.take_time, str(notes_file), 2.0)
    wait_until(lambda: len(read_lines(notes_file)) == 1)
    refusing_server.begin("OOM")
    wait_until(lambda: "done" in read_lines(notes_file))
    worker.wait_for("waiting for the queue server")
    refusing_server.end("OOM")
    enqueue(sample_jobs.write, str(notes_file), "after")
    wait_until(lambda: read_lines(notes_file)[-1] == "after")
    assert worker.process.poll() is None, worker.output


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_nudge_is_a_warning_and_a_job_an_error_that_says_why(
    refusing_server: RefusingServer, queueing_app: Flask, notes_file: Path, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    assert accepts_jobs()
    refusing_server.begin(kind)
    message = f"The queue server refuses: {REFUSALS[kind].cause}"
    with pytest.raises(QueueRefused) as refused:
        enqueue(sample_jobs.write, str(notes_file), "x")
    assert str(refused.value) == message
    with pytest.raises(QueueRefused):
        check_app_queue()
    assert try_enqueue(sample_jobs.write, str(notes_file), "x") is False
    assert f"waits for the schedule: {message}" in caplog.text


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_hub_starts_with_a_server_that_refuses_unless_the_password_is_wrong(
    refusing_server: RefusingServer, queue_server: Valkey, hub_settings: Settings, kind: str
) -> None:
    refusing_server.begin(kind)
    assert is_ready(queue_server.data_dir) == (kind != "NOAUTH")
    settings = hub_settings.model_copy(update={"redis_url": queue_server.url})
    with pytest.raises(CannotStart) if kind == "NOAUTH" else nullcontext():
        check_queue_server(settings)


@pytest.fixture
def hub(start: StartCommand) -> tuple[RunningCommand, int]:
    """A running hub with the embedded queue server, and its port."""
    port = free_port()
    run = start("-m", "flask", "--app", "app", "up", "--no-demo", PORT=str(port), HUB_WEB_WORKERS="1")
    run.wait_for(f"http://127.0.0.1:{port}", seconds=90)
    return run, port


def test_a_hub_whose_queue_server_refuses_serves_its_pages_and_recovers(
    hub: tuple[RunningCommand, int], queueing_app: Flask, hub_settings: Settings, notes_file: Path
) -> None:
    """Its parts are killed meanwhile, so that they start against a server that refuses."""
    run, port = hub
    with Redis.from_url(server_url(hub_settings.data_dir)) as connection:
        connection.config_set("maxmemory", "1")
        for words in ("worker of default", "customer-hub: scheduler"):
            wait_until(lambda words=words: run.find(words), seconds=90)
            os.kill(run.find(words)[0], signal.SIGKILL)
        wait_until(lambda: run.output.count("waiting for the queue server: it refuses: its memory is full") >= 3)
        time.sleep(5)
        assert "ended with exit code" not in run.output, run.output
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as answer:
            assert answer.status == 200
        connection.config_set("maxmemory", "0")
    wait_until(lambda: try_enqueue(sample_jobs.write, str(notes_file), "after"))
    wait_until(lambda: read_lines(notes_file) == ["after"], seconds=45)
    assert run.process.poll() is None


# --- An emptied server -------------------------------------------------------------------------------------


def test_workers_register_again_with_a_server_that_was_emptied(
    queue_server: Valkey, queueing_app: Flask, start_worker: StartCommand, notes_file: Path
) -> None:
    worker = start_worker()
    with queue_server.connect() as connection:
        wait_until(lambda: connection.scard("rq:workers") == 1)
        names = connection.smembers("rq:workers")
        connection.flushall()
        wait_until(lambda: connection.smembers("rq:workers") == names, seconds=15)
        assert connection.hget(names.pop(), "queues") == b"default"
        assert connection.scard("rq:workers:default") == 1
    enqueue(sample_jobs.write, str(notes_file), "after")
    wait_until(lambda: read_lines(notes_file) == ["after"])
    assert worker.process.poll() is None


def test_a_worker_at_a_job_registers_again_too(
    queue_server: Valkey, queueing_app: Flask, start_worker: StartCommand, notes_file: Path
) -> None:
    start_worker()
    enqueue(sample_jobs.take_time, str(notes_file), 25.0)
    wait_until(lambda: len(read_lines(notes_file)) == 1)
    with queue_server.connect() as connection:
        connection.flushall()
        wait_until(lambda: connection.scard("rq:workers") == 1, seconds=15)
        assert "done" not in read_lines(notes_file)


def test_the_schedule_is_queued_again_after_the_server_was_emptied(
    queue_server: Valkey, queueing_app: Flask, start: StartCommand
) -> None:
    start("-m", "jobs.processes.scheduler")
    with queue_server.connect() as connection:
        wait_until(lambda: CronScheduler.all(connection))
        connection.flushall()
        wait_until(lambda: CronScheduler.all(connection), seconds=15)

    def list_queued_names() -> set[str]:
        return {job.func_name for name in ("default", "bulk") for job in get_queue(name).jobs}

    wait_until(lambda: list_queued_names() == {entry.name for entry in SCHEDULE})

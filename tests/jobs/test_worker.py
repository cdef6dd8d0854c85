"""Jobs run, are tried again when they fail or are killed, and none is lost."""

import os
import signal
import time
from pathlib import Path

import pytest
from flask import Flask
from rq import Retry
from rq.job import JobStatus

from jobs.queue import BULK, RETRY_PAUSES, QueueAway, enqueue, get_queue, nudge
from tests.jobs import work
from tests.jobs.conftest import StartCommand
from tests.servers import Valkey, wait_until


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """The file that jobs write to."""
    return tmp_path / "notes"


def lines(notes: Path) -> list[str]:
    return notes.read_text().splitlines() if notes.exists() else []


def test_each_job_has_a_process_and_an_app_context_of_its_own(
    queue_server: Valkey, queueing: Flask, start_worker: StartCommand, notes: Path
) -> None:
    worker = start_worker()
    for _ in range(3):
        enqueue(work.tell_surroundings, str(notes))
    wait_until(lambda: len(lines(notes)) == 3)
    processes, parents, answers = zip(*(line.split() for line in lines(notes)), strict=True)
    assert len(set(processes)) == 3
    assert set(parents) == {str(worker.process.pid)}
    assert set(answers) == {"42"}


def test_queued_jobs_survive_the_death_of_the_server(
    queue_server: Valkey, queueing: Flask, start_worker: StartCommand, notes: Path
) -> None:
    for number in range(200):
        enqueue(work.write, str(notes), str(number))
    queue_server.kill()
    queue_server.start()
    assert get_queue().count == 200
    start_worker()
    wait_until(lambda: len(lines(notes)) == 200, seconds=60)
    assert sorted(map(int, lines(notes))) == list(range(200))


def test_a_worker_outlives_an_outage_of_the_server(
    queue_server: Valkey, queueing: Flask, start_worker: StartCommand, notes: Path
) -> None:
    worker = start_worker()
    enqueue(work.write, str(notes), "before")
    wait_until(lambda: lines(notes) == ["before"])
    queue_server.kill()
    time.sleep(1)
    queue_server.start()
    wait_until(lambda: nudge(work.write, str(notes), "after"))
    wait_until(lambda: "after" in lines(notes))
    assert worker.process.poll() is None


def test_a_worker_waits_for_a_server_that_is_not_there_yet(
    queue_server: Valkey, queueing: Flask, start_worker: StartCommand, notes: Path
) -> None:
    enqueue(work.write, str(notes), "early")
    queue_server.kill()
    worker = start_worker()
    worker.wait_for("waiting for the queue server")
    queue_server.start()
    wait_until(lambda: lines(notes) == ["early"])


def test_a_killed_job_is_reported_and_tried_again_after_its_pause(
    queue_server: Valkey, queueing: Flask, start_worker: StartCommand, start: StartCommand, notes: Path
) -> None:
    start("-m", "jobs.scheduler")
    worker = start_worker()
    get_queue().enqueue(work.be_killed_once, str(notes), retry=Retry(max=1, interval=1))
    wait_until(lambda: lines(notes) == ["killed", "survived"])
    assert "was killed (signal 9, process" in worker.text
    assert "it is tried again" in worker.text


def test_a_failing_job_is_tried_again_by_default(
    queue_server: Valkey, queueing: Flask, start_worker: StartCommand, notes: Path
) -> None:
    job = enqueue(work.fail, str(notes))
    assert (job.retries_left, job.retry_intervals) == (len(RETRY_PAUSES), RETRY_PAUSES)
    worker = start_worker()
    wait_until(lambda: job.get_status() == JobStatus.SCHEDULED)
    assert "this job always fails" in worker.text


def test_a_worker_told_to_stop_finishes_its_job(
    queue_server: Valkey, queueing: Flask, start_worker: StartCommand, notes: Path
) -> None:
    worker = start_worker()
    enqueue(work.take_time, str(notes), 1.0)
    enqueue(work.write, str(notes), "never")
    wait_until(lambda: len(lines(notes)) == 1)
    worker.send(signal.SIGTERM)
    assert worker.wait() == 0
    assert lines(notes)[1:] == ["done"]


def test_a_job_does_not_outlive_its_worker(
    queue_server: Valkey, queueing: Flask, start_worker: StartCommand, notes: Path
) -> None:
    worker = start_worker()
    enqueue(work.take_time, str(notes), 30.0)
    wait_until(lambda: len(lines(notes)) == 1)
    process = int(lines(notes)[0].split()[1])
    assert process in worker.processes()
    os.kill(worker.process.pid, signal.SIGKILL)
    wait_until(lambda: process not in worker.processes(), seconds=3)


def test_a_long_job_does_not_hold_up_a_short_one(
    queue_server: Valkey, queueing: Flask, start_worker: StartCommand, notes: Path
) -> None:
    start_worker("bulk")
    start_worker("default")
    long = enqueue(work.take_time, str(notes), 30.0, queue=BULK)
    wait_until(lambda: len(lines(notes)) == 1)
    enqueue(work.write, str(notes), "short")
    wait_until(lambda: "short" in lines(notes))
    assert long.get_status() == JobStatus.STARTED
    assert long.timeout == 3600


def test_without_a_server_a_nudge_is_a_warning_and_a_job_an_error(
    queueing: Flask, notes: Path, caplog: pytest.LogCaptureFixture
) -> None:
    begin = time.monotonic()
    assert nudge(work.write, str(notes), "x") is False
    assert time.monotonic() - begin < 0.5
    assert "tests.jobs.work.write waits for the schedule: The queue server cannot be reached" in caplog.text
    with pytest.raises(QueueAway, match="cannot be reached"):
        enqueue(work.write, str(notes), "x")

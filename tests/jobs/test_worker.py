"""Jobs run, are tried again when they fail or are killed, and none is lost."""

import os
import signal
import time
from pathlib import Path

import pytest
from flask import Flask
from rq import Retry
from rq.job import JobStatus

from jobs.queue import BULK, RETRY_DELAYS, QueueUnavailable, enqueue, get_queue, try_enqueue
from tests.jobs.conftest import StartCommand
from tests.support import sample_jobs
from tests.support.servers import Valkey, wait_until


@pytest.fixture
def notes_file(tmp_path: Path) -> Path:
    """The file that jobs write to."""
    return tmp_path / "notes_file"


def read_lines(notes_file: Path) -> list[str]:
    return notes_file.read_text().splitlines() if notes_file.exists() else []


def test_each_job_has_a_process_and_an_app_context_of_its_own(
    queue_server: Valkey, queueing_app: Flask, start_worker: StartCommand, notes_file: Path
) -> None:
    worker = start_worker(loads_everything=True)
    for _ in range(3):
        enqueue(sample_jobs.write_surroundings, str(notes_file))
    wait_until(lambda: len(read_lines(notes_file)) == 3)
    processes, parents, answers = zip(*(line.split() for line in read_lines(notes_file)), strict=True)
    assert len(set(processes)) == 3
    assert set(parents) == {str(worker.process.pid)}
    assert set(answers) == {"42"}


def test_queued_jobs_survive_the_death_of_the_server(
    queue_server: Valkey, queueing_app: Flask, start_worker: StartCommand, notes_file: Path
) -> None:
    for number in range(200):
        enqueue(sample_jobs.write, str(notes_file), str(number))
    queue_server.kill()
    queue_server.start()
    assert get_queue().count == 200
    start_worker()
    wait_until(lambda: len(read_lines(notes_file)) == 200, seconds=60)
    assert sorted(map(int, read_lines(notes_file))) == list(range(200))


def test_a_worker_outlives_an_outage_of_the_server(
    queue_server: Valkey, queueing_app: Flask, start_worker: StartCommand, notes_file: Path
) -> None:
    worker = start_worker()
    enqueue(sample_jobs.write, str(notes_file), "before")
    wait_until(lambda: read_lines(notes_file) == ["before"])
    queue_server.kill()
    time.sleep(1)
    queue_server.start()
    wait_until(lambda: try_enqueue(sample_jobs.write, str(notes_file), "after"))
    wait_until(lambda: "after" in read_lines(notes_file))
    assert worker.process.poll() is None


def test_a_worker_waits_for_a_server_that_is_not_there_yet(
    queue_server: Valkey, queueing_app: Flask, start_worker: StartCommand, notes_file: Path
) -> None:
    enqueue(sample_jobs.write, str(notes_file), "early")
    get_queue().connection.waitaof(1, 0, 10_000)  # a server that is killed may lose what it has not written yet
    queue_server.kill()
    worker = start_worker()
    worker.wait_for("waiting for the queue server")
    queue_server.start()
    worker.wait_for("the queue server is back")
    wait_until(lambda: read_lines(notes_file) == ["early"])


def test_a_killed_job_is_reported_and_tried_again_after_its_pause(
    queue_server: Valkey, queueing_app: Flask, start_worker: StartCommand, start: StartCommand, notes_file: Path
) -> None:
    start("-m", "jobs.processes.scheduler")
    worker = start_worker()
    get_queue().enqueue(sample_jobs.kill_process_once, str(notes_file), retry=Retry(max=1, interval=1))
    wait_until(lambda: read_lines(notes_file) == ["killed", "survived"])
    assert "was killed (signal 9, process" in worker.output
    assert "it is tried again" in worker.output


def test_a_failing_job_is_tried_again_by_default(
    queue_server: Valkey, queueing_app: Flask, start_worker: StartCommand, notes_file: Path
) -> None:
    job = enqueue(sample_jobs.fail, str(notes_file))
    assert (job.retries_left, job.retry_intervals) == (len(RETRY_DELAYS), RETRY_DELAYS)
    worker = start_worker()
    wait_until(lambda: job.get_status() == JobStatus.SCHEDULED)
    assert "this job always fails" in worker.output


def test_a_worker_told_to_stop_finishes_its_job(
    queue_server: Valkey, queueing_app: Flask, start_worker: StartCommand, notes_file: Path
) -> None:
    worker = start_worker()
    enqueue(sample_jobs.take_time, str(notes_file), 1.0)
    enqueue(sample_jobs.write, str(notes_file), "never")
    wait_until(lambda: len(read_lines(notes_file)) == 1)
    worker.send(signal.SIGTERM)
    assert worker.wait() == 0
    assert read_lines(notes_file)[1:] == ["done"]


def test_a_job_does_not_outlive_its_worker(
    queue_server: Valkey, queueing_app: Flask, start_worker: StartCommand, notes_file: Path
) -> None:
    worker = start_worker()
    enqueue(sample_jobs.take_time, str(notes_file), 30.0)
    wait_until(lambda: len(read_lines(notes_file)) == 1)
    process = int(read_lines(notes_file)[0].split()[1])
    assert process in worker.list_processes()
    os.kill(worker.process.pid, signal.SIGKILL)
    wait_until(lambda: process not in worker.list_processes(), seconds=3)


def test_a_long_job_does_not_hold_up_a_short_one(
    queue_server: Valkey, queueing_app: Flask, start_worker: StartCommand, notes_file: Path
) -> None:
    start_worker("bulk")
    start_worker("default")
    long = enqueue(sample_jobs.take_time, str(notes_file), 30.0, queue=BULK)
    wait_until(lambda: len(read_lines(notes_file)) == 1)
    enqueue(sample_jobs.write, str(notes_file), "short")
    wait_until(lambda: "short" in read_lines(notes_file))
    assert long.get_status() == JobStatus.STARTED
    assert long.timeout == 3600


def test_without_a_server_a_nudge_is_a_warning_and_a_job_an_error(
    queueing_app: Flask, notes_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    begin = time.monotonic()
    assert try_enqueue(sample_jobs.write, str(notes_file), "x") is False
    assert time.monotonic() - begin < 2, "a server that is not there is not waited for"
    assert "tests.support.sample_jobs.write waits for the schedule: The queue server cannot be reached" in caplog.text
    with pytest.raises(QueueUnavailable, match="cannot be reached"):
        enqueue(sample_jobs.write, str(notes_file), "x")

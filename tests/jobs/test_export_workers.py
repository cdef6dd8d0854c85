"""Exports and the processes that write them: killed in the middle, and two at once."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from customerhub.core.config import Settings
from jobs import exports
from jobs.queue import BULK, get_queue, try_enqueue
from models.enums import TransferState
from tests.jobs.conftest import StartCommand
from tests.processes.slow_worker import KEYS
from tests.support.exports import export_facts, let_lease_lapse, lines_of, request_export, state_of
from tests.support.running_processes import RunningCommand
from tests.support.servers import wait_until
from tests.support.two_organisations import TwoOrganisations

State = TransferState


@pytest.fixture
def notes_file(tmp_path: Path) -> Path:
    """The file that slow workers write to."""
    return tmp_path / "notes_file"


def started_chunks(notes_file: Path) -> list[tuple[int, int]]:
    """(process, first key) of each chunk that was begun."""
    note_lines = notes_file.read_text().splitlines() if notes_file.exists() else []
    return [(int(process), int(key)) for process, key in map(str.split, note_lines)]


@pytest.fixture
def start_slow_worker(start: StartCommand, settings: Settings, notes_file: Path) -> Callable[[float], RunningCommand]:
    """Starts a worker over the database of the test. A chunk takes it so many seconds."""

    def start_slow_worker(seconds: float) -> RunningCommand:
        surroundings = {
            "DATABASE_URL": settings.database_url,
            "HUB_DATA_DIR": str(settings.data_dir),
            "REDIS_URL": settings.redis_url or "",
        }
        return start("-m", "tests.processes.slow_worker", str(notes_file), str(seconds), **surroundings)

    return start_slow_worker


def test_an_export_whose_worker_was_killed_is_written_by_another(
    organisations: TwoOrganisations, start_slow_worker: Callable[[float], RunningCommand], notes_file: Path
) -> None:
    export_id = request_export(organisations, "slow")
    assert try_enqueue(exports.write, export_id, queue=BULK)
    first = start_slow_worker(0.5)
    wait_until(lambda: len(started_chunks(notes_file)) == 3)
    os.kill(first.process.pid, signal.SIGKILL)
    wait_until(lambda: not first.list_processes())
    assert state_of(export_id) is State.RUNNING
    exports.resume()
    assert get_queue(BULK).count == 0  # it might still be at work
    let_lease_lapse(export_id)
    exports.resume()
    assert get_queue(BULK).count == 1
    start_slow_worker(0)
    wait_until(lambda: state_of(export_id) is State.DONE)
    assert lines_of(export_id) == ["Key", *map(str, KEYS)]
    assert export_facts(export_id)[2] == len(KEYS)


def test_two_workers_at_once_write_an_export_once(
    organisations: TwoOrganisations, start_slow_worker: Callable[[float], RunningCommand], notes_file: Path
) -> None:
    export_id = request_export(organisations, "slow")
    for _ in range(2):
        assert try_enqueue(exports.write, export_id, queue=BULK)
    workers = [start_slow_worker(0.4), start_slow_worker(0.4)]
    wait_until(lambda: sum(each.output.count(" done in ") for each in workers) == 2)
    assert state_of(export_id) is State.DONE
    assert [key for _, key in started_chunks(notes_file)] == [0, 10, 20, 30, 40]
    assert len({process for process, _ in started_chunks(notes_file)}) == 1
    assert lines_of(export_id) == ["Key", *map(str, KEYS)]

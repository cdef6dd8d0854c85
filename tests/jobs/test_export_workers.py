"""Exports and the processes that write them: killed in the middle, and two at once."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from customerhub.config import Settings
from jobs import exports
from jobs.queue import BULK, get_queue, nudge
from models.enums import TransferState
from tests.jobs.conftest import StartCommand
from tests.jobs.exporting import asked, facts, grow_quiet, lines_of, state_of
from tests.jobs.running import Running
from tests.jobs.slow_worker import KEYS
from tests.servers import wait_until
from tests.world import World

S = TransferState


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """The file that slow workers write to."""
    return tmp_path / "notes"


def chunks(notes: Path) -> list[tuple[int, int]]:
    """(process, first key) of each chunk that was begun."""
    found = notes.read_text().splitlines() if notes.exists() else []
    return [(int(process), int(key)) for process, key in map(str.split, found)]


@pytest.fixture
def start_slow(start: StartCommand, settings: Settings, notes: Path) -> Callable[[float], Running]:
    """Starts a worker over the database of the test. A chunk takes it so many seconds."""

    def start_slow(seconds: float) -> Running:
        surroundings = {
            "DATABASE_URL": settings.database_url,
            "HUB_DATA_DIR": str(settings.data_dir),
            "REDIS_URL": settings.redis_url or "",
        }
        return start("-m", "tests.jobs.slow_worker", str(notes), str(seconds), **surroundings)

    return start_slow


def test_an_export_whose_worker_was_killed_is_written_by_another(
    world: World, start_slow: Callable[[float], Running], notes: Path
) -> None:
    export_id = asked(world, "slow")
    assert nudge(exports.write, export_id, queue=BULK)
    first = start_slow(0.5)
    wait_until(lambda: len(chunks(notes)) == 3)
    os.kill(first.process.pid, signal.SIGKILL)
    wait_until(lambda: not first.processes())
    assert state_of(export_id) is S.RUNNING
    exports.resume()
    assert get_queue(BULK).count == 0  # it might still be at work
    grow_quiet(export_id)
    exports.resume()
    assert get_queue(BULK).count == 1
    start_slow(0)
    wait_until(lambda: state_of(export_id) is S.DONE)
    assert lines_of(export_id) == ["Key", *map(str, KEYS)]
    assert facts(export_id)[2] == len(KEYS)


def test_two_workers_at_once_write_an_export_once(
    world: World, start_slow: Callable[[float], Running], notes: Path
) -> None:
    export_id = asked(world, "slow")
    for _ in range(2):
        assert nudge(exports.write, export_id, queue=BULK)
    workers = [start_slow(0.4), start_slow(0.4)]
    wait_until(lambda: sum(each.text.count(" done in ") for each in workers) == 2)
    assert state_of(export_id) is S.DONE
    assert [key for _, key in chunks(notes)] == [0, 10, 20, 30, 40]
    assert len({process for process, _ in chunks(notes)}) == 1
    assert lines_of(export_id) == ["Key", *map(str, KEYS)]

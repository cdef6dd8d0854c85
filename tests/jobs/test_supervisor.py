"""A group of programs starts, lives and ends together, whatever happens to one of them."""

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.running_processes import RunningCommand
from tests.support.servers import wait_until

Start = Callable[[str], RunningCommand]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a group of tests/support/process_groups.py."""
    started: list[RunningCommand] = []

    def start(name: str) -> RunningCommand:
        words = ["-m", "tests.support.process_groups", name, str(tmp_path / "file")]
        started.append(RunningCommand(words, tmp_path / f"{len(started)}.log"))
        return started[-1]

    yield start
    for run in started:
        run.end()


def test_lines_are_printed_under_the_name_of_their_program(start: Start) -> None:
    run = start("steady")
    run.wait_for("hello one")
    run.wait_for("hello two")
    assert {"one | hello one", "two | hello two"} <= set(run.output.splitlines())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_every_program_and_leaves_none_behind(start: Start, number: signal.Signals) -> None:
    run = start("steady")
    run.wait_for("hello one")
    run.wait_for("hello two")
    run.send(number)
    assert run.wait() == 0
    assert run.list_processes() == {}
    assert {"one | bye one", "two | bye two"} <= set(run.output.splitlines())


def test_a_stage_starts_when_the_one_before_is_ready(start: Start) -> None:
    run = start("staged")
    run.wait_for("READY")
    run.wait_for("hello second")
    assert run.output.index("written") < run.output.index("hello second")


def test_a_stage_ends_before_the_one_it_stands_on(start: Start) -> None:
    run = start("stages")
    run.wait_for("hello above")
    run.send(signal.SIGTERM)
    assert run.wait() == 0
    assert run.output.index("bye above") < run.output.index("bye below")


def test_a_killed_program_is_started_again(start: Start) -> None:
    run = start("steady")
    run.wait_for("hello two")
    run.wait_for("READY")
    os.kill(run.find("hello two")[0], signal.SIGKILL)
    wait_until(lambda: run.output.count("hello two") == 2)
    assert "two was killed by SIGKILL; restarting in 0.05 s" in run.output
    assert run.output.count("hello one") == 1
    assert run.process.poll() is None


def test_a_program_that_keeps_ending_is_tried_for_good_while_the_others_go_on(start: Start) -> None:
    run = start("failing")
    wait_until(lambda: run.output.count("failing | no luck") == 9)
    pauses = [float(pause) for pause in re.findall(r"restarting in ([\d.]+) s", run.output)]
    assert pauses[:8] == [0.05, 0.1, 0.2, 0.4, 0.8, 0.9, 0.9, 0.9]
    assert run.output.count("failing keeps ending: 5 restarts failed; the other parts go on without it") == 1
    assert run.output.count("hello one") == 1
    run.send(signal.SIGTERM)
    assert run.wait() == 0
    assert run.list_processes() == {}


def test_a_function_has_a_process_of_its_own_with_nothing_of_the_supervisor(start: Start) -> None:
    run = start("forked")
    run.wait_for("signals")
    assert {
        "teller  | session of its own True",
        "teller  | files ['/dev/null', 'pipe', 'pipe']",
        "teller  | signals ['SIG_DFL', 'SIG_DFL']",
    } <= set(run.output.splitlines())
    assert len(run.find("customer-hub: teller")) == 1


def test_an_error_of_a_function_is_printed_and_ends_its_process_alone(start: Start) -> None:
    run = start("forked")
    wait_until(lambda: run.output.count("raising | RuntimeError: no luck") == 2)
    assert "raising ended with exit code 1; restarting in 0.05 s" in run.output
    assert run.output.count("session of its own") == 1
    run.send(signal.SIGTERM)
    assert run.wait() == 0
    assert run.list_processes() == {}


def test_a_program_that_ends_before_the_group_is_ready_takes_it_down_at_once(start: Start) -> None:
    run = start("stillborn")
    assert run.wait() == 1
    assert run.list_processes() == {}
    assert "stillborn ended with exit code 1 before the hub was ready; stopping everything" in run.output
    assert "READY" not in run.output


def test_a_second_signal_kills_what_does_not_listen(start: Start) -> None:
    run = start("stubborn")
    run.wait_for("deaf")
    run.send(signal.SIGINT)
    run.wait_for("bye one")
    with pytest.raises(subprocess.TimeoutExpired):
        run.wait(1)
    run.send(signal.SIGINT)
    assert run.wait(5) == 0
    assert run.list_processes() == {}


def test_what_does_not_listen_is_killed_when_its_time_is_up(start: Start) -> None:
    run = start("impatient")
    run.wait_for("deaf")
    run.send(signal.SIGINT)
    assert run.wait(5) == 0
    assert run.list_processes() == {}


def test_no_program_outlives_a_killed_supervisor(start: Start) -> None:
    run = start("stubborn")
    run.wait_for("deaf")
    run.wait_for("hello one")
    os.kill(run.process.pid, signal.SIGKILL)
    run.wait()
    wait_until(lambda: not run.find("deaf") and not run.find("hello one"), seconds=3)

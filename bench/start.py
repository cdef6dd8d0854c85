"""How long the hub takes to start, and how much memory its processes take together.

    python -m bench start [--rounds 5]

The group of `up` over a prepared empty database, beside the same programs, each started by itself: queue server, web
server, workers and scheduler. Time is from the command to the first answer of the sign-in page, and until everything
runs; memory is the proportional set size of all processes a few seconds later, in which what several share counts
once. Both take turns in one run; figures are medians.
"""

import argparse
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from bench.report import print_table
from customerhub.core.config import load_settings
from jobs import valkey
from jobs.queue import connect

SETTLE_SECONDS = 3.0
MAX_START_SECONDS = 120.0
UP = [sys.executable, "-m", "flask", "--app", "app", "up", "--no-demo"]
WEB = [sys.executable, "-m", "gunicorn", "--config", "python:jobs.processes.gunicorn_conf", "app:create_app()"]
WORKER = [sys.executable, "-m", "flask", "--app", "app", "worker"]
SCHEDULER = [sys.executable, "-m", "jobs.processes.scheduler"]

Figures = tuple[float, float, float]  # seconds to the first page, seconds until everything runs, MB


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench start", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        ways: dict[str, Callable[[Path], Figures]] = {"one group": _start_group, "each by itself": _start_each}
        figures: dict[str, list[Figures]] = {name: [] for name in ways}
        _start_group(Path(folder))  # sets the database up
        for _ in range(options.rounds):
            for name, start in ways.items():
                figures[name].append(start(Path(folder)))
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in figures.items()
    }
    rows = [[name, *(f"{value:.2f}" for value in values[:2]), f"{values[2]:.0f}"] for name, values in medians.items()]
    print_table(("start", "first page, s", "everything, s", "memory, MB"), rows)


def _start_group(folder: Path) -> Figures:
    return _measure(folder, [UP])


def _start_each(folder: Path) -> Figures:
    settings = load_settings({"HUB_DATA_DIR": str(folder)})
    workers = [WORKER] * settings.workers + [[*WORKER, "--queue", "bulk"]]
    return _measure(folder, [valkey.server_command(folder), WEB, *workers, SCHEDULER])


def _measure(folder: Path, commands: Sequence[Sequence[str]]) -> Figures:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "HUB_DATA_DIR": str(folder), "PORT": str(port)}
    began = time.monotonic()
    running = [
        subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for command in commands
    ]
    try:
        first_page = _wait_until(began, lambda: _answers(port))
        everything = _wait_until(began, lambda: _has_all_workers(folder))
        time.sleep(SETTLE_SECONDS)
        memory = sum(_measure_memory(process.pid) for process in running)
    finally:
        for process in reversed(running):
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    return first_page, everything, memory


def _wait_until(began: float, is_true: Callable[[], bool]) -> float:
    """The seconds since `began` when it has become true."""
    while not is_true():
        if time.monotonic() - began > MAX_START_SECONDS:
            raise TimeoutError
        time.sleep(0.01)
    return time.monotonic() - began


def _answers(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/sign-in", timeout=10) as answer:
        return bool(answer.status == 200)
    return False


def _has_all_workers(folder: Path) -> bool:
    settings = load_settings({"HUB_DATA_DIR": str(folder)})
    connection = connect(settings)
    try:
        return connection.scard("rq:workers") == settings.workers + 1
    finally:
        connection.close()


def _measure_memory(process: int) -> float:
    """The proportional set size of a process and all it has started, in MB."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    own = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    children = [int(number) for file in tasks for number in file.read_text().split()]
    return own / 1024 + sum(map(_measure_memory, children))

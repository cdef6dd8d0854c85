"""Programs that are forked from one that has imported the hub, which saves each of them two seconds of work."""

import atexit
import functools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, TextIO

from customerhub.core.config import Settings
from jobs.processes.parent_death import die_with_parent
from models.base import db

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60


class ForkedProcess:
    """A command that begins with -m, handled as subprocess.Popen is.

    It prints to `log`; without one, its input and output are pipes of lines.
    """

    def __init__(self, words: list[str], environment: Mapping[str, str], log: IO[bytes] | None = None) -> None:
        self.returncode: int | None = None
        self.stdin: TextIO | None = None
        self.stdout: TextIO | None = None
        self._answers, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if log:
            files = [os.open(os.devnull, os.O_RDONLY), os.dup(log.fileno()), os.dup(log.fileno())]
        else:
            files = [*self._open_pipes(), os.dup(2)]
        message = json.dumps({"words": words, "environment": dict(environment)})
        with theirs:
            socket.send_fds(_start_server(), [message.encode()], [*files, theirs.fileno()])
        for number in files:
            os.close(number)
        self._answers.settimeout(START_SECONDS)
        self.keeper, self.pid = map(int, self._answers.recv(100).split())

    def _open_pipes(self) -> tuple[int, int]:
        input_end, own_input = os.pipe()
        own_output, output_end = os.pipe()
        self.stdin, self.stdout = os.fdopen(own_input, "w"), os.fdopen(own_output)
        return input_end, output_end

    def poll(self) -> int | None:
        return self._read_code(0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._read_code(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return code

    def _read_code(self, timeout: float | None) -> int | None:
        if self.returncode is None:
            self._answers.settimeout(timeout)
            try:
                answer = self._answers.recv(100)
            except (BlockingIOError, TimeoutError):
                return None
            self.returncode = int(answer or -signal.SIGKILL)
            self._answers.close()
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def write_line(self, line: str = "") -> None:
        assert self.stdin is not None
        self.stdin.write(f"{line}\n")
        self.stdin.flush()

    def read_line(self) -> str:
        assert self.stdout is not None
        return self.stdout.readline()

    def read_answer(self, seconds: float) -> Any:
        """What it prints last, once it has ended well."""
        assert self.stdout is not None
        printed = self.stdout.read()
        assert self.wait(seconds) == 0
        return json.loads(printed.splitlines()[-1])

    def end(self) -> None:
        """Leave nothing of it."""
        self.kill()
        self.wait()
        for pipe in (self.stdin, self.stdout):
            if pipe:
                with suppress(BrokenPipeError):  # what was not read by it
                    pipe.close()


def start_program(settings: Settings, module: str, *words: object) -> ForkedProcess:
    """Start a program over the database of the test. Nothing of it is held open here any more."""
    db.session.commit()
    environment = os.environ | {
        "DATABASE_URL": settings.database_url,
        "HUB_DATA_DIR": str(settings.data_dir),
        "HUB_SECRET_KEY": "tests",
        "REDIS_URL": settings.redis_url or "",
        "HUB_SANDBOX_PORT": str(settings.sandbox_port),
    }
    return ForkedProcess(["-m", module, *map(str, words)], environment)


def run_program(settings: Settings, module: str, work: Any, *, seconds: float) -> Any:
    """What a program answers that is told its work as JSON."""
    process = start_program(settings, module)
    try:
        process.write_line(json.dumps(work))
        return process.read_answer(seconds)
    finally:
        process.end()


@functools.cache
def _start_server() -> socket.socket:
    """Where to send requests to."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    parent = os.getpid()
    with theirs:
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.processes.fork_server", str(theirs.fileno())],
            cwd=ROOT,
            env=os.environ | {"SPT_NOENV": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
            preexec_fn=lambda: prepare_child(parent),
        )

    def stop_server() -> None:
        ours.close()
        server.wait(START_SECONDS)

    atexit.register(stop_server)
    return ours


def prepare_child(parent: int) -> None:
    """The first thing in the new process. Tests run under nohup hand on that hanging up is ignored."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    die_with_parent(parent)


def list_descendants(number: int) -> set[int]:
    """The processes below one, at any depth."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # ended meanwhile
            continue
        parents[int(path.parent.name)] = int(fields[1])
    found, level = set(), {number}
    while level:
        level = {child for child, parent in parents.items() if parent in level}
        found |= level
    return found

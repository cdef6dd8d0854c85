"""The supervisor of a group of programs that start and end together.

One thread, one loop: it prints the programs' lines under their names, restarts a program that ends for as long as it
takes, whereas the others go on, and leaves nothing running: not even when it is killed itself. Only a program that
fails before the group is ready ends it.
"""

import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from jobs.processes.forking import fork_process

READY_SECONDS = 120.0  # how long the group may take to start
STABLE_SECONDS = 60.0  # a program that lived that long starts with a clean record
MAX_RESTARTS = 5  # in a row, each before STABLE_SECONDS; further ones have the longest pause
MAX_RESTART_DELAY = 30.0  # seconds before a restart
SAME_SIGNAL_SECONDS = 0.5  # a signal repeated within that time is one


@dataclass(frozen=True)
class Program:
    """One program of a group, as data.

    `run` is called in its process, see jobs.processes.forking. `stage`: a stage starts when all programs of the one
    before are ready, and stops when all of the one after have ended. `stop_timeout`: seconds from being asked to end to
    being killed. `descriptors` are inherited.
    """

    name: str
    run: Callable[[], int]
    stage: int = 0
    is_ready: Callable[[], bool] = lambda: True
    environment: Mapping[str, str] = field(default_factory=dict)
    descriptors: tuple[int, ...] = ()
    stop_timeout: float = 10.0


class GroupFailed(Exception):
    """The group cannot start. The message is one line that names the program and the cause."""


class _Child:
    """A program and, while it runs, its process."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.process: int | None = None  # its number
        self.output = -1  # the descriptor its lines come from
        self.started_at = 0.0
        self.failure_count = 0
        self.restart_at: float | None = None
        self._partial_line = b""

    def start(self) -> None:
        self.started_at, self.restart_at = time.monotonic(), None
        self.output, writer = os.pipe2(os.O_CLOEXEC)
        program = self.program
        self.process = fork_process(
            program.run,
            title=program.name,
            output=writer,
            environment=program.environment,
            descriptors=program.descriptors,
        )
        os.close(writer)
        os.set_blocking(self.output, False)

    def read_lines(self) -> list[str] | None:
        """The whole lines it has written since the last call; None when no more will come."""
        try:
            piece = os.read(self.output, 65536)
        except BlockingIOError:
            return []
        if not piece:
            return None
        *lines, self._partial_line = (self._partial_line + piece).split(b"\n")
        return [line.decode(errors="replace") for line in lines]

    def read_last_lines(self) -> list[str]:
        """What is left to read of an ended process, a line without an end included."""
        lines = []
        while new_lines := self.read_lines():
            lines += new_lines
        return [*lines, self._partial_line.decode(errors="replace")] if self._partial_line else lines

    def has_ended(self) -> bool:
        """Whether the process has ended. It is not collected yet, so its number cannot be somebody else's."""
        assert self.process is not None
        return os.waitid(os.P_PID, self.process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def send(self, number: int) -> None:
        if self.process is not None:
            os.kill(self.process, number)

    def kill_group(self) -> None:
        """Kill it and everything it has started in its session's first group."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process, signal.SIGKILL)

    def collect(self) -> str:
        """Take leave of an ended process; says how it ended."""
        assert self.process is not None
        _, status = os.waitpid(self.process, 0)
        os.close(self.output)
        self.process, self._partial_line = None, b""
        code = os.waitstatus_to_exitcode(status)
        return f"ended with exit code {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"


class Supervisor:
    """Runs `programs`; calls `when_ready` once, as soon as all of them are ready.

    `first_restart_delay`: seconds before a program that ended is restarted; each further time it is twice as long, and
    `max_restart_delay` from the sixth on.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        when_ready: Callable[[], None],
        first_restart_delay: float = 0.5,
        max_restart_delay: float = MAX_RESTART_DELAY,
    ) -> None:
        self._children = [_Child(program) for program in programs]
        self._when_ready = when_ready
        self._first_restart_delay = first_restart_delay
        self._max_restart_delay = max_restart_delay
        self._width = max(len(program.name) for program in programs)
        self._selector = selectors.DefaultSelector()
        self._signals: list[tuple[int, float]] = []
        self._all_ready = False

    def run(self) -> int:
        """Run the group until a signal or its failure to start ends it; returns the exit code."""
        self._listen_to_signals()
        code = 0
        try:
            self._start()
            while not self._signals:
                self._process_events()
            self.print_line("stopping")
        except GroupFailed as error:
            self.print_line(f"{error}; stopping everything")
            code = 1
        finally:
            self._stop()
        return code

    def print_line(self, line: str, name: str = "hub") -> None:
        """Print `line` under `name`; where nobody reads any more, end the group."""
        try:
            print(f"{name:<{self._width}} | {line}", flush=True)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self._record_signal(signal.SIGPIPE, None)

    def _listen_to_signals(self) -> None:
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector.register(reader, selectors.EVENT_READ)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # it is, under nohup
                signal.signal(number, self._record_signal)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only to wake up

    def _record_signal(self, number: int, frame: object) -> None:
        now = time.monotonic()
        if not self._signals or now - self._signals[-1][1] > SAME_SIGNAL_SECONDS:
            self._signals.append((number, now))

    def _start(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        for stage in self._stages():
            for child in stage:
                self._launch(child)
            while not all(child.program.is_ready() for child in stage):
                if self._signals:
                    return
                if time.monotonic() > deadline:
                    names = ", ".join(c.program.name for c in stage if not c.program.is_ready())
                    raise GroupFailed(f"{names} did not answer within {READY_SECONDS:.0f} s")
                self._process_events(0.05)
        self._all_ready = True
        self._when_ready()

    def _stages(self) -> list[list[_Child]]:
        numbers = sorted({child.program.stage for child in self._children})
        return [[child for child in self._children if child.program.stage == number] for number in numbers]

    def _launch(self, child: _Child) -> None:
        child.start()
        self._selector.register(child.output, selectors.EVENT_READ, child)

    def _process_events(self, max_wait: float = 1.0) -> None:
        """Wait for something to happen, `max_wait` seconds at most, and deal with it."""
        now = time.monotonic()
        restart_delays = [child.restart_at - now for child in self._children if child.restart_at is not None]
        for key, _ in self._selector.select(max(0.0, min([max_wait, *restart_delays]))):
            if isinstance(key.data, _Child):
                self._print_lines(key.data)
            else:
                os.read(key.fd, 4096)  # the byte that a signal wrote
        for child in self._children:
            if child.process is not None and child.has_ended():
                self._handle_exit(child)
            elif child.restart_at is not None and time.monotonic() >= child.restart_at:
                self._launch(child)

    def _print_lines(self, child: _Child) -> None:
        lines = child.read_lines()
        if lines is None:
            self._selector.unregister(child.output)
        for line in lines or []:
            self.print_line(line, child.program.name)

    def _handle_exit(self, child: _Child) -> None:
        """Take leave of a child that has ended, and plan its restart unless the group is stopping."""
        child.kill_group()
        if child.output in self._selector.get_map():
            self._selector.unregister(child.output)
        for line in child.read_last_lines():
            self.print_line(line, child.program.name)
        exit_description = child.collect()
        name = child.program.name
        if self._signals:
            return
        if not self._all_ready:
            raise GroupFailed(f"{name} {exit_description} before the hub was ready")
        child.failure_count = 1 if time.monotonic() - child.started_at > STABLE_SECONDS else child.failure_count + 1
        delay = self._restart_delay(child.failure_count)
        child.restart_at = time.monotonic() + delay
        self.print_line(f"{name} {exit_description}; restarting in {delay:g} s")
        if child.failure_count == MAX_RESTARTS + 1:
            self.print_line(f"{name} keeps ending: {MAX_RESTARTS} restarts failed; the other parts go on without it")

    def _restart_delay(self, failure_count: int) -> float:
        if failure_count > MAX_RESTARTS:
            return self._max_restart_delay
        return min(self._first_restart_delay * 2.0 ** (failure_count - 1), self._max_restart_delay)

    def _stop(self) -> None:
        """End all programs, the last stage first; a second signal, or running out of patience, kills."""
        self._signals.append((0, time.monotonic()))  # from here on nothing is restarted
        signal_count = len(self._signals)
        for child in self._children:
            child.restart_at = None
        for stage in reversed(self._stages()):
            for child in stage:
                child.send(signal.SIGTERM)
            started_at = time.monotonic()
            while running := [child for child in stage if child.process is not None]:
                for child in running:
                    if len(self._signals) > signal_count or time.monotonic() - started_at > child.program.stop_timeout:
                        child.kill_group()
                self._process_events(0.1)

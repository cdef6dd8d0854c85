"""Command lines run by tests, and what they leave behind."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.support.forked_processes import ROOT, ForkedProcess, list_descendants, prepare_child
from tests.support.servers import wait_until


class RunningCommand:
    """A Python command in a process of its own, forked from one that has imported the hub.

    One that `loads_everything` starts from nothing, as people start it: its processes are recognised by a mark in their
    environment, or by the name of the folder of `log` in their title, because Valkey writes its title over its
    environment, and setproctitle does without SPT_NOENV.
    """

    def __init__(
        self,
        words: list[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        *,
        loads_everything: bool = False,
    ) -> None:
        self._mark = f"HUB_TEST_RUN={uuid.uuid4().hex}"
        self._log = log
        name, value = self._mark.split("=")
        surroundings = {**os.environ, **(environment or {}), name: value, "SPT_NOENV": "1"}
        self.process: subprocess.Popen[bytes] | ForkedProcess
        with log.open("wb") as file:
            if words[0] == "-m" and not loads_everything:
                self.process = ForkedProcess(words, surroundings, file)
                return
            parent = os.getpid()
            self.process = subprocess.Popen(
                [sys.executable, *words],
                cwd=ROOT,
                env=surroundings,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: prepare_child(parent),
            )

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._log.read_text()

    def wait_for(self, text: str, seconds: float = 30) -> None:
        wait_until(lambda: text in self.output or self._fail_if_ended(text), seconds)

    def _fail_if_ended(self, text: str) -> bool:
        if self.process.poll() is not None and text not in self.output:
            raise AssertionError(f"ended with {self.process.returncode} and without {text!r}:\n{self.output}")
        return False

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = 30) -> int:
        return self.process.wait(seconds)

    def list_processes(self) -> dict[int, str]:
        """Number and command line of every living process of the run."""
        forked = list_descendants(self.process.keeper) if isinstance(self.process, ForkedProcess) else set()
        command_lines = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # ended meanwhile
                words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                marked = self._mark.encode() in (folder / "environ").read_bytes().split(b"\0")
                if words and (marked or int(folder.name) in forked or str(self._log.parent) in words):
                    command_lines[int(folder.name)] = words
        return command_lines

    def find(self, words: str) -> list[int]:
        """The processes whose command line has `words` in it."""
        return sorted(number for number, line in self.list_processes().items() if words in line)

    def end(self) -> None:
        """Leave nothing running, however the test went."""
        for number in self.list_processes():
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        self.process.wait(10)

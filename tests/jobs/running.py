"""Command lines run by tests, and what they leave behind."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from jobs.parent_death import die_with_parent
from tests.servers import wait_until

ROOT = Path(__file__).resolve().parents[2]


class Running:
    """A Python command in a process of its own.

    Whatever it starts can be told by a mark in its environment, or by the name of the folder of `log` in its title:
    Valkey writes its title over its environment.
    """

    def __init__(self, words: list[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self._mark = f"HUB_TEST_RUN={uuid.uuid4().hex}"
        self._log = log
        name, value = self._mark.split("=")
        parent = os.getpid()
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, *words],
                cwd=ROOT,
                env={**os.environ, **(environment or {}), name: value},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: _begin(parent),
            )

    @property
    def text(self) -> str:
        """What it has printed so far."""
        return self._log.read_text()

    def wait_for(self, text: str, seconds: float = 30) -> None:
        wait_until(lambda: text in self.text or self._ended_without(text), seconds)

    def _ended_without(self, text: str) -> bool:
        if self.process.poll() is not None and text not in self.text:
            raise AssertionError(f"ended with {self.process.returncode} and without {text!r}:\n{self.text}")
        return False

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = 30) -> int:
        return self.process.wait(seconds)

    def processes(self) -> dict[int, str]:
        """Number and command line of every living process of the run."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # ended meanwhile
                words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                marked = self._mark.encode() in (folder / "environ").read_bytes().split(b"\0")
                if words and (marked or str(self._log.parent) in words):
                    found[int(folder.name)] = words
        return found

    def find(self, words: str) -> list[int]:
        """The processes whose command line has `words` in it."""
        return sorted(number for number, line in self.processes().items() if words in line)

    def end(self) -> None:
        """Leave nothing running, however the test went."""
        for number in self.processes():
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        self.process.wait(10)


def _begin(parent: int) -> None:
    """The first thing in the new process. Tests run under nohup hand on that hanging up is ignored."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    die_with_parent(parent)

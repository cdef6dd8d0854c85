"""Small groups of programs to try the supervisor on: python -m tests.support.process_groups NAME."""

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from jobs.processes.forking import build_execution
from jobs.processes.supervisor import Program, Supervisor

STUBBORN_SCRIPT = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
)


def sleeping_program(name: str, stage: int = 1) -> Program:
    """Sleeps; says hello and goodbye."""
    script = f"trap 'echo bye {name}; exit 0' TERM; echo hello {name}; while :; do sleep 0.02; done"
    return Program(name, build_execution(["sh", "-c", script]), stage=stage)


def late_program(file: Path) -> Program:
    """Ready when it has written `file`, which takes it a moment."""
    script = f"sleep 0.5; echo written; touch '{file}'; exec sleep 60"
    return Program("late", build_execution(["sh", "-c", script]), stage=0, is_ready=file.exists)


def forked_program(name: str, run: Callable[[], int]) -> Program:
    return Program(name, run, stage=1)


def tell_surroundings() -> int:
    """Print what a function finds in its process, and wait."""
    files = []
    for number in range(100):
        with suppress(OSError):
            files.append(str(Path(f"/proc/self/fd/{number}").readlink()).partition(":")[0])
    print("session of its own", os.getsid(0) == os.getpid())
    print("files", files)
    print("signals", [signal.getsignal(each).name for each in (signal.SIGTERM, signal.SIGCHLD)])
    time.sleep(60)
    return 0


def fail() -> int:
    time.sleep(0.1)
    raise RuntimeError("no luck")


def program_groups(file: Path) -> dict[str, list[Program]]:
    return {
        "steady": [sleeping_program("one"), sleeping_program("two")],
        "staged": [sleeping_program("second"), late_program(file)],
        "stages": [sleeping_program("above"), sleeping_program("below", stage=0)],
        "stubborn": [
            sleeping_program("one"),
            Program("stubborn", build_execution([sys.executable, "-c", STUBBORN_SCRIPT]), stop_timeout=60),
        ],
        "impatient": [Program("stubborn", build_execution([sys.executable, "-c", STUBBORN_SCRIPT]), stop_timeout=0.5)],
        "failing": [
            sleeping_program("one"),
            Program("failing", build_execution(["sh", "-c", "sleep 0.1; printf 'no luck'; exit 7"])),
        ],
        "forked": [forked_program("teller", tell_surroundings), forked_program("raising", fail)],
        "stillborn": [
            sleeping_program("one"),
            Program("stillborn", build_execution(["false"]), is_ready=lambda: False),
        ],
    }


if __name__ == "__main__":
    programs = program_groups(Path(sys.argv[2]))[sys.argv[1]]
    supervisor = Supervisor(
        programs, lambda: print("READY", flush=True), first_restart_delay=0.05, max_restart_delay=0.9
    )
    sys.exit(supervisor.run())

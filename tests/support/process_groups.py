"""Small groups of programs to try the supervisor on: python -m tests.support.process_groups NAME."""

import sys
from pathlib import Path

from jobs.processes.supervisor import Program, Supervisor

STUBBORN_SCRIPT = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
)


def sleeping_program(name: str, stage: int = 1) -> Program:
    """Sleeps; says hello and goodbye."""
    script = f"trap 'echo bye {name}; exit 0' TERM; echo hello {name}; while :; do sleep 0.02; done"
    return Program(name, ["sh", "-c", script], stage=stage)


def late_program(file: Path) -> Program:
    """Ready when it has written `file`, which takes it a moment."""
    script = f"sleep 0.5; echo written; touch '{file}'; exec sleep 60"
    return Program("late", ["sh", "-c", script], stage=0, is_ready=file.exists)


def program_groups(file: Path) -> dict[str, list[Program]]:
    return {
        "steady": [sleeping_program("one"), sleeping_program("two")],
        "staged": [sleeping_program("second"), late_program(file)],
        "stages": [sleeping_program("above"), sleeping_program("below", stage=0)],
        "stubborn": [
            sleeping_program("one"),
            Program("stubborn", [sys.executable, "-c", STUBBORN_SCRIPT], stop_timeout=60),
        ],
        "impatient": [Program("stubborn", [sys.executable, "-c", STUBBORN_SCRIPT], stop_timeout=0.5)],
        "failing": [sleeping_program("one"), Program("failing", ["sh", "-c", "sleep 0.1; printf 'no luck'; exit 7"])],
        "stillborn": [sleeping_program("one"), Program("stillborn", ["false"], is_ready=lambda: False)],
    }


if __name__ == "__main__":
    programs = program_groups(Path(sys.argv[2]))[sys.argv[1]]
    supervisor = Supervisor(
        programs, lambda: print("READY", flush=True), first_restart_delay=0.05, max_restart_delay=0.9
    )
    sys.exit(supervisor.run())

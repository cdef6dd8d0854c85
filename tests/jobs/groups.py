"""Small groups of programs to try the supervisor on: python -m tests.jobs.groups NAME."""

import sys
from pathlib import Path

from jobs.supervisor import Program, Supervisor

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
)


def sleeper(name: str, stage: int = 1) -> Program:
    """Sleeps; says hello and goodbye."""
    script = f"trap 'echo bye {name}; exit 0' TERM; echo hello {name}; while :; do sleep 0.02; done"
    return Program(name, ["sh", "-c", script], stage=stage)


def late(file: Path) -> Program:
    """Ready when it has written `file`, which takes it a moment."""
    script = f"sleep 0.5; echo written; touch '{file}'; exec sleep 60"
    return Program("late", ["sh", "-c", script], stage=0, is_ready=file.exists)


def groups(file: Path) -> dict[str, list[Program]]:
    return {
        "steady": [sleeper("one"), sleeper("two")],
        "staged": [sleeper("second"), late(file)],
        "stages": [sleeper("above"), sleeper("below", stage=0)],
        "stubborn": [sleeper("one"), Program("stubborn", [sys.executable, "-c", STUBBORN], patience=60)],
        "impatient": [Program("stubborn", [sys.executable, "-c", STUBBORN], patience=0.5)],
        "failing": [sleeper("one"), Program("failing", ["sh", "-c", "sleep 0.1; printf 'no luck'; exit 7"])],
        "stillborn": [sleeper("one"), Program("stillborn", ["false"], is_ready=lambda: False)],
    }


if __name__ == "__main__":
    chosen = groups(Path(sys.argv[2]))[sys.argv[1]]
    sys.exit(Supervisor(chosen, lambda: print("READY", flush=True), first_pause=0.05).run())

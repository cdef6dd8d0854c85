"""Jobs for the tests. Each appends one line to a file; what it gets is plain text."""

import os
import signal
import time
from pathlib import Path

from flask import current_app
from sqlalchemy import text

from models.base import db


def write(path: str, line: str) -> None:
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


def write_surroundings(path: str) -> None:
    """Writes the process, its parent and what the database says, which needs the app's context."""
    assert current_app.config["HUB"].data_dir.is_dir()
    write(path, f"{os.getpid()} {os.getppid()} {db.session.execute(text('SELECT 41 + 1')).scalar()}")


def kill_process_once(path: str) -> None:
    """Dies like a process that took too much memory, the first time."""
    if not Path(path).exists():
        write(path, "killed")
        os.kill(os.getpid(), signal.SIGKILL)
    write(path, "survived")


def fail(path: str) -> None:
    write(path, "failed")
    raise ValueError("this job always fails")


def take_time(path: str, seconds: float) -> None:
    write(path, f"begun {os.getpid()}")
    time.sleep(seconds)
    write(path, "done")


def tick() -> None:
    """Does nothing, by the clock."""

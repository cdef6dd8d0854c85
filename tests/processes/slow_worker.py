"""A worker of the bulk queue that knows one more list, "slow", which takes its time: python -m
tests.processes.slow_worker.

Words: a file that it appends "process first-key" to before it reads a chunk, and the seconds that a chunk takes.
"""

import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from app import create_app
from customerhub.core import spreadsheets
from customerhub.core.permissions import Actor
from jobs import exports
from jobs.processes import worker
from jobs.queue import BULK
from models import ListExport

KEYS = range(50)


def main(notes: Path, seconds: float) -> int:
    def cells(keys: Sequence[int]) -> list[list[str]]:
        with notes.open("a", encoding="utf-8") as file:
            file.write(f"{os.getpid()} {keys[0]}\n")
        time.sleep(seconds)
        return [[str(key)] for key in keys]

    def build_slow_export(_export: ListExport, _actor: Actor) -> exports.TableExport:
        return exports.TableExport(["Key"], {0}, KEYS, cells)

    spreadsheets.CHUNK = 10
    app = create_app()
    with app.app_context():
        exports.get_builders()["slow"] = build_slow_export
    return worker.run(app, app.config["HUB"], BULK)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2])))

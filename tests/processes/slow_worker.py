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
from customerhub.core.spreadsheets import CellKind, Row, SheetColumn, SheetFormats
from jobs import exports
from jobs.processes import worker
from jobs.queue import BULK
from models import ListExport
from models.enums import DateFormat

KEYS = range(50)


def main(notes: Path, seconds: float) -> int:
    def load_rows(keys: Sequence[int]) -> Sequence[Row]:
        with notes.open("a", encoding="utf-8") as file:
            file.write(f"{os.getpid()} {keys[0]}\n")
        time.sleep(seconds)
        return [[key] for key in keys]

    def build_slow_export(_export: ListExport, _actor: Actor) -> exports.TableExport:
        return exports.TableExport([SheetColumn("Key", CellKind.COUNT)], KEYS, load_rows, SheetFormats(DateFormat.ISO))

    spreadsheets.CHUNK = 10
    app = create_app()
    with app.app_context():
        exports.get_builders()["slow"] = build_slow_export
    return worker.run(app, app.config["HUB"], BULK)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2])))

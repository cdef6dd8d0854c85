"""A worker of the bulk queue that knows one more list, "slow", which takes its time, as operations on customers do:
python -m tests.processes.slow_worker.

Words: a file that it appends "process first-key" to before it reads a chunk, and the seconds that a chunk takes.
"""

import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from app import create_app
from customerhub.core import operation_runs, spreadsheets
from customerhub.core.operation_runs import RowResult
from customerhub.core.permissions import Actor
from customerhub.core.spreadsheets import CellKind, Row, SheetColumn, SheetFormats
from jobs import exports, operations
from jobs.processes import worker
from jobs.queue import BULK
from models import ListExport, OperationRun, OperationRunRow
from models.enums import DateFormat

KEYS = range(50)


def main(notes: Path, seconds: float) -> int:
    def take_note(first_key: int) -> None:
        with notes.open("a", encoding="utf-8") as file:
            file.write(f"{os.getpid()} {first_key}\n")
        time.sleep(seconds)

    def load_rows(keys: Sequence[int]) -> Sequence[Row]:
        take_note(keys[0])
        return [[key] for key in keys]

    def build_slow_export(_export: ListExport, _actor: Actor) -> exports.TableExport:
        return exports.TableExport([SheetColumn("Key", CellKind.COUNT)], KEYS, load_rows, SheetFormats(DateFormat.ISO))

    spreadsheets.CHUNK = operation_runs.CHUNK_SIZE = 10
    app = create_app()
    with app.app_context():
        exports.get_builders()["slow"] = build_slow_export
        perform = operations.get_performers()["customers"]

    def perform_slowly(run: OperationRun, rows: Sequence[OperationRunRow], actor: Actor) -> list[RowResult]:
        take_note(rows[0].row_id)
        return perform(run, rows, actor)

    with app.app_context():
        operations.get_performers()["customers"] = perform_slowly
    return worker.run(app, app.config["HUB"], BULK)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2])))

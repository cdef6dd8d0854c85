"""A process that saves an import, or imports a file, and can be stopped at a place: for tests that kill or race it.

Words: save IMPORT_ID | file PATH ORGANISATION_ID | dry PATH ORGANISATION_ID, then perhaps the number of a chunk: when
so many are written, and nothing is committed, it prints "here" and waits for a line.
"""

import json
import sys
from pathlib import Path

from app import create_app
from customerhub.customers.importing import checking, saving
from jobs import imports
from models import CustomerImport
from models.base import db


def main(words: list[str]) -> None:
    action, *rest = words
    checking.CHUNK_SIZE = 40
    with create_app().app_context():
        if action == "save":
            stop_after_chunks(rest[1:])
            imports.save(int(rest[0]))
            imported = db.session.get_one(CustomerImport, int(rest[0]))
            print(json.dumps({"state": imported.state.value, "problem": imported.problem}))
        else:
            stop_after_chunks(rest[2:])
            result = imports.import_file(Path(rest[0]), organisation_id=int(rest[1]), dry_run=action == "dry")
            print(json.dumps(result.as_dict() | {"peak": peak_memory()}))


def peak_memory() -> float:
    """The most memory this process has had, in MB. What getrusage tells includes that of the parent it came from."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def stop_after_chunks(chunk: list[str]) -> None:
    """Wait for a line after that many chunks were written, where a number is given."""
    if not chunk:
        return
    real, written = saving.RowSaver.save_rows, []

    def save_and_stop(self: saving.RowSaver, rows: list[checking.CheckedRow]) -> None:
        real(self, rows)
        written.append(len(rows))
        if len(written) == int(chunk[0]):
            print("here", flush=True)
            sys.stdin.readline()

    saving.RowSaver.save_rows = save_and_stop


if __name__ == "__main__":
    main(sys.argv[1:])

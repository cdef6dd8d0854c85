"""A process that does the daily job for each day it is told, until it is told no more or killed.

Reads lines "ORGANISATION_ID DAY"; answers each with how many reminders it planned. The work is done by a process forked
from this one, which has everything imported: one that was killed is followed by another at once. Each begins
with "ready" and its number.
"""

import os
import sys
from datetime import date

from app import create_app
from jobs.reminders import remind_organisation
from models.base import db


def main() -> None:
    app = create_app()
    while True:
        number = os.fork()
        if number == 0:
            with app.app_context():
                remind()
            os._exit(0)
        _, status = os.waitpid(number, 0)
        if os.WIFEXITED(status):
            return


def remind() -> None:
    print(f"ready {os.getpid()}", flush=True)
    while line := _read_line():
        organisation_id, day = line.split()
        print(remind_organisation(int(organisation_id), as_of=date.fromisoformat(day)).planned, flush=True)
        db.session.remove()


def _read_line() -> str:
    """The next line. Nothing is read ahead, which would be gone with who is killed."""
    line = b""
    while not line.endswith(b"\n") and (piece := os.read(sys.stdin.fileno(), 1)):
        line += piece
    return line.decode()


if __name__ == "__main__":
    main()

"""A process that does the daily job for each day it is told, until it is told no more or killed.

Reads lines "ORGANISATION_ID DAY"; answers each with how many reminders it planned.
"""

import sys
from datetime import date

from app import create_app
from jobs.reminders import remind_organisation
from models.base import db


def main() -> None:
    with create_app().app_context():
        print("ready", flush=True)
        for line in sys.stdin:
            organisation_id, day = line.split()
            print(remind_organisation(int(organisation_id), as_of=date.fromisoformat(day)).planned, flush=True)
            db.session.remove()


if __name__ == "__main__":
    main()

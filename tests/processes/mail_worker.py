"""A process that sends what is due, once: `python -m tests.processes.mail_worker FILE` does so as soon as FILE is
there.
"""

import logging
import os
import sys
import time
from pathlib import Path

from app import create_app
from jobs import mail
from models.base import db


def main(signal: Path) -> None:
    app = create_app()
    with app.app_context():
        db.session.connection()
        db.session.rollback()
        print("ready", flush=True)
        while not signal.exists():
            time.sleep(0.005)
        print(f"{mail.sweep()} by {os.getpid()}", flush=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(Path(sys.argv[1]))

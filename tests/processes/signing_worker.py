"""A process that asks the signing service for what is due, again and again, until its input ends or it is killed."""

import select
import sys

from app import create_app
from jobs import signing
from models.base import db

PAUSE_SECONDS = 0.05


def main() -> None:
    app = create_app()
    with app.app_context():
        print("ready", flush=True)
        while not select.select([sys.stdin], [], [], PAUSE_SECONDS)[0]:
            signing.perform_requests(max_seconds=5)
            db.session.remove()


if __name__ == "__main__":
    main()

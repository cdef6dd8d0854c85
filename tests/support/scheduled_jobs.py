"""A schedule for tests; tests/processes/periodic_scheduler.py is a scheduler over it.

Each job writes to the file named in HUB_TEST_NOTES that it begins; some take as long as HUB_TEST_SECONDS says.
"""

import os
import signal
import time

from sqlalchemy import select

from customerhub.core.errors import WrongState
from customerhub.mail import outbox
from jobs.queue import BULK
from jobs.schedule import PeriodicJob
from models import Customer, OutboxMessage
from models.base import db
from tests.support.sample_jobs import write

SECRET = "open-sesame"


def _record_start() -> None:
    write(os.environ["HUB_TEST_NOTES"], f"begun {os.getpid()}")


def _sleep() -> None:
    time.sleep(float(os.environ.get("HUB_TEST_SECONDS", "0")))


def greet_customers() -> str:
    """Puts a message to each customer into the outbox, one by one, as if there was all the time in the world."""
    write(os.environ["HUB_TEST_NOTES"], f"greets {os.getpid()}")
    found = db.session.execute(select(Customer.organisation_id, Customer.id).order_by(Customer.id)).all()
    db.session.rollback()
    for organisation_id, key in found:
        outbox.enqueue(
            organisation_id=organisation_id,
            reason_key=f"greeting {key}",
            purpose="test",
            subject="Good day",
            recipient=f"customer{key}@customer.example",
            text_body="Good day",
            html_body="<p>Good day</p>",
        )
        _sleep()
        db.session.commit()
    return f"{len(found)} greeted"


def do_nothing() -> None:
    _record_start()


def run_slowly() -> str:
    _record_start()
    _sleep()
    return "Slept well"


def fail() -> None:
    _record_start()
    raise ValueError(f"no connection to postgresql://hub:{SECRET}@db/hub")


def refuse() -> None:
    _record_start()
    raise WrongState("The period is closed")


def kill_process() -> None:
    """Ends as a process that took too much memory does."""
    _record_start()
    os.kill(os.getpid(), signal.SIGKILL)


def leave_uncommitted() -> str:
    """Leaves a change behind that it did not commit."""
    _record_start()
    message = db.session.scalars(select(OutboxMessage).limit(1)).one()
    message.subject = "Never committed"
    db.session.flush()
    return "Changed nothing"


SCHEDULE = (
    PeriodicJob(greet_customers, "* * * * *", "Greets everybody"),
    PeriodicJob(do_nothing, "* * * * *", "Says nothing", BULK),
)

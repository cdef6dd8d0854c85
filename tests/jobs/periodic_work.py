"""A schedule for tests; tests/jobs/periodic_scheduler.py is a scheduler over it.

Each job tells the file named in HUB_TEST_NOTES that it begins; some take as long as HUB_TEST_SECONDS says.
"""

import os
import signal
import time

from sqlalchemy import select

from customerhub import outbox
from customerhub.errors import WrongState
from jobs.queue import BULK
from jobs.schedule import Periodic
from models import Customer, OutboxMessage
from models.base import db
from tests.jobs.work import write

SECRET = "open-sesame"


def _begin() -> None:
    write(os.environ["HUB_TEST_NOTES"], f"begun {os.getpid()}")


def _take_time() -> None:
    time.sleep(float(os.environ.get("HUB_TEST_SECONDS", "0")))


def greet() -> str:
    """Puts a message to each customer into the outbox, one by one, as if there was all the time in the world."""
    write(os.environ["HUB_TEST_NOTES"], f"greets {os.getpid()}")
    found = db.session.execute(select(Customer.organisation_id, Customer.id).order_by(Customer.id)).all()
    db.session.rollback()
    for organisation_id, key in found:
        outbox.put(
            organisation_id=organisation_id, reason_key=f"greeting {key}", purpose="test", subject="Good day",
            recipient=f"customer{key}@customer.example", text_body="Good day", html_body="<p>Good day</p>",
        )  # fmt: skip
        _take_time()
        db.session.commit()
    return f"{len(found)} greeted"


def say_nothing() -> None:
    _begin()


def be_slow() -> str:
    _begin()
    _take_time()
    return "Slept well"


def fail() -> None:
    _begin()
    raise ValueError(f"no connection to postgresql://hub:{SECRET}@db/hub")


def refuse() -> None:
    _begin()
    raise WrongState("The period is closed")


def die() -> None:
    """Ends as a process that took too much memory does."""
    _begin()
    os.kill(os.getpid(), signal.SIGKILL)


def forget_to_commit() -> str:
    """Leaves a change behind that it did not commit."""
    _begin()
    message = db.session.scalars(select(OutboxMessage).limit(1)).one()
    message.subject = "Never committed"
    db.session.flush()
    return "Changed nothing"


TABLE = (
    Periodic(greet, "* * * * *", "Greets everybody"),
    Periodic(say_nothing, "* * * * *", "Says nothing", BULK),
)

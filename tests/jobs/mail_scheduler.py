"""The hub's scheduler with only the sweep of the outbox, every three seconds: `python -m tests.jobs.mail_scheduler`."""

import logging
import os

from customerhub.config import load_settings
from jobs import mail
from jobs.queue import connect
from jobs.schedule import Periodic
from jobs.scheduler import HubScheduler

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    entry = Periodic(mail.sweep, "* * * * * */3", "Sends the messages in the outbox that are due")
    scheduler = HubScheduler(connect(load_settings(os.environ)), [entry])
    print("ready", flush=True)
    scheduler.start()

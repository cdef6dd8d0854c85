"""The hub's scheduler with only the sweep of the outbox, every three seconds: `python -m
tests.processes.mail_scheduler`.
"""

import logging
import os

from customerhub.core.config import load_settings
from jobs import mail
from jobs.processes.scheduler import HubScheduler
from jobs.queue import connect
from jobs.schedule import PeriodicJob

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    entry = PeriodicJob(mail.sweep, "* * * * * */3", "Sends due messages from the outbox")
    scheduler = HubScheduler(connect(load_settings(os.environ)), [entry])
    print("ready", flush=True)
    scheduler.start()

"""A scheduler over the schedule of tests: `python -m tests.jobs.periodic_scheduler`."""

import logging
import os

from customerhub.config import load_settings
from jobs.queue import connect
from jobs.scheduler import HubScheduler
from tests.jobs.periodic_work import TABLE

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    scheduler = HubScheduler(connect(load_settings(os.environ)), TABLE)
    scheduler.enqueue_all()
    scheduler.start()

"""A scheduler over the schedule of tests: `python -m tests.processes.periodic_scheduler`."""

import logging
import os

from customerhub.core.config import load_settings
from jobs.processes.scheduler import HubScheduler
from jobs.queue import connect
from tests.support.scheduled_jobs import SCHEDULE

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    scheduler = HubScheduler(connect(load_settings(os.environ)), SCHEDULE)
    scheduler.enqueue_all()
    scheduler.start()

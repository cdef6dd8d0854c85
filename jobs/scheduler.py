"""The scheduler: RQ's own cron scheduler over the table in `jobs.schedule`.

It also queues the delayed retries of failed jobs. Two schedulers at once do no harm. `python -m jobs.scheduler` runs
one with the settings of the environment; it needs no app.
"""

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import ConnectionError, TimeoutError
from rq.cron import CronJob, CronScheduler
from rq.scheduler import RQScheduler

from customerhub.config import SettingError, Settings, load_settings
from jobs.periodic import job_options
from jobs.queue import JOB_TIMEOUTS, connect
from jobs.schedule import SCHEDULE, Periodic
from jobs.worker import wait_for_server

LONGEST_SLEEP = 5.0  # seconds; a delayed retry is at most that late

log = logging.getLogger(__name__)


class HubScheduler(CronScheduler):
    """RQ's cron scheduler, which outlives an outage of the server and queues delayed retries too."""

    def __init__(self, connection: Redis, table: Sequence[Periodic]) -> None:
        super().__init__(connection, logging_level=logging.WARNING)
        self._delayed = RQScheduler(list(JOB_TIMEOUTS), connection=connection, logging_level=logging.WARNING)
        self._server_is_away = False
        for entry in table:
            self.register(entry.function, entry.queue, **job_options(entry))

    def enqueue_all(self) -> None:
        """Queue every job of the table now, due or not."""
        for job in self.get_jobs():
            job.enqueue(self.connection)

    def enqueue_jobs(self) -> list[CronJob]:
        with self._outage_tolerated():
            self._delayed.acquire_locks()
            self._delayed.enqueue_scheduled_jobs()
            return super().enqueue_jobs()
        return []

    def calculate_sleep_interval(self) -> float:
        return min(super().calculate_sleep_interval(), LONGEST_SLEEP)

    def save(self, pipeline: Pipeline | None = None) -> None:
        with self._outage_tolerated():
            super().save(pipeline)

    def heartbeat(self) -> None:
        with self._outage_tolerated():
            super().heartbeat()

    def register_death(self, pipeline: Pipeline | None = None) -> None:
        with self._outage_tolerated():
            self._delayed.release_locks()
            super().register_death(pipeline)

    @contextmanager
    def _outage_tolerated(self) -> Iterator[None]:
        try:
            yield
        except (ConnectionError, TimeoutError) as error:
            if not self._server_is_away:
                log.warning("lost the queue server: %s", error)
            self._server_is_away = True
        else:
            self._server_is_away = False


def run(settings: Settings) -> int:
    """Queue what is due until told to stop by SIGTERM or SIGINT; returns the exit code."""
    logging.getLogger("rq.cron").setLevel(logging.WARNING)
    connection = connect(settings)
    wait_for_server(connection)
    scheduler = HubScheduler(connection, SCHEDULE)
    scheduler.enqueue_all()
    scheduler.start()
    return 0


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        sys.exit(run(load_settings(os.environ)))
    except SettingError as error:
        sys.exit(f"Error: {error}")

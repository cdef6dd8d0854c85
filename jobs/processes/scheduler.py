"""The scheduler: RQ's own cron scheduler over the table in `jobs.schedule`.

It also queues the delayed retries of failed jobs. Two schedulers at once do no harm. `python -m
jobs.processes.scheduler` runs one with the settings of the environment; it needs no app.
"""

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError
from rq.cron import CronJob, CronScheduler
from rq.cron_scheduler_registry import get_registry_key
from rq.exceptions import SchedulerNotFound
from rq.scheduler import RQScheduler

from customerhub.core.config import SettingError, Settings, load_settings
from jobs.processes.outage import Outage
from jobs.queue import JOB_TIMEOUTS, connect
from jobs.schedule import SCHEDULE, PeriodicJob
from jobs.schedule_runs import job_options

MAX_SLEEP_SECONDS = 5.0  # seconds; a delayed retry is at most that late


class HubScheduler(CronScheduler):
    """RQ's cron scheduler, which outlives an outage of the server and queues delayed retries too.

    It queues every job of its table when it starts, and again when the server has forgotten it: whoever emptied the
    server took the waiting jobs as well.
    """

    def __init__(self, connection: Redis, table: Sequence[PeriodicJob]) -> None:
        super().__init__(connection, logging_level=logging.WARNING)
        self._retry_scheduler = RQScheduler(list(JOB_TIMEOUTS), connection=connection, logging_level=logging.WARNING)
        self._outage = Outage()
        self._has_started = False
        self._has_failed = False  # since the last round began
        for entry in table:
            self.register(entry.function, entry.queue, **job_options(entry))

    def enqueue_all(self) -> None:
        """Queue every job of the table now, due or not."""
        for job in self.get_jobs():
            job.enqueue(self.connection)

    def register_birth(self) -> None:
        """Called by `start`; the server is told with the first jobs, since it may be away now."""
        self._has_started = True

    def enqueue_jobs(self) -> list[CronJob]:
        self._has_failed = False
        with self._tolerate_outage():
            if self._has_started and self.connection.zscore(get_registry_key(), self.name) is None:
                self.enqueue_all()
                super().register_birth()
            self._retry_scheduler.acquire_locks()
            self._retry_scheduler.enqueue_scheduled_jobs()
            return super().enqueue_jobs()
        return []

    def calculate_sleep_interval(self) -> float:
        if self._outage.is_on:  # what is due stays due, and would be tried again without a pause
            return self._outage.take_pause()
        return min(super().calculate_sleep_interval(), MAX_SLEEP_SECONDS)

    def save(self, pipeline: Pipeline | None = None) -> None:
        with self._tolerate_outage():
            super().save(pipeline)

    def heartbeat(self) -> None:
        """The end of a round."""
        with self._tolerate_outage():
            super().heartbeat()
        if not self._has_failed:
            self._outage.end()

    def register_death(self, pipeline: Pipeline | None = None) -> None:
        with self._tolerate_outage():
            self._retry_scheduler.release_locks()
            with suppress(SchedulerNotFound):
                super().register_death(pipeline)

    @contextmanager
    def _tolerate_outage(self) -> Iterator[None]:
        try:
            yield
        except RedisError as error:
            self._has_failed = True
            self._outage.begin(error)


def run(settings: Settings) -> int:
    """Queue what is due until SIGTERM or SIGINT; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("rq.cron").setLevel(logging.WARNING)
    connection = connect(settings)
    HubScheduler(connection, SCHEDULE).start()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(run(load_settings(os.environ)))
    except SettingError as error:
        sys.exit(f"Error: {error}")

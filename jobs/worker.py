"""The worker: an RQ worker that has the app loaded and forks for each job.

Each worker serves one queue, because RQ takes jobs without a gap in which they could be lost only then.
"""

import logging
import os
import time

from flask import Flask
from redis import Redis
from redis.exceptions import BusyLoadingError, ConnectionError, TimeoutError
from rq import Queue, Worker
from rq.executions import Execution
from rq.job import Job

from customerhub import rendering
from customerhub.config import Settings
from jobs.parent_death import die_with_parent
from jobs.queue import DEFAULT, RESULT_SECONDS, connect
from jobs.recording import HubJob
from models.base import db

MAINTENANCE_SECONDS = 60  # how often jobs of dead workers are looked for
MONITORING_SECONDS = 10  # how often a running job is reported alive
LONGEST_PAUSE = 15.0  # seconds between two tries to reach the server

log = logging.getLogger(__name__)


class HubWorker(Worker):
    """An RQ worker whose jobs run inside an app context of their own."""

    app: Flask

    @property
    def was_told_to_stop(self) -> bool:
        return self._shutdown_requested_date is not None

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """The first thing in a job's process."""
        die_with_parent(self.pid or 0)
        rendering.allow()
        _forget_database_connections(self.app, close=False)
        super().main_work_horse(job, queue)

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        """Run the job; True where it succeeded."""
        begin = time.monotonic()
        with self.app.app_context():
            succeeded = super().perform_job(job, queue, execution)
        level = logging.DEBUG if succeeded and job.meta.get("periodic") else logging.INFO
        outcome = "done" if succeeded else "failed"
        log.log(level, "%s %s in %.2f s", job.description, outcome, time.monotonic() - begin)
        return succeeded


def run(app: Flask, settings: Settings, queue: str = DEFAULT) -> int:
    """Work through `queue` until told to stop by SIGTERM or SIGINT; returns the exit code.

    The job at hand is finished first; a second signal ends it. Waits for a server that is away.
    """
    logging.getLogger("rq.worker").setLevel(logging.WARNING)
    log.setLevel(logging.INFO)
    _forget_database_connections(app, close=True)
    connection = connect(settings)
    while True:
        wait_for_server(connection)
        try:
            worker = _make_worker(app, connection, queue)
            worker.work(logging_level=None, with_scheduler=False)
        except (ConnectionError, TimeoutError) as error:
            log.warning("lost the queue server: %s", error)
            continue
        return 0 if worker.was_told_to_stop else 1


def wait_for_server(connection: Redis) -> None:
    """Return when the queue server answers; says once that it is waited for."""
    pause = 0.2
    while True:
        try:
            connection.ping()
        except (BusyLoadingError, ConnectionError, TimeoutError) as error:
            if pause == 0.2:
                log.warning("waiting for the queue server: %s", error)
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        else:
            return


def _make_worker(app: Flask, connection: Redis, queue: str) -> HubWorker:
    worker = HubWorker(
        [queue],
        connection=connection,
        job_class=HubJob,
        default_result_ttl=RESULT_SECONDS,
        maintenance_interval=MAINTENANCE_SECONDS,
        worker_ttl=MAINTENANCE_SECONDS + 15,  # RQ wakes 15 s before, and only then does maintenance
        job_monitoring_interval=MONITORING_SECONDS,
        work_horse_killed_handler=_report_killed_job,
    )
    worker.app = app
    worker.log_result_lifespan = False
    return worker


def _report_killed_job(job: Job, pid: int, status: int, _usage: object) -> None:
    cause = (
        f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit code {os.waitstatus_to_exitcode(status)}"
    )
    ahead = "it is tried again" if job.retries_left else "it is given up"
    log.error("%s was killed (%s, process %s); %s", job.description, cause, pid, ahead)


def _forget_database_connections(app: Flask, close: bool) -> None:
    """Drop pooled connections, so that a forked process never shares one with its parent."""
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose(close=close)

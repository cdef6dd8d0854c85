"""The worker: an RQ worker that has the app loaded and forks for each job.

Each worker serves one queue, because RQ takes jobs without a gap in which they could be lost only then. It outlives
a queue server that is away, refuses, or was emptied.
"""

import logging
import os
import sys
import time
from contextlib import suppress

from flask import Flask
from redis import Redis
from redis.client import Pipeline, PubSub, PubSubWorkerThread
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from rq import Queue, Worker, worker_registration
from rq.exceptions import StopRequested
from rq.executions import Execution
from rq.job import Job
from setproctitle import setproctitle

from customerhub.core import pdf
from customerhub.core.config import Settings
from jobs.monitoring.run_log import HubJob
from jobs.processes.outage import MAX_PAUSE, Outage
from jobs.processes.parent_death import die_with_parent
from jobs.queue import DEFAULT, RESULT_SECONDS, check_writing, connect
from models.base import db

MAINTENANCE_SECONDS = 60  # how often jobs of dead workers are looked for
MONITORING_SECONDS = 10  # how often a running job is reported alive
HEARTBEAT_SECONDS = 10  # how often an idle worker is reported alive
MAX_NAP = 0.5  # seconds between two looks at whether to stop

log = logging.getLogger(__name__)


class HubWorker(Worker):
    """An RQ worker whose jobs run inside an app context of their own."""

    app: Flask
    outage: Outage
    max_connection_wait_time = MAX_PAUSE

    @property
    def dequeue_timeout(self) -> int:
        return HEARTBEAT_SECONDS

    @property
    def is_stop_requested(self) -> bool:
        return self._shutdown_requested_date is not None

    def procline(self, message: str) -> None:
        """What `ps` lists the process as."""
        setproctitle(f"customer-hub: worker of {self.queue_names()[0]}: {message}")

    def register_birth(self) -> None:
        """Also where the server still lists it, from before an outage."""
        self.connection.delete(self.key)
        super().register_birth()  # type: ignore[no-untyped-call]

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        super().heartbeat(timeout, pipeline)
        if pipeline is None:
            self._register_if_forgotten()
            self.outage.end()

    def maintain_heartbeats(self, job: Job, execution: Execution) -> None:
        """A job whose news the server does not take goes on all the same."""
        try:
            super().maintain_heartbeats(job, execution)
            self._register_if_forgotten()
        except RedisError as error:
            self.outage.begin(error)
        else:
            self.outage.end()

    def set_shutdown_requested_date(self) -> None:
        """Called by a signal, which must not fail."""
        with suppress(RedisError):
            super().set_shutdown_requested_date()  # type: ignore[no-untyped-call]

    def _register_if_forgotten(self) -> None:
        """Somebody may have emptied the server."""
        if not self.connection.sismember(self.redis_workers_keys, self.key):
            log.warning("the queue server has forgotten this worker, which registers again")
            with self.connection.pipeline() as pipeline:
                pipeline.hset(self.key, mapping=self.serialize())
                worker_registration.register(self, pipeline)
                pipeline.expire(self.key, self.worker_ttl + 60)
                pipeline.execute()

    def unsubscribe(self) -> None:
        """End the thread that listens for commands, without a word to the server: the thread may be losing the
        connection at this very moment, and two at once on one connection fail in any way.
        """
        if self.pubsub_thread is None:
            return
        self.pubsub_thread.stop()
        with suppress(Exception):
            self.pubsub.close()
        self.pubsub_thread.join(timeout=1)
        self.pubsub_thread = None

    def _pubsub_exception_handler(self, exc: Exception, pubsub: PubSub, pubsub_thread: PubSubWorkerThread) -> None:
        """As RQ's where the server is away; whatever else ends the listening, which begins anew with the next try."""
        if isinstance(exc, RedisConnectionError) and self.pubsub_thread is pubsub_thread:
            super()._pubsub_exception_handler(exc, pubsub, pubsub_thread)
            return
        pubsub_thread.stop()
        is_closed = self.pubsub_thread is not pubsub_thread or isinstance(exc, (AttributeError, OSError, ValueError))
        log.log(logging.DEBUG if is_closed else logging.WARNING, "no longer listening for commands: %s", exc)

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """The first thing in a job's process."""
        die_with_parent(self.pid or 0)
        pdf.allow_typesetting()
        _forget_database_connections(self.app, close=False)
        super().main_work_horse(job, queue)

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        """Run the job; True where it succeeded."""
        started_at = time.monotonic()
        with self.app.app_context():
            succeeded = super().perform_job(job, queue, execution)
        level = logging.DEBUG if succeeded and job.meta.get("periodic") else logging.INFO
        outcome = "done" if succeeded else "failed"
        log.log(level, "%s %s in %.2f s", job.description, outcome, time.monotonic() - started_at)
        return succeeded


def run(app: Flask, settings: Settings, queue: str = DEFAULT) -> int:
    """Work through `queue` until SIGTERM or SIGINT; returns the exit code.

    The job at hand is finished first; a second signal ends it. Waits for a server that is away or refuses.
    """
    log.setLevel(logging.INFO)
    _forget_database_connections(app, close=True)
    outage = Outage()
    rq_log = logging.getLogger("rq.worker")
    rq_log.setLevel(logging.WARNING)
    rq_log.addFilter(_OutageFilter(outage))
    connection = connect(settings)
    worker: HubWorker | None = None
    with suppress(StopRequested):
        while not (worker and worker.is_stop_requested):
            try:
                check_writing(connection)
                worker = worker or _make_worker(app, connection, queue, outage)
                worker.work(logging_level=None, with_scheduler=False)
            except RedisError as error:
                outage.begin(error)
            if outage.is_on:
                _prepare_next_try(worker, outage.take_pause())
            elif worker and not worker.is_stop_requested:
                return 1  # an error of another kind, which RQ has logged
    return 0


def _prepare_next_try(worker: HubWorker | None, pause: float) -> None:
    """Leave nothing of the failed try behind, and wait for `pause` seconds or until `worker` is to stop."""
    if worker:
        worker.executions.clear()
        worker.unsubscribe()
    deadline = time.monotonic() + pause
    while (left := deadline - time.monotonic()) > 0 and not (worker and worker.is_stop_requested):
        time.sleep(min(left, MAX_NAP))


class _OutageFilter(logging.Filter):
    """Leaves it to `outage` to tell what RQ logs about the server at every try, partly with the stack of calls."""

    def __init__(self, outage: Outage) -> None:
        super().__init__()
        self._outage = outage
        self._process = os.getpid()

    def filter(self, record: logging.LogRecord) -> bool:
        error = sys.exc_info()[1]
        if not isinstance(error, RedisError) or os.getpid() != self._process:  # another process is a job's
            return True
        self._outage.begin(error)
        return False


def _make_worker(app: Flask, connection: Redis, queue: str, outage: Outage) -> HubWorker:
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
    worker.app, worker.outage = app, outage
    worker.log_result_lifespan = False
    return worker


def _report_killed_job(job: Job, pid: int, status: int, _usage: object) -> None:
    cause = (
        f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit code {os.waitstatus_to_exitcode(status)}"
    )
    next_step = "it is tried again" if job.retries_left else "it is given up"
    log.error("%s was killed (%s, process %s); %s", job.description, cause, pid, next_step)


def _forget_database_connections(app: Flask, close: bool) -> None:
    """Drop pooled connections, so that a forked process never shares one with its parent."""
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose(close=close)

"""What the schedule holds is queued on time, once, and after an outage."""

from datetime import UTC, datetime

from croniter import croniter
from flask import Flask
from rq.cron import CronScheduler

from customerhub.core.config import Settings
from jobs.processes.scheduler import HubScheduler
from jobs.queue import JOB_TIMEOUTS, connect, get_queue
from jobs.schedule import SCHEDULE, PeriodicJob
from tests.jobs.conftest import StartCommand
from tests.support import sample_jobs
from tests.support.servers import Valkey, wait_until

MINUTELY = PeriodicJob(sample_jobs.tick, "* * * * *", "Ticks")


def test_every_line_of_the_schedule_is_complete() -> None:
    assert SCHEDULE
    for entry in SCHEDULE:
        assert croniter.is_valid(entry.cron), entry
        assert entry.queue in JOB_TIMEOUTS, entry
        assert entry.description.strip(), entry
        assert not entry.function.__name__.startswith("<"), entry
    names = [entry.name for entry in SCHEDULE]
    assert len(names) == len(set(names))


def test_the_scheduler_queues_everything_once_when_it_starts(
    queue_server: Valkey, queueing_app: Flask, start: StartCommand, hub_settings: Settings
) -> None:
    start("-m", "jobs.processes.scheduler", loads_everything=True)
    wait_until(lambda: CronScheduler.all(queue_server.connect()))
    queued = [job for name in JOB_TIMEOUTS for job in get_queue(name).jobs]
    minutely = [entry for entry in SCHEDULE if entry.cron == "* * * * *"]
    names = [job.func_name for job in queued]
    assert set(names) == {entry.name for entry in SCHEDULE}
    assert len(names) <= len(SCHEDULE) + len(minutely)  # the minute may have turned meanwhile


def test_a_periodic_call_lapses_when_the_next_one_is_due(
    queue_server: Valkey, queueing_app: Flask, hub_settings: Settings
) -> None:
    with connect(hub_settings) as connection:
        HubScheduler(connection, [MINUTELY]).enqueue_all()
    [job] = get_queue().jobs
    assert (job.func_name, job.ttl, job.timeout) == ("tests.support.sample_jobs.tick", 60, 300)
    assert job.meta == {"periodic": True}


def test_a_due_job_waits_out_an_outage(queue_server: Valkey, queueing_app: Flask, hub_settings: Settings) -> None:
    with connect(hub_settings) as connection:
        scheduler = HubScheduler(connection, [MINUTELY])
        [entry] = scheduler.get_jobs()
        entry.next_enqueue_time = datetime.now(UTC)
        queue_server.kill()
        assert scheduler.enqueue_jobs() == []
        scheduler.heartbeat()
        queue_server.start()
        assert scheduler.enqueue_jobs() == [entry]
        assert get_queue().count == 1
        assert scheduler.enqueue_jobs() == []
        scheduler._retry_scheduler.connection.connection_pool.disconnect()


def test_the_scheduler_stops_when_told_even_without_a_server(queue_server: Valkey, start: StartCommand) -> None:
    run = start("-m", "jobs.processes.scheduler")
    wait_until(lambda: CronScheduler.all(queue_server.connect()))
    queue_server.kill()
    run.process.terminate()
    assert run.wait() == 0
    assert "Traceback" not in run.output

"""The tables of the page of jobs: the schedule, the queues, the workers."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from flask import url_for

from customerhub.core import clock, job_runs
from customerhub.core.job_runs import RunState
from jobs.monitoring.queue_contents import JobState
from jobs.monitoring.workers import WorkerInfo
from jobs.schedule import PeriodicJob
from jobs.schedule_runs import ActiveRun, max_duration, next_run_time
from models import PeriodicRun
from views.framework.columns import Cell
from views.framework.formatting import current_formats, format_datetime
from views.framework.labels import capitalize_first
from views.system.jobs import cron
from views.system.jobs.cells import (
    QUEUE_LABELS,
    STATE_LABELS,
    describe_job,
    describe_subject,
    format_duration,
    format_from_now,
    format_time,
    format_unbroken,
    time_cell,
)

INTERRUPTED_AFTER = timedelta(seconds=60)  # after which a run that the queue server knows nothing of was interrupted
TONES = {RunState.DONE: "green", RunState.FAILED: "red", RunState.INTERRUPTED: "red", RunState.RUNNING: "blue"}


def build_schedule_table(
    entries: Sequence[PeriodicJob], runs: dict[str, PeriodicRun], active_runs: dict[str, ActiveRun] | None
) -> dict[str, Any]:
    zone = str(current_formats().zone or "UTC")
    return {
        "title": "Schedule",
        "text": f"Dates and times are in {zone}. The schedule uses the server time ({_server_time_zone()}).",
        "columns": [{"label": label} for label in ("Job", "When", "Last run", "Result", "Next run", "")],
        "rows": [
            [
                {"text": entry.description, "sub": entry.name},
                cron.describe_cron(entry.cron, _server_time_zone()),
                _last_run_cell(runs.get(entry.name)),
                _result_cell(entry, runs.get(entry.name), active_runs),
                time_cell(next_run_time(entry)),
            ]
            for entry in entries
        ],
    }


def _server_time_zone() -> str:
    """The time zone of this machine."""
    return datetime.now().astimezone().tzname() or "local time"


def build_run_buttons(entries: Sequence[PeriodicJob], active_runs: dict[str, ActiveRun] | None) -> list[dict[str, Any]]:
    """For each job whether it can be run now."""
    return [
        {
            "name": entry.name,
            "label": entry.description,
            "is_idle": active_runs is not None and entry.name not in active_runs,
        }
        for entry in entries
    ]


def _last_run_cell(run: PeriodicRun | None) -> Cell:
    if run is None:
        return "Not yet"
    is_long = run.finished_at is not None and run.finished_at - run.started_at >= timedelta(seconds=1)
    duration = f", took {format_duration(run.started_at, run.finished_at)}" if is_long else ""
    return {"text": format_from_now(run.started_at), "sub": format_unbroken(run.started_at) + duration}


def _result_cell(entry: PeriodicJob, run: PeriodicRun | None, active_runs: dict[str, ActiveRun] | None) -> Cell:
    active_run = (active_runs or {}).get(entry.name)
    if active_run is not None:
        since = f"Since {format_time(active_run.since)}" if active_run.since else None
        if active_run.has_started:
            return {"chip": "Running", "tone": "blue", "sub": since}
        return {"chip": "Waiting for a worker", "tone": "neutral", "sub": since}
    if run is None:
        return None
    timeout = max_duration(entry) if active_runs is None else INTERRUPTED_AFTER
    state = job_runs.state_of(run, max_duration=timeout, now=clock.get_now())
    result_text = f"Since {format_time(run.started_at)}" if state is RunState.RUNNING else run.message
    if state is RunState.DONE and result_text == job_runs.DONE:
        result_text = None
    return {"chip": capitalize_first(state.value), "tone": TONES[state], "sub": result_text}


def build_process_banners(
    counts: dict[str, dict[JobState, int]], workers: Sequence[WorkerInfo], scheduler_times: Sequence[datetime]
) -> list[dict[str, Any]]:
    """Warnings of missing workers and schedulers."""
    warnings = []
    if not scheduler_times:
        warnings.append("No scheduler is running: scheduled jobs are not queued and failed jobs are not retried.")
    served_queues = {name for worker in workers for name in worker.queues}
    warnings += [
        f"No worker is running for the queue “{name}”: jobs wait." for name in counts if name not in served_queues
    ]
    return [{"kind": "warning", "text": text} for text in warnings]


def build_queues_table(counts: dict[str, dict[JobState, int]], workers: Sequence[WorkerInfo]) -> dict[str, Any]:
    return {
        "title": "Queues",
        "columns": [
            {"label": "Queue"},
            *({"label": STATE_LABELS[place][0], "align": "right"} for place in JobState),
            {"label": "Workers", "align": "right"},
        ],
        "rows": [
            [
                {"text": QUEUE_LABELS[name], "sub": name},
                *(_count_cell(name, place, count) for place, count in found.items()),
                sum(name in worker.queues for worker in workers),
            ]
            for name, found in counts.items()
        ],
    }


def _count_cell(name: str, place: JobState, count: int) -> Cell:
    url = url_for("schedule.list_jobs", queue=name, place=place.value)
    return {"text": f"{count:,}", "url": url} if count else "0"


def build_workers_table(known_workers: Sequence[WorkerInfo]) -> dict[str, Any]:
    return {
        "title": "Workers",
        "columns": [{"label": label} for label in ("Worker", "Queue", "Current job", "Since", "Last seen")]
        + [{"label": label, "align": "right"} for label in ("Done", "Failed")],
        "rows": [
            [
                {
                    "text": f"{worker.host}, process {worker.process}",
                    "sub": f"started {format_datetime(worker.started_at)}",
                },
                ", ".join(worker.queues),
                {"text": describe_job(worker.job), "sub": describe_subject(worker.job)} if worker.job else "Idle",
                time_cell(worker.job_started_at),
                format_from_now(worker.heartbeat_at) if worker.heartbeat_at else None,
                f"{worker.done_count:,}",
                f"{worker.failed_count:,}",
            ]
            for worker in known_workers
        ],
        "empty": "No worker is running.",
    }

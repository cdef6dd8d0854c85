"""Jobs: the schedule with the last results, and what waits, runs and failed in the queues."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import abort, current_app, flash, redirect, render_template, request, url_for

from customerhub.core import clock, job_runs
from customerhub.core.disk_space import describe_shortage
from customerhub.core.errors import WrongState
from jobs.monitoring import queue_contents, workers
from jobs.queue import QueueUnavailable, check_app_queue
from jobs.schedule import SCHEDULE, PeriodicJob
from jobs.schedule_runs import ActiveRun, list_active_runs, run_now
from models.base import db
from views.framework.formatting import format_datetime
from views.http.actor import current_actor
from views.system.jobs import tables
from views.system.jobs.blueprint import bp, describe_queue_failure

FAST_REFRESH, DEFAULT_REFRESH = 2, 10  # seconds until the page brings itself up to date


@dataclass
class SchedulePage:
    """What templates/system/jobs.html shows. `jobs` is the table of periodic jobs; each of its rows may be run."""

    title: str = "Jobs"
    subtitle: str = "Scheduled jobs and background jobs."
    banners: list[dict[str, Any]] = field(default_factory=list)
    jobs: dict[str, Any] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)
    as_of: str = ""
    refresh: int = DEFAULT_REFRESH


@bp.get("/")
def index() -> str:
    page = SchedulePage(as_of=f"{format_datetime(clock.get_now())}:{clock.get_now():%S}")
    if shortage := describe_shortage(current_app.config["HUB"]):
        page.banners.append({"kind": "warning", "text": shortage})
    active_runs: dict[str, ActiveRun] | None = None
    try:
        active_runs = list_active_runs(SCHEDULE)
        counts, worker_infos = queue_contents.count_jobs(), workers.list_workers()
        scheduler_times = workers.list_scheduler_heartbeats()
    except QueueUnavailable as error:
        page.banners.append({"kind": "error", "text": describe_queue_failure(error)})
    else:
        page.banners += _build_refusal_banners() + tables.build_process_banners(counts, worker_infos, scheduler_times)
        page.tables = [tables.build_queues_table(counts, worker_infos), tables.build_workers_table(worker_infos)]
        page.refresh = FAST_REFRESH if active_runs else DEFAULT_REFRESH
    runs = job_runs.list_runs()
    entries = _list_requested_jobs()
    page.jobs = tables.build_schedule_table(entries, runs, active_runs)
    page.runs = tables.build_run_buttons(entries, active_runs)
    if request.args.get("state") == "failed":
        page.jobs |= {
            "title": "Failed jobs",
            "text": "Scheduled jobs whose last run failed. Each runs again by itself when it is due.",
            "empty": "No scheduled job has failed.",
            "more_url": url_for("schedule.index"),
            "more_label": "All jobs",
        }
    return render_template("system/jobs.html", page=page)


def _list_requested_jobs() -> Sequence[PeriodicJob]:
    """The jobs of the schedule; those whose last run failed, where the address asks for these."""
    if request.args.get("state") != "failed":
        return SCHEDULE
    since = clock.get_now() - job_runs.MAX_AGE
    failing = {run.name for run in db.session.scalars(job_runs.select_failing_runs(since=since))}
    return [entry for entry in SCHEDULE if entry.name in failing]


def _build_refusal_banners() -> list[dict[str, Any]]:
    """What keeps a queue server that can be read from taking jobs."""
    try:
        check_app_queue()
    except QueueUnavailable as error:
        return [{"kind": "error", "text": describe_queue_failure(error)}]
    return []


@bp.post("/run/")
def run() -> Any:
    """Have a job of the schedule run as soon as a worker is free."""
    name = request.form.get("name", "")
    entry = next((each for each in SCHEDULE if each.name == name), None)
    if entry is None:
        abort(404)
    try:
        run_now(entry, actor=current_actor())
    except WrongState as refusal:
        flash(f"{entry.description}: not queued again. {refusal.message}", "warning")
    except QueueUnavailable as error:
        flash(f"{entry.description}: not queued. {describe_queue_failure(error)}", "error")
    else:
        flash(f"{entry.description}: queued. It runs as soon as a worker is free.", "success")
    return redirect(url_for("schedule.index"), 303)

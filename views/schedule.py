"""Jobs: what the hub does by the clock, what came of it last, and what waits, runs and failed in the background."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, url_for

from customerhub import clock, periodic
from customerhub.errors import WrongState
from customerhub.permissions import Permission
from jobs import registries, workforce
from jobs.periodic import UnderWay, run_now, under_way
from jobs.queue import JOB_TIMEOUTS, QueueAway
from jobs.registries import Place
from jobs.schedule import SCHEDULE
from views import schedule_tables as tables
from views.actor import current_actor
from views.columns import moment
from views.operation import LIMIT

bp = Blueprint("schedule", __name__, url_prefix="/admin/schedule")

SOON, USUAL = 2, 10  # seconds until the page brings itself up to date
_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
AWAY = (
    "The queue server does not answer, so nothing is done in the background at the moment and nothing can be run from "
    "here. Nothing is lost: what waits is taken up when it is back."
)


@dataclass
class SchedulePage:
    """What templates/schedule.html shows. `jobs` is the table of periodic jobs; each of its rows may be run."""

    title: str = "Jobs"
    subtitle: str = "What the hub does by itself, and what it was asked to do in the background."
    banners: list[dict[str, Any]] = field(default_factory=list)
    jobs: dict[str, Any] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)
    as_of: str = ""
    refresh: int = USUAL


@bp.before_request
def guard() -> None:
    if not current_actor().may(Permission.JOBS):
        abort(403)


def asked_queue() -> str:
    """The queue that the address names."""
    name = request.args.get("queue", "")
    return name if name in JOB_TIMEOUTS else abort(404)


def asked_place() -> Place:
    given = request.args.get("place", "")
    return Place(given) if given in list(Place) else abort(404)


def job_ids(given: Sequence[str]) -> list[str]:
    """`given` as the ids of jobs; ends the request where one of them is none."""
    if len(given) > LIMIT or not all(_JOB_ID.fullmatch(job_id) for job_id in given):
        abort(404)
    return list(dict.fromkeys(given))


@bp.get("/")
def index() -> str:
    page = SchedulePage(as_of=f"{moment(clock.now())}:{clock.now():%S}")
    at_hand: dict[str, UnderWay] | None = None
    try:
        at_hand = under_way(SCHEDULE)
        counts, workers, heard = registries.counts(), workforce.workers(), workforce.schedulers()
    except QueueAway:
        page.banners.append({"kind": "error", "text": AWAY})
    else:
        page.banners += tables.lacking(counts, workers, heard)
        page.tables = [tables.queues(counts, workers), tables.workers(workers)]
        page.refresh = SOON if at_hand else USUAL
    runs = periodic.list_runs()
    page.jobs, page.runs = tables.schedule(runs, at_hand), tables.buttons(at_hand)
    return render_template("schedule.html", page=page)


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
    except QueueAway:
        flash(f"{entry.description}: not queued. {AWAY}", "error")
    else:
        flash(f"{entry.description}: queued. It runs as soon as a worker is free.", "success")
    return redirect(url_for("schedule.index"), 303)


def register(app: Flask) -> None:
    from views import schedule_jobs, schedule_operations  # noqa: F401  # they add their pages to the blueprint

    app.register_blueprint(bp)

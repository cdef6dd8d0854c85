"""The jobs of a queue at one place, such as the failed ones, and the page of one job."""

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from flask import abort, g, render_template, request, url_for

from jobs import registries
from jobs.queue import DEFAULT, QueueAway
from jobs.registries import KnownJob, Place
from views.columns import Column, moment
from views.editing import DetailsPage
from views.listing import ListArgs, ListPage, headings, pager
from views.schedule import AWAY, asked_place, asked_queue, bp, job_ids
from views.schedule_cells import (
    EMPTY,
    JOBS_AT,
    PLACE_WORDS,
    QUEUES,
    discreet,
    does,
    error_of,
    job_url,
    label_of,
    on_what,
    place_chip,
    took,
    when,
)
from views.schedule_operations import ACTS, act_url

PAGE = 50

JOB = Column("job", "Job", lambda job: {"text": does(job), "sub": on_what(job)})
QUEUED = Column("queued", "Queued", lambda job: when(job.enqueued_at))
LEFT = Column("left", "Attempts left", lambda job: str(job.attempts_left), align="right")
ENDED = Column("ended", "Ended", lambda job: when(job.ended_at))
TOOK = Column("took", "Took", lambda job: took(job.started_at, job.ended_at) if job.ended_at else "")
COLUMNS: dict[Place, tuple[Column, ...]] = {
    Place.WAITING: (JOB, QUEUED, LEFT),
    Place.RUNNING: (
        JOB, Column("began", "Began", lambda job: when(job.started_at)),
        Column("for", "For", lambda job: took(job.started_at, None)), LEFT,
    ),
    Place.LATER: (JOB, QUEUED, Column("due", "Next attempt", lambda job: when(job.due_at)), LEFT),
    Place.FAILED: (JOB, Column("error", "Error", error_of), ENDED, TOOK),
    Place.FINISHED: (JOB, QUEUED, ENDED, TOOK),
}  # fmt: skip


@dataclass(frozen=True)
class JobArgs(ListArgs):
    """What the address of a list of jobs asks for."""

    queue: str = DEFAULT
    place: Place = Place.WAITING

    def query(self, **changes: Any) -> str:
        asked = replace(self, **{"page": 0, **changes})
        pairs: list[tuple[str, Any]] = [("queue", asked.queue), ("place", asked.place.value)]
        return "?" + urlencode([*pairs, ("page", asked.page)] if asked.page else pairs)


@bp.get("/jobs/")
def jobs() -> str:
    number = min(max(request.args.get("page", 0, type=int), 0), 1_000_000)
    args = JobArgs(page=number, page_size=PAGE, exact=True, queue=asked_queue(), place=asked_place())
    g.crumb = f"{PLACE_WORDS[args.place][0]}: {QUEUES[args.queue].lower()}"
    page = ListPage(title=JOBS_AT[args.place], subtitle=f"{QUEUES[args.queue]}, queue “{args.queue}”")
    try:
        found, total = registries.page_of(args.queue, args.place, number * PAGE, PAGE)
        counts = registries.counts()[args.queue]
    except QueueAway:
        page.banners = [{"kind": "error", "text": AWAY}]
        page.empty = {"title": "Not known at the moment"}
    else:
        _fill(page, args, found, total, counts)
    return render_template("list.html", page=page)


def _fill(page: ListPage, args: JobArgs, found: list[KnownJob], total: int, counts: dict[Place, int]) -> None:
    columns = list(COLUMNS[args.place])
    acts = {name: act for name, act in ACTS.items() if args.place in act.places}
    page.total_text = f"{total:,}"
    page.tabs_label = "Where jobs are"
    page.tabs = [
        {"label": f"{PLACE_WORDS[place][0]} {counts[place] or ''}".rstrip(), "url": args.query(place=place),
         "active": place is args.place}
        for place in Place
    ]  # fmt: skip
    page.columns = headings(args, columns)
    page.rows = [
        {"id": job.id, "label": label_of(job), "url": job_url(job), "cells": [each.value(job) for each in columns]}
        for job in found
    ]
    page.pager = pager(args, total, len(found), (args.page + 1) * PAGE < total)
    page.empty = {"title": f"No {JOBS_AT[args.place].lower()}", "text": EMPTY[args.place]}
    if acts:
        page.bulk = [{"name": name, "label": act.label, "danger": act.danger} for name, act in acts.items()]
        page.bulk_url = url_for("schedule.choose") + args.query()
    if found and args.place is Place.FAILED:
        page.menu_actions = [
            {"label": f"{act.label} all failed jobs", "icon": act.icon, "danger": act.danger,
             "url": act_url(name, args.queue, args.place) + "&all=1"}
            for name, act in acts.items()
        ]  # fmt: skip
    gone = min(PAGE, max(total - args.page * PAGE, 0)) - len(found)
    if gone > 0:
        text = f"{gone:,} of this page are not there any more: they lapsed, or came to an end just now."
        page.banners = [{"kind": "info", "text": text}]


@bp.get("/job/")
def job() -> str:
    name = asked_queue()
    [job_id] = job_ids([request.args.get("id", "")])
    try:
        known = registries.find(name, job_id)
    except QueueAway:
        page = DetailsPage(title="Job", subtitle=job_id, banners=[{"kind": "error", "text": AWAY}])
        return render_template("details.html", page=page)
    if known is None:
        abort(404)
    g.crumb = does(known)
    return render_template("details.html", page=_details(known))


def _details(known: KnownJob) -> DetailsPage:
    place = known.place or Place.FAILED
    acts = {name: act for name, act in ACTS.items() if known.place in act.places or not known.is_readable}
    page = DetailsPage(
        title=label_of(known),
        chips=[place_chip(known)],
        meta=[("Queued", moment(known.enqueued_at)), ("Began", moment(known.started_at)),
              ("Ended", moment(known.ended_at)), ("Attempts left", str(known.attempts_left))],
        actions=[
            {"label": act.label, "icon": act.icon, "danger": act.danger, "primary": name == "retry",
             "url": act_url(name, known.queue, place, [known.id])}
            for name, act in acts.items()
        ],
    )  # fmt: skip
    items = [("Queue", known.queue), ("Function", known.function), ("Arguments", known.arguments),
             ("Next attempt", when(known.due_at)), ("Worker", known.worker), ("Number", known.id)]  # fmt: skip
    page.sections = [{"title": "What was asked for", "items": items}]
    if known.trouble:
        page.banners.append({"kind": "error", "text": error_of(known)})
        page.sections.append({"title": "How it failed", "text": discreet(known.trouble), "code": True})
    return page

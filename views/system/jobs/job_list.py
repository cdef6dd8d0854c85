"""The jobs of a queue in one state, such as the failed ones, and the page of one job."""

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from flask import abort, g, render_template, request, url_for

from jobs.monitoring import queue_contents
from jobs.monitoring.queue_contents import JobInfo, JobState
from jobs.queue import DEFAULT, QueueUnavailable
from views.framework.columns import Column
from views.framework.edit_page import DetailsPage
from views.framework.formatting import format_datetime
from views.framework.list_page import ListArgs, ListPage, build_list_pager, column_headings, describe_operations
from views.framework.paging import parse_page
from views.system.jobs.blueprint import bp, describe_queue_failure, parse_job_ids, requested_queue, requested_state
from views.system.jobs.cells import (
    EMPTY_TEXTS,
    QUEUE_LABELS,
    STATE_HEADINGS,
    STATE_LABELS,
    describe_job,
    describe_subject,
    format_duration,
    format_error,
    job_label,
    job_url,
    redact_secrets,
    state_chip,
    time_cell,
)
from views.system.jobs.operations import list_operations, operation_url

PAGE_SIZE = 50

JOB = Column("job", "Job", lambda job: {"text": describe_job(job), "sub": describe_subject(job)})
QUEUED = Column("queued", "Queued", lambda job: time_cell(job.enqueued_at))
ATTEMPTS_LEFT = Column("left", "Attempts left", lambda job: str(job.attempts_left), align="right")
ENDED = Column("ended", "Ended", lambda job: time_cell(job.ended_at))
DURATION = Column("took", "Duration", lambda job: format_duration(job.started_at, job.ended_at) if job.ended_at else "")
COLUMNS: dict[JobState, tuple[Column, ...]] = {
    JobState.WAITING: (JOB, QUEUED, ATTEMPTS_LEFT),
    JobState.RUNNING: (
        JOB,
        Column("began", "Started", lambda job: time_cell(job.started_at)),
        Column("for", "Running for", lambda job: format_duration(job.started_at, None)),
        ATTEMPTS_LEFT,
    ),
    JobState.SCHEDULED: (JOB, QUEUED, Column("due", "Next attempt", lambda job: time_cell(job.due_at)), ATTEMPTS_LEFT),
    JobState.FAILED: (JOB, Column("error", "Error", format_error), ENDED, DURATION),
    JobState.FINISHED: (JOB, QUEUED, ENDED, DURATION),
}


@dataclass(frozen=True)
class JobArgs(ListArgs):
    """What the address of a list of jobs asks for."""

    queue: str = DEFAULT
    place: JobState = JobState.WAITING

    def query_string(self, **changes: Any) -> str:
        job_args = replace(self, **{"page": 0, **changes})
        pairs: list[tuple[str, Any]] = [("queue", job_args.queue), ("place", job_args.place.value)]
        return "?" + urlencode([*pairs, ("page", job_args.page)] if job_args.page else pairs)


@bp.get("/jobs/")
def list_jobs() -> str:
    page_number = parse_page(request.args)
    args = JobArgs(page=page_number, page_size=PAGE_SIZE, exact=True, queue=requested_queue(), place=requested_state())
    g.crumb = f"{STATE_LABELS[args.place][0]}: {QUEUE_LABELS[args.queue].lower()}"
    page = ListPage(title=STATE_HEADINGS[args.place], subtitle=f"{QUEUE_LABELS[args.queue]}, queue “{args.queue}”")
    try:
        found_jobs, total = queue_contents.list_jobs(args.queue, args.place, page_number * PAGE_SIZE, PAGE_SIZE)
        counts = queue_contents.count_jobs()[args.queue]
    except QueueUnavailable as error:
        page.banners = [{"kind": "error", "text": describe_queue_failure(error)}]
        page.empty = {"title": "Currently not available"}
    else:
        _fill_page(page, args, found_jobs, total, counts)
    return render_template("screens/list.html", page=page)


def _fill_page(
    page: ListPage, args: JobArgs, found_jobs: list[JobInfo], total: int, counts: dict[JobState, int]
) -> None:
    columns = list(COLUMNS[args.place])
    operations = list_operations(JobInfo("", args.queue, args.place))
    page.total_text = f"{total:,}"
    page.tabs_label = "Job states"
    page.tabs = [
        {
            "label": f"{STATE_LABELS[place][0]} {counts[place] or ''}".rstrip(),
            "url": args.query_string(place=place),
            "active": place is args.place,
        }
        for place in JobState
    ]
    page.columns = column_headings(args, columns)
    page.rows = [
        {"id": job.id, "label": job_label(job), "url": job_url(job), "cells": [each.value(job) for each in columns]}
        for job in found_jobs
    ]
    page.pager = build_list_pager(args, total, len(found_jobs), (args.page + 1) * PAGE_SIZE < total)
    page.empty = {"title": f"No {STATE_HEADINGS[args.place].lower()}", "text": EMPTY_TEXTS[args.place]}
    if operations:
        page.bulk = describe_operations(operations)
        page.bulk_url = url_for("schedule.choose") + args.query_string()
    if found_jobs and args.place is JobState.FAILED:
        page.menu_actions = [
            {
                "label": f"{each.label} all failed jobs",
                "icon": each.icon,
                "danger": each.danger,
                "url": operation_url(each, args.queue, args.place) + "&all=1",
            }
            for each in operations
        ]
    missing_count = min(PAGE_SIZE, max(total - args.page * PAGE_SIZE, 0)) - len(found_jobs)
    if missing_count > 0:
        text = f"Jobs on this page that no longer exist: {missing_count:,}. They expired or have just finished."
        page.banners = [{"kind": "info", "text": text}]


@bp.get("/job/")
def show_job() -> str:
    name = requested_queue()
    [job_id] = parse_job_ids([request.args.get("id", "")])
    try:
        found_job = queue_contents.find_job(name, job_id)
    except QueueUnavailable as error:
        page = DetailsPage(
            title="Job", subtitle=job_id, banners=[{"kind": "error", "text": describe_queue_failure(error)}]
        )
        return render_template("screens/details.html", page=page)
    if found_job is None:
        abort(404)
    g.crumb = describe_job(found_job)
    return render_template("screens/details.html", page=_build_details(found_job))


def _build_details(found_job: JobInfo) -> DetailsPage:
    state = found_job.state or JobState.FAILED
    page = DetailsPage(
        title=job_label(found_job),
        chips=[state_chip(found_job)],
        meta=[
            ("Queued", format_datetime(found_job.enqueued_at)),
            ("Started", format_datetime(found_job.started_at)),
            ("Ended", format_datetime(found_job.ended_at)),
            ("Attempts left", str(found_job.attempts_left)),
        ],
        actions=[
            {
                "label": each.label,
                "icon": each.icon,
                "danger": each.danger,
                "primary": each.name == "retry",
                "url": operation_url(each, found_job.queue, state, [found_job.id]),
            }
            for each in list_operations(found_job)
        ],
    )
    items = [
        ("Queue", found_job.queue),
        ("Function", found_job.function),
        ("Arguments", found_job.arguments),
        ("Next attempt", time_cell(found_job.due_at)),
        ("Worker", found_job.worker),
        ("Job ID", found_job.id),
    ]
    page.sections = [{"title": "Details", "items": items}]
    if found_job.traceback:
        page.banners.append({"kind": "error", "text": format_error(found_job)})
        page.sections.append({"title": "Error details", "text": redact_secrets(found_job.traceback), "code": True})
    return page

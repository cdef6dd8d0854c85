"""What all pages of jobs share: the blueprint with its permission check, and how an address names a job."""

import re
from collections.abc import Sequence

from flask import Blueprint, abort, request

from customerhub.core.permissions import Permission
from jobs.monitoring.queue_contents import JobState
from jobs.queue import JOB_TIMEOUTS, QueueRefused, QueueUnavailable
from views.framework.operation import MAX_ROWS
from views.http.actor import current_actor

bp = Blueprint("schedule", __name__, url_prefix="/admin/schedule")


_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


QUEUE_UNAVAILABLE_TEXT = (
    "The queue server is not responding. Background jobs are paused and cannot be run from here. Nothing is lost: "
    "waiting jobs continue when the queue server is available again."
)

QUEUE_REFUSED_TEXT = (
    "{}. New jobs are not taken, and some may not be recorded as done. Nothing is lost: what is due is queued as soon "
    "as the server takes it."
)


def describe_queue_failure(error: QueueUnavailable) -> str:
    """What to tell where the queue server failed with `error`."""
    return QUEUE_REFUSED_TEXT.format(error) if isinstance(error, QueueRefused) else QUEUE_UNAVAILABLE_TEXT


@bp.before_request
def require_jobs_permission() -> None:
    if not current_actor().has_permission(Permission.JOBS):
        abort(403)


def requested_queue() -> str:
    """The queue that the address names."""
    name = request.args.get("queue", "")
    return name if name in JOB_TIMEOUTS else abort(404)


def requested_state() -> JobState:
    value = request.args.get("place", "")
    return JobState(value) if value in list(JobState) else abort(404)


def parse_job_ids(values: Sequence[str]) -> list[str]:
    """`values` as the ids of jobs; ends the request where one of them is none."""
    if len(values) > MAX_ROWS or not all(_JOB_ID.fullmatch(job_id) for job_id in values):
        abort(404)
    return list(dict.fromkeys(values))

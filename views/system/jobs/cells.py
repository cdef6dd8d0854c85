"""The cells of jobs, times and calls in the tables of the schedule and the queues."""

import re
from datetime import UTC, datetime, timedelta

from babel.dates import format_timedelta
from flask import url_for

from customerhub.core import clock
from customerhub.core.redaction import hide_links
from jobs.monitoring.queue_contents import JobInfo, JobState
from jobs.queue import BULK, DEFAULT
from jobs.schedule import SCHEDULE
from views.framework.columns import Cell
from views.framework.formatting import current_formats, format_datetime
from views.framework.labels import capitalize_first

# What is queued beside the schedule: its function, what it does, and what its one argument is the number of.
JOB_FUNCTIONS = {
    "jobs.mail.send": ("Sends a message", "message"),
    "jobs.exports.write": ("Writes an export", "export"),
    "jobs.operations.perform": ("Performs a bulk operation", "bulk operation"),
    "jobs.imports.check": ("Checks an import", "import"),
    "jobs.imports.save": ("Saves an import", "import"),
    "jobs.imports.revert": ("Reverts an import", "import"),
    "jobs.demo_signing.show_signatures": ("Has the demo's documents signed", ""),
}
QUEUE_LABELS = {DEFAULT: "Short work", BULK: "Long work"}
STATE_LABELS = {
    JobState.WAITING: ("Waiting", "neutral"),
    JobState.RUNNING: ("Running", "blue"),
    JobState.SCHEDULED: ("To be retried", "amber"),
    JobState.FAILED: ("Failed", "red"),
    JobState.FINISHED: ("Finished", "green"),
}
STATE_HEADINGS = {place: f"{label} jobs" for place, (label, _tone) in STATE_LABELS.items()} | {
    JobState.SCHEDULED: "Jobs to be retried"
}
EMPTY_TEXTS = {
    JobState.WAITING: "All jobs have been picked up by workers.",
    JobState.RUNNING: "The workers of this queue are idle.",
    JobState.SCHEDULED: "A failing job is retried a few times before it counts as failed.",
    JobState.FAILED: "Failed jobs are kept here for two weeks.",
    JobState.FINISHED: "Finished jobs are kept here for ten minutes.",
}
MAX_ERROR_LENGTH = 200
MAX_LABEL_LENGTH = 60  # characters of what a job is about

_SECRET_IN_URL = re.compile(r"(?<=://)\S+@")


def describe_job(job: JobInfo) -> str:
    """What a job does, in words; the name of its function where nobody gave it any."""
    descriptions = {entry.name: entry.description for entry in SCHEDULE}
    if not job.is_readable:
        return "Cannot be read"
    return (
        descriptions.get(job.function)
        or JOB_FUNCTIONS.get(job.function, (job.function or job.call or "Unnamed", ""))[0]
    )


def describe_subject(job: JobInfo) -> str:
    """What a job is about: "Message 12", else its arguments as they are; blank where it is about nothing special."""
    noun = JOB_FUNCTIONS.get(job.function, ("", ""))[1]
    if noun and job.arguments == "None":
        return ""
    return capitalize_first(f"{noun} {job.arguments}") if noun and job.arguments.isdecimal() else job.arguments


def job_label(job: JobInfo) -> str:
    """Such as "Sends a message: message 12"."""
    subject = describe_subject(job)
    short = subject if len(subject) <= MAX_LABEL_LENGTH else f"{subject[:MAX_LABEL_LENGTH]}…"
    return f"{describe_job(job)}: {short[:1].lower()}{short[1:]}" if subject else describe_job(job)


def job_url(job: JobInfo) -> str:
    return url_for("schedule.show_job", queue=job.queue, id=job.id)


def state_chip(job: JobInfo) -> dict[str, str]:
    label, tone = STATE_LABELS[job.state] if job.state else ("Set aside", "grey")
    return {"label": label, "tone": tone}


def redact_secrets(text: str) -> str:
    """`text` of an error without one-time links and without the users and passwords of addresses."""
    return hide_links(_SECRET_IN_URL.sub("…@", text))


def format_error(job: JobInfo) -> str:
    error_text = redact_secrets(job.error)
    return error_text if len(error_text) <= MAX_ERROR_LENGTH else f"{error_text[:MAX_ERROR_LENGTH]}…"


def time_cell(value: datetime | None) -> Cell:
    """A moment as the time from now, with the time by the clock below."""
    return {"text": format_from_now(value), "sub": format_unbroken(value)} if value else None


def format_unbroken(value: datetime) -> str:
    """A moment that stays on one line."""
    return format_datetime(value).replace(" ", "\N{NO-BREAK SPACE}")


def format_time(value: datetime) -> str:
    """A moment of today by the time alone, any other with its date."""
    zone = current_formats().zone or UTC
    is_today = clock.day_of(value, zone) == clock.get_today(zone)
    return f"{value.astimezone(zone):%H:%M:%S}" if is_today else format_unbroken(value)


def format_from_now(value: datetime) -> str:
    """Such as "2 minutes ago" or "in 40 seconds"."""
    difference = value - clock.get_now()
    if abs(difference) < timedelta(seconds=1):
        return "now"
    return format_timedelta(difference, add_direction=True, locale="en", threshold=1.5)


def format_duration(started_at: datetime | None, ended_at: datetime | None) -> str:
    """How long something lasted, up to now where it goes on."""
    if started_at is None:
        return ""
    seconds = max(((ended_at or clock.get_now()) - started_at).total_seconds(), 0)
    if seconds < 1:
        return "under a second"
    return str(format_timedelta(timedelta(seconds=seconds), locale="en", threshold=1.5))

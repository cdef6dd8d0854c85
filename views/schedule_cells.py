"""How jobs, moments and calls look in the tables of the schedule and the queues."""

import re
from datetime import UTC, datetime, timedelta

from babel.dates import format_timedelta
from flask import url_for

from customerhub import clock
from customerhub.users.links import hide_links
from jobs.queue import BULK, DEFAULT
from jobs.registries import KnownJob, Place
from jobs.schedule import SCHEDULE
from views.columns import Cell, formats, moment
from views.words import sentence

# What is queued beside the schedule: its function, what it does, and what its one argument is the number of.
CALLED = {
    "jobs.mail.send": ("Sends a message", "message"),
    "jobs.exports.write": ("Writes an export", "export"),
    "jobs.imports.check": ("Checks an import", "import"),
    "jobs.imports.save": ("Saves an import", "import"),
    "jobs.imports.revert": ("Takes back an import", "import"),
}
QUEUES = {DEFAULT: "Short work", BULK: "Long work"}
PLACE_WORDS = {
    Place.WAITING: ("Waiting", "neutral"),
    Place.RUNNING: ("Running", "blue"),
    Place.LATER: ("To be tried again", "amber"),
    Place.FAILED: ("Failed", "red"),
    Place.FINISHED: ("Finished", "green"),
}
JOBS_AT = {place: f"{label} jobs" for place, (label, _tone) in PLACE_WORDS.items()} | {
    Place.LATER: "Jobs to be tried again"
}
EMPTY = {
    Place.WAITING: "Every job was taken by a worker.",
    Place.RUNNING: "The workers of this queue have nothing to do.",
    Place.LATER: "A job that fails is tried again a few times before it counts as failed.",
    Place.FAILED: "What failed for good is kept here for two weeks.",
    Place.FINISHED: "What was done is kept here for ten minutes.",
}
LONGEST_ERROR = 200
LONGEST_LABEL = 60  # characters of what a job is about

_SECRET_IN_URL = re.compile(r"(?<=://)\S+@")


def does(job: KnownJob) -> str:
    """What a job does, in words; the name of its function where nobody gave it any."""
    periodic = {entry.name: entry.description for entry in SCHEDULE}
    if not job.is_readable:
        return "Cannot be read"
    return periodic.get(job.function) or CALLED.get(job.function, (job.function or job.call or "Unnamed", ""))[0]


def on_what(job: KnownJob) -> str:
    """What a job is about: "Message 12", else its arguments as they are; blank where it is about nothing special."""
    noun = CALLED.get(job.function, ("", ""))[1]
    if noun and job.arguments == "None":
        return ""
    return sentence(f"{noun} {job.arguments}") if noun and job.arguments.isdecimal() else job.arguments


def label_of(job: KnownJob) -> str:
    """Such as "Sends a message: message 12"."""
    about = on_what(job)
    short = about if len(about) <= LONGEST_LABEL else f"{about[:LONGEST_LABEL]}…"
    return f"{does(job)}: {short[:1].lower()}{short[1:]}" if about else does(job)


def job_url(job: KnownJob) -> str:
    return url_for("schedule.job", queue=job.queue, id=job.id)


def place_chip(job: KnownJob) -> dict[str, str]:
    label, tone = PLACE_WORDS[job.place] if job.place else ("Set aside", "grey")
    return {"label": label, "tone": tone}


def discreet(text: str) -> str:
    """`text` of an error without one-time links and without the users and passwords of addresses."""
    return hide_links(_SECRET_IN_URL.sub("…@", text))


def error_of(job: KnownJob) -> str:
    told = discreet(job.error)
    return told if len(told) <= LONGEST_ERROR else f"{told[:LONGEST_ERROR]}…"


def when(value: datetime | None) -> Cell:
    """A moment as the time from now, with the time by the clock below."""
    return {"text": from_now(value), "sub": unbroken(value)} if value else None


def unbroken(value: datetime) -> str:
    """A moment that stays on one line."""
    return moment(value).replace(" ", "\N{NO-BREAK SPACE}")


def time_of(value: datetime) -> str:
    """A moment of today by the time alone, any other with its date."""
    zone = formats().zone or UTC
    is_today = clock.day_of(value, zone) == clock.today(zone)
    return f"{value.astimezone(zone):%H:%M:%S}" if is_today else unbroken(value)


def from_now(value: datetime) -> str:
    """Such as "2 minutes ago" or "in 40 seconds"."""
    away = value - clock.now()
    if abs(away) < timedelta(seconds=1):
        return "now"
    return format_timedelta(away, add_direction=True, locale="en", threshold=1.5)


def took(begun: datetime | None, ended: datetime | None) -> str:
    """How long something lasted, up to now where it goes on."""
    if begun is None:
        return ""
    seconds = max(((ended or clock.now()) - begun).total_seconds(), 0)
    if seconds < 1:
        return "under a second"
    return str(format_timedelta(timedelta(seconds=seconds), locale="en", threshold=1.5))

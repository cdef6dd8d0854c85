"""The tables of the page of jobs: the schedule, the queues, the workers."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from flask import url_for

from customerhub import clock, cron, periodic
from customerhub.periodic import RunState
from jobs.periodic import UnderWay, longest, next_time
from jobs.registries import Place
from jobs.schedule import SCHEDULE, Periodic
from jobs.workforce import KnownWorker
from models import PeriodicRun
from views.columns import Cell, formats, moment
from views.schedule_cells import PLACE_WORDS, QUEUES, does, from_now, on_what, time_of, took, unbroken, when
from views.words import sentence

UNSEEN = timedelta(seconds=60)  # after which a run that the queue server knows nothing of was interrupted
TONES = {RunState.DONE: "green", RunState.FAILED: "red", RunState.INTERRUPTED: "red", RunState.RUNNING: "blue"}


def schedule(runs: dict[str, PeriodicRun], at_hand: dict[str, UnderWay] | None) -> dict[str, Any]:
    zone = str(formats().zone or "UTC")
    return {
        "title": "Schedule",
        "text": f"Dates and times are in {zone}. The schedule itself goes by the clock of the machine ({_here()}).",
        "columns": [{"label": label} for label in ("Job", "When", "Last run", "Result", "Next run", "")],
        "rows": [
            [
                {"text": entry.description, "sub": entry.name},
                sentence(cron.in_words(entry.cron)) + (f" {_here()}" if cron.has_time_of_day(entry.cron) else ""),
                _last_run(runs.get(entry.name)),
                _result(entry, runs.get(entry.name), at_hand),
                when(next_time(entry)),
            ]
            for entry in SCHEDULE
        ],
    }


def _here() -> str:
    """The time zone of this machine."""
    return datetime.now().astimezone().tzname() or "local time"


def buttons(at_hand: dict[str, UnderWay] | None) -> list[dict[str, Any]]:
    """For each job whether it can be run now."""
    return [
        {"name": entry.name, "label": entry.description, "is_idle": at_hand is not None and entry.name not in at_hand}
        for entry in SCHEDULE
    ]


def _last_run(run: PeriodicRun | None) -> Cell:
    if run is None:
        return "Not yet"
    is_long = run.finished_at is not None and run.finished_at - run.started_at >= timedelta(seconds=1)
    lasted = f", took {took(run.started_at, run.finished_at)}" if is_long else ""
    return {"text": from_now(run.started_at), "sub": unbroken(run.started_at) + lasted}


def _result(entry: Periodic, run: PeriodicRun | None, at_hand: dict[str, UnderWay] | None) -> Cell:
    call = (at_hand or {}).get(entry.name)
    if call is not None:
        since = f" since {time_of(call.since)}" if call.since else ""
        if call.has_begun:
            return {"chip": "Running", "tone": "blue", "sub": f"Is running{since}"}
        return {"chip": "Waiting", "tone": "neutral", "sub": f"Waits for a worker{since}"}
    if run is None:
        return None
    patience = longest(entry) if at_hand is None else UNSEEN
    state = periodic.state_of(run, longest=patience, now=clock.now())
    told = f"Is running since {time_of(run.started_at)}" if state is RunState.RUNNING else run.told
    if state is RunState.DONE and told == periodic.DONE:
        told = None
    return {"chip": sentence(state.value), "tone": TONES[state], "sub": told}


def lacking(
    counts: dict[str, dict[Place, int]], workers: Sequence[KnownWorker], heard: Sequence[datetime]
) -> list[dict[str, Any]]:
    """What stands still for want of somebody who does it."""
    told = []
    if not heard:
        told.append("No scheduler is running: nothing is queued by the clock, and failed jobs are not tried again.")
    served = {name for worker in workers for name in worker.queues}
    told += [f"No worker takes jobs from the queue “{name}”: they wait." for name in counts if name not in served]
    return [{"kind": "warning", "text": text} for text in told]


def queues(counts: dict[str, dict[Place, int]], workers: Sequence[KnownWorker]) -> dict[str, Any]:
    return {
        "title": "Queues",
        "columns": [
            {"label": "Queue"},
            *({"label": PLACE_WORDS[place][0], "align": "right"} for place in Place),
            {"label": "Workers", "align": "right"},
        ],
        "rows": [
            [
                {"text": QUEUES[name], "sub": name},
                *(_counted(name, place, count) for place, count in found.items()),
                sum(name in worker.queues for worker in workers),
            ]
            for name, found in counts.items()
        ],
    }


def _counted(name: str, place: Place, count: int) -> Cell:
    url = url_for("schedule.jobs", queue=name, place=place.value)
    return {"text": f"{count:,}", "url": url} if count else "0"


def workers(found: Sequence[KnownWorker]) -> dict[str, Any]:
    return {
        "title": "Workers",
        "columns": [{"label": label} for label in ("Worker", "Queue", "Does", "Since", "Heard of")]
        + [{"label": label, "align": "right"} for label in ("Done", "Failed")],
        "rows": [
            [
                {"text": f"{worker.host}, process {worker.process}", "sub": f"began {moment(worker.born_at)}"},
                ", ".join(worker.queues),
                {"text": does(worker.job), "sub": on_what(worker.job)} if worker.job else "Nothing at the moment",
                when(worker.since),
                from_now(worker.heard_at) if worker.heard_at else None,
                f"{worker.done:,}",
                f"{worker.failed:,}",
            ]
            for worker in found
        ],
        "empty": "No worker is running.",
    }

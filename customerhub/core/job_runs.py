"""The last run of each job of the schedule, kept in the database: it is there while the queue server is away.

Of several runs at once the one that began last is kept. A run that was killed never ends; it counts as interrupted once
it is older than any run may be.
"""

import enum
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select, update

from customerhub.core.database import insert_or_update
from customerhub.core.errors import HubError
from customerhub.core.redaction import format_one_line, hide_links
from models import PeriodicRun
from models.base import db

MAX_MESSAGE_LENGTH = 500
DONE = "Done"
MAX_AGE = timedelta(days=2)  # every job runs each day: one that has not for longer is none of the schedule any more


class IncompleteRun(HubError):
    """A job of the schedule did a part of its work. The message says what is left."""


class RunState(enum.StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


def start_run(name: str, *, now: datetime) -> None:
    """Record that a run of the job `name` begins. `now` identifies the run from here on."""
    insert_or_update(
        PeriodicRun, {"name": name}, {"started_at": now, "finished_at": None, "succeeded": None, "message": None}
    )


def finish_run(name: str, *, started_at: datetime, now: datetime, succeeded: bool, message: str) -> bool:
    """Keep what came of the run that began at `began`; whether it still was the last one."""
    updated_name = db.session.scalar(
        update(PeriodicRun)
        .where(PeriodicRun.name == name, PeriodicRun.started_at == started_at)
        .values(
            finished_at=now,
            succeeded=succeeded,
            message=format_message(message),
            failed_since=None if succeeded else func.coalesce(PeriodicRun.failed_since, now),
        )
        .returning(PeriodicRun.name)
        .execution_options(synchronize_session=False)
    )
    return updated_name is not None


def list_runs() -> dict[str, PeriodicRun]:
    """The last run of each job that ever ran, by the job's name."""
    runs = db.session.scalars(select(PeriodicRun).execution_options(populate_existing=True))
    return {run.name: run for run in runs}


def select_failing_runs(*, since: Any) -> Select[Any]:
    """The jobs whose last run failed, also while the next one is under way, if it began after `since`; give it now
    without MAX_AGE.
    """
    return select(PeriodicRun).where(PeriodicRun.failed_since.is_not(None), PeriodicRun.started_at > since)


def state_of(run: PeriodicRun, *, max_duration: timedelta, now: datetime) -> RunState:
    """What is known of `run`, which may last `max_duration`."""
    if run.finished_at is not None:
        return RunState.DONE if run.succeeded else RunState.FAILED
    return RunState.RUNNING if now - run.started_at <= max_duration else RunState.INTERRUPTED


def describe_result(result: object) -> str:
    """What a job says that came of it: the sentence it returns, if it does."""
    return result if isinstance(result, str) and result.strip() else DONE


def describe_failure(error: BaseException, reference: str) -> str:
    """What is shown of a run that failed. The text of an error that is a bug stays in the log: it may hold a secret."""
    cause = error.message.rstrip(".") if isinstance(error, HubError) else type(error).__name__
    return f"{cause}. See the log, reference {reference}"


def format_message(text: str) -> str:
    """`text` as a run keeps it: on one line, without one-time links."""
    return format_one_line(hide_links(text), max_length=MAX_MESSAGE_LENGTH)

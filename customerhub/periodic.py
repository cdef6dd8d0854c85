"""The last run of each job of the schedule, kept in the database: it is there while the queue server is away.

Of several runs at once the one that began last is kept. A run that was killed never ends; it counts as interrupted once
it is older than any run may be.
"""

import enum
import re
from datetime import datetime, timedelta

from sqlalchemy import select, update

from customerhub.database import insert_or_update
from customerhub.errors import HubError
from customerhub.users.links import hide_links
from models import PeriodicRun
from models.base import db

LONGEST_TOLD = 500
DONE = "Done"

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\s]+")


class Unfinished(HubError):
    """A job of the schedule did a part of its work. The message says what is left."""


class RunState(enum.StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "was interrupted"


def begin(name: str, *, now: datetime) -> None:
    """Keep that a run of the job `name` begins. `now` stands for the run from here on."""
    insert_or_update(
        PeriodicRun, {"name": name}, {"started_at": now, "finished_at": None, "succeeded": None, "told": None}
    )


def end(name: str, *, began: datetime, now: datetime, succeeded: bool, told: str) -> bool:
    """Keep what came of the run that began at `began`; whether it still was the last one."""
    kept = db.session.scalar(
        update(PeriodicRun)
        .where(PeriodicRun.name == name, PeriodicRun.started_at == began)
        .values(finished_at=now, succeeded=succeeded, told=one_line(told))
        .returning(PeriodicRun.name)
        .execution_options(synchronize_session=False)
    )
    return kept is not None


def list_runs() -> dict[str, PeriodicRun]:
    """The last run of each job that ever ran, by the job's name."""
    found = db.session.scalars(select(PeriodicRun).execution_options(populate_existing=True))
    return {run.name: run for run in found}


def state_of(run: PeriodicRun, *, longest: timedelta, now: datetime) -> RunState:
    """What is known of `run`, which may last `longest`."""
    if run.finished_at is not None:
        return RunState.DONE if run.succeeded else RunState.FAILED
    return RunState.RUNNING if now - run.started_at <= longest else RunState.INTERRUPTED


def outcome(answer: object) -> str:
    """What a job says that came of it: the sentence it returns, if it does."""
    return answer if isinstance(answer, str) and answer.strip() else DONE


def failure(error: BaseException, reference: str) -> str:
    """What is told of a run that failed. The text of an error that is a bug stays in the log: it may hold a secret."""
    cause = error.message.rstrip(".") if isinstance(error, HubError) else type(error).__name__
    return f"{cause}. The log tells more under reference {reference}"


def one_line(text: str) -> str:
    """`text` on one line, without control characters and one-time links, cut to what a run keeps."""
    bare = hide_links(_UNPRINTABLE.sub(" ", text).strip())
    return bare if len(bare) <= LONGEST_TOLD else bare[: LONGEST_TOLD - 1].rstrip() + "…"

"""When somebody last looked at the work that waits for them: what came later is unread.

One row for each person and organisation holds the moment, whatever there is to see. Each kind of work says by times of
its own, such as since when a task is theirs, whether it came after that.
"""

from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Date, ScalarSelect, func, literal, select

from customerhub.core import clock
from customerhub.core.database import insert_or_update
from customerhub.core.job_runs import MAX_AGE
from customerhub.core.permissions import Actor
from customerhub.customers.attention import compute_documents_until
from models import Organisation, WorkVisit
from models.base import db
from models.types import UtcDateTime

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class WorkTimes(NamedTuple):
    """The times that decide what waits on a day: the day itself, until when a document expires that is shown, and since
    when a job that failed must have begun. Values, or parameters of a query.
    """

    today: Any
    documents_until: Any
    jobs_since: Any


def build_times(today: date) -> WorkTimes:
    """What decides on the day `today`, now."""
    return WorkTimes(today, compute_documents_until(today), clock.get_now() - MAX_AGE)


class SeenMarks(NamedTuple):
    """A moment up to which somebody has seen everything in an organisation, its day of it, and the last day on which a
    document could expire that was shown then. Values, or parts of a query.
    """

    organisation_id: Any
    at: Any
    on: Any
    documents_until: Any


def build_marks(seen_at: datetime | None, organisation_id: int) -> SeenMarks:
    """The marks of a moment; of None, who has never looked, so that everything is unread."""
    at = seen_at or _LONG_AGO
    seen_on = clock.day_of(at, db.session.get_one(Organisation, organisation_id).timezone)
    return SeenMarks(organisation_id, at, seen_on, compute_documents_until(seen_on))


def select_marks(actor: Actor) -> SeenMarks:
    """The marks of when `actor` last looked, as parts of a query."""
    return SeenMarks(
        actor.organisation_id,
        func.coalesce(_select_column(actor, WorkVisit.seen_at), literal(_LONG_AGO, UtcDateTime())),
        func.coalesce(_select_column(actor, WorkVisit.seen_on), literal(_LONG_AGO.date(), Date())),
        func.coalesce(_select_column(actor, WorkVisit.documents_until), literal(_LONG_AGO.date(), Date())),
    )


def _select_column(actor: Actor, column: Any) -> ScalarSelect[Any]:
    is_own = WorkVisit.user_id == actor.id, WorkVisit.organisation_id == actor.organisation_id
    return select(column).where(*is_own).scalar_subquery()


def select_seen_at(actor: Actor) -> ScalarSelect[datetime]:
    """When `actor` last looked, as part of a query; None where they never have."""
    return _select_column(actor, WorkVisit.seen_at)


def record_visit(actor: Actor) -> None:
    """Keep that `actor` looks now: all that is there so far is seen."""
    marks = build_marks(clock.get_now(), actor.organisation_id)
    key = {"user_id": actor.id, "organisation_id": actor.organisation_id}
    values = {"seen_at": marks.at, "seen_on": marks.on, "documents_until": marks.documents_until}
    insert_or_update(WorkVisit, key, values)

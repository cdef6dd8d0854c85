"""What waits for somebody: counts for every page, and the lists behind them for a home page."""

from collections.abc import Sequence
from datetime import date
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from customerhub.activity.follow_ups import select_own_follow_ups
from customerhub.activity.mentions import select_unseen_mentions
from customerhub.approvals.task_queue import select_waiting_counts
from customerhub.cases.cases import select_own_cases
from customerhub.core.capped_counts import count_capped
from customerhub.core.permissions import Actor
from models import CustomerCase, Note, NoteMention
from models.base import db

MOST_LISTED: Final = 20


class OwnWork(NamedTuple):
    """How much waits for one person, each number as `count_capped` counts."""

    tasks: int
    open_tasks: int
    open_cases: int
    due_follow_ups: int
    unseen_mentions: int


def count_own_work(actor: Actor, *, today: date) -> OwnWork:
    """How much waits for `actor` on the day `today`, by one statement."""
    counts = (
        *select_waiting_counts(actor),
        count_capped(select_own_cases(actor).with_only_columns(CustomerCase.id)),
        count_capped(select_own_follow_ups(actor, until=today).with_only_columns(Note.id)),
        count_capped(select_unseen_mentions(actor).with_only_columns(NoteMention.id)),
    )
    return OwnWork(*db.session.execute(select(*counts)).one())


def list_due_follow_ups(actor: Actor, *, today: date, limit: int = MOST_LISTED) -> Sequence[Note]:
    """The follow-ups of `actor` due on the day `today` or late, the most overdue first, with their customers."""
    query = select_own_follow_ups(actor, until=today).options(joinedload(Note.customer))
    return db.session.scalars(query.order_by(Note.follow_up_on, Note.id).limit(limit)).all()


def list_open_cases(actor: Actor, *, limit: int = MOST_LISTED) -> Sequence[CustomerCase]:
    """The cases of `actor` that are not closed, the oldest first, with their customers."""
    query = select_own_cases(actor).options(joinedload(CustomerCase.customer))
    return db.session.scalars(query.order_by(CustomerCase.id).limit(limit)).all()

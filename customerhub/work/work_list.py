"""What waits for somebody: counts for every page, and the lists of the home page, of the bell and of the digest."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Date, bindparam, literal, or_, select

from customerhub.activity.follow_ups import select_own_follow_ups
from customerhub.approvals.task_queue import select_waiting_counts
from customerhub.cases.cases import select_own_cases
from customerhub.core.capped_counts import count_capped
from customerhub.core.permissions import Actor, Permission
from customerhub.customers.signature_attention import select_waiting_signatures
from customerhub.work.kinds import VISITOR_KINDS, WorkItem, WorkKind, list_kinds
from customerhub.work.visits import SeenMarks, WorkTimes, build_times, select_marks, select_seen_at
from models import CustomerCase, Envelope, Note, User
from models.base import Key, db
from models.types import UtcDateTime

FEW: Final = 5  # of a kind that are shown where there are several kinds
MOST_LISTED: Final = 20


class OwnWork(NamedTuple):
    """How much waits for one person, each number as `count_capped` counts; `unread` is what came since `seen_at`."""

    tasks: int
    open_tasks: int
    open_cases: int
    waiting_signatures: int
    due_follow_ups: int
    unread: int
    seen_at: datetime | None


class ListedItem(NamedTuple):
    """An item of a list, and whether it came since its reader last looked."""

    item: WorkItem
    is_new: bool


@dataclass(frozen=True)
class WorkGroup:
    """What waits of one kind: how much, as `count_capped` counts, the most urgent of it, and where all of it is."""

    kind: WorkKind
    count: int
    items: Sequence[ListedItem]
    path: str


def count_own_work(actor: Actor, *, today: date) -> OwnWork:
    """How much waits for `actor` on the day `today`, by one statement."""
    kinds = tuple(list_kinds(actor))
    statement = _build_count(kinds, sees_all=actor.has_permission(Permission.CUSTOMERS_ASSIGN))
    values = {"user_id": actor.id, "organisation_id": actor.organisation_id, **build_times(today)._asdict()}
    return OwnWork(*db.session.execute(statement, values).one())


@dataclass(frozen=True)
class _AnyActor(Actor):
    """Stands for everybody who sees to all customers, or to their own, in a statement about many: `key` is who it is
    about, a parameter of it or a column.
    """

    sees_all: bool
    key: Any

    @property
    def id(self) -> Any:
        return self.key

    def has_permission(self, permission: Permission) -> bool:
        return permission is not Permission.CUSTOMERS_ASSIGN or self.sees_all


@lru_cache
def _build_count(kinds: tuple[WorkKind, ...], *, sees_all: bool) -> Any:
    """The statement of `count_own_work` for everybody with these kinds of work. Every page runs it; building it takes
    longer than that.
    """
    organisation_id: Any = bindparam("organisation_id", type_=Key)
    actor = _AnyActor(None, organisation_id, sees_all, bindparam("user_id", type_=Key))
    times = WorkTimes(
        bindparam("today", type_=Date()),
        bindparam("documents_until", type_=Date()),
        bindparam("jobs_since", type_=UtcDateTime()),
    )
    marks = select_marks(actor)
    new_counts = [
        count_capped(kind.select_new(actor, times, marks).with_only_columns(kind.key, maintain_column_froms=True))
        for kind in kinds
    ]
    return select(
        *select_waiting_counts(actor),
        count_capped(select_own_cases(actor).with_only_columns(CustomerCase.id)),
        count_capped(select_waiting_signatures(actor).with_only_columns(Envelope.id)),
        count_capped(select_own_follow_ups(actor, until=times.today).with_only_columns(Note.id)),
        sum(new_counts, start=literal(0)),
        select_seen_at(actor),
    )


def has_visitor_work(organisation_id: int, *, today: date) -> ColumnElement[bool]:
    """The condition of the users for whom, as visitors to an organisation, work of their own waits on the day `today`:
    not what everybody there sees.
    """
    actor, times = _AnyActor(None, organisation_id, sees_all=False, key=User.id), build_times(today)
    return or_(*(kind.select(actor, times).exists() for kind in VISITOR_KINDS))


def list_work(actor: Actor, *, today: date, marks: SeenMarks, limit: int = FEW) -> list[WorkGroup]:
    """What waits for `actor` on the day `today`, in groups, the most urgent first: `limit` items of each. One statement
    counts, and one lists each kind of which there is any.
    """
    counts = count_by_kind(actor, today=today)
    groups = [
        WorkGroup(kind, count, _list_items(kind, actor, today, marks, limit), kind.path(actor, today))
        for kind, count in counts
        if count
    ]
    return sorted(groups, key=lambda group: not any(listed.item.is_late for listed in group.items))


def count_by_kind(actor: Actor, *, today: date) -> list[tuple[WorkKind, int]]:
    """How much of each kind waits for `actor`, as `count_capped` counts, by one statement."""
    kinds = list_kinds(actor)
    if not kinds:
        return []
    times = build_times(today)
    counts = [
        count_capped(kind.select(actor, times).with_only_columns(kind.key, maintain_column_froms=True))
        for kind in kinds
    ]
    return list(zip(kinds, db.session.execute(select(*counts)).one(), strict=True))


def _list_items(kind: WorkKind, actor: Actor, today: date, marks: SeenMarks, limit: int) -> list[ListedItem]:
    times = build_times(today)
    query = kind.select(actor, times).add_columns(kind.is_new(marks, times)).options(*kind.load_options)
    rows = db.session.execute(query.order_by(*kind.order).limit(limit)).all()
    return [ListedItem(kind.describe(row, today), bool(is_new)) for row, is_new in rows]

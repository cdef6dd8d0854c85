"""Leases: one worker at a time works on a row, for a limited time that it can renew.

`claim` is one UPDATE that names what it expects, so of several processes one gets the row; it leaves a token in the row
that no other claim leaves. `renew` and `release` ask for that token: a worker that was too slow, or whose work was
cancelled, learns it there and stops. A worker that dies does nothing, and its lease expires. Times are those of
customerhub.core.clock. Clocks that disagree let a lease expire early or late; two never hold one row all the same.

The caller commits: until then nobody else sees the claim, and on SQLite nobody else writes.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, Column, ColumnElement, Table, Update, and_, or_, select, update

from models.base import db

LOST_JOB_AFTER = timedelta(minutes=3)  # longer than a job waits to be put into the queue


class Superseded(Exception):
    """The work was cancelled, or another worker has taken it over. Nothing is to be done about it."""


@dataclass(frozen=True)
class Lease:
    """A claimed row, with the token of the claim."""

    row_id: int
    token: int | datetime


@dataclass(frozen=True)
class LeaseTable:
    """What of a table is leased, and by which columns.

    `until` is when a lease ends by itself, `duration` after it was claimed or renewed last; NULL where there is none.
    `token` is a number that every claim raises, or `until` itself: then a renewed lease has a new token, and the holder
    must keep that one. `waiting` is the condition of a row that is to be worked on, `active` of one that is: a lease on
    any other is over.
    """

    table: Table
    until: Column[Any]
    token: Column[Any]
    waiting: ColumnElement[bool]
    active: ColumnElement[bool]
    duration: timedelta

    def is_expired(self, now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
        """The condition of a row without a lease, or whose lease has expired."""
        return or_(self.until.is_(None), self.until <= now)

    def is_held(self, row_id: int | BindParameter[int], token: Any) -> ColumnElement[bool]:
        """The condition that the lease with this token still holds the row."""
        return and_(self.table.c.id == row_id, self.token == token, self.active)

    def claim(
        self, *conditions: ColumnElement[bool], now: datetime, duration: timedelta | None = None, **values: Any
    ) -> list[Lease]:
        """Claim the rows that meet `conditions` and have no valid lease, and set `values` on them."""
        until = now + (duration or self.duration)
        next_token = {} if self.token is self.until else {self.token.name: self.token + 1}
        claimable = (*conditions, or_(self.waiting, self.active), self.is_expired(now))
        statement = self._build_update(*claimable, **{self.until.name: until, **next_token, **values})
        rows = db.session.execute(statement.returning(self.table.c.id, self.token))
        return [Lease(row_id, token) for row_id, token in rows]

    def renew(self, lease: Lease, *, now: datetime, **values: Any) -> Lease:
        """Keep the row for another `duration`, and set `values` on it. Raises Superseded where the lease is lost.

        A lease that has expired is not lost as long as nobody else has claimed the row.
        """
        statement = self._build_update(
            self.is_held(lease.row_id, lease.token), **{self.until.name: now + self.duration, **values}
        )
        token = db.session.scalar(statement.returning(self.token))
        if token is None:
            raise Superseded
        return Lease(lease.row_id, token)

    def release(self, *leases: Lease, **values: Any) -> int:
        """End these leases with `values`, which say what becomes of the rows. Returns how many were not lost."""
        if not leases:
            return 0
        row_ids: dict[Any, list[int]] = defaultdict(list)
        for lease in leases:
            row_ids[lease.token].append(lease.row_id)
        held = [and_(self.token == token, self.table.c.id.in_(ids)) for token, ids in row_ids.items()]
        statement = self._build_update(or_(*held), self.active, **{self.until.name: None, **values})
        return len(db.session.execute(statement.returning(self.table.c.id)).all())

    def list_lost(self, *, now: datetime) -> Sequence[int]:
        """The ids of rows to be queued again: they wait for longer than LOST_JOB_AFTER, or their lease has expired."""
        is_lost = and_(self.waiting, self.table.c.created_at < now - LOST_JOB_AFTER)
        is_abandoned = and_(self.active, self.is_expired(now))
        return db.session.scalars(select(self.table.c.id).where(or_(is_lost, is_abandoned))).all()

    def _build_update(self, *conditions: ColumnElement[bool], **values: Any) -> Update:
        """An UPDATE past the objects that the session has."""
        return update(self.table).where(*conditions).values(values)

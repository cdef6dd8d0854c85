"""What is to happen once the transaction at hand has ended.

Files and queues know no transactions. Whoever touches them says here what to do when the rows are committed,
and what to take back when they are not. A savepoint that is rolled back counts as not committed.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

from models.base import db

_PLANS = "when_transaction_ends"
log = logging.getLogger(__name__)

Action = Callable[[], object]


@dataclass
class _Plan:
    transaction: SessionTransaction | None
    action: Action
    on_commit: bool


def after_commit(action: Action) -> None:
    """Call `action` when the present transaction is committed. It must not use the session."""
    _plan(action, on_commit=True)


def if_undone(action: Action) -> None:
    """Call `action` when the present transaction ends without a commit. It must not use the session."""
    _plan(action, on_commit=False)


def _plan(action: Action, *, on_commit: bool) -> None:
    session = db.session()
    session.connection()  # there is a transaction from here on
    session.info.setdefault(_PLANS, []).append(_Plan(_innermost(session), action, on_commit))


def _innermost(session: Session) -> SessionTransaction | None:
    return session.get_nested_transaction() or session.get_transaction()


def _run(plans: list[_Plan], *, committed: bool) -> None:
    """What is done stays done: a failure here is logged and not passed on."""
    for plan in plans:
        if plan.on_commit is committed:
            try:
                plan.action()
            except Exception:
                log.exception("failed after the end of a transaction")


@event.listens_for(Session, "after_commit")
def _committed(session: Session) -> None:
    savepoint = session.get_nested_transaction()
    if savepoint is None:
        _run(session.info.pop(_PLANS, []), committed=True)
        return
    for plan in session.info.get(_PLANS, []):
        if plan.transaction is savepoint:
            plan.transaction = savepoint.parent


@event.listens_for(Session, "after_soft_rollback")
def _rolled_back(session: Session, transaction: SessionTransaction) -> None:
    plans: list[_Plan] = session.info.get(_PLANS, [])
    undone = [plan for plan in plans if plan.transaction is transaction]
    session.info[_PLANS] = [plan for plan in plans if plan.transaction is not transaction]
    _run(undone, committed=False)


@event.listens_for(Session, "after_transaction_end")
def _ended(session: Session, transaction: Any) -> None:
    if transaction.parent is None:
        _run(session.info.pop(_PLANS, []), committed=False)

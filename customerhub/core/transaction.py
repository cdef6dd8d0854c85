"""Callbacks for the end of the current transaction.

Files and queues know no transactions. Code that touches them registers here what to do when the rows are committed,
and what to take back when they are not. A savepoint that is rolled back counts as not committed.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session, SessionTransaction

from models.base import db

_CALLBACKS = "when_transaction_ends"
log = logging.getLogger(__name__)

Action = Callable[[], object]


@dataclass
class _Callback:
    transaction: SessionTransaction | None
    action: Action
    on_commit: bool


def after_commit(action: Action) -> None:
    """Call `action` when the present transaction is committed. It must not use the session."""
    _register(action, on_commit=True)


def after_rollback(action: Action) -> None:
    """Call `action` when the present transaction ends without a commit. It must not use the session."""
    _register(action, on_commit=False)


def _register(action: Action, *, on_commit: bool) -> None:
    session = db.session()
    session.connection()  # there is a transaction from here on
    session.info.setdefault(_CALLBACKS, []).append(_Callback(_innermost(session), action, on_commit))


def _innermost(session: Session) -> SessionTransaction | None:
    return session.get_nested_transaction() or session.get_transaction()


def _run_callbacks(callbacks: list[_Callback], *, committed: bool) -> None:
    """What is done stays done: a failure here is logged and not passed on."""
    for callback in callbacks:
        if callback.on_commit is committed:
            try:
                callback.action()
            except Exception:
                log.exception("failed after the end of a transaction")


def run_commit_callbacks(session: Session) -> None:
    """Listener of `after_commit`."""
    savepoint = session.get_nested_transaction()
    if savepoint is None:
        _run_callbacks(session.info.pop(_CALLBACKS, []), committed=True)
        return
    for callback in session.info.get(_CALLBACKS, []):
        if callback.transaction is savepoint:
            callback.transaction = savepoint.parent


def run_rollback_callbacks(session: Session, transaction: SessionTransaction) -> None:
    """Listener of `after_soft_rollback`: what was registered within `transaction`, which may be a savepoint."""
    callbacks: list[_Callback] = session.info.get(_CALLBACKS, [])
    discarded_callbacks = [plan for plan in callbacks if plan.transaction is transaction]
    session.info[_CALLBACKS] = [plan for plan in callbacks if plan.transaction is not transaction]
    _run_callbacks(discarded_callbacks, committed=False)


def run_remaining_callbacks(session: Session, transaction: SessionTransaction) -> None:
    """Listener of `after_transaction_end`: what is left then was neither committed nor rolled back by name."""
    if transaction.parent is None:
        _run_callbacks(session.info.pop(_CALLBACKS, []), committed=False)

"""The facts that a credit check is based on: which of them a change of a customer affects, and their previous values.

What somebody changes may be flushed before it is saved, by any query on the way. So what flushes write over is kept
until the customer is saved or the transaction ends.
"""

from typing import Any, Final

from sqlalchemy import inspect
from sqlalchemy.orm import Session, SessionTransaction

from customerhub.approvals import stages
from models import Customer
from models.base import db

_FLUSHED_KEY: Final = "facts_flushed"
_TAKEN_KEY: Final = "facts_taken"


def find_changes(customer: Customer) -> dict[str, Any]:
    """The facts that differ from what they were when `customer` was saved last, each with its former value."""
    flushed_values = db.session().info.get(_FLUSHED_KEY, {}).get(customer.id, {})
    previous_values = {**_find_unflushed_changes(customer), **flushed_values}
    return {
        name: previous_values[name]
        for name in stages.CREDIT_CHECK_FACTS
        if name in previous_values and previous_values[name] != getattr(customer, name)
    }


def settle_changes(customer: Customer) -> None:
    """The facts as they now stand count as saved from here on."""
    db.session().info.get(_FLUSHED_KEY, {}).pop(customer.id, None)
    db.session().info.setdefault(_TAKEN_KEY, {})[customer.id] = {
        name: getattr(customer, name) for name in stages.CREDIT_CHECK_FACTS
    }


def _find_unflushed_changes(customer: Customer) -> dict[str, Any]:
    histories = {name: inspect(customer).attrs[name].history for name in stages.CREDIT_CHECK_FACTS}
    return {
        name: changes.deleted[0] if changes.deleted else None for name, changes in histories.items() if changes.added
    }


def remember_flushed_changes(session: Session, _context: Any, _instances: Any) -> None:
    """Listener of `before_flush`: keep what this flush writes over."""
    for row in session.dirty:
        if isinstance(row, Customer) and (changes := _find_unflushed_changes(row)):
            taken_values = session.info.get(_TAKEN_KEY, {}).pop(row.id, {})
            changes = {
                name: before for name, before in changes.items() if taken_values.get(name, before) != getattr(row, name)
            }
            flushed_changes = session.info.setdefault(_FLUSHED_KEY, {})
            flushed_changes[row.id] = {**changes, **flushed_changes.get(row.id, {})}


def forget_changes(session: Session, transaction: SessionTransaction) -> None:
    """Listener of `after_transaction_end`."""
    if transaction.parent is None:
        session.info.pop(_FLUSHED_KEY, None)
        session.info.pop(_TAKEN_KEY, None)

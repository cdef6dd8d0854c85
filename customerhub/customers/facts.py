"""The facts that the credit check rests on: which of them were changed of a customer, and what they were.

What somebody changes may be flushed before it is saved, by any query on the way. So what flushes write over is kept
until the customer is saved or the transaction ends.
"""

from typing import Any, Final

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from customerhub.approvals import stages
from models import Customer
from models.base import db

_FLUSHED: Final = "facts_flushed"
_TAKEN: Final = "facts_taken"


def take_changes(customer: Customer) -> dict[str, Any]:
    """The facts that differ from what they were when `customer` was saved last, each with its former value.

    They count as dealt with from here on.
    """
    before = db.session().info.get(_FLUSHED, {}).pop(customer.id, {})
    before = {**_unflushed(customer), **before}
    db.session().info.setdefault(_TAKEN, {})[customer.id] = {name: getattr(customer, name) for name in stages.FACTS}
    return {name: before[name] for name in stages.FACTS if name in before and before[name] != getattr(customer, name)}


def _unflushed(customer: Customer) -> dict[str, Any]:
    histories = {name: inspect(customer).attrs[name].history for name in stages.FACTS}
    return {
        name: changes.deleted[0] if changes.deleted else None for name, changes in histories.items() if changes.added
    }


@event.listens_for(Session, "before_flush")
def _keep(session: Session, _context: Any, _instances: Any) -> None:
    for row in session.dirty:
        if isinstance(row, Customer) and (changes := _unflushed(row)):
            taken = session.info.get(_TAKEN, {}).pop(row.id, {})
            changes = {
                name: before for name, before in changes.items() if taken.get(name, before) != getattr(row, name)
            }
            kept = session.info.setdefault(_FLUSHED, {})
            kept[row.id] = {**changes, **kept.get(row.id, {})}


@event.listens_for(Session, "after_transaction_end")
def _forget(session: Session, transaction: Any) -> None:
    if transaction.parent is None:
        session.info.pop(_FLUSHED, None)
        session.info.pop(_TAKEN, None)

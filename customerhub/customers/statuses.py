"""The status of a customer: what whoever edits the record may choose, and what only its own operations do."""

from sqlalchemy import inspect

from customerhub.cleaning import Problems
from customerhub.database import saving
from models import Customer, CustomerStatus
from models.base import db
from models.enums import StatusBehaviour

# Charges may be held back and billed again by whoever edits; ending and coming back charge, refund and end things too.
EDITABLE = (StatusBehaviour.BILL, StatusBehaviour.ACCRUE)


def choosable(present: StatusBehaviour | None) -> tuple[StatusBehaviour, ...]:
    """What a status may do that is chosen for a customer whose status does `present`; None is that of a new one."""
    return EDITABLE if present is None or present in EDITABLE else (present,)


def status_problems(customer: Customer) -> Problems:
    """A status that is not the organisation's, or that comes by an operation and not by editing."""
    before = kept_status_id(customer)
    if customer.status_id in (None, before):
        return []
    chosen = db.session.get(CustomerStatus, customer.status_id)
    if chosen is None or chosen.organisation_id != customer.organisation_id:
        return [("status_id", "Choose a status from the list")]
    present = db.session.get_one(CustomerStatus, before).behaviour if before is not None else None
    if chosen.behaviour in choosable(present):
        return []
    return [("status_id", f"A customer is not moved to “{chosen}” by editing: that is an action of its own")]


def kept_status_id(customer: Customer) -> int | None:
    """The status that the database holds; None for a new customer."""
    changes = inspect(customer).attrs.status_id.history
    return (changes.deleted or changes.unchanged or [None])[0]


def put_in_status(customer: Customer, status: CustomerStatus) -> None:
    """Move `customer` to any status. For the operations that do what belongs to it, never for a form."""
    with saving():
        customer.status_id = status.id

"""The status of a customer: which ones an editor of the record may choose, and which only operations set."""

from sqlalchemy import inspect, select

from customerhub.core.database import save_changes
from customerhub.core.errors import Invalid
from customerhub.core.row_validation import Problems
from models import Customer, CustomerStatus
from models.base import db
from models.enums import StatusBehaviour

# Charges may be held back and billed again by whoever edits; ending and coming back charge, refund and end things too.
EDITABLE_BEHAVIOURS = (StatusBehaviour.BILL, StatusBehaviour.ACCRUE)


def list_choosable_behaviours(current_behaviour: StatusBehaviour | None) -> tuple[StatusBehaviour, ...]:
    """What a status may do that is chosen for a customer whose status is `current_behaviour`; None is that of a new
    one.
    """
    return (
        EDITABLE_BEHAVIOURS
        if current_behaviour is None or current_behaviour in EDITABLE_BEHAVIOURS
        else (current_behaviour,)
    )


def list_status_problems(customer: Customer) -> Problems:
    """A status that is not the organisation's, or that comes by an operation and not by editing."""
    saved_status_id = find_saved_status_id(customer)
    if customer.status_id in (None, saved_status_id):
        return []
    new_status = db.session.get(CustomerStatus, customer.status_id)
    if new_status is None or new_status.organisation_id != customer.organisation_id:
        return [("status_id", "Choose a status from the list")]
    current_behaviour = (
        db.session.get_one(CustomerStatus, saved_status_id).behaviour if saved_status_id is not None else None
    )
    if new_status.behaviour in list_choosable_behaviours(current_behaviour):
        return []
    return [("status_id", f"The status “{new_status}” cannot be chosen when editing. Choose one from the list")]


def find_saved_status_id(customer: Customer) -> int | None:
    """The status that the database holds; None for a new customer."""
    changes = inspect(customer).attrs.status_id.history
    saved_id: int | None = (changes.deleted or changes.unchanged or [None])[0]
    return saved_id


def get_default_status(organisation_id: int) -> CustomerStatus:
    """The status in which a new customer starts. Raises Invalid, saying where to add one, where there is none."""
    return require_default_status(find_default_status(organisation_id))


def require_default_status(status: CustomerStatus | None) -> CustomerStatus:
    """As `get_default_status`, of what `find_default_status` returned."""
    if status is None:
        raise Invalid("There is no active customer status with billing. Add one under Set-up, Statuses", "status_id")
    return status


def find_default_status(organisation_id: int) -> CustomerStatus | None:
    """The status of a new customer: the first active one that bills."""
    return db.session.scalar(
        select(CustomerStatus)
        .where(
            CustomerStatus.organisation_id == organisation_id,
            CustomerStatus.behaviour == StatusBehaviour.BILL,
            CustomerStatus.active,
        )
        .order_by(CustomerStatus.position, CustomerStatus.id)
        .limit(1)
    )


def set_status(customer: Customer, status: CustomerStatus) -> None:
    """Move `customer` to any status. For the operations that do what belongs to it, never for a form."""
    with save_changes():
        customer.status_id = status.id

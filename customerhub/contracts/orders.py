"""Orders: connections that a customer ordered, and how far their delivery is."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from customerhub.contracts.contracts import MOST_CONNECTIONS, get_customer
from customerhub.contracts.eligibility import require_eligible
from customerhub.contracts.numbering import take_number
from customerhub.contracts.status_changes import change_statuses
from customerhub.contracts.transitions import ORDER_STATUSES, OrderTransition
from customerhub.core import history
from customerhub.core.database import save_changes
from customerhub.core.errors import HubError, Invalid, WrongState, raise_refusal
from customerhub.core.organisation_dates import organisation_today
from customerhub.core.permissions import Actor, Permission, require_access, require_permission
from customerhub.core.row_validation import Problems, clean_row
from models import Contract, CustomerOrder
from models.base import db
from models.enums import ContractStatus, OrderStatus

BEFORE_ORDER_DATE: Final = "This is before the order date"
# In which a contract may be that is chosen for an order.
ORDERED_ON_STATUSES: Final = tuple(status for status in ContractStatus if status is not ContractStatus.ENDED)
FINAL_STATUSES: Final = (OrderStatus.DELIVERED, OrderStatus.CANCELLED)
_FIXED_FIELDS: Final = {
    "status": "a status action",
    "delivered_on": "a status action",
    "customer_id": "merging customers",
}


def save_order(order: CustomerOrder, *, actor: Actor) -> CustomerOrder:
    """Check `order` as it now stands and flush it. A new one is placed, and gets its number unless it has one.

    Raises WrongState where its customer may not enter a contract or the order is over, Invalid with every problem that
    there is, Conflict where its number is taken or somebody saved it meanwhile.
    """
    with save_changes():
        is_new = order.id is None
        require_permission(actor, Permission.CONTRACTS_EDIT)
        customer = get_customer(order, actor)
        if is_new:
            require_eligible(customer, actor=actor)
            order.connections = 1 if order.connections is None else order.connections
            order.organisation_id = customer.organisation_id
            order.status, order.delivered_on = OrderStatus.PLACED, None
            if not (order.number or "").strip():
                order.number = take_number(CustomerOrder, customer.organisation_id)
        else:
            require_access(actor, order)
            _require_editable(order)
        problems = clean_row(order) + _problems(order)
        if problems:
            raise Invalid.from_problems(problems)
        db.session.add(order)
    return order


def _require_editable(order: CustomerOrder) -> None:
    """Raises WrongState where somebody edits what is not changed by editing, or an order that is over."""
    before = history.previous_values_of(order)
    for field, way in _FIXED_FIELDS.items():
        if field in before:
            field_label = field.removesuffix("_id").replace("_", " ")
            raise WrongState(f"The {field_label} of an order can be changed only by {way}")
    problem = edit_refusal_reason(order)
    if problem is not None:
        raise WrongState(problem)


def edit_refusal_reason(order: CustomerOrder) -> str | None:
    """Why `order` cannot be edited, or None where it can."""
    return f"The order is {order.status.value} and cannot be changed" if order.status in FINAL_STATUSES else None


def _problems(order: CustomerOrder) -> Problems:
    problems: Problems = []
    if order.contract_id is not None:
        contract = db.session.get(Contract, order.contract_id)
        if contract is None or contract.customer_id != order.customer_id:
            problems.append(("contract_id", "Choose a contract of this customer"))
        elif contract.status not in ORDERED_ON_STATUSES and "contract_id" in history.previous_values_of(order):
            problems.append(("contract_id", f"{contract} has ended. Choose another contract"))
    if order.connections is None or not 1 <= order.connections <= MOST_CONNECTIONS:
        problems.append(("connections", f"Enter a value from 1 to {MOST_CONNECTIONS:,}"))
    if order.ordered_on and order.wanted_on and order.wanted_on < order.ordered_on:
        problems.append(("wanted_on", BEFORE_ORDER_DATE))
    return problems


def change_order_status(
    order: CustomerOrder,
    transition: OrderTransition,
    *,
    delivered_on: date | None = None,
    reason: str | None = None,
    actor: Actor,
) -> None:
    """Make `transition` of the table, for the `reason` that the history keeps.

    Raises WrongState for a transition that is not in the table, Invalid with the field where the day is missing or
    wrong.
    """
    raise_refusal(change_order_statuses([order], transition, delivered_on=delivered_on, reason=reason, actor=actor))


def change_order_statuses(
    orders: Sequence[CustomerOrder],
    transition: OrderTransition,
    *,
    delivered_on: date | None = None,
    reason: str | None = None,
    actor: Actor,
) -> dict[int, HubError]:
    """As `change_order_status`, of many at once: returns why not, by the id of each that is left as it is."""
    today = organisation_today(actor.organisation_id)

    def check(order: CustomerOrder) -> None:
        if transition.required_inputs and delivered_on is not None:
            _check_delivery_date(order, delivered_on, today)

    inputs = {"delivered_on": delivered_on}
    return change_statuses(ORDER_STATUSES, transition, orders, inputs=inputs, check=check, reason=reason, actor=actor)


def _check_delivery_date(order: CustomerOrder, day: date, today: date) -> None:
    if day < order.ordered_on:
        raise Invalid(BEFORE_ORDER_DATE, "delivered_on")
    if day > today:
        raise Invalid("The delivery date is in the future", "delivered_on")

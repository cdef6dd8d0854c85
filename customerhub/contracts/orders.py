"""Orders: connections that a customer ordered, and how far their delivery is."""

from datetime import date
from typing import Final

from customerhub import history
from customerhub.approvals.blacklist import today
from customerhub.cleaning import Problems, clean_row
from customerhub.contracts import moves
from customerhub.contracts.contracts import MOST_CONNECTIONS, cleaned, customer_of
from customerhub.contracts.eligibility import require_may_enter
from customerhub.contracts.moves import Move
from customerhub.contracts.numbering import take_number
from customerhub.database import saving
from customerhub.errors import Invalid, WrongState
from customerhub.permissions import Actor, Permission, require, require_own
from models import Contract, CustomerOrder
from models.base import db
from models.enums import ContractStatus, OrderStatus

BACKWARDS: Final = "This is before the day on which it was ordered"
OVER: Final = (OrderStatus.DELIVERED, OrderStatus.CANCELLED)
_KEPT: Final = {"status": "moves", "delivered_on": "moves", "customer_id": "merging its customers"}


def save_order(order: CustomerOrder, *, actor: Actor) -> CustomerOrder:
    """Check `order` as it now stands and flush it. A new one is placed, and gets its number unless it has one.

    Raises WrongState where its customer may not enter a contract or the order is over, Invalid with every problem that
    there is, Conflict where its number is taken or somebody saved it meanwhile.
    """
    with saving():
        is_new = order.id is None
        require(actor, Permission.CONTRACTS_EDIT)
        customer = customer_of(order, actor)
        if is_new:
            require_may_enter(customer, actor=actor)
            order.connections = 1 if order.connections is None else order.connections
            order.organisation_id = customer.organisation_id
            order.status, order.delivered_on = OrderStatus.PLACED, None
            if not (order.number or "").strip():
                order.number = take_number(CustomerOrder, customer.organisation_id)
        else:
            require_own(actor, order)
            _require_kept(order)
        problems = clean_row(order) + _problems(order)
        if problems:
            raise Invalid(problems[0][1], problems[0][0], problems)
        db.session.add(order)
    return order


def _require_kept(order: CustomerOrder) -> None:
    """Raises WrongState where somebody edits what is not changed by editing, or an order that is over."""
    before = history.before(order)
    for field, way in _KEPT.items():
        if field in before:
            what = field.removesuffix("_id").replace("_", " ")
            raise WrongState(f"The {what} of an order is changed by {way}, not by editing")
    problem = why_not_changed(order)
    if problem is not None:
        raise WrongState(problem)


def why_not_changed(order: CustomerOrder) -> str | None:
    """Why `order` cannot be edited, or None where it can."""
    return f"It is {order.status.value} and stays as it is" if order.status in OVER else None


def _problems(order: CustomerOrder) -> Problems:
    problems: Problems = []
    if order.contract_id is not None:
        contract = db.session.get(Contract, order.contract_id)
        if contract is None or contract.customer_id != order.customer_id:
            problems.append(("contract_id", "Choose a contract of this customer"))
        elif contract.status is ContractStatus.ENDED and "contract_id" in history.before(order):
            problems.append(("contract_id", f"{contract} has ended. Choose another contract"))
    if order.connections is None or not 1 <= order.connections <= MOST_CONNECTIONS:
        problems.append(("connections", f"This is 1 to {MOST_CONNECTIONS:,}"))
    if order.ordered_on and order.wanted_on and order.wanted_on < order.ordered_on:
        problems.append(("wanted_on", BACKWARDS))
    return problems


def move_order(
    order: CustomerOrder,
    move: Move[OrderStatus],
    *,
    delivered_on: date | None = None,
    reason: str | None = None,
    actor: Actor,
) -> None:
    """Make `move` of the table, for the `reason` that the history keeps.

    Raises WrongState for a move that is not in the table, Invalid with the field where the day is missing or wrong.
    """
    require(actor, Permission.CONTRACTS_EDIT)
    require_own(actor, order)
    moves.require_move(move, order.status, moves.OF_ORDERS)
    said = cleaned(reason)
    with history.because(said), saving():
        if move.needs is not None:
            order.delivered_on = _delivery_of(order, delivered_on)
        order.status = move.after


def _delivery_of(order: CustomerOrder, day: date | None) -> date:
    if day is None:
        raise Invalid("Say on which day it was delivered", "delivered_on")
    if day < order.ordered_on:
        raise Invalid(BACKWARDS, "delivered_on")
    if day > today(order.organisation_id):
        raise Invalid("This day is yet to come", "delivered_on")
    return day

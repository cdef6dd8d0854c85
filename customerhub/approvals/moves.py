"""Moving a customer from one stage to the next, with everything that hangs on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import select

from customerhub import history
from customerhub.approvals import letters, stages, tasks
from customerhub.approvals.blacklist import refuse_blacklisted
from customerhub.approvals.stages import Move
from customerhub.database import saving
from customerhub.errors import Invalid, NotAllowed
from customerhub.permissions import Actor, Permission, require, require_own
from models import ApprovalTask, Customer, History
from models.base import db
from models.enums import Role, Stage, TaskKind

LONGEST_REFERENCE: Final = 60
MOST_REVENUE: Final = Decimal("9999999999999.99")


def move_customer(
    customer: Customer,
    move: Move,
    *,
    comment: str | None = None,
    credit_reference: str | None = None,
    billing_reference: str | None = None,
    estimated_monthly_revenue: Decimal | None = None,
    actor: Actor,
) -> None:
    """Make `move`, keep what is told with it, and settle the onboarding task that stands behind it.

    Blank references leave those the customer has. Raises WrongState for a move that is not in the table or a
    blacklisted customer, NotAllowed for one's own request or a task that is not one's own, Invalid with the field where
    something is missing.
    """
    require_own(actor, customer)
    stands = behind([customer])[customer.id]
    check_move(move, customer, stands, actor)
    if move.after in (Stage.PASSED, Stage.BILLING):
        refuse_blacklisted(customer, "approved")
    said = tasks.needed(comment) if move.asks else tasks.tidied(comment)
    values = _told(credit_reference, billing_reference, estimated_monthly_revenue)
    for name in move.needs:
        if not values.get(name) and not getattr(customer, name):
            raise Invalid(f"A {name.replace('_', ' ')} is needed", name)
    with history.because(said), saving():
        for name, value in values.items():
            setattr(customer, name, value)
        customer.stage = move.after
    _settle(stands.task, move, said, actor)


def _told(credit_reference: str | None, billing_reference: str | None, revenue: Decimal | None) -> dict[str, Any]:
    """What is told with a move, by column; what is blank is left out."""
    references = {"credit_reference": credit_reference, "billing_reference": billing_reference}
    values: dict[str, Any] = {
        name: tasks.tidied(text, name, longest=LONGEST_REFERENCE, lines=False) for name, text in references.items()
    }
    if revenue is not None and not (revenue.is_finite() and 0 <= revenue <= MOST_REVENUE):
        raise Invalid(f"An amount from 0 to {MOST_REVENUE:,}", "estimated_monthly_revenue")
    values["estimated_monthly_revenue"] = revenue
    return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class Behind:
    """What stands behind a customer: its onboarding task, else who made the record."""

    task: ApprovalTask | None = None
    maker_id: int | None = None


def behind(customers: Sequence[Customer]) -> dict[int, Behind]:
    """What stands behind each of these customers, by their ids."""
    found = tasks.latest_of(customers, TaskKind.ONBOARDING)
    makers = _makers_of([customer for customer in customers if customer.id not in found])
    return {each.id: Behind(found.get(each.id), makers.get(each.id)) for each in customers}


def _makers_of(customers: Sequence[Customer]) -> dict[int, int | None]:
    """Who made these records, by the history."""
    if not customers:
        return {}
    made = select(History.customer_id, History.actor_id).where(
        History.organisation_id == customers[0].organisation_id,
        History.customer_id.in_([customer.id for customer in customers]),
        History.table_name == "customer",
        History.action == "created",
    )
    return {key: actor_id for key, actor_id in db.session.execute(made.order_by(History.id.desc())) if key is not None}


def check_move(move: Move, customer: Customer, stands: Behind, actor: Actor) -> None:
    """Raises WrongState or NotAllowed, saying why, where `actor` cannot make `move` now. `stands` is what stands behind
    the customer.
    """
    require(actor, Permission.TASKS_WORK)
    stages.require_move(move, customer.stage)
    if stands.task is not None:
        tasks.require_decider(stands.task, actor)
    elif actor.id is not None and actor.id == stands.maker_id:
        raise NotAllowed(tasks.OWN_REQUEST)
    elif not actor.may(Permission.TASKS_DECIDE):
        raise NotAllowed("There is no approval task that you could claim. Ask a manager")


def _settle(task: ApprovalTask | None, move: Move, said: str | None, actor: Actor) -> None:
    if task is None:
        return
    if move.closes is not None:
        tasks.close(task, move.closes, comment=said, actor=actor)
        return
    if not task.is_open:
        tasks.reopen(task)
    if said:
        tasks.say(task, said, actor=actor)
    is_referred, requester = move.after is Stage.REFERRED, task.requester
    with saving():
        task.waits_for_requester = is_referred and requester is not None and requester.role is Role.PARTNER
    if is_referred:
        letters.answered(task, move.after.value, comment=said, actor=actor)


def onward(stage: Stage) -> Move:
    """The move that approves a customer in `stage` one step further. Raises WrongState where there is none."""
    name = "bill" if stage is Stage.PASSED else "pass"
    move = stages.BY_NAME[name]
    stages.require_move(move, stage)
    return move

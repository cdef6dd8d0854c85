"""Moving a customer from one stage to the next, with everything that hangs on it."""

from decimal import Decimal

from sqlalchemy import select

from customerhub import history
from customerhub.approvals import letters, stages, tasks
from customerhub.approvals.blacklist import refuse_blacklisted
from customerhub.approvals.stages import Move
from customerhub.customers.rules import clean_text
from customerhub.database import saving
from customerhub.errors import Invalid, NotAllowed
from customerhub.permissions import Actor, Permission, require, require_own
from models import ApprovalTask, Customer, History
from models.base import db
from models.enums import Role, Stage, TaskKind

REFERENCES = {"credit_reference": 60, "billing_reference": 60}


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
    require(actor, Permission.TASKS_WORK)
    require_own(actor, customer)
    stages.require_move(move, customer.stage)
    task = _task_of(customer, actor)
    if move.after in (Stage.PASSED, Stage.BILLING):
        refuse_blacklisted(customer, "approved")
    said = tasks.needed(comment) if move.asks else _tidied(comment, "comment", tasks.LONGEST_COMMENT, lines=True)
    told = {"credit_reference": credit_reference, "billing_reference": billing_reference}
    with saving(), history.because(said):
        for name, text in told.items():
            kept = _tidied(text, name, REFERENCES[name])
            if kept is not None:
                setattr(customer, name, kept)
        if estimated_monthly_revenue is not None:
            if estimated_monthly_revenue < 0:
                raise Invalid("An amount from 0 on", "estimated_monthly_revenue")
            customer.estimated_monthly_revenue = estimated_monthly_revenue
        for name in move.needs:
            if not getattr(customer, name):
                raise Invalid(f"A {name.replace('_', ' ')} is needed", name)
        customer.stage = move.after
    _settle(task, move, said, actor)


def _task_of(customer: Customer, actor: Actor) -> ApprovalTask | None:
    """The onboarding task behind a customer. Raises NotAllowed where it is not the actor's to decide."""
    task = tasks.find_latest(customer, TaskKind.ONBOARDING)
    if task is not None:
        tasks.require_decider(task, actor)
    elif actor.id is not None and actor.id == _maker_of(customer):
        raise NotAllowed(tasks.OWN_REQUEST)
    elif not actor.may(Permission.TASKS_DECIDE):
        raise NotAllowed("There is no approval task that you could claim. Ask a manager")
    return task


def _maker_of(customer: Customer) -> int | None:
    """Who made the record, by the history."""
    return db.session.scalar(
        select(History.actor_id)
        .where(
            History.organisation_id == customer.organisation_id,
            History.customer_id == customer.id,
            History.table_name == "customer",
            History.action == "created",
        )
        .order_by(History.id)
        .limit(1)
    )


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
    if move.after is Stage.REFERRED:
        requester = task.requester
        with saving():
            task.waits_for_requester = requester is not None and requester.role is Role.PARTNER
        letters.answered(task, move.after.value, comment=said, actor=actor)


def _tidied(text: str | None, field: str, longest: int, *, lines: bool = False) -> str | None:
    try:
        return clean_text(text or "", longest=longest, lines=lines)
    except Invalid as error:
        raise Invalid(error.message, field) from error


def onward(stage: Stage) -> Move:
    """The move that approves a customer in `stage` one step further. Raises WrongState where there is none."""
    name = "bill" if stage is Stage.PASSED else "pass"
    move = stages.BY_NAME[name]
    stages.require_move(move, stage)
    return move

"""Taking a customer from one stage to the next, with everything that hangs on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import select

from customerhub.approvals import mails, stages, tasks
from customerhub.approvals.blacklist import refuse_blacklisted, refuse_entries
from customerhub.approvals.stages import STAGES, TASK_OUTCOMES, StageTransition
from customerhub.core import history
from customerhub.core.database import save_changes
from customerhub.core.errors import Invalid, NotAllowed
from customerhub.core.many_rows import write_changes
from customerhub.core.permissions import Actor, Permission, require_access
from models import ApprovalTask, BlacklistEntry, Customer, History
from models.base import db
from models.enums import Role, Stage, TaskKind

LONGEST_REFERENCE: Final = 60
MOST_REVENUE: Final = Decimal("9999999999999.99")


def change_stage(
    customer: Customer,
    transition: StageTransition,
    *,
    comment: str | None = None,
    credit_reference: str | None = None,
    billing_reference: str | None = None,
    estimated_monthly_revenue: Decimal | None = None,
    actor: Actor,
) -> None:
    """Make `transition`, save the details given with it, and update the onboarding task of the customer.

    Blank references leave those the customer has. Raises WrongState for a transition that is not in the table or a
    blacklisted customer, NotAllowed for one's own request or a task that is not one's own, Invalid with the field where
    something is missing.
    """
    require_access(actor, customer)
    context = load_onboarding_contexts([customer])[customer.id]
    details = StageDetails(comment, credit_reference, billing_reference, estimated_monthly_revenue)
    make_changes([plan_change(customer, transition, context, details, actor=actor)], actor=actor)


@dataclass(frozen=True)
class StageDetails:
    """What is given with a transition, as it was typed."""

    comment: str | None = None
    credit_reference: str | None = None
    billing_reference: str | None = None
    estimated_monthly_revenue: Decimal | None = None


@dataclass(frozen=True)
class StageChange:
    """A transition that can be made: what is written to the customer, and the onboarding task that follows."""

    customer: Customer
    transition: StageTransition
    values: dict[str, Any]
    task: ApprovalTask | None
    comment: str | None


def plan_change(
    customer: Customer,
    transition: StageTransition,
    context: "OnboardingContext",
    details: StageDetails,
    *,
    blacklist_entries: Sequence[BlacklistEntry] | None = None,
    actor: Actor,
) -> StageChange:
    """Check everything that `change_stage` asks, and change nothing. Who has asked the blacklist already tells the
    entries that hold for `customer`.
    """
    check_transition(transition, customer, context, actor)
    if transition.to_state in (Stage.PASSED, Stage.BILLING):
        if blacklist_entries is None:
            refuse_blacklisted(customer, "approved")
        else:
            refuse_entries(customer, blacklist_entries, "approved")
    comment = tasks.clean_comment(details.comment)
    values = _transition_details(details.credit_reference, details.billing_reference, details.estimated_monthly_revenue)
    given_values = {"billing_reference": customer.billing_reference} | values | {"comment": comment}
    STAGES.check_inputs(transition, given_values)
    if context.task is not None and transition.to_state in TASK_OUTCOMES:
        tasks.require_open(context.task)
    return StageChange(customer, transition, values, context.task, comment)


def make_changes(changes: Sequence[StageChange], *, actor: Actor) -> None:
    """Write what `plan_change` returned, of many with one comment: the customers, then their onboarding tasks."""
    if not changes:
        return
    comment = changes[0].comment
    with history.written_together():
        with history.with_reason(comment), save_changes():
            for change in changes:
                for name, value in change.values.items():
                    setattr(change.customer, name, value)
                STAGES.apply(change.transition, change.customer, actor)
            write_changes([change.customer for change in changes])
        _update_onboarding_tasks(changes, comment, actor)


def _transition_details(
    credit_reference: str | None, billing_reference: str | None, revenue: Decimal | None
) -> dict[str, Any]:
    """The details given with a transition, by column, without blank ones."""
    references = {"credit_reference": credit_reference, "billing_reference": billing_reference}
    values: dict[str, Any] = {
        name: tasks.clean_comment(text, name, longest=LONGEST_REFERENCE, lines=False)
        for name, text in references.items()
    }
    if revenue is not None and not (revenue.is_finite() and 0 <= revenue <= MOST_REVENUE):
        raise Invalid(f"Enter a value from 0 to {MOST_REVENUE:,}", "estimated_monthly_revenue")
    values["estimated_monthly_revenue"] = revenue
    return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class OnboardingContext:
    """How a customer came in: its onboarding task, else who created the record."""

    task: ApprovalTask | None = None
    creator_id: int | None = None


def load_onboarding_contexts(customers: Sequence[Customer]) -> dict[int, OnboardingContext]:
    """The onboarding context of each of these customers, by their ids."""
    latest_tasks = tasks.find_latest_tasks(customers, TaskKind.ONBOARDING)
    creator_ids = _find_creator_ids([customer for customer in customers if customer.id not in latest_tasks])
    return {each.id: OnboardingContext(latest_tasks.get(each.id), creator_ids.get(each.id)) for each in customers}


def _find_creator_ids(customers: Sequence[Customer]) -> dict[int, int | None]:
    """Who created these records, by the history."""
    if not customers:
        return {}
    creations = select(History.customer_id, History.actor_id).where(
        History.organisation_id == customers[0].organisation_id,
        History.customer_id.in_([customer.id for customer in customers]),
        History.table_name == "customer",
        History.action == "created",
    )
    return {
        key: actor_id for key, actor_id in db.session.execute(creations.order_by(History.id.desc())) if key is not None
    }


def check_transition(transition: StageTransition, customer: Customer, context: OnboardingContext, actor: Actor) -> None:
    """Raises WrongState or NotAllowed, saying why, where `actor` cannot make `transition` now. `context` is that of
    the customer.
    """
    STAGES.check(transition, customer, actor)
    if context.task is not None:
        tasks.require_decider(context.task, actor)
    elif actor.id is not None and actor.id == context.creator_id:
        raise NotAllowed(tasks.OWN_REQUEST)
    elif not actor.has_permission(Permission.TASKS_DECIDE):
        raise NotAllowed("There is no approval task to claim. Ask a manager")


def _update_onboarding_tasks(changes: Sequence[StageChange], comment: str | None, actor: Actor) -> None:
    """Close the tasks that are decided by it, the others go on."""
    outcomes, waiting_by_task, referred_tasks = [], [], []
    for task, state in ((change.task, change.transition.to_state) for change in changes):
        if task is not None and state in TASK_OUTCOMES:
            outcomes.append((task, TASK_OUTCOMES[state]))
        elif task is not None:
            is_referred, requester = state is Stage.REFERRED, task.requester
            is_waiting = is_referred and requester is not None and requester.role is Role.PARTNER
            waiting_by_task.append((task, is_waiting))
            referred_tasks += [task] if is_referred else []
    if outcomes:
        tasks.close_tasks(outcomes, comment=comment, actor=actor)
    if waiting_by_task:
        tasks.continue_tasks(waiting_by_task, comment=comment, actor=actor)
    mails.notify_requesters([(task, Stage.REFERRED.value) for task in referred_tasks], comment=comment, actor=actor)


def next_transition(customer: Customer, actor: Actor) -> StageTransition:
    """The transition that approves a customer one step further. Raises WrongState where there is none, NotAllowed where
    it is not for `actor` to make.
    """
    transition = stages.MAKE_LIVE if customer.stage is Stage.PASSED else stages.PASS
    STAGES.check(transition, customer, actor)
    return transition

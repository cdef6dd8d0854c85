"""Taking a customer from one stage to the next, with everything that hangs on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import select

from customerhub.approvals import blacklist, mails, stages, task_locks, tasks
from customerhub.approvals.stages import STAGES, TASK_OUTCOMES, StageTransition
from customerhub.core import clock, history
from customerhub.core.database import save_changes
from customerhub.core.errors import HubError, Invalid, NotAllowed, raise_refusal
from customerhub.core.many_rows import split_refused, write_changes
from customerhub.core.permissions import Actor, Permission, require_access
from customerhub.core.preloading import preload_references
from models import ApprovalTask, BlacklistEntry, Customer, History, Organisation
from models.base import db
from models.enums import Role, Stage, TaskKind, TaskState

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
    details = StageDetails(credit_reference, billing_reference, estimated_monthly_revenue)
    details_by_id = {customer.id: details}
    raise_refusal(
        change_stages([customer], transition, comment=comment, details_by_customer=details_by_id, actor=actor)
    )


@dataclass(frozen=True)
class StageDetails:
    """What is given with a transition of one customer, as it was typed. A referral `asks_requester` unless it goes to
    somebody else.
    """

    credit_reference: str | None = None
    billing_reference: str | None = None
    estimated_monthly_revenue: Decimal | None = None
    asks_requester: bool = True


@dataclass(frozen=True)
class StageChange:
    """A transition that can be made: what is written to the customer, and the onboarding task that follows."""

    customer: Customer
    transition: StageTransition
    values: dict[str, Any]
    task: ApprovalTask | None
    comment: str | None
    asks_requester: bool = True

    @property
    def task_outcome(self) -> TaskState | None:
        """How it decides the task; None where it does not."""
        return TASK_OUTCOMES.get(self.transition.to_state)

    @property
    def is_task_waiting(self) -> bool:
        """Whether a task that goes on waits for who asked for it from here on."""
        requester = self.task.requester if self.task is not None and self.is_question else None
        return requester is not None and requester.role is Role.PARTNER

    @property
    def is_question(self) -> bool:
        """Whether it is a referral to the requester."""
        return self.asks_requester and self.transition.to_state is Stage.REFERRED

    @property
    def is_task_written(self) -> bool:
        """Whether it changes the task itself: one that goes on as it is may be changed by others meanwhile."""
        task = self.task
        return task is not None and (
            self.task_outcome is not None or not task.is_open or task.waits_for_requester is not self.is_task_waiting
        )


def change_stages(
    customers: Sequence[Customer],
    transition: StageTransition,
    *,
    comment: str | None = None,
    details_by_customer: Mapping[int, StageDetails] | None = None,
    actor: Actor,
) -> dict[int, HubError]:
    """As `change_stage`, of many at once, with one comment; the references and revenue of each by its id.

    Returns why it could not be done, by the id of each customer that is left as it is; the others are changed.
    """
    if not customers:
        return {}
    organisation = db.session.get_one(Organisation, actor.organisation_id)
    contexts = load_onboarding_contexts(customers)
    onboarding_tasks = [context.task for context in contexts.values() if context.task is not None]
    references = preload_references(onboarding_tasks, names=("requester",))  # kept until they are told
    changed_rows = task_locks.lock_customers_and_tasks(customers, onboarding_tasks)
    entries = _list_entries_against(transition, customers, organisation)

    def plan(customer: Customer) -> StageChange:
        require_access(actor, customer)
        return plan_change(
            customer,
            transition,
            contexts[customer.id],
            (details_by_customer or {}).get(customer.id, StageDetails()),
            comment=comment,
            blacklist_entries=entries.get(customer.id, ()),
            changed_rows=changed_rows,
            actor=actor,
        )

    changes, refusals = split_refused(customers, plan)
    make_changes(changes, actor=actor)
    del references
    return refusals


def plan_change(
    customer: Customer,
    transition: StageTransition,
    context: "OnboardingContext",
    details: StageDetails,
    *,
    comment: str | None,
    blacklist_entries: Sequence[BlacklistEntry],
    changed_rows: task_locks.ChangedRows,
    actor: Actor,
) -> StageChange:
    """Check everything that `change_stage` asks, and change nothing. `blacklist_entries` are those against it."""
    check_transition(transition, customer, context, actor)
    blacklist.refuse_entries(customer, blacklist_entries, "approved")
    cleaned_comment = tasks.clean_comment(comment)
    values = _transition_details(details.credit_reference, details.billing_reference, details.estimated_monthly_revenue)
    given_values = {"billing_reference": customer.billing_reference} | values | {"comment": cleaned_comment}
    STAGES.check_inputs(transition, given_values)
    if context.task is not None and transition.to_state in TASK_OUTCOMES:
        tasks.require_open(context.task)
    change = StageChange(customer, transition, values, context.task, cleaned_comment, details.asks_requester)
    changed_rows.require_customer_unchanged(customer)
    if context.task is not None and change.is_task_written:
        changed_rows.require_task_unchanged(context.task)
    return change


def _list_entries_against(
    transition: StageTransition, customers: Sequence[Customer], organisation: Organisation
) -> dict[int, list[BlacklistEntry]]:
    """The entries of the blacklist that keep `customers` from `transition`, by their ids: who is on it is not approved,
    and may well be referred or fail.
    """
    if transition.to_state not in (Stage.PASSED, Stage.BILLING):
        return {}
    today = clock.get_today(organisation.timezone)
    return blacklist.list_entries_by_id(customers, organisation.id, as_of=today)


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
        History.organisation_id.in_({customer.organisation_id for customer in customers}),
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
    outcomes, waiting_by_task, questioned_tasks = [], [], []
    for change in changes:
        if change.task is not None and change.task_outcome is not None:
            outcomes.append((change.task, change.task_outcome))
        elif change.task is not None:
            waiting_by_task.append((change.task, change.is_task_waiting))
            questioned_tasks += [change.task] if change.is_question else []
    if outcomes:
        tasks.close_tasks(outcomes, comment=comment, actor=actor)
    if waiting_by_task:
        tasks.continue_tasks(waiting_by_task, comment=comment, actor=actor)
    mails.notify_requesters([(task, Stage.REFERRED.value) for task in questioned_tasks], comment=comment, actor=actor)


def next_transition(customer: Customer, actor: Actor) -> StageTransition:
    """The transition that approves a customer one step further. Raises WrongState where there is none, NotAllowed where
    it is not for `actor` to make.
    """
    transition = stages.MAKE_LIVE if customer.stage is Stage.PASSED else stages.PASS
    STAGES.check(transition, customer, actor)
    return transition

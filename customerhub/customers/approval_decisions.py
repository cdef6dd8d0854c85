"""Approving and declining tasks of every kind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from customerhub.approvals import blacklist, stages, task_locks, tasks, transitions
from customerhub.core import clock, history
from customerhub.core.errors import HubError, WrongState, raise_refusal
from customerhub.core.many_rows import split_refused
from customerhub.core.organisation_dates import organisation_today
from customerhub.core.permissions import Actor, require_access
from customerhub.core.preloading import preload_references
from customerhub.customers import after_save, alerts, change_requests
from customerhub.customers.deletion import delete_customers
from models import ApprovalTask, BlacklistEntry, Customer, Organisation
from models.base import db
from models.enums import Stage, TaskKind, TaskState


def check_approval(task: ApprovalTask, actor: Actor) -> None:
    """Raises WrongState or NotAllowed, saying why, where `actor` cannot approve `task` now."""
    tasks.require_open(task)
    tasks.require_decider(task, actor)
    if task.kind is TaskKind.ONBOARDING and task.customer is not None:
        transitions.next_transition(task.customer, actor)


def check_step(task: ApprovalTask, transition: stages.StageTransition, actor: Actor) -> None:
    """Raises WrongState or NotAllowed, saying why, where approving `task` now is not `transition` of its customer."""
    if task.kind is not TaskKind.ONBOARDING or task.customer is None:
        raise WrongState("Not the registration of a customer")
    stages.STAGES.check(transition, task.customer, actor)
    check_approval(task, actor)


def check_declining(task: ApprovalTask, actor: Actor) -> None:
    """As `check_approval`, for declining. A customer that has passed the credit check cannot fail it any more."""
    tasks.require_open(task)
    tasks.require_decider(task, actor)
    if task.kind is TaskKind.ONBOARDING and task.customer is not None:
        stages.STAGES.check(stages.FAIL, task.customer, actor)


def check_deletion(task: ApprovalTask) -> None:
    """Raises WrongState, saying why, where the customer of `task` is not deleted from the queue of approvals."""
    if task.kind is not TaskKind.ONBOARDING or task.customer is None:
        raise WrongState("Not the registration of a customer. Decline or withdraw the request")
    if task.customer.stage is Stage.BILLING:
        raise WrongState("The customer is live. Delete it from the list of customers")


def delete_registrations(approval_tasks: Sequence[ApprovalTask], *, actor: Actor) -> dict[int, HubError]:
    """Delete the customers whose registration waits for approval or was declined, as `delete_customers` does, with
    their tasks. Returns why not, by the id of each task that is left as it is.
    """
    deletable, refusals = split_refused(approval_tasks, _checked_for_deletion)
    customers = [_customer_of(task) for task in deletable]
    task_ids = {customer.id: task.id for customer, task in zip(customers, deletable, strict=True)}
    errors = delete_customers(customers, actor=actor)
    return refusals | {task_ids[key]: error for key, error in errors.items()}


def _checked_for_deletion(task: ApprovalTask) -> ApprovalTask:
    check_deletion(task)
    return task


def approve_task(task: ApprovalTask, *, comment: str | None = None, actor: Actor, **details: Any) -> None:
    """Approve: the change is made and the task closed.

    Onboarding goes one step on: the credit check is passed, or, once it is, the customer goes live with its billing
    reference; `details` are the references and revenue that go with that. Raises NotAllowed for one's own request,
    Conflict where the record has moved on, WrongState where the task is closed or the step cannot be made.
    """
    if are_approved_together([task]):
        details_by_task = {task.id: transitions.StageDetails(**details)}
        raise_refusal(approve_tasks([task], comment=comment, details_by_task=details_by_task, actor=actor))
        return
    require_access(actor, task)
    check_approval(task, actor)
    cleaned_comment = tasks.clean_comment(comment)
    if task.kind is TaskKind.PARTICULARS:
        change_requests.apply_update(task, comment=cleaned_comment, actor=actor)
    elif task.kind is TaskKind.BLACKLIST:
        _refresh_alerts(blacklist.add_to_blacklist(task))
    elif task.kind is TaskKind.REMOVAL:
        delisted_customers = blacklist.remove_from_blacklist(task)
        _refresh_alerts(delisted_customers)
        for customer in delisted_customers:
            after_save.after_delisting(customer, actor=actor)
    tasks.close_task(task, TaskState.APPROVED, comment=cleaned_comment, actor=actor)


def are_approved_together(approval_tasks: Sequence[ApprovalTask]) -> bool:
    """Whether `approve_tasks` may approve these: what any other request changes, the next may depend on."""
    return all(task.kind in (TaskKind.ONBOARDING, TaskKind.RECHECK) for task in approval_tasks)


def approve_tasks(
    approval_tasks: Sequence[ApprovalTask],
    *,
    comment: str | None = None,
    details_by_task: Mapping[int, transitions.StageDetails] | None = None,
    actor: Actor,
) -> dict[int, HubError]:
    """As `approve_task`, for many at once that `are_approved_together`, with one comment; the references and revenue of
    each customer are given by the id of its task.

    Returns why it could not be done, by the id of each task that is left as it is; the others are approved.
    """
    decision = Decision(TaskState.APPROVED, comment, details_by_task or {}, actor)
    return _decide_tasks(approval_tasks, decision)


def decline_task(task: ApprovalTask, *, comment: str, actor: Actor) -> None:
    """Decline with a reason: only the task changes. Declining onboarding fails the credit check."""
    raise_refusal(decline_tasks([task], comment=comment, actor=actor))


def decline_tasks(approval_tasks: Sequence[ApprovalTask], *, comment: str, actor: Actor) -> dict[int, HubError]:
    """As `decline_task`, for many at once with one reason: returns why not, by the id of each task that is left as it
    is.
    """
    return _decide_tasks(approval_tasks, Decision(TaskState.DECLINED, comment, {}, actor))


@dataclass(frozen=True)
class Decision:
    """Whether tasks are approved or declined, with which comment as it was typed, and by whom. `details_by_task` are
    what is given with the transition of a customer, by the id of its task.
    """

    outcome: TaskState
    comment: str | None
    details_by_task: Mapping[int, transitions.StageDetails]
    actor: Actor

    @property
    def is_approval(self) -> bool:
        return self.outcome is TaskState.APPROVED

    def check(self, task: ApprovalTask) -> None:
        """Raises NotFound, WrongState or NotAllowed where it cannot be made of `task` now."""
        require_access(self.actor, task)
        (check_approval if self.is_approval else check_declining)(task, self.actor)

    def clean_comment(self) -> str | None:
        """The comment on a task; that of onboarding is checked with its transition."""
        return (tasks.clean_comment if self.is_approval else tasks.require_comment)(self.comment)

    def transition_of(self, customer: Customer) -> stages.StageTransition:
        """What becomes of a customer whose onboarding is decided."""
        return transitions.next_transition(customer, self.actor) if self.is_approval else stages.FAIL


@dataclass(frozen=True)
class DecisionContext:
    """What is asked when tasks are decided, looked up once for all of them: who cannot be approved as an entry of the
    blacklist is against it, by the customer's id, what was changed meanwhile where they are many, and in `references`
    the organisation, their customers and requesters.
    """

    entries: Mapping[int, Sequence[BlacklistEntry]]
    changed_rows: task_locks.ChangedRows
    references: Sequence[Any]


def _load_context(approval_tasks: Sequence[ApprovalTask], decision: Decision) -> DecisionContext:
    organisation = db.session.get_one(Organisation, decision.actor.organisation_id)
    references = [organisation, *preload_references(approval_tasks, names=("customer", "requester"))]
    customers = [task.customer for task in approval_tasks if task.customer is not None]
    changed_rows = task_locks.lock_customers_and_tasks(customers, approval_tasks)
    entries: Mapping[int, Sequence[BlacklistEntry]] = {}
    if decision.is_approval:
        today = clock.get_today(organisation.timezone)
        entries = blacklist.list_entries_by_id(customers, organisation.id, as_of=today)
    return DecisionContext(entries, changed_rows, references)


def _decide_tasks(approval_tasks: Sequence[ApprovalTask], decision: Decision) -> dict[int, HubError]:
    """Make a decision of each of these tasks that it can be made of. Returns why not, by the id of the others."""
    context = _load_context(approval_tasks, decision)
    stage_changes, decided_tasks = [], []

    def plan(task: ApprovalTask) -> None:
        decision.check(task)
        if task.kind is TaskKind.ONBOARDING:
            stage_changes.append(_plan_onboarding(task, decision, context))
        else:
            _check_closing(task, decision, context)
            decided_tasks.append(task)

    _, refusals = split_refused(approval_tasks, plan)
    with history.written_together():
        transitions.make_changes(stage_changes, actor=decision.actor)
        if decided_tasks:
            outcomes = [(task, decision.outcome) for task in decided_tasks]
            tasks.close_tasks(outcomes, comment=decision.clean_comment(), actor=decision.actor)
    return refusals


def _plan_onboarding(task: ApprovalTask, decision: Decision, context: DecisionContext) -> transitions.StageChange:
    customer = _customer_of(task)
    return transitions.plan_change(
        customer,
        decision.transition_of(customer),
        transitions.OnboardingContext(task),  # it is open, so it is the one
        decision.details_by_task.get(task.id, transitions.StageDetails()),
        comment=decision.comment,
        blacklist_entries=context.entries.get(customer.id, ()),
        changed_rows=context.changed_rows,
        actor=decision.actor,
    )


def _check_closing(task: ApprovalTask, decision: Decision, context: DecisionContext) -> None:
    """Raises the refusal of a task that nothing but itself changes by, where there is one."""
    if decision.is_approval:
        customer = _customer_of(task)
        blacklist.refuse_entries(customer, context.entries[customer.id], "approved")
    decision.clean_comment()
    context.changed_rows.require_task_unchanged(task)


def _customer_of(task: ApprovalTask) -> Customer:
    """Whom a task of a kind that is always about a customer is about."""
    assert task.customer is not None
    return task.customer


def _refresh_alerts(customers: Sequence[Customer]) -> None:
    if customers:
        alerts.refresh_many_alerts(customers, as_of=organisation_today(customers[0].organisation_id))

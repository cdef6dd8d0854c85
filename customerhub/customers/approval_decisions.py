"""Approving and declining tasks of every kind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from customerhub.approvals import blacklist, stages, task_locks, tasks, transitions
from customerhub.core import clock, history
from customerhub.core.errors import HubError
from customerhub.core.locking import lock_order_of
from customerhub.core.organisation_dates import organisation_today
from customerhub.core.permissions import Actor, require_access
from customerhub.core.preloading import preload_references
from customerhub.customers import after_save, alerts, change_requests
from models import ApprovalTask, BlacklistEntry, Customer, Organisation
from models.base import db
from models.enums import TaskKind, TaskState


def check_approval(task: ApprovalTask, actor: Actor) -> None:
    """Raises WrongState or NotAllowed, saying why, where `actor` cannot approve `task` now."""
    tasks.require_open(task)
    tasks.require_decider(task, actor)
    if task.kind is TaskKind.ONBOARDING and task.customer is not None:
        transitions.next_transition(task.customer, actor)


def check_declining(task: ApprovalTask, actor: Actor) -> None:
    """As `check_approval`, for declining. A customer that has passed the credit check cannot fail it any more."""
    tasks.require_open(task)
    tasks.require_decider(task, actor)
    if task.kind is TaskKind.ONBOARDING and task.customer is not None:
        stages.STAGES.check(stages.FAIL, task.customer, actor)


def approve_task(task: ApprovalTask, *, comment: str | None = None, actor: Actor, **details: Any) -> None:
    """Approve: the change is made and the task closed.

    Onboarding goes one step on: the credit check is passed, or, once it is, the customer goes live with its billing
    reference; `details` are the references and revenue that go with that. Raises NotAllowed for one's own request,
    Conflict where the record has moved on, WrongState where the task is closed or the step cannot be made.
    """
    if are_decided_together([task]):
        details_by_task = {task.id: transitions.StageDetails(**details)}
        for refusal in approve_tasks([task], comment=comment, details_by_task=details_by_task, actor=actor).values():
            raise refusal
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


def are_decided_together(approval_tasks: Sequence[ApprovalTask]) -> bool:
    """Whether `approve_tasks` may approve these: what any other request changes, the next may depend on."""
    return all(task.kind in (TaskKind.ONBOARDING, TaskKind.RECHECK) for task in approval_tasks)


@dataclass(frozen=True)
class ApprovalContext:
    """What is asked when tasks are approved, looked up once for all of them: the organisation, who is on the blacklist,
    what was changed meanwhile where they are many, and in `references` their customers and requesters.
    """

    organisation: Organisation
    entries_by_task: Mapping[int, Sequence[BlacklistEntry]]
    changed_rows: task_locks.ChangedRows
    references: Sequence[Any]


def _load_context(approval_tasks: Sequence[ApprovalTask], actor: Actor) -> ApprovalContext:
    references = preload_references(approval_tasks, names=("customer", "requester"))
    changed_rows = task_locks.lock_tasks(approval_tasks) if len(approval_tasks) > 1 else task_locks.ChangedRows()
    organisation = db.session.get_one(Organisation, actor.organisation_id)
    bodies = [blacklist.body_of(_customer_of(task)) for task in approval_tasks]
    entries = blacklist.find_entries(bodies, organisation.id, as_of=clock.get_today(organisation.timezone))
    entries_by_task = {task.id: own_entries for task, own_entries in zip(approval_tasks, entries, strict=True)}
    return ApprovalContext(organisation, entries_by_task, changed_rows, references)


def approve_tasks(
    approval_tasks: Sequence[ApprovalTask],
    *,
    comment: str | None = None,
    details_by_task: Mapping[int, transitions.StageDetails] | None = None,
    actor: Actor,
) -> dict[int, HubError]:
    """As `approve_task`, for many at once that `are_decided_together`, with one comment; the references and revenue of
    each customer are given by the id of its task.

    Returns why it could not be done, by the id of each task that is left as it is; the others are approved.
    """
    refusals: dict[int, HubError] = {}
    context = _load_context(approval_tasks, actor)
    stage_changes, rechecks = [], []
    for task in sorted(approval_tasks, key=lock_order_of):
        try:
            require_access(actor, task)
            check_approval(task, actor)
            if task.kind is TaskKind.ONBOARDING:
                details = (details_by_task or {}).get(task.id, transitions.StageDetails())
                stage_changes.append(_plan_onboarding(task, replace(details, comment=comment), context, actor))
            else:
                blacklist.refuse_entries(_customer_of(task), context.entries_by_task[task.id], "approved")
                tasks.clean_comment(comment)
                context.changed_rows.require_task_unchanged(task)
                rechecks.append(task)
        except HubError as error:
            refusals[task.id] = error
    with history.written_together():
        transitions.make_changes(stage_changes, actor=actor)
        if rechecks:
            outcomes = [(task, TaskState.APPROVED) for task in rechecks]
            tasks.close_tasks(outcomes, comment=tasks.clean_comment(comment), actor=actor)
    return refusals


def _customer_of(task: ApprovalTask) -> Customer:
    """Whom a task of a kind that is always about a customer is about."""
    assert task.customer is not None
    return task.customer


def _plan_onboarding(
    task: ApprovalTask, details: transitions.StageDetails, context: ApprovalContext, actor: Actor
) -> transitions.StageChange:
    customer = _customer_of(task)
    change = transitions.plan_change(
        customer,
        transitions.next_transition(customer, actor),
        transitions.OnboardingContext(task),  # it is open, so it is the one
        details,
        blacklist_entries=context.entries_by_task[task.id],
        actor=actor,
    )
    context.changed_rows.require_customer_unchanged(customer)
    if change.transition.to_state in stages.TASK_OUTCOMES or task.waits_for_requester:
        context.changed_rows.require_task_unchanged(task)
    return change


def _refresh_alerts(customers: Sequence[Customer]) -> None:
    for customer in customers:
        alerts.refresh_alerts(customer, as_of=organisation_today(customer.organisation_id))


def decline_task(task: ApprovalTask, *, comment: str, actor: Actor) -> None:
    """Decline with a reason: only the task changes. Declining onboarding fails the credit check."""
    require_access(actor, task)
    check_declining(task, actor)
    if task.kind is TaskKind.ONBOARDING:
        assert task.customer is not None
        transitions.change_stage(task.customer, stages.FAIL, comment=comment, actor=actor)
        return
    tasks.close_task(task, TaskState.DECLINED, comment=tasks.require_comment(comment), actor=actor)

"""What follows when a customer is created or changed: approval, re-check, alerts, first portal user.

The operations call this; screens, imports and jobs call the operations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select, update

from customerhub.approvals import blacklist, stages, task_locks, tasks
from customerhub.core import clock, history
from customerhub.core.database import save_changes
from customerhub.core.errors import WrongState
from customerhub.core.permissions import Actor
from customerhub.customers import credit_check_facts, portal_users
from customerhub.customers.saving_context import SavingContext, load_context
from models import ApprovalTask, Customer, Organisation, User
from models.base import db
from models.enums import ApprovalPolicy, Role, Stage, TaskKind, TaskState


def needs_approval(organisation: Organisation, actor: Actor) -> bool:
    """Whether a customer that `actor` makes has to be approved, by the organisation's policy."""
    by_partner = actor.user is not None and actor.user.role is Role.PARTNER
    return by_partner or organisation.approval_policy is ApprovalPolicy.ALL


def choose_first_stage(organisation: Organisation, actor: Actor) -> Stage:
    """The stage in which a customer that `actor` makes begins: live where nobody has to approve it."""
    return Stage.NEW if needs_approval(organisation, actor) else Stage.BILLING


@dataclass(frozen=True)
class CreditCheckChange:
    """The facts of the credit check that were changed, each with its former value, and what follows for a customer."""

    previous_values: Mapping[str, Any]
    is_returned: bool = False
    needs_recheck: bool = False

    @property
    def reason(self) -> str | None:
        if self.is_returned or self.needs_recheck:
            field_names = ", ".join(name.replace("_", " ") for name in self.previous_values)
            return f"{'Returned for credit check' if self.is_returned else 'Changed while live'}: {field_names} changed"
        return None

    @property
    def proposal(self) -> dict[str, Any]:
        """What a re-check is to compare with the record."""
        return (
            {
                tasks.PREVIOUS_VALUES: {
                    name: history.display_value(value) for name, value in self.previous_values.items()
                }
            }
            if self.needs_recheck
            else {}
        )


@dataclass(frozen=True)
class RequestedCheck:
    """An approval task that followed from a save: a new one, or an open one that heard of what was changed."""

    kind: TaskKind
    is_new: bool
    assignee_name: str | None


@dataclass(frozen=True)
class SaveOutcome:
    """What happened beside the record itself when a customer was saved.

    `previous_stage` is None where the stage stayed or the customer is new. A portal user, named by the email address,
    and the assignee of a new check get an email each, which is queued.
    """

    customer: Customer
    stage: Stage
    previous_stage: Stage | None = None
    check: RequestedCheck | None = None
    portal_user_email: str | None = None
    signature_outcomes: tuple[str, ...] = ()  # what became of the NDAs of its invoice profiles, in sentences


def apply_stage(customer: Customer, context: SavingContext) -> CreditCheckChange | None:
    """A customer is about to be saved: put a new one into its first stage, and one that has passed the check back to
    New where a fact of the check was changed.

    Returns what follows then, for `request_checks`. Raises WrongState where the stage itself was changed: only moves do
    that.
    """
    if context.is_new:
        _choose_stage(customer, context)
        return None
    if "stage" in history.previous_values_of(customer):
        raise WrongState("The stage of a customer cannot be edited. Use the actions of the customer instead")
    credit_check_facts.settle_changes(customer)
    if not context.previous_values:
        return None
    credit_check_change = CreditCheckChange(
        context.previous_values, customer.stage in stages.FALLBACK_STAGES, customer.stage is Stage.BILLING
    )
    if credit_check_change.is_returned:
        customer.stage = stages.FALLBACK_STAGES[customer.stage]
    return credit_check_change


def _choose_stage(customer: Customer, context: SavingContext) -> None:
    """The first stage. The system itself may have chosen another one; who is blacklisted never begins live."""
    if context.actor.user is not None or customer.stage is None:
        customer.stage = choose_first_stage(context.organisation, context.actor)
    if context.is_blacklisted:
        customer.stage = Stage.NEW


def request_checks(
    customer: Customer, credit_check_change: CreditCheckChange | None, context: SavingContext, *, comment: str | None
) -> RequestedCheck | None:
    """A customer was saved: ask for the approval of a new one that needs it, with `comment`, and have one checked again
    where that follows from what was changed. Returns what was asked for.
    """
    if context.is_new:
        if customer.stage is Stage.NEW:
            task = tasks.open_task(
                TaskKind.ONBOARDING,
                actor=context.actor,
                subject=customer.name,
                customer=customer,
                comment=comment,
                is_first=True,
            )
            return _describe_check(task, is_new=True)
    elif credit_check_change is not None:
        blacklist.keep_blacklisted(customer, context.previous_entries, present_entries=context.blacklist_entries)
        if credit_check_change.reason is not None:
            kind = TaskKind.RECHECK if credit_check_change.needs_recheck else TaskKind.ONBOARDING
            return _request_check(customer, kind, credit_check_change, context.actor)
    return None


def _describe_check(task: ApprovalTask, *, is_new: bool) -> RequestedCheck:
    assignee = db.session.get(User, task.assignee_id) if task.assignee_id is not None else None
    return RequestedCheck(task.kind, is_new, assignee.name if assignee is not None else None)


def after_delisting(customer: Customer, *, actor: Actor) -> None:
    """Entries of the blacklist that were about a customer have ended: what it could not have until then follows now."""
    context = load_context(customer, actor)
    with save_changes():
        is_portal_opened = portal_users.open_portal(customer, context)
    if is_portal_opened:
        portal_users.invite_first_user(customer, context)


def _request_check(
    customer: Customer, kind: TaskKind, credit_check_change: CreditCheckChange, actor: Actor
) -> RequestedCheck:
    task = tasks.find_open_task(customer, kind)
    if task is not None and task_locks.bump_version([task]):
        with save_changes():
            _add_to_task(task, credit_check_change, actor)
        tasks.add_comment(task, credit_check_change.reason or "", actor=actor)
        return _describe_check(task, is_new=False)
    task = tasks.open_task(
        kind,
        actor=actor,
        subject=customer.name,
        customer=customer,
        proposal=credit_check_change.proposal,
        comment=credit_check_change.reason,
    )
    return _describe_check(task, is_new=True)


def _add_to_task(task: ApprovalTask, credit_check_change: CreditCheckChange, actor: Actor) -> None:
    """What was changed again belongs to an open re-check too, and who did so does not decide it."""
    if task.kind is TaskKind.RECHECK:
        task.proposal = {
            **task.proposal,
            tasks.PREVIOUS_VALUES: {
                **credit_check_change.proposal[tasks.PREVIOUS_VALUES],
                **task.proposal.get(tasks.PREVIOUS_VALUES, {}),
            },
        }
        if actor.id is not None:
            tasks.add_requesters(task, {actor.id})


def after_create_many(rows: Sequence[tuple[int, str]], *, actor: Actor) -> None:
    """As `request_checks`, for many new customers at once: (id, name) of those that need approval."""
    _create_tasks(TaskKind.ONBOARDING, rows, {}, actor)


@history.written_together()
def after_update_many(previous_values_by_id: Mapping[int, Mapping[str, Any]], *, actor: Actor) -> None:
    """As `apply_stage` and `request_checks`, for many customers at once: the former facts of each, by its id.

    Called after they were written.
    """
    if not previous_values_by_id:
        return
    is_relevant_stage = Customer.stage.in_([*stages.FALLBACK_STAGES, Stage.BILLING])
    rows = db.session.execute(
        select(Customer.id, Customer.name, Customer.stage)
        .where(Customer.id.in_(list(previous_values_by_id)), is_relevant_stage)
        .order_by(Customer.id)
    ).all()
    credit_check_changes = {
        row.id: CreditCheckChange(
            previous_values_by_id[row.id], row.stage in stages.FALLBACK_STAGES, row.stage is Stage.BILLING
        )
        for row in rows
    }
    _return_to_fallback_stage(
        [row for row in rows if credit_check_changes[row.id].is_returned], credit_check_changes, actor
    )
    for kind, is_live in ((TaskKind.ONBOARDING, False), (TaskKind.RECHECK, True)):
        several = [row for row in rows if (row.stage is Stage.BILLING) is is_live]
        open_tasks = _lock_open_tasks(kind, [row.id for row in several])
        with save_changes():
            for key, task in open_tasks.items():
                _add_to_task(task, credit_check_changes[key], actor)
        reasons = [(task.id, credit_check_changes[key].reason or "") for key, task in open_tasks.items()]
        tasks.add_comments(reasons, actor=actor)
        _create_tasks(
            kind, [(row.id, row.name) for row in several if row.id not in open_tasks], credit_check_changes, actor
        )


def _return_to_fallback_stage(
    rows: Sequence[Any], credit_check_changes: Mapping[int, CreditCheckChange], actor: Actor
) -> None:
    """Move customers, of which `rows` have id, name and stage, to the stage that they fall back to."""
    for from_stage, to_stage in stages.FALLBACK_STAGES.items():
        several = [row for row in rows if row.stage is from_stage]
        if several:
            db.session.execute(
                update(Customer).where(Customer.id.in_([row.id for row in several])).values(stage=to_stage),
                execution_options={**history.bulk_options(), "synchronize_session": False},
            )
        entries = [
            history.build_entry(
                organisation_id=actor.organisation_id,
                action="changed",
                table="customer",
                row_id=row.id,
                customer_id=row.id,
                title=row.name,
                changes={"stage": [from_stage.value, to_stage.value]},
            )
            for row in several
        ]
        history.record({**entry, "reason": credit_check_changes[entry["row_id"]].reason} for entry in entries)


def _lock_open_tasks(kind: TaskKind, customer_ids: Sequence[int]) -> dict[int, ApprovalTask]:
    """The open tasks of this kind, by customer. Nobody decides them until the transaction ends."""
    if not customer_ids:
        return {}
    query = select(ApprovalTask).where(
        ApprovalTask.customer_id.in_(customer_ids), ApprovalTask.kind == kind, ApprovalTask.state == TaskState.OPEN
    )
    locked_tasks = task_locks.bump_version(list(db.session.scalars(query)))
    return {task.customer_id: task for task in locked_tasks if task.customer_id is not None}


def _create_tasks(
    kind: TaskKind, rows: Sequence[tuple[int, str]], credit_check_changes: Mapping[int, CreditCheckChange], actor: Actor
) -> None:
    """Open a task of this kind for each (customer id, name), for anybody to claim, with what was changed of each."""
    if not rows:
        return
    organisation = db.session.get_one(Organisation, actor.organisation_id)
    values: dict[str, Any] = {
        "organisation_id": organisation.id,
        "kind": kind,
        "requester_id": actor.id,
        "state": TaskState.OPEN,
        "due_on": clock.get_today(organisation.timezone) + timedelta(days=organisation.task_days),
        "waits_for_requester": False,
        "created_at": clock.get_now(),
    }
    proposals = {key: credit_check_change.proposal for key, credit_check_change in credit_check_changes.items()}
    created_tasks = db.session.execute(
        insert(ApprovalTask).returning(ApprovalTask.id, ApprovalTask.subject, ApprovalTask.customer_id),
        [
            {**values, "customer_id": key, "subject": name[:200], "proposal": proposals.get(key, {})}
            for key, name in rows
        ],
        execution_options=history.bulk_options(),
    ).all()
    history.record(
        history.build_entry(
            organisation_id=organisation.id,
            action="created",
            table="approval_task",
            row_id=task.id,
            customer_id=task.customer_id,
            title=f"{task.subject}: {kind.value}",
            changes={"kind": [None, kind.value]},
        )
        for task in created_tasks
    )
    if credit_check_changes:
        reasons = [(task.id, credit_check_changes[task.customer_id].reason or "") for task in created_tasks]
        tasks.add_comments(reasons, actor=actor)

"""What follows when a customer is made or changed, by whatever path: approval, re-check, alerts.

The operations call this; screens, imports and jobs call the operations.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select, update

from customerhub import clock, history
from customerhub.approvals import blacklist, stages, tasks
from customerhub.customers import alerts, facts
from customerhub.database import saving
from customerhub.errors import WrongState
from customerhub.permissions import Actor
from models import ApprovalTask, BlacklistEntry, Customer, Organisation, TaskComment
from models.base import db
from models.enums import ApprovalPolicy, Role, Stage, TaskKind, TaskState


def needs_approval(organisation: Organisation, actor: Actor) -> bool:
    """Whether a customer that `actor` makes has to be approved, by the organisation's policy."""
    by_partner = actor.user is not None and actor.user.role is Role.PARTNER
    return by_partner or organisation.approval_policy is ApprovalPolicy.ALL


def first_stage(organisation: Organisation, actor: Actor) -> Stage:
    """The stage in which a customer that `actor` makes begins: live where nobody has to approve it."""
    return Stage.NEW if needs_approval(organisation, actor) else Stage.BILLING


def begin(customer: Customer, *, actor: Actor) -> None:
    """A customer is about to be added: put it into its first stage. One that is blacklisted never begins live.

    The system itself may have chosen another stage.
    """
    organisation = db.session.get_one(Organisation, customer.organisation_id)
    if actor.user is not None or customer.stage is None:
        customer.stage = first_stage(organisation, actor)
    if blacklist.entries_of(customer, as_of=clock.today(organisation.timezone)):
        customer.stage = Stage.NEW


def begun(customer: Customer, *, actor: Actor, comment: str | None = None) -> None:
    """A customer was added: ask for its approval where it needs one, and raise its alerts."""
    if customer.stage is Stage.NEW:
        tasks.open_task(TaskKind.ONBOARDING, actor=actor, subject=customer.name, customer=customer, comment=comment)
    alerts.review_customer(customer, as_of=blacklist.today(customer.organisation_id))


@dataclass(frozen=True)
class Changed:
    """What was changed of the facts that the credit check rests on, and what follows for a customer."""

    facts: str
    goes_back: bool = False
    rechecked: bool = False
    listed: Sequence[BlacklistEntry] = ()  # what it was blacklisted by under its old numbers

    @property
    def reason(self) -> str | None:
        if self.goes_back or self.rechecked:
            return f"{'Back to be checked' if self.goes_back else 'Changed while live'}: {self.facts} changed"
        return None


def changing(customer: Customer) -> Changed | None:
    """A changed customer is about to be saved: one that has passed the check goes back to New.

    Returns what follows where a fact of the check is among them, for `changed`. Raises WrongState where the stage was
    changed: only moves do that.
    """
    if "stage" in history.before(customer):
        raise WrongState("The stage of a customer is changed by its moves, not by editing")
    before = facts.take_changes(customer)
    if not before:
        return None
    changed = Changed(
        _named(before), customer.stage in stages.FALLBACK, customer.stage is Stage.BILLING, _listed(customer, before)
    )
    if changed.goes_back:
        customer.stage = stages.FALLBACK[customer.stage]
    return changed


def _named(names: Iterable[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in names)


def _listed(customer: Customer, before: Mapping[str, Any]) -> Sequence[BlacklistEntry]:
    """The entries of the blacklist that hold for the numbers that a customer had, where one of them is changed."""
    names = ("identity_number", "registration_number")
    if not any(before.get(name) for name in names):
        return ()
    numbers = {name: before.get(name, getattr(customer, name)) for name in names}
    day = blacklist.today(customer.organisation_id)
    return blacklist.entries_of_numbers(customer.organisation_id, **numbers, as_of=day)


def changed(customer: Customer, what: Changed | None, *, actor: Actor) -> None:
    """A customer was saved: have it checked again where that follows, and go through its alerts."""
    if what is not None:
        blacklist.keep_listed(customer, what.listed)
        if what.reason is not None:
            _have_checked(customer, TaskKind.RECHECK if what.rechecked else TaskKind.ONBOARDING, what.reason, actor)
    alerts.review_customer(customer, as_of=blacklist.today(customer.organisation_id))


def _have_checked(customer: Customer, kind: TaskKind, told: str, actor: Actor) -> None:
    task = tasks.find_open(customer, kind)
    if task is None:
        tasks.open_task(kind, actor=actor, subject=customer.name, customer=customer, comment=told)
    else:
        _add_to(task, told, actor)


def _add_to(task: ApprovalTask, told: str, actor: Actor) -> None:
    """Say with an open task what was changed again. A re-check is decided by nobody who changed what it is about."""
    if task.kind is TaskKind.RECHECK and actor.id is not None and actor.id not in tasks.askers(task):
        with saving():
            others = {*task.proposal.get(tasks.CHANGED_BY, ()), actor.id}
            task.proposal = {**task.proposal, tasks.CHANGED_BY: sorted(others)}
            if task.assignee_id == actor.id:
                task.assignee_id = None
    tasks.say(task, told, actor=actor)


def begun_many(rows: Sequence[tuple[int, str]], *, actor: Actor) -> None:
    """As `begun`, for many new customers at once: (id, name) of those that need approval."""
    _open_many(TaskKind.ONBOARDING, rows, {}, actor)


def changed_many(fact_of: Mapping[int, str], *, actor: Actor) -> None:
    """As `changing` and `changed`, for many customers at once: what changed of each, by its id.

    Called after they were written.
    """
    if not fact_of:
        return
    stage_matters = Customer.stage.in_([*stages.FALLBACK, Stage.BILLING])
    rows = db.session.execute(
        select(Customer.id, Customer.name, Customer.stage)
        .where(Customer.id.in_(list(fact_of)), stage_matters)
        .order_by(Customer.id)
    ).all()
    told = {}
    for row in rows:
        what = Changed(_named([fact_of[row.id]]), row.stage in stages.FALLBACK, row.stage is Stage.BILLING)
        told[row.id] = what.reason or ""
        if what.goes_back:
            _send_back(row, told[row.id], actor)
    for kind, is_live in ((TaskKind.ONBOARDING, False), (TaskKind.RECHECK, True)):
        several = [row for row in rows if (row.stage is Stage.BILLING) is is_live]
        asked = _open_tasks(kind, [row.id for row in several])
        for key, task in asked.items():
            _add_to(task, told[key], actor)
        _open_many(kind, [(row.id, row.name) for row in several if row.id not in asked], told, actor)


def _send_back(row: Any, told: str, actor: Actor) -> None:
    """Move a customer, of which `row` has id, name and stage, to the stage that it falls back to."""
    after = stages.FALLBACK[row.stage]
    db.session.execute(
        update(Customer).where(Customer.id == row.id).values(stage=after),
        execution_options={**history.recorded(), "synchronize_session": False},
    )
    entry = history.entry(
        organisation_id=actor.organisation_id, action="changed", table="customer", row_id=row.id,
        customer_id=row.id, title=row.name, changes={"stage": [row.stage.value, after.value]},
    )  # fmt: skip
    history.record([{**entry, "reason": told}])


def _open_tasks(kind: TaskKind, customer_ids: Sequence[int]) -> dict[int, ApprovalTask]:
    """The open tasks of this kind, by customer."""
    if not customer_ids:
        return {}
    query = select(ApprovalTask).where(
        ApprovalTask.customer_id.in_(customer_ids), ApprovalTask.kind == kind, ApprovalTask.state == TaskState.OPEN
    )
    return {task.customer_id: task for task in db.session.scalars(query) if task.customer_id is not None}


def _open_many(kind: TaskKind, rows: Sequence[tuple[int, str]], told: Mapping[int, str], actor: Actor) -> None:
    """Open a task of this kind for each (customer id, name), for anybody to claim, with what is `told` of each."""
    if not rows:
        return
    organisation = db.session.get_one(Organisation, actor.organisation_id)
    values: dict[str, Any] = {
        "organisation_id": organisation.id, "kind": kind, "requester_id": actor.id, "state": TaskState.OPEN,
        "due_on": clock.today(organisation.timezone) + timedelta(days=organisation.task_days), "proposal": {},
        "waits_for_requester": False, "created_at": clock.now(),
    }  # fmt: skip
    made = db.session.execute(
        insert(ApprovalTask).returning(ApprovalTask.id, ApprovalTask.subject, ApprovalTask.customer_id),
        [{**values, "customer_id": key, "subject": name[:200]} for key, name in rows],
        execution_options=history.recorded(),
    ).all()
    said = {"organisation_id": organisation.id, "user_id": actor.id, "created_at": clock.now()}
    comments = [{**said, "task_id": task.id, "text": told[task.customer_id]} for task in made if told]
    if comments:
        db.session.execute(insert(TaskComment), comments, execution_options=history.recorded())
    history.record(
        history.entry(
            organisation_id=organisation.id, action="created", table="approval_task", row_id=task.id,
            customer_id=task.customer_id, title=f"{task.subject}: {kind.value}",
            changes={"kind": [None, kind.value]},
        )
        for task in made
    )  # fmt: skip

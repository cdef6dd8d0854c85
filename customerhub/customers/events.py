"""What follows when a customer is made or changed, by whatever path: approval, re-check, alerts, first portal user.

The operations call this; screens, imports and jobs call the operations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select, update

from customerhub import clock, history, notices
from customerhub.approvals import blacklist, stages, tasks
from customerhub.customers import alerts, facts, portal_users
from customerhub.database import saving
from customerhub.errors import WrongState
from customerhub.permissions import Actor, Permission
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
    portal_users.open_portal(customer)


def begun(customer: Customer, *, actor: Actor, comment: str | None = None) -> None:
    """A customer was added: ask for its approval where it needs one, raise its alerts, make its first portal user."""
    if customer.stage is Stage.NEW:
        tasks.open_task(TaskKind.ONBOARDING, actor=actor, subject=customer.name, customer=customer, comment=comment)
    alerts.review_customer(customer, as_of=blacklist.today(customer.organisation_id))
    _invite_first(customer, actor)


def _invite_first(customer: Customer, actor: Actor) -> None:
    """Make the first portal user where that is due. That an address has an account is told to staff only."""
    told = portal_users.ensure_first(customer)
    if told is not None and actor.may(Permission.CUSTOMERS_EDIT):
        notices.tell(told)


@dataclass(frozen=True)
class Changed:
    """The facts of the credit check that were changed, each with its former value, and what follows for a customer."""

    facts: Mapping[str, Any]
    goes_back: bool = False
    rechecked: bool = False
    listed: Sequence[BlacklistEntry] = ()  # what it was blacklisted by under its old numbers

    @property
    def reason(self) -> str | None:
        if self.goes_back or self.rechecked:
            named = ", ".join(name.replace("_", " ") for name in self.facts)
            return f"{'Back to be checked' if self.goes_back else 'Changed while live'}: {named} changed"
        return None

    @property
    def proposal(self) -> dict[str, Any]:
        """What a re-check is to compare with the record."""
        return {tasks.WAS: {name: history.shown(value) for name, value in self.facts.items()}} if self.rechecked else {}


def changing(customer: Customer) -> Changed | None:
    """A changed customer is about to be saved: one that has passed the check goes back to New.

    Returns what follows where a fact of the check is among them, for `changed`. Raises WrongState where the stage was
    changed: only moves do that.
    """
    if "stage" in history.before(customer):
        raise WrongState("The stage of a customer is changed by its moves, not by editing")
    portal_users.open_portal(customer)
    before = facts.take_changes(customer)
    if not before:
        return None
    changed = Changed(
        before, customer.stage in stages.FALLBACK, customer.stage is Stage.BILLING, _listed(customer, before)
    )
    if changed.goes_back:
        customer.stage = stages.FALLBACK[customer.stage]
    return changed


def _listed(customer: Customer, before: Mapping[str, Any]) -> Sequence[BlacklistEntry]:
    """The entries of the blacklist that hold for the numbers that a customer had, where one of them is changed."""
    if not any(before.get(name) for name in blacklist.NUMBERS):
        return ()
    numbers = {name: before.get(name, getattr(customer, name)) for name in blacklist.NUMBERS}
    day = blacklist.today(customer.organisation_id)
    return blacklist.entries_of_numbers(customer.organisation_id, **numbers, as_of=day)


def changed(customer: Customer, what: Changed | None, *, actor: Actor) -> None:
    """A customer was saved: have it checked again where that follows, go through its alerts, and make its first portal
    user if it has none yet.
    """
    if what is not None:
        blacklist.keep_listed(customer, what.listed)
        if what.reason is not None:
            _have_checked(customer, TaskKind.RECHECK if what.rechecked else TaskKind.ONBOARDING, what, actor)
    alerts.review_customer(customer, as_of=blacklist.today(customer.organisation_id))
    _invite_first(customer, actor)


def relieved(customer: Customer, *, actor: Actor) -> None:
    """Entries of the blacklist that were about a customer have ended: what it could not have until then follows now."""
    with saving():
        portal_users.open_portal(customer)
    _invite_first(customer, actor)


def _have_checked(customer: Customer, kind: TaskKind, what: Changed, actor: Actor) -> None:
    task = tasks.find_open(customer, kind)
    if task is not None and tasks.touch([task]):
        with saving():
            _add_to(task, what, actor)
        tasks.say(task, what.reason or "", actor=actor)
    else:
        tasks.open_task(
            kind, actor=actor, subject=customer.name, customer=customer, proposal=what.proposal, comment=what.reason
        )


def _add_to(task: ApprovalTask, what: Changed, actor: Actor) -> None:
    """What was changed again belongs to an open re-check too, and who did so does not decide it."""
    if task.kind is TaskKind.RECHECK:
        task.proposal = {**task.proposal, tasks.WAS: {**what.proposal[tasks.WAS], **task.proposal.get(tasks.WAS, {})}}
        if actor.id is not None:
            tasks.join(task, {actor.id})


def begun_many(rows: Sequence[tuple[int, str]], *, actor: Actor) -> None:
    """As `begun`, for many new customers at once: (id, name) of those that need approval."""
    _open_many(TaskKind.ONBOARDING, rows, {}, actor)


def changed_many(facts_of: Mapping[int, Mapping[str, Any]], *, actor: Actor) -> None:
    """As `changing` and `changed`, for many customers at once: the former facts of each, by its id.

    Called after they were written.
    """
    if not facts_of:
        return
    stage_matters = Customer.stage.in_([*stages.FALLBACK, Stage.BILLING])
    rows = db.session.execute(
        select(Customer.id, Customer.name, Customer.stage)
        .where(Customer.id.in_(list(facts_of)), stage_matters)
        .order_by(Customer.id)
    ).all()
    whats = {
        row.id: Changed(facts_of[row.id], row.stage in stages.FALLBACK, row.stage is Stage.BILLING) for row in rows
    }
    _send_back([row for row in rows if whats[row.id].goes_back], whats, actor)
    for kind, is_live in ((TaskKind.ONBOARDING, False), (TaskKind.RECHECK, True)):
        several = [row for row in rows if (row.stage is Stage.BILLING) is is_live]
        asked = _open_tasks(kind, [row.id for row in several])
        with saving():
            for key, task in asked.items():
                _add_to(task, whats[key], actor)
        _say_to_many([(task.id, whats[key].reason or "") for key, task in asked.items()], actor)
        _open_many(kind, [(row.id, row.name) for row in several if row.id not in asked], whats, actor)


def _send_back(rows: Sequence[Any], whats: Mapping[int, Changed], actor: Actor) -> None:
    """Move customers, of which `rows` have id, name and stage, to the stage that they fall back to."""
    for before, after in stages.FALLBACK.items():
        several = [row for row in rows if row.stage is before]
        if several:
            db.session.execute(
                update(Customer).where(Customer.id.in_([row.id for row in several])).values(stage=after),
                execution_options={**history.recorded(), "synchronize_session": False},
            )
        entries = [
            history.entry(
                organisation_id=actor.organisation_id, action="changed", table="customer", row_id=row.id,
                customer_id=row.id, title=row.name, changes={"stage": [before.value, after.value]},
            )
            for row in several
        ]  # fmt: skip
        history.record({**entry, "reason": whats[entry["row_id"]].reason} for entry in entries)


def _open_tasks(kind: TaskKind, customer_ids: Sequence[int]) -> dict[int, ApprovalTask]:
    """The open tasks of this kind, by customer. Nobody decides them until the transaction ends."""
    if not customer_ids:
        return {}
    query = select(ApprovalTask).where(
        ApprovalTask.customer_id.in_(customer_ids), ApprovalTask.kind == kind, ApprovalTask.state == TaskState.OPEN
    )
    found = tasks.touch(list(db.session.scalars(query)))
    return {task.customer_id: task for task in found if task.customer_id is not None}


def _open_many(kind: TaskKind, rows: Sequence[tuple[int, str]], whats: Mapping[int, Changed], actor: Actor) -> None:
    """Open a task of this kind for each (customer id, name), for anybody to claim, with what was changed of each."""
    if not rows:
        return
    organisation = db.session.get_one(Organisation, actor.organisation_id)
    values: dict[str, Any] = {
        "organisation_id": organisation.id, "kind": kind, "requester_id": actor.id, "state": TaskState.OPEN,
        "due_on": clock.today(organisation.timezone) + timedelta(days=organisation.task_days),
        "waits_for_requester": False, "created_at": clock.now(),
    }  # fmt: skip
    proposals = {key: what.proposal for key, what in whats.items()}
    made = db.session.execute(
        insert(ApprovalTask).returning(ApprovalTask.id, ApprovalTask.subject, ApprovalTask.customer_id),
        [
            {**values, "customer_id": key, "subject": name[:200], "proposal": proposals.get(key, {})}
            for key, name in rows
        ],
        execution_options=history.recorded(),
    ).all()
    if whats:
        _say_to_many([(task.id, whats[task.customer_id].reason or "") for task in made], actor)
    history.record(
        history.entry(
            organisation_id=organisation.id, action="created", table="approval_task", row_id=task.id,
            customer_id=task.customer_id, title=f"{task.subject}: {kind.value}",
            changes={"kind": [None, kind.value]},
        )
        for task in made
    )  # fmt: skip


def _say_to_many(texts: Sequence[tuple[int, str]], actor: Actor) -> None:
    """As `tasks.say`, for (task id, text) of many."""
    if texts:
        said = {"organisation_id": actor.organisation_id, "user_id": actor.id, "created_at": clock.now()}
        comments = [{**said, "task_id": key, "text": text} for key, text in texts]
        db.session.execute(insert(TaskComment), comments, execution_options=history.recorded())

"""What follows when a customer is made or changed, by whatever path: approval, re-check, alerts.

The operations call this; screens, imports and jobs call the operations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select, update

from customerhub import clock, history
from customerhub.approvals import blacklist, stages, tasks
from customerhub.customers import alerts
from customerhub.permissions import Actor
from models import ApprovalTask, Customer, Organisation, TaskComment
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
    goes_back: bool
    rechecked: bool

    @property
    def reason(self) -> str:
        return f"{'Back to be checked' if self.goes_back else 'Changed while live'}: {self.facts} changed"


def changing(customer: Customer, before: Mapping[str, Any]) -> Changed | None:
    """A customer is about to be saved with other values than `before`: one that has passed the check goes back to New.

    Returns what follows where a fact of the check is among them, for `changed`.
    """
    facts = [name.replace("_", " ") for name in stages.FACTS if name in before]
    if not facts:
        return None
    goes_back = customer.stage in stages.FALLBACK
    rechecked = customer.stage is Stage.BILLING
    if goes_back:
        customer.stage = stages.FALLBACK[customer.stage]
    return Changed(", ".join(facts), goes_back, rechecked) if goes_back or rechecked else None


def changed(customer: Customer, what: Changed | None, *, actor: Actor) -> None:
    """A customer was saved: have it checked again where that follows, and go through its alerts."""
    if what is not None:
        kind = TaskKind.RECHECK if what.rechecked else TaskKind.ONBOARDING
        task = tasks.find_open(customer, kind)
        if task is None:
            tasks.open_task(kind, actor=actor, subject=customer.name, customer=customer, comment=what.reason)
        else:
            tasks.say(task, what.reason, actor=actor)
    alerts.review_customer(customer, as_of=blacklist.today(customer.organisation_id))


def begun_many(rows: Sequence[tuple[int, str]], *, actor: Actor) -> None:
    """As `begun`, for many new customers at once: (id, name) of those that need approval."""
    _open_many(TaskKind.ONBOARDING, rows, None, actor)


def changed_many(facts: Mapping[int, str], *, actor: Actor) -> None:
    """As `changing` and `changed`, for many customers at once: what changed of each, by its id.

    Called after they were written.
    """
    if not facts:
        return
    rows = db.session.execute(
        select(Customer.id, Customer.name, Customer.stage).where(
            Customer.id.in_(list(facts)), Customer.stage.in_([*stages.FALLBACK, Stage.BILLING])
        )
    ).all()
    back = [row for row in rows if row.stage in stages.FALLBACK]
    for row in back:
        after = stages.FALLBACK[row.stage]
        db.session.execute(
            update(Customer).where(Customer.id == row.id).values(stage=after),
            execution_options={**history.recorded(), "synchronize_session": False},
        )
    history.record(
        history.entry(
            organisation_id=actor.organisation_id, action="changed", table="customer", row_id=row.id,
            customer_id=row.id, title=row.name,
            changes={"stage": [row.stage.value, stages.FALLBACK[row.stage].value]},
        )
        for row in back
    )  # fmt: skip
    live = [row for row in rows if row.stage is Stage.BILLING]
    asked = set(
        db.session.scalars(
            select(ApprovalTask.customer_id).where(
                ApprovalTask.customer_id.in_([row.id for row in live]),
                ApprovalTask.kind == TaskKind.RECHECK,
                ApprovalTask.state == TaskState.OPEN,
            )
        )
    )
    told = f"Changed while live: {', '.join(sorted(set(facts.values())))}"
    _open_many(TaskKind.RECHECK, [(row.id, row.name) for row in live if row.id not in asked], told, actor)


def _open_many(kind: TaskKind, rows: Sequence[tuple[int, str]], comment: str | None, actor: Actor) -> None:
    """Open a task of this kind for each (customer id, name), for anybody to claim."""
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
    if comment:
        said = {"organisation_id": organisation.id, "user_id": actor.id, "text": comment, "created_at": clock.now()}
        db.session.execute(
            insert(TaskComment), [{**said, "task_id": task.id} for task in made], execution_options=history.recorded()
        )
    with history.because(comment):
        history.record(
            history.entry(
                organisation_id=organisation.id, action="created", table="approval_task", row_id=task.id,
                customer_id=task.customer_id, title=f"{task.subject}: {kind.value}",
                changes={"kind": [None, kind.value]},
            )
            for task in made
        )  # fmt: skip

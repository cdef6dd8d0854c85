"""What follows when a customer is made or changed, by whatever path: approval, re-check, alerts.

The operations call this; screens, imports and jobs call the operations.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import insert

from customerhub import clock, history
from customerhub.approvals import blacklist, stages, tasks
from customerhub.customers import alerts
from customerhub.database import saving
from customerhub.permissions import Actor
from models import ApprovalTask, Customer, Organisation
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


def changing(customer: Customer, before: Mapping[str, Any]) -> str | None:
    """A customer is about to be saved with other values than `before`: those of the credit check decide its stage.

    Returns what changed where somebody must check a live customer again, for `changed`.
    """
    facts = [name for name in stages.FACTS if name in before]
    if not facts:
        return None
    told = ", ".join(name.replace("_", " ") for name in facts)
    if customer.stage in stages.FALLBACK:
        customer.stage = stages.FALLBACK[customer.stage]
        return None
    return told if customer.stage is Stage.BILLING else None


def changed(customer: Customer, recheck: str | None, *, actor: Actor) -> None:
    """A customer was saved: ask for the re-check of a live one, and go through its alerts."""
    if recheck is not None and tasks.find_open(customer, TaskKind.RECHECK) is None:
        tasks.open_task(
            TaskKind.RECHECK, actor=actor, subject=customer.name, customer=customer,
            comment=f"Changed while live: {recheck}",
        )  # fmt: skip
    alerts.review_customer(customer, as_of=blacklist.today(customer.organisation_id))


def begun_many(rows: Sequence[tuple[int, str]], *, actor: Actor) -> None:
    """As `begun`, for many new customers at once: (id, name) of those that need approval."""
    organisation = db.session.get_one(Organisation, actor.organisation_id)
    due_on = clock.today(organisation.timezone) + timedelta(days=organisation.task_days)
    values: list[dict[str, Any]] = [
        {
            "organisation_id": organisation.id,
            "kind": TaskKind.ONBOARDING,
            "customer_id": key,
            "subject": name[:200],
            "requester_id": actor.id,
            "state": TaskState.OPEN,
            "due_on": due_on,
            "proposal": {},
            "waits_for_requester": False,
            "created_at": clock.now(),
        }
        for key, name in rows
    ]
    if not values:
        return
    made = db.session.execute(
        insert(ApprovalTask).returning(ApprovalTask.id, ApprovalTask.subject, ApprovalTask.customer_id),
        values,
        execution_options=history.recorded(),
    ).all()
    history.record(
        history.entry(
            organisation_id=organisation.id, action="created", table="approval_task", row_id=task.id,
            customer_id=task.customer_id, title=f"{task.subject}: {TaskKind.ONBOARDING.value}",
            changes={"kind": [None, TaskKind.ONBOARDING.value]},
        )
        for task in made
    )  # fmt: skip
    with saving():
        pass

"""Work of every kind that waits for somebody, and what waits for nobody or for others."""

from datetime import date, timedelta
from typing import Any

import models
from customerhub.core import clock
from models.base import db
from models.enums import AlertRule, CaseStatus, OutboxState, TaskKind
from models.signing_enums import EnvelopeStatus
from tests.support import factories as make

_AGENTS = {"tasks", "follow-ups", "cases", "mentions", "reviews", "documents", "signatures", "waiting-signatures"}
KINDS_BY_ROLE = {
    "admin": _AGENTS | {"messages", "late-tasks", "jobs"},
    "manager": _AGENTS | {"messages", "late-tasks"},
    "agent": _AGENTS,
}


def add_work(
    organisation: models.Organisation, user_id: int, *, today: date, **customer_values: Any
) -> models.Customer:
    """One late thing of every kind that is the user's own, on a new customer of theirs."""
    owner = {"organisation": organisation}
    customer = make.CustomerFactory(**owner, account_manager_id=user_id, **customer_values)
    customer.review_start_date, customer.review_frequency = today - timedelta(days=40), 12
    owned = {**owner, "customer_id": customer.id}
    late = today - timedelta(days=3)
    make.ApprovalTaskFactory(**owned, assignee_id=user_id, due_on=late)
    note = make.NoteFactory(**owned, assignee_id=user_id, follow_up_on=late)
    make.NoteMentionFactory(**owner, note_id=note.id, user_id=user_id)
    make.CustomerCaseFactory(**owned, assignee_id=user_id)
    add_review_alert(customer)
    make.ComplianceDocumentFactory(**owned, file_id=None, expiry_date=late)
    make.OutboxMessageFactory(**owned, state=OutboxState.FAILED, failed_at=clock.get_now(), next_attempt_at=None)
    requested = {**owned, "requested_by_id": user_id}
    make.EnvelopeFactory(**requested)
    make.EnvelopeFactory(**requested, status=EnvelopeStatus.EXPIRED, ended_at=clock.get_now())
    return customer


def add_review_alert(customer: models.Customer, **values: Any) -> models.Alert:
    return make.AlertFactory(
        organisation_id=customer.organisation_id, customer_id=customer.id, rule=AlertRule.REVIEW, **values
    )


def add_others_work(organisation: models.Organisation, other_id: int, *, today: date) -> None:
    """The same of somebody else, and of everybody what is done, closed, not due yet or sent."""
    customer = add_work(organisation, other_id, today=today)
    owned = {"organisation": organisation, "customer_id": customer.id}
    done = models.enums.TaskState.APPROVED
    make.ApprovalTaskFactory(**owned, assignee_id=other_id, state=done, due_on=today - timedelta(days=9))
    make.ApprovalTaskFactory(**owned, kind=TaskKind.RECHECK, due_on=today)
    make.NoteFactory(**owned, assignee_id=other_id, follow_up_on=today + timedelta(days=1))
    make.CustomerCaseFactory(**owned, assignee_id=other_id, status=CaseStatus.CLOSED)
    make.ComplianceDocumentFactory(**owned, file_id=None, expiry_date=today + timedelta(days=31))
    make.OutboxMessageFactory(**owned)
    closed = make.CustomerFactory(organisation=organisation)
    add_review_alert(closed, closed_at=clock.get_now())


def add_failing_job(name: str = "jobs.reminders.remind") -> None:
    """A job of the schedule that has failed since an hour ago."""
    now = clock.get_now()
    hour_ago = now - timedelta(hours=1)
    db.session.add(
        models.PeriodicRun(
            name=name, started_at=now, finished_at=now, succeeded=False, failed_since=hour_ago, message="Failed"
        )
    )

"""What a customer's page tells of its approval: alerts, where it stands, its tasks, whom it took the place of."""

from collections.abc import Mapping
from typing import Any

from flask import url_for
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from customerhub.customers.alerts import list_alerts
from customerhub.customers.merging import merged_into
from models import ApprovalTask, Customer
from models.base import db
from models.enums import Stage
from views.alerts import BANNERS
from views.columns import amount, day, formats, local_date
from views.customer_form import today
from views.task_cells import due_cell, kind_chip, state_chip

SHOWN = 100  # tasks on the page of a customer
TOLD = {Stage.BILLING: "Live"}


def banners(row: Customer) -> list[dict[str, Any]]:
    """The alerts that hold today, the most severe first."""
    return [
        {
            "kind": BANNERS[alert.severity],
            "text": alert.text + (f" (until {day(alert.valid_until)})" if alert.valid_until else ""),
            "link": {"label": "Open alert", "url": url_for("alerts.details_view", id=alert.id)},
        }
        for alert in list_alerts(row, as_of=today())
    ]


def block(row: Customer) -> dict[str, Any]:
    """Where the customer stands on the way from new to live, and what was told on it."""
    told = [
        ("Credit reference", row.credit_reference),
        ("Billing reference", row.billing_reference),
        ("Monthly revenue", f"{amount(row.estimated_monthly_revenue)} {formats().currency}"
         if row.estimated_monthly_revenue is not None else None),
    ]  # fmt: skip
    return {"title": "Approval", "chart": way(row.stage), "items": [pair for pair in told if pair[1]] or None}


def way(stage: Stage, labels: Mapping[Stage, str] = TOLD) -> Markup:
    """The way as steps, done and to come; a referral or failure stands in place of the credit check."""
    steps = [Stage.NEW, stage if stage in (Stage.REFERRED, Stage.FAILED) else Stage.PASSED, Stage.BILLING]
    at = steps.index(stage)
    parts = []
    for number, step in enumerate(steps):
        state = "now" if number == at else "done" if number < at else "next"
        tone = {Stage.FAILED: " bad", Stage.REFERRED: " waits"}.get(step, "") if state == "now" else ""
        current = Markup(' aria-current="step"') if state == "now" else ""
        label = labels.get(step, step.value)
        parts.append(Markup('<li class="step {}{}"{}>{}</li>').format(state, tone, current, label))
    return Markup('<ol class="steps" aria-label="Stages">{}</ol>').format(Markup("").join(parts))


def tasks_table(row: Customer) -> dict[str, Any]:
    tasks = db.session.scalars(
        select(ApprovalTask)
        .where(ApprovalTask.customer_id == row.id)
        .options(joinedload(ApprovalTask.requester), joinedload(ApprovalTask.assignee))
        .order_by(ApprovalTask.id.desc())
        .limit(SHOWN)
    ).all()
    return {
        "title": "Approval tasks",
        "columns": [{"label": label} for label in ("Request", "State", "Asked for by", "Assignee", "Created", "Due")],
        "rows": [
            [{**kind_chip(task), "url": url_for("tasks.details_view", id=task.id)},
             state_chip(task),
             task.requester.name if task.requester else "System", task.assignee.name if task.assignee else None,
             {"text": day(local_date(task.created_at)), "url": url_for("tasks.details_view", id=task.id)},
             due_cell(task)]
            for task in tasks
        ],
        "empty": {"title": "Nothing had to be decided yet", "text": "Requests about this customer appear here."},
    }  # fmt: skip


def merged_note(row: Customer) -> str | None:
    """Whose place the customer took."""
    names = ", ".join(f"{old.name} ({old.account_number})" for old in merged_into(row))
    return f"Merged into it: {names}." if names else None

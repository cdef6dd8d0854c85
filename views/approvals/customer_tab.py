"""The approval of a customer on its page: alerts, stage, tasks, merged customers."""

from typing import Any

from flask import url_for
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from customerhub.approvals.blacklist import list_all_entries
from customerhub.customers.alerts import list_alerts, list_all_alerts
from customerhub.customers.merging import list_merged_customers
from models import Alert, ApprovalTask, BlacklistEntry, Customer
from models.base import db
from models.enums import Stage
from views.cells.alerts import BANNERS, severity_chip
from views.cells.alerts import state_chip as alert_state_chip
from views.cells.tasks import due_cell, kind_chip, state_chip
from views.framework.chips import validity_chip
from views.framework.formatting import (
    current_formats,
    format_amount,
    format_date,
    format_datetime,
    get_today,
    local_date,
)
from views.framework.labels import member_label

MAX_TASKS = 100  # tasks on the page of a customer
MAX_ALERTS = 100  # alerts, and entries of the blacklist, on it


def build_alert_banners(row: Customer) -> list[dict[str, Any]]:
    """The alerts that hold today, the most severe first."""
    return [
        {
            "kind": BANNERS[alert.severity],
            "text": alert.text + (f" (until {format_date(alert.valid_until)})" if alert.valid_until else ""),
            "link": {"label": "Open alert", "url": url_for("alerts.details_view", id=alert.id)},
        }
        for alert in list_alerts(row, as_of=get_today())
    ]


def build_alerts_tables(row: Customer, raise_url: str | None, blacklist_url: str | None) -> list[dict[str, Any]]:
    """The alerts of a customer and the entries of the blacklist that match it, those that ended among them, with links
    to add one of each where they may be added.
    """
    add_alert = {"label": "Raise alert", "url": raise_url} if raise_url else None
    request = {"label": "Request blacklisting", "url": blacklist_url} if blacklist_url else None
    alert_rows = [_alert_cells(each) for each in list_all_alerts(row, limit=MAX_ALERTS)]
    entry_rows = [_entry_cells(each) for each in list_all_entries(row, limit=MAX_ALERTS)]
    return [
        {
            "title": "Alerts",
            "columns": [{"label": each} for each in ("Alert", "Severity", "State", "Raised", "Since", "Until")],
            "rows": alert_rows,
            "more_url": raise_url if alert_rows else None,
            "more_label": "Raise alert",
            "empty": {"title": "No alerts", "text": "Warnings about this customer appear here.", "action": add_alert},
        },
        {
            "title": "Blacklist",
            "columns": [{"label": each} for each in ("Reason", "State", "Since", "Until", "Removed", "Removal reason")],
            "rows": entry_rows,
            "more_url": blacklist_url if entry_rows else None,
            "more_label": "Request blacklisting",
            "empty": {
                "title": "Never blacklisted",
                "text": "Entries for this customer or its numbers appear here.",
                "action": request,
            },
        },
    ]


def _alert_cells(alert: Alert) -> list[Any]:
    return [
        {"text": alert.text, "url": url_for("alerts.details_view", id=alert.id)},
        severity_chip(alert),
        alert_state_chip(alert),
        f"By rule: {alert.rule.value}" if alert.rule else "Manually",
        format_date(local_date(alert.created_at)),
        format_datetime(alert.closed_at) or format_date(alert.valid_until) or None,
    ]


def _entry_cells(entry: BlacklistEntry) -> list[Any]:
    removed = "Removed" if entry.removed_at else None
    return [
        {"text": entry.reason, "url": url_for("blacklist.details_view", id=entry.id)},
        validity_chip(removed, entry.valid_until, "red", as_of=get_today()),
        format_date(local_date(entry.created_at)),
        format_date(entry.valid_until) or None,
        format_datetime(entry.removed_at) or None,
        entry.removal_reason,
    ]


def build_approval_block(row: Customer) -> dict[str, Any]:
    """The customer's stage on the way from new to live, with the comments on it."""
    items = [
        ("Credit reference", row.credit_reference),
        ("Billing reference", row.billing_reference),
        (
            "Monthly revenue",
            f"{format_amount(row.estimated_monthly_revenue)} {current_formats().currency}"
            if row.estimated_monthly_revenue is not None
            else None,
        ),
    ]
    return {
        "title": "Approval",
        "chart": render_stage_steps(row.stage),
        "items": [pair for pair in items if pair[1]] or None,
    }


def render_stage_steps(stage: Stage) -> Markup:
    """The way as steps, done and to come; a referral or failure stands in place of the credit check."""
    steps = [Stage.NEW, stage if stage in (Stage.REFERRED, Stage.FAILED) else Stage.PASSED, Stage.BILLING]
    current_index = steps.index(stage)
    step_items = []
    for number, step in enumerate(steps):
        state = "done" if number < current_index else "next"
        if number == current_index:
            state = "now"
        tone = {Stage.FAILED: " bad", Stage.REFERRED: " waits"}.get(step, "") if state == "now" else ""
        current = Markup(' aria-current="step"') if state == "now" else ""
        step_items.append(Markup('<li class="step {}{}"{}>{}</li>').format(state, tone, current, member_label(step)))
    return Markup('<ol class="steps" aria-label="Stages">{}</ol>').format(Markup("").join(step_items))


def build_tasks_table(row: Customer) -> dict[str, Any]:
    tasks = db.session.scalars(
        select(ApprovalTask)
        .where(ApprovalTask.customer_id == row.id)
        .options(joinedload(ApprovalTask.requester), joinedload(ApprovalTask.assignee))
        .order_by(ApprovalTask.id.desc())
        .limit(MAX_TASKS)
    ).all()
    return {
        "title": "Approval tasks",
        "columns": [{"label": label} for label in ("Request", "State", "Requested by", "Assignee", "Created", "Due")],
        "rows": [
            [
                {**kind_chip(task), "url": url_for("tasks.details_view", id=task.id)},
                state_chip(task),
                task.requester.name if task.requester else "System",
                task.assignee.name if task.assignee else None,
                {"text": format_date(local_date(task.created_at)), "url": url_for("tasks.details_view", id=task.id)},
                due_cell(task),
            ]
            for task in tasks
        ],
        "empty": {"title": "No approval tasks", "text": "Requests about this customer appear here."},
    }


def describe_merged(row: Customer) -> str | None:
    """Whose place the customer took."""
    merged_names = ", ".join(f"{old.name} ({old.account_number})" for old in list_merged_customers(row))
    return f"Merged from: {merged_names}." if merged_names else None

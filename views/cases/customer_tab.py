"""The cases of a customer, on its page."""

from typing import Any

from flask import url_for
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from customerhub.core.permissions import Actor, Permission
from models import Customer, CustomerCase
from models.base import db
from views.cells.cases import status_chip, subject_cell
from views.framework.formatting import format_datetime

MAX_ROWS = 100  # cases on the page of a customer
LABELS = ("Subject", "Number", "Status", "Assignee", "Opened by", "Opened", "Last reply")


def build_table(row: Customer, actor: Actor) -> dict[str, Any]:
    """The newest cases, those that are not closed first."""
    cases = db.session.scalars(
        select(CustomerCase)
        .where(CustomerCase.customer_id == row.id)
        .options(joinedload(CustomerCase.assignee), joinedload(CustomerCase.requester))
        .order_by(CustomerCase.closed_at.is_not(None), CustomerCase.id.desc())
        .limit(MAX_ROWS + 1)
    ).all()
    may_add = actor.has_permission(Permission.CASES_EDIT)
    add = {"label": "Add case", "url": url_for("cases.create_view", customer_id=row.id)} if may_add else None
    return {
        "title": "Cases",
        "text": f"Showing {MAX_ROWS} cases." if len(cases) > MAX_ROWS else None,
        "columns": [{"label": label} for label in LABELS],
        "rows": [
            [
                subject_cell(each),
                each.number,
                status_chip(each),
                each.assignee.name if each.assignee else None,
                each.requester.name if each.requester else "System",
                format_datetime(each.created_at),
                format_datetime(each.replied_at) or None,
            ]
            for each in cases[:MAX_ROWS]
        ],
        "more_url": add["url"] if add and cases else None,
        "more_label": "Add case",
        "empty": {"title": "No cases yet", "text": "What the customer asks for, and what became of it.", "action": add},
    }

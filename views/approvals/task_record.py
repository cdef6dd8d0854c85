"""The page of one approval task: the request, its customer and the comments on it."""

from typing import Any

from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from customerhub.approvals import blacklist, tasks
from customerhub.core import history
from customerhub.customers import change_requests
from models import ApprovalTask, Customer, TaskComment, User
from models.base import db
from models.enums import TaskKind
from views.cells.customers import customer_link
from views.cells.tasks import due_cell, kind_chip, state_chip
from views.framework.chips import stage_chip
from views.framework.display import changes_of
from views.framework.edit_page import DetailsPage
from views.framework.formatting import format_amount, format_date, format_datetime, get_today, local_date
from views.framework.labels import capitalize_first, label_of, member_label


def fill_header(page: DetailsPage, row: ApprovalTask) -> None:
    page.title = row.subject
    page.chips = [{"label": chip["chip"], "tone": chip["tone"]} for chip in (kind_chip(row), state_chip(row))]
    page.meta = [
        ("Requested by", _requester_names(row)),
        ("Created", format_datetime(row.created_at)),
        ("Assignee", row.assignee.name if row.assignee else "Unassigned"),
        ("Due", due_cell(row)),
    ]
    if row.waits_for_requester:
        page.banners.append({"kind": "info", "text": "Waiting for an answer from the partner."})
    if row.is_open and row.kind is TaskKind.PARTICULARS:
        page.banners += _blacklist_banners(row)
    if row.is_open and row.kind is TaskKind.PARTICULARS and row.customer and change_requests.list_outdated_fields(row):
        changed_labels = ", ".join(label_of(name) for name in change_requests.list_outdated_fields(row))
        text = f"The record has changed since this request ({changed_labels}). It can only be declined."
        page.banners.append({"kind": "warning", "text": text})


def _blacklist_banners(task: ApprovalTask) -> list[dict[str, Any]]:
    """A warning where a number that is asked for is on the blacklist."""
    requested_numbers = {name: task.proposal.get(name, (None, None))[1] for name in blacklist.NUMBER_COLUMNS}
    entries = blacklist.list_entries_by_numbers(task.organisation_id, **requested_numbers, as_of=get_today())
    return [{"kind": "error", "text": f"This number is blacklisted: {entry.reason}"} for entry in entries[:1]]


def _requester_names(task: ApprovalTask) -> str:
    """Who asked for it first, then the others whose request it is too."""
    other_ids = tasks.list_requesters(task) - {task.requester_id}
    names = db.session.scalars(select(User.name).where(User.id.in_(other_ids)).order_by(User.name)) if other_ids else ()
    return ", ".join([task.requester.name if task.requester else "System", *names])


def fill_details(page: DetailsPage, row: ApprovalTask) -> None:
    if row.decided_at is not None:
        decided_by = row.decided_by.name if row.decided_by else "System"
        items = [
            ("Outcome", member_label(row.state)),
            ("Decided by", decided_by),
            ("When", format_datetime(row.decided_at)),
        ]
        page.sections.append({"title": "Decision", "items": items, "edit_url": None})
    if row.customer is not None:
        page.sections.append({"title": "Customer", "items": _customer_items(row.customer), "edit_url": None})
    page.tables = [table for table in (build_proposal_table(row), _comments_table(row)) if table is not None]


def _customer_items(customer: Customer) -> list[tuple[str, Any]]:
    return [
        ("Name", customer_link(customer)),
        ("Customer no.", customer.account_number),
        ("Stage", stage_chip(customer.stage)),
        ("Kind", member_label(customer.kind)),
        ("Identity number", customer.identity_number),
        ("Registration number", customer.registration_number),
        ("VAT number", customer.vat_number),
        ("Partner", str(customer.dealer or "") or None),
        ("Category", str(customer.category or "") or None),
        ("Credit reference", customer.credit_reference),
        ("Billing reference", customer.billing_reference),
        ("Monthly revenue", format_amount(customer.estimated_monthly_revenue)),
    ]


def build_proposal_table(task: ApprovalTask) -> dict[str, Any] | None:
    """What is asked for: of particulars the old and the new side by side, of a re-check what was changed."""
    if task.kind is TaskKind.PARTICULARS:
        current_label = "Current" if task.is_open else "Before"
        return _comparison_table("Requested changes", current_label, "New", task.proposal)
    if task.kind is TaskKind.RECHECK:
        previous_values = task.proposal.get(tasks.PREVIOUS_VALUES, {})
        changes = {
            name: [value, history.display_value(getattr(task.customer, name))]
            for name, value in previous_values.items()
        }
        return _comparison_table("To be checked", "Before", "Now", changes) if changes else None
    values = {name: value for name, value in task.proposal.items() if value}
    if not values:
        return None
    rows = [[capitalize_first(name.replace("_", " ")), value] for name, value in values.items()]
    return {"title": "Requested changes", "columns": [{"label": "Field"}, {"label": "Value"}], "rows": rows}


def _comparison_table(title: str, before_label: str, after_label: str, changes: dict[str, Any]) -> dict[str, Any]:
    rows = [
        [label, old or "(blank)", new or "(blank)"] for label, old, new in changes_of(Customer.__tablename__, changes)
    ]
    return {
        "title": title,
        "columns": [{"label": label} for label in ("Field", before_label, after_label)],
        "rows": rows,
    }


def list_comments(*tasks: ApprovalTask) -> list[TaskComment]:
    """What was said about these, the newest last."""
    return list(
        db.session.scalars(
            select(TaskComment)
            .where(TaskComment.task_id.in_([task.id for task in tasks]))
            .options(joinedload(TaskComment.user))
            .order_by(TaskComment.id)
        )
    )


def format_lines(text: str) -> Markup:
    """Text of several lines, for a cell of a table."""
    return Markup("<br>").join(text.splitlines())


def _comments_table(task: ApprovalTask) -> dict[str, Any]:
    rows = [
        [
            {
                "text": format_date(local_date(each.created_at)),
                "sub": format_datetime(each.created_at).rpartition(", ")[2],
            },
            each.user.name if each.user else "System",
            format_lines(each.text),
        ]
        for each in list_comments(task)
    ]
    columns = [{"label": "When"}, {"label": "Who"}, {"label": "Comment", "whole": True}]
    return {"title": "Comments", "columns": columns, "rows": rows, "empty": "No comments yet."}

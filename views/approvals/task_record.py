"""The page of one approval task: the request, its customer and the comments on it."""

from typing import Any

from flask import url_for
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from customerhub.approvals import blacklist, tasks
from customerhub.approvals.task_files import list_files
from customerhub.core import history
from customerhub.core.permissions import Permission
from customerhub.customers import change_requests
from models import ApprovalTask, Customer, StoredFile, TaskComment, User
from models.base import db
from models.enums import TaskKind
from views.cells.customers import customer_link
from views.cells.tasks import due_cell, kind_chip, state_chip
from views.framework.chips import risk_chip, stage_chip, yes_no_chip
from views.framework.display import changes_of
from views.framework.edit_page import DetailsPage
from views.framework.formatting import format_amount, format_date, format_datetime, get_today, local_date
from views.framework.labels import capitalize_first, label_of, member_label
from views.framework.uploads import format_size
from views.http.actor import current_actor
from views.http.urls import path_to


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
        page.banners.append({"kind": "info", "text": f"Waiting for an answer from {row.requester or 'the requester'}."})
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
        page.sections.append(
            {"title": "Customer", "items": list_facts(row.customer), "edit_url": _find_edit_url(row.customer)}
        )
    tables = (build_proposal_table(row), build_files_table(row, can_attach=True), _comments_table(row))
    page.tables = [table for table in tables if table is not None]


def _find_edit_url(customer: Customer) -> str | None:
    """Where the staff correct what a credit report shows to be wrong."""
    can_edit = current_actor().has_permission(Permission.CUSTOMERS_EDIT)
    return path_to("customers.edit_view", customer.id) if can_edit else None


def list_facts(customer: Customer) -> list[tuple[str, Any]]:
    """(label, value) of what a decision about a customer rests on."""
    return [
        ("Name", customer_link(customer)),
        ("Customer no.", customer.account_number),
        ("Stage", stage_chip(customer.stage)),
        ("Kind", member_label(customer.kind)),
        ("Identity number", customer.identity_number),
        ("Registration number", customer.registration_number),
        ("Registration date", format_date(customer.registration_date) or None),
        ("VAT number", customer.vat_number),
        ("Partner", str(customer.dealer or "") or None),
        ("Category", str(customer.category or "") or None),
        ("Credit reference", customer.credit_reference),
        ("Billing reference", customer.billing_reference),
        ("Monthly revenue", format_amount(customer.estimated_monthly_revenue)),
        ("Risk", risk_chip(customer.risk)),
        ("Credit check company", customer.credit_check_company),
        ("Existing relationship", yes_no_chip(customer.existing_relationship)),
        ("Total spend", format_amount(customer.total_spend)),
        ("Address", next((str(address) for address in customer.addresses), None)),
    ]


def build_files_table(task: ApprovalTask, *, can_attach: bool = False) -> dict[str, Any]:
    """What is attached to a task, such as the report of the credit check, with who and when."""
    rows = [
        [
            {**_file_link(each.file), "sub": format_size(each.file.size)},
            each.note,
            {"text": each.user.name if each.user else "System", "sub": format_datetime(each.created_at)},
        ]
        for each in list_files(task)
        if each.file is not None
    ]
    table = {
        "title": "Files",
        "columns": [{"label": label} for label in ("File", "Note", "Attached by")],
        "rows": rows,
        "empty": "No credit report or other file attached.",
    }
    if can_attach and current_actor().has_permission(Permission.TASKS_WORK):
        attach_url = url_for("tasks.operation_view", operation="attach", id=task.id)
        table |= {"more_url": attach_url, "more_label": "Attach a file"}
    return table


def _file_link(file: StoredFile) -> dict[str, str]:
    return {"text": file.name, "url": url_for("files.download", file_id=file.id)}


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

"""The page of one approval task: what is asked for, of whom, and what was said about it."""

from typing import Any

from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from customerhub import history
from customerhub.approvals import blacklist, particulars, tasks
from models import ApprovalTask, Customer, TaskComment, User
from models.base import db
from models.enums import TaskKind
from views.columns import amount, day, local_date, moment, stage_chip
from views.customer_cells import customer_link
from views.customer_form import today
from views.editing import DetailsPage
from views.forms import label_of
from views.showing import changes_of
from views.task_cells import due_cell, kind_chip, state_chip
from views.words import sentence, word


def header(page: DetailsPage, row: ApprovalTask) -> None:
    page.title = row.subject
    page.chips = [{"label": chip["chip"], "tone": chip["tone"]} for chip in (kind_chip(row), state_chip(row))]
    page.meta = [
        ("Asked for by", _askers(row)),
        ("Created", moment(row.created_at)),
        ("Assignee", row.assignee.name if row.assignee else "Nobody"),
        ("Due", due_cell(row)),
    ]
    if row.waits_for_requester:
        page.banners.append({"kind": "info", "text": "This waits for an answer of the partner."})
    if row.is_open and row.kind is TaskKind.PARTICULARS:
        page.banners += _listed_numbers(row)
    if row.is_open and row.kind is TaskKind.PARTICULARS and row.customer and particulars.moved_on(row):
        names = ", ".join(label_of(name) for name in particulars.moved_on(row))
        text = f"The record has changed since this was asked for ({names}), so it can only be declined."
        page.banners.append({"kind": "warning", "text": text})


def _listed_numbers(task: ApprovalTask) -> list[dict[str, Any]]:
    """A warning where a number that is asked for is on the blacklist."""
    wanted = {name: task.proposal.get(name, (None, None))[1] for name in blacklist.NUMBERS}
    found = blacklist.entries_of_numbers(task.organisation_id, **wanted, as_of=today())
    return [{"kind": "error", "text": f"This number is blacklisted: {entry.reason}"} for entry in found[:1]]


def _askers(task: ApprovalTask) -> str:
    """Who asked for it first, then the others whose request it is too."""
    others = tasks.askers(task) - {task.requester_id}
    names = db.session.scalars(select(User.name).where(User.id.in_(others)).order_by(User.name)) if others else ()
    return ", ".join([task.requester.name if task.requester else "System", *names])


def fill(page: DetailsPage, row: ApprovalTask) -> None:
    if row.decided_at is not None:
        who = row.decided_by.name if row.decided_by else "System"
        items = [("Outcome", word(row.state)), ("Decided by", who), ("When", moment(row.decided_at))]
        page.sections.append({"title": "Decision", "items": items, "edit_url": None})
    if row.customer is not None:
        page.sections.append({"title": "Customer", "items": _customer_items(row.customer), "edit_url": None})
    page.tables = [table for table in (proposed(row), _talk(row)) if table is not None]


def _customer_items(customer: Customer) -> list[tuple[str, Any]]:
    return [
        ("Name", customer_link(customer)),
        ("Customer no.", customer.account_number),
        ("Stage", stage_chip(customer.stage)),
        ("Kind", word(customer.kind)),
        ("Identity number", customer.identity_number),
        ("Registration number", customer.registration_number),
        ("VAT number", customer.vat_number),
        ("Dealer", str(customer.dealer or "") or None),
        ("Category", str(customer.category or "") or None),
        ("Credit reference", customer.credit_reference),
        ("Billing reference", customer.billing_reference),
        ("Monthly revenue", amount(customer.estimated_monthly_revenue)),
    ]


def proposed(task: ApprovalTask) -> dict[str, Any] | None:
    """What is asked for: of particulars the old and the new side by side, of a re-check what was changed."""
    if task.kind is TaskKind.PARTICULARS:
        now = "Now" if task.is_open else "Was"
        return _compared("Asked for", now, "New", task.proposal)
    if task.kind is TaskKind.RECHECK:
        was = task.proposal.get(tasks.WAS, {})
        changed = {name: [value, history.shown(getattr(task.customer, name))] for name, value in was.items()}
        return _compared("To be checked", "Was", "Now", changed) if changed else None
    told = {name: value for name, value in task.proposal.items() if value}
    if not told:
        return None
    rows = [[sentence(name.replace("_", " ")), value] for name, value in told.items()]
    return {"title": "Asked for", "columns": [{"label": "What"}, {"label": "Value"}], "rows": rows}


def _compared(title: str, before: str, after: str, changes: dict[str, Any]) -> dict[str, Any]:
    rows = [
        [label, old or "(blank)", new or "(blank)"] for label, old, new in changes_of(Customer.__tablename__, changes)
    ]
    return {"title": title, "columns": [{"label": label} for label in ("Field", before, after)], "rows": rows}


def comments_of(*tasks: ApprovalTask) -> list[TaskComment]:
    """What was said about these, the newest last."""
    return list(
        db.session.scalars(
            select(TaskComment)
            .where(TaskComment.task_id.in_([task.id for task in tasks]))
            .options(joinedload(TaskComment.user))
            .order_by(TaskComment.id)
        )
    )


def lines(text: str) -> Markup:
    """Text of several lines, for a cell of a table."""
    return Markup("<br>").join(text.splitlines())


def _talk(task: ApprovalTask) -> dict[str, Any]:
    rows = [
        [{"text": day(local_date(each.created_at)), "sub": moment(each.created_at).rpartition(", ")[2]},
         each.user.name if each.user else "System", lines(each.text)]
        for each in comments_of(task)
    ]  # fmt: skip
    columns = [{"label": "When"}, {"label": "Who"}, {"label": "What", "whole": True}]
    return {"title": "What was said", "columns": columns, "rows": rows, "empty": "Nothing yet."}

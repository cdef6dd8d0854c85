"""The page of one customer as a partner sees it."""

from typing import Any

from flask import url_for

from customerhub.approvals import tasks
from customerhub.permissions import hears
from models import ApprovalTask, Customer
from models.enums import Role, Stage, TaskKind, TaskState
from views import partner_contracts, partner_forms
from views.actor import current_actor
from views.columns import STAGE_TONES, moment
from views.customer_approval import way
from views.showing import changes_of
from views.task_page import comments_of, lines

LABELS = {
    Stage.NEW: "Being checked", Stage.REFERRED: "Referred", Stage.PASSED: "Passed", Stage.FAILED: "Not accepted",
    Stage.BILLING: "Live",
}  # fmt: skip


def stage_chip(row: Customer) -> dict[str, Any]:
    return {"chip": LABELS[row.stage], "tone": STAGE_TONES[row.stage]}


def page_of(row: Customer, task: ApprovalTask | None, form: Any) -> dict[str, Any]:
    latest = tasks.find_latest(row, TaskKind.PARTICULARS)
    asked = latest if latest is not None and hears(current_actor(), latest.requester) else None
    waits = latest is not None and latest.is_open
    banners = []
    if form is not None:
        banners.append({"kind": "warning", "text": "We have a question. Read it below and answer."})
    if waits:
        who = "You asked" if asked is not None else "Somebody asked"
        banners.append({"kind": "info", "text": f"{who} for a change. It waits for a decision."})
    talked_of = [each for each in (task, asked) if each is not None]
    chip = stage_chip(row)
    page = {
        "title": row.name,
        "subtitle": f"Account no. {row.account_number}",
        "chips": [{"label": chip["chip"], "tone": chip["tone"]}],
        "banners": banners,
        "cards": [
            {"title": "How far it is", "chart": way(row.stage, LABELS)},
            {"title": "Whom to ask", "items": [(c.name, list(filter(None, (c.email, c.phone))) or None)
                                               for c in row.contacts], "empty": "Nobody yet"},
        ],
        "sections": [
            {"title": "Particulars", "items": partner_forms.particulars_of(row), "edit_label": "Ask for a change",
             "edit_url": None if waits else url_for("partner.update", customer_id=row.id)}
        ],
        "form": form,
        "button": "Send answer",
        "tables": ([_talk(talked_of)] if talked_of else []) + ([_change(asked)] if asked is not None else []),
    }  # fmt: skip
    partner_contracts.add_to(page, row, current_actor())
    return page


def _talk(talked_of: list[ApprovalTask]) -> dict[str, Any]:
    """What was said about the registration and a change: by us, without names, and by people of the same dealer."""
    return {
        "title": "What was said",
        "columns": [{"label": "When"}, {"label": "Who"}, {"label": "What", "whole": True}],
        "rows": [
            [moment(each.created_at), each.user.name if each.user and each.user.role is Role.PARTNER else "We",
             lines(each.text)]
            for each in comments_of(*talked_of)
            if hears(current_actor(), each.user)
        ],
        "empty": {"title": "Nothing yet", "text": "Questions and answers appear here."},
    }  # fmt: skip


def _change(asked: ApprovalTask) -> dict[str, Any]:
    """The change that was asked for last, and what became of it."""
    outcome = {TaskState.OPEN: "It waits for a decision."}.get(asked.state, f"It was {asked.state.value}.")
    told = zip(asked.proposal, changes_of(Customer.__tablename__, asked.proposal), strict=True)
    rows = [[partner_forms.label(name), seen or "(blank)", wanted or "(blank)"] for name, (_, seen, wanted) in told]
    columns = [{"label": label} for label in ("What", "Before", "Asked for")]
    return {"title": "The change you asked for", "text": outcome, "columns": columns, "rows": rows}

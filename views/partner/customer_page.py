"""The page of one customer as a partner sees it."""

from collections.abc import Sequence
from typing import Any

from flask import url_for
from wtforms import Form

from customerhub.approvals import tasks
from customerhub.approvals.referrals import ANSWERED_BY_PARTNERS, is_asked_of_partner
from customerhub.core.permissions import can_see_person
from models import Address, ApprovalTask, Customer
from models.enums import Role, TaskKind, TaskState
from views.approvals.customer_tab import render_stage_steps
from views.approvals.task_record import format_lines, list_comments
from views.framework.chips import stage_chip
from views.framework.display import changes_of
from views.framework.formatting import format_datetime
from views.framework.labels import member_label
from views.framework.locales import code_name
from views.framework.portal_page import PortalPage
from views.http.actor import current_actor
from views.partner import contracts, forms
from views.partner.requests import build_menu


def list_tasks(row: Customer) -> list[ApprovalTask]:
    """The registration of a customer and the last change that was requested of it, as far as there are any."""
    found = [tasks.find_latest_task(row, kind) for kind in ANSWERED_BY_PARTNERS]
    return [task for task in found if task is not None]


def find_question(found_tasks: Sequence[ApprovalTask]) -> ApprovalTask | None:
    """The one that waits for an answer. What another dealer asked to be changed is not this partner's to answer."""
    asked = (task for task in found_tasks if is_asked_of_partner(task))
    return next(
        (task for task in asked if task.kind is TaskKind.ONBOARDING or can_see_person(current_actor(), task.requester)),
        None,
    )


def build_page(row: Customer, found_tasks: Sequence[ApprovalTask], form: Form | None) -> PortalPage:
    registration = next((task for task in found_tasks if task.kind is TaskKind.ONBOARDING), None)
    latest = next((task for task in found_tasks if task.kind is TaskKind.PARTICULARS), None)
    change_request = latest if latest is not None and can_see_person(current_actor(), latest.requester) else None
    is_pending = latest is not None and latest.is_open
    banners = []
    if form is not None:
        banners.append({"kind": "warning", "text": "We have a question. Please answer it below."})
    if is_pending:
        text = "You requested a change" if change_request is not None else "A change was requested"
        banners.append({"kind": "info", "text": f"{text}. The decision is pending."})
    discussed_tasks = [each for each in (registration, change_request) if each is not None]
    chip = stage_chip(row.stage)
    page = PortalPage(
        title=row.name,
        subtitle=f"Account no. {row.account_number}",
        nav=build_menu("customers"),
        chips=[{"label": chip["chip"], "tone": chip["tone"]}],
        banners=banners,
        cards=_build_cards(row),
        sections=[
            {
                "title": "Particulars",
                "items": forms.list_particulars(row),
                "edit_url": None if is_pending else url_for("partner.update", customer_id=row.id),
            }
        ],
        form=form,
        button="Send answer",
        tables=([_comments_table(discussed_tasks)] if discussed_tasks else [])
        + ([_change_table(change_request)] if change_request is not None else []),
    )
    return contracts.add_live_sections(page, row, current_actor())


def _build_cards(row: Customer) -> list[dict[str, Any]]:
    return [
        {"title": "Progress", "chart": render_stage_steps(row.stage)},
        {
            "title": "Contact person",
            "items": [(c.name, list(filter(None, (c.email, c.phone))) or None) for c in row.contacts],
            "empty": "No contact person yet",
        },
        {
            "title": "Address",
            "items": [(member_label(each.kind), _address_lines(each)) for each in row.addresses],
            "empty": "No address yet",
        },
    ]


def _address_lines(address: Address) -> list[str]:
    place = " ".join(filter(None, (address.postal_code, address.city)))
    country = code_name("country", address.country) if address.country else None
    return [*address.lines.splitlines(), *filter(None, (place, country))]


def _comments_table(discussed_tasks: list[ApprovalTask]) -> dict[str, Any]:
    """What was said about the registration and a change: by us, without names, and by people of the same dealer."""
    return {
        "title": "Comments",
        "columns": [{"label": "When"}, {"label": "Who"}, {"label": "Comment", "whole": True}],
        "rows": [
            [
                format_datetime(each.created_at),
                each.user.name if each.user and each.user.role is Role.PARTNER else "We",
                format_lines(each.text),
            ]
            for each in list_comments(*discussed_tasks)
            if can_see_person(current_actor(), each.user)
        ],
        "empty": {"title": "No comments yet", "text": "Questions and answers appear here."},
    }


def _change_table(change_request: ApprovalTask) -> dict[str, Any]:
    """The last requested change and its outcome."""
    outcome = {TaskState.OPEN: "The decision is pending."}.get(
        change_request.state, f"The request was {change_request.state.value}."
    )
    proposed_changes = zip(
        change_request.proposal, changes_of(Customer.__tablename__, change_request.proposal), strict=True
    )
    rows = [
        [forms.field_label(name), seen or "(blank)", wanted or "(blank)"]
        for name, (_, seen, wanted) in proposed_changes
    ]
    columns = [{"label": label} for label in ("Field", "Before", "Requested")]
    return {"title": "Requested changes", "text": outcome, "columns": columns, "rows": rows}

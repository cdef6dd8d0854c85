"""Everything that happened to a customer, as its Activity tab shows it."""

from dataclasses import dataclass
from typing import Any

from flask import url_for
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from customerhub.activity import follow_ups, notes
from customerhub.activity.feed import Event, EventKind, list_events
from customerhub.core.permissions import Actor, Permission
from models import CaseNote, Customer, History, Note, OutboxMessage
from models.base import db
from views.activity.notes import SCREEN, TAB, NoteForm, offer_mentions
from views.cells.messages import state_chip as message_chip
from views.cells.notes import render_note, state_chip
from views.cells.rich_text import render_text
from views.framework.formatting import format_date, format_datetime
from views.framework.labels import capitalize_first
from views.framework.operation import refusal_reason
from views.framework.paging import build_pager, parse_page
from views.framework.panel import Panel
from views.framework.timeline import describe_actor, timeline_entry
from views.http.urls import path_to

PAGE_SIZE = 30
MAX_UNFOLDED = 2  # fields of a new or deleted row that are shown without being asked for
MAX_OPEN = 20  # open follow-ups that stand above the feed
TABLE_ICONS = {
    "approval_task": "tasks",
    "task_comment": "tasks",
    "contract": "contract",
    "customer_order": "transfer",
    "attachment": "upload",
    "customer_case": "inbox",
    "note": "edit",
}


@dataclass(frozen=True)
class FollowUp:
    """An open follow-up above the feed."""

    note: Note
    due: str
    chip: dict[str, Any] | None


def build_panel(customer: Customer, parameters: Any, *, actor: Actor) -> Panel:
    """The tab: a form for a new note, the open follow-ups, and one page of the feed. `parameters` are those of the
    address: what to show, and the page.
    """
    kind = next((each for each in EventKind if each.value == parameters.get("show")), None)
    page = parse_page(parameters)
    events = list_events(customer, kind, actor=actor, offset=page * PAGE_SIZE, limit=PAGE_SIZE + 1)
    has_more = len(events) > PAGE_SIZE
    may_write = actor.has_permission(Permission.CUSTOMERS_EDIT)
    form = NoteForm(data={"customer_id": customer.id})
    offer_mentions(form)
    return Panel(
        "activity/feed.html",
        {
            "form": form if may_write else None,
            "form_url": url_for(f"{SCREEN}.create_view", customer_id=customer.id),
            "follow_ups": _list_follow_ups(customer) if kind in (None, EventKind.NOTES) and not page else [],
            "follow_up_url": url_for(f"{SCREEN}.change_follow_up") if may_write else None,
            "kinds": _list_kinds(customer, kind),
            "entries": [_build_entry(event, actor) for event in events[:PAGE_SIZE]],
            "pager": _build_pager(customer, kind, page, has_more) if page or has_more else None,
            "is_narrowed": kind is not None,
        },
    )


def _build_address(customer: Customer, kind: EventKind | None, page: int = 0) -> str:
    shown = kind.value if kind else None
    return url_for("customers.details_view", id=customer.id, tab=TAB, show=shown, page=page or None)


def _list_kinds(customer: Customer, active: EventKind | None) -> list[dict[str, Any]]:
    return [
        {
            "label": capitalize_first(kind.value) if kind else "Everything",
            "url": _build_address(customer, kind),
            "active": kind is active,
        }
        for kind in (None, *EventKind)
    ]


def _build_pager(customer: Customer, kind: EventKind | None, page: int, has_more: bool) -> dict[str, Any]:
    return build_pager(page, has_more, lambda number: _build_address(customer, kind, number), f"Page {page + 1}")


def _list_follow_ups(customer: Customer) -> list[FollowUp]:
    query = (
        select(Note)
        .where(Note.customer_id == customer.id, follow_ups.is_open())
        .options(joinedload(Note.assignee))
        .order_by(Note.follow_up_on, Note.id)
        .limit(MAX_OPEN)
    )
    return [FollowUp(each, format_date(each.follow_up_on), state_chip(each)) for each in db.session.scalars(query)]


def _build_entry(event: Event, actor: Actor) -> dict[str, Any]:
    """One event as the template shows it."""
    when = format_datetime(event.at)
    entry = {"day": when.rpartition(", ")[0], "time": when.rpartition(", ")[2]}
    if isinstance(event.row, Note):
        return entry | _note_entry(event.row, actor)
    if isinstance(event.row, OutboxMessage):
        return entry | _message_entry(event.row, actor)
    if isinstance(event.row, CaseNote):
        return entry | _case_note_entry(event.row)
    return entry | _change_entry(event.row)


def _note_entry(note: Note, actor: Actor) -> dict[str, Any]:
    actions = []
    if refusal_reason(notes.check_editing, note, actor) is None:
        edit_url = url_for(f"{SCREEN}.edit_view", id=note.id)
        delete_url = url_for(f"{SCREEN}.operation_view", operation="delete", id=note.id)
        actions = [{"label": "Edit", "url": edit_url}, {"label": "Delete", "url": delete_url}]
    return {
        "anchor": f"note-{note.id}",
        "icon": "edit",
        "who": note.author.name if note.author else "System",
        "what": "wrote a note",
        "is_written": True,
        "text": render_note(note),
        "follow_up": _describe_follow_up(note),
        "note": note,
        "actions": actions,
    }


def _describe_follow_up(note: Note) -> dict[str, Any] | None:
    if note.follow_up_on is None:
        return None
    assignee = note.assignee.name if note.assignee else "nobody"
    text = f"Follow up on {format_date(note.follow_up_on)}, assigned to {assignee}"
    if note.done_at is not None and note.done_by is not None:
        text = f"Followed up by {note.done_by.name} on {format_datetime(note.done_at)}"
    return {"text": text, "chip": state_chip(note), "is_done": note.done_at is not None}


def _message_entry(message: OutboxMessage, actor: Actor) -> dict[str, Any]:
    may_open = actor.has_permission(Permission.OUTBOX_VIEW)
    return {
        "icon": "mail",
        "who": "Email",
        "what": f"to {message.recipient}",
        "link": {
            "text": message.subject,
            "url": url_for("outbox.details_view", id=message.id) if may_open else None,
        },
        "chips": [message_chip(message)],
    }


def _case_note_entry(note: CaseNote) -> dict[str, Any]:
    return {
        "icon": "inbox",
        "who": note.user.name if note.user else "System",
        "what": "replied in the case" if note.is_visible else "wrote a note in the case",
        "is_written": True,
        "link": {"text": str(note.case), "url": path_to("cases.details_view", note.case_id)},
        "text": render_text(note.text),
        "chips": [{"chip": "Visible to the customer", "tone": "blue"}] if note.is_visible else [],
    }


def _change_entry(row: History) -> dict[str, Any]:
    entry = timeline_entry(row)
    is_text = row.table_name == "task_comment"
    return {
        "icon": TABLE_ICONS.get(row.table_name, "history"),
        "who": describe_actor(row),
        "what": f"commented on a task: {row.title}" if is_text else entry["what"],
        "source": entry["source"],
        "text": Markup("{}").format(row.reason) if row.reason else None,
        "changes": [] if is_text else entry["changes"],
        "is_folded": row.action != "changed" and len(entry["changes"]) > MAX_UNFOLDED,
    }

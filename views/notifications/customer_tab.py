"""Messages about a customer: what will be sent and when, what will not and why, and what was sent."""

from datetime import date
from operator import itemgetter
from typing import Any

from flask import url_for
from sqlalchemy import select

from customerhub.core.permissions import Actor, Permission
from customerhub.notifications.upcoming import UpcomingReminder, list_upcoming_reminders
from models import Customer, OutboxMessage
from models.base import db
from models.enums import ReminderKind
from views.cells.messages import state_chip
from views.framework.formatting import format_date, format_datetime, get_today
from views.framework.labels import capitalize_first
from views.notifications.signature_messages import Entry, list_entries

MAX_MESSAGES = 100  # messages of either table on the page of a customer


def build_tables(row: Customer, actor: Actor) -> list[dict[str, Any]]:
    return [_upcoming_table(row, actor), _sent_table(row, actor)]


def _upcoming_table(row: Customer, actor: Actor) -> dict[str, Any]:
    empty = {
        "title": "No upcoming messages",
        "text": "Reminders depend on the review plan and the compliance documents, which are set up under Edit, and on "
        "documents that wait for signatures.",
    }
    entries: list[Entry] = [
        (each.send_on, _describe_message(each), each.recipient, each.obstacle)
        for each in list_upcoming_reminders(row, as_of=get_today())
    ]
    planned = sorted([*entries, *list_entries(row, actor)], key=itemgetter(0))
    return {
        "title": "Upcoming",
        "text": f"Showing the first {MAX_MESSAGES} of {len(planned):,}." if len(planned) > MAX_MESSAGES else None,
        "columns": [{"label": label} for label in ("When", "Message", "To", "State")],
        "rows": [
            [_format_when(day), message, recipient, _state_cell(obstacle)]
            for day, message, recipient, obstacle in planned[:MAX_MESSAGES]
        ],
        "empty": empty,
    }


def _format_when(day: date) -> str:
    return format_date(day) if day > get_today() else "Within the hour"


def _describe_message(planned: UpcomingReminder) -> str:
    due = format_date(planned.due_on)
    if planned.kind is ReminderKind.REVIEW:
        return f"Review due on {due}"
    if planned.days_before:
        days = "day" if planned.days_before == 1 else "days"
        return f"{planned.subject}: {planned.days_before} {days} before it expires on {due}"
    return f"{planned.subject}: {'expired' if planned.due_on < planned.send_on else 'expires'} on {due}"


def _state_cell(obstacle: str | None) -> Any:
    if obstacle is None:
        return {"chip": "Planned", "tone": "blue"}
    return [{"chip": "Not sent", "tone": "amber"}, obstacle]


def _sent_table(row: Customer, actor: Actor) -> dict[str, Any]:
    messages = db.session.scalars(
        select(OutboxMessage)
        .where(OutboxMessage.customer_id == row.id)
        .order_by(OutboxMessage.id.desc())
        .limit(MAX_MESSAGES + 1)
    ).all()
    can_open = actor.has_permission(Permission.OUTBOX_VIEW)
    return {
        "title": "Sent and queued",
        "text": f"Showing the last {MAX_MESSAGES}." if len(messages) > MAX_MESSAGES else None,
        "columns": [{"label": label} for label in ("Created", "Subject", "To", "Reason", "State")],
        "rows": [
            [
                format_datetime(each.created_at),
                _subject_cell(each, can_open),
                each.recipient,
                each.why or capitalize_first(each.purpose),
                [state_chip(each), *filter(None, [each.last_error])],
            ]
            for each in messages[:MAX_MESSAGES]
        ],
        "empty": {"title": "No messages yet", "text": "Messages about this customer appear here."},
    }


def _subject_cell(message: OutboxMessage, can_open: bool) -> Any:
    if not can_open:
        return message.subject
    return {"text": message.subject, "url": url_for("outbox.details_view", id=message.id)}

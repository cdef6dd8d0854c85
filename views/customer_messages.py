"""Messages about a customer: what will be sent and when, what will not and why, and what was sent."""

from typing import Any

from flask import url_for
from sqlalchemy import select

from customerhub.notifications.outlook import Planned, outlook
from customerhub.permissions import Actor, Permission
from models import Customer, OutboxMessage
from models.base import db
from models.enums import ReminderKind
from views.columns import day, moment
from views.customer_form import today
from views.outbox_cells import state_chip
from views.words import sentence

SHOWN = 100  # messages of either table on the page of a customer


def tables(row: Customer, actor: Actor) -> list[dict[str, Any]]:
    return [_to_come(row), _written(row, actor)]


def _to_come(row: Customer) -> dict[str, Any]:
    empty = {
        "title": "Nothing is planned",
        "text": "Reminders follow from the review plan and from compliance documents. Set them under Edit.",
    }
    planned = outlook(row, as_of=today())
    return {
        "title": "To come",
        "text": f"The first {SHOWN} of {len(planned):,}." if len(planned) > SHOWN else None,
        "columns": [{"label": label} for label in ("When", "What", "To", "State")],
        "rows": [[_when(each), _what(each), each.recipient, _state(each)] for each in planned[:SHOWN]],
        "empty": empty,
    }


def _when(planned: Planned) -> str:
    return day(planned.on) if planned.on > today() else "Within the hour"


def _what(planned: Planned) -> str:
    due = day(planned.due_on)
    if planned.kind is ReminderKind.REVIEW:
        return f"Review due on {due}"
    if planned.days_before:
        days = "day" if planned.days_before == 1 else "days"
        return f"{planned.subject}: {planned.days_before} {days} before it expires on {due}"
    return f"{planned.subject}: {'expired' if planned.due_on < planned.on else 'expires'} on {due}"


def _state(planned: Planned) -> Any:
    if planned.obstacle is None:
        return {"chip": "Planned", "tone": "blue"}
    return [{"chip": "Not sent", "tone": "amber"}, planned.obstacle]


def _written(row: Customer, actor: Actor) -> dict[str, Any]:
    found = db.session.scalars(
        select(OutboxMessage)
        .where(OutboxMessage.customer_id == row.id)
        .order_by(OutboxMessage.id.desc())
        .limit(SHOWN + 1)
    ).all()
    may_open = actor.may(Permission.OUTBOX_VIEW)
    return {
        "title": "Written",
        "text": f"The last {SHOWN}." if len(found) > SHOWN else None,
        "columns": [{"label": label} for label in ("Written", "Subject", "To", "Why", "State")],
        "rows": [
            [moment(each.created_at), _subject(each, may_open), each.recipient, each.why or sentence(each.purpose),
             [state_chip(each), *filter(None, [each.last_error])]]
            for each in found[:SHOWN]
        ],
        "empty": {"title": "Nothing was written yet", "text": "Messages about this customer appear here."},
    }  # fmt: skip


def _subject(message: OutboxMessage, may_open: bool) -> Any:
    if not may_open:
        return message.subject
    return {"text": message.subject, "url": url_for("outbox.details_view", id=message.id)}

"""How notes and their follow-ups look wherever they are shown."""

from datetime import date, datetime
from typing import Any

from markupsafe import Markup

from customerhub.activity.mentions import Colleague
from models import Note
from views.cells.rich_text import render_text
from views.cells.tasks import format_days
from views.framework.columns import Cell
from views.framework.formatting import format_date, get_today


def render_note(note: Note) -> Markup:
    """The text of a note, whom it mentions marked."""
    mentioned = [Colleague(each.user.id, each.user.name, each.user.email) for each in note.mentions]
    return render_text(note.text, mentioned)


def is_late(note: Note) -> bool:
    return note.has_open_follow_up and note.follow_up_on is not None and note.follow_up_on < get_today()


def describe_state(follow_up_on: date | None, done_at: datetime | None) -> str:
    """Where a follow-up stands; blank where there is none."""
    if follow_up_on is None:
        return ""
    if done_at is not None:
        return "Done"
    days = (get_today() - follow_up_on).days
    if days > 0:
        return f"{format_days(days)} late"
    return "Open" if days else "Due today"


def state_chip(note: Note) -> dict[str, Any] | None:
    """Where the follow-up of a note stands; None where it has none."""
    state = describe_state(note.follow_up_on, note.done_at)
    tone = "red" if is_late(note) else {"Done": "green", "Due today": "amber"}.get(state, "blue")
    return {"chip": state, "tone": tone} if state else None


def due_cell(note: Note) -> Cell:
    if note.follow_up_on is None:
        return None
    chip = state_chip(note)
    return [format_date(note.follow_up_on), chip] if is_late(note) else format_date(note.follow_up_on)

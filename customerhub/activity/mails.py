"""The mails about notes: to whom a note mentions, and to whom a follow-up was given."""

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import select

from customerhub.core.permissions import Actor
from customerhub.core.public_urls import build_url
from customerhub.mail import composition, outbox
from customerhub.mail.letterhead import Brand, get_letterhead
from customerhub.mail.markup import render_literal
from customerhub.mail.recipients import is_mailable
from models import Customer, Note, User
from models.base import db

PURPOSE: Final = "note"
NOTE_PATH: Final = "/admin/notes/details/?id={}"
LIST_PATH: Final = "/admin/notes/mine/"
MOST_LISTED: Final = 20
MAX_QUOTED: Final = 1000  # characters of a note in a mail


def notify_mentioned(note: Note, user_ids: Iterable[int], *, actor: Actor) -> None:
    """Notify these users that `note` mentions them: once for each note, but not the actor."""
    brand = get_letterhead(note.organisation_id).brand
    customer = db.session.get_one(Customer, note.customer_id)
    drafts = [
        _build_draft(
            user,
            key=f"note {note.id} mention {user.id}",
            subject=f"{actor.name} mentioned you: {customer.name}",
            paragraphs=[
                f"Hello {user.name},",
                f"{actor.name} mentioned you in a note about {customer.name}:",
                shorten_text(note.text),
            ],
            button=("Open the note", NOTE_PATH.format(note.id)),
            note=note,
            why=f"{actor.name} mentioned {user.name} in a note",
            brand=brand,
        )
        for user in _list_recipients(user_ids, actor)
    ]
    outbox.enqueue_many(drafts)


def notify_assignee(notes: Sequence[Note], assignee_id: int | None, *, actor: Actor) -> None:
    """Notify a user, by one mail for all, that these follow-ups were assigned to them; not the actor."""
    for user in _list_recipients([assignee_id] if assignee_id is not None and notes else [], actor):
        first, is_single = notes[0], len(notes) == 1
        names = _load_customer_names(notes[:MOST_LISTED])
        lines = [f"{names[note.customer_id]}, due {_format_date(note)}: {note}" for note in notes[:MOST_LISTED]]
        if len(notes) > MOST_LISTED:
            lines.append(f"and {len(notes) - MOST_LISTED} more")
        what = f"Follow-up: {names[first.customer_id]}" if is_single else f"{len(notes)} follow-ups"
        draft = _build_draft(
            user,
            key=f"note {first.id} follow-up {user.id} {first.version}",
            subject=f"{what} assigned to you" if not is_single else what,
            paragraphs=[f"Hello {user.name},", f"{actor.name} assigned to you:", *lines],
            button=("Open the note", NOTE_PATH.format(first.id)) if is_single else ("Open my follow-ups", LIST_PATH),
            note=first,
            why=f"{actor.name} assigned {user.name} {'a follow-up' if is_single else what}",
            brand=get_letterhead(first.organisation_id).brand,
        )
        outbox.enqueue_many([draft])


def _format_date(note: Note) -> str:
    return f"{note.follow_up_on.day} {note.follow_up_on:%B %Y}" if note.follow_up_on else ""


def _load_customer_names(notes: Sequence[Note]) -> dict[int, str]:
    query = select(Customer.id, Customer.name).where(Customer.id.in_({note.customer_id for note in notes}))
    return {row.id: row.name for row in db.session.execute(query)}


def shorten_text(text: str) -> str:
    """As much of a text as a mail quotes."""
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}…"


def _list_recipients(user_ids: Iterable[int], actor: Actor) -> list[User]:
    """Those of these users who are active, want mails and have an address that mail can be sent to; not the actor."""
    keys = set(user_ids) - {actor.id}
    if not keys:
        return []
    query = select(User).where(User.id.in_(keys), User.active, User.notify_by_email).order_by(User.id)
    return [user for user in db.session.scalars(query) if is_mailable(user.email)]


def _build_draft(
    user: User,
    *,
    key: str,
    subject: str,
    paragraphs: list[str],
    button: tuple[str, str],
    note: Note,
    why: str,
    brand: Brand,
) -> outbox.Draft:
    mail = composition.compose(
        subject=subject, body=render_literal(*paragraphs), brand=brand, button=(button[0], build_url(button[1]))
    )
    return outbox.Draft(
        organisation_id=note.organisation_id,
        reason_key=key,
        purpose=PURPOSE,
        recipient=user.email,
        subject=mail.subject,
        text_body=mail.text,
        html_body=mail.html,
        customer_id=note.customer_id,
        why=why,
    )

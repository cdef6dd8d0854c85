"""Follow-ups: the days on which notes want something done, by whom, and whether it is done."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, or_, select

from customerhub.activity import mails
from customerhub.activity.notes import list_assignee_problems
from customerhub.core import clock
from customerhub.core.database import save_changes
from customerhub.core.errors import HubError, Invalid, WrongState, raise_refusal
from customerhub.core.many_rows import lock_accepted, write_changes
from customerhub.core.permissions import STAFF, Actor, Permission, require_access, require_permission, select_visible
from models import Note, User
from models.base import db

NO_FOLLOW_UP: Final = "This note has no follow-up date"


def is_due_on(day: date) -> ColumnElement[bool]:
    """The condition of the notes with an open follow-up of `day` or before."""
    return and_(is_open(), Note.follow_up_on <= day)


def is_open() -> ColumnElement[bool]:
    """The condition of the notes with an open follow-up."""
    return and_(Note.follow_up_on.is_not(None), Note.done_at.is_(None))


def select_own_follow_ups(actor: Actor, *, until: date | None = None) -> Select[Any]:
    """The open follow-ups of `actor`; up to the day `until` where it is given."""
    is_wanted = is_open() if until is None else is_due_on(until)
    return select_visible(Note, actor).where(Note.assignee_id == actor.id, is_wanted)


def complete_follow_up(note: Note, *, actor: Actor) -> None:
    """Mark the follow-up of `note` as done."""
    raise_refusal(complete_follow_ups([note], actor=actor))


def complete_follow_ups(notes: Sequence[Note], *, actor: Actor) -> dict[int, HubError]:
    """As `complete_follow_up`, of many at once: returns why not, by the id of each that is left as it is."""
    return _change_notes(notes, check_completion, actor, done_at=clock.get_now(), done_by_id=actor.id)


def check_completion(note: Note) -> None:
    """Raises WrongState, saying why, where there is nothing to be done."""
    if note.follow_up_on is None:
        raise WrongState(NO_FOLLOW_UP)
    if note.done_at is not None:
        raise WrongState("Already done")


def reopen_follow_up(note: Note, *, actor: Actor) -> None:
    """Have the follow-up of `note` done again."""
    raise_refusal(reopen_follow_ups([note], actor=actor))


def reopen_follow_ups(notes: Sequence[Note], *, actor: Actor) -> dict[int, HubError]:
    """As `reopen_follow_up`, of many at once: returns why not, by the id of each that is left as it is."""
    return _change_notes(notes, check_reopening, actor, done_at=None, done_by_id=None)


def check_reopening(note: Note) -> None:
    """Raises WrongState, saying why, where the follow-up is not done."""
    if note.done_at is None:
        raise WrongState(NO_FOLLOW_UP if note.follow_up_on is None else "Still open")


def assign_follow_ups(notes: Sequence[Note], *, assignee_id: int | None, actor: Actor) -> dict[int, HubError]:
    """Assign open follow-ups to one of the staff, who is notified by one mail, or to nobody: returns why not, by the id
    of each that is left as it is. Raises Invalid where nobody of that id can be given work.
    """
    if assignee_id is not None and (problems := list_assignee_problems(assignee_id, actor.organisation_id)):
        raise Invalid.from_problems(problems)
    previous_ids = {note.id: note.assignee_id for note in notes}
    refusals = _change_notes(notes, check_completion, actor, assignee_id=assignee_id)
    given = [note for note in notes if note.id not in refusals and previous_ids[note.id] != assignee_id]
    mails.notify_assignee(given, assignee_id, actor=actor)
    return refusals


def assign_follow_up(note: Note, *, assignee_id: int | None, actor: Actor) -> None:
    """As `assign_follow_ups`, of one."""
    raise_refusal(assign_follow_ups([note], assignee_id=assignee_id, actor=actor))


def release_follow_ups(users: Sequence[User]) -> None:
    """The open follow-ups of those of `users` who can no longer work are nobody's from here on."""
    user_ids = [user.id for user in users if not user.active or user.role not in STAFF]
    if not user_ids:
        return
    query = select(Note).where(or_(*(Note.assignee_id == key for key in user_ids)), is_open())
    with save_changes():
        notes = db.session.scalars(query.order_by(Note.customer_id, Note.id)).all()
        for note in notes:
            note.assignee_id = None
        write_changes(notes)


def _change_notes(
    notes: Sequence[Note], check: Callable[[Note], None], actor: Actor, **values: Any
) -> dict[int, HubError]:
    require_permission(actor, Permission.CUSTOMERS_EDIT)

    def check_note(note: Note) -> None:
        require_access(actor, note)
        check(note)

    accepted, refusals = lock_accepted(notes, check_note)
    with save_changes():
        for note in accepted:
            for name, value in values.items():
                setattr(note, name, value)
        write_changes(accepted)
    return refusals

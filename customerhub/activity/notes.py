"""Notes of the staff about customers: written, edited by who wrote them, deleted, always with their history."""

from collections.abc import Sequence
from typing import Final

from customerhub.activity import mails
from customerhub.activity.mentions import update_mentions
from customerhub.core import history
from customerhub.core.database import save_changes
from customerhub.core.errors import HubError, Invalid, NotAllowed, NotFound, WrongState, raise_refusal
from customerhub.core.many_rows import delete_rows, lock_accepted
from customerhub.core.organisation_dates import organisation_today
from customerhub.core.permissions import STAFF, Actor, Permission, require_access, require_permission
from customerhub.core.row_validation import Problems, clean_row
from customerhub.core.validation import check_not_past
from models import Customer, Note, User
from models.base import db

OWN_NOTES_ONLY: Final = "You can change only your own notes"
UNASSIGNABLE: Final = "Choose a staff member"


def save_note(note: Note, *, actor: Actor) -> Note:
    """Check `note` as it now stands and flush it; whom it mentions for the first time, and to whom its follow-up is
    newly assigned, is notified.

    A new one is the actor's. Its follow-up is the author's where nobody else was chosen; another date opens one that
    was done. Raises NotAllowed where it is somebody else's, Invalid with every problem found, Conflict where somebody
    saved it meanwhile.
    """
    with save_changes():
        require_permission(actor, Permission.CUSTOMERS_EDIT)
        is_new = note.id is None
        customer = get_customer(note.customer_id, actor)
        if is_new:
            note.organisation_id, note.author_id = customer.organisation_id, actor.id
        else:
            require_access(actor, note)
            check_editing(note, actor)
            if "customer_id" in history.previous_values_of(note):
                raise WrongState("The customer of a note can be changed only by merging customers")
        previous_values = history.previous_values_of(note)
        problems = clean_row(note)
        problems = problems or _complete_follow_up(note, previous_values, is_new=is_new)
        if problems:
            raise Invalid.from_problems(problems)
        mentioned_ids = update_mentions(note)
        db.session.add(note)
    is_newly_assigned = note.assignee_id is not None and (is_new or "assignee_id" in previous_values)
    if is_newly_assigned:
        mails.notify_assignee([note], note.assignee_id, actor=actor)
        mentioned_ids = [key for key in mentioned_ids if key != note.assignee_id]
    mails.notify_mentioned(note, mentioned_ids, actor=actor)
    return note


def get_customer(customer_id: int | None, actor: Actor) -> Customer:
    """The customer that something is added to. Raises Invalid where there is none, NotFound where it is not the
    actor's to know of.
    """
    with db.session.no_autoflush:
        customer = db.session.get(Customer, customer_id) if customer_id is not None else None
    if customer is None:
        raise Invalid("Choose a customer", "customer_id")
    require_access(actor, customer)
    return customer


def _complete_follow_up(note: Note, previous_values: dict[str, object], *, is_new: bool) -> Problems:
    if note.follow_up_on is None:
        note.assignee_id = note.done_at = note.done_by_id = None
        return []
    problems: Problems = []
    if is_new or "follow_up_on" in previous_values:
        note.done_at = note.done_by_id = None
        if note.assignee_id is None and previous_values.get("follow_up_on") is None:
            note.assignee_id = note.author_id
        try:
            check_not_past(note.follow_up_on, "follow_up_on", today=organisation_today(note.organisation_id))
        except Invalid as error:
            problems.append(("follow_up_on", error.message))
    if note.assignee_id is not None and (is_new or "assignee_id" in previous_values):
        problems += list_assignee_problems(note.assignee_id, note.organisation_id, author_id=note.author_id)
    return problems


def list_assignee_problems(user_id: int, organisation_id: int, *, author_id: int | None = None) -> Problems:
    """What is wrong with giving work on customers to this user: they are no active staff of the organisation. Who
    wrote it may keep it, also as a visitor from another organisation.
    """
    user = db.session.get(User, user_id)
    is_staff = user is not None and user.active and user.role in STAFF
    if user is None or not is_staff or (user.organisation_id != organisation_id and user.id != author_id):
        return [("assignee_id", UNASSIGNABLE)]
    return []


def check_editing(note: Note, actor: Actor) -> None:
    """Raises NotAllowed where `note` is somebody else's and `actor` may not edit notes of others."""
    require_permission(actor, Permission.CUSTOMERS_EDIT)
    is_own = note.author_id is not None and note.author_id == actor.id
    if not is_own and not actor.has_permission(Permission.NOTES_EDIT):
        raise NotAllowed(OWN_NOTES_ONLY)


def delete_note(note: Note, *, actor: Actor) -> None:
    """Delete a note. Its text stays in the history of the customer."""
    raise_refusal(delete_notes([note], actor=actor))


def delete_notes(notes: Sequence[Note], *, actor: Actor) -> dict[int, HubError]:
    """As `delete_note`, of many at once: returns why not, by the id of each note that is left as it is."""

    def check(note: Note) -> None:
        require_access(actor, note)
        check_editing(note, actor)

    accepted, refusals = lock_accepted(notes, check, NotFound("This note was changed or deleted by another user"))
    with save_changes():
        delete_rows(accepted)
    return refusals

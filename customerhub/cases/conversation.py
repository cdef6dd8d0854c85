"""The conversation of a case: notes among the staff, and what the customer reads and writes."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from customerhub.cases import mails
from customerhub.cases.statuses import ANSWER, CASE_STATUSES, OBJECT
from customerhub.core import clock
from customerhub.core.database import save_changes
from customerhub.core.errors import Invalid, NotAllowed
from customerhub.core.permissions import (
    STAFF,
    Actor,
    Permission,
    has_portal_permission,
    require_access,
    require_permission,
)
from customerhub.core.validation import clean_text
from models import CaseNote, Customer, CustomerCase
from models.base import db
from models.enums import PortalPermission

MAX_TEXT_LENGTH: Final = 10_000  # characters
MAX_SHOWN: Final = 200  # notes of a case on its page, the newest


def write_note(case: CustomerCase, *, text: str, is_visible: bool = False, actor: Actor) -> CaseNote:
    """Add what one of the staff writes. The assignee is notified, and where it `is_visible` to the customer its portal
    users are too.
    """
    require_permission(actor, Permission.CASES_EDIT)
    require_access(actor, case)
    return add_note(case, text, is_visible=is_visible, actor=actor)


def reply_from_portal(case: CustomerCase, text: str, *, actor: Actor) -> CaseNote:
    """Add what a portal user writes: a case that waits is in progress again, a closed one is open again, and the
    assignee is notified. Raises NotFound where it is not their customer's case.
    """
    require_portal_cases(actor)
    require_access(actor, case)
    with save_changes():
        for transition in (ANSWER, OBJECT):
            if transition.is_possible_in(case.status):
                CASE_STATUSES.apply(transition, case, None)
                case.closed_at = None
                break
    return add_note(case, text, is_visible=True, actor=actor)


def require_portal_cases(actor: Actor) -> Customer:
    """The customer whose cases the portal user `actor` may see. Raises NotAllowed where they may not."""
    require_permission(actor, Permission.PORTAL)
    user = actor.user
    customer = db.session.get(Customer, user.customer_id) if user is not None and user.customer_id else None
    if user is None or customer is None or not customer.portal_access:
        raise NotAllowed("Your portal access is off. Please ask your contact person.")
    if not has_portal_permission(user, PortalPermission.CASES):
        raise NotAllowed("Your access does not include cases. Please ask your contact person.")
    return customer


def add_note(case: CustomerCase, text: str, *, is_visible: bool, actor: Actor, is_first: bool = False) -> CaseNote:
    """Add a note to the conversation and notify the others of it; of the first of a new case only the customer. The
    right to do so is checked before.
    """
    cleaned_text = clean_text(text or "", max_length=MAX_TEXT_LENGTH, multiline=True, field="text")
    if cleaned_text is None:
        raise Invalid("Enter a text", "text")
    note = CaseNote(
        organisation_id=case.organisation_id,
        case_id=case.id,
        user_id=actor.id,
        text=cleaned_text,
        is_visible=is_visible,
    )
    with save_changes():
        db.session.add(note)
        if is_visible:
            case.replied_at = clock.get_now()
    if not is_first:
        mails.notify_assignee_of_reply(case, note, actor=actor)
    if is_visible and (actor.user is None or actor.user.role in STAFF):
        mails.notify_customer_of_reply(case, note, actor=actor)
    return note


def list_notes(case: CustomerCase, *, actor: Actor) -> Sequence[CaseNote]:
    """The newest MAX_SHOWN notes of `case` that `actor` may read, the oldest of them first. Who is not one of the staff
    reads only what is marked as visible to the customer.
    """
    require_access(actor, case)
    query = select(CaseNote).where(CaseNote.case_id == case.id)
    if actor.access_scope.role not in (None, *STAFF):
        query = query.where(CaseNote.is_visible)
    newest = query.options(joinedload(CaseNote.user)).order_by(CaseNote.id.desc()).limit(MAX_SHOWN)
    return list(reversed(db.session.scalars(newest).all()))

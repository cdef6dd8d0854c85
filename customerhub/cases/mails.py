"""The mails about cases: to the assignee, and to portal users about what they may read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from customerhub.core.permissions import STAFF, Actor, has_portal_permission
from customerhub.core.public_urls import build_url
from customerhub.mail import composition, outbox
from customerhub.mail.letterhead import Brand, get_letterhead
from customerhub.mail.markup import render_literal
from customerhub.mail.recipients import is_mailable
from models import CaseNote, Customer, CustomerCase, User
from models.base import db
from models.enums import PortalPermission

PURPOSE: Final = "case"
CASE_PATH: Final = "/admin/cases/details/?id={}"
LIST_PATH: Final = "/admin/cases/mine/"
PORTAL_PATH: Final = "/portal/cases/{}/"
MOST_LISTED: Final = 20
MAX_QUOTED: Final = 1000  # characters of a note in a mail


@dataclass(frozen=True)
class _CaseMail:
    """What a mail about a case says, and the key of its reason."""

    key: str
    subject: str
    paragraphs: tuple[str, ...]
    button: tuple[str, str]
    why: str


def notify_assignee(cases: Sequence[CustomerCase], assignee_id: int | None, *, actor: Actor) -> None:
    """Notify a user, by one mail for all, that these cases were assigned to them; not the actor."""
    user = _find_assignee(assignee_id, actor) if cases else None
    if user is None:
        return
    first, is_single = cases[0], len(cases) == 1
    lines = [str(case) for case in cases[:MOST_LISTED]]
    if len(cases) > MOST_LISTED:
        lines.append(f"and {len(cases) - MOST_LISTED} more")
    mail = _CaseMail(
        key=f"case {first.id} assigned {user.id} {first.version}",
        subject=f"Case assigned to you: {first}" if is_single else f"{len(cases)} cases assigned to you",
        paragraphs=(f"{actor.name} assigned to you:", *lines),
        button=("Open the case", CASE_PATH.format(first.id)) if is_single else ("Open my cases", LIST_PATH),
        why=f"{actor.name} assigned {user.name} {'a case' if is_single else f'{len(cases)} cases'}",
    )
    _enqueue([(user, first, mail)])


def notify_assignee_of_reply(case: CustomerCase, note: CaseNote, *, actor: Actor) -> None:
    """Notify the assignee of what somebody else has written."""
    user = _find_assignee(case.assignee_id, actor)
    if user is not None:
        mail = _CaseMail(
            key=f"case note {note.id} {user.id}",
            subject=f"Reply: {case}",
            paragraphs=(f"{actor.name} wrote:", _shorten_text(note.text)),
            button=("Open the case", CASE_PATH.format(case.id)),
            why=f"{actor.name} replied in a case of {user.name}",
        )
        _enqueue([(user, case, mail)])


def notify_customer_of_reply(case: CustomerCase, note: CaseNote, *, actor: Actor) -> None:
    """Notify the portal users of a case that we have replied."""

    def build_mail(user: User) -> _CaseMail:
        return _CaseMail(
            key=f"case note {note.id} {user.id}",
            subject=f"Reply: {case}",
            paragraphs=("There is a reply to your case:", _shorten_text(note.text)),
            button=("Open the case", PORTAL_PATH.format(case.id)),
            why=f"Reply in case {case.number}",
        )

    readers = list_portal_readers([case])[case.id]
    _enqueue([(user, case, build_mail(user)) for user in readers if user.id != actor.id])


def notify_customer_of_closing(cases: Sequence[CustomerCase]) -> None:
    """Notify the portal users of each of these cases that it is closed."""

    def build_mail(user: User, case: CustomerCase) -> _CaseMail:
        return _CaseMail(
            key=f"case {case.id} closed {user.id} {case.version}",
            subject=f"Closed: {case}",
            paragraphs=("Your case was closed. If something is still missing, reply to it in the portal.",),
            button=("Open the case", PORTAL_PATH.format(case.id)),
            why=f"Case {case.number} was closed",
        )

    readers = list_portal_readers(cases)
    _enqueue([(user, case, build_mail(user, case)) for case in cases for user in readers[case.id]])


def list_portal_readers(cases: Sequence[CustomerCase]) -> dict[int, list[User]]:
    """The portal users who are notified of each of these cases, by its id: who opened it, or all of the customer where
    staff did; as far as they are active and may see cases.
    """
    query = (
        select(User)
        .join(Customer, Customer.id == User.customer_id)
        .where(User.customer_id.in_({case.customer_id for case in cases}), User.active, Customer.portal_access)
    )
    users = [
        user
        for user in db.session.scalars(query.order_by(User.id))
        if has_portal_permission(user, PortalPermission.CASES) and is_mailable(user.email)
    ]
    readers = {}
    for case in cases:
        of_customer = [user for user in users if user.customer_id == case.customer_id]
        readers[case.id] = [user for user in of_customer if user.id == case.requester_id] or of_customer
    return readers


def _find_assignee(user_id: int | None, actor: Actor) -> User | None:
    user = db.session.get(User, user_id) if user_id is not None and user_id != actor.id else None
    is_heard = user is not None and user.active and user.role in STAFF and user.notify_by_email
    return user if user is not None and is_heard and is_mailable(user.email) else None


def _shorten_text(text: str) -> str:
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}…"


def _enqueue(mails: Sequence[tuple[User, CustomerCase, _CaseMail]]) -> None:
    if not mails:
        return
    brand = get_letterhead(mails[0][1].organisation_id).brand
    outbox.enqueue_many(_build_draft(user, case, mail, brand) for user, case, mail in mails)


def _build_draft(user: User, case: CustomerCase, text: _CaseMail, brand: Brand) -> outbox.Draft:
    mail = composition.compose(
        subject=text.subject,
        body=render_literal(f"Hello {user.name},", *text.paragraphs),
        brand=brand,
        button=(text.button[0], build_url(text.button[1])),
    )
    return outbox.Draft(
        organisation_id=case.organisation_id,
        reason_key=text.key,
        purpose=PURPOSE,
        recipient=user.email,
        subject=mail.subject,
        text_body=mail.text,
        html_body=mail.html,
        customer_id=case.customer_id,
        why=text.why,
    )

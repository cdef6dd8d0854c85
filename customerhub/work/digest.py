"""The daily digest: one mail every morning to whoever wants it, about the work that waits for them in an organisation.

It lists what the start page lists, from the same functions. The key of its reason names the person and the day, so that
a run which is repeated, or was killed halfway, sends nobody a second one.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import String, cast, exists, literal, or_, select

from customerhub.core.capped_counts import format_count
from customerhub.core.dates import format_date
from customerhub.core.errors import NotAllowed
from customerhub.core.permissions import STAFF, Actor, restore_actor
from customerhub.core.public_urls import build_url
from customerhub.mail import composition, markup, outbox
from customerhub.mail.letterhead import Letterhead, get_letterhead
from customerhub.mail.recipients import is_mailable
from customerhub.work.visits import build_marks
from customerhub.work.work_list import ListedItem, WorkGroup, has_visitor_work, list_work
from models import Organisation, OutboxMessage, User
from models.base import db
from models.enums import DateFormat

PURPOSE: Final = "daily digest"
FIRST_HOUR, LAST_HOUR = 7, 11  # of the organisation's day, in which it is sent; whoever chooses it later gets the next
HOME_PATH, PROFILE_PATH = "/admin/", "/profile/"
_CLOSING: Final = (
    "You get this email because you chose it in your profile. To change or stop it, open your profile: {{profile}}"
)
_VISITOR_NOTE: Final = "You work there as a visitor: switch to {} before you open these links."


def find_digest_day(organisation: Organisation, now: datetime) -> date | None:
    """The organisation's day, in the hours of it in which digests are sent; None in all others."""
    local_time = now.astimezone(ZoneInfo(organisation.timezone))
    return local_time.date() if FIRST_HOUR <= local_time.hour <= LAST_HOUR else None


def list_recipient_ids(organisation: Organisation, *, day: date) -> list[int]:
    """The ids of those who are to get the digest of `day` and have not: the organisation's staff, and visitors who have
    work of their own there; as far as they are active and chose it.
    """
    is_planned = exists().where(
        OutboxMessage.organisation_id == organisation.id,
        OutboxMessage.reason_key == literal("digest ") + cast(User.id, String) + f" {day.isoformat()}",
    )
    is_staff = User.organisation_id == organisation.id
    is_visitor = User.platform & has_visitor_work(organisation.id, today=day)
    query = select(User.id).where(User.active, User.daily_digest, User.role.in_(STAFF), or_(is_staff, is_visitor))
    return list(db.session.scalars(query.where(~is_planned).order_by(User.id)))


def _build_key(user_id: int | str, day: date) -> str:
    return f"digest {user_id} {day.isoformat()}"


def plan_digests(organisation: Organisation, user_ids: Sequence[int], *, day: date) -> int:
    """Put the digests of `day` for these users into the outbox; how many. Who has nothing to do gets none."""
    letterhead = get_letterhead(organisation.id)
    users = db.session.scalars(select(User).where(User.id.in_(user_ids)).order_by(User.id)).all()
    drafts = [_build_draft(user, organisation, letterhead, day=day) for user in users]
    message_ids = outbox.enqueue_many(draft for draft in drafts if draft is not None)
    return sum(message_id is not None for message_id in message_ids)


def withdraw_old_digests(organisation_id: int, *, day: date, now: datetime) -> int:
    """Cancel the digests of days before `day` that wait in the outbox or are held there; how many there were."""
    return outbox.withdraw(
        outbox.MESSAGES.c.organisation_id == organisation_id,
        outbox.MESSAGES.c.purpose == PURPOSE,
        outbox.MESSAGES.c.reason_key.not_like(_build_key("%", day)),
        reason="Replaced by the digest of a later day",
        now=now,
        transition=outbox.REPLACE,
    )


def _build_draft(user: User, organisation: Organisation, letterhead: Letterhead, *, day: date) -> outbox.Draft | None:
    """The digest of one person; None where there is nothing to say, or nobody to say it to."""
    actor = _find_actor(user, organisation.id)
    groups = list_work(actor, today=day, marks=build_marks(None, organisation.id)) if actor is not None else []
    if not groups or not is_mailable(user.email):
        return None
    total = sum(group.count for group in groups)
    mail = composition.compose(
        subject=f"{format_count(total)} item{'' if total == 1 else 's'} waiting for you",
        body=composition.render_part("digest", _build_values(user, organisation, groups)),
        brand=letterhead.brand,
        button=("Open the hub", build_url(HOME_PATH)),
        after=markup.render(_CLOSING, {"profile": build_url(PROFILE_PATH)}, link_names=("profile",)),
    )
    return outbox.Draft(
        organisation_id=organisation.id,
        reason_key=_build_key(user.id, day),
        purpose=PURPOSE,
        recipient=user.email,
        subject=mail.subject,
        text_body=mail.text,
        html_body=mail.html,
        why=f"{user.name} chose a daily digest",
    )


def _find_actor(user: User, organisation_id: int) -> Actor | None:
    """The user at work in an organisation; None where they may not be."""
    with suppress(NotAllowed):
        return restore_actor(user, organisation_id)
    return None


def _build_values(user: User, organisation: Organisation, groups: Sequence[WorkGroup]) -> dict[str, Any]:
    is_visitor = user.organisation_id != organisation.id
    return {
        "greeting": f"Hello {user.name},",
        "opening": f"this is waiting for you at {organisation.name}.",
        "note": _VISITOR_NOTE.format(organisation.name) if is_visitor else None,
        "groups": [
            {
                "title": group.kind.title,
                "count": format_count(group.count),
                "url": build_url(group.path),
                "lines": [_describe_item(listed, organisation.date_format) for listed in group.items],
            }
            for group in groups
        ],
    }


def _describe_item(listed: ListedItem, date_format: DateFormat) -> dict[str, Any]:
    item = listed.item
    return {
        "text": markup.collapse_whitespace(item.text),
        "customer": markup.collapse_whitespace(item.customer.name) if item.customer is not None else None,
        "url": build_url(item.path),
        "due": format_date(item.due_on, date_format) if item.due_on is not None else None,
        "state": item.state,
        "is_late": item.is_late,
    }

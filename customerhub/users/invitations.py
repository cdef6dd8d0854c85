"""Signing users out, and the mails with one-time links by which they choose a password."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm.attributes import set_committed_value

from customerhub.core import clock
from customerhub.core.database import save_changes
from customerhub.core.errors import HubError, WrongState, raise_refusal
from customerhub.core.history import bulk_options, record_event, written_together
from customerhub.core.many_rows import lock_accepted, split_refused, write_changes
from customerhub.core.permissions import Actor
from customerhub.mail import outbox
from customerhub.mail.composition import build_account_mail, get_account_mail_text
from customerhub.mail.outbox import Draft
from customerhub.users.accounts import (
    get_saved_account,
    load_saved_accounts,
    require_editable,
    revoke_sessions_and_links,
)
from customerhub.users.links import VALID_HOURS, OneTimeLinks
from models import OutboxMessage, User
from models.base import db
from models.enums import TemplatePurpose

MIN_MAIL_INTERVAL_SECONDS: Final = 300  # within these, asking again for a link sends no second mail


def end_sessions(user: User, *, actor: Actor) -> None:
    """Sign `user` out everywhere, as an administrator. Their links are used up too."""
    raise_refusal(end_sessions_of_many([user], actor=actor))


def end_sessions_of_many(users: Sequence[User], *, actor: Actor) -> dict[int, HubError]:
    """As `end_sessions`, of many at once: returns why not, by the id of each whose sessions go on."""
    saved_accounts = load_saved_accounts(users)
    accepted, refusals = lock_accepted(
        users, lambda user: require_editable(user, get_saved_account(user, saved_accounts), actor)
    )
    _revoke_and_record(accepted, "signed out everywhere")
    return refusals


def _revoke_and_record(users: Sequence[User], action: str) -> None:
    """End the sessions and links of `users`, as somebody did what the history calls `action`."""
    with written_together():
        with save_changes():
            for user in users:
                revoke_sessions_and_links(user)
            write_changes(users)
        for user in users:
            record_event(user, action)


def invite(user: User, *, links: OneTimeLinks, actor: Actor) -> OutboxMessage:
    """Mail `user` a one-time link: to choose a first password or, where there is one already, a new one.

    Raises WrongState where they were sent one within the same five minutes of the clock: it is on its way.
    """
    messages, refusals = invite_many([user], links=links, actor=actor)
    raise_refusal(refusals)
    return messages[0]


def invite_many(
    users: Sequence[User], *, links: OneTimeLinks, actor: Actor
) -> tuple[list[OutboxMessage], dict[int, HubError]]:
    """As `invite`, of many at once: the mails, and why not, by the id of each who gets none."""
    check = _build_invitable_check(users, actor)

    def accept(user: User) -> User:
        check(user)
        return user

    accepted, refusals = split_refused(users, accept)
    sent = _enqueue_links(accepted, links)

    def get_new_message(user: User) -> OutboxMessage:
        message, is_new = sent[user.id]
        if not is_new:
            raise WrongState(f"A link was sent to {message.recipient} a moment ago. Wait five minutes to send another")
        return message

    messages, further_refusals = split_refused(accepted, get_new_message)
    return messages, refusals | further_refusals


def renew_link(user: User, *, links: OneTimeLinks, actor: Actor) -> OutboxMessage:
    """As `invite`, but every session and every link of before ends: only the new link opens the account."""
    messages, refusals = renew_links([user], links=links, actor=actor)
    raise_refusal(refusals)
    return messages[0]


def renew_links(
    users: Sequence[User], *, links: OneTimeLinks, actor: Actor
) -> tuple[list[OutboxMessage], dict[int, HubError]]:
    """As `renew_link`, of many at once: the mails, and why not, by the id of each who gets none."""
    accepted, refusals = lock_accepted(users, _build_invitable_check(users, actor))
    _revoke_and_record(accepted, "sent a new password link")
    sent = _enqueue_links(accepted, links)
    return [sent[user.id][0] for user in accepted], refusals


def _build_invitable_check(users: Sequence[User], actor: Actor) -> Callable[[User], None]:
    """What refuses those of `users` who cannot be sent a link."""
    saved_accounts = load_saved_accounts(users)

    def check(user: User) -> None:
        require_editable(user, get_saved_account(user, saved_accounts), actor)
        if not user.active:
            raise WrongState(f"The account of {user.name} is deactivated. Activate it first")

    return check


def _link_purpose(user: User) -> TemplatePurpose:
    return TemplatePurpose.RESET if user.password_hash else TemplatePurpose.WELCOME


def send_link(user: User, purpose: TemplatePurpose, *, links: OneTimeLinks) -> OutboxMessage:
    """Put the mail with a one-time link for `user` into the outbox, at most one in MIN_MAIL_INTERVAL_SECONDS."""
    return _enqueue_links_for([user], purpose, links, clock.get_now())[user.id][0]


SentLinks = dict[int, tuple[OutboxMessage, bool]]  # by user: the mail, and whether it was put now


def _enqueue_links(users: Sequence[User], links: OneTimeLinks) -> SentLinks:
    """Put the mails with one-time links for `users`, all of one organisation, into the outbox."""
    now, sent = clock.get_now(), SentLinks()
    for purpose in (TemplatePurpose.RESET, TemplatePurpose.WELCOME):
        group = [user for user in users if _link_purpose(user) is purpose]
        if group:
            sent |= _enqueue_links_for(group, purpose, links, now)
    return sent


def _enqueue_links_for(
    users: Sequence[User], purpose: TemplatePurpose, links: OneTimeLinks, now: datetime
) -> SentLinks:
    drafts = build_link_drafts(users, purpose, links=links, now=now)
    message_ids = outbox.enqueue_many(drafts)
    mailed_users = [user for user, key in zip(users, message_ids, strict=True) if key is not None]
    if mailed_users:
        _save_link_expiry(mailed_users, link_expiry_of(purpose, now))
    query = select(OutboxMessage).where(
        OutboxMessage.organisation_id == users[0].organisation_id,
        OutboxMessage.reason_key.in_([draft.reason_key for draft in drafts]),
    )
    messages = {message.reason_key: message for message in db.session.scalars(query)}
    return {
        user.id: (messages[draft.reason_key], user in mailed_users) for user, draft in zip(users, drafts, strict=True)
    }


@dataclass(frozen=True, slots=True)
class InvitedUser:
    """Of a user who was written a moment ago, what the mail to them needs."""

    id: int
    organisation_id: int
    customer_id: int
    email: str
    name: str
    sign_in_epoch: int = 0


def build_link_drafts(
    users: Sequence[User | InvitedUser],
    purpose: TemplatePurpose,
    *,
    links: OneTimeLinks,
    now: datetime,
    why: str | None = None,
) -> list[Draft]:
    """The mails with one-time links for `users`, all of one organisation, that are made `now`."""
    time_window = int(now.timestamp()) // MIN_MAIL_INTERVAL_SECONDS
    mail_text = get_account_mail_text(users[0].organisation_id, purpose)
    drafts = []
    for user in users:
        link = links.create(user, purpose, now=now)
        mail = build_account_mail(user, purpose=purpose, link=link, hours=VALID_HOURS[purpose], account_text=mail_text)
        draft = Draft(
            organisation_id=user.organisation_id,
            reason_key=f"{purpose.value} {user.id} {user.sign_in_epoch} {time_window}",  # recipient_id_of reads it
            purpose=purpose.value,
            recipient=user.email,
            subject=mail.subject,
            text_body=mail.text,
            html_body=mail.html,
            customer_id=user.customer_id,
            why=why,
        )
        drafts.append(draft)
    return drafts


def recipient_id_of(reason_key: str) -> int:
    """The id of the user to whom a mail of `build_link_drafts` is."""
    return int(reason_key.split()[-3])


def link_expiry_of(purpose: TemplatePurpose, created_at: datetime) -> datetime:
    """Until when a link works that was made at this moment."""
    return created_at + timedelta(hours=VALID_HOURS[purpose])


def _save_link_expiry(users: Sequence[User], link_expiry: datetime) -> None:
    """No change that history or somebody who has the form of an account open should notice."""
    db.session.execute(
        update(User)
        .where(User.id.in_([user.id for user in users]))
        .values(link_until=link_expiry)
        .execution_options(synchronize_session=False, **bulk_options())
    )
    for user in users:
        set_committed_value(user, "link_until", link_expiry)

"""User accounts: creating, changing, deactivating and deleting them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.orm.attributes import set_committed_value

from customerhub.approvals import assignment
from customerhub.core import clock, validation
from customerhub.core.database import save_changes
from customerhub.core.errors import Conflict, Invalid, NotFound, StillLinked, WrongState
from customerhub.core.history import bulk_options, record_event
from customerhub.core.permissions import Actor, Permission, require_permission
from customerhub.core.references import describe_references, list_references
from customerhub.mail import outbox
from customerhub.mail.composition import build_account_mail, get_account_mail_text
from customerhub.mail.outbox import Draft
from customerhub.users.account_rules import (
    GRANT_ROLES,
    GRANTS,
    OWN_ACCOUNT_DEACTIVATED,
    can_assign_grant,
    list_assignable_roles,
    require_deletable,
    require_manageable,
)
from customerhub.users.links import VALID_HOURS, OneTimeLinks
from models import Customer, Dealer, Organisation, OutboxMessage, User
from models.base import db
from models.enums import Role, TemplatePurpose
from models.keys import exact_key

OWNED_TABLES: Final = ("saved_view", "list_preference")  # these go with their user
MIN_MAIL_INTERVAL_SECONDS: Final = 300  # within these, asking again for a link sends no second mail

Problems = list[tuple[str, str]]


@dataclass(frozen=True)
class _SavedAccount:
    """What the database holds of an account before it is saved."""

    organisation_id: int
    email: str
    role: Role
    active: bool
    platform: bool
    data_protection: bool


def save_user(user: User, *, actor: Actor) -> User:
    """Check `user` as it now stands and flush it. A new one is put into the actor's organisation.

    The accounts of a customer may be saved by editors of customers, all others by editors of users. A
    new email address ends the sessions and links of the old one; tasks that somebody can no longer decide go back
    to the queue. Raises Invalid with every problem, Conflict where the email address has an account or somebody
    saved this one meanwhile.
    """
    with save_changes():
        saved_account = _load_saved_account(user)
        actor = _actor_before_change(actor, user, saved_account)
        _require_editable(user, saved_account, actor)
        if saved_account is None:
            user.organisation_id = actor.organisation_id
        problems = _clean_texts(user) + _role_problems(user) + _grant_problems(user, saved_account, actor)
        if saved_account is not None:
            problems += _own_account_problems(user, saved_account, actor)
        if problems:
            raise Invalid.from_problems(problems)
        _require_unused_email(user)
        if saved_account is not None:
            _require_remaining_admin(user, saved_account)
            if user.email != saved_account.email or (saved_account.active and not user.active):
                revoke_sessions_and_links(user)
        db.session.add(user)
    if saved_account is not None:
        assignment.release_undecidable_tasks(user)
    return user


def _load_saved_account(user: User) -> _SavedAccount | None:
    if user.id is None:
        return None
    row = db.session.execute(
        select(User.organisation_id, User.email, User.role, User.active, User.platform, User.data_protection).where(
            User.id == user.id
        )
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such user")
    return _SavedAccount(*row)


def _actor_before_change(actor: Actor, user: User, saved_account: _SavedAccount | None) -> Actor:
    """`actor` as before the change at hand, for nobody may more by what they are about to save of themselves."""
    if saved_account is None or actor.id != user.id:
        return actor
    user_before_change = User(
        id=user.id,
        name=user.name,
        role=saved_account.role,
        active=saved_account.active,
        platform=saved_account.platform,
        data_protection=saved_account.data_protection,
    )
    return Actor(user_before_change, actor.organisation_id)


def _require_editable(user: User, saved_account: _SavedAccount | None, actor: Actor) -> None:
    """Raises NotAllowed or NotFound unless `actor` may change this account."""
    if saved_account is not None and saved_account.organisation_id != actor.organisation_id:
        raise NotFound("There is no such user")
    of_customer = user.role == Role.CUSTOMER and (saved_account is None or saved_account.role == Role.CUSTOMER)
    if not (of_customer and actor.has_permission(Permission.CUSTOMERS_EDIT)):
        require_permission(actor, Permission.USERS_EDIT)
    require_manageable(saved_account is not None and saved_account.platform, actor)


def _clean_texts(user: User) -> Problems:
    """Clean the texts; returns what is wrong with them."""
    problems: Problems = []
    cleaned: dict[str, str | None] = {}
    for field, cleaner in (("name", _clean_name), ("email", validation.clean_email)):
        try:
            cleaned[field] = cleaner(getattr(user, field) or "")
        except Invalid as error:
            problems.append((field, error.message))
    for field, missing in (("name", "Enter a name"), ("email", "Enter an email address")):
        if field in cleaned:
            if cleaned[field] is None:
                problems.append((field, missing))
            elif cleaned[field] != getattr(user, field):
                setattr(user, field, cleaned[field])
    return problems


def _clean_name(text: str) -> str | None:
    return validation.clean_text(text, max_length=200)


def _role_problems(user: User) -> Problems:
    """A partner has a dealer, a customer a customer record, and nobody else has either."""
    if user.role not in list(Role):
        return [("role", "Choose a role")]
    problems: Problems = []
    if user.role == Role.PARTNER:
        if not _is_in_organisation(Dealer, user.dealer_id, user):
            problems.append(("dealer_id", "Select a dealer for the partner"))
    elif user.dealer_id is not None:
        problems.append(("dealer_id", f"Leave the dealer blank for the role {user.role}"))
    if user.role == Role.CUSTOMER:
        if not _is_in_organisation(Customer, user.customer_id, user):
            problems.append(("customer_id", "Select a customer for the portal user"))
    elif user.customer_id is not None:
        problems.append(
            (
                "customer_id",
                f"Leave the customer blank for the role {user.role}",
            )
        )
    elif user.portal_permissions:
        user.portal_permissions = []
    return problems


def _is_in_organisation(model: Any, key: int | None, user: User) -> bool:
    row = db.session.get(model, key) if key is not None else None
    return row is not None and row.organisation_id == user.organisation_id


def _grant_problems(user: User, saved_account: _SavedAccount | None, actor: Actor) -> Problems:
    problems: Problems = []
    for grant in filter(lambda each: getattr(user, each), GRANTS):
        if user.role not in GRANT_ROLES:
            problems.append((grant, "Only staff can have this grant"))
        if not can_assign_grant(grant, is_held=bool(saved_account and getattr(saved_account, grant)), actor=actor):
            problems.append((grant, "Only users with this grant can assign it"))
    return problems


def _own_account_problems(user: User, saved_account: _SavedAccount, actor: Actor) -> Problems:
    """Nobody locks themselves out."""
    if user.id != actor.id:
        return []
    problems: Problems = []
    if user.role not in list_assignable_roles(user, saved_account.role, actor):
        problems.append(("role", "You cannot remove your own admin role. Ask another administrator"))
    if saved_account.active and not user.active:
        problems.append(("active", OWN_ACCOUNT_DEACTIVATED))
    return problems


def _require_unused_email(user: User) -> None:
    query = select(User.id).where(User.email_key == user.email_key)
    if user.id is not None:
        query = query.where(User.id != user.id)
    if db.session.scalar(query) is not None:
        raise Conflict("This email address already has an account", "email")


def _require_remaining_admin(user: User, saved_account: _SavedAccount, *, is_deleted: bool = False) -> None:
    """Raises WrongState where `user` is the organisation's last active admin and would no longer be one."""
    was_admin = saved_account.role == Role.ADMIN and saved_account.active
    stays_admin = user.role == Role.ADMIN and user.active and not is_deleted
    if not was_admin or stays_admin:
        return
    # Locked, so that two administrators who remove each other at once do not both succeed.
    db.session.execute(
        select(Organisation.id).where(Organisation.id == saved_account.organisation_id).with_for_update()
    )
    other_admins = db.session.scalar(
        select(func.count())
        .select_from(User)
        .where(
            User.organisation_id == saved_account.organisation_id,
            User.role == Role.ADMIN,
            User.active,
            User.id != user.id,
        )
    )
    if not other_admins:
        raise WrongState("This is the last active administrator of the organisation. Appoint another one first")


def revoke_sessions_and_links(user: User) -> None:
    """From now on neither a session nor a one-time link of before works."""
    user.sign_in_epoch += 1
    user.link_until = None


def deactivate(user: User, *, actor: Actor) -> None:
    """Switch the account off and end its sessions."""
    user.active = False
    save_user(user, actor=actor)


def activate(user: User, *, actor: Actor) -> None:
    """Switch the account on again. Sessions and links of before stay ended."""
    user.active = True
    save_user(user, actor=actor)


def end_sessions(user: User, *, actor: Actor) -> None:
    """Sign `user` out everywhere, as an administrator. Their links are used up too."""
    _require_editable(user, _load_saved_account(user), actor)
    with save_changes():
        revoke_sessions_and_links(user)
    record_event(user, "signed out everywhere")


def delete_user(user: User, *, actor: Actor) -> None:
    """Delete an account that nothing refers to. Raises StillLinked, saying what does, where anything does."""
    saved_account = _load_saved_account(user)
    if saved_account is None:
        raise NotFound("There is no such user")
    _require_editable(user, saved_account, actor)
    require_deletable(user, actor)
    references = [link for link in list_references(user) if link[0] not in OWNED_TABLES]
    if references:
        raise StillLinked(f"{user.name} is used in {describe_references(references)}. Deactivate the account instead.")
    with save_changes():
        _require_remaining_admin(user, saved_account, is_deleted=True)
        db.session.delete(user)


def invite(user: User, *, links: OneTimeLinks, actor: Actor) -> OutboxMessage:
    """Mail `user` a one-time link: to choose a first password or, where there is one already, a new one.

    Raises WrongState where they were sent one within the same five minutes of the clock: it is on its way.
    """
    _require_invitable(user, actor)
    message, is_new = _enqueue_link(user, _link_purpose(user), links)
    if not is_new:
        raise WrongState(f"A link was sent to {message.recipient} a moment ago. Wait five minutes to send another")
    return message


def renew_link(user: User, *, links: OneTimeLinks, actor: Actor) -> OutboxMessage:
    """As `invite`, but every session and every link of before ends: only the new link opens the account."""
    _require_invitable(user, actor)
    with save_changes():
        revoke_sessions_and_links(user)
    record_event(user, "sent a new password link")
    return send_link(user, _link_purpose(user), links=links)


def _require_invitable(user: User, actor: Actor) -> None:
    _require_editable(user, _load_saved_account(user), actor)
    if not user.active:
        raise WrongState(f"The account of {user.name} is deactivated. Activate it first")


def _link_purpose(user: User) -> TemplatePurpose:
    return TemplatePurpose.RESET if user.password_hash else TemplatePurpose.WELCOME


def send_link(user: User, purpose: TemplatePurpose, *, links: OneTimeLinks) -> OutboxMessage:
    """Put the mail with a one-time link for `user` into the outbox, at most one in MIN_MAIL_INTERVAL_SECONDS."""
    return _enqueue_link(user, purpose, links)[0]


def _enqueue_link(user: User, purpose: TemplatePurpose, links: OneTimeLinks) -> tuple[OutboxMessage, bool]:
    """The mail, and whether it was put now."""
    now = clock.get_now()
    [draft] = build_link_drafts([user], purpose, links=links, now=now)
    [message_id] = outbox.enqueue_many([draft])
    if message_id is not None:
        _save_link_expiry(user, link_expiry_of(purpose, now))
    message = db.session.scalars(
        select(OutboxMessage).where(
            OutboxMessage.organisation_id == user.organisation_id, OutboxMessage.reason_key == draft.reason_key
        )
    ).one()
    return message, message_id is not None


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


def _save_link_expiry(user: User, link_expiry: datetime) -> None:
    """No change that history or somebody who has the account's form open should notice."""
    db.session.execute(
        update(User)
        .where(User.id == user.id)
        .values(link_until=link_expiry)
        .execution_options(synchronize_session=False, **bulk_options())
    )
    set_committed_value(user, "link_until", link_expiry)


def find_account(email: str) -> User | None:
    """The account with this email address, whatever its organisation and state."""
    key = account_key(email)
    return db.session.scalar(select(User).where(User.email_key == key)) if key else None


def account_key(email: str) -> str | None:
    """What the account with this email address is found by, however the address is typed: the domain may be in ASCII,
    as browsers and mail programs write it.
    """
    try:
        return exact_key(validation.clean_email(email))
    except Invalid:
        return exact_key(email)

"""The accounts of the people who sign in: made, changed, switched off and deleted by those who may."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.orm.attributes import set_committed_value

from customerhub import clock, outbox
from customerhub.approvals import tasks
from customerhub.customers import rules
from customerhub.database import saving
from customerhub.errors import Conflict, Invalid, NotAllowed, NotFound, StillLinked, WrongState
from customerhub.history import note, recorded
from customerhub.links import linked_rows, told
from customerhub.notifications.mailing import account_mail, account_words
from customerhub.outbox import Draft
from customerhub.permissions import STAFF, Actor, Permission, require
from customerhub.users.links import VALID_HOURS, OneTimeLinks
from models import Customer, Dealer, Organisation, OutboxMessage, User
from models.base import db
from models.enums import Role, TemplatePurpose
from models.keys import exact_key

OWN_CHOICES: Final = ("saved_view", "list_preference")  # these go with their user
ONE_MAIL_SECONDS: Final = 300  # within these, asking again for a link sends no second mail

Problems = list[tuple[str, str]]


@dataclass(frozen=True)
class _Kept:
    """What the database holds of an account before it is saved."""

    organisation_id: int
    email: str
    role: Role
    active: bool
    platform: bool
    data_protection: bool


def save_user(user: User, *, actor: Actor) -> User:
    """Check `user` as it now stands and flush it. A new one is put into the actor's organisation.

    The accounts of a customer may be saved by whoever edits customers, all others by whoever edits users. A
    new email address ends the sessions and links of the old one; tasks that somebody can no longer decide go back
    to the queue. Raises Invalid with every problem, Conflict where the email address has an account or somebody
    saved this one meanwhile.
    """
    with saving():
        kept = _kept(user)
        actor = _unchanged(actor, user, kept)
        _require(user, kept, actor)
        if kept is None:
            user.organisation_id = actor.organisation_id
        problems = _clean(user) + _role_problems(user) + _grant_problems(user, kept, actor)
        if kept is not None:
            problems += _own_account_problems(user, kept, actor)
        if problems:
            raise Invalid(problems[0][1], problems[0][0], problems)
        _refuse_taken_email(user)
        if kept is not None:
            _keep_an_admin(user, kept)
            if user.email != kept.email or (kept.active and not user.active):
                begin_epoch(user)
        db.session.add(user)
    if kept is not None:
        tasks.give_back(user)
    return user


def _kept(user: User) -> _Kept | None:
    if user.id is None:
        return None
    row = db.session.execute(
        select(User.organisation_id, User.email, User.role, User.active, User.platform, User.data_protection).where(
            User.id == user.id
        )
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such user")
    return _Kept(*row)


def _unchanged(actor: Actor, user: User, kept: _Kept | None) -> Actor:
    """`actor` as before the change at hand, for nobody may more by what they are about to save of themselves."""
    if kept is None or actor.id != user.id:
        return actor
    before = User(
        id=user.id,
        name=user.name,
        role=kept.role,
        active=kept.active,
        platform=kept.platform,
        data_protection=kept.data_protection,
    )
    return Actor(before, actor.organisation_id)


def _require(user: User, kept: _Kept | None, actor: Actor) -> None:
    """Raises NotAllowed or NotFound unless `actor` may change this account."""
    if kept is not None and kept.organisation_id != actor.organisation_id:
        raise NotFound("There is no such user")
    of_customer = user.role == Role.CUSTOMER and (kept is None or kept.role == Role.CUSTOMER)
    if not (of_customer and actor.may(Permission.CUSTOMERS_EDIT)):
        require(actor, Permission.USERS_EDIT)
    if kept is not None and kept.platform and not actor.may(Permission.ORGANISATIONS):
        raise NotAllowed("Only somebody with the grant “platform” may change the account of somebody who has it")


def _clean(user: User) -> Problems:
    """Tidy the texts, and tell what is wrong with them."""
    problems: Problems = []
    cleaned: dict[str, str | None] = {}
    for field, cleaner in (("name", _clean_name), ("email", rules.clean_email)):
        try:
            cleaned[field] = cleaner(getattr(user, field) or "")
        except Invalid as error:
            problems.append((field, error.message))
    for field, missing in (("name", "A name is needed"), ("email", "An email address is needed")):
        if field in cleaned:
            if cleaned[field] is None:
                problems.append((field, missing))
            elif cleaned[field] != getattr(user, field):
                setattr(user, field, cleaned[field])
    return problems


def _clean_name(text: str) -> str | None:
    return rules.clean_text(text, longest=200)


def _role_problems(user: User) -> Problems:
    """A partner has a dealer, a customer a customer record, and nobody else has either."""
    if user.role not in list(Role):
        return [("role", "Choose a role")]
    problems: Problems = []
    if user.role == Role.PARTNER:
        if not _is_of(Dealer, user.dealer_id, user):
            problems.append(("dealer_id", "A partner needs a dealer: choose one from the list"))
    elif user.dealer_id is not None:
        problems.append(("dealer_id", f"Only a partner has a dealer: leave it empty for the role {user.role}"))
    if user.role == Role.CUSTOMER:
        if not _is_of(Customer, user.customer_id, user):
            problems.append(("customer_id", "A portal user needs a customer: choose one from the list"))
    elif user.customer_id is not None:
        problems.append(
            (
                "customer_id",
                f"Only a portal user has a customer: leave it empty for the role {user.role}",
            )
        )
    elif user.portal_permissions:
        user.portal_permissions = []
    return problems


def _is_of(model: Any, key: int | None, user: User) -> bool:
    row = db.session.get(model, key) if key is not None else None
    return row is not None and row.organisation_id == user.organisation_id


def _grant_problems(user: User, kept: _Kept | None, actor: Actor) -> Problems:
    problems: Problems = []
    for field in ("platform", "data_protection"):
        if getattr(user, field) and user.role not in STAFF:
            problems.append((field, "Only staff can have this grant"))
    if user.platform and not (kept and kept.platform) and not actor.may(Permission.ORGANISATIONS):
        problems.append(("platform", "Only somebody who has this grant may give it"))
    return problems


def _own_account_problems(user: User, kept: _Kept, actor: Actor) -> Problems:
    """Nobody locks themselves out."""
    if user.id != actor.id:
        return []
    problems: Problems = []
    if kept.role == Role.ADMIN and user.role != Role.ADMIN:
        problems.append(("role", "You cannot take the role admin from yourself. Ask another administrator"))
    if kept.active and not user.active:
        problems.append(("active", "You cannot switch off your own account. Ask another administrator"))
    return problems


def _refuse_taken_email(user: User) -> None:
    taken = select(User.id).where(User.email_key == user.email_key)
    if user.id is not None:
        taken = taken.where(User.id != user.id)
    if db.session.scalar(taken) is not None:
        raise Conflict("This email address already has an account", "email")


def _keep_an_admin(user: User, kept: _Kept, *, goes: bool = False) -> None:
    """Raises WrongState where `user` is the organisation's last active admin and would no longer be one."""
    was_admin = kept.role == Role.ADMIN and kept.active
    stays_admin = user.role == Role.ADMIN and user.active and not goes
    if not was_admin or stays_admin:
        return
    # Locked, so that two administrators who remove each other at once do not both succeed.
    db.session.execute(select(Organisation.id).where(Organisation.id == kept.organisation_id).with_for_update())
    others = db.session.scalar(
        select(func.count())
        .select_from(User)
        .where(
            User.organisation_id == kept.organisation_id,
            User.role == Role.ADMIN,
            User.active,
            User.id != user.id,
        )
    )
    if not others:
        raise WrongState("This is the last active administrator of the organisation. Make somebody else one first")


def begin_epoch(user: User) -> None:
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
    _require(user, _kept(user), actor)
    with saving():
        begin_epoch(user)
    note(user, "signed out everywhere")


def delete_user(user: User, *, actor: Actor) -> None:
    """Delete an account that nothing refers to. Raises StillLinked, saying what does, where anything does."""
    kept = _kept(user)
    if kept is None:
        raise NotFound("There is no such user")
    _require(user, kept, actor)
    if user.id == actor.id:
        raise WrongState("You cannot delete your own account. Ask another administrator")
    links = [link for link in linked_rows(user) if link[0] not in OWN_CHOICES]
    if links:
        raise StillLinked(f"{user.name} is named in {told(links)}. Switch the account off instead.")
    with saving():
        _keep_an_admin(user, kept, goes=True)
        db.session.delete(user)


def invite(user: User, *, links: OneTimeLinks, actor: Actor) -> OutboxMessage:
    """Mail `user` a one-time link: to choose a first password or, where there is one already, a new one.

    Raises WrongState where they were sent one within the same five minutes of the clock: it is on its way.
    """
    _require_invitable(user, actor)
    message, is_new = _put_link(user, _purpose(user), links)
    if not is_new:
        raise WrongState(f"A link was sent to {message.recipient} a moment ago. Wait five minutes to send another")
    return message


def renew_link(user: User, *, links: OneTimeLinks, actor: Actor) -> OutboxMessage:
    """As `invite`, but every session and every link of before ends: only the new link opens the account."""
    _require_invitable(user, actor)
    with saving():
        begin_epoch(user)
    note(user, "sent a new password link")
    return send_link(user, _purpose(user), links=links)


def _require_invitable(user: User, actor: Actor) -> None:
    _require(user, _kept(user), actor)
    if not user.active:
        raise WrongState(f"The account of {user.name} is switched off. Switch it on first")


def _purpose(user: User) -> TemplatePurpose:
    return TemplatePurpose.RESET if user.password_hash else TemplatePurpose.WELCOME


def send_link(user: User, purpose: TemplatePurpose, *, links: OneTimeLinks) -> OutboxMessage:
    """Put the mail with a one-time link for `user` into the outbox, at most one in ONE_MAIL_SECONDS."""
    return _put_link(user, purpose, links)[0]


def _put_link(user: User, purpose: TemplatePurpose, links: OneTimeLinks) -> tuple[OutboxMessage, bool]:
    """The mail, and whether it was put now."""
    now = clock.now()
    [draft] = link_drafts([user], purpose, links=links, now=now)
    [made] = outbox.put_many([draft])
    if made is not None:
        _keep_until(user, link_until(purpose, now))
    message = db.session.scalars(
        select(OutboxMessage).where(
            OutboxMessage.organisation_id == user.organisation_id, OutboxMessage.reason_key == draft.reason_key
        )
    ).one()
    return message, made is not None


@dataclass(frozen=True, slots=True)
class Invited:
    """Of a user who was written a moment ago, what the mail to them needs."""

    id: int
    organisation_id: int
    customer_id: int
    email: str
    name: str
    sign_in_epoch: int = 0


def link_drafts(
    users: Sequence[User | Invited],
    purpose: TemplatePurpose,
    *,
    links: OneTimeLinks,
    now: datetime,
    why: str | None = None,
) -> list[Draft]:
    """The mails with one-time links for `users`, all of one organisation, that are made `now`."""
    window = int(now.timestamp()) // ONE_MAIL_SECONDS
    words = account_words(users[0].organisation_id, purpose)
    drafts = []
    for user in users:
        link = links.make(user, purpose, now=now)
        mail = account_mail(user, purpose=purpose, link=link, hours=VALID_HOURS[purpose], words=words)
        draft = Draft(
            organisation_id=user.organisation_id,
            reason_key=f"{purpose.value} {user.id} {user.sign_in_epoch} {window}",  # receiver_of reads it
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


def receiver_of(reason_key: str) -> int:
    """The id of the user to whom a mail of `link_drafts` is."""
    return int(reason_key.split()[-3])


def link_until(purpose: TemplatePurpose, made_at: datetime) -> datetime:
    """Until when a link works that was made at this moment."""
    return made_at + timedelta(hours=VALID_HOURS[purpose])


def _keep_until(user: User, until: datetime) -> None:
    """No change that history or somebody who has the account's form open should notice."""
    db.session.execute(
        update(User)
        .where(User.id == user.id)
        .values(link_until=until)
        .execution_options(synchronize_session=False, **recorded())
    )
    set_committed_value(user, "link_until", until)


def find_account(email: str) -> User | None:
    """The account with this email address, whatever its organisation and state."""
    key = account_key(email)
    return db.session.scalar(select(User).where(User.email_key == key)) if key else None


def account_key(email: str) -> str | None:
    """What the account with this email address is found by, however the address is typed: the domain may be in ASCII,
    as browsers and mail programs write it.
    """
    try:
        return exact_key(rules.clean_email(email))
    except Invalid:
        return exact_key(email)

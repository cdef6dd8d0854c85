"""Signing in, and what people do to their own account."""

from datetime import datetime

from sqlalchemy import update

from customerhub.customers import rules
from customerhub.database import insert_new, saving
from customerhub.errors import Invalid, NotAllowed
from customerhub.history import note, recorded
from customerhub.users import passwords
from customerhub.users.accounts import begin_epoch, find_account, send_link
from customerhub.users.links import OneTimeLinks
from models import EndedSession, Organisation, User
from models.base import db
from models.enums import TemplatePurpose

WRONG = "The email address or the password is wrong."


def authenticate(email: str, password: str) -> User:
    """The user whom this email address and password belong to. Only reads.

    The work is the same whether there is such an account or not. Raises Invalid where it is not theirs,
    NotAllowed where it is but the account or its organisation is switched off.
    """
    user = find_account(email)
    is_theirs = passwords.verify(password, user.password_hash if user else None)
    if user is None or not is_theirs:
        raise Invalid(WRONG)
    if not can_sign_in(user):
        raise NotAllowed("This account is switched off. Ask an administrator of your organisation.")
    return user


def can_sign_in(user: User) -> bool:
    """Whether the account and its organisation are switched on."""
    return user.active and db.session.get_one(Organisation, user.organisation_id).active


def note_sign_in(user: User, *, password: str, at: datetime) -> None:
    """Keep when `user` signed in, and the password under today's parameters where they have changed.

    No change that history or somebody who has the account's form open should notice.
    """
    values: dict[str, object] = {"last_sign_in_at": at}
    if user.password_hash and passwords.is_outdated(user.password_hash):
        values["password_hash"] = passwords.hash_password(password)
    db.session.execute(
        update(User)
        .where(User.id == user.id, User.password_hash == user.password_hash)
        .values(values)
        .execution_options(synchronize_session=False, **recorded())
    )
    db.session.expire(user, list(values))


def request_reset(email: str, *, links: OneTimeLinks) -> None:
    """Mail a one-time link to whoever has this address and may sign in. Tells nobody whether there is one."""
    _mail_link(find_account(email), links)


def request_another(token: str, *, links: OneTimeLinks) -> None:
    """As `request_reset`, of whoever has come with a link that no longer works."""
    _mail_link(links.find_owner(token), links)


def _mail_link(user: User | None, links: OneTimeLinks) -> None:
    if user is not None and can_sign_in(user):
        send_link(user, TemplatePurpose.RESET if user.password_hash else TemplatePurpose.WELCOME, links=links)


def set_password(user: User, password: str) -> None:
    """Give `user` a password, which signs them out everywhere and uses up their links.

    Raises Invalid where it is too easy to guess, Conflict where the account was saved meanwhile.
    """
    passwords.check_strength(password, email=user.email, name=user.name)
    with saving():
        user.password_hash = passwords.hash_password(password)
        begin_epoch(user)


def change_password(user: User, old: str, new: str) -> None:
    """Replace a password that is known. Raises Invalid with the field, "old" or "new", that is wrong."""
    if not passwords.verify(old, user.password_hash):
        raise Invalid("This is not your present password", "old")
    if passwords.verify(new, user.password_hash):
        raise Invalid("The new password is the present one", "new")
    try:
        set_password(user, new)
    except Invalid as error:
        raise Invalid(error.message, "new") from error


def sign_out_everywhere(user: User) -> None:
    """End every session of `user` and use up their links."""
    with saving():
        begin_epoch(user)
    note(user, "signed out everywhere")


def end_session(mark: str, *, at: datetime) -> None:
    """End one session, known by its `mark`: whoever has a copy of its cookie is not signed in by it any more."""
    db.session.execute(insert_new(EndedSession).values(mark=mark, created_at=at))


def rename(user: User, name: str) -> None:
    """Change the name of `user`, as they may themselves. Raises Invalid."""
    try:
        cleaned = rules.clean_text(name, longest=200)
    except Invalid as error:
        raise Invalid(error.message, "name") from error
    if cleaned is None:
        raise Invalid("A name is needed", "name")
    with saving():
        user.name = cleaned

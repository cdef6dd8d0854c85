"""Signing in, and changes that users make to their own account."""

from datetime import datetime

from sqlalchemy import update

from customerhub.core import validation
from customerhub.core.database import insert_new, save_changes
from customerhub.core.errors import Invalid, NotAllowed
from customerhub.core.history import bulk_options, record_event
from customerhub.users import passwords
from customerhub.users.accounts import find_account, revoke_sessions_and_links
from customerhub.users.invitations import send_link
from customerhub.users.links import OneTimeLinks
from models import EndedSession, Organisation, User
from models.base import db
from models.enums import TemplatePurpose

WRONG_CREDENTIALS = "The email address or the password is wrong."
DEMO_REFUSED = (
    "This is the password of the demo, which is public. It is not valid here, as others can reach this hub. "
    "The operator of the hub sets a new one with the command password-link --email EMAIL."
)


def authenticate(email: str, password: str, *, accepts_demo: bool) -> User:
    """The user whom this email address and password belong to. Only reads.

    `accepts_demo`: whether the password of the demo is valid, as it is where nobody else can reach the hub. The work is
    the same whether there is such an account or not.

    Raises Invalid where the password is not theirs. NotAllowed where it is but the account or its organisation is
    switched off, and for the password of the demo where that is not valid, whosever account it is.
    """
    if passwords.is_demo_password(password) and not accepts_demo:
        raise NotAllowed(DEMO_REFUSED)
    user = find_account(email)
    is_correct = passwords.verify(password, user.password_hash if user else None)
    if user is None or not is_correct:
        raise Invalid(WRONG_CREDENTIALS)
    if not can_sign_in(user):
        raise NotAllowed("This account is deactivated. Ask an administrator of your organisation.")
    return user


def can_sign_in(user: User) -> bool:
    """Whether the account and its organisation are switched on."""
    return user.active and db.session.get_one(Organisation, user.organisation_id).active


def record_sign_in(user: User, *, password: str, at: datetime) -> None:
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
        .execution_options(synchronize_session=False, **bulk_options())
    )
    db.session.expire(user, list(values))


def request_reset(email: str, *, links: OneTimeLinks) -> None:
    """Mail a one-time link to the user with this address who may sign in. Does not reveal whether there is one."""
    _mail_link(find_account(email), links)


def request_new_link(token: str, *, links: OneTimeLinks) -> None:
    """As `request_reset`, for the user of a link that no longer works."""
    _mail_link(links.find_owner(token), links)


def _mail_link(user: User | None, links: OneTimeLinks) -> None:
    if user is not None and can_sign_in(user):
        send_link(user, TemplatePurpose.RESET if user.password_hash else TemplatePurpose.WELCOME, links=links)


def set_password(user: User, password: str) -> None:
    """Give `user` a password, which signs them out everywhere and uses up their links.

    Raises Invalid where it is too easy to guess, Conflict where the account was saved meanwhile.
    """
    organisation = db.session.get_one(Organisation, user.organisation_id)
    passwords.check_strength(password, email=user.email, name=user.name, organisation=organisation.name)
    with save_changes():
        user.password_hash = passwords.hash_password(password)
        revoke_sessions_and_links(user)


def change_password(user: User, old_password: str, new_password: str) -> None:
    """Replace a password that is known. Raises Invalid with the field, "old" or "new", that is wrong."""
    if not passwords.verify(old_password, user.password_hash):
        raise Invalid("This is not your current password", "old")
    if passwords.verify(new_password, user.password_hash):
        raise Invalid("The new password must differ from the current one", "new")
    try:
        set_password(user, new_password)
    except Invalid as error:
        raise Invalid(error.message, "new") from error


def sign_out_everywhere(user: User) -> None:
    """End every session of `user` and use up their links."""
    with save_changes():
        revoke_sessions_and_links(user)
    record_event(user, "signed out everywhere")


def end_session(mark: str, *, at: datetime) -> None:
    """End one session, known by its `mark`: a copy of its cookie no longer signs anybody in."""
    db.session.execute(insert_new(EndedSession).values(mark=mark, created_at=at))


def save_profile(
    user: User,
    name: str,
    *,
    notify_by_email: bool | None = None,
    daily_digest: bool | None = None,
    single_key_shortcuts: bool | None = None,
) -> None:
    """Change what `user` may change of themselves: the name, whether they get mails about what colleagues mention or
    assign to them and the daily digest, and whether single keys are shortcuts; what is None stays. Raises Invalid.
    """
    cleaned = validation.clean_text(name, max_length=200, field="name")
    if cleaned is None:
        raise Invalid("Enter a name", "name")
    with save_changes():
        user.name = cleaned
        if notify_by_email is not None:
            user.notify_by_email = notify_by_email
        if daily_digest is not None:
            user.daily_digest = daily_digest
        if single_key_shortcuts is not None:
            user.single_key_shortcuts = single_key_shortcuts

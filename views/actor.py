"""Who is behind a request: the person signed in, as operations and the history know them."""

from typing import Any

from flask import Flask, abort, current_app, g, request, session
from flask_login import UserMixin, current_user
from sqlalchemy import select

from customerhub import history
from customerhub.permissions import Actor
from models import Organisation, User
from models.base import db


class SignedIn(UserMixin):
    """A user as Flask-Login wants them: with an identity that ends with the sign-in epoch.

    Everything else, such as name and role, is the user's own.
    """

    def __init__(self, user: User, organisation: Organisation | None = None) -> None:
        self.user = user
        self.organisation = organisation  # kept, so that asking the session for it again reads nothing

    def get_id(self) -> str:
        return f"{self.user.id}:{self.user.sign_in_epoch}"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.user, name)


def load(identity: str) -> SignedIn | None:
    """The person of a session, as long as they may sign in and their sign-in epoch is that of the session."""
    key, _, epoch = identity.partition(":")
    if not (key.isdecimal() and epoch.isdecimal()) or len(key) > 18 or len(epoch) > 9:
        return None
    found = db.session.execute(
        select(User, Organisation)
        .join(Organisation, Organisation.id == User.organisation_id)
        .where(User.id == int(key), User.sign_in_epoch == int(epoch), User.active, Organisation.active)
    ).first()
    return SignedIn(*found) if found is not None else None


def find_actor() -> Actor | None:
    """Who acts in this request and where, None where nobody is signed in."""
    person = current_user._get_current_object()
    if not person.is_authenticated:
        return None
    chosen = session.get("organisation_id") if person.user.platform else None
    known: tuple[SignedIn, Any, Actor] | None = g.get("known_actor")
    if known is None or known[0] is not person or known[1] != chosen:
        known = g.known_actor = person, chosen, Actor.of(person.user, _existing(chosen))
    return known[2]


def current_actor() -> Actor:
    """Who acts in this request. Ends it with the way to the sign-in page where nobody is signed in."""
    actor = find_actor()
    if actor is None:
        abort(current_app.login_manager.unauthorized())  # type: ignore[attr-defined]
    return actor


def _existing(chosen: Any) -> int | None:
    """The organisation that a person with the grant `platform` has chosen to work in, if there still is one."""
    return chosen if isinstance(chosen, int) and db.session.get(Organisation, chosen) is not None else None


def register(app: Flask) -> None:
    """Record the changes of every request as made by its actor, from the screen it is for."""
    app.before_request(_begin)
    app.teardown_request(_end)


def _begin() -> None:
    if request.endpoint == "static":
        return
    actor = find_actor()
    if actor is not None:
        g.acting = history.begin(actor, source())


def _end(_error: BaseException | None) -> None:
    token = g.pop("acting", None)
    if token is not None:
        history.end(token)


def source() -> str:
    """Where changes of this request come from: its address without what names a row or a secret."""
    rule = request.url_rule.rule if request.url_rule else ""
    words = [part for part in rule.split("/") if part and not part.startswith("<")]
    words += [str(value) for name, value in (request.view_args or {}).items() if name == "operation"]
    return f"screen {'/'.join(words) or 'start'}"

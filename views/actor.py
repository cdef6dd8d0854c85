"""Who is behind a request: the person signed in, as operations and the history know them."""

import re
from typing import Any

from flask import Flask, Response, abort, current_app, flash, g, request, session
from flask_login import UserMixin, current_user
from markupsafe import Markup
from sqlalchemy import exists, select

from customerhub import history, notices
from customerhub.permissions import Actor
from models import EndedSession, Organisation, User
from models.base import db
from views.errors import answer

FIELD = "working_in"  # of a form: the organisation that it was opened in
ANYWHERE = ("home.switch_organisation", "sign_in.sign_out")  # what is the same in whichever organisation one works


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


def load(identity: str, mark: str | None = None) -> SignedIn | None:
    """The person of a session, as long as they may sign in and their sign-in epoch is that of the session.

    `mark` is what tells the session from others: nobody is signed in by one that was ended.
    """
    key, _, epoch = identity.partition(":")
    if not (key.isdecimal() and epoch.isdecimal()) or len(key) > 18 or len(epoch) > 9:
        return None
    found = db.session.execute(
        select(User, Organisation)
        .join(Organisation, Organisation.id == User.organisation_id)
        .where(User.id == int(key), User.sign_in_epoch == int(epoch), User.active, Organisation.active)
        .where(~exists().where(EndedSession.mark == (mark or "")))
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
    app.jinja_env.globals["organisation_field"] = organisation_field
    app.before_request(_begin)
    app.teardown_request(_end)


def _begin() -> Response | None:
    if request.endpoint == "static":
        return None
    actor = find_actor()
    if actor is None:
        return None
    opened_in = request.form.get(FIELD) if request.method == "POST" else None
    if opened_in not in (None, str(actor.organisation_id)) and request.endpoint not in ANYWHERE:
        return _refused_elsewhere(actor, opened_in or "")
    g.acting = history.begin(actor, source())
    g.listening = notices.begin(lambda text: flash(text, "warning"))
    return None


def organisation_field() -> Markup:
    """The hidden field that tells the organisation a form is opened in, for people who work in several."""
    actor = find_actor()
    if actor is None or actor.user is None or not actor.user.platform:
        return Markup("")
    return Markup('<input type="hidden" name="{}" value="{}" autocomplete="off">').format(FIELD, actor.organisation_id)


def _refused_elsewhere(actor: Actor, opened_in: str) -> Response:
    """Somebody chose another organisation after they opened this form: it would be saved where it does not belong."""
    there = None
    if actor.user is not None and actor.user.platform:
        there = _existing(int(opened_in) if re.fullmatch("[0-9]{1,18}", opened_in) else None)
    name = db.session.get_one(Organisation, there).name if there else "another organisation"
    here = db.session.get_one(Organisation, actor.organisation_id).name
    text = f"You now work in {here}; this form was opened in {name}. Nothing was saved."
    if there:
        text += f" To save it there, choose {name} in another window, then send it again."
    return answer(409, "This form belongs to another organisation", text)


def _end(_error: BaseException | None) -> None:
    token = g.pop("acting", None)
    if token is not None:
        history.end(token)
        notices.end(g.pop("listening"))


def source() -> str:
    """Where changes of this request come from: its address without what names a row or a secret."""
    rule = request.url_rule.rule if request.url_rule else ""
    words = [part for part in rule.split("/") if part and not part.startswith("<")]
    words += [str(value) for name, value in (request.view_args or {}).items() if name == "operation"]
    return f"screen {'/'.join(words) or 'start'}"

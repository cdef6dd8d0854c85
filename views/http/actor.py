"""The actor of a request: the signed-in user, as operations and the history know them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, Response, abort, current_app, flash, g, request, session
from flask_login import UserMixin, current_user
from markupsafe import Markup
from sqlalchemy import exists, select

from customerhub.core import history, notices
from customerhub.core.permissions import Actor
from models import EndedSession, Organisation, User
from models.base import db
from views.http.error_pages import error_response
from views.http.urls import parse_id

ORGANISATION_FIELD = "working_in"  # of a form: the organisation that it was opened in
ORGANISATION_INDEPENDENT = (
    "home.switch_organisation",
    "sign_in.sign_out",
)  # what is the same in whichever organisation one works


class SessionUser(UserMixin):
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


def load_user(identity: str, session_mark: str | None = None) -> SessionUser | None:
    """The person of a session, as long as they may sign in and their sign-in epoch is that of the session.

    `session_mark` identifies the session: one that was ended signs nobody in.
    """
    key, _, epoch = identity.partition(":")
    if not (key.isdecimal() and epoch.isdecimal()) or len(key) > 18 or len(epoch) > 9:
        return None
    row = db.session.execute(
        select(User, Organisation)
        .join(Organisation, Organisation.id == User.organisation_id)
        .where(User.id == int(key), User.sign_in_epoch == int(epoch), User.active, Organisation.active)
        .where(~exists().where(EndedSession.mark == (session_mark or "")))
    ).first()
    return SessionUser(*row) if row is not None else None


def find_actor() -> Actor | None:
    """Who acts in this request and where, or whose job this is; None where nobody is signed in."""
    if "job_actor" in g:
        job_actor: Actor = g.job_actor
        return job_actor
    person = current_user._get_current_object()
    if not person.is_authenticated:
        return None
    organisation_id = session.get("organisation_id") if person.user.platform else None
    cached: tuple[SessionUser, Any, Actor] | None = g.get("known_actor")
    if cached is None or cached[0] is not person or cached[1] != organisation_id:
        cached = g.known_actor = (
            person,
            organisation_id,
            Actor.from_user(person.user, _find_organisation_id(organisation_id)),
        )
    return cached[2]


@contextmanager
def acting_for_job(actor: Actor) -> Iterator[None]:
    """Within this block it is `actor` who acts: screens work for somebody who is not there."""
    g.job_actor = actor
    try:
        yield
    finally:
        g.pop("job_actor")


def current_actor() -> Actor:
    """Who acts in this request. Ends it with the way to the sign-in page where nobody is signed in."""
    actor = find_actor()
    if actor is None:
        abort(current_app.login_manager.unauthorized())  # type: ignore[attr-defined]
    return actor


def _find_organisation_id(organisation_id: Any) -> int | None:
    """The organisation that a person with the grant `platform` has chosen to work in, if there still is one."""
    return (
        organisation_id
        if isinstance(organisation_id, int) and db.session.get(Organisation, organisation_id) is not None
        else None
    )


def register(app: Flask) -> None:
    """Record the changes of every request as made by its actor, from the screen it is for."""
    app.jinja_env.globals["organisation_field"] = organisation_field
    app.before_request(_begin_request)
    app.teardown_request(_end_request)


def _begin_request() -> Response | None:
    if request.endpoint == "static":
        return None
    actor = find_actor()
    if actor is None:
        return None
    opened_in = request.form.get(ORGANISATION_FIELD) if request.method == "POST" else None
    if opened_in not in (None, str(actor.organisation_id)) and request.endpoint not in ORGANISATION_INDEPENDENT:
        return _refuse_other_organisation(actor, opened_in or "")
    g.acting = history.set_actor(actor, request_source())
    g.listening = notices.start_listening(lambda text: flash(text, "warning"))
    return None


def organisation_field() -> Markup:
    """The hidden field with the organisation that a form is opened in, for users who work in several."""
    actor = find_actor()
    if actor is None or actor.user is None or not actor.user.platform:
        return Markup("")
    return Markup('<input type="hidden" name="{}" value="{}" autocomplete="off">').format(
        ORGANISATION_FIELD, actor.organisation_id
    )


def _refuse_other_organisation(actor: Actor, opened_in: str) -> Response:
    """Somebody chose another organisation after they opened this form: it would be saved where it does not belong."""
    form_organisation_id = None
    if actor.user is not None and actor.user.platform:
        form_organisation_id = _find_organisation_id(parse_id(opened_in))
    name = (
        db.session.get_one(Organisation, form_organisation_id).name if form_organisation_id else "another organisation"
    )
    current_name = db.session.get_one(Organisation, actor.organisation_id).name
    text = f"You now work in {current_name}; this form was opened in {name}. Nothing was saved."
    if form_organisation_id:
        text += f" To save it in {name}, switch to that organisation in another window and submit the form again."
    return error_response(409, "This form belongs to another organisation", text)


def _end_request(_error: BaseException | None) -> None:
    token = g.pop("acting", None)
    if token is not None:
        history.reset_actor(token)
        notices.stop_listening(g.pop("listening"))


def request_source() -> str:
    """Where changes of this request come from: its address without what names a row or a secret."""
    rule = request.url_rule.rule if request.url_rule else ""
    words = [part for part in rule.split("/") if part and not part.startswith("<")]
    words += [str(value) for name, value in (request.view_args or {}).items() if name == "operation"]
    return f"screen {'/'.join(words) or 'start'}"

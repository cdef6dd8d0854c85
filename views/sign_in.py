"""Signing in and out, and one-time links to choose a password."""

import json
import secrets
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_login import LoginManager, current_user, login_user, logout_user
from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField
from wtforms.validators import DataRequired, EqualTo

from customerhub import clock, history, outbox
from customerhub.config import Settings
from customerhub.errors import HubError, Invalid, WrongState
from customerhub.permissions import Actor
from customerhub.users import passwords
from customerhub.users import sign_in as signing
from customerhub.users.links import PATH, OneTimeLinks
from jobs import mail
from models import Organisation, User
from models.base import db
from models.sqlite import only_reading
from views import actor, limits, reading
from views.errors import answer
from views.forms import email_field
from views.frame import home_url
from views.limits import limited

DEMO_LOGINS = "demo_logins.json"
EVEN_SECONDS = 0.3  # how long asking for a link takes, so that it does not tell whether there is an account
LONGEST_NEXT = 2000
FULL_SESSION_SECONDS = 7 * 24 * 3600  # after these a session ends, however busy it is

ANOTHER = "If the account is still open, a new link is on its way to its email address."
ASKED = "If there is an account with this address, a link to choose a new password is on its way to it."


class SignInForm(FlaskForm):
    email = email_field("Email", "Enter your email address", autocomplete="username", autofocus=True)
    password = PasswordField(
        "Password", [DataRequired("Enter your password")], render_kw={"autocomplete": "current-password"}
    )


class ForgottenForm(FlaskForm):
    email = email_field("Email", "Enter your email address", autocomplete="username", autofocus=True)


class AnotherLinkForm(FlaskForm):
    another = HiddenField(default="yes")


class NewPasswordForm(FlaskForm):
    password = PasswordField(
        "New password", [DataRequired("Choose a password")], description=passwords.RULE,
        render_kw={"autocomplete": "new-password", "autofocus": True},
    )  # fmt: skip
    again = PasswordField(
        "The same again", [EqualTo("password", "This is not the same as above")],
        render_kw={"autocomplete": "new-password"},
    )  # fmt: skip


def register(app: Flask) -> None:
    reading.register(app)
    manager = LoginManager(app)
    manager.session_protection = None
    manager.user_loader(_load)
    manager.unauthorized_handler(_to_sign_in)
    limiter = limits.make_limiter(app)
    actor.register(app)
    outbox.announce = mail.announce
    by_address, by_account = limits.address, limits.account
    sign_in_limits = (
        (limits.SIGN_IN_BY_ADDRESS, by_address),
        (limits.SIGN_IN_BY_BOTH, limits.account_and_address),
        (limits.SIGN_IN_BY_ACCOUNT, limits.account_of_strangers),
    )
    pages = Blueprint("sign_in", __name__)
    pages.add_url_rule(
        "/sign-in",
        view_func=limited(limiter, sign_in, *sign_in_limits),
        methods=["GET", "POST"],
    )
    pages.add_url_rule("/sign-out", view_func=sign_out, methods=["POST"])
    pages.add_url_rule(
        "/forgotten",
        view_func=limited(
            limiter, forgotten, (limits.LINK_BY_ADDRESS, by_address), (limits.LINK_BY_ACCOUNT, by_account), every=True
        ),
        methods=["GET", "POST"],
    )
    pages.add_url_rule(
        f"{PATH}<token>",
        view_func=limited(limiter, set_password, (limits.LINK_BY_ADDRESS, by_address), every=True),
        methods=["GET", "POST"],
    )
    app.register_blueprint(pages)


# --- Sessions ----------------------------------------------------------------------------------------------


def _load(identity: str) -> actor.SignedIn | None:
    began = session.get("began")
    if not isinstance(began, int) or clock.now().timestamp() - began > FULL_SESSION_SECONDS:
        return None
    return actor.load(identity, session.get("mark"))


def begin_session(user: User) -> None:
    """Sign `user` in on this browser with a session of its own: nothing of the one before goes on."""
    session.clear()
    session.permanent = True
    session["began"] = int(clock.now().timestamp())
    session["mark"] = secrets.token_hex(8)
    login_user(actor.SignedIn(user))


def _to_sign_in() -> Any:
    """What somebody gets who is not signed in and has to be."""
    if request.is_json or request.accept_mimetypes.best == "application/json":
        return answer(401, "Please sign in", "Sign in first.")
    wanted = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("sign_in.sign_in", next=safe_next(wanted) if wanted != "/" else None), 303)


def safe_next(target: str | None) -> str | None:
    """`target` where it is a path on this site, as every browser reads it; None for anything else."""
    if not target or len(target) > LONGEST_NEXT:
        return None
    if not target.startswith("/") or target.startswith("//") or "\\" in target or not target.isprintable():
        return None
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or parts.path.startswith(("/sign-in", "/sign-out", PATH)):
        return None
    return target


# --- Pages -------------------------------------------------------------------------------------------------


def sign_in() -> Any:
    """The sign-in page."""
    if current_user.is_authenticated and request.method == "GET":
        return redirect(safe_next(request.args.get("next")) or home_url(), 303)
    form = SignInForm()
    if form.validate_on_submit():
        try:
            _sign_in(form.email.data, form.password.data)
        except HubError as error:
            db.session.rollback()
            return _sign_in_page(form, [error.message]), 401
        limits.remember_address()
        return redirect(safe_next(request.args.get("next")) or home_url(), 303)
    return _sign_in_page(form), 422 if request.method == "POST" else 200


def _sign_in(email: str, password: str) -> None:
    """Check the password with no lock held on the database: that takes long, and anybody may ask for it."""
    db.session.rollback()
    token = only_reading.set(True)
    try:
        user = signing.authenticate(email, password)
        epoch = user.sign_in_epoch
        db.session.rollback()
    finally:
        only_reading.reset(token)
    if user.sign_in_epoch != epoch:
        raise Invalid(signing.WRONG)
    signing.note_sign_in(user, password=password, at=clock.now())
    _end_session()
    db.session.commit()
    begin_session(user)


def _end_session() -> None:
    """End the session of this browser, if it has one, for every copy of its cookie too."""
    mark = session.get("mark")
    if current_user.is_authenticated and isinstance(mark, str):
        signing.end_session(mark, at=clock.now())


def _sign_in_page(form: FlaskForm, errors: Sequence[str] = ()) -> str:
    return _page(
        "Sign in",
        form,
        errors=errors,
        button="Sign in",
        links=[{"label": "Forgotten your password?", "url": url_for("sign_in.forgotten")}],
        demo_logins=demo_logins(),
    )


def sign_out() -> Any:
    _end_session()
    db.session.commit()
    logout_user()
    session.clear()
    flash("You are signed out.", "success")
    return redirect(url_for("sign_in.sign_in"), 303)


def forgotten() -> Any:
    """Asks for a one-time link. The answer is the same, and takes as long, whoever asks."""
    form = ForgottenForm()
    if not form.validate_on_submit():
        status = 422 if request.method == "POST" else 200
        text = "Enter your email address. We send you a link to choose a new password."
        return _page("Forgotten your password?", form, text=text, button="Send the link", links=_back()), status
    begun = time.monotonic()
    signing.request_reset(form.email.data, links=one_time_links())
    db.session.commit()
    time.sleep(max(0.0, EVEN_SECONDS - (time.monotonic() - begun)))
    return _page("Look into your mailbox", None, text=ASKED, links=_back())


def set_password(token: str) -> Any:
    """Where a one-time link leads. It works once; looking at it does not use it up."""
    try:
        user = one_time_links().read(token)
    except WrongState as error:
        return _secret(_past(token, error.message))
    form = NewPasswordForm()
    if form.validate_on_submit():
        try:
            with history.acting(Actor.of(user), actor.source()):
                signing.set_password(user, form.password.data)
            signing.note_sign_in(user, password=form.password.data, at=clock.now())
            _end_session()
            db.session.commit()
        except Invalid as error:
            db.session.rollback()
            form.password.errors = [error.message]
        else:
            begin_session(user)
            flash("Your password is set.", "success")
            return _secret(redirect(home_url(), 303))
    page = _page("Choose a password", form, text=_whose(user), button="Set the password")
    return _secret(current_app.make_response((page, 422 if request.method == "POST" else 200)))


def _whose(user: User) -> str:
    """Whose account the password is for; of a portal user also whose portal it opens."""
    if user.customer is None:
        return f"For {user.email}"
    organisation = db.session.get_one(Organisation, user.organisation_id)
    return f"For {user.email}, who signs in to the portal of {user.customer} at {organisation.name}"


def _past(token: str, why: str) -> Any:
    """What somebody gets who comes with a link that no longer works: the way to a new one."""
    links, title = one_time_links(), "This link no longer works"
    if links.find_owner(token) is None:
        way_on = {"label": "Ask for a new link", "url": url_for("sign_in.forgotten")}
        return answer(410, title, why, way_on=way_on)
    form = AnotherLinkForm()
    if "another" in request.form and form.validate_on_submit():
        signing.request_another(token, links=links)
        db.session.commit()
        return _page("Look into your mailbox", None, text=ANOTHER, links=_back())
    other = [{"label": "Ask with your email address", "url": url_for("sign_in.forgotten")}]
    return _page(title, form, text=why, button="Send me a new link", links=other), 410


def _secret(response: Any) -> Response:
    """An answer to an address that holds a secret: no other page is told of it, and it is not kept."""
    told: Response = current_app.make_response(response)
    told.headers["Referrer-Policy"] = "no-referrer"
    told.headers["Cache-Control"] = "no-store"
    return told


def _page(title: str, form: FlaskForm | None, **more: Any) -> str:
    return render_template("sign.html", page={"title": title, "form": form, **more})


def _back() -> list[dict[str, str]]:
    return [{"label": "Back to sign-in", "url": url_for("sign_in.sign_in")}]


def one_time_links() -> OneTimeLinks:
    """What makes and reads the one-time links of this hub."""
    return OneTimeLinks.of(current_app.config["HUB"])


def demo_logins() -> list[tuple[str, str, str]] | None:
    """(role, email, password) of each demo account, where the demo data has left them in the data folder."""
    settings: Settings = current_app.config["HUB"]
    try:
        kept = json.loads((settings.data_dir / DEMO_LOGINS).read_text(encoding="utf-8"))
        return [(login["role"], login["email"], login["password"]) for login in kept] or None
    except (OSError, ValueError, KeyError, TypeError):
        return None

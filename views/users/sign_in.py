"""Signing in and out, and one-time links to choose a password."""

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

from customerhub.core import clock, history
from customerhub.core.config import Settings, is_loopback
from customerhub.core.errors import HubError, Invalid, WrongState
from customerhub.core.permissions import Actor
from customerhub.core.redaction import PATH
from customerhub.users import demo_logins, passwords
from customerhub.users import sign_in as user_sign_in
from customerhub.users.links import get_one_time_links
from models import Organisation, User
from models.base import db
from models.sqlite import is_read_only
from views.framework.forms import email_field
from views.framework.layout import home_url
from views.http import actor, rate_limits, read_only
from views.http.error_pages import error_response
from views.http.rate_limits import limit_view

RESPONSE_SECONDS = 0.3  # how long asking for a link takes, so that it does not tell whether there is an account
MAX_NEXT_LENGTH = 2000
FULL_SESSION_SECONDS = 7 * 24 * 3600  # after these a session ends, however busy it is

NEW_LINK_SENT = "If the account is still active, a new link has been sent to its email address."
RESET_LINK_SENT = "If there is an account with this address, a link to choose a new password has been sent to it."


class SignInForm(FlaskForm):
    email = email_field("Email", "Enter your email address", autocomplete="username", autofocus=True)
    password = PasswordField(
        "Password", [DataRequired("Enter your password")], render_kw={"autocomplete": "current-password"}
    )


class ForgotPasswordForm(FlaskForm):
    email = email_field("Email", "Enter your email address", autocomplete="username", autofocus=True)


class NewLinkForm(FlaskForm):
    another = HiddenField(default="yes")


class NewPasswordForm(FlaskForm):
    password = PasswordField(
        "New password",
        [DataRequired("Choose a password")],
        description=passwords.PASSWORD_HINT,
        render_kw={"autocomplete": "new-password", "autofocus": True},
    )
    again = PasswordField(
        "Confirm password",
        [EqualTo("password", "The passwords do not match")],
        render_kw={"autocomplete": "new-password"},
    )


def register(app: Flask) -> None:
    read_only.register(app)
    manager = LoginManager(app)
    manager.session_protection = None
    manager.user_loader(_load_user)
    manager.unauthorized_handler(_redirect_to_sign_in)
    limiter = rate_limits.make_limiter(app)
    actor.register(app)
    by_address, by_account = rate_limits.client_address, rate_limits.submitted_account
    sign_in_limits = (
        (rate_limits.SIGN_IN_BY_ADDRESS, by_address),
        (rate_limits.SIGN_IN_BY_ACCOUNT_AND_ADDRESS, rate_limits.account_and_address),
        (rate_limits.SIGN_IN_BY_ACCOUNT, rate_limits.account_unless_known_address),
    )
    pages = Blueprint("sign_in", __name__)
    pages.add_url_rule(
        "/sign-in",
        view_func=limit_view(limiter, sign_in, *sign_in_limits),
        methods=["GET", "POST"],
    )
    pages.add_url_rule("/sign-out", view_func=sign_out, methods=["POST"])
    pages.add_url_rule(
        "/forgotten",
        view_func=limit_view(
            limiter,
            forgot_password,
            (rate_limits.LINK_BY_ADDRESS, by_address),
            (rate_limits.LINK_BY_ACCOUNT, by_account),
            counts_all=True,
        ),
        methods=["GET", "POST"],
    )
    pages.add_url_rule(
        f"{PATH}<token>",
        view_func=limit_view(limiter, set_password, (rate_limits.LINK_BY_ADDRESS, by_address), counts_all=True),
        methods=["GET", "POST"],
    )
    app.register_blueprint(pages)


# --- Sessions ----------------------------------------------------------------------------------------------


def _load_user(identity: str) -> actor.SessionUser | None:
    started_at = session.get("began")
    if not isinstance(started_at, int) or clock.get_now().timestamp() - started_at > FULL_SESSION_SECONDS:
        return None
    if session.get("demo") and not _accepts_demo_logins():
        return None
    return actor.load_user(identity, session.get("mark"))


def begin_session(user: User, *, by_demo_password: bool = False) -> None:
    """Sign `user` in on this browser with a session of its own: nothing of the one before goes on.

    One begun `by_demo_password` is valid for as long as that password is.
    """
    session.clear()
    if by_demo_password:
        session["demo"] = True
    session.permanent = True
    session["began"] = int(clock.get_now().timestamp())
    session["mark"] = secrets.token_hex(8)
    login_user(actor.SessionUser(user))


def _redirect_to_sign_in() -> Any:
    """What somebody gets who is not signed in and has to be."""
    if request.is_json or request.accept_mimetypes.best == "application/json":
        return error_response(401, "Please sign in", "Sign in first.")
    requested_path = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("sign_in.sign_in", next=safe_next(requested_path) if requested_path != "/" else None), 303)


def safe_next(target: str | None) -> str | None:
    """`target` where it is a path on this site, as every browser reads it; None for anything else."""
    if not target or len(target) > MAX_NEXT_LENGTH:
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
        rate_limits.remember_address()
        return redirect(safe_next(request.args.get("next")) or home_url(), 303)
    return _sign_in_page(form), 422 if request.method == "POST" else 200


def _sign_in(email: str, password: str) -> None:
    """Check the password with no lock held on the database: that takes long, and anybody may ask for it."""
    db.session.rollback()
    token = is_read_only.set(True)
    try:
        user = user_sign_in.authenticate(email, password, accepts_demo=_accepts_demo_logins())
        epoch = user.sign_in_epoch
        db.session.rollback()
    finally:
        is_read_only.reset(token)
    if user.sign_in_epoch != epoch:
        raise Invalid(user_sign_in.WRONG_CREDENTIALS)
    user_sign_in.record_sign_in(user, password=password, at=clock.get_now())
    _end_session()
    db.session.commit()
    begin_session(user, by_demo_password=passwords.is_demo_password(password))


def _end_session() -> None:
    """End the session of this browser, if it has one, for every copy of its cookie too."""
    mark = session.get("mark")
    if current_user.is_authenticated and isinstance(mark, str):
        user_sign_in.end_session(mark, at=clock.get_now())


def _sign_in_page(form: FlaskForm, errors: Sequence[str] = ()) -> str:
    return _page(
        "Sign in",
        form,
        errors=errors,
        button="Sign in",
        links=[{"label": "Forgot password?", "url": url_for("sign_in.forgot_password")}],
        demo_logins=demo_logins.list_logins(_settings()) if _accepts_demo_logins() else [],
    )


def sign_out() -> Any:
    _end_session()
    db.session.commit()
    logout_user()
    session.clear()
    flash("You are signed out.", "success")
    return redirect(url_for("sign_in.sign_in"), 303)


def forgot_password() -> Any:
    """Asks for a one-time link. The answer is the same, and takes as long, whoever asks."""
    form = ForgotPasswordForm()
    if not form.validate_on_submit():
        status = 422 if request.method == "POST" else 200
        text = "Enter your email address. We will send you a link to choose a new password."
        return _page("Forgot password?", form, text=text, button="Send link", links=_back_links()), status
    started_at = time.monotonic()
    user_sign_in.request_reset(form.email.data, links=get_one_time_links())
    db.session.commit()
    time.sleep(max(0.0, RESPONSE_SECONDS - (time.monotonic() - started_at)))
    return _page("Check your email", None, text=RESET_LINK_SENT, links=_back_links())


def set_password(token: str) -> Any:
    """Where a one-time link leads. It works once; looking at it does not use it up."""
    try:
        user = get_one_time_links().read(token)
    except WrongState as error:
        return _secret_response(_expired_link_page(token, error.message))
    form = NewPasswordForm()
    if form.validate_on_submit():
        try:
            with history.act_as(Actor.from_user(user), actor.request_source()):
                user_sign_in.set_password(user, form.password.data)
            user_sign_in.record_sign_in(user, password=form.password.data, at=clock.get_now())
            _end_session()
            db.session.commit()
        except Invalid as error:
            db.session.rollback()
            form.password.errors = [error.message]
        else:
            begin_session(user)
            flash("Your password is set.", "success")
            return _secret_response(redirect(home_url(), 303))
    page = _page("Choose a password", form, text=_describe_account(user), button="Set password")
    return _secret_response(current_app.make_response((page, 422 if request.method == "POST" else 200)))


def _describe_account(user: User) -> str:
    """Whose account the password is for; of a portal user also whose portal it opens."""
    if user.customer is None:
        return f"For {user.email}"
    organisation = db.session.get_one(Organisation, user.organisation_id)
    return f"For {user.email}, who signs in to the portal of {user.customer} at {organisation.name}"


def _expired_link_page(token: str, reason: str) -> Any:
    """What somebody gets who comes with a link that no longer works: the way to a new one."""
    links, title = get_one_time_links(), "This link no longer works"
    if links.find_owner(token) is None:
        way_on = {"label": "Request a new link", "url": url_for("sign_in.forgot_password")}
        return error_response(410, title, reason, link=way_on)
    form = NewLinkForm()
    if "another" in request.form and form.validate_on_submit():
        user_sign_in.request_new_link(token, links=links)
        db.session.commit()
        return _page("Check your email", None, text=NEW_LINK_SENT, links=_back_links())
    other_links = [{"label": "Request with your email address", "url": url_for("sign_in.forgot_password")}]
    return _page(title, form, text=reason, button="Send me a new link", links=other_links), 410


def _secret_response(response: Any) -> Response:
    """An answer to an address that holds a secret: no other page is told of it, and it is not kept."""
    secret_response: Response = current_app.make_response(response)
    secret_response.headers["Referrer-Policy"] = "no-referrer"
    secret_response.headers["Cache-Control"] = "no-store"
    return secret_response


def _page(title: str, form: FlaskForm | None, **more: Any) -> str:
    return render_template("account/sign.html", page={"title": title, "form": form, **more})


def _back_links() -> list[dict[str, str]]:
    return [{"label": "Back to sign-in", "url": url_for("sign_in.sign_in")}]


def _settings() -> Settings:
    settings: Settings = current_app.config["HUB"]
    return settings


def _accepts_demo_logins() -> bool:
    """Whether the demo's passwords are valid: nobody else reaches the hub by its settings, nor has now.

    A web server can be told by its own options to listen elsewhere than the settings say.
    """
    return _settings().is_private and is_loopback(request.remote_addr or "")

"""The user's own account: name, password, sessions."""

from typing import Any, cast

from flask import Blueprint, Flask, current_app, flash, g, redirect, render_template, request, session, url_for
from flask_login import current_user, login_required, logout_user
from flask_wtf import FlaskForm
from wtforms import BooleanField, PasswordField, StringField
from wtforms.validators import DataRequired, EqualTo

from customerhub.core.config import Settings
from customerhub.core.errors import HubError, Invalid
from customerhub.core.permissions import STAFF
from customerhub.users import passwords
from customerhub.users import sign_in as user_sign_in
from models import User
from models.base import db
from views.http import rate_limits
from views.http.rate_limits import limit_view
from views.users.sign_in import begin_session

PROFILE_FIELDS = ("name", "notify_by_email", "daily_digest", "single_key_shortcuts")
NO_MAIL_SERVER = "No mail server is configured: emails are kept in the outbox and not sent."


class ProfileForm(FlaskForm):
    name = StringField("Name", [DataRequired("Enter your name")], render_kw={"autocomplete": "name"})
    single_key_shortcuts = BooleanField(
        "Shortcuts of one key",
        description="Such as n to add a record. Turn them off if they get in the way of speech input.",
    )
    notify_by_email = BooleanField("Email me when I am mentioned, or when work is assigned to me")
    daily_digest = BooleanField(
        "Email me every morning what is waiting for me",
        description="One email a day with your tasks, follow-ups, reviews and all else on the start page. On days on "
        "which nothing is waiting, nothing is sent.",
    )


class PasswordForm(FlaskForm):
    old = PasswordField(
        "Current password",
        [DataRequired("Enter your current password")],
        render_kw={"autocomplete": "current-password"},
    )
    new = PasswordField(
        "New password",
        [DataRequired("Choose a password")],
        description=passwords.PASSWORD_HINT,
        render_kw={"autocomplete": "new-password"},
    )
    again = PasswordField(
        "Confirm password",
        [EqualTo("new", "The passwords do not match")],
        render_kw={"autocomplete": "new-password"},
    )


class ConfirmForm(FlaskForm):
    """Nothing to fill in."""


def register(app: Flask) -> None:
    (limiter,) = app.extensions["limiter"]
    pages = Blueprint("profile", __name__, url_prefix="/profile")
    pages.add_url_rule("/", view_func=edit_profile, methods=["GET", "POST"])
    pages.add_url_rule(
        "/password",
        view_func=limit_view(limiter, change_password, (rate_limits.PASSWORD_BY_PERSON, rate_limits.current_person)),
        methods=["GET", "POST"],
    )
    pages.add_url_rule("/sign-out-everywhere", view_func=sign_out_everywhere, methods=["GET", "POST"])
    app.register_blueprint(pages)


@login_required
def edit_profile() -> Any:
    """Change the name, and of staff shortcuts and mails about colleagues' notes; links lead to the password and
    sessions.
    """
    user: User = current_user.user
    form = ProfileForm(obj=user)
    if user.role not in STAFF:  # whose pages have no shortcuts and no notes
        del form.notify_by_email, form.daily_digest, form.single_key_shortcuts
    if form.validate_on_submit():
        try:
            user_sign_in.save_profile(user, **{name: form.data[name] for name in PROFILE_FIELDS if name in form})
            db.session.commit()
        except HubError as error:
            db.session.rollback()
            form.name.errors = [error.message]
        else:
            flash("Your profile was saved.", "success")
            return redirect(url_for("profile.edit_profile"), 303)
    has_no_server = "daily_digest" in form and cast(Settings, current_app.config["HUB"]).smtp_url is None
    banners = [{"kind": "warning", "text": NO_MAIL_SERVER}] if has_no_server else []
    links = [
        {"label": "Change password", "url": url_for("profile.change_password")},
        {"label": "Sign out everywhere", "url": url_for("profile.sign_out_everywhere")},
    ]
    return _page("My profile", form, text=f"You sign in with {user.email}", button="Save", links=links, banners=banners)


@login_required
def change_password() -> Any:
    """Change the password. All other sessions end, this one goes on."""
    user: User = current_user.user
    form = PasswordForm()
    if form.validate_on_submit():
        try:
            user_sign_in.change_password(user, form.old.data, form.new.data)
            db.session.commit()
        except Invalid as error:
            db.session.rollback()
            form[error.field or "new"].errors = [error.message]
        else:
            begin_session(user)
            flash("Your password was changed. You are signed out everywhere else.", "success")
            return redirect(url_for("profile.edit_profile"), 303)
    return _page("Change password", form, button="Change password", links=_back_links())


@login_required
def sign_out_everywhere() -> Any:
    """End every session of the person, this one among them."""
    form = ConfirmForm()
    if form.validate_on_submit():
        user_sign_in.sign_out_everywhere(current_user.user)
        db.session.commit()
        logout_user()
        session.clear()
        flash("You are signed out everywhere.", "success")
        return redirect(url_for("sign_in.sign_in"), 303)
    text = "Signs you out on this and all other devices. Links to choose a password also stop working."
    return _page("Sign out everywhere", form, text=text, button="Sign out everywhere", links=_back_links())


def _page(title: str, form: FlaskForm, **more: Any) -> tuple[str, int]:
    profile_url = url_for("profile.edit_profile")
    g.crumbs = [("My profile", profile_url)] + ([] if request.path == profile_url else [(title, None)])
    page = render_template("account/sign.html", page={"title": title, "form": form, **more})
    return page, 422 if request.method == "POST" else 200


def _back_links() -> list[dict[str, str]]:
    return [{"label": "Back to my profile", "url": url_for("profile.edit_profile")}]

"""Sending a test mail, and seeing what the mail server says to it."""

from typing import Any

from flask import Blueprint, Flask, abort, current_app, flash, g, redirect, render_template, request, url_for
from flask_login import login_required
from flask_wtf import FlaskForm

from customerhub.config import Settings
from customerhub.errors import HubError
from customerhub.notifications.trial import put_trial
from customerhub.permissions import Permission
from jobs import mail
from jobs.smtp import server_of
from models import OutboxMessage
from models.base import db
from models.enums import OutboxState
from views import limits, once
from views.actor import current_actor
from views.filling import tell
from views.forms import email_field
from views.limits import limited
from views.operation import OperationPage

LABEL = "Send a test mail"


class TrialForm(FlaskForm):
    recipient = email_field("To", "An email address is needed")


def register(app: Flask) -> None:
    (limiter,) = app.extensions["limiter"]
    pages = Blueprint("outbox_trial", __name__, url_prefix="/admin/outbox/test")
    view = limited(limiter, login_required(trial), (limits.TRIAL_BY_PERSON, limits.person), every=True)
    pages.add_url_rule("/", "trial", view_func=view, methods=["GET", "POST"])
    app.register_blueprint(pages)


def trial() -> Any:
    """To whom it goes; on POST it is sent at once, and what the server answered is shown with the message."""
    actor = current_actor()
    if not actor.may(Permission.OUTBOX_SEND):
        abort(403)
    back = url_for("outbox.index_view")
    sent = once.claim() if request.method == "POST" else None
    if sent is not None:
        return sent.lead_on(back)
    g.crumbs = [("System", None), ("Outbox", back), (LABEL, None)]
    form = TrialForm(data={"recipient": actor.user.email if actor.user else ""})
    page = OperationPage(title=LABEL, explain=_explain(), form=form, button=LABEL, back_url=back)
    if form.validate_on_submit():
        try:
            message = put_trial(form.recipient.data or "", actor=actor)
            led_to = url_for("outbox.details_view", id=message.id)
            once.lead_to(led_to)
            mail.try_out(message)
        except HubError as error:
            db.session.rollback()
            page.errors += tell(form, error)
        else:
            _say(message)
            return redirect(led_to, 303)
    return render_template("operation.html", page=page), 422 if request.method == "POST" else 200


def _explain() -> str:
    settings: Settings = current_app.config["HUB"]
    if settings.smtp_url is None:
        return (
            "No mail server is set: the mail is kept in the outbox and nothing leaves. To have mail sent, set SMTP_URL "
            "to an address such as smtp://user:password@mail.example.com:587 and start the hub again."
        )
    return (
        f"It is handed to the mail server {server_of(settings.smtp_url)} at once, and you see what the server says. "
        f"That takes {mail.TRIAL_SECONDS:g} seconds at the most."
    )


def _say(message: OutboxMessage) -> None:
    if message.state is OutboxState.SENT:
        flash(f"The mail server took it. It said: {message.answer}", "success")
    elif message.state is OutboxState.FAILED:
        flash(f"It was not sent: {message.last_error}", "error")
    else:
        flash("It was kept here and nothing left, because no mail server is set (SMTP_URL).", "info")

"""Sending a test mail, and the mail server's answer."""

from typing import Any

from flask import Blueprint, Flask, abort, current_app, flash, g, redirect, render_template, request, url_for
from flask_login import login_required
from wtforms import Form

from customerhub.core.config import Settings
from customerhub.core.errors import HubError
from customerhub.core.permissions import Permission
from customerhub.mail.mail_check import enqueue_test_mail
from customerhub.mail.smtp import server_of
from jobs import mail
from models import OutboxMessage
from models.base import db
from models.enums import OutboxState
from views.framework.form_binding import attach_errors
from views.framework.forms import email_field
from views.framework.operation import OperationPage
from views.http import form_tokens, rate_limits
from views.http.actor import current_actor
from views.http.rate_limits import limit_view

LABEL = "Send a test email"


class TestEmailForm(Form):
    recipient = email_field("To", "Enter an email address")


def register(app: Flask) -> None:
    (limiter,) = app.extensions["limiter"]
    pages = Blueprint("outbox_trial", __name__, url_prefix="/admin/outbox/test")
    view = limit_view(
        limiter,
        login_required(send_test_email),
        (rate_limits.TEST_MAIL_BY_PERSON, rate_limits.current_person),
        counts_all=True,
    )
    pages.add_url_rule("/", "trial", view_func=view, methods=["GET", "POST"])
    app.register_blueprint(pages)


def send_test_email() -> Any:
    """To whom it goes; on POST it is sent at once, and what the server answered is shown with the message."""
    actor = current_actor()
    if not actor.has_permission(Permission.OUTBOX_SEND):
        abort(403)
    back = url_for("outbox.index_view")
    duplicate_submission = form_tokens.claim_token() if request.method == "POST" else None
    if duplicate_submission is not None:
        return duplicate_submission.redirect_again(back)
    g.crumbs = [("System", None), ("Outbox", back), (LABEL, None)]
    posted = request.form if request.method == "POST" else None
    form = TestEmailForm(posted, data={"recipient": actor.user.email if actor.user else ""})
    page = OperationPage(title=LABEL, explanation=_explanation(), form=form, button=LABEL, back_url=back)
    if posted is not None and form.validate():
        try:
            message = enqueue_test_mail(form.recipient.data or "", actor=actor)
            redirect_url = url_for("outbox.details_view", id=message.id)
            form_tokens.set_redirect(redirect_url)
            mail.send_test_message(message)
        except HubError as error:
            db.session.rollback()
            page.errors += attach_errors(form, error)
        else:
            _flash_result(message)
            return redirect(redirect_url, 303)
    return render_template("screens/operation.html", page=page), 422 if request.method == "POST" else 200


def _explanation() -> str:
    settings: Settings = current_app.config["HUB"]
    if settings.smtp_url is None:
        return (
            "No mail server is configured: the email is kept in the outbox and not sent. To send emails, set SMTP_URL "
            "to an address such as smtp://user:password@mail.example.com:587 and restart the hub."
        )
    return (
        f"The email is sent through the mail server {server_of(settings.smtp_url)} immediately and the server's "
        f"response is shown. This takes at most {mail.TEST_MAIL_SECONDS:g} seconds."
    )


def _flash_result(message: OutboxMessage) -> None:
    if message.state is OutboxState.SENT:
        flash(f"Accepted by the mail server: {message.answer}", "success")
    elif message.state is OutboxState.FAILED:
        flash(f"Not sent: {message.last_error}", "error")
    else:
        flash("Not sent: no mail server is configured (SMTP_URL). The message is kept in the outbox.", "info")

"""Outbox: every message that was sent, is kept or waits, and why."""

from typing import Any

from flask import Response, request, url_for
from flask_admin import expose

from customerhub import clock, outbox
from customerhub.outbox import AGAIN, CANCEL, bodies, cancel, send_again
from customerhub.permissions import Permission
from models import OutboxMessage
from models.enums import OutboxState
from views.base import HubModelView
from views.columns import Column, Filter, moment
from views.editing import DetailsPage
from views.operation import Operation
from views.words import sentence, word

FRAMED = (
    "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'self'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)
TONES = {
    OutboxState.WAITING: "amber",
    OutboxState.SENT: "green",
    OutboxState.HELD: "blue",
    OutboxState.FAILED: "red",
    OutboxState.CANCELLED: "grey",
}


def state_chip(row: OutboxMessage) -> dict[str, Any]:
    return {"chip": word(row.state), "tone": TONES[row.state]}


SEND_AGAIN = Operation(
    name="send-again",
    label="Send again",
    permission=Permission.OUTBOX_SEND,
    run=send_again,
    available=lambda row, _actor: outbox.why_not(AGAIN, row, now=clock.now()),
    explain="The message waits to be sent, with as many attempts as a new one. Without a mail server it is held again.",
    icon="send",
)


CANCEL_IT = Operation(
    name="cancel",
    label="Cancel",
    permission=Permission.OUTBOX_SEND,
    run=cancel,
    available=lambda row, _actor: outbox.why_not(CANCEL, row, now=clock.now()),
    explain="The message is not sent. It stays here, and can be sent again.",
    icon="cancel",
    danger=True,
)


class OutboxView(HubModelView):
    noun = "message"
    title = "Outbox"
    intro = "Every message that goes out. Without a mail server they are held here, and nobody gets them."
    empty_text = "Messages appear here before they are sent."
    columns = (
        Column("created_at", "Written", lambda row: moment(row.created_at), sort=OutboxMessage.id),
        Column("recipient", "To", lambda row: row.recipient, sort=OutboxMessage.recipient),
        Column("subject", "Subject", lambda row: row.subject),
        Column("purpose", "Why", lambda row: sentence(row.purpose)),
        Column("state", "State", state_chip, sort=OutboxMessage.state),
        Column("sent_at", "Sent", lambda row: moment(row.sent_at)),
        Column("last_error", "Last error", lambda row: row.last_error, usual=False),
    )
    filters = (
        Filter("state", "State", OutboxMessage.state, "select", members=OutboxState, nullable=False),
        Filter("recipient", "To", OutboxMessage.recipient, nullable=False),
        Filter("purpose", "Why", OutboxMessage.purpose, nullable=False),
    )
    searched = (OutboxMessage.recipient, OutboxMessage.subject)
    search_hint = "Search by recipient or subject"
    usual_order = (OutboxMessage.id.desc(),)
    view_permission = Permission.OUTBOX_VIEW
    edit_permission = None
    operations = (SEND_AGAIN, CANCEL_IT)

    def details_tabs(self, row: Any, active: str) -> list[dict[str, Any]]:
        return []

    def fill_details(self, page: DetailsPage, row: OutboxMessage, _tab: str) -> None:
        page.title = row.subject
        page.chips = [{"label": word(row.state), "tone": TONES[row.state]}]
        page.meta = [("To", row.recipient), ("Written", moment(row.created_at)), ("Sent", moment(row.sent_at)),
                     ("Attempts", str(row.attempts))]  # fmt: skip
        if row.last_error:
            page.banners.append({"kind": "error", "text": row.last_error})
        text, _html = bodies(row, actor=self.actor)
        page.frame = {"title": "As it looks", "url": url_for("outbox.message_view", id=row.id)}
        page.sections = [{"title": "As plain text", "text": text}]

    @expose("/message/")
    def message_view(self) -> Response:
        """The message as it looks, for a frame: nothing in it runs or is fetched, and its links open beside."""
        _text, html = bodies(self.get_one(request.args.get("id", "")), actor=self.actor)
        response = Response(html.replace("<head>", '<head><base target="_blank">', 1), mimetype="text/html")
        response.headers["Content-Security-Policy"] = FRAMED
        response.headers["X-Frame-Options"] = "SAMEORIGIN"
        return response

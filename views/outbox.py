"""Outbox: every message that was sent, is kept or waits, and why."""

from typing import Any

from flask import Response, request, url_for
from flask_admin import expose
from sqlalchemy.orm import joinedload, selectinload

from customerhub import clock
from customerhub.outbox import AGAIN, CANCEL, bodies, cancel, send_again, why_not
from customerhub.permissions import Permission
from customerhub.pictures import as_seen
from models import Customer, OutboxAttachment, OutboxMessage
from models.enums import OutboxState
from views import listing, outbox_cells
from views.base import HubModelView
from views.columns import Column, Filter, moment
from views.customer_cells import CustomerFilter, customer_link
from views.editing import DetailsPage
from views.operation import Operation
from views.outbox_cells import PURPOSES, TONES, files_of, progress, standing
from views.outbox_trial import LABEL as TRIAL
from views.template_preview import for_frame
from views.words import sentence, word

FILES = selectinload(OutboxMessage.attachments).joinedload(OutboxAttachment.file)
CUSTOMER = joinedload(OutboxMessage.customer).joinedload(Customer.status)

SEND_AGAIN = Operation(
    name="send-again",
    label="Send again",
    permission=Permission.OUTBOX_SEND,
    run=send_again,
    available=lambda row, _actor: why_not(AGAIN, row, now=clock.now()),
    explain="The message waits to be sent, with as many attempts as a new one. Without a mail server it is held again.",
    icon="send",
)
STOP = Operation(
    name="cancel",
    label="Cancel",
    permission=Permission.OUTBOX_SEND,
    run=cancel,
    available=lambda row, _actor: why_not(CANCEL, row, now=clock.now()),
    explain="The message is not sent. It stays here and can be sent again.",
    icon="stop",
    danger=True,
)


class OutboxView(HubModelView):
    noun = "message"
    title = "Outbox"
    intro = "Every message that goes out, and why. Without a mail server they are held here, and nobody gets them."
    empty_text = "Invitations, reminders and all other mails appear here before they are sent."
    columns = (
        Column("subject", "Subject", lambda row: row.subject, whole=True),
        Column("customer", "Customer", lambda row: customer_link(row.customer), load=(CUSTOMER,)),
        Column("recipient", "To", lambda row: row.recipient, sort=OutboxMessage.recipient, whole=True, folds="to {}"),
        Column(
            "purpose", "Purpose", lambda row: sentence(row.purpose), sort=OutboxMessage.purpose, folds="{}", early=True
        ),
        Column("why", "Why", lambda row: row.why, usual=False),
        Column("state", "State", standing, sort=OutboxMessage.state, load=(FILES,)),
        Column("created_at", "Written", lambda row: moment(row.created_at), sort=OutboxMessage.id),
        Column("sent_at", "Sent", lambda row: moment(row.sent_at), sort=OutboxMessage.sent_at, folds="sent {}"),
        Column("last_error", "Last error", lambda row: row.last_error, usual=False),
        Column("answer", "The server's answer", lambda row: row.answer, usual=False),
        Column("files", "Attachments", files_of, usual=False, load=(FILES,)),
    )
    filters = (
        Filter("state", "State", OutboxMessage.state, "select", members=OutboxState, nullable=False),
        CustomerFilter("customer", "Customer", OutboxMessage.customer_id),
        Filter("purpose", "Purpose", OutboxMessage.purpose, "select", choices=PURPOSES, nullable=False),
        Filter("recipient", "To", OutboxMessage.recipient, nullable=False),
        Filter("created_at", "Written", OutboxMessage.created_at, "date", nullable=False),
        Filter("sent_at", "Sent", OutboxMessage.sent_at, "date"),
        Filter("last_error", "Last error", OutboxMessage.last_error),
    )
    searched = (OutboxMessage.recipient, OutboxMessage.subject)
    search_hint = "Search by recipient or subject"
    usual_order = (OutboxMessage.id.desc(),)
    load = (CUSTOMER, FILES)
    view_permission = Permission.OUTBOX_VIEW
    edit_permission = None
    operations = (SEND_AGAIN, STOP)

    def banners(self) -> list[dict[str, Any]]:
        return outbox_cells.banners(self.actor)

    def menu_actions(self, args: listing.ListArgs) -> list[dict[str, Any]]:
        trial = {"label": TRIAL, "url": url_for("outbox_trial.trial"), "icon": "send"}
        return [*([trial] if self.actor.may(Permission.OUTBOX_SEND) else []), *super().menu_actions(args)]

    def details_tabs(self, row: Any, active: str) -> list[dict[str, Any]]:
        return []

    def fill_details(self, page: DetailsPage, row: OutboxMessage, _tab: str) -> None:
        page.title = row.subject
        page.chips = [{"label": word(row.state), "tone": TONES[row.state]}]
        page.meta = [("To", row.recipient), ("Written", moment(row.created_at)), ("Sent", moment(row.sent_at)),
                     ("Delivery", progress(row))]  # fmt: skip
        if row.last_error:
            kind, told = ("warning", "Last try") if row.state is OutboxState.WAITING else ("error", "Not sent")
            page.banners.append({"kind": kind, "text": f"{told}: {row.last_error}"})
        text, _html = bodies(row, actor=self.actor)
        page.frame = {"title": "As it looks", "url": url_for("outbox.message_view", id=row.id)}
        reason = [
            ("Why", row.why), ("Purpose", sentence(row.purpose)), ("Customer", customer_link(row.customer)),
            ("Attachments", files_of(row) or None), ("The mail server said", row.answer),
            ("Reason key", row.reason_key),
        ]  # fmt: skip
        page.sections = [{"title": "About this message", "items": reason}, {"title": "As plain text", "text": text}]

    @expose("/message/")
    def message_view(self) -> Response:
        """The message as it looks, for a frame: nothing in it runs or is fetched, and its links open beside."""
        row = self.get_one(request.args.get("id", ""))
        html = as_seen(bodies(row, actor=self.actor)[1], row.organisation_id)
        return for_frame(html.replace("<head>", '<head><base target="_blank">', 1))

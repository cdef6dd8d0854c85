"""Outbox: every message that was sent, is held or waits, and why."""

from typing import Any

from flask import Response, request, url_for
from flask_admin import expose
from sqlalchemy.orm import joinedload, selectinload

from customerhub.core.permissions import Permission
from customerhub.core.spreadsheets import CellKind
from customerhub.mail.inline_images import embed_images
from customerhub.mail.outbox import (
    CANCEL,
    MESSAGE_STATES,
    RESEND,
    cancel,
    cancel_many,
    redact_bodies,
    send_again,
    send_many_again,
)
from models import Customer, OutboxAttachment, OutboxMessage
from models.enums import OutboxState
from views.cells import messages
from views.cells.customers import CustomerFilter, customer_link
from views.cells.messages import PURPOSES, TONES, delivery_cell, describe_delivery, files_of
from views.framework import list_page
from views.framework.columns import Column
from views.framework.edit_page import DetailsPage
from views.framework.exported import Exported, Related
from views.framework.filters import Filter
from views.framework.formatting import format_datetime
from views.framework.labels import capitalize_first, member_label
from views.framework.model_view import HubModelView
from views.framework.operation import Operation
from views.notifications.mail_check import LABEL as TRIAL
from views.notifications.template_preview import build_frame_response

LOAD_FILES = selectinload(OutboxMessage.attachments).joinedload(OutboxAttachment.file)
LOAD_CUSTOMER = joinedload(OutboxMessage.customer).joinedload(Customer.status)

SEND_AGAIN = Operation(
    name="send-again",
    label="Send again",
    past_tense="queued again",
    permission=Permission.OUTBOX_SEND,
    run=send_again,
    run_many=send_many_again,
    unavailable_reason=lambda row, actor: MESSAGE_STATES.refusal_reason(RESEND, row, actor),
    explanation=RESEND.explanation,
    icon="send",
)
CANCEL_MESSAGE = Operation(
    name="cancel",
    label="Cancel",
    past_tense="cancelled",
    permission=Permission.OUTBOX_SEND,
    run=cancel,
    run_many=cancel_many,
    unavailable_reason=lambda row, actor: MESSAGE_STATES.refusal_reason(CANCEL, row, actor),
    explanation=CANCEL.explanation,
    icon="stop",
    danger=True,
)


class OutboxView(HubModelView):
    noun = "message"
    title = "Outbox"
    intro = "All outgoing messages and their reasons. Without a mail server, messages are kept here and not sent."
    empty_text = "Invitations, reminders and all other emails appear here before they are sent."
    columns = (
        Column(
            "subject",
            "Subject",
            lambda row: row.subject,
            no_truncate=True,
            export=Exported(OutboxMessage.subject),
        ),
        Column(
            "customer",
            "Customer",
            lambda row: customer_link(row.customer),
            load_options=(LOAD_CUSTOMER,),
            export=Exported(Related(OutboxMessage.customer, Customer.name)),
        ),
        Column(
            "recipient",
            "To",
            lambda row: row.recipient,
            sort=OutboxMessage.recipient,
            no_truncate=True,
            collapsed_format="to {}",
            export=Exported(OutboxMessage.recipient),
        ),
        Column(
            "purpose",
            "Purpose",
            lambda row: capitalize_first(row.purpose),
            sort=OutboxMessage.purpose,
            collapsed_format="{}",
            collapse_first=True,
            export=Exported(OutboxMessage.purpose, render=capitalize_first),
        ),
        Column(
            "why",
            "Reason",
            lambda row: row.why,
            default_visible=False,
            export=Exported(OutboxMessage.why),
        ),
        Column("state", "State", delivery_cell, sort=OutboxMessage.state, no_truncate=True, load_options=(LOAD_FILES,)),
        Column(
            "created_at",
            "Created",
            lambda row: format_datetime(row.created_at),
            sort=OutboxMessage.id,
            collapsed_format="created {}",
            export=Exported(OutboxMessage.created_at, kind=CellKind.MOMENT),
        ),
        Column(
            "sent_at",
            "Sent",
            lambda row: format_datetime(row.sent_at),
            sort=OutboxMessage.sent_at,
            collapsed_format="sent {}",
            export=Exported(OutboxMessage.sent_at, kind=CellKind.MOMENT),
        ),
        Column(
            "last_error",
            "Last error",
            lambda row: row.last_error,
            default_visible=False,
            export=Exported(OutboxMessage.last_error),
        ),
        Column(
            "answer",
            "Server response",
            lambda row: row.answer,
            default_visible=False,
            export=Exported(OutboxMessage.answer),
        ),
        Column("files", "Attachments", files_of, default_visible=False, load_options=(LOAD_FILES,)),
    )
    filters = (
        Filter("state", "State", OutboxMessage.state, "select", members=OutboxState, nullable=False),
        CustomerFilter("customer", "Customer", OutboxMessage.customer_id),
        Filter("purpose", "Purpose", OutboxMessage.purpose, "select", choices=PURPOSES, nullable=False),
        Filter("recipient", "To", OutboxMessage.recipient, nullable=False),
        Filter("created_at", "Created", OutboxMessage.created_at, "date", nullable=False),
        Filter("sent_at", "Sent", OutboxMessage.sent_at, "date"),
        Filter("last_error", "Last error", OutboxMessage.last_error),
    )
    search_columns = (OutboxMessage.recipient, OutboxMessage.subject)
    search_hint = "Search by recipient or subject"
    default_order = (OutboxMessage.id.desc(),)
    load_options = (LOAD_CUSTOMER, LOAD_FILES)
    view_permission = Permission.OUTBOX_VIEW
    edit_permission = None
    operations = (SEND_AGAIN, CANCEL_MESSAGE)

    def list_banners(self) -> list[dict[str, Any]]:
        return messages.build_banners(self.actor)

    def menu_actions(self, args: list_page.ListArgs) -> list[dict[str, Any]]:
        test_action = {"label": TRIAL, "url": url_for("outbox_trial.trial"), "icon": "send"}
        return [
            *([test_action] if self.actor.has_permission(Permission.OUTBOX_SEND) else []),
            *super().menu_actions(args),
        ]

    def details_tabs(self, _page: DetailsPage, row: Any, active: str) -> list[dict[str, Any]]:
        return []

    def fill_details(self, page: DetailsPage, row: OutboxMessage, _tab: str) -> None:
        page.title = row.subject
        page.chips = [{"label": member_label(row.state), "tone": TONES[row.state]}]
        page.meta = [
            ("To", row.recipient),
            ("Created", format_datetime(row.created_at)),
            ("Sent", format_datetime(row.sent_at)),
            ("Delivery", describe_delivery(row)),
        ]
        if row.last_error:
            kind, label = ("warning", "Last attempt") if row.state is OutboxState.WAITING else ("error", "Not sent")
            page.banners.append({"kind": kind, "text": f"{label}: {row.last_error}"})
        text, _html = redact_bodies(row, actor=self.actor)
        page.frame = {"title": "Preview", "url": url_for("outbox.message_view", id=row.id)}
        items = [
            ("Reason", row.why),
            ("Purpose", capitalize_first(row.purpose)),
            ("Customer", customer_link(row.customer)),
            ("Attachments", files_of(row) or None),
            ("Server response", row.answer),
            ("Reason key", row.reason_key),
        ]
        page.sections = [{"title": "About this message", "items": items}, {"title": "Plain text", "text": text}]

    @expose("/message/")
    def message_view(self) -> Response:
        """The message as it looks, for a frame: nothing in it runs or is fetched, and its links open beside."""
        row = self.get_one(request.args.get("id", ""))
        html = embed_images(redact_bodies(row, actor=self.actor)[1], row.organisation_id)
        return build_frame_response(html.replace("<head>", '<head><base target="_blank">', 1))

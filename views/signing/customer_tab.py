"""The document signatures of a customer, on its page beside its invoice profiles."""

from collections.abc import Sequence
from typing import Any

from flask import url_for
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from customerhub.core.permissions import Actor, Permission
from customerhub.customers.signature_attention import find_current_envelopes
from customerhub.customers.signature_requests import Obstacle, list_obstacles
from models import Customer, Envelope, InvoiceProfile
from models.base import db
from models.enums import ProfileStatus
from views.cells.envelopes import (
    UNSENT,
    describe_pending,
    envelope_chip,
    envelope_link,
    find_sending_url,
    list_signers,
)
from views.framework.columns import Cell
from views.framework.formatting import format_datetime

MAX_ROWS = 100


def build_status_cells(profiles: Sequence[InvoiceProfile], actor: Actor) -> dict[int, Cell]:
    """Of each pending invoice profile for whose signature it waits, or for what else, by its id."""
    pending_ids = [each.id for each in profiles if each.status is ProfileStatus.NDA_PENDING]
    if not pending_ids:
        return {}
    envelopes = find_current_envelopes(pending_ids)
    obstacles = list_obstacles(actor.organisation_id) if len(envelopes) < len(pending_ids) else []
    return {
        each.id: _describe_envelope(envelopes[each.id])
        if each.id in envelopes
        else _describe_unsent(each, obstacles, actor)
        for each in profiles
        if each.status is ProfileStatus.NDA_PENDING
    }


def _describe_unsent(profile: InvoiceProfile, obstacles: Sequence[Obstacle], actor: Actor) -> Cell:
    """What keeps an NDA from being sent, with where that is set up, or with the page that sends it."""
    if obstacles:
        reason = obstacles[0].text
        can_set_up = actor.has_permission(Permission.SETUP_EDIT)
        return {"text": reason, "url": url_for("esignature.open_view")} if can_set_up else reason
    url = find_sending_url(profile, actor)
    return {"text": "Send for signature", "url": url, "sub": UNSENT} if url else UNSENT


def _describe_envelope(envelope: Envelope) -> Cell:
    link: Any = envelope_link(envelope)
    return {"text": describe_pending(envelope), "url": link["url"]}


def build_table(row: Customer, actor: Actor) -> dict[str, Any] | None:
    """Everything of the customer that was sent to be signed, the newest first; None where there is nothing."""
    if not actor.has_permission(Permission.SIGNATURES_VIEW):
        return None
    query = (
        select(Envelope)
        .where(Envelope.customer_id == row.id)
        .options(selectinload(Envelope.signers), joinedload(Envelope.invoice_profile))
        .order_by(Envelope.id.desc())
        .limit(MAX_ROWS)
    )
    envelopes = db.session.scalars(query).all()
    if not envelopes:
        return None
    return {
        "title": "Document signatures",
        "columns": [{"label": label} for label in ("Document", "Status", "Signers", "Sent", "Ended")],
        "rows": [
            [
                envelope_link(each),
                envelope_chip(each),
                list_signers(each),
                format_datetime(each.sent_at) or None,
                format_datetime(each.ended_at) or None,
            ]
            for each in envelopes
        ],
    }

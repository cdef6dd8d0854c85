"""How document signatures look wherever they are named."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import url_for

from customerhub.core.permissions import Actor, Permission
from customerhub.customers.signature_attention import get_waiting_since, list_waiting_signers
from models import Envelope, EnvelopeSigner, InvoiceProfile
from models.signing_enums import EnvelopeStatus, SignerStatus
from views.framework.columns import Cell
from views.framework.formatting import get_today, local_date
from views.framework.labels import member_label
from views.http.urls import path_to

SCREEN = "signatures"
SENDING = "send-nda"  # the operation of a customer that sends the NDA of a profile
UNSENT = "NDA not sent yet"
ENVELOPE_TONES: Mapping[EnvelopeStatus, str] = {
    EnvelopeStatus.CREATED: "neutral",
    EnvelopeStatus.SENT: "blue",
    EnvelopeStatus.DELIVERED: "blue",
    EnvelopeStatus.COMPLETED: "green",
    EnvelopeStatus.DECLINED: "red",
    EnvelopeStatus.VOIDED: "grey",
    EnvelopeStatus.EXPIRED: "amber",
}
SIGNER_TONES: Mapping[SignerStatus, str] = {
    SignerStatus.CREATED: "neutral",
    SignerStatus.SENT: "blue",
    SignerStatus.DELIVERED: "blue",
    SignerStatus.SIGNED: "green",
    SignerStatus.DECLINED: "red",
    SignerStatus.UNDELIVERABLE: "red",
}


def envelope_chip(row: Envelope) -> dict[str, Any]:
    return {"chip": member_label(row.status), "tone": ENVELOPE_TONES[row.status]}


def signer_chip(signer: EnvelopeSigner) -> dict[str, Any]:
    return {"chip": member_label(signer.status), "tone": SIGNER_TONES[signer.status]}


def envelope_link(row: Envelope) -> Cell:
    return {"text": str(row), "url": path_to(f"{SCREEN}.details_view", row.id)}


def list_signers(row: Envelope) -> list[str]:
    """Each signer with how far they are: "Ada Admin: signed"."""
    return [f"{each.name}: {member_label(each.status).lower()}" for each in row.signers]


def waiting_cell(row: Envelope) -> Cell:
    """For whom it waits and how long; None where it waits for nobody."""
    signers = list_waiting_signers(row)
    if not signers:
        return None
    return {"text": name_signers(signers), "sub": format_age(get_waiting_since(row, signers))}


def describe_waiting(row: Envelope) -> str | None:
    """As `waiting_cell`, in one line."""
    cell: Any = waiting_cell(row)
    return f"{cell['text']}, {cell['sub']}" if cell else None


def describe_pending(envelope: Envelope | None) -> str:
    """How far the NDA of a pending invoice profile is."""
    if envelope is None:
        return UNSENT
    waiting = describe_waiting(envelope)
    return f"Waiting for {waiting}" if waiting else "NDA to be sent"


def find_sending_url(profile: InvoiceProfile, actor: Actor) -> str | None:
    """The page that sends the NDA of a pending profile that waits for it; None for who may not send it."""
    if not actor.has_permission(Permission.SIGNATURES_EDIT):
        return None
    return url_for("customers.operation_view", operation=SENDING, id=profile.customer_id, profile=profile.id)


def name_signers(signers: Sequence[EnvelopeSigner]) -> str:
    return " and ".join(each.name for each in signers)


def format_age(since: datetime | None) -> str:
    """How long ago: "for 3 days", "since today"."""
    days = (get_today() - local_date(since)).days if since else 0
    if days <= 0:
        return "since today"
    return f"for {days} day{'' if days == 1 else 's'}"

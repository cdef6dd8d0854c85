"""What happened to a document that is to be signed, as a timeline."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from customerhub.signing import events
from models import Envelope, SigningEvent, SigningRequest
from models.base import db
from models.signing_enums import EnvelopeStatus, SigningRequestKind, SigningRequestState
from views.framework.formatting import format_datetime

SERVICE = "Signing service"
SYSTEM = "System"
MAX_ROWS = 200  # requests, and events, of one document
_ENDS = {
    EnvelopeStatus.COMPLETED: "completed the document: all have signed",
    EnvelopeStatus.DECLINED: "ended the document: a signer declined",
    EnvelopeStatus.VOIDED: "voided the document",
    EnvelopeStatus.EXPIRED: "ended the document: it expired",
}
_REQUESTED = {
    SigningRequestKind.RESEND: "resent the document",
    SigningRequestKind.CORRECT: "corrected an address",
    SigningRequestKind.VOID: "had the document voided",
}


class Happening(NamedTuple):
    """Something that happened: when, by whom, what, and what is said of it."""

    at: datetime
    who: str
    what: str
    text: str | None = None


def build_entries(row: Envelope) -> list[dict[str, Any]]:
    """All of it, the newest first, as templates/parts/timeline.html shows it."""
    happenings = sorted(_list_happenings(row), key=lambda each: each.at, reverse=True)
    return [_build_entry(each) for each in happenings]


def _build_entry(happening: Happening) -> dict[str, Any]:
    day, _, time = format_datetime(happening.at).rpartition(", ")
    return {"day": day, "time": time, "who": happening.who, "what": happening.what, "text": happening.text}


def _list_happenings(row: Envelope) -> Iterator[Happening]:
    yield Happening(row.created_at, row.requested_by.name if row.requested_by else SYSTEM, "asked for signatures")
    if row.sent_at is not None:
        names = " and ".join(f"{each.name} <{each.email}>" for each in row.signers)
        yield Happening(row.sent_at, SERVICE, "sent the document", f"To {names}")
    for signer in row.signers:
        if signer.delivered_at is not None:
            yield Happening(signer.delivered_at, signer.name, "opened the document")
        if signer.signed_at is not None:
            yield Happening(signer.signed_at, signer.name, "signed")
        if signer.declined_at is not None:
            yield Happening(signer.declined_at, signer.name, "declined", signer.decline_reason)
    if row.ended_at is not None and row.status in _ENDS:
        yield Happening(row.ended_at, SERVICE if row.remote_id else SYSTEM, _ENDS[row.status], row.end_reason)
    yield from _list_requested(row)
    if row.events_deleted_until is not None:
        kept = f"Events are kept for {events.KEPT_DAYS} days"
        yield Happening(row.events_deleted_until, SERVICE, "sent events up to here, which were deleted", kept)
    query = select(SigningEvent).where(SigningEvent.envelope_id == row.id).order_by(SigningEvent.id).limit(MAX_ROWS)
    for event in db.session.scalars(query):
        yield Happening(event.created_at, SERVICE, f"sent the event {event.name}")


def _list_requested(row: Envelope) -> Iterator[Happening]:
    """What was asked of the signing service, as far as it was answered."""
    query = (
        select(SigningRequest)
        .where(SigningRequest.envelope_id == row.id, SigningRequest.finished_at.is_not(None))
        .options(joinedload(SigningRequest.requested_by))
        .order_by(SigningRequest.id)
        .limit(MAX_ROWS)
    )
    for request in db.session.scalars(query):
        if request.finished_at is None:
            continue
        who = request.requested_by.name if request.requested_by else SYSTEM
        if request.state is SigningRequestState.FAILED:
            what = f"could not {_name_request(request.kind)}"
            yield Happening(request.finished_at, SERVICE, what, request.last_error)
        elif request.state is SigningRequestState.DONE and request.kind in _REQUESTED:
            what = "sent a reminder" if request.details.get("is_reminder") else _REQUESTED[request.kind]
            yield Happening(request.finished_at, who, what, _describe_details(request))


def _name_request(kind: SigningRequestKind) -> str:
    words = {SigningRequestKind.CHECK: "be asked for the status", SigningRequestKind.CORRECT: "correct the address"}
    return words.get(kind, f"{kind.value} the document" if kind is not SigningRequestKind.FETCH else kind.value)


def _describe_details(request: SigningRequest) -> str | None:
    details = request.details
    if request.kind is SigningRequestKind.CORRECT:
        return f"{details.get('name')} <{details.get('email')}>"
    return details.get("reason")

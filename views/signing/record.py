"""What the page of a document signature shows."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from customerhub.customers.signature_attention import list_failed_requests
from customerhub.signing.deadlines import find_reminder_obstacle, plan_deadlines
from customerhub.signing.transitions import is_final
from models import Envelope, SigningRequest, SigningSettings
from models.base import db
from models.signing_enums import SigningRequestState
from views.cells.envelopes import signer_chip
from views.framework.formatting import format_date, format_datetime, get_today
from views.framework.labels import capitalize_first
from views.framework.uploads import file_link

_UNFINISHED = (SigningRequestState.WAITING, SigningRequestState.WORKING)
_TONES = {
    SigningRequestState.WAITING: "neutral",
    SigningRequestState.WORKING: "blue",
    SigningRequestState.FAILED: "red",
}


def build_banners(row: Envelope) -> list[dict[str, Any]]:
    """What people must know of it before all else."""
    banners = []
    if not row.is_current:
        banners.append({"kind": "info", "text": "A newer document of this invoice profile has taken its place."})
    for failed in list_failed_requests(row):
        text = f"{capitalize_first(failed.kind.value)} failed: {failed.last_error or 'no reason was given'}"
        banners.append({"kind": "error", "text": text})
    if row.drift:
        banners.append({"kind": "warning", "text": row.drift})
    if row.end_reason:
        banners.append({"kind": "info", "text": row.end_reason})
    return banners


def build_signers_table(row: Envelope) -> dict[str, Any]:
    labels = ("Name", "Address", "Signs for", "Status", "Opened", "Signed", "Declined")
    return {
        "title": "Signers",
        "columns": [{"label": label} for label in labels],
        "rows": [
            [
                each.name,
                each.email,
                capitalize_first(each.role.value),
                signer_chip(each),
                format_datetime(each.delivered_at) or None,
                format_datetime(each.signed_at) or None,
                {"text": format_datetime(each.declined_at), "sub": each.decline_reason} if each.declined_at else None,
            ]
            for each in row.signers
        ],
    }


def build_requests_tables(row: Envelope) -> list[dict[str, Any]]:
    """What is still to be asked of the signing service, and what was given up."""
    open_requests = _list_unfinished(row)
    if not open_requests:
        return []
    labels = ("Request", "State", "Requested by", "Attempts", "Next attempt", "Last error")
    return [
        {
            "title": "Requests to the signing service",
            "columns": [{"label": label, "align": "right" if label == "Attempts" else "left"} for label in labels],
            "rows": [
                [
                    capitalize_first(each.kind.value),
                    {"chip": capitalize_first(each.state.value), "tone": _TONES[each.state]},
                    each.requested_by.name if each.requested_by else "System",
                    str(each.attempts),
                    format_datetime(each.next_attempt_at) if each.state in _UNFINISHED else None,
                    each.last_error,
                ]
                for each in open_requests
            ],
        }
    ]


def _list_unfinished(row: Envelope) -> Sequence[SigningRequest]:
    query = (
        select(SigningRequest)
        .where(SigningRequest.envelope_id == row.id, SigningRequest.state.in_(_TONES))
        .options(joinedload(SigningRequest.requested_by))
        .order_by(SigningRequest.id)
    )
    return db.session.scalars(query).all()


def list_facts(row: Envelope, environment: str | None, settings: SigningSettings | None) -> list[tuple[str, Any]]:
    return [
        ("Requested by", row.requested_by.name if row.requested_by else "System"),
        ("Requested", format_datetime(row.created_at)),
        ("Sent", format_datetime(row.sent_at) or None),
        ("Next reminder", describe_next_reminder(row, settings)),
        ("Expires", None if is_final(row) else format_date(row.expires_on) or None),
        ("Ended", format_datetime(row.ended_at) or None),
        ("Left as it is", format_datetime(row.settled_at) or None),
        ("Last checked", format_datetime(row.checked_at) or None),
        ("Environment", environment),
        ("Envelope ID", row.remote_id),
    ]


def describe_next_reminder(row: Envelope, settings: SigningSettings | None) -> str:
    """When the signers are reminded next, or why they are not."""
    obstacle = find_reminder_obstacle(row, settings)
    if obstacle is not None:
        return f"None: {obstacle[0].lower()}{obstacle[1:]}"
    reminder = next((each for each in plan_deadlines(row, settings) if not each.is_expiry), None)
    if reminder is None:
        return "None: it expires before"
    return format_date(reminder.day) if reminder.day > get_today() else "Within the hour"


def list_files(row: Envelope) -> list[tuple[str, Any]]:
    return [
        ("Document as sent", _file_cell(row.document_id)),
        ("Signed PDF", _file_cell(row.signed_file_id)),
        ("Digital signatures", row.signature_check),
        ("SHA-256 of the signed PDF", row.signed_file.sha256 if row.signed_file else None),
        ("Certificate of completion", _file_cell(row.certificate_file_id)),
    ]


def _file_cell(file_id: int | None) -> Any:
    link = file_link(file_id) if file_id is not None else None
    return {"text": link["name"], "url": link["url"], "sub": link["size"]} if link else None

"""Correcting recipients by the API, with a result for each."""

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from sandbox.envelopes.definition import read_objects, read_text, require_address, require_name
from sandbox.envelopes.lifecycle import correct_recipient, require_correctable
from sandbox.envelopes.rows import Row, get_envelope, list_recipients
from sandbox.errors import ApiError

SUCCESS: Final = {"errorCode": "SUCCESS", "message": ""}
NOT_CORRECTABLE: Final = ApiError(
    "RECIPIENT_UPDATE_FAILED",
    "The recipient could not be updated.  Recipient not in state that allows correction.",
)
UNKNOWN: Final = ApiError(
    "INVALID_RECIPIENT_ID", "The recipient you have identified is not a valid recipient of the specified envelope."
)


def update_recipients(
    db: sqlite3.Connection, envelope_id: str, body: Mapping[str, Any], *, resend: bool
) -> list[dict[str, Any]]:
    """The results. Raises ApiError where the envelope is not open any more."""
    envelope = get_envelope(db, envelope_id)
    require_correctable(db, envelope["envelope_id"])
    known = {each["recipient_id"]: each for each in list_recipients(db, envelope["envelope_id"])}
    return [_update_recipient(db, known, values, resend=resend) for values in read_objects(body, "signers")]


def _update_recipient(
    db: sqlite3.Connection, known: Mapping[str, Row], values: Mapping[str, Any], *, resend: bool
) -> dict[str, Any]:
    recipient_id = read_text(values, "recipientId")
    recipient = known.get(recipient_id)
    result: dict[str, Any] = {"recipientId": recipient_id}
    if recipient is None:
        return result | {"errorDetails": UNKNOWN.as_details()}
    result["recipientIdGuid"] = recipient["guid"]
    if recipient["status"] not in ("created", "sent", "delivered"):
        return result | {"errorDetails": NOT_CORRECTABLE.as_details()}
    name, email = read_text(values, "name"), read_text(values, "email")
    try:
        correct_recipient(
            db,
            recipient,
            name=require_name(name) if name else None,
            email=require_address(email, recipient_id) if email else None,
            resend=resend,
        )
    except ApiError as error:
        return result | {"errorDetails": error.as_details()}
    return result | {"errorDetails": SUCCESS}

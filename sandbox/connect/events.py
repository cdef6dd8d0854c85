"""Writing events: the message as it was when the event happened, for everybody who asked for it."""

import json
import sqlite3
import time
from typing import Any, Final

from sandbox.account import get_account
from sandbox.envelopes.representation import describe_documents, describe_envelope
from sandbox.envelopes.rows import get_envelope, get_recipient, load_json

CONFIGURATION_ID: Final = 10_000_001
# What an event can hold beside the envelope's own fields, by the names of eventData.includeData.
PARTS: Final = {"recipients": "recipients", "tabs": "tabs", "custom_fields": "custom_fields", "folders": "folders"}
# What the API answers of an envelope and of its recipients, and messages do not have.
ENVELOPE_ANSWERS: Final = ("expireEnabled", "expireAfter", "expireDateTime")
RECIPIENT_ANSWERS: Final = ("notaries",)
SIGNER_ANSWERS: Final = ("completedCount", "recipientType", "requireUploadSignature")
OWN_NAMES: Final = {"hasFormDataChanged": "hasFormDataChanges"}
DOCUMENT_FIELDS: Final = (
    *("documentId", "documentIdGuid", "name", "type", "order", "documentFields"),
    *("display", "includeInDownload", "signerMustAcknowledge", "templateRequired"),
)


def write_event(
    db: sqlite3.Connection, envelope_id: str, event: str, moment: str, recipient_id: str | None = None
) -> None:
    """Write the event once for each address that wants it, to be sent after the transaction."""
    for notification in load_json(get_envelope(db, envelope_id), "event_notifications"):
        if event not in notification["events"]:
            continue
        message = build_message(db, envelope_id, event, moment, recipient_id, notification["include_data"])
        db.execute(
            "INSERT INTO connect_event (envelope_id, event, url, message, is_acknowledged, signing, state, due_at,"
            " created_at) VALUES (?, ?, ?, ?, ?, ?, 'new', ?, ?)",
            (
                envelope_id,
                event,
                notification["url"],
                json.dumps(message, ensure_ascii=False),
                int(notification["is_acknowledged"]),
                "right" if notification["has_hmac"] else "none",
                time.time(),
                moment,
            ),
        )


def build_message(
    db: sqlite3.Connection,
    envelope_id: str,
    event: str,
    moment: str,
    recipient_id: str | None,
    include_data: list[str],
) -> dict[str, Any]:
    """A message of the form JSON SIM: one event of one envelope."""
    account, envelope = get_account(db), get_envelope(db, envelope_id)
    parts = [PARTS[name] for name in include_data if name in PARTS]
    summary = _write_as_message(describe_envelope(db, envelope, parts))
    if "documents" in include_data:
        summary["envelopeDocuments"] = [_select_document_fields(each) for each in describe_documents(db, envelope)]
    data = {"accountId": account["account_id"], "userId": account["user_id"], "envelopeId": envelope_id}
    if recipient_id is not None:
        data["recipientId"] = recipient_id
        data["userId"] = get_recipient(db, envelope_id, recipient_id)["user_guid"]
    return {
        "event": event,
        "uri": f"/restapi/v2.1/accounts/{account['account_id']}/envelopes/{envelope_id}",
        "retryCount": 0,
        "configurationId": CONFIGURATION_ID,
        "apiVersion": "v2.1",
        "generatedDateTime": moment,
        "data": {**data, "envelopeSummary": summary},
    }


def _write_as_message(described: dict[str, Any]) -> dict[str, Any]:
    """An envelope as the API answers it, with the fields and names that messages have."""
    summary = {OWN_NAMES.get(name, name): value for name, value in _omit(described, ENVELOPE_ANSWERS).items()}
    if "recipients" in summary:
        recipients = _omit(summary["recipients"], RECIPIENT_ANSWERS)
        signers = [_omit(signer, SIGNER_ANSWERS) for signer in recipients["signers"]]
        summary["recipients"] = {**recipients, "signers": signers}
    return summary


def _omit(values: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def _select_document_fields(described: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in described.items() if name in DOCUMENT_FIELDS}

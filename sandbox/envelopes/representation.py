"""How envelopes look in the API's answers and in events: texts throughout, what is empty left out."""

import sqlite3
from collections.abc import Collection
from typing import Any, Final

from sandbox.account import get_account
from sandbox.envelopes.rows import Row, list_documents, list_recipients, load_json

PARTS: Final = ("custom_fields", "documents", "attachments", "extensions", "folders", "recipients", "powerform", "tabs")
CERTIFICATE_NAME: Final = "Summary"


# What is the same in every envelope.
SETTINGS: Final = {
    "signingLocation": "online",
    "enableWetSign": "false",
    "allowMarkup": "false",
    "allowReassign": "false",
    "purgeState": "unpurged",
    "envelopeIdStamping": "false",
    "is21CFRPart11": "false",
    "signerCanSignOnMobile": "true",
    "autoNavigation": "true",
    "isSignatureProviderEnvelope": "false",
    "hasFormDataChanged": "false",
    "allowComments": "true",
    "hasComments": "false",
    "allowViewHistory": "true",
    "envelopeLocation": "current_site",
    "isDynamicEnvelope": "false",
    "envelopeMetadata": {"allowAdvancedCorrect": "true", "enableSignWithNotary": "false", "allowCorrect": "true"},
}
# What has an address of its own, by the name under which it is found.
ADDRESSES: Final = {
    "documentsUri": "/documents",
    "recipientsUri": "/recipients",
    "attachmentsUri": "/attachments",
    "envelopeUri": "",
    "customFieldsUri": "/custom_fields",
    "notificationUri": "/notification",
    "documentsCombinedUri": "/documents/combined",
    "certificateUri": "/documents/certificate",
    "templatesUri": "/templates",
}
# Columns, by the names of the API.
COLUMNS: Final = {
    "status": "status",
    "emailSubject": "email_subject",
    "emailBlurb": "email_blurb",
    "envelopeId": "envelope_id",
    "transactionId": "transaction_id",
    "createdDateTime": "created_at",
    "lastModifiedDateTime": "last_modified_at",
    "initialSentDateTime": "sent_at",
    "sentDateTime": "sent_at",
    "deliveredDateTime": "delivered_at",
    "completedDateTime": "completed_at",
    "declinedDateTime": "declined_at",
    "voidedDateTime": "voided_at",
    "voidedReason": "voided_reason",
    "statusChangedDateTime": "status_changed_at",
    "expireDateTime": "expires_at",
}


def describe_envelope(db: sqlite3.Connection, envelope: Row, include: Collection[str] = ()) -> dict[str, Any]:
    account, notification = get_account(db), load_json(envelope, "notification")
    described: dict[str, Any] = {
        **{name: envelope[column] for name, column in COLUMNS.items()},
        **{name: f"/envelopes/{envelope['envelope_id']}{path}" for name, path in ADDRESSES.items()},
        **SETTINGS,
        "expireEnabled": notification["expirations"]["expireEnabled"],
        "expireAfter": notification["expirations"]["expireAfter"],
        "sender": {
            "userName": account["user_name"],
            "userId": account["user_id"],
            "accountId": account["account_id"],
            "email": account["user_email"],
        },
        "notification": notification,
    }
    return _omit_empty(described) | _describe_parts(db, envelope, include)


def _describe_parts(db: sqlite3.Connection, envelope: Row, include: Collection[str]) -> dict[str, Any]:
    envelope_id, parts = envelope["envelope_id"], {}
    if "custom_fields" in include:
        parts["customFields"] = load_json(envelope, "custom_fields")
    if "documents" in include:
        parts["envelopeDocuments"] = describe_documents(db, envelope)
    if "folders" in include:
        parts["folders"] = []
    if "recipients" in include or "tabs" in include:
        parts["recipients"] = describe_recipients(db, envelope_id, with_tabs="tabs" in include)
    return parts


def _omit_empty(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "")}


def describe_recipients(db: sqlite3.Connection, envelope_id: str, *, with_tabs: bool = False) -> dict[str, Any]:
    recipients = list_recipients(db, envelope_id)
    waiting = [each["routing_order"] for each in recipients if each["status"] not in ("completed", "declined")]
    last = [each["routing_order"] for each in recipients][-1:] or [1]
    others = ("agents", "editors", "intermediaries", "carbonCopies", "certifiedDeliveries", "inPersonSigners")
    return {
        "signers": [describe_signer(recipient, with_tabs=with_tabs) for recipient in recipients],
        **{kind: [] for kind in (*others, "seals", "witnesses", "notaries")},
        "recipientCount": str(len(recipients)),
        "currentRoutingOrder": str([*waiting, *last][0]),
    }


def describe_signer(recipient: Row, *, with_tabs: bool = False) -> dict[str, Any]:
    described = {
        "creationReason": "sender",
        "isBulkRecipient": "false",
        "requireUploadSignature": "false",
        "name": recipient["name"],
        "firstName": "",
        "lastName": "",
        "email": recipient["email"],
        "recipientId": recipient["recipient_id"],
        "recipientIdGuid": recipient["guid"],
        "requireIdLookup": "false",
        "userId": recipient["user_guid"],
        "clientUserId": recipient["client_user_id"],
        "routingOrder": str(recipient["routing_order"]),
        "note": "",
        "status": recipient["status"],
        "completedCount": "1" if recipient["status"] == "completed" else "0",
        "sentDateTime": recipient["sent_at"],
        "deliveredDateTime": recipient["delivered_at"],
        "signedDateTime": recipient["signed_at"],
        "declinedDateTime": recipient["declined_at"],
        "declinedReason": recipient["declined_reason"],
        "deliveryMethod": "email",
        "recipientType": "signer",
    }
    tabs = load_json(recipient, "tabs")
    if with_tabs:
        described["tabs"] = tabs
    described["totalTabCount"] = str(sum(map(len, tabs.values())))
    return _omit_empty(described)


def describe_documents(db: sqlite3.Connection, envelope: Row) -> list[dict[str, Any]]:
    """The documents, and the certificate of completion after them."""
    uri = f"/envelopes/{envelope['envelope_id']}/documents"
    described = [
        _describe_document(document["document_id"], document["guid"], document["name"], "content", uri, str(number))
        for number, document in enumerate(list_documents(db, envelope["envelope_id"]), 1)
    ]
    certificate = _describe_document("certificate", envelope["envelope_id"], CERTIFICATE_NAME, "summary", uri, "999")
    return [*described, certificate]


def _describe_document(document_id: str, guid: str, name: str, kind: str, uri: str, order: str) -> dict[str, Any]:
    return {
        "documentId": document_id,
        "documentIdGuid": guid,
        "name": name,
        "type": kind,
        "uri": f"{uri}/{document_id}",
        "order": order,
        "display": "inline",
        "includeInDownload": "true",
        "signerMustAcknowledge": "no_interaction",
        "templateLocked": "false",
        "templateRequired": "false",
        "availableDocumentTypes": [{"type": "electronic", "isDefault": "true"}],
        "documentFields": [],
    }

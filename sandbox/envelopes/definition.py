"""Reading what a request says of a new envelope, before anything is written."""

import base64
import binascii
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sandbox.errors import ApiError, invalid_body, invalid_parameter
from sandbox.papers.anchors import Place, UnreadablePdf, find_places, read_pages

STATUSES: Final = ("created", "sent")
TAB_KINDS: Final = ("signHereTabs", "fullNameTabs", "dateSignedTabs")
MAX_SUBJECT: Final = 100
POINTS_BY_UNIT: Final = {"pixels": 1.0, "inches": 72.0, "mms": 72 / 25.4, "cms": 72 / 2.54}
DAYS_UNTIL_EXPIRY: Final = 120  # what an account of DocuSign has unless it is set otherwise
_ADDRESS: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
INCOMPLETE: Final = ApiError(
    "ENVELOPE_IS_INCOMPLETE",
    "The Envelope is not Complete. A Complete Envelope Requires Documents, Recipients, Tabs, and a Subject Line.",
)


@dataclass(frozen=True)
class NewDocument:
    document_id: str
    name: str
    content: bytes
    page_count: int


@dataclass(frozen=True)
class NewSigner:
    """`tabs` as they were given, with ids; `places`: where on which page each of them is to be filled in."""

    recipient_id: str
    name: str
    email: str
    routing_order: int
    client_user_id: str | None
    tabs: dict[str, Any]
    places: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Definition:
    status: str
    transaction_id: str | None
    email_subject: str
    email_blurb: str
    documents: list[NewDocument]
    signers: list[NewSigner]
    notification: dict[str, Any]
    custom_fields: dict[str, Any]
    event_notifications: list[dict[str, Any]]


def read_text(values: Mapping[str, Any], name: str, default: str = "") -> str:
    """A text, whatever it was written as: DocuSign takes numbers and booleans for texts too."""
    value = values.get(name)
    if value is None:
        return default
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value).strip()
    raise invalid_body(f"{name} is expected to be a string.")


def is_set(values: Mapping[str, Any], name: str) -> bool:
    return read_text(values, name).lower() == "true"


def read_object(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = values.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid_body(f"{name} is expected to be an object.")
    return value


def read_objects(values: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = values.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise invalid_body(f"{name} is expected to be a list of objects.")
    return value


def read_number(values: Mapping[str, Any], name: str, default: int) -> int:
    text = read_text(values, name)
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise invalid_parameter(f"{name} is expected to be a whole number.")
    return int(text)


def read_definition(body: Mapping[str, Any]) -> Definition:
    """What is to be created. Raises ApiError."""
    status = read_text(body, "status", "created").lower()
    if status not in STATUSES:
        raise invalid_parameter("Invalid value specified for 'status'.")
    subject = read_text(body, "emailSubject")
    if len(subject) > MAX_SUBJECT:
        raise invalid_parameter(f"The email subject exceeds {MAX_SUBJECT} characters.")
    documents = [_read_document(values) for values in read_objects(body, "documents")]
    _require_different([document.document_id for document in documents], "documentId")
    signers = list(_read_signers(read_objects(read_object(body, "recipients"), "signers"), documents))
    _require_different([signer.recipient_id for signer in signers], "recipientId")
    _refuse_duplicates(signers)
    if status == "sent" and not (subject and documents and signers):
        raise INCOMPLETE
    return Definition(
        status,
        read_text(body, "transactionId") or None,
        subject,
        read_text(body, "emailBlurb"),
        documents,
        signers,
        _read_notification(read_object(body, "notification")),
        _read_custom_fields(read_object(body, "customFields")),
        list(_read_event_notifications(body)),
    )


def _require_different(ids: list[str], name: str) -> None:
    if len(set(ids)) < len(ids):
        raise invalid_parameter(f"The {name} values are not unique.")


def _refuse_duplicates(signers: list[NewSigner]) -> None:
    people = [
        (signer.email.casefold(), signer.name.casefold(), signer.routing_order, signer.client_user_id)
        for signer in signers
    ]
    if len(set(people)) < len(people):
        raise ApiError("ENVELOPE_HAS_DUPLICATE_RECIPIENTS", "The envelope contains duplicate recipients.")


def _read_document(values: dict[str, Any]) -> NewDocument:
    document_id = read_text(values, "documentId")
    if not document_id.isascii() or not document_id.isdigit() or int(document_id) < 1:
        raise invalid_parameter("The documentId is expected to be a positive integer.")
    name = read_text(values, "name") or "Document"
    try:
        content = base64.b64decode(read_text(values, "documentBase64"), validate=True)
    except (binascii.Error, ValueError):
        raise invalid_body("documentBase64 is not valid base64.") from None
    try:
        page_count = len(read_pages(content))
    except UnreadablePdf:
        raise ApiError(
            "UNABLE_TO_CONVERT_DOCUMENT",
            f"System was unable to convert this document to a PDF. Unable to convert Document({document_id}) "
            f"Name({name}).",
        ) from None
    return NewDocument(document_id, name, content, page_count)


def _read_signers(list_of_values: list[dict[str, Any]], documents: list[NewDocument]) -> Iterator[NewSigner]:
    for values in list_of_values:
        recipient_id = read_text(values, "recipientId")
        if not recipient_id:
            raise invalid_parameter("The recipientId is missing.")
        tabs = _read_tabs(read_object(values, "tabs"), recipient_id)
        yield NewSigner(
            recipient_id,
            require_name(read_text(values, "name")),
            require_address(read_text(values, "email"), recipient_id),
            read_number(values, "routingOrder", 1),
            read_text(values, "clientUserId") or None,
            tabs,
            list(_locate_tabs(tabs, documents)),
        )


def require_name(name: str) -> str:
    if not 1 <= len(name) <= 100:
        raise invalid_parameter("The recipient's name is missing or exceeds 100 characters.")
    return name


def require_address(email: str, recipient_id: str) -> str:
    if not _ADDRESS.fullmatch(email) or len(email) > 100:
        raise ApiError(
            "INVALID_EMAIL_ADDRESS_FOR_RECIPIENT",
            f"The email address for the recipient is invalid. The recipient Id follows. {recipient_id}",
        )
    return email


def _read_tabs(values: dict[str, Any], recipient_id: str) -> dict[str, Any]:
    """The kinds that the sandbox fills in; any other one is left out, as is what no tab has."""
    return {
        kind: [
            {
                **{name: read_text(tab, name) for name in sorted(tab) if isinstance(tab[name], str | int | float)},
                "recipientId": recipient_id,
                "tabId": str(uuid.uuid4()),
            }
            for tab in read_objects(values, kind)
        ]
        for kind in TAB_KINDS
        if values.get(kind)
    }


def _locate_tabs(tabs: dict[str, Any], documents: list[NewDocument]) -> Iterator[dict[str, Any]]:
    """Where each tab is, by its anchor or its position. Raises ApiError where an anchor does not occur."""
    for kind, list_of_tabs in tabs.items():
        for tab in list_of_tabs:
            places = list(_locate_tab(tab, documents))
            if not places and not is_set(tab, "anchorIgnoreIfNotPresent"):
                raise ApiError(
                    "ANCHOR_TAB_STRING_NOT_FOUND",
                    f"Unable to find the anchor tab string in the document. Anchor tab string: "
                    f"{tab.get('anchorString', '')}",
                )
            for document_id, place in places:
                yield {"kind": kind, "document_id": document_id, **vars(place)}


def _locate_tab(tab: dict[str, Any], documents: list[NewDocument]) -> Iterator[tuple[str, Place]]:
    wanted_id = tab.get("documentId")
    concerned = [each for each in documents if wanted_id in (None, "", each.document_id)]
    anchor = tab.get("anchorString", "")
    if not anchor:
        yield _read_position(tab, concerned)
        return
    unit = POINTS_BY_UNIT.get(tab.get("anchorUnits") or "pixels")
    if unit is None:
        raise invalid_parameter("Invalid value specified for 'anchorUnits'.")
    right, down = (read_distance(tab, name) * unit for name in ("anchorXOffset", "anchorYOffset"))
    for document in concerned:
        for place in find_places(document.content, anchor, ignore_case=not is_set(tab, "anchorCaseSensitive")):
            yield document.document_id, Place(place.page, place.x + right, place.y + down)


def read_distance(tab: Mapping[str, Any], name: str) -> float:
    try:
        return float(read_text(tab, name, "0") or 0)
    except ValueError:
        raise invalid_parameter(f"{name} is expected to be a number.") from None


def _read_position(tab: dict[str, Any], documents: list[NewDocument]) -> tuple[str, Place]:
    page = read_number(tab, "pageNumber", 0)
    if not page:
        raise ApiError(
            "TAB_PAGE_NUMBER_NOT_SPECIFIED",
            "Page number not specified in tab element. Page Number or AnchorTabItem missing for tab.",
        )
    if not documents or page > documents[0].page_count:
        raise ApiError("INVALID_TAB_PAGE_NUMBER", "The tab's page number does not exist in the document.")
    return documents[0].document_id, Place(page, read_distance(tab, "xPosition"), read_distance(tab, "yPosition"))


def _read_notification(values: dict[str, Any]) -> dict[str, Any]:
    """Reminders and expiry, each with DocuSign's default."""
    reminders, expirations = read_object(values, "reminders"), read_object(values, "expirations")
    return {
        "useAccountDefaults": str(is_set(values, "useAccountDefaults")).lower(),
        "reminders": {
            "reminderEnabled": str(is_set(reminders, "reminderEnabled")).lower(),
            "reminderDelay": str(read_number(reminders, "reminderDelay", 0)),
            "reminderFrequency": str(read_number(reminders, "reminderFrequency", 0)),
        },
        "expirations": {
            "expireEnabled": "true",
            "expireAfter": str(read_number(expirations, "expireAfter", DAYS_UNTIL_EXPIRY) or DAYS_UNTIL_EXPIRY),
            "expireWarn": str(read_number(expirations, "expireWarn", 0)),
        },
    }


def _read_custom_fields(values: dict[str, Any]) -> dict[str, Any]:
    number = 10_000_000
    fields: dict[str, Any] = {}
    for kind in ("textCustomFields", "listCustomFields"):
        fields[kind] = []
        for each in read_objects(values, kind):
            number += 1
            fields[kind].append(
                {
                    "fieldId": read_text(each, "fieldId") or str(number),
                    "name": read_text(each, "name"),
                    "show": read_text(each, "show", "false"),
                    "required": read_text(each, "required", "false"),
                    "value": read_text(each, "value"),
                }
            )
    return fields


def _read_event_notifications(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Where events are to be sent, by which of them and with what."""
    single = read_object(body, "eventNotification")
    for values in [*([single] if single else []), *read_objects(body, "eventNotifications")]:
        url = read_text(values, "url")
        if not re.match(r"https?://[^/\s]+", url):
            raise invalid_parameter("The eventNotification's url is not an address.")
        data = read_object(values, "eventData")
        yield {
            "url": url,
            "events": [str(each).lower() for each in values.get("events") or []] or list(_legacy_events(values)),
            "include_data": [str(each).lower() for each in data.get("includeData") or []],
            "has_hmac": is_set(values, "includeHMAC"),
            "is_acknowledged": read_text(values, "requireAcknowledgment", "true").lower() == "true",
        }


def _legacy_events(values: Mapping[str, Any]) -> Iterator[str]:
    for event in read_objects(values, "envelopeEvents"):
        yield f"envelope-{read_text(event, 'envelopeEventStatusCode').lower()}"
    for event in read_objects(values, "recipientEvents"):
        yield f"recipient-{read_text(event, 'recipientEventStatusCode').lower()}"


def write_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)

"""What becomes of an envelope: sent, opened, signed, declined, voided, expired.

Each function works in the caller's transaction, which is the only one that writes; so of two signers at the same
moment one comes second, and sees what the first has done.
"""

import secrets
import sqlite3
import uuid
from datetime import datetime, timedelta
from typing import Final

from sandbox.connect.events import write_event
from sandbox.envelopes import records
from sandbox.envelopes.definition import Definition, NewDocument, NewSigner, write_json
from sandbox.envelopes.rows import (
    Row,
    change_envelope,
    change_recipient,
    get_envelope,
    get_recipient,
    list_recipients,
    load_json,
)
from sandbox.errors import ApiError, invalid_parameter
from sandbox.moments import format_moment, get_moment, get_now

OPEN: Final = ("sent", "delivered")
PENDING: Final = ("sent", "delivered")  # a recipient who has been asked and has not answered
EXPIRED: Final = "Envelope has expired."
NOT_VOIDABLE: Final = ApiError(
    "ENVELOPE_CANNOT_VOID_INVALID_STATE", "Only envelopes in the 'Sent' or 'Delivered' states may be voided."
)


# --- The sender ----------------------------------------------------------------------------------------------


def create_envelope(db: sqlite3.Connection, definition: Definition) -> str:
    """A new envelope's id. A transaction id that was used before makes no difference, as with DocuSign."""
    envelope_id, moment = str(uuid.uuid4()), get_moment(db)
    db.execute(
        "INSERT INTO envelope (envelope_id, transaction_id, status, email_subject, email_blurb, created_at,"
        " status_changed_at, last_modified_at, notification, custom_fields, event_notifications)"
        " VALUES (?, ?, 'created', ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            envelope_id,
            definition.transaction_id,
            definition.email_subject,
            definition.email_blurb,
            moment,
            moment,
            moment,
            write_json(definition.notification),
            write_json(definition.custom_fields),
            write_json(definition.event_notifications),
        ),
    )
    for position, document in enumerate(definition.documents, 1):
        _insert_document(db, envelope_id, document, position)
    for signer in definition.signers:
        _insert_signer(db, envelope_id, signer)
    records.write_audit_event(db, envelope_id, moment, "Registered", "The envelope was created by the sender")
    if definition.status == "sent":
        send_envelope(db, envelope_id)
    return envelope_id


def _insert_document(db: sqlite3.Connection, envelope_id: str, document: NewDocument, position: int) -> None:
    db.execute(
        "INSERT INTO document (envelope_id, document_id, guid, name, position, page_count, content)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            envelope_id,
            document.document_id,
            str(uuid.uuid4()),
            document.name,
            position,
            document.page_count,
            document.content,
        ),
    )


def _insert_signer(db: sqlite3.Connection, envelope_id: str, signer: NewSigner) -> None:
    db.execute(
        "INSERT INTO recipient (envelope_id, recipient_id, guid, user_guid, link, name, email, routing_order,"
        " client_user_id, status, tabs, places) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'created', ?, ?)",
        (
            envelope_id,
            signer.recipient_id,
            str(uuid.uuid4()),
            str(uuid.uuid4()),
            _make_link(),
            signer.name,
            signer.email,
            signer.routing_order,
            signer.client_user_id,
            write_json(signer.tabs),
            write_json(signer.places),
        ),
    )


def _make_link() -> str:
    return secrets.token_urlsafe(24)


def send_envelope(db: sqlite3.Connection, envelope_id: str) -> None:
    """Send a draft. Raises ApiError where it is none, or not complete."""
    envelope = get_envelope(db, envelope_id)
    if envelope["status"] != "created":
        raise ApiError("ENVELOPE_INVALID_STATUS", "Invalid envelope status. Envelope status is not one of: Created.")
    now = get_now(db)
    moment, notification = format_moment(now), load_json(envelope, "notification")
    reminders, expirations = notification["reminders"], notification["expirations"]
    expires_at = now + timedelta(days=int(expirations["expireAfter"]))
    warn_days, delay_days = int(expirations["expireWarn"]), int(reminders["reminderDelay"])
    has_reminders = reminders["reminderEnabled"] == "true" and delay_days > 0
    change_envelope(
        db,
        envelope_id,
        moment,
        status="sent",
        sent_at=moment,
        expires_at=format_moment(expires_at),
        warns_at=format_moment(expires_at - timedelta(days=warn_days)) if warn_days else None,
        reminds_at=format_moment(now + timedelta(days=delay_days)) if has_reminders else None,
    )
    records.write_audit_event(db, envelope_id, moment, "Sent Invitations", "The envelope was sent")
    write_event(db, envelope_id, "envelope-sent", moment)
    _ask_next_recipients(db, envelope_id, moment)


def _ask_next_recipients(db: sqlite3.Connection, envelope_id: str, moment: str) -> None:
    """Ask everybody whose turn it is: the lowest routing order that is not done."""
    recipients = list_recipients(db, envelope_id)
    waiting = [each for each in recipients if each["status"] != "completed"]
    for recipient in waiting:
        if recipient["routing_order"] == waiting[0]["routing_order"] and recipient["status"] == "created":
            change_recipient(db, recipient, status="sent", sent_at=moment)
            _send_request(db, recipient, records.REQUEST, moment)
            write_event(db, envelope_id, "recipient-sent", moment, recipient["recipient_id"])


def _send_request(db: sqlite3.Connection, recipient: Row, kind: str, moment: str) -> None:
    blurb = get_envelope(db, recipient["envelope_id"])["email_blurb"]
    records.write_mail(db, recipient, kind, blurb or "Please read and sign the document.", moment)


def void_envelope(db: sqlite3.Connection, envelope_id: str, reason: str) -> None:
    """Raises ApiError where it is not open any more, or no reason is given."""
    if get_envelope(db, envelope_id)["status"] not in OPEN:
        raise NOT_VOIDABLE
    if not reason:
        raise invalid_parameter("A voidedReason is required to void an envelope.")
    _end_by_voiding(db, envelope_id, reason[:200], get_moment(db))


def _end_by_voiding(db: sqlite3.Connection, envelope_id: str, reason: str, moment: str) -> None:
    change_envelope(db, envelope_id, moment, status="voided", voided_at=moment, voided_reason=reason)
    records.write_audit_event(db, envelope_id, moment, "Voided", f"The envelope was voided: {reason}")
    records.write_mails_to_all(db, envelope_id, records.VOIDED, reason, moment)
    write_event(db, envelope_id, "envelope-voided", moment)


def resend_envelope(db: sqlite3.Connection, envelope_id: str) -> None:
    """Ask again whoever has not answered. Raises ApiError where the envelope is not open."""
    require_correctable(db, envelope_id)
    moment = get_moment(db)
    for recipient in list_recipients(db, envelope_id):
        if recipient["status"] in PENDING:
            resend_to_recipient(db, recipient, moment)
    change_envelope(db, envelope_id, moment)
    write_event(db, envelope_id, "envelope-resent", moment)


def resend_to_recipient(db: sqlite3.Connection, recipient: Row, moment: str) -> None:
    _send_request(db, recipient, records.REQUEST, moment)
    write_event(db, recipient["envelope_id"], "recipient-resent", moment, recipient["recipient_id"])


def require_correctable(db: sqlite3.Connection, envelope_id: str) -> None:
    if get_envelope(db, envelope_id)["status"] not in ("created", *OPEN):
        raise ApiError(
            "ENVELOPE_INVALID_STATUS",
            "Invalid envelope status. Envelope status is not one of: Created, Sent, Delivered, Correct.",
        )


def correct_recipient(
    db: sqlite3.Connection, recipient: Row, *, name: str | None, email: str | None, resend: bool
) -> None:
    """Change the name or address of one who has not answered. A new address gets a new link; the old one is dead."""
    moment, values = get_moment(db), {}
    if name is not None:
        values["name"] = name
    if email is not None:
        values |= {"email": email, "link": _make_link()}
    if values:
        change_recipient(db, recipient, **values)
        change_envelope(db, recipient["envelope_id"], moment)
        records.write_audit_event(db, recipient["envelope_id"], moment, "Corrected", "A recipient was corrected")
    corrected = get_recipient(db, recipient["envelope_id"], recipient["recipient_id"])
    if corrected["status"] not in PENDING:
        return
    if email is not None:
        _send_request(db, corrected, records.CORRECTION, moment)
        write_event(db, corrected["envelope_id"], "envelope-corrected", moment)
    elif resend:
        resend_to_recipient(db, corrected, moment)


# --- The signers ---------------------------------------------------------------------------------------------


def open_envelope(db: sqlite3.Connection, recipient: Row) -> None:
    """Note that a recipient looks at the document; it may have been noted before."""
    envelope_id = recipient["envelope_id"]
    if get_envelope(db, envelope_id)["status"] not in OPEN or recipient["status"] != "sent":
        return
    moment = get_moment(db)
    change_recipient(db, recipient, status="delivered", delivered_at=moment)
    records.write_audit_event(db, envelope_id, moment, "Opened", f"{recipient['name']} opened the envelope", recipient)
    change_envelope(db, envelope_id, moment)
    write_event(db, envelope_id, "recipient-delivered", moment, recipient["recipient_id"])
    has_all_seen = all(each["status"] in ("delivered", "completed") for each in list_recipients(db, envelope_id))
    if has_all_seen and get_envelope(db, envelope_id)["status"] == "sent":
        change_envelope(db, envelope_id, moment, status="delivered", delivered_at=moment)
        write_event(db, envelope_id, "envelope-delivered", moment)


def sign_envelope(db: sqlite3.Connection, recipient: Row, signature_name: str) -> bool:
    """Sign for a recipient; whether that was possible. The second time, or too late, nothing happens."""
    open_envelope(db, recipient)
    envelope_id = recipient["envelope_id"]
    current = get_recipient(db, envelope_id, recipient["recipient_id"])
    if get_envelope(db, envelope_id)["status"] not in OPEN or current["status"] not in PENDING:
        return False
    moment = get_moment(db)
    change_recipient(db, current, status="completed", signed_at=moment, signature_name=signature_name)
    records.write_audit_event(db, envelope_id, moment, "Signed", f"{current['name']} signed the envelope", current)
    change_envelope(db, envelope_id, moment)
    if all(each["status"] == "completed" for each in list_recipients(db, envelope_id)):
        change_envelope(db, envelope_id, moment, status="completed", completed_at=moment)
        write_event(db, envelope_id, "recipient-completed", moment, current["recipient_id"])
        records.write_mails_to_all(db, envelope_id, records.COMPLETED, "Everybody has signed.", moment)
        write_event(db, envelope_id, "envelope-completed", moment)
    else:
        write_event(db, envelope_id, "recipient-completed", moment, current["recipient_id"])
        _ask_next_recipients(db, envelope_id, moment)
    return True


def decline_envelope(db: sqlite3.Connection, recipient: Row, reason: str) -> bool:
    """Decline for a recipient, which ends the envelope; whether that was possible."""
    open_envelope(db, recipient)
    envelope_id = recipient["envelope_id"]
    current = get_recipient(db, envelope_id, recipient["recipient_id"])
    if get_envelope(db, envelope_id)["status"] not in OPEN or current["status"] not in PENDING:
        return False
    moment = get_moment(db)
    change_recipient(db, current, status="declined", declined_at=moment, declined_reason=reason)
    change_envelope(db, envelope_id, moment, status="declined", declined_at=moment)
    records.write_audit_event(db, envelope_id, moment, "Declined", f"{current['name']} declined: {reason}", current)
    records.write_mails_to_all(db, envelope_id, records.DECLINED, f"{current['name']} declined: {reason}", moment)
    write_event(db, envelope_id, "recipient-declined", moment, current["recipient_id"])
    write_event(db, envelope_id, "envelope-declined", moment)
    return True


# --- The clock -----------------------------------------------------------------------------------------------


def expire_envelopes(db: sqlite3.Connection) -> None:
    """Void what has expired."""
    moment = get_moment(db)
    for row in _list_due(db, "expires_at", moment):
        _end_by_voiding(db, row["envelope_id"], EXPIRED, moment)


def send_reminders(db: sqlite3.Connection) -> None:
    """Remind whoever has not answered, and warn before an envelope expires."""
    now = get_now(db)
    moment = format_moment(now)
    for row in _list_due(db, "warns_at", moment):
        _remind(db, row["envelope_id"], records.WARNING, moment)
        db.execute("UPDATE envelope SET warns_at = NULL WHERE envelope_id = ?", (row["envelope_id"],))
    for row in _list_due(db, "reminds_at", moment):
        _remind(db, row["envelope_id"], records.REMINDER, moment)
        db.execute(
            "UPDATE envelope SET reminds_at = ? WHERE envelope_id = ?",
            (_next_reminder(row, now), row["envelope_id"]),
        )


def _next_reminder(envelope: Row, now: datetime) -> str | None:
    days = int(load_json(envelope, "notification")["reminders"]["reminderFrequency"])
    return format_moment(now + timedelta(days=days)) if days else None


def _list_due(db: sqlite3.Connection, column: str, moment: str) -> list[Row]:
    return db.execute(
        f"SELECT * FROM envelope WHERE status IN ('sent', 'delivered') AND {column} <= ?",  # noqa: S608
        (moment,),
    ).fetchall()


def has_anything_due(db: sqlite3.Connection) -> bool:
    """Whether time has something to do, so that nobody writes in vain."""
    moment = get_moment(db)
    return any(_list_due(db, column, moment) for column in ("expires_at", "warns_at", "reminds_at"))


def _remind(db: sqlite3.Connection, envelope_id: str, kind: str, moment: str) -> None:
    for recipient in list_recipients(db, envelope_id):
        if recipient["status"] in PENDING:
            _send_request(db, recipient, kind, moment)

"""What an envelope leaves behind beside its own state: mails and audit events."""

import sqlite3
from typing import Final

from sandbox.account import get_account
from sandbox.envelopes.definition import write_json
from sandbox.envelopes.rows import Row, get_envelope, list_recipients

REQUEST: Final = "Request to sign"
REMINDER: Final = "Reminder"
WARNING: Final = "Expires soon"
CORRECTION: Final = "Corrected request to sign"
COMPLETED: Final = "Completed"
DECLINED: Final = "Declined"
VOIDED: Final = "Voided"
ASKING: Final = (REQUEST, REMINDER, WARNING, CORRECTION)  # which ask somebody to sign


def write_mail(db: sqlite3.Connection, recipient: Row, kind: str, text: str, moment: str) -> None:
    """A mail to a recipient. One with a clientUserId is led to the page by the sender and gets none."""
    if recipient["client_user_id"]:
        return
    subject = get_envelope(db, recipient["envelope_id"])["email_subject"]
    shown = subject if kind == REQUEST else f"{kind}: {subject}"
    db.execute(
        "INSERT INTO mail (envelope_id, link, email, name, kind, subject, body, sent_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            recipient["envelope_id"],
            recipient["link"],
            recipient["email"],
            recipient["name"],
            kind,
            shown,
            text,
            moment,
        ),
    )


def write_mails_to_all(db: sqlite3.Connection, envelope_id: str, kind: str, text: str, moment: str) -> None:
    """A mail on the outcome, to the sender and to everybody who was asked to sign."""
    envelope, account = get_envelope(db, envelope_id), get_account(db)
    for recipient in list_recipients(db, envelope_id):
        if recipient["sent_at"]:
            write_mail(db, recipient, kind, text, moment)
    db.execute(
        "INSERT INTO mail (envelope_id, link, email, name, kind, subject, body, sent_at)"
        " VALUES (?, NULL, ?, ?, ?, ?, ?, ?)",
        (
            envelope_id,
            account["user_email"],
            account["user_name"],
            kind,
            f"{kind}: {envelope['email_subject']}",
            text,
            moment,
        ),
    )


def write_audit_event(
    db: sqlite3.Connection, envelope_id: str, moment: str, action: str, text: str, recipient: Row | None = None
) -> None:
    """One line of the envelope's audit trail. Without a recipient it is the sender who acts."""
    account = get_account(db)
    fields = {
        "logTime": moment,
        "Source": "api" if recipient is None else "web",
        "UserName": account["user_name"] if recipient is None else recipient["name"],
        "UserId": account["user_id"] if recipient is None else recipient["user_guid"],
        "Action": action,
        "Message": text,
        "EnvelopeStatus": get_envelope(db, envelope_id)["status"],
        "ClientIPAddress": "127.0.0.1",
        "Information": "",
        "InformationLocalized": "",
        "GeoLocation": "",
        "Language": "en",
    }
    db.execute(
        "INSERT INTO audit_event (envelope_id, fields) VALUES (?, ?)",
        (envelope_id, write_json([{"name": name, "value": value} for name, value in fields.items()])),
    )

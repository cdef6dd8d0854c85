"""The certificate of completion: who signed what and when."""

import hashlib
import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from sandbox.account import get_account
from sandbox.envelopes.rows import Row, list_documents, list_recipients
from sandbox.moments import parse_moment
from sandbox.papers.typesetting import typeset

WARNING: Final = "This is a signing sandbox. Nothing in this envelope is legally signed."


def build_certificate(db: sqlite3.Connection, envelope: Row, completed: Mapping[str, bytes]) -> bytes:
    """One page on the envelope. `completed`: further files to be named with their SHA-256, by their names."""
    account, envelope_id = get_account(db), envelope["envelope_id"]
    documents = {row["name"]: row["content"] for row in list_documents(db, envelope_id)} | dict(completed)
    facts = [
        ("Envelope", envelope_id),
        ("Subject", envelope["email_subject"]),
        ("Status", envelope["status"].capitalize()),
        ("Sender", f"{account['user_name']} <{account['user_email']}>"),
        *_list_times(envelope, ("created", "sent", "completed", "declined", "voided")),
    ]
    if envelope["voided_reason"]:
        facts.append(("Reason", envelope["voided_reason"]))
    return typeset(
        "certificate.typ",
        {
            "warning": WARNING,
            "footer": f"Envelope {envelope_id}",
            "facts": facts,
            "signers": [_describe_signer(row) for row in list_recipients(db, envelope_id)],
            "documents": [
                {"name": name, "sha256": hashlib.sha256(content).hexdigest()} for name, content in documents.items()
            ],
        },
    )


def _list_times(row: Row, names: tuple[str, ...]) -> list[tuple[str, str]]:
    return [
        (name.capitalize(), f"{parse_moment(row[f'{name}_at']):%Y-%m-%d %H:%M:%S} UTC")
        for name in names
        if row[f"{name}_at"]
    ]


def _describe_signer(recipient: Row) -> dict[str, Any]:
    facts = [("Status", recipient["status"].capitalize())]
    if recipient["signature_name"]:
        facts.append(("Signed as", recipient["signature_name"]))
    if recipient["declined_reason"]:
        facts.append(("Reason", recipient["declined_reason"]))
    return {
        "name": recipient["name"],
        "email": recipient["email"],
        "facts": [*facts, *_list_times(recipient, ("sent", "delivered", "signed", "declined"))],
    }

"""Finding envelopes and their parts."""

import json
import sqlite3
from typing import Any

from sandbox.errors import MISSING_ENVELOPE

Row = sqlite3.Row


def get_envelope(db: sqlite3.Connection, envelope_id: str) -> Row:
    """Raises ApiError where there is none."""
    row = db.execute("SELECT * FROM envelope WHERE envelope_id = ?", (envelope_id.lower(),)).fetchone()
    if row is None:
        raise MISSING_ENVELOPE
    found: Row = row
    return found


def list_recipients(db: sqlite3.Connection, envelope_id: str) -> list[Row]:
    return db.execute(
        "SELECT * FROM recipient WHERE envelope_id = ? ORDER BY routing_order, rowid", (envelope_id,)
    ).fetchall()


def get_recipient(db: sqlite3.Connection, envelope_id: str, recipient_id: str) -> Row:
    row: Row = db.execute(
        "SELECT * FROM recipient WHERE envelope_id = ? AND recipient_id = ?", (envelope_id, recipient_id)
    ).fetchone()
    return row


def find_recipient_by_link(db: sqlite3.Connection, link: str) -> Row | None:
    row: Row | None = db.execute("SELECT * FROM recipient WHERE link = ?", (link,)).fetchone()
    return row


def list_documents(db: sqlite3.Connection, envelope_id: str) -> list[Row]:
    return db.execute("SELECT * FROM document WHERE envelope_id = ? ORDER BY position", (envelope_id,)).fetchall()


def load_json(row: Row, name: str) -> Any:
    return json.loads(row[name])


def change_envelope(db: sqlite3.Connection, envelope_id: str, moment: str, **values: object) -> None:
    """Write `values`; a new status also moves the moment of the last change of status."""
    if "status" in values:
        values["status_changed_at"] = moment
    values["last_modified_at"] = moment
    assignments = ", ".join(f"{name} = ?" for name in values)
    db.execute(f"UPDATE envelope SET {assignments} WHERE envelope_id = ?", (*values.values(), envelope_id))  # noqa: S608


def change_recipient(db: sqlite3.Connection, recipient: Row, **values: object) -> None:
    assignments = ", ".join(f"{name} = ?" for name in values)
    db.execute(
        f"UPDATE recipient SET {assignments} WHERE envelope_id = ? AND recipient_id = ?",  # noqa: S608
        (*values.values(), recipient["envelope_id"], recipient["recipient_id"]),
    )

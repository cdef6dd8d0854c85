"""What can be downloaded of an envelope. Of a completed one each file is made once and kept: all get the same bytes."""

import io
import sqlite3
from dataclasses import dataclass
from typing import Final

from pikepdf import Pdf

from sandbox.account import get_account
from sandbox.envelopes.representation import CERTIFICATE_NAME
from sandbox.envelopes.rows import Row, get_envelope, list_documents, list_recipients
from sandbox.errors import ApiError
from sandbox.papers.certificate import build_certificate
from sandbox.papers.signature import sign_pdf
from sandbox.papers.stamping import stamp_document
from sandbox.store import Store

COMBINED: Final = "combined"
CERTIFICATE: Final = "certificate"
COMBINED_WITH_CERTIFICATE: Final = "combined with certificate"
MISSING: Final = ApiError("DOCUMENT_DOES_NOT_EXIST", "The document specified was not found.", 404)


@dataclass(frozen=True)
class Paper:
    name: str
    content: bytes


def get_paper(store: Store, envelope_id: str, document_id: str, *, with_certificate: bool = False) -> Paper:
    """A document by its id, all of them, or the certificate. Raises ApiError."""
    with store.read() as db:
        envelope = get_envelope(db, envelope_id)
        name = _name_paper(db, envelope, document_id)
        kind = COMBINED_WITH_CERTIFICATE if document_id == COMBINED and with_certificate else document_id
        kept = _find_kept(db, envelope["envelope_id"], kind)
        content = kept if kept is not None else _build_paper(db, envelope, kind)
    if kept is None and envelope["status"] == "completed":
        content = _keep_first(store, envelope["envelope_id"], kind, content)
    return Paper(name, content)


def _name_paper(db: sqlite3.Connection, envelope: Row, document_id: str) -> str:
    if document_id == CERTIFICATE:
        return f"{CERTIFICATE_NAME}.pdf"
    documents = list_documents(db, envelope["envelope_id"])
    names = {row["document_id"]: row["name"] for row in documents}
    if document_id == COMBINED:
        if not documents:
            raise MISSING
        return f"{envelope['email_subject'] or 'Envelope'}.pdf"
    if document_id not in names:
        raise MISSING
    name = names[document_id]
    return name if name.lower().endswith(".pdf") else f"{name}.pdf"


def _find_kept(db: sqlite3.Connection, envelope_id: str, kind: str) -> bytes | None:
    row = db.execute("SELECT content FROM paper WHERE envelope_id = ? AND kind = ?", (envelope_id, kind)).fetchone()
    return bytes(row[0]) if row else None


def _keep_first(store: Store, envelope_id: str, kind: str, content: bytes) -> bytes:
    """What was kept first: two may have made it at the same moment, and a signature differs each time."""
    with store.write() as db:
        db.execute("INSERT OR IGNORE INTO paper VALUES (?, ?, ?)", (envelope_id, kind, content))
        kept = _find_kept(db, envelope_id, kind)
    assert kept is not None
    return kept


def _build_paper(db: sqlite3.Connection, envelope: Row, kind: str) -> bytes:
    if kind == CERTIFICATE:
        return build_certificate(db, envelope, {})
    envelope_id, is_completed = envelope["envelope_id"], envelope["status"] == "completed"
    is_for_all = kind in (COMBINED, COMBINED_WITH_CERTIFICATE)
    documents = [row for row in list_documents(db, envelope_id) if is_for_all or row["document_id"] == kind]
    contents = [bytes(row["content"]) for row in documents]
    if is_completed:
        recipients = list_recipients(db, envelope_id)
        contents = [stamp_document(row, recipients) for row in documents]
    if kind == COMBINED_WITH_CERTIFICATE:
        contents.append(build_certificate(db, envelope, {}))
    joined = _join(contents)
    return sign_pdf(joined, get_account(db), envelope_id) if is_completed else joined


def _join(contents: list[bytes]) -> bytes:
    """All PDFs as one; one alone stays as it is."""
    if len(contents) == 1:
        return contents[0]
    with Pdf.new() as joined:
        for content in contents:
            with Pdf.open(io.BytesIO(content)) as part:
                joined.pages.extend(part.pages)
        target = io.BytesIO()
        joined.save(target)
    return target.getvalue()

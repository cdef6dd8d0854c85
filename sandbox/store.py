"""Where the sandbox keeps everything: one SQLite file. What was answered is in the file, also after kill -9."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

BUSY_SECONDS: Final = 30.0
SCHEMA_VERSION: Final = 1  # higher with each change below

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS account (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    account_id TEXT NOT NULL,
    account_name TEXT NOT NULL,
    user_id TEXT NOT NULL,
    user_name TEXT NOT NULL,
    user_email TEXT NOT NULL,
    integration_key TEXT NOT NULL,
    private_key TEXT NOT NULL,
    certificate TEXT NOT NULL,
    certificate_key TEXT NOT NULL,
    session_secret TEXT NOT NULL,
    has_consent INTEGER NOT NULL DEFAULT 1,
    clock_offset_seconds INTEGER NOT NULL DEFAULT 0,
    behaviour TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE IF NOT EXISTS hmac_key (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    secret TEXT NOT NULL,
    created_at TEXT NOT NULL,
    retired_at TEXT
);
CREATE TABLE IF NOT EXISTS access_token (
    token TEXT PRIMARY KEY,
    expires_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS envelope (
    envelope_id TEXT PRIMARY KEY,
    transaction_id TEXT,
    status TEXT NOT NULL
        CHECK (status IN ('created', 'sent', 'delivered', 'completed', 'declined', 'voided')),
    email_subject TEXT NOT NULL,
    email_blurb TEXT NOT NULL,
    created_at TEXT NOT NULL,
    sent_at TEXT,
    delivered_at TEXT,
    completed_at TEXT,
    declined_at TEXT,
    voided_at TEXT,
    voided_reason TEXT,
    status_changed_at TEXT NOT NULL,
    last_modified_at TEXT NOT NULL,
    expires_at TEXT,
    warns_at TEXT,
    reminds_at TEXT,
    notification TEXT NOT NULL,
    custom_fields TEXT NOT NULL,
    event_notifications TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS envelope_by_change ON envelope (status_changed_at);
CREATE INDEX IF NOT EXISTS envelope_by_transaction ON envelope (transaction_id);
CREATE INDEX IF NOT EXISTS envelope_by_status ON envelope (status);
CREATE TABLE IF NOT EXISTS document (
    envelope_id TEXT NOT NULL REFERENCES envelope,
    document_id TEXT NOT NULL,
    guid TEXT NOT NULL,
    name TEXT NOT NULL,
    position INTEGER NOT NULL,
    page_count INTEGER NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (envelope_id, document_id)
);
CREATE TABLE IF NOT EXISTS recipient (
    envelope_id TEXT NOT NULL REFERENCES envelope,
    recipient_id TEXT NOT NULL,
    guid TEXT NOT NULL,
    user_guid TEXT NOT NULL,
    link TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    routing_order INTEGER NOT NULL,
    client_user_id TEXT,
    status TEXT NOT NULL CHECK (status IN ('created', 'sent', 'delivered', 'completed', 'declined', 'autoresponded')),
    sent_at TEXT,
    delivered_at TEXT,
    signed_at TEXT,
    declined_at TEXT,
    declined_reason TEXT,
    signature_name TEXT,
    return_url TEXT,
    tabs TEXT NOT NULL,
    places TEXT NOT NULL,
    PRIMARY KEY (envelope_id, recipient_id)
);
CREATE TABLE IF NOT EXISTS mail (
    id INTEGER PRIMARY KEY,
    envelope_id TEXT NOT NULL REFERENCES envelope,
    link TEXT,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    sent_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS mail_by_address ON mail (email);
CREATE TABLE IF NOT EXISTS audit_event (
    id INTEGER PRIMARY KEY,
    envelope_id TEXT NOT NULL REFERENCES envelope,
    fields TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS audit_event_by_envelope ON audit_event (envelope_id);
CREATE TABLE IF NOT EXISTS paper (
    envelope_id TEXT NOT NULL REFERENCES envelope,
    kind TEXT NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (envelope_id, kind)
);
CREATE TABLE IF NOT EXISTS connect_event (
    id INTEGER PRIMARY KEY,
    envelope_id TEXT NOT NULL REFERENCES envelope,
    event TEXT NOT NULL,
    url TEXT NOT NULL,
    message TEXT NOT NULL,
    is_acknowledged INTEGER NOT NULL,
    signing TEXT NOT NULL CHECK (signing IN ('right', 'wrong', 'none')),
    state TEXT NOT NULL CHECK (state IN ('new', 'waiting', 'delivered', 'given up', 'dropped')),
    attempt_count INTEGER NOT NULL DEFAULT 0,
    due_at REAL NOT NULL,
    answer TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS connect_event_due ON connect_event (state, due_at);
"""


class OtherVersion(Exception):
    """The file has other tables. The message is one line."""


class Store:
    """The file. Each thread has a connection of its own; of two that write, the second one waits."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._own = threading.local()
        path.touch(mode=0o600)
        with self.write() as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version != SCHEMA_VERSION and db.execute("SELECT 1 FROM sqlite_master").fetchone():
                raise OtherVersion(f"{path} was written by another version of the sandbox: delete it")
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            for statement in SCHEMA.split(";\n"):
                db.execute(statement)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one state of the file throughout."""
        db = self._connect()
        db.execute("BEGIN")
        try:
            yield db
        finally:
            db.execute("ROLLBACK")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A connection whose changes are all kept at the end, or none of them where an exception ends it."""
        db = self._connect()
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")

    def close(self) -> None:
        """Close the connection of this thread, which may open another one."""
        db: sqlite3.Connection | None = self._own.__dict__.pop("db", None)
        if db is not None:
            db.close()

    def _connect(self) -> sqlite3.Connection:
        db: sqlite3.Connection | None = getattr(self._own, "db", None)
        if db is None:
            db = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA foreign_keys = ON")
            self._own.db = db
        return db

"""The one account: its ids, keys and consent, and the file by which the hub gets to know them."""

import json
import os
import secrets
import sqlite3
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from sandbox.moments import get_moment

CREDENTIALS_FILE: Final = "credentials.json"
KEY_BITS: Final = 2048
CERTIFICATE_DAYS: Final = 3650
FIRST_HMAC_KEYS: Final = 2
MAX_HMAC_KEYS: Final = 100  # as many as DocuSign takes


def prepare_account(db: sqlite3.Connection) -> None:
    """Make the account where there is none yet."""
    if db.execute("SELECT 1 FROM account").fetchone():
        return
    certificate_key = rsa.generate_private_key(65537, KEY_BITS)
    db.execute(
        "INSERT INTO account (id, account_id, account_name, user_id, user_name, user_email, integration_key,"
        " private_key, certificate, certificate_key, session_secret) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            str(uuid.uuid4()),
            "Signing sandbox",
            str(uuid.uuid4()),
            "Sandbox Sender",
            "sender@sandbox.example",
            str(uuid.uuid4()),
            _write_key(rsa.generate_private_key(65537, KEY_BITS)),
            _issue_certificate(certificate_key),
            _write_key(certificate_key),
            secrets.token_hex(32),
        ),
    )
    for _ in range(FIRST_HMAC_KEYS):
        add_hmac_key(db)


def _write_key(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()


def _issue_certificate(key: rsa.RSAPrivateKey) -> str:
    """A certificate that vouches for itself, with which completed documents are signed."""
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Signing sandbox"),
            x509.NameAttribute(NameOID.COMMON_NAME, "Signing sandbox (not legally binding)"),
        ]
    )
    now = datetime.now(UTC)
    usage = x509.KeyUsage(True, True, False, False, False, False, False, False, False)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=CERTIFICATE_DAYS))
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def get_account(db: sqlite3.Connection) -> sqlite3.Row:
    row: sqlite3.Row = db.execute("SELECT * FROM account").fetchone()
    return row


def set_consent(db: sqlite3.Connection, *, is_given: bool) -> None:
    """Whether the integration key may act for the user. Revoking it ends every access token."""
    db.execute("UPDATE account SET has_consent = ?", (int(is_given),))
    if not is_given:
        db.execute("DELETE FROM access_token")


# --- Keys of Connect -----------------------------------------------------------------------------------------


def add_hmac_key(db: sqlite3.Connection) -> None:
    """One more active key, where the account may have one."""
    if len(list_hmac_keys(db)) >= MAX_HMAC_KEYS:
        return
    number = db.execute("SELECT count(*) FROM hmac_key").fetchone()[0] + 1
    db.execute(
        "INSERT INTO hmac_key (name, secret, created_at) VALUES (?, ?, ?)",
        (f"Connect Secret {number}", secrets.token_urlsafe(33), get_moment(db)),
    )


def retire_hmac_key(db: sqlite3.Connection, key_id: int) -> None:
    """Sign with this key no more. The last one stays."""
    if len(list_hmac_keys(db)) > 1:
        db.execute("UPDATE hmac_key SET retired_at = ? WHERE id = ? AND retired_at IS NULL", (get_moment(db), key_id))


def list_hmac_keys(db: sqlite3.Connection) -> list[sqlite3.Row]:
    """The active ones, in the order of the numbers in the headers."""
    return db.execute("SELECT * FROM hmac_key WHERE retired_at IS NULL ORDER BY id").fetchall()


# --- What the hub needs to know ------------------------------------------------------------------------------


def describe_credentials(db: sqlite3.Connection, base_uri: str) -> dict[str, Any]:
    account = get_account(db)
    return {
        "oauth_host": base_uri.partition("://")[2],
        "base_uri": base_uri,
        "account_id": account["account_id"],
        "user_id": account["user_id"],
        "integration_key": account["integration_key"],
        "private_key": account["private_key"],
        "hmac_keys": [key["secret"] for key in list_hmac_keys(db)],
    }


def write_credentials(db: sqlite3.Connection, folder: Path, base_uri: str) -> None:
    """Write the file anew. Nobody ever sees half of it, and only the owner sees it at all."""
    path = folder / CREDENTIALS_FILE
    unfinished = path.with_suffix(f".{secrets.token_hex(4)}")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(describe_credentials(db, base_uri), file, indent=2)
    unfinished.replace(path)

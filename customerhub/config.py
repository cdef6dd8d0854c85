"""Everything that differs between installations, read once from the environment.

Each setting is checked at start; a wrong one raises :class:`SettingError`, whose message names the setting,
says what was found and what is expected.
"""

import contextlib
import ipaddress
import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

MIB = 1024 * 1024

_PASSWORD = re.compile(r"^((?:[a-z0-9+.-]*://)?[^:@]*:).*@", re.IGNORECASE | re.DOTALL)
_PASSWORD_ASKED = re.compile(r"([?&]password=)[^&]*", re.IGNORECASE)


class SettingError(Exception):
    """A setting cannot be used. The message is one line that names it."""


@dataclass(frozen=True)
class Settings:
    """The settings of one hub. Paths are absolute; `redis_url` is None where the embedded server is used."""

    data_dir: Path
    database_url: str
    redis_url: str | None
    port: int
    host: str
    public_url: str
    secret_key: str
    secure_cookies: bool
    workers: int
    web_workers: int
    smtp_url: str | None
    smtp_timeout: float
    max_upload_bytes: int
    max_attachment_bytes: int
    max_import_rows: int
    trusted_proxies: int
    keep_transfers_days: int

    @property
    def files_dir(self) -> Path:
        return self.data_dir / "files"

    @property
    def is_private(self) -> bool:
        """Whether the address that people use leads to this machine alone."""
        return is_loopback(urlsplit(self.public_url).hostname or "")

    @property
    def uses_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings from `environ` and make the data folder.

    Raises SettingError where one is unusable.
    """
    data_dir = _data_dir(environ.get("HUB_DATA_DIR") or "instance")
    port = _integer(environ, "PORT", 8000, 1, 65535)
    public_url = _public_url(environ.get("HUB_PUBLIC_URL") or f"http://127.0.0.1:{port}")
    return Settings(
        data_dir=data_dir,
        database_url=_database_url(environ.get("DATABASE_URL", ""), data_dir),
        redis_url=_redis_url(environ.get("REDIS_URL", "")),
        port=port,
        host=environ.get("HUB_HOST") or "127.0.0.1",
        public_url=public_url,
        secret_key=environ.get("HUB_SECRET_KEY") or _kept_secret(data_dir / "secret_key"),
        secure_cookies=_boolean(environ, "HUB_SECURE_COOKIES", public_url.startswith("https://")),
        workers=_integer(environ, "HUB_WORKERS", 1, 1, 64),
        web_workers=_integer(environ, "HUB_WEB_WORKERS", 2, 1, 64),
        smtp_url=_smtp_url(environ.get("SMTP_URL", "")),
        smtp_timeout=_integer(environ, "HUB_SMTP_TIMEOUT", 20, 1, 25),
        max_upload_bytes=_integer(environ, "HUB_MAX_UPLOAD_MB", 25, 1, 1024) * MIB,
        max_attachment_bytes=_integer(environ, "HUB_MAX_ATTACHMENTS_MB", 10, 1, 100) * MIB,
        max_import_rows=_integer(environ, "HUB_MAX_IMPORT_ROWS", 50_000, 1, 1_000_000),
        trusted_proxies=_integer(environ, "HUB_TRUSTED_PROXIES", 0, 0, 8),
        keep_transfers_days=_integer(environ, "HUB_KEEP_TRANSFERS_DAYS", 90, 1, 3650),
    )


def _data_dir(text: str) -> Path:
    path = Path(text).resolve()
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):  # a name of its own: all parts of a hub look at the same moment
            pass
    except OSError as error:
        raise SettingError(f"HUB_DATA_DIR is {str(path)!r}: cannot write there ({error.strerror})") from error
    return path


def _public_url(text: str) -> str:
    address = text.rstrip("/")
    parts = _split(address)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        shown = _masked(address)
        raise SettingError(f"HUB_PUBLIC_URL is {shown!r}: expected an address such as https://hub.example.com")
    return address


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine, reached by nobody else."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split(address: str) -> SplitResult | None:
    """The parts of an address; None where it has none, or a port that cannot be."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    return None if port == 0 else parts


def _masked(address: str) -> str:
    """An address as it may be printed."""
    return _PASSWORD_ASKED.sub(r"\1***", _PASSWORD.sub(r"\1***@", address))


def _database_url(text: str, data_dir: Path) -> str:
    if not text:
        return f"sqlite:///{data_dir / 'hub.sqlite3'}"
    try:
        make_url(text)
    except (ArgumentError, ValueError):
        shown = _masked(text)
        raise SettingError(
            f"DATABASE_URL is {shown!r}: expected postgresql://user@host/name or sqlite:///path"
        ) from None
    scheme, _, rest = text.partition("://")
    if scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        return f"postgresql+psycopg://{rest}"
    if scheme == "sqlite":
        return text
    raise SettingError(f"DATABASE_URL starts with {scheme!r}: only postgresql and sqlite are supported")


def _redis_url(text: str) -> str | None:
    if not text:
        return None
    parts = _split(text)
    if parts is None or parts.scheme not in ("redis", "rediss", "unix", "valkey", "valkeys"):
        raise SettingError(f"REDIS_URL is {_masked(text)!r}: expected redis://host:port/0")
    return text.replace("valkey", "redis", 1) if text.startswith("valkey") else text


def _smtp_url(text: str) -> str | None:
    if not text:
        return None
    parts = _split(text)
    if parts is None or parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise SettingError(f"SMTP_URL is {_masked(text)!r}: expected smtp://user:password@host:587")
    return text


def _integer(environ: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    try:
        value = int(text)
    except ValueError:
        raise SettingError(f"{name} is {text!r}: expected a whole number") from None
    if not low <= value <= high:
        raise SettingError(f"{name} is {value}: expected {low} to {high}")
    return value


def _boolean(environ: Mapping[str, str], name: str, default: bool) -> bool:
    text = environ.get(name, "").strip().lower()
    if not text:
        return default
    if text in ("1", "true", "yes", "on"):
        return True
    if text in ("0", "false", "no", "off"):
        return False
    raise SettingError(f"{name} is {text!r}: expected yes or no")


def _kept_secret(path: Path) -> str:
    """The key that signs cookies and links, made on the first start and kept beside the data.

    Of two programs that start at once one makes it, and the other never sees half of it.
    """
    if not path.exists():
        with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="ascii") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    return path.read_text(encoding="ascii").strip()

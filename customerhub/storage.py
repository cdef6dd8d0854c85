"""The files that people give us and that we make.

What a file is called, what it is and how big it is stands in the table `stored_file`; its bytes lie in a
store under a key that we choose. The store is a folder here; another kind has the methods of `FileStore`.

Bytes follow their row: they go when the transaction that wrote the row is undone, and when the one that
deletes it is committed.
"""

import hashlib
import os
import re
import secrets
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from customerhub.database import saving
from customerhub.errors import Invalid, NotFound
from customerhub.permissions import Actor
from customerhub.transaction import after_commit, if_undone
from models import StoredFile
from models.base import db

MIB: Final = 1024 * 1024
_PIECE: Final = 256 * 1024  # bytes
_BEGINNING: Final = 16  # bytes, enough to tell what a file is
LONGEST_NAME: Final = 200

OCTETS: Final = "application/octet-stream"
# What a browser may show in its window, told by the first bytes and never by what the sender says.
SHOWN: Final = {b"%PDF-": "application/pdf", b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,57}")
_NOT_IN_NAMES = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff\ud800-\udfff\"*<>?|:]"
)
_KEY = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Kept:
    """What a store has written."""

    key: str
    size: int
    sha256: str
    beginning: bytes


class Keyed(Protocol):
    """What tells under which key the bytes of a file lie."""

    @property
    def storage_key(self) -> str: ...


class FileStore(Protocol):
    """Where bytes lie. A key is what `write` returned, never what somebody sent."""

    def write(self, stream: BinaryIO, *, limit: int) -> Kept:
        """Keep all of `stream`. Raises Invalid, with nothing kept, where it has more than `limit` bytes."""

    def open(self, key: str) -> BinaryIO:
        """The bytes, from the first. Raises NotFound where there are none."""

    def remove(self, key: str) -> None:
        """Forget the bytes; nothing happens where there are none."""

    def tidy(self, *, older_than: datetime) -> int:
        """Remove what interrupted writers left before that time; how many there were."""


class FolderStore:
    """A folder, with 256 folders in it so that none gets too full."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unfinished = folder / "unfinished"

    def write(self, stream: BinaryIO, *, limit: int) -> Kept:
        self._unfinished.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = secrets.token_hex(20)
        descriptor, name = tempfile.mkstemp(dir=self._unfinished)
        unfinished = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                kept = _copied(stream, file, key=key, limit=limit)
            place = self._place(key)
            place.parent.mkdir(exist_ok=True, mode=0o700)
            unfinished.replace(place)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        return kept

    def open(self, key: str) -> BinaryIO:
        try:
            return self._place(key).open("rb")
        except FileNotFoundError:
            raise NotFound("The file is no longer there") from None

    def remove(self, key: str) -> None:
        self._place(key).unlink(missing_ok=True)

    def tidy(self, *, older_than: datetime) -> int:
        if not self._unfinished.is_dir():
            return 0
        left = [path for path in self._unfinished.iterdir() if path.stat().st_mtime < older_than.timestamp()]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    def _place(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise NotFound("The file is no longer there")
        return self._folder / key[:2] / key


def _copied(stream: BinaryIO, file: BinaryIO, *, key: str, limit: int) -> Kept:
    """Write all of `stream` to `file` and on to the disk."""
    digest, size, beginning = hashlib.sha256(), 0, b""
    while piece := stream.read(_PIECE):
        size += len(piece)
        if size > limit:
            raise Invalid(f"The file is too large: {limit / MIB:g} MB is the most", "file")
        if len(beginning) < _BEGINNING:
            beginning += piece[:_BEGINNING]
        digest.update(piece)
        file.write(piece)
    file.flush()
    os.fsync(file.fileno())
    return Kept(key, size, digest.hexdigest(), beginning)


@dataclass(frozen=True)
class _Storage:
    store: FileStore
    limit: int


_configured: _Storage | None = None


def configure(store: FileStore, *, limit: int) -> None:
    """Keep files in `store` from now on, each of at most `limit` bytes. Called once, at start."""
    global _configured
    _configured = _Storage(store, limit)


def _storage() -> _Storage:
    if _configured is None:
        raise RuntimeError("storage.configure() was not called")
    return _configured


def store(
    stream: BinaryIO,
    name: str,
    content_type: str | None,
    *,
    organisation_id: int,
    actor: Actor,
    limit: int | None = None,
) -> StoredFile:
    """Keep all of `stream` as a file called `name`. `limit` is in bytes, where it is not the usual one.

    Raises Invalid where the file is empty or too large.
    """
    if organisation_id != actor.organisation_id:
        raise NotFound("There is no such organisation")
    storage = _storage()
    kept = storage.store.write(stream, limit=limit or storage.limit)
    if not kept.size:
        storage.store.remove(kept.key)
        raise Invalid("The file is empty", "file")
    if_undone(lambda: storage.store.remove(kept.key))
    row = StoredFile(
        organisation_id=organisation_id,
        name=clean_name(name),
        content_type=_type_of(kept.beginning, content_type),
        size=kept.size,
        sha256=kept.sha256,
        storage_key=kept.key,
    )
    with saving():
        db.session.add(row)
    return row


def open_file(stored: Keyed) -> BinaryIO:
    """The bytes of a stored file; the caller closes them. Raises NotFound where they are gone."""
    return _storage().store.open(stored.storage_key)


def remove(stored: StoredFile) -> None:
    """Delete a stored file; its bytes go with the commit. Raises StillLinked where something refers to it."""
    key, storage = stored.storage_key, _storage()
    with saving():
        db.session.delete(stored)
    after_commit(lambda: storage.store.remove(key))


def tidy(*, older_than: datetime) -> int:
    """Remove what interrupted uploads left before that time; how many there were."""
    return _storage().store.tidy(older_than=older_than)


def served_as(stored: StoredFile) -> tuple[str, bool]:
    """The content type to send a file with, and whether a browser may show it instead of saving it.

    Whatever could run as a page in our name is a download of unnamed bytes.
    """
    if stored.content_type in SHOWN.values():
        return stored.content_type, True
    return OCTETS, False


def clean_name(name: str) -> str:
    """The last part of `name`, without paths, characters that cannot be shown and leading dots."""
    last = re.split(r"[/\\]", name)[-1]
    bare = " ".join(_NOT_IN_NAMES.sub("", last).split()).lstrip(". ")
    if len(bare) > LONGEST_NAME:
        stem, dot, extension = bare.rpartition(".")
        keep = f"{dot}{extension}" if stem and len(extension) <= 10 else ""
        bare = bare[: LONGEST_NAME - len(keep)] + keep
    return bare or "file"


def _type_of(beginning: bytes, told: str | None) -> str:
    for first, content_type in SHOWN.items():
        if beginning.startswith(first):
            return content_type
    named = (told or "").partition(";")[0].strip().lower()
    return named if _TYPE.fullmatch(named) and named not in SHOWN.values() else OCTETS

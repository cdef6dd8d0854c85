"""The store of files' bytes. It knows nothing of rows: what a file is called and whose it is, see storage.py."""

import hashlib
import os
import re
import secrets
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from customerhub.core.config import MIB
from customerhub.core.errors import Invalid, NotFound

_CHUNK_BYTES: Final = 256 * 1024  # bytes
_SIGNATURE_BYTES: Final = 16  # bytes, enough to tell what a file is
_KEY = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class StoredContent:
    """What a store has written."""

    key: str
    size: int
    sha256: str
    beginning: bytes


class FileStore(Protocol):
    """Where bytes lie. A key is what `write` returned, never what somebody sent."""

    def write(self, stream: BinaryIO, *, limit: int) -> StoredContent:
        """Keep all of `stream`. Raises Invalid, with nothing kept, where it has more than `limit` bytes."""

    def open(self, key: str) -> BinaryIO:
        """The bytes, from the first. Raises NotFound where there are none."""

    def remove(self, key: str) -> None:
        """Forget the bytes; nothing happens where there are none."""

    def remove_unfinished(self, *, older_than: datetime) -> int:
        """Remove what interrupted writers left before that time; how many there were."""


class FolderStore:
    """A folder, with 256 folders in it so that none gets too full."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unfinished = folder / "unfinished"

    def write(self, stream: BinaryIO, *, limit: int) -> StoredContent:
        self._unfinished.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = secrets.token_hex(20)
        descriptor, name = tempfile.mkstemp(dir=self._unfinished)
        unfinished = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                content = _copy_stream(stream, file, key=key, limit=limit)
            path = self._path_of(key)
            path.parent.mkdir(exist_ok=True, mode=0o700)
            unfinished.replace(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        return content

    def open(self, key: str) -> BinaryIO:
        try:
            return self._path_of(key).open("rb")
        except FileNotFoundError:
            raise NotFound("The file no longer exists") from None

    def remove(self, key: str) -> None:
        self._path_of(key).unlink(missing_ok=True)

    def remove_unfinished(self, *, older_than: datetime) -> int:
        if not self._unfinished.is_dir():
            return 0
        leftover_paths = [path for path in self._unfinished.iterdir() if path.stat().st_mtime < older_than.timestamp()]
        for path in leftover_paths:
            path.unlink(missing_ok=True)
        return len(leftover_paths)

    def _path_of(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise NotFound("The file no longer exists")
        return self._folder / key[:2] / key


def _copy_stream(stream: BinaryIO, file: BinaryIO, *, key: str, limit: int) -> StoredContent:
    """Write all of `stream` to `file` and on to the disk."""
    digest, size, beginning = hashlib.sha256(), 0, b""
    while chunk := stream.read(_CHUNK_BYTES):
        size += len(chunk)
        if size > limit:
            raise Invalid(f"The file is too large: the maximum is {limit / MIB:g} MB", "file")
        if len(beginning) < _SIGNATURE_BYTES:
            beginning += chunk[:_SIGNATURE_BYTES]
        digest.update(chunk)
        file.write(chunk)
    file.flush()
    os.fsync(file.fileno())
    return StoredContent(key, size, digest.hexdigest(), beginning)

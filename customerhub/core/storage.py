"""The store of files, uploaded by users or created by the hub.

What a file is called, what it is and how big it is stands in the table `stored_file`; its bytes lie in a
store under a key that we choose. The store is a folder, see file_store.py; another kind has the methods of `FileStore`.

Bytes follow their row: they go when the transaction that wrote the row is undone, and when the one that
deletes it is committed.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import BinaryIO, Final, Protocol

from customerhub.core import services
from customerhub.core.database import save_changes
from customerhub.core.errors import Invalid, NotFound
from customerhub.core.permissions import Actor
from customerhub.core.transaction import after_commit, after_rollback
from models import StoredFile
from models.base import db

MAX_NAME_LENGTH: Final = 200

OCTET_STREAM: Final = "application/octet-stream"
# What a browser may show in its window, told by the first bytes and never by what the sender says.
INLINE_TYPES: Final = {b"%PDF-": "application/pdf", b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,57}")
_NOT_IN_NAMES = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff\ud800-\udfff\"*<>?|:]"
)


class HasStorageKey(Protocol):
    """Anything that has the key of a file's bytes."""

    @property
    def storage_key(self) -> str: ...


def store_file(
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
    current = services.get_current()
    store = current.file_store
    content = store.write(stream, limit=limit or current.max_upload_bytes)
    if not content.size:
        store.remove(content.key)
        raise Invalid("The file is empty", "file")
    after_rollback(lambda: store.remove(content.key))
    row = StoredFile(
        organisation_id=organisation_id,
        name=clean_name(name),
        content_type=_detect_type(content.beginning, content_type),
        size=content.size,
        sha256=content.sha256,
        storage_key=content.key,
    )
    with save_changes():
        db.session.add(row)
    return row


def open_file(stored: HasStorageKey) -> BinaryIO:
    """The bytes of a stored file; the caller closes them. Raises NotFound where they are gone."""
    return services.get_current().file_store.open(stored.storage_key)


def remove(stored: StoredFile) -> None:
    """Delete a stored file; its bytes go with the commit. Raises StillLinked where something refers to it."""
    remove_many([stored])


def remove_many(files: Sequence[StoredFile]) -> None:
    """As `remove`, of many at once."""
    keys, store = [file.storage_key for file in files], services.get_current().file_store
    with save_changes():
        for file in files:
            db.session.delete(file)

    def remove_bytes() -> None:
        for key in keys:
            store.remove(key)

    after_commit(remove_bytes)


def remove_unfinished(*, older_than: datetime) -> int:
    """Remove what interrupted uploads left before that time; how many there were."""
    return services.get_current().file_store.remove_unfinished(older_than=older_than)


def serving_options_of(stored: StoredFile) -> tuple[str, bool]:
    """The content type to send a file with, and whether a browser may show it instead of saving it.

    Whatever could run as a page in our name is a download of unnamed bytes.
    """
    if stored.content_type in INLINE_TYPES.values():
        return stored.content_type, True
    return OCTET_STREAM, False


def clean_name(name: str) -> str:
    """The last part of `name`, without paths, characters that cannot be shown and leading dots."""
    last = re.split(r"[/\\]", name)[-1]
    bare = " ".join(_NOT_IN_NAMES.sub("", last).split()).lstrip(". ")
    if len(bare) > MAX_NAME_LENGTH:
        stem, dot, extension = bare.rpartition(".")
        suffix = f"{dot}{extension}" if stem and len(extension) <= 10 else ""
        bare = bare[: MAX_NAME_LENGTH - len(suffix)] + suffix
    return bare or "file"


def _detect_type(beginning: bytes, declared_type: str | None) -> str:
    for signature, content_type in INLINE_TYPES.items():
        if beginning.startswith(signature):
            return content_type
    media_type = (declared_type or "").partition(";")[0].strip().lower()
    return media_type if _TYPE.fullmatch(media_type) and media_type not in INLINE_TYPES.values() else OCTET_STREAM

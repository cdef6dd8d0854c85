"""The pictures of mails: the HTML names them, and they go with it, so that nothing is fetched to show a mail."""

import logging
import re
from base64 import b64encode
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from customerhub import storage
from customerhub.errors import NotFound
from models import StoredFile
from models.base import db

LARGEST: Final = 200 * 1024  # bytes; it goes with every mail
SENT: Final = ("image/png", "image/jpeg")  # what every mail program shows
_NAMED = re.compile(r'(?<= src=")cid:([0-9a-f]{40})@customer-hub(?=")')
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Picture:
    """A picture that goes with a mail."""

    storage_key: str
    content_type: str


def address_of(file: StoredFile | None) -> str | None:
    """How HTML names a picture; None for what is none that can go with a mail."""
    if file is None or file.content_type not in SENT or file.size > LARGEST:
        return None
    return f"cid:{content_id(file.storage_key)}"


def content_id(key: str) -> str:
    """What a part of a mail is called by which a picture lies there (RFC 2392)."""
    return f"{key}@customer-hub"


def named_in(html: str) -> list[str]:
    """The storage keys of the pictures that HTML names, each once."""
    return list(dict.fromkeys(_NAMED.findall(html)))


def find(wanted: Collection[tuple[int, str]]) -> dict[tuple[int, str], Picture]:
    """The pictures that are there, of those named by organisation and storage key."""
    if not wanted:
        return {}
    columns = StoredFile.organisation_id, StoredFile.storage_key, StoredFile.content_type
    found = db.session.execute(select(*columns).where(StoredFile.storage_key.in_({key for _, key in wanted})))
    return {(owner, key): Picture(key, kind) for owner, key, kind in found if (owner, key) in wanted}


def content_of(picture: Picture) -> bytes:
    """The bytes of a picture; none where it is gone or cannot be read: no mail waits for that."""
    try:
        with storage.open_file(picture) as file:
            return file.read()
    except (NotFound, OSError):
        log.warning("the picture %s of a mail cannot be read", picture.storage_key, exc_info=True)
        return b""


def as_seen(html: str, organisation_id: int) -> str:
    """`html` with its pictures inside, as whoever gets the mail sees it."""
    files = find({(organisation_id, key) for key in named_in(html)})

    def inside(match: re.Match[str]) -> str:
        file = files.get((organisation_id, match[1]))
        content = content_of(file) if file else b""
        return f"data:{file.content_type};base64,{b64encode(content).decode()}" if file and content else ""

    return _NAMED.sub(inside, html)

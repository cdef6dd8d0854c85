"""Inline images of mails: they are sent with the mail, so that nothing is fetched to show it."""

import logging
import re
from base64 import b64encode
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from customerhub.core import storage
from customerhub.core.errors import NotFound
from customerhub.core.picture_limits import describe_excess, find_excess
from models import StoredFile
from models.base import db

MAX_BYTES: Final = 200 * 1024  # bytes; it goes with every mail
CONTENT_TYPES: Final = ("image/png", "image/jpeg")  # what every mail program shows
_CID_REFERENCE = re.compile(r'(?<= src=")cid:([0-9a-f]{40})@customer-hub(?=")')
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class InlineImage:
    """A picture that goes with a mail."""

    storage_key: str
    content_type: str


def build_image_url(file: StoredFile | None) -> str | None:
    """How HTML names a picture; None for what is none that can go with a mail."""
    if file is None or file.content_type not in CONTENT_TYPES or file.size > MAX_BYTES:
        return None
    return f"cid:{content_id_of(file.storage_key)}"


def content_id_of(key: str) -> str:
    """What a part of a mail is called by which a picture lies there (RFC 2392)."""
    return f"{key}@customer-hub"


def list_storage_keys(html: str) -> list[str]:
    """The storage keys of the pictures that HTML names, each once."""
    return list(dict.fromkeys(_CID_REFERENCE.findall(html)))


def find_images(requested_keys: Collection[tuple[int, str]]) -> dict[tuple[int, str], InlineImage]:
    """The pictures that are there, of those named by organisation and storage key."""
    if not requested_keys:
        return {}
    columns = StoredFile.organisation_id, StoredFile.storage_key, StoredFile.content_type
    rows = db.session.execute(select(*columns).where(StoredFile.storage_key.in_({key for _, key in requested_keys})))
    return {(owner, key): InlineImage(key, kind) for owner, key, kind in rows if (owner, key) in requested_keys}


def read_content(image: InlineImage) -> bytes:
    """The bytes of a picture; none where it is gone, cannot be read or is too large: no mail waits for that."""
    try:
        with storage.open_file(image) as file:
            content = file.read()
    except (NotFound, OSError):
        log.warning("the picture %s of a mail cannot be read", image.storage_key, exc_info=True)
        return b""
    if excess := find_excess(content):
        log.warning("the picture %s of a mail is not sent: %s", image.storage_key, describe_excess(excess))
        return b""
    return content


def embed_images(html: str, organisation_id: int) -> str:
    """`html` with its images embedded, as the recipient sees it."""
    images = find_images({(organisation_id, key) for key in list_storage_keys(html)})

    def to_data_url(match: re.Match[str]) -> str:
        file = images.get((organisation_id, match[1]))
        content = read_content(file) if file else b""
        return f"data:{file.content_type};base64,{b64encode(content).decode()}" if file and content else ""

    return _CID_REFERENCE.sub(to_data_url, html)

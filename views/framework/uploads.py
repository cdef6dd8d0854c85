"""Uploaded files on forms, and links to stored ones."""

from collections.abc import Sequence
from typing import BinaryIO, cast

from flask import current_app, url_for
from itsdangerous import BadData, URLSafeTimedSerializer
from werkzeug.datastructures import FileStorage

from customerhub.core import storage
from customerhub.core.errors import HubError
from customerhub.core.references import list_references
from models import StoredFile
from models.base import db
from views.http.actor import current_actor

PENDING_SECONDS = 24 * 3600


def store_upload(upload: FileStorage) -> StoredFile:
    """Put an uploaded file into the store."""
    actor = current_actor()
    return storage.store_file(
        cast(BinaryIO, upload.stream),
        upload.filename or "file",
        upload.mimetype,
        organisation_id=actor.organisation_id,
        actor=actor,
        limit=current_app.config["HUB"].max_upload_bytes,
    )


def keep_pending(upload: FileStorage) -> str | None:
    """Keep an upload of a form that was refused, so that nobody has to choose it again. Commits.

    Returns a token that stands for it, or None where it cannot be kept.
    """
    upload.stream.seek(0)
    try:
        stored = store_upload(upload)
        db.session.commit()
    except HubError:
        db.session.rollback()
        return None
    return _token_serializer().dumps([stored.id, current_actor().id])


def find_pending(token: str) -> StoredFile | None:
    """The file that `token` stands for, where this person was given it not long ago."""
    actor = current_actor()
    try:
        file_id, owner = _token_serializer().loads(token, max_age=PENDING_SECONDS)
    except (BadData, TypeError, ValueError):
        return None
    file = db.session.get(StoredFile, file_id) if owner == actor.id else None
    return file if file is not None and file.organisation_id == actor.organisation_id else None


def _token_serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.secret_key or "", salt="held-file")


def delete_unreferenced(file_ids: Sequence[int]) -> None:
    """Delete those of these files that nothing refers to any more; their bytes go with the commit."""
    db.session.flush()
    for file_id in file_ids:
        file = db.session.get(StoredFile, file_id)
        if file is not None and not list_references(file):
            storage.remove(file)


def file_link(file_id: int) -> dict[str, str] | None:
    """Name, size and address of a stored file, as a form shows it."""
    file = db.session.get(StoredFile, file_id)
    if file is None:
        return None
    return {
        "name": file.name,
        "size": format_size(file.size),
        "url": url_for("files.download", file_id=file.id),
    }


def format_size(size: int) -> str:
    """A size in words: 12 KB."""
    for unit, step in (("MB", 1024 * 1024), ("KB", 1024)):
        if size >= step:
            return f"{size / step:.1f} {unit}" if size < 10 * step else f"{size // step} {unit}"
    return f"{size} bytes"

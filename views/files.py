"""Files that people give us and get back."""

from collections.abc import Sequence
from typing import Any, BinaryIO, cast

from flask import Blueprint, Flask, abort, current_app, send_file, url_for
from flask_login import login_required
from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy import false, or_, select, true
from werkzeug.datastructures import FileStorage

from customerhub import storage
from customerhub.errors import HubError
from customerhub.links import linked_rows
from customerhub.permissions import STAFF, Actor, Permission, has_ability, scope
from models import BusinessEntity, ComplianceDocument, Customer, InvoiceProfile, OutboxAttachment, StoredFile
from models.base import db
from models.enums import PortalPermission, Role
from views.actor import current_actor

bp = Blueprint("files", __name__, url_prefix="/files")

HELD_SECONDS = 24 * 3600


def keep(upload: FileStorage) -> StoredFile:
    """Put an uploaded file into the store."""
    actor = current_actor()
    return storage.store(
        cast(BinaryIO, upload.stream),
        upload.filename or "file",
        upload.mimetype,
        organisation_id=actor.organisation_id,
        actor=actor,
        limit=current_app.config["HUB"].max_upload_bytes,
    )


def hold(upload: FileStorage) -> str | None:
    """Keep an upload of a form that was refused, so that nobody has to choose it again. Commits.

    Returns a token that stands for it, or None where it cannot be kept.
    """
    upload.stream.seek(0)
    try:
        stored = keep(upload)
        db.session.commit()
    except HubError:
        db.session.rollback()
        return None
    return _tokens().dumps([stored.id, current_actor().id])


def held(token: str) -> StoredFile | None:
    """The file that `token` stands for, where this person was given it not long ago."""
    actor = current_actor()
    try:
        file_id, owner = _tokens().loads(token, max_age=HELD_SECONDS)
    except (BadData, TypeError, ValueError):
        return None
    file = db.session.get(StoredFile, file_id) if owner == actor.id else None
    return file if file is not None and file.organisation_id == actor.organisation_id else None


def _tokens() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.secret_key or "", salt="held-file")


def forget(file_ids: Sequence[int]) -> None:
    """Delete those of these files that nothing refers to any more; their bytes go with the commit."""
    db.session.flush()
    for file_id in file_ids:
        file = db.session.get(StoredFile, file_id)
        if file is not None and not linked_rows(file):
            storage.remove(file)


def told(file_id: int) -> dict[str, str] | None:
    """Name, size and address of a stored file, as a form shows it."""
    file = db.session.get(StoredFile, file_id)
    if file is None:
        return None
    return {
        "name": file.name,
        "size": size_text(file.size),
        "url": url_for("files.download", file_id=file.id),
    }


def size_text(size: int) -> str:
    """A size as people read it: 12 KB."""
    for unit, step in (("MB", 1024 * 1024), ("KB", 1024)):
        if size >= step:
            return f"{size / step:.1f} {unit}" if size < 10 * step else f"{size // step} {unit}"
    return f"{size} bytes"


def _readable(file_id: int) -> Any:
    """The file, where a row that the actor may see holds it."""
    actor = current_actor()
    return select(StoredFile).where(
        StoredFile.id == file_id,
        StoredFile.organisation_id == actor.organisation_id,
        or_(false(), *(StoredFile.id.in_(holder) for holder in _holders(actor))),
    )


def _holders(actor: Actor) -> list[Any]:
    """The files that the pages of the actor's role show. What is not named here they do not read."""
    documents = scope(ComplianceDocument, actor).with_only_columns(ComplianceDocument.file_id)
    role = actor.user.role if actor.user is not None else None
    if role in STAFF:
        attached = scope(OutboxAttachment, actor).with_only_columns(OutboxAttachment.file_id)
        return [
            documents,
            *([attached] if actor.may(Permission.OUTBOX_VIEW) else []),
            scope(InvoiceProfile, actor).with_only_columns(InvoiceProfile.nda_file_id),
            scope(BusinessEntity, actor).with_only_columns(BusinessEntity.logo_id),
        ]
    if actor.user is not None and role is Role.CUSTOMER:
        shown = has_ability(actor.user, PortalPermission.DOCUMENTS)
        opened = select(Customer.id).where(Customer.portal_access, true() if shown else false())
        return [documents.where(ComplianceDocument.customer_id.in_(opened))]
    return []  # no page of a partner shows a file


@bp.get("/<int:file_id>")
@login_required
def download(file_id: int) -> Any:
    """A file that hangs on a row the reader may see; 404 for every other."""
    file = db.session.scalar(_readable(file_id)) if file_id < 2**63 else None
    if file is None:
        abort(404)
    content_type, inline = storage.served_as(file)
    return send_file(
        storage.open_file(file),
        mimetype=content_type,
        as_attachment=not inline,
        download_name=file.name,
        max_age=0,
    )


def register(app: Flask) -> None:
    app.register_blueprint(bp)

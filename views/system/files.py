"""Downloads of stored files, for those who may see what they belong to."""

from typing import Any

from flask import Blueprint, Flask, abort, send_file
from flask_login import login_required
from sqlalchemy import false, or_, select, true

from customerhub.core import storage
from customerhub.core.permissions import STAFF, Actor, Permission, has_portal_permission, select_visible
from models import (
    Attachment,
    BusinessEntity,
    ComplianceDocument,
    Customer,
    Envelope,
    InvoiceProfile,
    OutboxAttachment,
    StoredFile,
    TaskFile,
)
from models.base import db
from models.enums import PortalPermission, Role
from views.http.actor import current_actor

bp = Blueprint("files", __name__, url_prefix="/files")


def _readable_query(file_id: int) -> Any:
    """The file, where a row that the actor may see holds it."""
    actor = current_actor()
    return select(StoredFile).where(
        StoredFile.id == file_id,
        StoredFile.organisation_id == actor.organisation_id,
        or_(false(), *(StoredFile.id.in_(holder) for holder in _visible_file_ids(actor))),
    )


def _visible_file_ids(actor: Actor) -> list[Any]:
    """The files that the pages of the actor's role show. What is not named here they do not read."""
    documents = select_visible(ComplianceDocument, actor).with_only_columns(ComplianceDocument.file_id)
    role = actor.user.role if actor.user is not None else None
    if role in STAFF:
        attachment_ids = select_visible(OutboxAttachment, actor).with_only_columns(OutboxAttachment.file_id)
        task_file_ids = select_visible(TaskFile, actor).with_only_columns(TaskFile.file_id)
        envelopes = select_visible(Envelope, actor)
        envelope_file_ids = [
            envelopes.with_only_columns(column)
            for column in (Envelope.document_id, Envelope.signed_file_id, Envelope.certificate_file_id)
        ]
        return [
            documents,
            *(envelope_file_ids if actor.has_permission(Permission.SIGNATURES_VIEW) else []),
            select_visible(Attachment, actor).with_only_columns(Attachment.file_id),
            *([attachment_ids] if actor.has_permission(Permission.OUTBOX_VIEW) else []),
            *([task_file_ids] if actor.has_permission(Permission.TASKS_VIEW) else []),
            select_visible(InvoiceProfile, actor).with_only_columns(InvoiceProfile.nda_file_id),
            select_visible(BusinessEntity, actor).with_only_columns(BusinessEntity.logo_id),
        ]
    if actor.user is not None and role is Role.CUSTOMER:
        can_see_documents = has_portal_permission(actor.user, PortalPermission.DOCUMENTS)
        customer_ids = select(Customer.id).where(Customer.portal_access, true() if can_see_documents else false())
        return [documents.where(ComplianceDocument.customer_id.in_(customer_ids))]
    return []  # no page of a partner shows a file


@bp.get("/<int:file_id>")
@login_required
def download(file_id: int) -> Any:
    """A file that hangs on a row the reader may see; 404 for every other."""
    file = db.session.scalar(_readable_query(file_id)) if file_id < 2**63 else None
    if file is None:
        abort(404)
    content_type, inline = storage.serving_options_of(file)
    return send_file(
        storage.open_file(file),
        mimetype=content_type,
        as_attachment=not inline,
        download_name=file.name,
        max_age=0,
    )


def register(app: Flask) -> None:
    app.register_blueprint(bp)

"""Signed PDFs of several documents in one file, which a job makes."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from customerhub.core.archives import name_members
from customerhub.core.database import save_changes
from customerhub.core.errors import NotFound, WrongState
from customerhub.core.permissions import Actor, Permission, require_access, require_permission, select_visible
from models import Customer, Envelope, ListExport
from models.base import db
from models.signing_enums import EnvelopeStatus

ARCHIVE: Final = "signed-documents"  # what a ListExport is of that has signed PDFs
ARCHIVE_FORMAT: Final = "zip"
_EXTENSION: Final = "pdf"


class SignedFile(NamedTuple):
    """A signed PDF: what it is called in the archive, and the key of its bytes."""

    name: str
    storage_key: str


def check_downloadable(envelope: Envelope, actor: Actor) -> None:
    """Raises WrongState where there is no signed PDF."""
    require_permission(actor, Permission.SIGNATURES_VIEW)
    require_access(actor, envelope)
    if envelope.signed_file_id is not None:
        return
    if envelope.status is EnvelopeStatus.COMPLETED:
        raise WrongState("The signed PDF has not been fetched yet")
    raise WrongState("Not all have signed")


def request_archive(envelopes: Sequence[Envelope], *, actor: Actor) -> ListExport:
    """Ask for the signed PDFs of these documents in one file. Raises WrongState where one of them has none."""
    for envelope in envelopes:
        check_downloadable(envelope, actor)
    assert actor.id is not None
    export = ListExport(
        organisation_id=actor.organisation_id,
        user_id=actor.id,
        screen=ARCHIVE,
        title="Signed PDFs",
        format=ARCHIVE_FORMAT,
        query={"envelopes": [each.id for each in envelopes]},
    )
    with save_changes():
        db.session.add(export)
    return export


def list_signed_files(export: ListExport, actor: Actor) -> list[SignedFile]:
    """What `export` asks for, as far as `actor` may see it now. Raises NotAllowed, NotFound where that is nothing."""
    require_permission(actor, Permission.SIGNATURES_VIEW)
    query = select_visible(Envelope, actor).where(
        Envelope.id.in_(export.query["envelopes"]), Envelope.signed_file_id.is_not(None)
    )
    options = (joinedload(Envelope.signed_file), joinedload(Envelope.invoice_profile))
    envelopes = list(db.session.scalars(query.options(*options).order_by(Envelope.id)))
    if not envelopes:
        raise NotFound("These documents no longer exist")
    ids = {each.customer_id for each in envelopes}
    customers = {each.id: each for each in db.session.scalars(select(Customer).where(Customer.id.in_(ids)))}
    names = name_members((_build_title(customers[each.customer_id], each) for each in envelopes), _EXTENSION)
    return [
        SignedFile(name, each.signed_file.storage_key)
        for name, each in zip(names, envelopes, strict=True)
        if each.signed_file is not None
    ]


def _build_title(customer: Customer, envelope: Envelope) -> str:
    return f"{customer.account_number} {customer.name}, {envelope.invoice_profile.name}"

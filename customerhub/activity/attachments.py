"""Attachments: files that staff keep with a customer or with one of its contracts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from customerhub.activity.notes import get_customer
from customerhub.core import history, storage
from customerhub.core.database import save_changes
from customerhub.core.errors import HubError, Invalid, NotFound, WrongState, raise_refusal
from customerhub.core.many_rows import delete_rows, lock_accepted
from customerhub.core.permissions import Actor, Permission, require_access, require_permission
from customerhub.core.row_validation import clean_row
from models import Attachment, Contract, Customer
from models.base import db

MAX_FILES: Final = 50  # that are attached at a time
_FIXED_FIELDS: Final = ("customer_id", "contract_id", "file_id", "name")


@dataclass(frozen=True)
class Upload:
    """A file as it arrives."""

    stream: BinaryIO
    name: str
    content_type: str | None


def attach_files(
    customer_id: int,
    uploads: Sequence[Upload],
    *,
    contract_id: int | None = None,
    description: str | None = None,
    actor: Actor,
) -> tuple[list[Attachment], dict[str, str]]:
    """Keep these files with a customer, or with its contract: what was attached, and why not by the name of each file
    that was refused, such as for its size. One that is refused keeps no other from being attached.

    Raises Invalid where there is no file, or more than MAX_FILES.
    """
    require_permission(actor, Permission.CUSTOMERS_EDIT)
    customer = get_customer(customer_id, actor)
    _check_contract(customer, contract_id)
    if not uploads:
        raise Invalid("Choose one or more files", "files")
    if len(uploads) > MAX_FILES:
        raise Invalid(f"Attach at most {MAX_FILES} files at a time", "files")
    attached: list[Attachment] = []
    refusals: dict[str, str] = {}
    for upload in uploads:
        try:
            attached.append(_attach_file(customer, upload, contract_id, description, actor))
        except Invalid as error:
            if error.field != "file":
                raise
            refusals[storage.clean_name(upload.name)] = error.message
    return attached, refusals


def _attach_file(
    customer: Customer, upload: Upload, contract_id: int | None, description: str | None, actor: Actor
) -> Attachment:
    file = storage.store_file(
        upload.stream, upload.name, upload.content_type, organisation_id=customer.organisation_id, actor=actor
    )
    attachment = Attachment(
        organisation_id=customer.organisation_id,
        customer_id=customer.id,
        contract_id=contract_id,
        file_id=file.id,
        name=file.name,
        description=description,
        uploaded_by_id=actor.id,
    )
    with save_changes():
        problems = clean_row(attachment)
        if problems:
            raise Invalid.from_problems(problems)
        db.session.add(attachment)
    return attachment


def _check_contract(customer: Customer, contract_id: int | None) -> None:
    contract = db.session.get(Contract, contract_id) if contract_id is not None else None
    if contract_id is not None and (contract is None or contract.customer_id != customer.id):
        raise NotFound("This contract does not exist, or it is not this customer's.")


def save_attachment(attachment: Attachment, *, actor: Actor) -> Attachment:
    """Check the description of `attachment` as it now stands and flush it. The file itself is never exchanged."""
    with save_changes():
        require_permission(actor, Permission.CUSTOMERS_EDIT)
        require_access(actor, attachment)
        if set(_FIXED_FIELDS) & history.previous_values_of(attachment).keys():
            raise WrongState("Only the description of an attachment can be changed")
        problems = clean_row(attachment)
        if problems:
            raise Invalid.from_problems(problems)
        db.session.add(attachment)
    return attachment


def delete_attachment(attachment: Attachment, *, actor: Actor) -> None:
    """Delete an attachment with its file. The history keeps its name, not the file."""
    raise_refusal(delete_attachments([attachment], actor=actor))


def delete_attachments(attachments: Sequence[Attachment], *, actor: Actor) -> dict[int, HubError]:
    """As `delete_attachment`, of many at once: returns why not, by the id of each that is left as it is."""
    require_permission(actor, Permission.CUSTOMERS_EDIT)
    gone = NotFound("This attachment was changed or deleted by another user")
    accepted, refusals = lock_accepted(attachments, lambda each: require_access(actor, each), gone)
    _delete_with_files(accepted)
    return refusals


def delete_customer_attachments(customer_ids: Collection[int]) -> None:
    """Delete all attachments of these customers, with their files: part of deleting the customers."""
    query = select(Attachment).where(Attachment.customer_id.in_(customer_ids)).options(joinedload(Attachment.file))
    _delete_with_files(db.session.scalars(query.order_by(Attachment.id)).all())


def _delete_with_files(attachments: Sequence[Attachment]) -> None:
    files = [each.file for each in attachments]
    with save_changes():
        delete_rows(attachments)
    storage.remove_many(files)

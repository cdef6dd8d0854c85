"""Invoice profiles: whom the invoices of a contract go to, and whether the client's NDA stands."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import event, func, select

from customerhub.core import history, storage
from customerhub.core.database import save_changes
from customerhub.core.document_check import describe_problem
from customerhub.core.errors import Invalid, NotFound, StillLinked
from customerhub.core.permissions import Actor, Permission, require_access, require_permission
from customerhub.core.references import describe_references
from customerhub.core.row_validation import Problems, clean_row
from customerhub.custom_fields.values import list_value_problems
from customerhub.customers.profile_form import PROFILE_FORM
from customerhub.customers.signature_requests import request_signatures
from customerhub.form_layouts.required import list_missing_of, list_required_fields
from models import Contract, Customer, Envelope, InvoiceProfile, StoredFile
from models.base import db
from models.enums import ContractStatus, ProfileStatus
from models.keys import fold_text

NAME_TAKEN: Final = "An invoice profile with this name already exists"
PROFILE_COMPLETED: Final = "Invoice profile completed"


def list_profile_problems(profile: InvoiceProfile) -> Problems:
    """A completed profile keeps the NDA that was attached to it: its contracts are live by it. Another file may take
    its place. One that was completed by signatures has none.
    """
    was_attached = history.previous_values_of(profile).get("nda_file_id") is not None
    if profile.status is ProfileStatus.COMPLETED and profile.nda_file_id is None and was_attached:
        return [("nda_file_id", "The NDA of a completed profile cannot be removed. Choose another file to replace it")]
    if profile.nda_file_id is not None and "nda_file_id" in history.previous_values_of(profile):
        return _list_file_problems(profile.nda_file_id)
    return []


def _list_file_problems(file_id: int) -> Problems:
    """What is wrong with a file that is attached as NDA: others open it later and trust it."""
    with db.session.no_autoflush:
        stored = db.session.get(StoredFile, file_id)
    problem = _describe_file_problem(stored) if stored is not None else "This file no longer exists"
    return [("nda_file_id", problem)] if problem else []


def _describe_file_problem(stored: StoredFile) -> str | None:
    try:
        with storage.open_file(stored) as file:
            return describe_problem(stored.name, file.read())
    except NotFound as error:
        return error.message


def needs_file(organisation_id: int) -> bool:
    """Whether the organisation requires the NDA of each new profile, so that none is added to be signed later."""
    return "nda_file_id" in list_required_fields(PROFILE_FORM, organisation_id)


def add_profile(
    customer: Customer, *, name: str, email: str, values: Mapping[str, Any] | None = None, actor: Actor
) -> InvoiceProfile:
    """Add an invoice profile without an NDA to `customer`, and ask for its signatures. `values` are those of custom
    fields, by their names.

    Raises Invalid with every problem found.
    """
    require_permission(actor, Permission.CONTRACTS_ADD)
    require_access(actor, customer)
    profile = InvoiceProfile(organisation_id=customer.organisation_id, customer_id=customer.id, name=name, email=email)
    for field_name, value in (values or {}).items():
        setattr(profile, field_name, value)
    problems = clean_row(profile) + list_value_problems(profile)
    problems += list_missing_of(PROFILE_FORM, profile, is_entered=True)
    if fold_text(profile.name or "") in {fold_text(known.name) for known in customer.invoice_profiles}:
        problems.append(("name", NAME_TAKEN))
    if problems:
        raise Invalid.from_problems(problems)
    with save_changes():
        customer.invoice_profiles.append(profile)
    request_signatures(profile, actor=actor)
    return profile


def complete_by_file(profile: InvoiceProfile) -> bool:
    """A profile that is saved with a file is completed at once; whether it was not before.

    Its contracts follow with `activate_contracts`, once it is flushed.
    """
    if profile.nda_file_id is None or profile.status is ProfileStatus.COMPLETED:
        return False
    profile.status = ProfileStatus.COMPLETED
    return True


def activate_contracts(profile: InvoiceProfile) -> None:
    """Take the contracts that waited for `profile` live.

    Called in the transaction that completes it, after the flush. A transaction that adds a contract with it at
    the same time holds the profile until it commits, so by now that contract is seen.
    """
    if profile.status is not ProfileStatus.COMPLETED:
        return
    query = (
        select(Contract)
        .where(Contract.invoice_profile_id == profile.id, Contract.status.in_(STATUS_AFTER_COMPLETION))
        .order_by(Contract.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    with save_changes():
        contracts = list(db.session.scalars(query))
    with history.with_reason(f"{PROFILE_COMPLETED}: {profile}"), save_changes():
        for contract in contracts:
            contract.status = STATUS_AFTER_COMPLETION[contract.status]


@event.listens_for(InvoiceProfile, "before_delete")
def _refuse_deletion_with_links(_mapper: Any, connection: Any, profile: InvoiceProfile) -> None:
    """A profile with contracts, or that was sent to be signed, cannot be deleted by any form."""
    counts = [
        (name, connection.scalar(select(func.count()).where(model.invoice_profile_id == profile.id)))
        for name, model in (("contract", Contract), ("envelope", Envelope))
    ]
    links = [(name, count) for name, count in counts if count]
    if links:
        text = f"The profile {profile} has {describe_references(links)} and cannot be deleted"
        raise StillLinked(text, "invoice_profiles")


# What nobody chooses: the invoice profile of a contract is completed.
STATUS_AFTER_COMPLETION: Final = {ContractStatus.DRAFT: ContractStatus.LIVE}

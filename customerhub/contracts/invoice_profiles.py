"""Invoice profiles: whom the invoices of a contract go to, and whether the client's NDA stands."""

from typing import Any, Final

from sqlalchemy import event, func, select

from customerhub import history
from customerhub.cleaning import Problems, clean_row
from customerhub.contracts.moves import BY_PROFILE
from customerhub.database import saving
from customerhub.errors import Invalid, StillLinked
from customerhub.links import told
from customerhub.permissions import Actor, Permission, require, require_own
from models import Contract, Customer, InvoiceProfile
from models.base import db
from models.enums import ProfileStatus
from models.keys import folded

TAKEN: Final = "There is already a profile with this name"
COMPLETED: Final = "Its invoice profile is completed"


def profile_problems(profile: InvoiceProfile) -> Problems:
    """A completed profile keeps an NDA: its contracts are live by it. Another file may take its place."""
    if profile.status is ProfileStatus.COMPLETED and profile.nda_file_id is None:
        return [("nda_file_id", "The NDA of a completed profile stays. Choose another file to replace it")]
    return []


def add_profile(customer: Customer, *, name: str, email: str, actor: Actor) -> InvoiceProfile:
    """Add an invoice profile without an NDA to `customer`. Raises Invalid with the field at fault."""
    require(actor, Permission.CONTRACTS_ADD)
    require_own(actor, customer)
    profile = InvoiceProfile(organisation_id=customer.organisation_id, customer_id=customer.id, name=name, email=email)
    problems = clean_row(profile)
    if folded(profile.name or "") in {folded(known.name) for known in customer.invoice_profiles}:
        problems.append(("name", TAKEN))
    if problems:
        raise Invalid(problems[0][1], problems[0][0], problems)
    with saving():
        customer.invoice_profiles.append(profile)
    return profile


def complete_by_file(profile: InvoiceProfile) -> bool:
    """A profile that is saved with a file is completed at once; whether it was not before.

    Its contracts follow with `follow_profile`, once it is flushed.
    """
    if profile.nda_file_id is None or profile.status is ProfileStatus.COMPLETED:
        return False
    profile.status = ProfileStatus.COMPLETED
    return True


def complete_profile(profile: InvoiceProfile, *, file_id: int) -> None:
    """Complete a profile by the signed NDA, and take its contracts live."""
    with saving():
        profile.nda_file_id, profile.status = file_id, ProfileStatus.COMPLETED
    follow_profile(profile)


def follow_profile(profile: InvoiceProfile) -> None:
    """Take the contracts that waited for `profile` live.

    Called in the transaction that completes it, after the flush. Whoever makes a contract with it at the same time
    holds the profile until they commit, so by now that contract is seen.
    """
    if profile.status is not ProfileStatus.COMPLETED:
        return
    waiting = (
        select(Contract)
        .where(Contract.invoice_profile_id == profile.id, Contract.status.in_(BY_PROFILE))
        .order_by(Contract.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    with saving():
        contracts = list(db.session.scalars(waiting))
    with history.because(f"{COMPLETED}: {profile}"), saving():
        for contract in contracts:
            contract.status = BY_PROFILE[contract.status]


@event.listens_for(InvoiceProfile, "before_delete")
def _keep_with_contracts(_mapper: Any, connection: Any, profile: InvoiceProfile) -> None:
    """A profile with contracts stays, whoever deletes it by whatever form."""
    count = connection.scalar(select(func.count()).where(Contract.invoice_profile_id == profile.id))
    if count:
        text = f"The profile {profile} has {told([('contract', count)])} and stays"
        raise StillLinked(text, "invoice_profiles")

"""Helpers of tests of contracts: profiles, problems, history and blacklist entries."""

from sqlalchemy import select

from customerhub.core.database import save_changes
from customerhub.core.errors import Invalid
from customerhub.customers.invoice_profiles import activate_contracts, complete_by_file
from models import BlacklistEntry, Contract, History, InvoiceProfile
from models.base import db


def complete_profile(profile: InvoiceProfile, *, file_id: int) -> None:
    """Complete a profile by its signed NDA, and its contracts with it, as saving it with a file does."""
    with save_changes():
        profile.nda_file_id = file_id
        complete_by_file(profile)
    activate_contracts(profile)


def problems_by_field(error: Invalid) -> dict[str, str]:
    return dict(error.problems)


def contract_history(contract: Contract) -> list[History]:
    query = select(History).where(History.table_name == "contract", History.row_id == contract.id)
    return list(db.session.scalars(query.order_by(History.id)))


def blacklist_by_id(approval_org, customer):
    return BlacklistEntry(organisation_id=approval_org.id, name="Old", customer_id=customer.id, reason="Never paid")

"""Processes make contracts with profiles that others complete: every contract of a completed profile ends up live."""

from collections import Counter

import pytest
from sqlalchemy import select

from models import Account, Contract, History, InvoiceProfile
from models.base import db
from models.enums import ContractStatus, ProfileStatus
from tests.customerhub.contracts.conftest import add_nda_file, make_profile
from tests.support.forked_processes import run_program

MAKERS, COMPLETERS, PROFILES, SECONDS = 5, 2, 20, 240


@pytest.mark.slow
def test_no_contract_of_a_completed_profile_stays_a_draft(approval_org, make_live_customer, settings):
    customer = make_live_customer()
    profiles = [make_profile(customer).id for _ in range(PROFILES)]
    work = {
        "customer": customer.id,
        "organisation": approval_org.id,
        "profiles": profiles,
        "file": add_nda_file(customer).id,
        "makers": MAKERS,
        "completers": COMPLETERS,
    }
    db.session.commit()
    made = run_program(settings, "tests.processes.contracting_process", work, seconds=SECONDS)
    assert sorted(made) == [0] * COMPLETERS + [PROFILES] * MAKERS
    db.session.expire_all()
    assert {each.status for each in db.session.scalars(select(InvoiceProfile))} == {ProfileStatus.COMPLETED}
    rows = db.session.scalars(select(Contract)).all()
    assert Counter(each.invoice_profile_id for each in rows) == dict.fromkeys(profiles, MAKERS)
    assert Counter(each.status for each in rows) == {ContractStatus.LIVE: MAKERS * PROFILES}
    assert len({each.number for each in rows}) == len({each.account_id for each in rows}) == MAKERS * PROFILES
    accounts = db.session.scalars(select(Account).where(Account.customer_id == customer.id)).all()
    assert len(accounts) == MAKERS * PROFILES + 1
    ways = Counter(tuple(after for _, after in each) for each in status_history().values())
    assert set(ways) == {("Live",), ("Draft", "Live")}, "in some the contract came first, in others the profile"


def status_history() -> dict[int, list[list[str]]]:
    """What the history tells of the status of each contract, the oldest first."""
    changes_by_contract: dict[int, list[list[str]]] = {}
    for entry in db.session.scalars(select(History).where(History.table_name == "contract").order_by(History.id)):
        if "status" in entry.changes:
            changes_by_contract.setdefault(entry.row_id, []).append(entry.changes["status"])
    return changes_by_contract

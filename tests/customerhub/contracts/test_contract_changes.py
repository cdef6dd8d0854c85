"""How contracts are changed, end, and stay with what they refer to."""

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from customerhub.contracts.contracts import change_contract_status, save_contract
from customerhub.contracts.transitions import CONTRACT_STATUSES
from customerhub.core.errors import HubError, Invalid, StillLinked, WrongState
from customerhub.customers.deletion import delete_customer
from customerhub.customers.merging import merge_customers
from customerhub.customers.records import save_customer
from models import BlacklistEntry, Contract, Customer, History, InvoiceProfile
from models.base import db
from models.enums import ContractStatus, ProfileStatus, Risk
from tests.customerhub.approvals.conftest import acting
from tests.customerhub.contracts.conftest import DAY, add_nda_file, make_contract, make_contract_in, make_profile
from tests.support.contracts import blacklist_by_id, complete_profile, contract_history

DRAFT, LIVE, PASSIVE, ENDED = ContractStatus


# --- Editing and moving ------------------------------------------------------------------------------------------


def test_what_is_not_changed_by_editing(approval_org, make_live_customer):
    contract, other = make_contract(make_live_customer()), make_live_customer()
    changes = {"status": LIVE, "customer_id": other.id, "account_id": other.main_account.id}
    for field, value in changes.items():
        with db.session.no_autoflush:
            setattr(contract, field, value)
            with pytest.raises(WrongState, match="can be changed only by"):
                save_contract(contract, actor=approval_org.admin)
        db.session.rollback()


def test_terms_and_risks_are_changed_and_the_history_says_so(approval_org, make_live_customer):
    contract = make_contract(make_live_customer())
    contract.connections, contract.business_risk, contract.end_date = 25, Risk.HIGH, date(2026, 1, 1)
    save_contract(contract, actor=approval_org.agent)
    *_, last = contract_history(contract)
    assert last.changes == {"connections": [0, 25], "business_risk": [None, "High"], "end_date": [None, "2026-01-01"]}


def test_one_that_has_ended_stays_as_it_is(approval_org, make_live_customer):
    contract = make_contract_in(make_live_customer(), ENDED)
    with db.session.no_autoflush:
        contract.name = "Other"
        with pytest.raises(WrongState, match="ended"):
            save_contract(contract, actor=approval_org.admin)
    db.session.rollback()
    for move in CONTRACT_STATUSES.choices:
        with pytest.raises(WrongState, match="Ended"):
            change_contract_status(contract, move, end_date=DAY, actor=approval_org.admin)


@pytest.mark.parametrize(
    ("day", "message"),
    [(None, "Enter the end date"), (date(2025, 1, 30), "before it starts"), (date(2200, 1, 1), "out of range")],
)
def test_it_ends_on_a_day_that_can_be(approval_org, make_live_customer, day, message):
    contract = make_contract_in(make_live_customer(), LIVE)
    with pytest.raises(Invalid, match=message) as error_info:
        change_contract_status(
            contract, CONTRACT_STATUSES.get_transition("end"), end_date=day, actor=approval_org.agent
        )
    assert error_info.value.field == "end_date"
    db.session.rollback()
    change_contract_status(
        contract,
        CONTRACT_STATUSES.get_transition("end"),
        end_date=DAY,
        reason=" Moved\nout ",
        actor=approval_org.agent,
    )
    *_, last = contract_history(contract)
    assert (last.reason, last.changes) == (
        "Moved\nout",
        {"status": ["Live", "Ended"], "end_date": [None, "2025-01-31"]},
    )


def test_a_reason_that_cannot_be_saved_is_refused(approval_org, make_live_customer):
    contract = make_contract_in(make_live_customer(), LIVE)
    for reason in ("x" * 2001, "a\x00b"):
        with pytest.raises(Invalid) as error_info:
            change_contract_status(
                contract, CONTRACT_STATUSES.get_transition("passive"), reason=reason, actor=approval_org.agent
            )
        assert error_info.value.field == "reason"


# What people try on one contract, in any order. The account knows a status and whether the profile is completed.
ACTIONS = ("passive", "live", "end", "complete", "edit", "blacklist", "pardon")


class ExpectedContract:
    """A contract as the rules of docs/contracts.md have it, written without the tables."""

    def __init__(self) -> None:
        self.status, self.is_profile_completed, self.is_blacklisted = "Draft", False, False

    def perform(self, act: str) -> bool:
        """Whether `act` is done; the account then stands as after it."""
        if act == "complete":
            self.is_profile_completed = True
            if self.status == "Draft":
                self.status = "Live"
            return True
        if act in ("blacklist", "pardon"):
            self.is_blacklisted = act == "blacklist"
            return True
        if act == "edit":
            return self.status != "Ended"
        if act == "passive" and self.status == "Live":
            self.status = "Passive"
        elif act == "live" and self.status == "Passive" and not self.is_blacklisted:
            self.status = "Live"
        elif act == "end" and self.status != "Ended":
            self.status = "Ended"
        else:
            return False
        return True


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(acts=st.lists(st.sampled_from(ACTIONS), max_size=9))
def test_whatever_is_done_in_any_order_agrees_with_the_account(approval_org, make_live_customer, acts):
    customer = make_live_customer()
    contract, account = make_contract(customer), ExpectedContract()
    for number, act in enumerate(acts):
        done = True
        try:
            _perform(act, contract, number, approval_org)
            db.session.commit()
        except HubError:
            db.session.rollback()
            done = False
        assert done is account.perform(act), (acts, number)
        db.session.expire_all()
        assert contract.status.value == account.status
        assert (contract.invoice_profile.status is ProfileStatus.COMPLETED) is account.is_profile_completed
        assert contract.status is not DRAFT or not account.is_profile_completed
    moves_told = [each.changes["status"] for each in contract_history(contract) if "status" in each.changes]
    assert [after for _, after in moves_told][-1] == account.status
    assert all(one[1] == other[0] for one, other in pairwise(moves_told))


def _perform(act, contract, number, approval_org):
    if act == "complete":
        complete_profile(contract.invoice_profile, file_id=add_nda_file(contract.customer).id)
    elif act == "edit":
        contract.supplier = f"Supplier {number}"
        save_contract(contract, actor=approval_org.agent)
    elif act == "blacklist":
        db.session.add(blacklist_by_id(approval_org, contract.customer))
    elif act == "pardon":
        for entry in db.session.scalars(select(BlacklistEntry)):
            db.session.delete(entry)
    else:
        details = {"end_date": DAY} if act == "end" else {}
        change_contract_status(contract, CONTRACT_STATUSES.get_transition(act), actor=approval_org.agent, **details)


# --- What hangs together -----------------------------------------------------------------------------------------


def test_a_profile_with_contracts_stays_whoever_removes_it(approval_org, make_live_customer):
    customer = make_live_customer()
    used, free = make_profile(customer), make_profile(customer)
    for _ in range(2):
        make_contract(customer, invoice_profile_id=used.id)
    customer.invoice_profiles.remove(free)
    save_customer(customer, actor=approval_org.agent)
    db.session.commit()
    customer.invoice_profiles.remove(used)
    with pytest.raises(
        StillLinked, match=f"The profile {used.name} has 2 contracts and cannot be deleted"
    ) as error_info:
        save_customer(customer, actor=approval_org.agent)
    assert error_info.value.field == "invoice_profiles"
    db.session.rollback()
    assert list(db.session.scalars(select(InvoiceProfile.id))) == [used.id]


def test_a_customer_with_contracts_is_not_deleted(approval_org, make_live_customer):
    contract = make_contract(make_live_customer())
    with pytest.raises(StillLinked, match="1 contract"):
        delete_customer(contract.customer, actor=approval_org.manager)
    db.session.rollback()
    assert db.session.get(Contract, contract.id) is not None


def test_a_merge_takes_contracts_along_with_their_accounts_and_profiles(approval_org, make_live_customer):
    survivor, other = make_live_customer(), make_live_customer()
    survivor_contract, other_contract = (
        make_contract_in(survivor, LIVE),
        make_contract_in(other, PASSIVE, connections=3),
    )
    number, account, key = other_contract.number, other_contract.account_id, other.id
    with acting(approval_org.manager):
        merge_customers(survivor, other, actor=approval_org.manager)
        db.session.commit()
    assert (other_contract.customer_id, other_contract.number, other_contract.account_id) == (
        survivor.id,
        number,
        account,
    )
    assert (other_contract.status, survivor_contract.status) == (PASSIVE, LIVE)
    assert {other_contract.account.customer_id, other_contract.invoice_profile.customer_id} == {survivor.id}
    assert [each.is_main for each in survivor.accounts].count(True) == 1
    other_contract.name = "Still to be changed"
    save_contract(other_contract, actor=approval_org.agent)
    [merged] = [entry for entry in db.session.scalars(select(History)) if entry.action == "merged"]
    assert "1 contract" in merged.changes["moved"][1]
    assert db.session.get(Customer, key) is None

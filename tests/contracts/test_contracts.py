"""Contracts: who may enter one, what it gets, and how it follows its profile and is moved on."""

from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from customerhub import history
from customerhub.approvals import blacklist
from customerhub.contracts import moves
from customerhub.contracts.contracts import MOST_CONNECTIONS, add_contract, move_contract, save_contract
from customerhub.contracts.eligibility import NOT_LIVE, NOT_NOW, alerts_for, why_not
from customerhub.contracts.invoice_profiles import complete_profile, follow_profile
from customerhub.customers import alerts
from customerhub.customers.merging import merge_customers
from customerhub.customers.records import delete_customer, save_customer
from customerhub.customers.statuses import put_in_status
from customerhub.errors import Conflict, HubError, Invalid, NotAllowed, NotFound, StillLinked, WrongState
from customerhub.permissions import Actor
from models import (
    Account,
    Alert,
    BlacklistEntry,
    BusinessEntity,
    Contract,
    Customer,
    CustomerStatus,
    History,
    InvoiceProfile,
)
from models.base import db
from models.enums import AlertRule, ContractStatus, ProfileStatus, Risk, Role, Severity, Stage, StatusBehaviour
from tests.approvals.conftest import acting, make_office
from tests.contracts.conftest import DAY, attach_nda, contract_in, contract_of, nda, profile_of
from tests.people import make_user

DRAFT, LIVE, PASSIVE, ENDED = ContractStatus


def problems(error: Invalid) -> dict[str, str]:
    return dict(error.problems)


def told(contract: Contract) -> list[History]:
    query = select(History).where(History.table_name == "contract", History.row_id == contract.id)
    return list(db.session.scalars(query.order_by(History.id)))


# --- A new one ---------------------------------------------------------------------------------------------------


def test_a_new_one_gets_a_number_an_account_and_a_status(office, live):
    customer = live()
    first, second = contract_of(customer), contract_of(customer, connections=7, value=Decimal("99.90"))
    assert (first.number, second.number) == ("C100001", "C100002")
    assert (first.status, first.connections, first.organisation_id) == (DRAFT, 0, office.id)
    assert [account.is_main for account in customer.accounts] == [True, False, False]
    assert {first.account_id, second.account_id} == {account.id for account in customer.accounts[1:]}
    assert len({account.number for account in customer.accounts}) == 3
    assert customer.main_account.number == customer.account_number
    [made] = told(second)
    assert (made.action, made.customer_id) == ("created", customer.id)
    assert made.changes["status"] == [None, "Draft"]
    db.session.expire_all()
    assert db.session.get_one(Contract, second.id).value == Decimal("99.90")


def test_numbers_are_counted_by_organisation_and_pass_over_typed_ones(office, live):
    contract_of(live(), number="C100002")
    assert [contract_of(live()).number for _ in range(2)] == ["C100001", "C100003"]
    other = make_office("Another Telecom")
    with acting(other.system):
        assert contract_of(other.customer(Stage.BILLING)).number == "C100001"
    with pytest.raises(Conflict) as caught:
        contract_of(live(), number=" C100002 ")
    assert caught.value.field == "number"


def test_it_is_live_at_once_with_a_completed_profile_whatever_is_asked_for(live):
    customer = live()
    open_one, completed = profile_of(customer), profile_of(customer, completed=True)
    for status in ContractStatus:
        assert contract_of(customer, invoice_profile_id=completed.id, status=status).status is LIVE
        assert contract_of(customer, invoice_profile_id=open_one.id, status=status).status is DRAFT


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "), ("name", "x" * 201), ("name", "a\x07b"), ("number", "x" * 41), ("supplier", "x" * 201),
        ("value", Decimal(-1)), ("value", Decimal("NaN")), ("value", Decimal(10) ** 20),
        ("connections", -1), ("connections", MOST_CONNECTIONS + 1),
        ("start_date", None), ("start_date", date(1899, 12, 31)), ("end_date", date(2025, 1, 30)),
        ("end_date", date(2200, 1, 1)), ("invoice_profile_id", None), ("invoice_profile_id", 10**9),
        ("business_entity_id", 10**9),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_at_its_field_and_nothing_is_kept(live, field, value):
    customer = live()
    profile = profile_of(customer)
    with pytest.raises(Invalid) as caught:
        contract_of(customer, **{"invoice_profile_id": profile.id, field: value})
    assert problems(caught.value).keys() == {field}
    db.session.rollback()
    assert db.session.scalar(select(func.count(Contract.id))) == 0
    assert db.session.scalar(select(func.count(Account.id)).where(Account.customer_id == customer.id)) == 1


def test_what_it_refers_to_is_the_customers_and_the_organisations(live):
    customer, other = live(), live()
    stranger = make_office("Another Telecom")
    with acting(stranger.system):
        theirs = stranger.customer(Stage.BILLING)
        foreign = profile_of(theirs)
        entity = BusinessEntity(organisation_id=stranger.id, name="E", registered_name="E", address="A")
        db.session.add(entity)
        db.session.commit()
    for profile in (profile_of(other), foreign):
        with pytest.raises(Invalid) as caught:
            contract_of(customer, invoice_profile_id=profile.id)
        assert problems(caught.value) == {"invoice_profile_id": "Choose an invoice profile of this customer"}
        db.session.rollback()
    with pytest.raises(Invalid, match="business entity"):
        contract_of(customer, business_entity_id=entity.id)
    db.session.rollback()
    with pytest.raises(NotFound):
        contract_of(customer, customer_id=theirs.id, invoice_profile_id=foreign.id)
    with pytest.raises(Invalid, match="Choose a customer"):
        contract_of(customer, customer_id=10**9)


# --- Who may enter one -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.BILLING])
def test_only_a_live_customer_may(office, stage):
    customer = office.customer(stage)
    with pytest.raises(WrongState, match=f"in {stage.value}"):
        contract_of(customer)
    assert why_not(customer, actor=office.partner) == NOT_LIVE


def listed_by_number(office, customer):
    return BlacklistEntry(
        organisation_id=office.id, name="Old", registration_number=f" {customer.registration_number.lower()}-",
        reason="Never paid",
    )  # fmt: skip


def listed_by_id(office, customer):
    return BlacklistEntry(organisation_id=office.id, name="Old", customer_id=customer.id, reason="Never paid")


@pytest.mark.parametrize("entry", [listed_by_id, listed_by_number])
def test_a_blacklisted_customer_may_not_and_a_partner_is_not_told_why(office, live, entry):
    customer = live()
    profile, resting = profile_of(customer), contract_in(customer, PASSIVE)
    db.session.add(entry(office, customer))
    db.session.commit()
    for actor, said in ((office.agent, "blacklisted and cannot be contracted: Never paid"), (office.partner, NOT_NOW)):
        with pytest.raises(WrongState, match=said):
            contract_of(customer, by=actor, invoice_profile_id=profile.id)
        db.session.rollback()
        with pytest.raises(WrongState, match=said):
            add_contract(customer, name="A", start_date=DAY, invoice_profile_id=profile.id, actor=actor)
        assert said in why_not(customer, actor=actor)
    with pytest.raises(WrongState, match="blacklisted"):
        move_contract(resting, moves.OF_CONTRACTS["live"], actor=office.manager)
    task = blacklist.request_removal(customer, reason="Paid all", actor=office.agent)
    blacklist.lift(task)
    assert why_not(customer, actor=office.partner) is None
    contract_of(customer, invoice_profile_id=profile.id)


def test_who_is_no_prospect_needs_the_full_particulars_and_is_told_which(office, live):
    customer = live()
    assert why_not(customer, actor=office.agent) is None, "a prospect may"
    with history.acting(office.system, "test"), db.session.no_autoflush:
        customer.is_prospect = False
        said = why_not(customer, actor=office.agent)
        assert said is not None
        assert all(word in said for word in ("reference", "email", "region", "start date", "risk", "departments"))
        assert "region_id" not in said
        customer.reference, customer.email, customer.start_date = "R", "a@customer.example", DAY
        said = why_not(customer, actor=office.agent)
        assert said is not None
        assert [word in said for word in ("region", "risk", "departments", "email")] == [True, True, True, False]
        assert why_not(customer, actor=office.partner) == NOT_NOW
        with pytest.raises(WrongState, match="departments"):
            contract_of(customer, invoice_profile_id=1)
    db.session.rollback()


def test_a_dropped_customer_may_not(office, live):
    customer = live()
    dropped = CustomerStatus(organisation_id=office.id, name="Gone", behaviour=StatusBehaviour.NONE)
    db.session.add(dropped)
    db.session.flush()
    put_in_status(customer, dropped)
    assert "is Gone" in (why_not(customer, actor=office.agent) or "")
    assert why_not(customer, actor=office.partner) == NOT_NOW


def test_the_check_comes_before_any_other_and_takes_no_number(office, live):
    with pytest.raises(WrongState):
        contract_of(office.customer(Stage.NEW), name="", invoice_profile_id=None)
    db.session.rollback()
    assert contract_of(live()).number == "C100001"


def test_partners_see_alerts_but_not_who_is_blacklisted(office, live):
    customer = live()
    alerts.raise_alert(customer, text="Ring first", severity=Severity.CRITICAL, actor=office.agent)
    db.session.add(listed_by_id(office, customer))
    customer.credit_limit, customer.accounts[0].balance = 5, 10
    save_customer(customer, actor=office.system)
    old = Alert(organisation_id=office.id, customer_id=customer.id, text="Old", valid_until=date(2020, 1, 1))
    db.session.add(old)
    db.session.commit()
    day = date(2026, 1, 1)
    seen = {actor.name: alerts_for(customer, actor=actor, as_of=day) for actor in (office.agent, office.partner)}
    assert [each.rule for each in seen[office.agent.name]] == [None, AlertRule.BLACKLISTED, AlertRule.CREDIT_LIMIT]
    assert [each.text for each in seen[office.partner.name]] == ["Ring first", "The balance is above the credit limit"]


# --- Who may do what ---------------------------------------------------------------------------------------------


def test_staff_make_change_and_move_partners_only_make(office, live):
    customer = live()
    for actor in (office.agent, office.manager, office.admin, office.partner):
        assert contract_of(customer, by=actor).status is DRAFT
    made = contract_of(customer, by=office.partner, name="Partner's")
    made.name = "Changed"
    with pytest.raises(NotAllowed), acting(office.partner):
        save_contract(made, actor=office.partner)
    db.session.rollback()
    with pytest.raises(NotAllowed):
        move_contract(made, moves.OF_CONTRACTS["end"], end_date=DAY, actor=office.partner)
    reader = Actor.of(make_user(office.organisation, Role.CUSTOMER))
    with pytest.raises(NotAllowed):
        contract_of(customer, by=reader)
    assert db.session.get_one(Contract, made.id).name == "Partner's"


def test_a_partner_does_not_know_of_customers_of_others(office, live):
    customer = live(dealer_id=None)
    profile = profile_of(customer)
    with pytest.raises(NotFound):
        contract_of(customer, by=office.partner, invoice_profile_id=profile.id)
    db.session.rollback()
    with pytest.raises(NotFound):
        add_contract(customer, name="A", start_date=DAY, invoice_profile_id=profile.id, actor=office.partner)
    stranger = make_office("Another Telecom")
    with pytest.raises(NotFound):
        contract_of(live(), by=stranger.manager)


# --- With a new profile ------------------------------------------------------------------------------------------


def test_a_partner_adds_one_with_a_new_profile(office, live):
    customer = live()
    with acting(office.partner):
        made = add_contract(
            customer, name="Lines", start_date=DAY, profile_name=" Main ", profile_email="pay@customer.example",
            connections=12, end_date=None, value=None, actor=office.partner,
        )  # fmt: skip
        db.session.commit()
    profile = db.session.get_one(InvoiceProfile, made.invoice_profile_id)
    assert (profile.name, profile.email, profile.status) == ("Main", "pay@customer.example", ProfileStatus.NDA_PENDING)
    assert (made.status, made.connections, made.customer_id) == (DRAFT, 12, customer.id)
    assert told(made)[0].actor_name == office.partner.name


@pytest.mark.parametrize(
    ("name", "email", "field", "said"),
    [
        (None, None, "invoice_profile_id", "Choose an invoice profile"), ("", "", "invoice_profile_id", "Choose"),
        ("Main", None, "profile_email", "needed"), (None, "a@customer.example", "profile_name", "needed"),
        ("Main", "nobody", "profile_email", "not an email"), ("Taken", "a@customer.example", "profile_name", "already"),
        ("TAKEN ", "a@customer.example", "profile_name", "already"), ("x" * 121, "a@b.example", "profile_name", "120"),
    ],
)  # fmt: skip
def test_a_new_profile_that_is_wrong_is_told_at_its_field(office, live, name, email, field, said):
    customer = live()
    customer.invoice_profiles.append(
        InvoiceProfile(organisation_id=office.id, name="Taken", email="a@customer.example")
    )
    db.session.commit()
    with pytest.raises(Invalid, match=said) as caught:
        add_contract(customer, name="L", start_date=DAY, profile_name=name, profile_email=email, actor=office.partner)
    assert problems(caught.value).keys() == {field}
    db.session.rollback()
    assert db.session.scalar(select(func.count(InvoiceProfile.id))) == 1


def test_what_is_none_of_the_terms_is_refused(office, live):
    for name in ("status", "customer_id", "account_id", "number", "organisation_id", "contract_risk", "unheard_of"):
        with pytest.raises(Invalid, match=name):
            add_contract(live(), name="L", start_date=DAY, actor=office.agent, **{name: 1})


# --- Following the profile ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["by the form", "by the operation"])
def test_completing_the_profile_takes_its_drafts_live_and_nothing_else(office, live, how):
    customer = live()
    profile = profile_of(customer)
    drafts = [contract_of(customer, invoice_profile_id=profile.id) for _ in range(2)]
    ended, other = contract_of(customer, invoice_profile_id=profile.id), contract_of(customer)
    move_contract(ended, moves.OF_CONTRACTS["end"], end_date=DAY, actor=office.agent)
    db.session.commit()
    if how == "by the form":
        attach_nda(profile, office.agent)
    else:
        complete_profile(profile, file_id=nda(customer).id)
        db.session.commit()
    assert [each.status for each in (*drafts, ended, other)] == [LIVE, LIVE, ENDED, DRAFT]
    for draft in drafts:
        *_, last = told(draft)
        assert (last.changes, last.reason) == (
            {"status": ["Draft", "Live"]}, f"Its invoice profile is completed: {profile.name}",
        )  # fmt: skip


def test_it_follows_once_and_what_people_did_since_stands(office, live):
    customer = live()
    contract = contract_in(customer, LIVE)
    profile = contract.invoice_profile
    move_contract(contract, moves.OF_CONTRACTS["passive"], actor=office.agent)
    db.session.commit()
    before = len(told(contract))
    profile.nda_file_id = nda(customer).id  # another file in place of the first
    save_customer(customer, actor=office.agent)
    follow_profile(profile)
    db.session.commit()
    assert (contract.status, len(told(contract))) == (PASSIVE, before)


def test_a_profile_that_is_open_takes_nobody_live(office, live):
    contract = contract_of(live())
    follow_profile(contract.invoice_profile)
    save_customer(contract.customer, actor=office.agent)
    assert contract.status is DRAFT


def test_a_file_added_with_other_changes_completes_and_follows_in_one_save(office, live):
    customer = live()
    first, second = profile_of(customer), profile_of(customer)
    contracts = [contract_of(customer, invoice_profile_id=each.id) for each in (first, second)]
    customer.website = "www.example.com"
    first.nda_file_id = second.nda_file_id = nda(customer).id
    save_customer(customer, actor=office.agent)
    db.session.commit()
    assert [each.status for each in contracts] == [LIVE, LIVE]


def test_another_profile_may_take_a_draft_live_and_never_back(office, live):
    customer = live()
    contract, open_one = contract_of(customer), profile_of(customer)
    contract.invoice_profile_id = profile_of(customer, completed=True).id
    save_contract(contract, actor=office.agent)
    db.session.commit()
    assert contract.status is LIVE
    for status in (LIVE, PASSIVE):
        if status is PASSIVE:
            move_contract(contract, moves.OF_CONTRACTS["passive"], actor=office.agent)
            db.session.commit()
        with db.session.no_autoflush:
            contract.invoice_profile_id = open_one.id
            with pytest.raises(Invalid, match=status.value) as caught:
                save_contract(contract, actor=office.agent)
        assert problems(caught.value).keys() == {"invoice_profile_id"}
        db.session.rollback()


# --- Editing and moving ------------------------------------------------------------------------------------------


def test_what_is_not_changed_by_editing(office, live):
    contract, other = contract_of(live()), live()
    changes = {"status": LIVE, "customer_id": other.id, "account_id": other.main_account.id}
    for field, value in changes.items():
        with db.session.no_autoflush:
            setattr(contract, field, value)
            with pytest.raises(WrongState, match="not by editing"):
                save_contract(contract, actor=office.admin)
        db.session.rollback()


def test_terms_and_risks_are_changed_and_the_history_says_so(office, live):
    contract = contract_of(live())
    contract.connections, contract.business_risk, contract.end_date = 25, Risk.HIGH, date(2026, 1, 1)
    save_contract(contract, actor=office.agent)
    *_, last = told(contract)
    assert last.changes == {
        "connections": [0, 25], "business_risk": [None, "High"], "end_date": [None, "2026-01-01"]
    }  # fmt: skip


def test_one_that_has_ended_stays_as_it_is(office, live):
    contract = contract_in(live(), ENDED)
    with db.session.no_autoflush:
        contract.name = "Other"
        with pytest.raises(WrongState, match="ended"):
            save_contract(contract, actor=office.admin)
    db.session.rollback()
    for move in moves.CONTRACT_MOVES:
        with pytest.raises(WrongState, match="Ended"):
            move_contract(contract, move, end_date=DAY, actor=office.admin)


@pytest.mark.parametrize(
    ("day", "said"), [(None, "which day"), (date(2025, 1, 30), "before it starts"), (date(2200, 1, 1), "out of reach")]
)
def test_it_ends_on_a_day_that_can_be(office, live, day, said):
    contract = contract_in(live(), LIVE)
    with pytest.raises(Invalid, match=said) as caught:
        move_contract(contract, moves.OF_CONTRACTS["end"], end_date=day, actor=office.agent)
    assert caught.value.field == "end_date"
    db.session.rollback()
    move_contract(contract, moves.OF_CONTRACTS["end"], end_date=DAY, reason=" Moved\nout ", actor=office.agent)
    *_, last = told(contract)
    assert (last.reason, last.changes) == (
        "Moved\nout",
        {"status": ["Live", "Ended"], "end_date": [None, "2025-01-31"]},
    )


def test_a_reason_that_cannot_be_kept_is_told(office, live):
    contract = contract_in(live(), LIVE)
    for reason in ("x" * 2001, "a\x00b"):
        with pytest.raises(Invalid) as caught:
            move_contract(contract, moves.OF_CONTRACTS["passive"], reason=reason, actor=office.agent)
        assert caught.value.field == "reason"


# What people try on one contract, in any order. The account knows a status and whether the profile is completed.
ACTS = ("passive", "live", "end", "complete", "edit", "blacklist", "pardon")


class Ledger:
    """A contract as the rules of docs/contracts.md have it, written without the tables."""

    def __init__(self) -> None:
        self.status, self.completed, self.listed = "Draft", False, False

    def does(self, act: str) -> bool:
        """Whether `act` is done; the account then stands as after it."""
        if act == "complete":
            self.completed = True
            if self.status == "Draft":
                self.status = "Live"
            return True
        if act in ("blacklist", "pardon"):
            self.listed = act == "blacklist"
            return True
        if act == "edit":
            return self.status != "Ended"
        if act == "passive" and self.status == "Live":
            self.status = "Passive"
        elif act == "live" and self.status == "Passive" and not self.listed:
            self.status = "Live"
        elif act == "end" and self.status != "Ended":
            self.status = "Ended"
        else:
            return False
        return True


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(acts=st.lists(st.sampled_from(ACTS), max_size=9))
def test_whatever_is_done_in_any_order_agrees_with_the_account(office, live, acts):
    customer = live()
    contract, account = contract_of(customer), Ledger()
    for number, act in enumerate(acts):
        done = True
        try:
            _do(act, contract, number, office)
            db.session.commit()
        except HubError:
            db.session.rollback()
            done = False
        assert done is account.does(act), (acts, number)
        db.session.expire_all()
        assert contract.status.value == account.status
        assert (contract.invoice_profile.status is ProfileStatus.COMPLETED) is account.completed
        assert contract.status is not DRAFT or not account.completed
    moves_told = [each.changes["status"] for each in told(contract) if "status" in each.changes]
    assert [after for _, after in moves_told][-1] == account.status
    assert all(one[1] == other[0] for one, other in pairwise(moves_told))


def _do(act, contract, number, office):
    if act == "complete":
        complete_profile(contract.invoice_profile, file_id=nda(contract.customer).id)
    elif act == "edit":
        contract.supplier = f"Supplier {number}"
        save_contract(contract, actor=office.agent)
    elif act == "blacklist":
        db.session.add(listed_by_id(office, contract.customer))
    elif act == "pardon":
        for entry in db.session.scalars(select(BlacklistEntry)):
            db.session.delete(entry)
    else:
        given = {"end_date": DAY} if act == "end" else {}
        move_contract(contract, moves.OF_CONTRACTS[act], actor=office.agent, **given)


# --- What hangs together -----------------------------------------------------------------------------------------


def test_a_profile_with_contracts_stays_whoever_removes_it(office, live):
    customer = live()
    used, free = profile_of(customer), profile_of(customer)
    for _ in range(2):
        contract_of(customer, invoice_profile_id=used.id)
    customer.invoice_profiles.remove(free)
    save_customer(customer, actor=office.agent)
    db.session.commit()
    customer.invoice_profiles.remove(used)
    with pytest.raises(StillLinked, match=f"The profile {used.name} has 2 contracts and stays") as caught:
        save_customer(customer, actor=office.agent)
    assert caught.value.field == "invoice_profiles"
    db.session.rollback()
    assert list(db.session.scalars(select(InvoiceProfile.id))) == [used.id]


def test_a_customer_with_contracts_is_not_deleted(office, live):
    contract = contract_of(live())
    with pytest.raises(StillLinked, match="1 contract"):
        delete_customer(contract.customer, actor=office.manager)
    db.session.rollback()
    assert db.session.get(Contract, contract.id) is not None


def test_a_merge_takes_contracts_along_with_their_accounts_and_profiles(office, live):
    survivor, other = live(), live()
    mine, theirs = contract_in(survivor, LIVE), contract_in(other, PASSIVE, connections=3)
    number, account, key = theirs.number, theirs.account_id, other.id
    with acting(office.manager):
        merge_customers(survivor, other, actor=office.manager)
        db.session.commit()
    assert (theirs.customer_id, theirs.number, theirs.account_id) == (survivor.id, number, account)
    assert (theirs.status, mine.status) == (PASSIVE, LIVE)
    assert {theirs.account.customer_id, theirs.invoice_profile.customer_id} == {survivor.id}
    assert [each.is_main for each in survivor.accounts].count(True) == 1
    theirs.name = "Still to be changed"
    save_contract(theirs, actor=office.agent)
    [merged] = [entry for entry in db.session.scalars(select(History)) if entry.action == "merged"]
    assert "1 contract" in merged.changes["moved"][1]
    assert db.session.get(Customer, key) is None

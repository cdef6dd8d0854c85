"""Contracts: who may enter one, and what it gets."""

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from customerhub.approvals import blacklist
from customerhub.contracts.contracts import MOST_CONNECTIONS, add_contract, change_contract_status, save_contract
from customerhub.contracts.eligibility import NOT_LIVE, NOT_NOW, list_visible_alerts, refusal_reason
from customerhub.contracts.transitions import CONTRACT_STATUSES
from customerhub.core import history
from customerhub.core.errors import Conflict, Invalid, NotAllowed, NotFound, WrongState
from customerhub.core.permissions import Actor
from customerhub.customers import alerts
from customerhub.customers.records import save_customer
from customerhub.customers.statuses import set_status
from models import Account, Alert, BlacklistEntry, BusinessEntity, Contract, CustomerStatus
from models.base import db
from models.enums import AlertRule, ContractStatus, Role, Severity, Stage, StatusBehaviour
from tests.customerhub.approvals.conftest import acting, make_approval_org
from tests.customerhub.contracts.conftest import DAY, make_contract, make_contract_in, make_profile
from tests.support.contracts import blacklist_by_id, contract_history, problems_by_field
from tests.support.people import make_user

DRAFT, LIVE, PASSIVE, ENDED = ContractStatus


# --- A new one ---------------------------------------------------------------------------------------------------


def test_a_new_one_gets_a_number_an_account_and_a_status(approval_org, make_live_customer):
    customer = make_live_customer()
    first, second = make_contract(customer), make_contract(customer, connections=7, value=Decimal("99.90"))
    assert (first.number, second.number) == ("C100001", "C100002")
    assert (first.status, first.connections, first.organisation_id) == (DRAFT, 0, approval_org.id)
    assert [account.is_main for account in customer.accounts] == [True, False, False]
    assert {first.account_id, second.account_id} == {account.id for account in customer.accounts[1:]}
    assert len({account.number for account in customer.accounts}) == 3
    assert customer.main_account.number == customer.account_number
    [created_entry] = contract_history(second)
    assert (created_entry.action, created_entry.customer_id) == ("created", customer.id)
    assert created_entry.changes["status"] == [None, "Draft"]
    db.session.expire_all()
    assert db.session.get_one(Contract, second.id).value == Decimal("99.90")


def test_numbers_are_counted_by_organisation_and_pass_over_typed_ones(approval_org, make_live_customer):
    make_contract(make_live_customer(), number="C100002")
    assert [make_contract(make_live_customer()).number for _ in range(2)] == ["C100001", "C100003"]
    other = make_approval_org("Another Telecom")
    with acting(other.system):
        assert make_contract(other.make_customer(Stage.BILLING)).number == "C100001"
    with pytest.raises(Conflict) as error_info:
        make_contract(make_live_customer(), number=" C100002 ")
    assert error_info.value.field == "number"


def test_it_is_live_at_once_with_a_completed_profile_whatever_is_asked_for(make_live_customer):
    customer = make_live_customer()
    open_one, completed = make_profile(customer), make_profile(customer, completed=True)
    for status in ContractStatus:
        assert make_contract(customer, invoice_profile_id=completed.id, status=status).status is LIVE
        assert make_contract(customer, invoice_profile_id=open_one.id, status=status).status is DRAFT


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("name", "x" * 201),
        ("name", "a\x07b"),
        ("number", "x" * 41),
        ("supplier", "x" * 201),
        ("value", Decimal(-1)),
        ("value", Decimal("NaN")),
        ("value", Decimal(10) ** 20),
        ("connections", -1),
        ("connections", MOST_CONNECTIONS + 1),
        ("start_date", None),
        ("start_date", date(1899, 12, 31)),
        ("end_date", date(2025, 1, 30)),
        ("end_date", date(2200, 1, 1)),
        ("invoice_profile_id", None),
        ("invoice_profile_id", 10**9),
        ("business_entity_id", 10**9),
    ],
)
def test_a_wrong_value_is_shown_at_its_field_and_nothing_is_saved(make_live_customer, field, value):
    customer = make_live_customer()
    profile = make_profile(customer)
    with pytest.raises(Invalid) as error_info:
        make_contract(customer, **{"invoice_profile_id": profile.id, field: value})
    assert problems_by_field(error_info.value).keys() == {field}
    db.session.rollback()
    assert db.session.scalar(select(func.count(Contract.id))) == 0
    assert db.session.scalar(select(func.count(Account.id)).where(Account.customer_id == customer.id)) == 1


def test_what_it_refers_to_is_the_customers_and_the_organisations(make_live_customer):
    customer, other = make_live_customer(), make_live_customer()
    stranger = make_approval_org("Another Telecom")
    with acting(stranger.system):
        foreign_customer = stranger.make_customer(Stage.BILLING)
        foreign = make_profile(foreign_customer)
        entity = BusinessEntity(organisation_id=stranger.id, name="E", registered_name="E", address="A")
        db.session.add(entity)
        db.session.commit()
    for profile in (make_profile(other), foreign):
        with pytest.raises(Invalid) as error_info:
            make_contract(customer, invoice_profile_id=profile.id)
        assert problems_by_field(error_info.value) == {
            "invoice_profile_id": "Choose an invoice profile of this customer"
        }
        db.session.rollback()
    with pytest.raises(Invalid, match="business entity"):
        make_contract(customer, business_entity_id=entity.id)
    db.session.rollback()
    with pytest.raises(NotFound):
        make_contract(customer, customer_id=foreign_customer.id, invoice_profile_id=foreign.id)
    with pytest.raises(Invalid, match="Choose a customer"):
        make_contract(customer, customer_id=10**9)


# --- Who may enter one -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.BILLING])
def test_only_a_live_customer_may(approval_org, stage):
    customer = approval_org.make_customer(stage)
    with pytest.raises(WrongState, match=f"in {stage.value}"):
        make_contract(customer)
    assert refusal_reason(customer, actor=approval_org.partner) == NOT_LIVE


def blacklist_by_number(approval_org, customer):
    return BlacklistEntry(
        organisation_id=approval_org.id,
        name="Old",
        registration_number=f" {customer.registration_number.lower()}-",
        reason="Never paid",
    )


@pytest.mark.parametrize("entry", [blacklist_by_id, blacklist_by_number])
def test_a_blacklisted_customer_may_not_and_a_partner_does_not_see_why(approval_org, make_live_customer, entry):
    customer = make_live_customer()
    profile, resting = make_profile(customer), make_contract_in(customer, PASSIVE)
    db.session.add(entry(approval_org, customer))
    db.session.commit()
    for actor, message in (
        (approval_org.agent, "blacklisted and cannot be contracted: Never paid"),
        (approval_org.partner, NOT_NOW),
    ):
        with pytest.raises(WrongState, match=message):
            make_contract(customer, by=actor, invoice_profile_id=profile.id)
        db.session.rollback()
        with pytest.raises(WrongState, match=message):
            add_contract(customer, name="A", start_date=DAY, invoice_profile_id=profile.id, actor=actor)
        assert message in refusal_reason(customer, actor=actor)
    with pytest.raises(WrongState, match="blacklisted"):
        change_contract_status(resting, CONTRACT_STATUSES.get_transition("live"), actor=approval_org.manager)
    task = blacklist.request_removal(customer, reason="Paid all", actor=approval_org.agent)
    blacklist.remove_from_blacklist(task)
    assert refusal_reason(customer, actor=approval_org.partner) is None
    make_contract(customer, invoice_profile_id=profile.id)


def test_a_customer_needs_the_full_particulars_and_sees_which_are_missing(approval_org, make_live_customer):
    customer = make_live_customer()
    assert refusal_reason(customer, actor=approval_org.agent) is None, "a prospect may"
    with history.act_as(approval_org.system, "test"), db.session.no_autoflush:
        customer.is_prospect = False
        refusal = refusal_reason(customer, actor=approval_org.agent)
        assert refusal is not None
        assert all(word in refusal for word in ("reference", "email", "region", "start date", "risk", "departments"))
        assert "region_id" not in refusal
        customer.reference, customer.email, customer.start_date = "R", "a@customer.example", DAY
        refusal = refusal_reason(customer, actor=approval_org.agent)
        assert refusal is not None
        assert [word in refusal for word in ("region", "risk", "departments", "email")] == [True, True, True, False]
        assert refusal_reason(customer, actor=approval_org.partner) == NOT_NOW
        with pytest.raises(WrongState, match="departments"):
            make_contract(customer, invoice_profile_id=1)
    db.session.rollback()


def test_a_dropped_customer_may_not(approval_org, make_live_customer):
    customer = make_live_customer()
    dropped = CustomerStatus(organisation_id=approval_org.id, name="Gone", behaviour=StatusBehaviour.NONE)
    db.session.add(dropped)
    db.session.flush()
    set_status(customer, dropped)
    assert "is Gone" in (refusal_reason(customer, actor=approval_org.agent) or "")
    assert refusal_reason(customer, actor=approval_org.partner) == NOT_NOW


def test_the_check_comes_before_any_other_and_takes_no_number(approval_org, make_live_customer):
    with pytest.raises(WrongState):
        make_contract(approval_org.make_customer(Stage.NEW), name="", invoice_profile_id=None)
    db.session.rollback()
    assert make_contract(make_live_customer()).number == "C100001"


def test_partners_see_alerts_but_not_who_is_blacklisted(approval_org, make_live_customer):
    customer = make_live_customer()
    alerts.raise_alert(customer, text="Ring first", severity=Severity.CRITICAL, actor=approval_org.agent)
    db.session.add(blacklist_by_id(approval_org, customer))
    customer.credit_limit, customer.accounts[0].balance = 5, 10
    save_customer(customer, actor=approval_org.system)
    old = Alert(organisation_id=approval_org.id, customer_id=customer.id, text="Old", valid_until=date(2020, 1, 1))
    db.session.add(old)
    db.session.commit()
    day = date(2026, 1, 1)
    alerts_by_person = {
        actor.name: list_visible_alerts(customer, actor=actor, as_of=day)
        for actor in (approval_org.agent, approval_org.partner)
    }
    assert [each.rule for each in alerts_by_person[approval_org.agent.name]] == [
        None,
        AlertRule.BLACKLISTED,
        AlertRule.CREDIT_LIMIT,
    ]
    assert [each.text for each in alerts_by_person[approval_org.partner.name]] == [
        "Ring first",
        "The balance is above the credit limit",
    ]


# --- Who may do what ---------------------------------------------------------------------------------------------


def test_staff_make_change_and_move_partners_only_make(approval_org, make_live_customer):
    customer = make_live_customer()
    for actor in (approval_org.agent, approval_org.manager, approval_org.admin, approval_org.partner):
        assert make_contract(customer, by=actor).status is DRAFT
    contract = make_contract(customer, by=approval_org.partner, name="Partner's")
    contract.name = "Changed"
    with pytest.raises(NotAllowed), acting(approval_org.partner):
        save_contract(contract, actor=approval_org.partner)
    db.session.rollback()
    with pytest.raises(NotAllowed):
        change_contract_status(
            contract, CONTRACT_STATUSES.get_transition("end"), end_date=DAY, actor=approval_org.partner
        )
    reader = Actor.from_user(make_user(approval_org.organisation, Role.CUSTOMER))
    with pytest.raises(NotAllowed):
        make_contract(customer, by=reader)
    assert db.session.get_one(Contract, contract.id).name == "Partner's"


def test_a_partner_does_not_know_of_customers_of_others(approval_org, make_live_customer):
    customer = make_live_customer(dealer_id=None)
    profile = make_profile(customer)
    with pytest.raises(NotFound):
        make_contract(customer, by=approval_org.partner, invoice_profile_id=profile.id)
    db.session.rollback()
    with pytest.raises(NotFound):
        add_contract(customer, name="A", start_date=DAY, invoice_profile_id=profile.id, actor=approval_org.partner)
    stranger = make_approval_org("Another Telecom")
    with pytest.raises(NotFound):
        make_contract(make_live_customer(), by=stranger.manager)

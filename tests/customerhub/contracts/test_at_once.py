"""Contracts that are made while their profile is completed: none of them stays a draft, whoever comes first."""

import pytest
from sqlalchemy import select

from customerhub.contracts import transitions
from customerhub.contracts.contracts import change_contract_status, save_contract
from customerhub.contracts.orders import change_order_status
from customerhub.core.errors import Conflict, Invalid, StillLinked, WrongState
from customerhub.customers.records import save_customer
from models import Contract, Customer, CustomerOrder, InvoiceProfile
from models.base import db
from models.enums import ContractStatus, OrderStatus, ProfileStatus
from tests.customerhub.contracts.conftest import (
    DAY,
    add_nda_file,
    make_contract,
    make_contract_in,
    make_order,
    make_profile,
)
from tests.support.contracts import complete_profile
from tests.support.races import start_concurrently

DRAFT, LIVE, PASSIVE, ENDED = ContractStatus


def new_contract(customer_id, profile_id):
    return Contract(customer_id=customer_id, name="Lines", start_date=DAY, invoice_profile_id=profile_id)


def complete_profile_of(profile_id, file_id):
    complete_profile(db.session.get_one(InvoiceProfile, profile_id), file_id=file_id)


def list_statuses():
    db.session.expire_all()
    return list(db.session.scalars(select(Contract.status).order_by(Contract.id)))


@pytest.mark.parametrize("path", ["form", "operation"])
def test_a_contract_is_made_while_its_profile_is_completed(approval_org, app, make_live_customer, path):
    customer = make_live_customer()
    profile = make_profile(customer)
    key, profile_id, file_id = customer.id, profile.id, add_nda_file(customer).id
    db.session.commit()
    save_contract(new_contract(key, profile_id), actor=approval_org.agent)

    def complete(actor):
        profile = db.session.get_one(InvoiceProfile, profile_id)
        if path == "operation":
            complete_profile(profile, file_id=file_id)
        else:
            profile.nda_file_id = file_id
            save_customer(db.session.get_one(Customer, key), actor=actor)

    other = start_concurrently(app, approval_org.admin.id, complete)
    db.session.commit()
    other()
    assert list_statuses() == [LIVE]


def test_a_profile_is_completed_while_a_contract_is_made(approval_org, app, make_live_customer):
    customer = make_live_customer()
    profile = make_profile(customer)
    key, profile_id = customer.id, profile.id
    complete_profile(profile, file_id=add_nda_file(customer).id)
    other = start_concurrently(
        app, approval_org.admin.id, lambda actor: save_contract(new_contract(key, profile_id), actor=actor).id
    )
    db.session.commit()
    other()
    assert list_statuses() == [LIVE]


def test_a_profile_that_is_not_completed_after_all_takes_nobody_live(approval_org, app, make_live_customer):
    customer = make_live_customer()
    profile = make_profile(customer)
    key, profile_id = customer.id, profile.id
    complete_profile(profile, file_id=add_nda_file(customer).id)
    other = start_concurrently(
        app, approval_org.admin.id, lambda actor: save_contract(new_contract(key, profile_id), actor=actor).id
    )
    db.session.rollback()
    other()
    assert list_statuses() == [DRAFT]
    assert profile.status is ProfileStatus.NDA_PENDING


def test_a_draft_is_given_another_profile_while_that_is_completed(approval_org, app, make_live_customer):
    customer = make_live_customer()
    contract, profile = make_contract(customer), make_profile(customer)
    profile_id, file_id = profile.id, add_nda_file(customer).id
    contract.invoice_profile_id = profile_id
    save_contract(contract, actor=approval_org.agent)
    other = start_concurrently(app, approval_org.admin.id, lambda _: complete_profile_of(profile_id, file_id))
    db.session.commit()
    other()
    assert list_statuses() == [LIVE]


def test_a_draft_that_is_ended_meanwhile_is_left_alone(approval_org, app, make_live_customer):
    contract = make_contract(make_live_customer())
    key, profile_id, file_id = contract.id, contract.invoice_profile_id, add_nda_file(contract.customer).id
    db.session.commit()
    change_contract_status(
        contract, transitions.CONTRACT_STATUSES.get_transition("end"), end_date=DAY, actor=approval_org.agent
    )
    other = start_concurrently(app, approval_org.admin.id, lambda _: complete_profile_of(profile_id, file_id))
    db.session.commit()
    other()
    assert list_statuses() == [ENDED]
    assert db.session.get_one(InvoiceProfile, profile_id).status is ProfileStatus.COMPLETED
    assert db.session.get_one(Contract, key).end_date == DAY


def test_a_profile_is_removed_while_a_contract_is_made_with_it(approval_org, app, make_live_customer):
    customer = make_live_customer()
    key, profile_id = customer.id, make_profile(customer).id
    save_contract(new_contract(key, profile_id), actor=approval_org.agent)

    def remove(actor):
        customer = db.session.get_one(Customer, key)
        customer.invoice_profiles.remove(db.session.get_one(InvoiceProfile, profile_id))
        save_customer(customer, actor=actor)

    other = start_concurrently(app, approval_org.admin.id, remove)
    db.session.commit()
    with pytest.raises(StillLinked):
        other()
    assert list_statuses() == [DRAFT]


def test_a_contract_is_made_while_its_profile_is_removed(approval_org, app, make_live_customer):
    customer = make_live_customer()
    key, profile = customer.id, make_profile(customer)
    profile_id = profile.id
    customer.invoice_profiles.remove(profile)
    save_customer(customer, actor=approval_org.agent)
    other = start_concurrently(
        app, approval_org.admin.id, lambda actor: save_contract(new_contract(key, profile_id), actor=actor)
    )
    db.session.commit()
    with pytest.raises(Invalid, match="of this customer"):
        other()
    assert list_statuses() == []


@pytest.mark.parametrize("other_move", ["passive", "end"])
def test_two_move_one_contract(approval_org, app, make_live_customer, other_move):
    contract = make_contract_in(make_live_customer(), LIVE)
    key = contract.id
    change_contract_status(contract, transitions.CONTRACT_STATUSES.get_transition("passive"), actor=approval_org.agent)
    move = transitions.CONTRACT_STATUSES.get_transition(other_move)

    def act(actor):
        change_contract_status(db.session.get_one(Contract, key), move, end_date=DAY, actor=actor)

    other = start_concurrently(app, approval_org.admin.id, act)
    db.session.commit()
    if other_move == "end" and db.engine.dialect.name == "sqlite":
        other()  # came after the first, and a resting contract may end
        assert list_statuses() == [ENDED]
        return
    with pytest.raises((Conflict, WrongState)):
        other()
    assert list_statuses() == [PASSIVE]


def test_two_move_one_order(approval_org, app, make_live_customer):
    order = make_order(make_live_customer())
    key = order.id
    change_order_status(order, transitions.ORDER_STATUSES.get_transition("start"), actor=approval_org.agent)
    other = start_concurrently(
        app,
        approval_org.admin.id,
        lambda actor: change_order_status(
            db.session.get_one(CustomerOrder, key), transitions.ORDER_STATUSES.get_transition("start"), actor=actor
        ),
    )
    db.session.commit()
    with pytest.raises((Conflict, WrongState)):
        other()
    db.session.expire_all()
    assert db.session.get_one(CustomerOrder, key).status is OrderStatus.IN_PROGRESS


def test_two_contracts_at_once_have_two_numbers_and_two_accounts(approval_org, app, make_live_customer):
    customer = make_live_customer()
    key, profile_id = customer.id, make_profile(customer).id
    save_contract(new_contract(key, profile_id), actor=approval_org.agent)
    other = start_concurrently(
        app, approval_org.admin.id, lambda actor: save_contract(new_contract(key, profile_id), actor=actor).id
    )
    db.session.commit()
    other()
    rows = db.session.execute(select(Contract.number, Contract.account_id).order_by(Contract.id)).all()
    assert [row.number for row in rows] == ["C100001", "C100002"]
    assert len({row.account_id for row in rows}) == 2

"""Contracts that are made while their profile is completed: none of them stays a draft, whoever comes first."""

import pytest
from sqlalchemy import select

from customerhub.contracts import moves
from customerhub.contracts.contracts import move_contract, save_contract
from customerhub.contracts.invoice_profiles import complete_profile
from customerhub.contracts.orders import move_order
from customerhub.customers.records import save_customer
from customerhub.errors import Conflict, Invalid, StillLinked, WrongState
from models import Contract, Customer, CustomerOrder, InvoiceProfile
from models.base import db
from models.enums import ContractStatus, OrderStatus, ProfileStatus
from tests.approvals.racing import meanwhile
from tests.contracts.conftest import DAY, contract_in, contract_of, nda, order_of, profile_of

DRAFT, LIVE, PASSIVE, ENDED = ContractStatus


def new_contract(customer_id, profile_id):
    return Contract(customer_id=customer_id, name="Lines", start_date=DAY, invoice_profile_id=profile_id)


def completed(profile_id, file_id):
    complete_profile(db.session.get_one(InvoiceProfile, profile_id), file_id=file_id)


def statuses():
    db.session.expire_all()
    return list(db.session.scalars(select(Contract.status).order_by(Contract.id)))


@pytest.mark.parametrize("path", ["form", "operation"])
def test_a_contract_is_made_while_its_profile_is_completed(office, app, live, path):
    customer = live()
    profile = profile_of(customer)
    key, profile_id, file_id = customer.id, profile.id, nda(customer).id
    db.session.commit()
    save_contract(new_contract(key, profile_id), actor=office.agent)

    def complete(actor):
        found = db.session.get_one(InvoiceProfile, profile_id)
        if path == "operation":
            complete_profile(found, file_id=file_id)
        else:
            found.nda_file_id = file_id
            save_customer(db.session.get_one(Customer, key), actor=actor)

    other = meanwhile(app, office.admin.id, complete)
    db.session.commit()
    other()
    assert statuses() == [LIVE]


def test_a_profile_is_completed_while_a_contract_is_made(office, app, live):
    customer = live()
    profile = profile_of(customer)
    key, profile_id = customer.id, profile.id
    complete_profile(profile, file_id=nda(customer).id)
    other = meanwhile(app, office.admin.id, lambda actor: save_contract(new_contract(key, profile_id), actor=actor).id)
    db.session.commit()
    other()
    assert statuses() == [LIVE]


def test_a_profile_that_is_not_completed_after_all_takes_nobody_live(office, app, live):
    customer = live()
    profile = profile_of(customer)
    key, profile_id = customer.id, profile.id
    complete_profile(profile, file_id=nda(customer).id)
    other = meanwhile(app, office.admin.id, lambda actor: save_contract(new_contract(key, profile_id), actor=actor).id)
    db.session.rollback()
    other()
    assert statuses() == [DRAFT]
    assert profile.status is ProfileStatus.NDA_PENDING


def test_a_draft_is_given_another_profile_while_that_is_completed(office, app, live):
    customer = live()
    contract, profile = contract_of(customer), profile_of(customer)
    profile_id, file_id = profile.id, nda(customer).id
    contract.invoice_profile_id = profile_id
    save_contract(contract, actor=office.agent)
    other = meanwhile(app, office.admin.id, lambda _: completed(profile_id, file_id))
    db.session.commit()
    other()
    assert statuses() == [LIVE]


def test_a_draft_that_is_ended_meanwhile_is_left_alone(office, app, live):
    contract = contract_of(live())
    key, profile_id, file_id = contract.id, contract.invoice_profile_id, nda(contract.customer).id
    db.session.commit()
    move_contract(contract, moves.OF_CONTRACTS["end"], end_date=DAY, actor=office.agent)
    other = meanwhile(app, office.admin.id, lambda _: completed(profile_id, file_id))
    db.session.commit()
    other()
    assert statuses() == [ENDED]
    assert db.session.get_one(InvoiceProfile, profile_id).status is ProfileStatus.COMPLETED
    assert db.session.get_one(Contract, key).end_date == DAY


def test_a_profile_is_removed_while_a_contract_is_made_with_it(office, app, live):
    customer = live()
    key, profile_id = customer.id, profile_of(customer).id
    save_contract(new_contract(key, profile_id), actor=office.agent)

    def remove(actor):
        found = db.session.get_one(Customer, key)
        found.invoice_profiles.remove(db.session.get_one(InvoiceProfile, profile_id))
        save_customer(found, actor=actor)

    other = meanwhile(app, office.admin.id, remove)
    db.session.commit()
    with pytest.raises(StillLinked):
        other()
    assert statuses() == [DRAFT]


def test_a_contract_is_made_while_its_profile_is_removed(office, app, live):
    customer = live()
    key, profile = customer.id, profile_of(customer)
    profile_id = profile.id
    customer.invoice_profiles.remove(profile)
    save_customer(customer, actor=office.agent)
    other = meanwhile(app, office.admin.id, lambda actor: save_contract(new_contract(key, profile_id), actor=actor))
    db.session.commit()
    with pytest.raises(Invalid, match="of this customer"):
        other()
    assert statuses() == []


@pytest.mark.parametrize("theirs", ["passive", "end"])
def test_two_move_one_contract(office, app, live, theirs):
    contract = contract_in(live(), LIVE)
    key = contract.id
    move_contract(contract, moves.OF_CONTRACTS["passive"], actor=office.agent)
    move = moves.OF_CONTRACTS[theirs]

    def act(actor):
        move_contract(db.session.get_one(Contract, key), move, end_date=DAY, actor=actor)

    other = meanwhile(app, office.admin.id, act)
    db.session.commit()
    if theirs == "end" and db.engine.dialect.name == "sqlite":
        other()  # came after the first, and a resting contract may end
        assert statuses() == [ENDED]
        return
    with pytest.raises((Conflict, WrongState)):
        other()
    assert statuses() == [PASSIVE]


def test_two_move_one_order(office, app, live):
    order = order_of(live())
    key = order.id
    move_order(order, moves.OF_ORDERS["start"], actor=office.agent)
    other = meanwhile(
        app, office.admin.id,
        lambda actor: move_order(db.session.get_one(CustomerOrder, key), moves.OF_ORDERS["start"], actor=actor),
    )  # fmt: skip
    db.session.commit()
    with pytest.raises((Conflict, WrongState)):
        other()
    db.session.expire_all()
    assert db.session.get_one(CustomerOrder, key).status is OrderStatus.IN_PROGRESS


def test_two_contracts_at_once_have_two_numbers_and_two_accounts(office, app, live):
    customer = live()
    key, profile_id = customer.id, profile_of(customer).id
    save_contract(new_contract(key, profile_id), actor=office.agent)
    other = meanwhile(app, office.admin.id, lambda actor: save_contract(new_contract(key, profile_id), actor=actor).id)
    db.session.commit()
    other()
    rows = db.session.execute(select(Contract.number, Contract.account_id).order_by(Contract.id)).all()
    assert [row.number for row in rows] == ["C100001", "C100002"]
    assert len({row.account_id for row in rows}) == 2

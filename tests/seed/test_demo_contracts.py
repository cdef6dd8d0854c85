"""What the demo shows of contracts and orders, the same each time."""

from collections import Counter
from typing import Any

from flask import Flask
from sqlalchemy import func, select

from customerhub.core import clock, storage
from models import Account, Contract, Customer, CustomerOrder, InvoiceProfile, StoredFile, User
from models.base import db
from models.enums import ContractStatus, OrderStatus, PortalPermission, ProfileStatus, Role, Stage, StatusBehaviour
from seed.demo import email_of
from tests.seed.test_demo_approvals import make_demo

TABLES = (Account, Contract, CustomerOrder, InvoiceProfile, StoredFile)


def count_rows() -> list[Any]:
    return [db.session.scalar(select(func.count()).select_from(table)) for table in TABLES]


def list_contracts(customer_id: int) -> list[Contract]:
    return list(db.session.scalars(select(Contract).where(Contract.customer_id == customer_id)))


def test_there_is_one_in_every_status_of_part_of_the_live_customers(demo_app: Flask):
    with demo_app.app_context():
        contracts, orders = (db.session.scalars(select(model)).all() for model in (Contract, CustomerOrder))
        assert {each.status for each in contracts} == set(ContractStatus)
        assert {each.status for each in orders} == set(OrderStatus)
        assert {each.customer.stage for each in (*contracts, *orders)} == {Stage.BILLING}
        live = db.session.scalars(select(Customer.id).where(Customer.stage == Stage.BILLING)).all()
        assert 0 < len({each.customer_id for each in contracts}) < len(live)
        for contract in contracts:
            completed = contract.invoice_profile.status is ProfileStatus.COMPLETED
            assert completed is (contract.status is not ContractStatus.DRAFT)
            assert contract.connections > 0
            assert contract.account.customer_id == contract.customer_id
        today = clock.get_today()
        late = [each for each in orders if each.wanted_on and each.wanted_on < today and not each.delivered_on]
        assert Counter(each.status for each in late)[OrderStatus.IN_PROGRESS] > 0
        assert all(each.contract.customer_id == each.customer_id for each in orders if each.contract)


def test_the_partner_and_the_portal_user_have_some(demo_app: Flask):
    with demo_app.app_context():
        partner, reader = (
            db.session.scalars(select(User).where(User.email == email_of(role))).one()
            for role in (Role.PARTNER, Role.CUSTOMER)
        )
        own = select(Customer).where(Customer.dealer_id == partner.dealer_id, Customer.stage == Stage.BILLING)
        customers = db.session.scalars(own).all()
        statuses_by_customer = {
            each.id: {contract.status for contract in list_contracts(each.id)} for each in customers
        }
        dropped = {each.id for each in customers if each.status.behaviour is StatusBehaviour.NONE}
        assert statuses_by_customer == {
            each.id: set() if each.id in dropped else {ContractStatus.LIVE, ContractStatus.DRAFT} for each in customers
        }
        assert len(statuses_by_customer) - len(dropped) > 2
        assert list_contracts(reader.customer_id or 0)
        assert PortalPermission.CONTRACTS in reader.portal_permissions


def test_the_ndas_are_documents(demo_app: Flask):
    with demo_app.app_context():
        ndas = select(StoredFile).join(InvoiceProfile, InvoiceProfile.nda_file_id == StoredFile.id)
        file = db.session.scalars(ndas).first()
        assert file is not None
        with storage.open_file(file) as stream:
            content = stream.read()
        assert content.startswith(b"%PDF-1.4")
        place = int(content.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
        assert content[place : place + 4] == b"xref"
        for number, line in enumerate(content[place:].split(b"\n")[3:7], 1):
            assert content[int(line[:10]) :].startswith(b"%d 0 obj" % number)


def test_making_it_again_adds_nothing(demo_app: Flask):
    with demo_app.app_context():
        before = count_rows()
        numbers = db.session.scalars(select(Contract.number).order_by(Contract.id)).all()
    make_demo(demo_app)
    with demo_app.app_context():
        assert count_rows() == before
        assert db.session.scalars(select(Contract.number).order_by(Contract.id)).all() == numbers

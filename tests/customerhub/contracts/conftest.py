"""Customers that may enter a contract, and contracts in any status."""

from collections.abc import Callable
from datetime import date
from itertools import count
from typing import Any

import pytest

from customerhub.contracts import transitions
from customerhub.contracts.contracts import change_contract_status, save_contract
from customerhub.contracts.orders import change_order_status, save_order
from customerhub.core import history
from customerhub.core.permissions import Actor
from customerhub.customers.records import save_customer
from models import Contract, Customer, CustomerOrder, InvoiceProfile, StoredFile
from models.base import db
from models.enums import ContractStatus, OrderStatus, Stage
from tests.customerhub.approvals.conftest import ApprovalOrg, acting, approval_org
from tests.support.contracts import complete_profile
from tests.support.pdfs import store_plain_pdf
from tests.support.two_organisations import filled_database, organisations

__all__ = ["approval_org", "filled_database", "organisations"]  # fixtures made elsewhere

DAY = date(2025, 1, 31)
_numbers = count(1)


@pytest.fixture
def make_live_customer(approval_org: ApprovalOrg) -> Callable[..., Customer]:
    """Makes a customer that may enter a contract."""
    return lambda **values: approval_org.make_customer(Stage.BILLING, **values)


def make_profile(customer: Customer, *, completed: bool = False) -> InvoiceProfile:
    profile = InvoiceProfile(
        organisation_id=customer.organisation_id,
        customer_id=customer.id,
        name=f"Profile {next(_numbers)}",
        email="bills@customer.example",
    )
    db.session.add(profile)
    db.session.flush()
    if completed:
        complete_profile(profile, file_id=add_nda_file(customer).id)
    db.session.commit()
    return profile


def add_nda_file(customer: Customer) -> StoredFile:
    return store_plain_pdf(customer.organisation_id, "signed")


def attach_nda(profile: InvoiceProfile, actor: Actor) -> None:
    """As somebody does on the form of the customer."""
    customer = db.session.get_one(Customer, profile.customer_id)
    profile.nda_file_id = add_nda_file(customer).id
    with acting(actor):
        save_customer(customer, actor=actor)
        db.session.commit()


def make_contract(customer: Customer, *, by: Actor | None = None, **values: Any) -> Contract:
    """A new contract of `customer`, with a profile of its own unless one is given."""
    actor = by or Actor(None, customer.organisation_id)
    defaults: dict[str, Any] = {"customer_id": customer.id, "name": "Lines", "start_date": DAY}
    if "invoice_profile_id" not in values:
        defaults["invoice_profile_id"] = make_profile(customer).id
    with history.act_as(actor, "test"):
        contract = save_contract(Contract(**defaults | values), actor=actor)
        db.session.commit()
    return contract


def make_contract_in(customer: Customer, status: ContractStatus, **values: Any) -> Contract:
    profile = make_profile(customer, completed=status is not ContractStatus.DRAFT)
    contract = make_contract(customer, invoice_profile_id=profile.id, **values)
    ways = {ContractStatus.PASSIVE: ("passive",), ContractStatus.ENDED: ("end",)}
    for name in ways.get(status, ()):
        details = {"end_date": date(2025, 12, 31)} if name == "end" else {}
        change_contract_status(
            contract,
            transitions.CONTRACT_STATUSES.get_transition(name),
            actor=Actor(None, customer.organisation_id),
            **details,
        )
    db.session.commit()
    return contract


def make_order(customer: Customer, *, by: Actor | None = None, **values: Any) -> CustomerOrder:
    actor = by or Actor(None, customer.organisation_id)
    defaults = {"customer_id": customer.id, "description": "Ten lines", "ordered_on": DAY, "connections": 10}
    with history.act_as(actor, "test"):
        order = save_order(CustomerOrder(**defaults | values), actor=actor)
        db.session.commit()
    return order


def make_order_in(customer: Customer, status: OrderStatus, **values: Any) -> CustomerOrder:
    order = make_order(customer, **values)
    ways = {
        OrderStatus.IN_PROGRESS: ("start",),
        OrderStatus.DELIVERED: ("start", "deliver"),
        OrderStatus.CANCELLED: ("cancel",),
    }
    for name in ways.get(status, ()):
        details = {"delivered_on": DAY} if name == "deliver" else {}
        change_order_status(
            order,
            transitions.ORDER_STATUSES.get_transition(name),
            actor=Actor(None, customer.organisation_id),
            **details,
        )
    db.session.commit()
    return order

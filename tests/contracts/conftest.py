"""Customers that may enter a contract, and contracts in any status."""

from collections.abc import Callable
from datetime import date
from io import BytesIO
from itertools import count
from typing import Any

import pytest

from customerhub import history, storage
from customerhub.contracts import moves
from customerhub.contracts.contracts import move_contract, save_contract
from customerhub.contracts.invoice_profiles import complete_profile
from customerhub.contracts.orders import move_order, save_order
from customerhub.customers.records import save_customer
from customerhub.permissions import Actor
from models import Contract, Customer, CustomerOrder, InvoiceProfile, StoredFile
from models.base import db
from models.enums import ContractStatus, OrderStatus, Stage
from tests.approvals.conftest import Office, acting, office
from tests.world import filled, world

__all__ = ["filled", "office", "world"]  # fixtures made elsewhere

DAY = date(2025, 1, 31)
_numbers = count(1)


@pytest.fixture
def live(office: Office) -> Callable[..., Customer]:
    """Makes a customer that may enter a contract."""
    return lambda **values: office.customer(Stage.BILLING, **values)


def profile_of(customer: Customer, *, completed: bool = False) -> InvoiceProfile:
    made = InvoiceProfile(
        organisation_id=customer.organisation_id, customer_id=customer.id, name=f"Profile {next(_numbers)}",
        email="bills@customer.example",
    )  # fmt: skip
    db.session.add(made)
    db.session.flush()
    if completed:
        complete_profile(made, file_id=nda(customer).id)
    db.session.commit()
    return made


def nda(customer: Customer) -> StoredFile:
    key = customer.organisation_id
    return storage.store(BytesIO(b"%PDF-1.7 signed"), "nda.pdf", None, organisation_id=key, actor=Actor(None, key))


def attach_nda(profile: InvoiceProfile, actor: Actor) -> None:
    """As somebody does on the form of the customer."""
    customer = db.session.get_one(Customer, profile.customer_id)
    profile.nda_file_id = nda(customer).id
    with acting(actor):
        save_customer(customer, actor=actor)
        db.session.commit()


def contract_of(customer: Customer, *, by: Actor | None = None, **values: Any) -> Contract:
    """A new contract of `customer`, with a profile of its own unless one is given."""
    actor = by or Actor(None, customer.organisation_id)
    given: dict[str, Any] = {"customer_id": customer.id, "name": "Lines", "start_date": DAY}
    if "invoice_profile_id" not in values:
        given["invoice_profile_id"] = profile_of(customer).id
    with history.acting(actor, "test"):
        made = save_contract(Contract(**given | values), actor=actor)
        db.session.commit()
    return made


def contract_in(customer: Customer, status: ContractStatus, **values: Any) -> Contract:
    profile = profile_of(customer, completed=status is not ContractStatus.DRAFT)
    made = contract_of(customer, invoice_profile_id=profile.id, **values)
    ways = {ContractStatus.PASSIVE: ("passive",), ContractStatus.ENDED: ("end",)}
    for name in ways.get(status, ()):
        given = {"end_date": date(2025, 12, 31)} if name == "end" else {}
        move_contract(made, moves.OF_CONTRACTS[name], actor=Actor(None, customer.organisation_id), **given)
    db.session.commit()
    return made


def order_of(customer: Customer, *, by: Actor | None = None, **values: Any) -> CustomerOrder:
    actor = by or Actor(None, customer.organisation_id)
    given = {"customer_id": customer.id, "description": "Ten lines", "ordered_on": DAY, "connections": 10}
    with history.acting(actor, "test"):
        made = save_order(CustomerOrder(**given | values), actor=actor)
        db.session.commit()
    return made


def order_in(customer: Customer, status: OrderStatus, **values: Any) -> CustomerOrder:
    made = order_of(customer, **values)
    ways = {OrderStatus.IN_PROGRESS: ("start",), OrderStatus.DELIVERED: ("start", "deliver"),
            OrderStatus.CANCELLED: ("cancel",)}  # fmt: skip
    for name in ways.get(status, ()):
        given = {"delivered_on": DAY} if name == "deliver" else {}
        move_order(made, moves.OF_ORDERS[name], actor=Actor(None, customer.organisation_id), **given)
    db.session.commit()
    return made

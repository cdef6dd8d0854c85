"""Shorthands for tests of portal users."""

import re
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select

from customerhub import history, notices
from customerhub.customers.records import save_customer
from customerhub.permissions import Actor
from models import CatalogItem, Contact, Customer, Department, OutboxMessage, User
from models.base import db
from models.enums import CatalogType, Risk, Role
from tests.customers.conftest import House
from tests.customers.workbooks import good_row

LINK = re.compile(r"https?://\S+/set-password/(\S+)")


def full(house: House, number: int = 1, **values: Any) -> Customer:
    """A customer with the full particulars, not saved yet."""
    mine = CatalogItem.organisation_id == house.id, CatalogItem.type == CatalogType.REGION
    given = {
        "name": f"Customer {number}", "reference": f"REF{number}", "email": f"accounts{number}@customer.example",
        "region_id": db.session.scalar(select(CatalogItem.id).where(*mine).order_by(CatalogItem.id)),
        "start_date": good_row()["startDate"], "risk": Risk.LOW, "organisation_id": house.id,
        "departments": list(db.session.scalars(select(Department).where(Department.organisation_id == house.id))),
    } | values  # fmt: skip
    return Customer(**given)


def prospect(house: House, number: int = 1, **values: Any) -> Customer:
    """A customer that needs no email address, not saved yet."""
    given = {"name": f"Prospect {number}", "registration_number": f"HRB {number}", "is_prospect": True}
    contacts = values.pop("contacts", None) or [Contact(organisation_id=house.id, name="Kim Contact")]
    return Customer(organisation_id=house.id, contacts=contacts, **(given | values))


def save(customer: Customer, house: House, actor: Actor | None = None) -> list[str]:
    """Save and commit; what was told."""
    told: list[str] = []
    with db.session.no_autoflush:
        by = actor or house.actor
    listening = notices.begin(told.append)
    try:
        with history.acting(by, "test"):
            save_customer(customer, actor=by)
            db.session.commit()
    finally:
        notices.end(listening)
    return told


@contextmanager
def changing(house: House) -> Any:
    with history.acting(house.actor, "test"):
        yield
        db.session.commit()


def users_of(customer: Customer) -> list[User]:
    query = select(User).where(User.customer_id == customer.id).order_by(User.id)
    return list(db.session.scalars(query.execution_options(populate_existing=True)))


def the_user_of(customer: Customer) -> User:
    [user] = users_of(customer)
    return user


def portal_users() -> list[User]:
    return list(db.session.scalars(select(User).where(User.role == Role.CUSTOMER).order_by(User.id)))


def mails(recipient: str | None = None) -> list[OutboxMessage]:
    query = select(OutboxMessage).order_by(OutboxMessage.id).execution_options(populate_existing=True)
    return [mail for mail in db.session.scalars(query) if recipient in (None, mail.recipient)]


def token_in(mail: OutboxMessage) -> str:
    """The secret part of the link in a mail, which is the same in its two forms."""
    [found] = set(LINK.findall(mail.text_body))
    assert f"/set-password/{found}" in mail.html_body
    return found

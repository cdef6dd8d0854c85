"""Shorthands for tests of portal users."""

import re
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select

from customerhub.core import history, notices
from customerhub.core.permissions import Actor
from customerhub.customers.records import save_customer
from models import CatalogItem, Contact, Customer, Department, History, OutboxMessage, User
from models.base import db
from models.enums import CatalogType, Risk, Role
from tests.customerhub.customers.conftest import ImportOrg
from tests.support.imports import list_rows
from tests.support.workbooks import valid_row

LINK = re.compile(r"https?://\S+/set-password/(\S+)")


def build_customer(import_org: ImportOrg, number: int = 1, **values: Any) -> Customer:
    """A customer with the full particulars, not saved yet."""
    own_region = CatalogItem.organisation_id == import_org.id, CatalogItem.type == CatalogType.REGION
    defaults = {
        "name": f"Customer {number}",
        "reference": f"REF{number}",
        "email": f"accounts{number}@customer.example",
        "region_id": db.session.scalar(select(CatalogItem.id).where(*own_region).order_by(CatalogItem.id)),
        "start_date": valid_row()["startDate"],
        "risk": Risk.LOW,
        "organisation_id": import_org.id,
        "departments": list(db.session.scalars(select(Department).where(Department.organisation_id == import_org.id))),
    } | values
    return Customer(**defaults)


def build_prospect(import_org: ImportOrg, number: int = 1, **values: Any) -> Customer:
    """A customer that needs no email address, not saved yet."""
    defaults = {"name": f"Prospect {number}", "registration_number": f"HRB {number}", "is_prospect": True}
    contacts = values.pop("contacts", None) or [Contact(organisation_id=import_org.id, name="Kim Contact")]
    return Customer(organisation_id=import_org.id, contacts=contacts, **(defaults | values))


def save_and_commit(customer: Customer, import_org: ImportOrg, actor: Actor | None = None) -> list[str]:
    """Save and commit; returns the notices."""
    messages: list[str] = []
    with db.session.no_autoflush:
        by = actor or import_org.actor
    listener = notices.start_listening(messages.append)
    try:
        with history.act_as(by, "test"):
            save_customer(customer, actor=by)
            db.session.commit()
    finally:
        notices.stop_listening(listener)
    return messages


@contextmanager
def committed_change(import_org: ImportOrg) -> Any:
    with history.act_as(import_org.actor, "test"):
        yield
        db.session.commit()


def list_users(customer: Customer) -> list[User]:
    query = select(User).where(User.customer_id == customer.id).order_by(User.id)
    return list(db.session.scalars(query.execution_options(populate_existing=True)))


def single_user(customer: Customer) -> User:
    [user] = list_users(customer)
    return user


def list_portal_users() -> list[User]:
    return list(db.session.scalars(select(User).where(User.role == Role.CUSTOMER).order_by(User.id)))


def list_mails(recipient: str | None = None) -> list[OutboxMessage]:
    query = select(OutboxMessage).order_by(OutboxMessage.id).execution_options(populate_existing=True)
    return [mail for mail in db.session.scalars(query) if recipient in (None, mail.recipient)]


def token_of(mail: OutboxMessage) -> str:
    """The secret part of the link in a mail, which is the same in its two forms."""
    [token] = set(LINK.findall(mail.text_body))
    assert f"/set-password/{token}" in mail.html_body
    return token


def row_reasons(import_id):
    """The notice of each row, by its reference."""
    return {row.reference: [error["reason"] for error in row.errors or []] for row in list_rows(import_id)}


def list_history(table):
    return list(db.session.scalars(select(History).where(History.table_name == table).order_by(History.id)))

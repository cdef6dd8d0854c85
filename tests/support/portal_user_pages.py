"""Customers with portal users, and the links sent to them."""

import re
from typing import Any

from sqlalchemy import select

import models
from customerhub.core import history
from customerhub.core.permissions import Actor
from customerhub.customers.records import save_customer
from models.base import db
from tests.support.screen_rows import make_bare_customer
from tests.support.two_organisations import TwoOrganisations


def save_new_customer(
    organisations: TwoOrganisations, email: str | None = "kim@fresh.example", **values: Any
) -> models.Customer:
    """One that is saved now, as on the form."""
    customer = make_bare_customer(organisations)
    actor = Actor(None, organisations.own.id)
    with history.act_as(actor, "test"):
        customer.portal_invited_at = None
        customer.email = email or customer.email
        for name, value in values.items():
            setattr(customer, name, value)
        save_customer(customer, actor=actor)
        db.session.commit()
    return customer


def get_portal_user(customer: models.Customer) -> models.User:
    return db.session.scalars(select(models.User).where(models.User.customer_id == customer.id)).one()


def list_sent_links(address: str) -> list[str]:
    """The paths of the one-time links that were sent to an address, the oldest first."""
    query = select(models.OutboxMessage).where(models.OutboxMessage.recipient == address)
    found = [re.search(r"(/set-password/\S+)", mail.text_body) for mail in db.session.scalars(query.order_by("id"))]
    return [match[1] for match in found if match]

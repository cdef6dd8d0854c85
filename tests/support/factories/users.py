"""User accounts and what they keep for themselves."""

import factory

import models
from models.enums import (
    Role,
)
from tests.support.factories.base import OrganisationRow, Row, related_id
from tests.support.factories.customers import CustomerFactory
from tests.support.factories.setup import DealerFactory


class UserFactory(OrganisationRow):
    """A user who has set no password. A partner gets a dealer and a portal user a customer."""

    class Meta:
        model = models.User

    name = factory.Sequence(lambda n: f"Person {n}")
    email = factory.Sequence(lambda n: f"person{n}@hub.example")
    role = Role.ADMIN
    dealer_id = factory.Maybe(
        factory.LazyAttribute(lambda row: row.role is Role.PARTNER), related_id(DealerFactory), None
    )
    customer_id = factory.Maybe(
        factory.LazyAttribute(lambda row: row.role is Role.CUSTOMER), related_id(CustomerFactory), None
    )


class SavedViewFactory(Row):
    class Meta:
        model = models.SavedView

    screen = "customers"
    name = factory.Sequence(lambda n: f"View {n}")
    query = "sort=name"

"""Contracts and orders."""

from datetime import date

import factory

import models
from tests.support.factories.customers import AccountFactory, CustomerPartFactory, InvoiceProfileFactory


class ContractFactory(CustomerPartFactory):
    """A contract with an account and a profile of its own."""

    class Meta:
        model = models.Contract

    number = factory.Sequence(lambda n: f"K{n:05d}")
    name = factory.Sequence(lambda n: f"Contract {n}")
    account_id = factory.LazyAttribute(
        lambda row: AccountFactory(organisation=row.organisation, customer_id=row.customer_id).id
    )
    invoice_profile_id = factory.LazyAttribute(
        lambda row: InvoiceProfileFactory(organisation=row.organisation, customer_id=row.customer_id).id
    )
    start_date = date(2025, 1, 31)


class CustomerOrderFactory(CustomerPartFactory):
    class Meta:
        model = models.CustomerOrder

    number = factory.Sequence(lambda n: f"O{n:05d}")
    description = "Business lines"
    ordered_on = date(2025, 1, 31)

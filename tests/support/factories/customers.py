"""Customers with the rows that belong to them."""

from datetime import UTC, date, datetime
from decimal import Decimal

import factory

import models
from models.enums import AddressKind, CallClass, Risk
from tests.support.factories.base import OrganisationRow, StoredFileFactory, related_id
from tests.support.factories.setup import (
    BilledUserFactory,
    CatalogItemFactory,
    CommodityFactory,
    CustomerStatusFactory,
    DepartmentFactory,
    LocationFactory,
)


class CustomerGroupFactory(OrganisationRow):
    class Meta:
        model = models.CustomerGroup

    name = factory.Sequence(lambda n: f"Group {n}")


class CustomerFactory(OrganisationRow):
    """A customer with the full particulars, one department, one contact and one account.

    Its first portal user was seen to long ago, so that saving it makes none.
    """

    class Meta:
        model = models.Customer

    name = factory.Sequence(lambda n: f"Customer {n}")
    reference = factory.Sequence(lambda n: f"C-{n}")
    account_number = factory.Sequence(lambda n: f"9{n:05d}")
    email = factory.Sequence(lambda n: f"office{n}@customer.example")
    start_date = date(2024, 2, 29)
    risk = Risk.LOW
    region_id = related_id(CatalogItemFactory)
    status_id = related_id(CustomerStatusFactory)
    departments = factory.LazyAttribute(lambda row: [DepartmentFactory(organisation=row.organisation)])
    accounts = factory.LazyAttribute(
        lambda row: [models.Account(organisation_id=row.organisation_id, number=row.account_number, is_main=True)]
    )
    contacts = factory.LazyAttribute(lambda row: [models.Contact(organisation_id=row.organisation_id, name="Kim")])
    portal_invited_at = datetime(2024, 2, 29, 12, tzinfo=UTC)


class CustomerPartFactory(OrganisationRow):
    """A row that belongs to a customer."""

    class Meta:
        abstract = True

    customer_id = related_id(CustomerFactory)


class AccountFactory(CustomerPartFactory):
    class Meta:
        model = models.Account

    number = factory.Sequence(lambda n: f"A{n:06d}")


class AddressFactory(CustomerPartFactory):
    class Meta:
        model = models.Address

    kind = AddressKind.MAILING
    lines = "1 Market Street"
    country = "DE"


class ContactFactory(CustomerPartFactory):
    class Meta:
        model = models.Contact

    name = factory.Sequence(lambda n: f"Person {n}")


class ComplianceDocumentFactory(CustomerPartFactory):
    class Meta:
        model = models.ComplianceDocument

    certificate = "ISO 27001"
    expiry_date = date(2030, 1, 31)
    file_id = related_id(StoredFileFactory)


class BillingLineFactory(CustomerPartFactory):
    class Meta:
        model = models.BillingLine

    commodity_id = related_id(CommodityFactory)
    location_id = related_id(LocationFactory)
    billed_user_id = related_id(BilledUserFactory)


class CallMarkupFactory(CustomerPartFactory):
    class Meta:
        model = models.CallMarkup

    call_class = CallClass.MOBILE
    percent = Decimal("12.5")


class InvoiceProfileFactory(CustomerPartFactory):
    class Meta:
        model = models.InvoiceProfile

    name = factory.Sequence(lambda n: f"Profile {n}")
    email = "invoices@customer.example"


class LegalEntityFactory(CustomerPartFactory):
    class Meta:
        model = models.LegalEntity

    name = factory.Sequence(lambda n: f"Body {n}")


class ReviewFactory(CustomerPartFactory):
    class Meta:
        model = models.Review

    due_on = date(2025, 1, 31)
    done_on = date(2025, 2, 3)
    risk = Risk.LOW
    note = "Nothing has changed"


class MergedCustomerFactory(OrganisationRow):
    class Meta:
        model = models.MergedCustomer

    into_id = related_id(CustomerFactory)
    old_id = factory.Sequence(lambda n: 1_000_000 + n)
    name = factory.Sequence(lambda n: f"Merged {n}")
    account_number = factory.Sequence(lambda n: f"M{n}")

"""One factory for each table: rows that are right as they stand, so that a test names only what it is about.

`DepartmentFactory(organisation=ours)` flushes the row, recorded in the history as made by a test.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import factory

import models
from customerhub import clock, history
from customerhub.permissions import Actor
from models.base import db
from models.enums import (
    AddressKind,
    CatalogType,
    Frequency,
    ProductKind,
    ReminderKind,
    Risk,
    Role,
    RowOutcome,
    StatusBehaviour,
    TaskKind,
    TaskState,
    TemplatePurpose,
    TermsKind,
)


class Row(factory.alchemy.SQLAlchemyModelFactory):
    """Adds a row to the session and flushes it."""

    class Meta:
        abstract = True
        sqlalchemy_session = db.session
        sqlalchemy_session_persistence = "flush"

    @classmethod
    def _create(cls, model_class: type[Any], *args: Any, **kwargs: Any) -> Any:
        with history.acting(Actor(None, kwargs.get("organisation_id") or 0), "test"):
            return super()._create(model_class, *args, **kwargs)


class OrganisationFactory(Row):
    class Meta:
        model = models.Organisation

    name = factory.Sequence(lambda n: f"Telecom {n}")


class OwnedRow(Row):
    """A row of `organisation`; where none is given, of a new one."""

    class Meta:
        abstract = True

    class Params:
        organisation = factory.SubFactory(OrganisationFactory)

    organisation_id = factory.SelfAttribute("organisation.id")


def made(factory_class: type[Row], **values: Any) -> Any:
    """The id of a row made by `factory_class` in the same organisation."""
    return factory.LazyAttribute(lambda row: factory_class(organisation=row.organisation, **values).id)


# --- Set-up ------------------------------------------------------------------------------------------------


class StoredFileFactory(OwnedRow):
    class Meta:
        model = models.StoredFile

    name = "certificate.pdf"
    content_type = "application/pdf"
    size = 9
    sha256 = "0" * 64
    storage_key = factory.Sequence(lambda n: f"{n:040x}")


class CatalogItemFactory(OwnedRow):
    class Meta:
        model = models.CatalogItem

    type = CatalogType.REGION
    name = factory.Sequence(lambda n: f"Entry {n}")


class DepartmentFactory(OwnedRow):
    class Meta:
        model = models.Department

    name = factory.Sequence(lambda n: f"Department {n}")


class CommodityFactory(OwnedRow):
    class Meta:
        model = models.Commodity

    name = factory.Sequence(lambda n: f"Commodity {n}")
    unit = "line"


class LocationFactory(OwnedRow):
    class Meta:
        model = models.Location

    name = factory.Sequence(lambda n: f"Location {n}")


class BilledUserFactory(OwnedRow):
    class Meta:
        model = models.BilledUser

    name = factory.Sequence(lambda n: f"Unit {n}")


class CustomerStatusFactory(OwnedRow):
    class Meta:
        model = models.CustomerStatus

    name = factory.Sequence(lambda n: f"Status {n}")
    behaviour = StatusBehaviour.BILL


class NotificationTemplateFactory(OwnedRow):
    class Meta:
        model = models.NotificationTemplate

    name = factory.Sequence(lambda n: f"Template {n}")
    purpose = TemplatePurpose.REVIEW
    subject = "Review of {{customer}}"
    body = "It is due on {{review_date}}."


class PaymentTermsFactory(OwnedRow):
    class Meta:
        model = models.PaymentTerms

    name = factory.Sequence(lambda n: f"Terms {n}")
    kind = TermsKind.DAYS
    value = 30


class PaymentMethodFactory(OwnedRow):
    class Meta:
        model = models.PaymentMethod

    name = factory.Sequence(lambda n: f"Method {n}")
    default_terms_id = made(PaymentTermsFactory)


class VatRateFactory(OwnedRow):
    class Meta:
        model = models.VatRate

    name = factory.Sequence(lambda n: f"Rate {n}")
    percent = Decimal(20)


class InvoiceTypeFactory(OwnedRow):
    class Meta:
        model = models.InvoiceType

    name = factory.Sequence(lambda n: f"Invoice type {n}")


class ProductFactory(OwnedRow):
    class Meta:
        model = models.Product

    name = factory.Sequence(lambda n: f"Product {n}")
    code = factory.Sequence(lambda n: f"P{n}")
    kind = ProductKind.FEATURE
    frequency = Frequency.MONTHLY
    vat_rate_id = made(VatRateFactory)


class TariffFactory(OwnedRow):
    class Meta:
        model = models.Tariff

    name = factory.Sequence(lambda n: f"Tariff {n}")


class TariffRateFactory(OwnedRow):
    class Meta:
        model = models.TariffRate

    tariff_id = made(TariffFactory)
    prefix = factory.Sequence(lambda n: f"44{n}")
    price_per_minute = Decimal("0.01")
    valid_from = date(2025, 1, 1)


class DefaultValueSetFactory(OwnedRow):
    class Meta:
        model = models.DefaultValueSet

    name = factory.Sequence(lambda n: f"Set {n}")
    values = factory.LazyFunction(lambda: {"billing_day": 15})


class BusinessEntityFactory(OwnedRow):
    class Meta:
        model = models.BusinessEntity

    name = factory.Sequence(lambda n: f"Entity {n}")
    registered_name = "Entity Ltd"
    address = "1 Market Street"
    logo_id = made(StoredFileFactory, name="logo.png")


class DealerFactory(OwnedRow):
    class Meta:
        model = models.Dealer

    code = factory.Sequence(lambda n: f"D{n}")
    name = "Nordwind"


# --- Customers ---------------------------------------------------------------------------------------------


class CustomerGroupFactory(OwnedRow):
    class Meta:
        model = models.CustomerGroup

    name = factory.Sequence(lambda n: f"Group {n}")


class CustomerFactory(OwnedRow):
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
    region_id = made(CatalogItemFactory)
    status_id = made(CustomerStatusFactory)
    departments = factory.LazyAttribute(lambda row: [DepartmentFactory(organisation=row.organisation)])
    accounts = factory.LazyAttribute(
        lambda row: [models.Account(organisation_id=row.organisation_id, number=row.account_number, is_main=True)]
    )
    contacts = factory.LazyAttribute(lambda row: [models.Contact(organisation_id=row.organisation_id, name="Kim")])
    portal_invited_at = datetime(2024, 2, 29, 12, tzinfo=UTC)


class PartFactory(OwnedRow):
    """A row that belongs to a customer."""

    class Meta:
        abstract = True

    customer_id = made(CustomerFactory)


class AccountFactory(PartFactory):
    class Meta:
        model = models.Account

    number = factory.Sequence(lambda n: f"A{n:06d}")


class AddressFactory(PartFactory):
    class Meta:
        model = models.Address

    kind = AddressKind.MAILING
    lines = "1 Market Street"
    country = "DE"


class ContactFactory(PartFactory):
    class Meta:
        model = models.Contact

    name = factory.Sequence(lambda n: f"Person {n}")


class ComplianceDocumentFactory(PartFactory):
    class Meta:
        model = models.ComplianceDocument

    certificate = "ISO 27001"
    expiry_date = date(2030, 1, 31)
    file_id = made(StoredFileFactory)


class BillingLineFactory(PartFactory):
    class Meta:
        model = models.BillingLine

    commodity_id = made(CommodityFactory)
    location_id = made(LocationFactory)
    billed_user_id = made(BilledUserFactory)


class InvoiceProfileFactory(PartFactory):
    class Meta:
        model = models.InvoiceProfile

    name = factory.Sequence(lambda n: f"Profile {n}")
    email = "invoices@customer.example"


class LegalEntityFactory(PartFactory):
    class Meta:
        model = models.LegalEntity

    name = factory.Sequence(lambda n: f"Body {n}")


class ContractFactory(PartFactory):
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


class CustomerOrderFactory(PartFactory):
    class Meta:
        model = models.CustomerOrder

    number = factory.Sequence(lambda n: f"O{n:05d}")
    description = "Business lines"
    ordered_on = date(2025, 1, 31)


class ReviewFactory(PartFactory):
    class Meta:
        model = models.Review

    due_on = date(2025, 1, 31)
    done_on = date(2025, 2, 3)
    risk = Risk.LOW
    note = "Nothing has changed"


# --- People and messages -----------------------------------------------------------------------------------


class UserFactory(OwnedRow):
    """A user who has set no password. A partner gets a dealer and a portal user a customer."""

    class Meta:
        model = models.User

    name = factory.Sequence(lambda n: f"Person {n}")
    email = factory.Sequence(lambda n: f"person{n}@hub.example")
    role = Role.ADMIN
    dealer_id = factory.Maybe(factory.LazyAttribute(lambda row: row.role is Role.PARTNER), made(DealerFactory), None)
    customer_id = factory.Maybe(
        factory.LazyAttribute(lambda row: row.role is Role.CUSTOMER), made(CustomerFactory), None
    )


class OutboxMessageFactory(OwnedRow):
    class Meta:
        model = models.OutboxMessage

    reason_key = factory.Sequence(lambda n: f"reason {n}")
    purpose = "review due"
    recipient = "reviewer@hub.example"
    subject = factory.Sequence(lambda n: f"Review {n}")
    text_body = "It is due."
    html_body = "<p>It is due.</p>"
    next_attempt_at = factory.LazyFunction(clock.now)


class OutboxAttachmentFactory(OwnedRow):
    class Meta:
        model = models.OutboxAttachment

    message_id = made(OutboxMessageFactory)
    file_id = made(StoredFileFactory, name="report.pdf")


class ReminderFactory(PartFactory):
    class Meta:
        model = models.Reminder

    kind = ReminderKind.REVIEW
    due_on = date(2025, 1, 31)
    as_of = date(2025, 1, 31)
    message_id = made(OutboxMessageFactory)


class PeriodicRunFactory(Row):
    class Meta:
        model = models.PeriodicRun

    name = factory.Sequence(lambda n: f"jobs.work.every_{n}")
    started_at = factory.LazyFunction(clock.now)


class ListExportFactory(OwnedRow):
    class Meta:
        model = models.ListExport

    user_id = made(UserFactory)
    screen = "customers"
    title = "Customers"
    format = "csv"
    query = factory.LazyFunction(lambda: {"address": "?", "columns": ["name"]})


class CustomerImportFactory(OwnedRow):
    class Meta:
        model = models.CustomerImport

    user_id = made(UserFactory)
    file_id = made(StoredFileFactory, name="customers.xlsx")
    file_name = "customers.xlsx"


class ImportRowFactory(Row):
    class Meta:
        model = models.ImportRow

    row_number = factory.Sequence(lambda n: n + 2)
    outcome = RowOutcome.NEW


class SavedViewFactory(Row):
    class Meta:
        model = models.SavedView

    screen = "customers"
    name = factory.Sequence(lambda n: f"View {n}")
    query = "sort=name"


# --- Approvals ---------------------------------------------------------------------------------------------


class ApprovalTaskFactory(PartFactory):
    class Meta:
        model = models.ApprovalTask

    kind = TaskKind.ONBOARDING
    state = TaskState.OPEN
    subject = factory.Sequence(lambda n: f"Customer {n}")
    due_on = date(2030, 1, 31)
    decided_at = factory.LazyAttribute(lambda row: None if row.state is TaskState.OPEN else clock.now())


class TaskCommentFactory(OwnedRow):
    class Meta:
        model = models.TaskComment

    task_id = made(ApprovalTaskFactory)
    text = "Is this so?"


class BlacklistEntryFactory(OwnedRow):
    class Meta:
        model = models.BlacklistEntry

    name = factory.Sequence(lambda n: f"Listed {n}")
    registration_number = factory.Sequence(lambda n: f"BL {n}")
    reason = "Never paid"


class AlertFactory(PartFactory):
    class Meta:
        model = models.Alert

    text = "Ask before you deliver"


class MergedCustomerFactory(OwnedRow):
    class Meta:
        model = models.MergedCustomer

    into_id = made(CustomerFactory)
    old_id = factory.Sequence(lambda n: 1_000_000 + n)
    name = factory.Sequence(lambda n: f"Merged {n}")
    account_number = factory.Sequence(lambda n: f"M{n}")


FACTORIES: dict[str, type[Row]] = {
    kind._meta.model.__tablename__: kind
    for kind in list(globals().values())
    if isinstance(kind, type) and issubclass(kind, Row) and not kind._meta.abstract
}

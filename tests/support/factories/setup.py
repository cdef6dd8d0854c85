"""Rows of the set-up screens."""

from datetime import date
from decimal import Decimal

import factory

import models
from models.enums import (
    CatalogType,
    CustomFieldKind,
    CustomFieldOwner,
    Frequency,
    ProductKind,
    StatusBehaviour,
    TemplatePurpose,
)
from tests.support.factories.base import OrganisationRow, StoredFileFactory, related_id


class CatalogItemFactory(OrganisationRow):
    class Meta:
        model = models.CatalogItem

    type = CatalogType.REGION
    name = factory.Sequence(lambda n: f"Entry {n}")


class DepartmentFactory(OrganisationRow):
    class Meta:
        model = models.Department

    name = factory.Sequence(lambda n: f"Department {n}")


class CommodityFactory(OrganisationRow):
    class Meta:
        model = models.Commodity

    name = factory.Sequence(lambda n: f"Commodity {n}")
    unit = "line"


class LocationFactory(OrganisationRow):
    class Meta:
        model = models.Location

    name = factory.Sequence(lambda n: f"Location {n}")


class BilledUserFactory(OrganisationRow):
    class Meta:
        model = models.BilledUser

    name = factory.Sequence(lambda n: f"Unit {n}")


class CustomerStatusFactory(OrganisationRow):
    class Meta:
        model = models.CustomerStatus

    name = factory.Sequence(lambda n: f"Status {n}")
    behaviour = StatusBehaviour.BILL


class NotificationTemplateFactory(OrganisationRow):
    class Meta:
        model = models.NotificationTemplate

    name = factory.Sequence(lambda n: f"Template {n}")
    purpose = TemplatePurpose.REVIEW
    subject = "Review of {{customer}}"
    body = "It is due on {{review_date}}."


class PaymentTermsFactory(OrganisationRow):
    class Meta:
        model = models.PaymentTerms

    name = factory.Sequence(lambda n: f"Terms {n}")
    days = 30


class PaymentMethodFactory(OrganisationRow):
    class Meta:
        model = models.PaymentMethod

    name = factory.Sequence(lambda n: f"Method {n}")
    default_terms_id = related_id(PaymentTermsFactory)


class VatRateFactory(OrganisationRow):
    class Meta:
        model = models.VatRate

    name = factory.Sequence(lambda n: f"Rate {n}")
    percent = Decimal(20)


class InvoiceTypeFactory(OrganisationRow):
    class Meta:
        model = models.InvoiceType

    name = factory.Sequence(lambda n: f"Invoice type {n}")


class ProductFactory(OrganisationRow):
    class Meta:
        model = models.Product

    name = factory.Sequence(lambda n: f"Product {n}")
    code = factory.Sequence(lambda n: f"P{n}")
    kind = ProductKind.FEATURE
    frequency = Frequency.MONTHLY
    vat_rate_id = related_id(VatRateFactory)


class TariffFactory(OrganisationRow):
    class Meta:
        model = models.Tariff

    name = factory.Sequence(lambda n: f"Tariff {n}")


class TariffRateFactory(OrganisationRow):
    class Meta:
        model = models.TariffRate

    tariff_id = related_id(TariffFactory)
    prefix = factory.Sequence(lambda n: f"44{n}")
    price_per_minute = Decimal("0.01")
    valid_from = date(2025, 1, 1)


class CustomFieldFactory(OrganisationRow):
    class Meta:
        model = models.CustomField

    owner = CustomFieldOwner.CUSTOMER
    name = factory.Sequence(lambda n: f"Field {n}")
    key = factory.Sequence(lambda n: f"field_{n}")
    kind = CustomFieldKind.TEXT


class CustomFieldChoiceFactory(OrganisationRow):
    class Meta:
        model = models.CustomFieldChoice

    field_id = related_id(CustomFieldFactory, kind=CustomFieldKind.CHOICE)
    name = factory.Sequence(lambda n: f"Choice {n}")


class TagFactory(OrganisationRow):
    class Meta:
        model = models.Tag

    name = factory.Sequence(lambda n: f"Tag {n}")


class FormLayoutFactory(OrganisationRow):
    class Meta:
        model = models.FormLayout

    owner = CustomFieldOwner.INVOICE_PROFILE


class DefaultValueSetFactory(OrganisationRow):
    class Meta:
        model = models.DefaultValueSet

    name = factory.Sequence(lambda n: f"Set {n}")
    values = factory.LazyFunction(lambda: {"billing_day": 15})


class BusinessEntityFactory(OrganisationRow):
    class Meta:
        model = models.BusinessEntity

    name = factory.Sequence(lambda n: f"Entity {n}")
    registered_name = "Entity Ltd"
    address = "1 Market Street"
    logo_id = related_id(StoredFileFactory, name="logo.png")


class DealerFactory(OrganisationRow):
    class Meta:
        model = models.Dealer

    code = factory.Sequence(lambda n: f"D{n}")
    name = "Nordwind"

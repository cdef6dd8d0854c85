"""Set-up data: what an administrator enters once and forms choose from."""

from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Integer, String, Text, UniqueConstraint, true
from sqlalchemy.orm import Mapped, mapped_column

from models.base import (
    Key,
    KeyedByCode,
    KeyedByName,
    OrganisationRow,
    tenant_foreign_key,
    tenant_table,
    to_many,
    to_one,
)
from models.enums import CatalogType, Frequency, ProductKind, StatusBehaviour, TagColour, TemplatePurpose
from models.types import Money, Percent, UnitPrice, enum_type, sorted_text


class NamedRow(KeyedByName, OrganisationRow):
    """A set-up row with a name that is unique in its organisation, whatever its case and accents."""

    __abstract__ = True

    name: Mapped[str] = mapped_column(String(120), sort_order=-90)
    name_key: Mapped[str] = mapped_column(sorted_text(240), sort_order=-89, info={"untracked": True})
    active: Mapped[bool] = mapped_column(default=True, server_default=true(), sort_order=80)

    def __str__(self) -> str:
        return self.name


def named_table(*more: Any) -> tuple[Any, ...]:
    """Table arguments of a NamedRow."""
    return tenant_table(UniqueConstraint("organisation_id", "name_key"), *more)


class CatalogItem(KeyedByName, OrganisationRow):
    """An entry of one of the plain lists (regions, segments, categories …)."""

    __tablename__ = "catalog_item"

    type: Mapped[CatalogType] = mapped_column(enum_type(CatalogType, "type"))
    name: Mapped[str] = mapped_column(String(120))
    name_key: Mapped[str] = mapped_column(sorted_text(240), info={"untracked": True})
    position: Mapped[int] = mapped_column(Integer, default=0, info={"help": "Lists show lower numbers first"})
    active: Mapped[bool] = mapped_column(default=True, server_default=true())

    __table_args__ = tenant_table(UniqueConstraint("organisation_id", "type", "name_key"))

    def __str__(self) -> str:
        return self.name


class Department(NamedRow):
    __tablename__ = "department"

    __table_args__ = named_table()


class Commodity(NamedRow):
    """Something that is metered and charged (electricity, lines, seats)."""

    __tablename__ = "commodity"

    unit: Mapped[str] = mapped_column(String(40))
    default_minimum_cost: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    default_cost_per_unit: Mapped[Decimal] = mapped_column(UnitPrice, default=Decimal(0))

    __table_args__ = named_table(
        CheckConstraint("default_minimum_cost >= 0 AND default_cost_per_unit >= 0", name="defaults"),
    )


class Location(NamedRow):
    """A place that costs are booked to."""

    __tablename__ = "location"

    address: Mapped[str | None] = mapped_column(Text)

    __table_args__ = named_table()


class BilledUser(NamedRow):
    """A person or unit of a customer that costs are billed to."""

    __tablename__ = "billed_user"

    email: Mapped[str | None] = mapped_column(String(254))

    __table_args__ = named_table()


class CustomerStatus(NamedRow):
    """A status that an administrator may name; what it does is its behaviour."""

    __tablename__ = "customer_status"

    colour: Mapped[str] = mapped_column(String(7), default="#1a7f4b", info={"help": "Such as #1a7f4b"})
    behaviour: Mapped[StatusBehaviour] = mapped_column(
        enum_type(StatusBehaviour, "behaviour"),
        info={
            "help": "bill: invoiced as usual. accrue: charges accrue, not invoiced. final: remaining charges are "
            "invoiced, then dropped. none: not invoiced"
        },
    )
    position: Mapped[int] = mapped_column(Integer, default=0, info={"help": "Lists show lower numbers first"})

    __table_args__ = named_table(CheckConstraint("length(colour) = 7", name="colour"))


class NotificationTemplate(NamedRow):
    """The text of a message, with placeholders."""

    __tablename__ = "notification_template"

    purpose: Mapped[TemplatePurpose] = mapped_column(enum_type(TemplatePurpose, "purpose"))
    subject: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)

    __table_args__ = named_table()


class PaymentTerms(NamedRow):
    """When an invoice is due."""

    __tablename__ = "payment_terms"

    days: Mapped[int] = mapped_column(
        Integer,
        default=30,
        info={"label": "Days after the invoice", "help": "0 to 365; 0 is the day of the invoice"},
    )
    fixed_day: Mapped[int | None] = mapped_column(
        Integer,
        info={
            "label": "Then the next day of the month",
            "help": "1 to 31, or from the month's end: -1 is the last day, -2 the second to last. Leave blank for none",
        },
    )

    __table_args__ = named_table(
        CheckConstraint("days BETWEEN 0 AND 365", name="days"),
        CheckConstraint("fixed_day IS NULL OR (fixed_day BETWEEN -28 AND 31 AND fixed_day <> 0)", name="fixed_day"),
    )


class PaymentMethod(NamedRow):
    __tablename__ = "payment_method"

    default_terms_id: Mapped[int | None] = mapped_column(Key)

    default_terms: Mapped[PaymentTerms | None] = to_one("PaymentMethod.default_terms_id", "PaymentTerms")

    __table_args__ = named_table(tenant_foreign_key("payment_method", "default_terms_id", "payment_terms"))


class VatRate(NamedRow):
    __tablename__ = "vat_rate"

    percent: Mapped[Decimal] = mapped_column(Percent)

    __table_args__ = named_table(CheckConstraint("percent BETWEEN 0 AND 1000000", name="percent"))


class InvoiceType(NamedRow):
    __tablename__ = "invoice_type"

    __table_args__ = named_table()


class Tag(NamedRow):
    """A coloured label of customers."""

    __tablename__ = "tag"

    colour: Mapped[TagColour] = mapped_column(
        enum_type(TagColour, "colour"), default=TagColour.GREY, server_default=TagColour.GREY.value
    )

    __table_args__ = named_table()


class Product(KeyedByCode, NamedRow):
    """A number or feature that is sold at a price."""

    __tablename__ = "product"

    code: Mapped[str] = mapped_column(String(40))
    code_key: Mapped[str] = mapped_column(sorted_text(80), info={"untracked": True})
    kind: Mapped[ProductKind] = mapped_column(enum_type(ProductKind, "kind"))
    price: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    frequency: Mapped[Frequency] = mapped_column(enum_type(Frequency, "frequency"), default=Frequency.MONTHLY)
    vat_rate_id: Mapped[int | None] = mapped_column(Key)

    vat_rate: Mapped[VatRate | None] = to_one("Product.vat_rate_id", "VatRate")

    __table_args__ = named_table(
        UniqueConstraint("organisation_id", "code_key"),
        tenant_foreign_key("product", "vat_rate_id", "vat_rate"),
        CheckConstraint("price >= 0", name="price"),
    )


class Tariff(NamedRow):
    """What calls cost, by the digits they begin with."""

    __tablename__ = "tariff"

    fallback_markup: Mapped[Decimal | None] = mapped_column(
        Percent,
        info={"help": "Markup (%) on calls without a matching rate. If blank, they are not rated; 0 charges the cost"},
    )

    rates: Mapped[list["TariffRate"]] = to_many(
        "TariffRate", "tariff_id", "Tariff", order_by="TariffRate.prefix, TariffRate.valid_from"
    )

    __table_args__ = named_table(CheckConstraint("fallback_markup BETWEEN 0 AND 10000000", name="fallback_markup"))


class TariffRate(OrganisationRow):
    """The price of a minute to numbers that begin with `prefix`, from a day on."""

    __tablename__ = "tariff_rate"

    tariff_id: Mapped[int] = mapped_column(Key)
    prefix: Mapped[str] = mapped_column(String(20), info={"help": "Digits, with the country code"})
    destination: Mapped[str | None] = mapped_column(String(120))
    price_per_minute: Mapped[Decimal] = mapped_column(UnitPrice)
    valid_from: Mapped[date]

    __table_args__ = tenant_table(
        tenant_foreign_key("tariff_rate", "tariff_id", "tariff", ondelete="CASCADE"),
        UniqueConstraint("tariff_id", "prefix", "valid_from"),
        CheckConstraint("price_per_minute >= 0", name="price_per_minute"),
    )


class DefaultValueSet(NamedRow):
    """Values that fill the form of a new customer."""

    __tablename__ = "default_value_set"

    values: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)

    __table_args__ = named_table()

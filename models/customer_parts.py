"""The parts of a customer that are edited as rows of its form."""

from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, Index, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Key, OrganisationRow, tenant_foreign_key, tenant_table, to_one
from models.custom_fields import HasCustomFields
from models.enums import AddressKind, CallClass, ContactRole, CustomFieldOwner, ProfileStatus
from models.organisation import BusinessEntity, StoredFile
from models.searched import Searched, fragment_index
from models.setup import BilledUser, CatalogItem, Commodity, Department, Location, NotificationTemplate
from models.types import Money, Percent, UnitPrice, enum_type


class CustomerPart(OrganisationRow):
    """A row that belongs to a customer."""

    __abstract__ = True

    customer_id: Mapped[int] = mapped_column(Key, sort_order=-98)


MAIN_ACCOUNTS_ONLY = text("is_main")

# What becomes of a part whose customer is deleted: a detail of the record goes too, anything else keeps the customer.
DELETED_WITH_CUSTOMER = "CASCADE"
BLOCKS_CUSTOMER_DELETION = "RESTRICT"


def part_table(name: str, *more: Any, ondelete: str = DELETED_WITH_CUSTOMER) -> tuple[Any, ...]:
    """Table arguments of the CustomerPart called `name`."""
    return tenant_table(
        tenant_foreign_key(name, "customer_id", "customer", ondelete=ondelete),
        Index(f"ix_{name}_customer", "customer_id"),
        *more,
    )


class Account(Searched, CustomerPart):
    """What a customer is invoiced on, such as for a lease. The main one came with the customer and has its number."""

    __tablename__ = "account"
    searched_columns = ("number",)

    number: Mapped[str] = mapped_column(String(40))
    is_main: Mapped[bool] = mapped_column(default=False, server_default=false(), info={"label": "Main account"})
    type_id: Mapped[int | None] = mapped_column(Key, info={"label": "Account type"})
    purpose: Mapped[str | None] = mapped_column(String(120))
    business_entity_id: Mapped[int | None] = mapped_column(Key, info={"label": "Business entity"})
    balance: Mapped[Decimal] = mapped_column(Money, default=Decimal(0), server_default="0")

    type: Mapped[CatalogItem | None] = to_one("Account.type_id", "CatalogItem")
    business_entity: Mapped[BusinessEntity | None] = to_one("Account.business_entity_id", "BusinessEntity")

    __table_args__ = part_table(
        "account",
        UniqueConstraint("organisation_id", "number"),
        tenant_foreign_key("account", "type_id", "catalog_item"),
        tenant_foreign_key("account", "business_entity_id", "business_entity"),
        Index(
            "uq_account_customer_id",
            "customer_id",
            unique=True,
            postgresql_where=MAIN_ACCOUNTS_ONLY,
            sqlite_where=MAIN_ACCOUNTS_ONLY,
        ),
        fragment_index("account"),
    )

    def is_searched(self) -> bool:
        """The main account is found with its customer, whose number it has."""
        return not self.is_main

    def __str__(self) -> str:
        return self.number


class Address(CustomerPart):
    __tablename__ = "address"

    kind: Mapped[AddressKind] = mapped_column(enum_type(AddressKind, "kind"), default=AddressKind.MAILING)
    lines: Mapped[str] = mapped_column(Text, info={"label": "Address", "max_length": 500})
    city: Mapped[str | None] = mapped_column(String(120))
    postal_code: Mapped[str | None] = mapped_column(String(20))
    country: Mapped[str | None] = mapped_column(String(2), info={"help": "ISO 3166 code of two letters"})

    __table_args__ = part_table(
        "address",
        UniqueConstraint("customer_id", "kind"),
        CheckConstraint("length(country) = 2", name="country"),
    )

    def __str__(self) -> str:
        return ", ".join(part for part in (self.lines, self.postal_code, self.city, self.country) if part)


class Contact(Searched, CustomerPart):
    __tablename__ = "contact"
    searched_columns = ("name", "email", "phone")

    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[ContactRole] = mapped_column(enum_type(ContactRole, "role"), default=ContactRole.GENERAL)
    email: Mapped[str | None] = mapped_column(String(254))
    phone: Mapped[str | None] = mapped_column(String(60))

    __table_args__ = part_table("contact", fragment_index("contact"))

    def __str__(self) -> str:
        return self.name


class ComplianceDocument(CustomerPart):
    """A certificate that a customer must keep valid."""

    __tablename__ = "compliance_document"

    certificate: Mapped[str] = mapped_column(String(200))
    expiry_date: Mapped[date]
    reviewer_email: Mapped[str | None] = mapped_column(String(254))
    template_id: Mapped[int | None] = mapped_column(Key)
    file_id: Mapped[int | None] = mapped_column(Key)

    template: Mapped[NotificationTemplate | None] = to_one("ComplianceDocument.template_id", "NotificationTemplate")
    file: Mapped[StoredFile | None] = to_one("ComplianceDocument.file_id", "StoredFile")

    __table_args__ = part_table(
        "compliance_document",
        tenant_foreign_key("compliance_document", "template_id", "notification_template"),
        tenant_foreign_key("compliance_document", "file_id", "stored_file"),
        Index("ix_compliance_document_expiry", "organisation_id", "expiry_date"),
        ondelete=BLOCKS_CUSTOMER_DELETION,
    )

    def __str__(self) -> str:
        return self.certificate


class BillingLine(CustomerPart):
    """A commodity that a customer is charged for."""

    __tablename__ = "billing_line"

    commodity_id: Mapped[int] = mapped_column(Key)
    minimum_cost: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    cost_per_unit: Mapped[Decimal] = mapped_column(UnitPrice, default=Decimal(0))
    location_id: Mapped[int | None] = mapped_column(Key)
    department_id: Mapped[int | None] = mapped_column(Key)
    billed_user_id: Mapped[int | None] = mapped_column(Key)
    active_from: Mapped[date | None]
    active_to: Mapped[date | None]

    commodity: Mapped[Commodity] = to_one("BillingLine.commodity_id", "Commodity", load_on_pending=True)
    location: Mapped[Location | None] = to_one("BillingLine.location_id", "Location")
    department: Mapped[Department | None] = to_one("BillingLine.department_id", "Department")
    billed_user: Mapped[BilledUser | None] = to_one("BillingLine.billed_user_id", "BilledUser")

    __table_args__ = part_table(
        "billing_line",
        tenant_foreign_key("billing_line", "commodity_id", "commodity"),
        tenant_foreign_key("billing_line", "location_id", "location"),
        tenant_foreign_key("billing_line", "department_id", "department"),
        tenant_foreign_key("billing_line", "billed_user_id", "billed_user"),
        CheckConstraint("minimum_cost >= 0 AND cost_per_unit >= 0", name="costs"),
        CheckConstraint("active_to >= active_from", name="active"),
        ondelete=BLOCKS_CUSTOMER_DELETION,
    )

    def __str__(self) -> str:
        return str(self.commodity)


class CallMarkup(CustomerPart):
    """The markup of a customer on the cost of calls of one class. 0 % is a markup; without a row there is none."""

    __tablename__ = "call_markup"

    call_class: Mapped[CallClass] = mapped_column(
        enum_type(CallClass, "call_class"), default=CallClass.INBOUND, info={"label": "Call class"}
    )
    percent: Mapped[Decimal] = mapped_column(Percent, info={"label": "Markup (%)"})

    __table_args__ = part_table(
        "call_markup",
        UniqueConstraint("customer_id", "call_class"),
        CheckConstraint("percent BETWEEN -1000000 AND 10000000", name="percent"),
    )

    def __str__(self) -> str:
        return self.call_class.value


class InvoiceProfile(HasCustomFields, CustomerPart):
    """Whom the invoices of a contract go to, and the NDA that must stand before the contract is live."""

    __tablename__ = "invoice_profile"
    field_owner = CustomFieldOwner.INVOICE_PROFILE

    name: Mapped[str] = mapped_column(String(120))
    email: Mapped[str] = mapped_column(String(254))
    nda_file_id: Mapped[int | None] = mapped_column(Key)
    status: Mapped[ProfileStatus] = mapped_column(
        enum_type(ProfileStatus, "status"), default=ProfileStatus.NDA_PENDING, server_default="NDA Pending"
    )

    nda_file: Mapped[StoredFile | None] = to_one("InvoiceProfile.nda_file_id", "StoredFile")

    __table_args__ = part_table(
        "invoice_profile",
        UniqueConstraint("customer_id", "name"),
        tenant_foreign_key("invoice_profile", "nda_file_id", "stored_file"),
        ondelete=BLOCKS_CUSTOMER_DELETION,
    )

    def __str__(self) -> str:
        return self.name


class LegalEntity(CustomerPart):
    """A legal body of the customer, and which of ours bills it."""

    __tablename__ = "legal_entity"

    name: Mapped[str] = mapped_column(String(200))
    registration_number: Mapped[str | None] = mapped_column(String(40))
    vat_number: Mapped[str | None] = mapped_column(String(40))
    address: Mapped[str | None] = mapped_column(Text)
    business_entity_id: Mapped[int | None] = mapped_column(Key)

    business_entity: Mapped[BusinessEntity | None] = to_one("LegalEntity.business_entity_id", "BusinessEntity")

    __table_args__ = part_table(
        "legal_entity", tenant_foreign_key("legal_entity", "business_entity_id", "business_entity")
    )

    def __str__(self) -> str:
        return self.name

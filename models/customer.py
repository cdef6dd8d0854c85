"""The customer, its accounts and its group."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, Key, KeyedByName, OrganisationRow, tenant_foreign_key, tenant_table, to_many, to_one
from models.custom_fields import HasCustomFields, find_custom_values
from models.customer_parts import (
    Account,
    Address,
    BillingLine,
    CallMarkup,
    ComplianceDocument,
    Contact,
    InvoiceProfile,
    LegalEntity,
)
from models.derived_columns import SOURCE_COLUMNS, derive_columns
from models.enums import (
    BillingCycle,
    BillLength,
    CustomerKind,
    CustomerType,
    CustomFieldOwner,
    EmptyOrLow,
    IncreaseProfile,
    Risk,
    Stage,
)
from models.searched import fragment_index
from models.setup import (
    CatalogItem,
    CustomerStatus,
    Department,
    InvoiceType,
    NotificationTemplate,
    PaymentMethod,
    PaymentTerms,
    Tag,
    Tariff,
    VatRate,
)
from models.types import Money, Percent, UtcDateTime, enum_type, sorted_text
from models.users import Dealer, User

DERIVED_INFO = {"untracked": True}


def link_table(name: str, target: str) -> Table:
    """A many-to-many table between customers and `target`, whose rows stay inside one organisation."""
    return Table(
        name,
        Base.metadata,
        Column("customer_id", Key, primary_key=True),
        Column(f"{target}_id", Key, primary_key=True),
        Column("organisation_id", Key, nullable=False),
        tenant_foreign_key(name, "customer_id", "customer", ondelete="CASCADE"),
        tenant_foreign_key(name, f"{target}_id", target),
        Index(f"ix_{name}_{target}", f"{target}_id"),
    )


customer_department = link_table("customer_department", "department")
customer_invoice_type = link_table("customer_invoice_type", "invoice_type")
customer_tag = link_table("customer_tag", "tag")


def many_to_many(target: str, table: str) -> Any:
    return relationship(
        target,
        secondary=table,
        primaryjoin=f"and_(Customer.id == {table}.c.customer_id, "
        f"Customer.organisation_id == {table}.c.organisation_id)",
        secondaryjoin=f"{target}.id == {table}.c.{table.removeprefix('customer_')}_id",
        order_by=f"{target}.name_key",
    )


class CustomerGroup(KeyedByName, OrganisationRow):
    """Related customers under a parent."""

    __tablename__ = "customer_group"

    name: Mapped[str] = mapped_column(String(200))
    name_key: Mapped[str] = mapped_column(sorted_text(400), info={"untracked": True})
    parent_id: Mapped[int | None] = mapped_column(Key)
    note: Mapped[str | None] = mapped_column(Text)

    parent: Mapped["Customer | None"] = to_one("CustomerGroup.parent_id", "Customer")

    __table_args__ = tenant_table(
        UniqueConstraint("organisation_id", "name_key"),
        tenant_foreign_key("customer_group", "parent_id", "customer", use_alter=True),
    )

    def __str__(self) -> str:
        return self.name


class Customer(HasCustomFields, OrganisationRow):
    """A company or consumer, from first contact to final bill."""

    __tablename__ = "customer"
    field_owner = CustomFieldOwner.CUSTOMER

    # Core
    account_number: Mapped[str] = mapped_column(sorted_text(40))
    reference: Mapped[str | None] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(200))
    is_prospect: Mapped[bool] = mapped_column(default=False, server_default=false())
    kind: Mapped[CustomerKind] = mapped_column(enum_type(CustomerKind, "kind"), default=CustomerKind.COMPANY)
    customer_type: Mapped[CustomerType | None] = mapped_column(enum_type(CustomerType, "customer_type"))
    category_id: Mapped[int | None] = mapped_column(Key)
    identity_number: Mapped[str | None] = mapped_column(String(40))
    registration_number: Mapped[str | None] = mapped_column(String(40))
    registration_date: Mapped[date | None]
    vat_number: Mapped[str | None] = mapped_column(String(40))
    vat_registration_date: Mapped[date | None]
    region_id: Mapped[int | None] = mapped_column(Key)
    contact_number: Mapped[str | None] = mapped_column(String(60))
    email: Mapped[str | None] = mapped_column(String(500))
    website: Mapped[str | None] = mapped_column(String(300))
    start_date: Mapped[date | None]
    risk: Mapped[Risk | None] = mapped_column(enum_type(Risk, "risk"))
    stage: Mapped[Stage] = mapped_column(enum_type(Stage, "stage"), default=Stage.NEW, server_default="New")
    credit_reference: Mapped[str | None] = mapped_column(String(60))
    billing_reference: Mapped[str | None] = mapped_column(String(60))
    estimated_monthly_revenue: Mapped[Decimal | None] = mapped_column(Money)
    correspondence_name: Mapped[str | None] = mapped_column(
        String(200), info={"help": "Name on letters and invoices, where it is not the customer's name"}
    )
    correspondence_modes: Mapped[list[str]] = mapped_column(JSON, default=list)

    # Financial
    year_end_day: Mapped[int | None] = mapped_column(Integer)
    year_end_month: Mapped[int | None] = mapped_column(Integer)
    existing_relationship: Mapped[bool] = mapped_column(default=False, server_default=false())
    relationship_note: Mapped[str | None] = mapped_column(String(1000))
    credit_check_company: Mapped[str | None] = mapped_column(String(120))
    total_spend: Mapped[Decimal | None] = mapped_column(Money)
    credit_limit: Mapped[Decimal | None] = mapped_column(Money)

    # Review
    review_start_date: Mapped[date | None]
    review_frequency: Mapped[int | None] = mapped_column(Integer)
    reviewer_email: Mapped[str | None] = mapped_column(String(254))
    review_template_id: Mapped[int | None] = mapped_column(Key)
    automatic_report: Mapped[bool] = mapped_column(default=False, server_default=false())

    # Marketing
    segment_id: Mapped[int | None] = mapped_column(Key)
    channel_id: Mapped[int | None] = mapped_column(Key)
    promotional_emails: Mapped[bool] = mapped_column(default=False, server_default=false())
    promotional_set_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info=DERIVED_INFO)
    promotional_set_by_id: Mapped[int | None] = mapped_column(ForeignKey("hub_user.id"), info=DERIVED_INFO)

    # People
    responsible_manager_id: Mapped[int | None] = mapped_column(Key)
    service_manager_id: Mapped[int | None] = mapped_column(Key)
    account_manager_id: Mapped[int | None] = mapped_column(Key)
    dealer_id: Mapped[int | None] = mapped_column(Key)
    group_id: Mapped[int | None] = mapped_column(Key)

    # Billing
    status_id: Mapped[int] = mapped_column(Key)
    payment_method_id: Mapped[int | None] = mapped_column(Key)
    payment_terms_id: Mapped[int | None] = mapped_column(Key)
    vat_rate_id: Mapped[int | None] = mapped_column(Key)
    billing_cycle: Mapped[BillingCycle] = mapped_column(
        enum_type(BillingCycle, "billing_cycle"), default=BillingCycle.MONTHLY, server_default="monthly"
    )
    billing_day: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    empty_or_low: Mapped[EmptyOrLow] = mapped_column(
        enum_type(EmptyOrLow, "empty_or_low"), default=EmptyOrLow.CREATE, server_default="create anyway"
    )
    low_usage_minimum: Mapped[Decimal | None] = mapped_column(Money)
    business_entity_id: Mapped[int | None] = mapped_column(Key)
    bill_length_mailed: Mapped[BillLength] = mapped_column(
        enum_type(BillLength, "bill_length_mailed"), default=BillLength.SHORT, server_default="short"
    )
    bill_length_downloaded: Mapped[BillLength] = mapped_column(
        enum_type(BillLength, "bill_length_downloaded"), default=BillLength.LONG, server_default="long"
    )
    bill_length_printed: Mapped[BillLength] = mapped_column(
        enum_type(BillLength, "bill_length_printed"), default=BillLength.SHORT, server_default="short"
    )
    default_tariff_id: Mapped[int | None] = mapped_column(Key)
    markup: Mapped[Decimal | None] = mapped_column(Percent)
    annual_increase_profile: Mapped[IncreaseProfile] = mapped_column(
        enum_type(IncreaseProfile, "annual_increase_profile"), default=IncreaseProfile.NONE, server_default="none"
    )
    annual_increase_percent: Mapped[Decimal | None] = mapped_column(Percent)
    annual_increase_date: Mapped[date | None]
    subscription_type_id: Mapped[int | None] = mapped_column(Key)
    number_of_users: Mapped[int | None] = mapped_column(Integer)
    portal_access: Mapped[bool] = mapped_column(default=False, server_default=false())
    portal_invited_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info=DERIVED_INFO)

    # Derived from the columns above by `derive_columns()`: never set by hand
    sort_name: Mapped[str] = mapped_column(sorted_text(400), info=DERIVED_INFO)
    reference_key: Mapped[str | None] = mapped_column(sorted_text(80), info=DERIVED_INFO)
    identity_key: Mapped[str | None] = mapped_column(String(80), info=DERIVED_INFO)
    registration_key: Mapped[str | None] = mapped_column(String(80), info=DERIVED_INFO)
    vat_key: Mapped[str | None] = mapped_column(String(80), info=DERIVED_INFO)
    phone_key: Mapped[str | None] = mapped_column(String(20), info=DERIVED_INFO)
    search_text: Mapped[str] = mapped_column(Text, info=DERIVED_INFO)

    category: Mapped[CatalogItem | None] = to_one("Customer.category_id", "CatalogItem")
    region: Mapped[CatalogItem | None] = to_one("Customer.region_id", "CatalogItem")
    segment: Mapped[CatalogItem | None] = to_one("Customer.segment_id", "CatalogItem")
    channel: Mapped[CatalogItem | None] = to_one("Customer.channel_id", "CatalogItem")
    subscription_type: Mapped[CatalogItem | None] = to_one("Customer.subscription_type_id", "CatalogItem")
    status: Mapped[CustomerStatus] = to_one("Customer.status_id", "CustomerStatus")
    review_template: Mapped[NotificationTemplate | None] = to_one("Customer.review_template_id", "NotificationTemplate")
    responsible_manager: Mapped[User | None] = to_one("Customer.responsible_manager_id", "User")
    service_manager: Mapped[User | None] = to_one("Customer.service_manager_id", "User")
    account_manager: Mapped[User | None] = to_one("Customer.account_manager_id", "User")
    dealer: Mapped[Dealer | None] = to_one("Customer.dealer_id", "Dealer")
    group: Mapped[CustomerGroup | None] = to_one("Customer.group_id", "CustomerGroup")
    payment_method: Mapped[PaymentMethod | None] = to_one("Customer.payment_method_id", "PaymentMethod")
    payment_terms: Mapped[PaymentTerms | None] = to_one("Customer.payment_terms_id", "PaymentTerms")
    vat_rate: Mapped[VatRate | None] = to_one("Customer.vat_rate_id", "VatRate")
    default_tariff: Mapped[Tariff | None] = to_one("Customer.default_tariff_id", "Tariff")
    business_entity: Mapped[Any] = to_one("Customer.business_entity_id", "BusinessEntity")

    departments: Mapped[list[Department]] = many_to_many("Department", "customer_department")
    invoice_types: Mapped[list[InvoiceType]] = many_to_many("InvoiceType", "customer_invoice_type")
    tags: Mapped[list[Tag]] = many_to_many("Tag", "customer_tag")
    accounts: Mapped[list[Account]] = to_many("Account", "customer_id", "Customer", order_by="Account.id")
    addresses: Mapped[list[Address]] = to_many("Address", "customer_id", "Customer", order_by="Address.id")
    contacts: Mapped[list[Contact]] = to_many("Contact", "customer_id", "Customer", order_by="Contact.id")
    compliance_documents: Mapped[list[ComplianceDocument]] = to_many(
        "ComplianceDocument", "customer_id", "Customer", order_by="ComplianceDocument.id"
    )
    billing_lines: Mapped[list[BillingLine]] = to_many(
        "BillingLine", "customer_id", "Customer", order_by="BillingLine.id"
    )
    call_markups: Mapped[list[CallMarkup]] = to_many("CallMarkup", "customer_id", "Customer", order_by="CallMarkup.id")
    invoice_profiles: Mapped[list[InvoiceProfile]] = to_many(
        "InvoiceProfile", "customer_id", "Customer", order_by="InvoiceProfile.id"
    )
    legal_entities: Mapped[list[LegalEntity]] = to_many(
        "LegalEntity", "customer_id", "Customer", order_by="LegalEntity.id"
    )

    __table_args__ = tenant_table(
        UniqueConstraint("organisation_id", "account_number"),
        UniqueConstraint("organisation_id", "reference_key"),
        UniqueConstraint("organisation_id", "identity_key"),
        UniqueConstraint("organisation_id", "registration_key"),
        UniqueConstraint("organisation_id", "vat_key"),
        *(
            tenant_foreign_key("customer", column, target)
            for column, target in {
                "category_id": "catalog_item",
                "region_id": "catalog_item",
                "segment_id": "catalog_item",
                "channel_id": "catalog_item",
                "subscription_type_id": "catalog_item",
                "status_id": "customer_status",
                "review_template_id": "notification_template",
                "responsible_manager_id": "hub_user",
                "service_manager_id": "hub_user",
                "account_manager_id": "hub_user",
                "dealer_id": "dealer",
                "group_id": "customer_group",
                "payment_method_id": "payment_method",
                "payment_terms_id": "payment_terms",
                "vat_rate_id": "vat_rate",
                "business_entity_id": "business_entity",
                "default_tariff_id": "tariff",
            }.items()
        ),
        CheckConstraint(
            "is_prospect OR (reference IS NOT NULL AND region_id IS NOT NULL AND email IS NOT NULL "
            "AND start_date IS NOT NULL AND risk IS NOT NULL)",
            name="full_particulars",
        ),
        CheckConstraint(
            "NOT is_prospect OR identity_number IS NOT NULL OR registration_number IS NOT NULL",
            name="prospect_number",
        ),
        CheckConstraint("length(name) > 0", name="name"),
        CheckConstraint("estimated_monthly_revenue >= 0", name="estimated_monthly_revenue"),
        CheckConstraint("billing_day BETWEEN 1 AND 31", name="billing_day"),
        CheckConstraint("review_frequency BETWEEN 1 AND 12", name="review_frequency"),
        CheckConstraint(
            "annual_increase_profile <> 'fixed' OR annual_increase_percent IS NOT NULL", name="annual_increase"
        ),
        CheckConstraint("number_of_users >= 0", name="number_of_users"),
        CheckConstraint("credit_limit >= 0", name="credit_limit"),
        CheckConstraint("total_spend >= 0", name="total_spend"),
        CheckConstraint(
            "(year_end_day IS NULL AND year_end_month IS NULL) OR (year_end_month BETWEEN 1 AND 12 AND "
            "year_end_day BETWEEN 1 AND CASE WHEN year_end_month = 2 THEN 29 "
            "WHEN year_end_month IN (4, 6, 9, 11) THEN 30 ELSE 31 END)",
            name="year_end",
        ),
        Index("ix_customer_sort_name", "organisation_id", "sort_name", "id"),
        *(
            Index(f"ix_customer_{name}", "organisation_id", column, "sort_name", "id")
            for name, column in {
                "status": "status_id",
                "risk": "risk",
                "stage": "stage",
                "region": "region_id",
                "account_manager": "account_manager_id",
            }.items()
        ),
        Index("ix_customer_start_date", "organisation_id", "start_date", "id"),
        Index("ix_customer_phone", "organisation_id", "phone_key"),
        Index("ix_customer_dealer", "dealer_id", "sort_name"),
        Index("ix_customer_group", "group_id"),
        fragment_index("customer"),
    )

    @property
    def balance(self) -> Decimal:
        """What the customer owes: the sum of its accounts."""
        return sum((account.balance for account in self.accounts), Decimal(0))

    @property
    def main_account(self) -> Account | None:
        """The account that has the customer's own number; none before the customer is saved."""
        return next((account for account in self.accounts if account.is_main), None)

    def update_derived_columns(self) -> None:
        values = {name: getattr(self, name) for name in (*SOURCE_COLUMNS, "search_text")}
        custom_values = find_custom_values(self)
        custom_texts = None if custom_values is None else custom_values.list_texts()
        for name, value in derive_columns(values, custom_texts).items():
            if getattr(self, name) != value:
                setattr(self, name, value)

    def __str__(self) -> str:
        return self.name

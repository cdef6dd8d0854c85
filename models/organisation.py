"""The tenant, its legal bodies, its number ranges and its files."""

from sqlalchemy import CheckConstraint, ForeignKey, Integer, String, Text, UniqueConstraint, true
from sqlalchemy.orm import Mapped, mapped_column

from models.base import (
    NO_ID_REUSE,
    Base,
    Key,
    KeyedByName,
    OrganisationRow,
    Row,
    tenant_foreign_key,
    tenant_table,
    to_one,
)
from models.enums import ApprovalPolicy, DateFormat, ListSeparator, TaskAssignment
from models.types import enum_type, sorted_text


class Organisation(KeyedByName, Row):
    """A tenant. Every other row belongs to one, and no query crosses it."""

    __tablename__ = "organisation"

    name: Mapped[str] = mapped_column(String(200))
    name_key: Mapped[str] = mapped_column(sorted_text(400), unique=True, info={"untracked": True})
    currency: Mapped[str] = mapped_column(String(3), default="EUR", info={"help": "ISO 4217 code, such as EUR"})
    timezone: Mapped[str] = mapped_column(String(64), default="UTC", info={"help": "Such as Europe/Berlin"})
    country: Mapped[str] = mapped_column(String(2), default="GB", info={"help": "ISO 3166 code of two letters"})
    date_format: Mapped[DateFormat] = mapped_column(enum_type(DateFormat, "date_format"), default=DateFormat.SPOKEN)
    list_separator: Mapped[ListSeparator] = mapped_column(
        enum_type(ListSeparator, "list_separator"),
        default=ListSeparator.COMMA,
        server_default=ListSeparator.COMMA.value,
        info={
            "label": "CSV separator",
            "help": "Between the cells of CSV files. Excel expects semicolons where decimals have a comma",
        },
    )
    signatory_name: Mapped[str | None] = mapped_column(String(200))
    signatory_email: Mapped[str | None] = mapped_column(String(254))
    sender_email: Mapped[str | None] = mapped_column(String(254), info={"help": "Emails are sent from this address"})
    nda_template: Mapped[str | None] = mapped_column(Text, info={"label": "NDA template"})
    approval_policy: Mapped[ApprovalPolicy] = mapped_column(
        enum_type(ApprovalPolicy, "approval_policy"),
        default=ApprovalPolicy.PARTNER,
        info={"help": "New customers that need approval: those registered by partners, or all"},
    )
    task_assignment: Mapped[TaskAssignment] = mapped_column(
        enum_type(TaskAssignment, "task_assignment"),
        default=TaskAssignment.BY_HAND,
        server_default=TaskAssignment.BY_HAND.value,
        info={"help": "Assignee of new approval tasks"},
    )
    task_days: Mapped[int] = mapped_column(
        Integer, default=3, server_default="3", info={"help": "Days until an approval task is due"}
    )
    reminder_days: Mapped[str] = mapped_column(
        String(60),
        default="30, 14, 7, 1",
        info={"help": "Days before expiry on which reminders are sent; a final one is sent on the expiry date"},
    )
    reminders_active: Mapped[bool] = mapped_column(
        default=True,
        server_default=true(),
        info={"label": "Send reminders", "help": "Daily reminders for reviews and compliance documents"},
    )
    review_grace_days: Mapped[int] = mapped_column(
        Integer,
        default=14,
        server_default="14",
        info={"help": "Days after the due date before a review without a record counts as overdue"},
    )
    active: Mapped[bool] = mapped_column(default=True)
    # Another one after each change of custom fields or form layouts: what processes remember of them they know by it.
    custom_fields_token: Mapped[str | None] = mapped_column(String(32), info={"untracked": True})

    __table_args__ = (
        CheckConstraint("length(currency) = 3", name="currency"),
        CheckConstraint("review_grace_days BETWEEN 0 AND 365", name="review_grace_days"),
        CheckConstraint("length(country) = 2", name="country"),
        CheckConstraint("task_days BETWEEN 0 AND 365", name="task_days"),
        NO_ID_REUSE,
    )

    def __str__(self) -> str:
        return self.name


class BusinessEntity(KeyedByName, OrganisationRow):
    """A legal body of ours that issues invoices."""

    __tablename__ = "business_entity"

    name: Mapped[str] = mapped_column(String(120))
    name_key: Mapped[str] = mapped_column(sorted_text(240), info={"untracked": True})
    registered_name: Mapped[str] = mapped_column(String(200))
    registration_number: Mapped[str | None] = mapped_column(String(40))
    vat_number: Mapped[str | None] = mapped_column(String(40), info={"label": "VAT number"})
    address: Mapped[str] = mapped_column(Text)
    bank_name: Mapped[str | None] = mapped_column(String(120))
    bank_account: Mapped[str | None] = mapped_column(String(60), info={"help": "IBAN or account number"})
    bank_code: Mapped[str | None] = mapped_column(String(40), info={"help": "BIC or sort code"})
    brand_colour: Mapped[str] = mapped_column(String(7), default="#2f5fd0", info={"help": "Such as #2f5fd0"})
    logo_id: Mapped[int | None] = mapped_column(Key)
    footer: Mapped[str | None] = mapped_column(Text, info={"help": "Printed at the bottom of every invoice"})
    invoice_number_format: Mapped[str] = mapped_column(
        String(40),
        default="INV-{number:05d}",
        info={"help": "{number:05d} is the sequential number with five digits"},
    )
    active: Mapped[bool] = mapped_column(default=True)

    logo: Mapped["StoredFile | None"] = to_one("BusinessEntity.logo_id", "StoredFile")

    __table_args__ = tenant_table(
        UniqueConstraint("organisation_id", "name_key"),
        tenant_foreign_key("business_entity", "logo_id", "stored_file"),
        CheckConstraint("length(brand_colour) = 7", name="brand_colour"),
    )

    def __str__(self) -> str:
        return self.name


class NumberSequence(Base):
    """The next number of a range of an organisation. Taken by an UPDATE, so that two takers never share one."""

    __tablename__ = "number_sequence"

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    next_value: Mapped[int] = mapped_column(Integer, default=1)


class StoredFile(OrganisationRow):
    """An uploaded or created file. Its bytes are in the file store under `storage_key`, which the hub chooses."""

    __tablename__ = "stored_file"

    name: Mapped[str] = mapped_column(String(255))
    content_type: Mapped[str] = mapped_column(String(120))
    size: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str] = mapped_column(String(64))
    storage_key: Mapped[str] = mapped_column(String(120), unique=True)

    __table_args__ = tenant_table(CheckConstraint("size >= 0", name="size"))

    def __str__(self) -> str:
        return self.name

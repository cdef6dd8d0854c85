"""Contracts and orders of customers."""

from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Key, tenant_foreign_key, to_one
from models.custom_fields import HasCustomFields
from models.customer_parts import BLOCKS_CUSTOMER_DELETION, Account, CustomerPart, InvoiceProfile, part_table
from models.enums import ContractStatus, CustomFieldOwner, OrderStatus, Risk
from models.organisation import BusinessEntity
from models.searched import Searched, fragment_index
from models.types import Money, enum_type


class Contract(HasCustomFields, Searched, CustomerPart):
    """What a customer signed: live exactly when its invoice profile is completed. Each has an account of its own."""

    __tablename__ = "contract"
    searched_columns = ("number", "name")
    field_owner = CustomFieldOwner.CONTRACT

    number: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(200))
    account_id: Mapped[int] = mapped_column(Key)
    invoice_profile_id: Mapped[int] = mapped_column(Key)
    business_entity_id: Mapped[int | None] = mapped_column(Key, info={"label": "Business entity"})
    supplier: Mapped[str | None] = mapped_column(String(200))
    value: Mapped[Decimal | None] = mapped_column(Money, info={"label": "Value"})
    business_risk: Mapped[Risk | None] = mapped_column(enum_type(Risk, "business_risk"))
    contract_risk: Mapped[Risk | None] = mapped_column(enum_type(Risk, "contract_risk"))
    connections: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    start_date: Mapped[date]
    end_date: Mapped[date | None]
    status: Mapped[ContractStatus] = mapped_column(
        enum_type(ContractStatus, "status"), default=ContractStatus.DRAFT, server_default="Draft"
    )

    customer: Mapped[Any] = to_one("Contract.customer_id", "Customer")
    account: Mapped[Account] = to_one("Contract.account_id", "Account")
    invoice_profile: Mapped[InvoiceProfile] = to_one("Contract.invoice_profile_id", "InvoiceProfile")
    business_entity: Mapped[BusinessEntity | None] = to_one("Contract.business_entity_id", "BusinessEntity")

    __table_args__ = part_table(
        "contract",
        UniqueConstraint("organisation_id", "number"),
        UniqueConstraint("account_id"),
        tenant_foreign_key("contract", "account_id", "account"),
        tenant_foreign_key("contract", "invoice_profile_id", "invoice_profile"),
        tenant_foreign_key("contract", "business_entity_id", "business_entity"),
        CheckConstraint("value >= 0", name="value"),
        CheckConstraint("connections >= 0", name="connections"),
        CheckConstraint("end_date >= start_date", name="dates"),
        CheckConstraint("length(name) > 0", name="name"),
        Index("ix_contract_profile", "invoice_profile_id"),
        Index("ix_contract_list", "organisation_id", "status", "id"),
        fragment_index("contract"),
        ondelete=BLOCKS_CUSTOMER_DELETION,
    )

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


class CustomerOrder(Searched, CustomerPart):
    """Connections that a customer ordered, and how far their delivery is."""

    __tablename__ = "customer_order"
    searched_columns = ("number", "description")

    number: Mapped[str] = mapped_column(String(40))
    description: Mapped[str] = mapped_column(String(200))
    contract_id: Mapped[int | None] = mapped_column(Key)
    connections: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    ordered_on: Mapped[date]
    wanted_on: Mapped[date | None]
    delivered_on: Mapped[date | None]
    status: Mapped[OrderStatus] = mapped_column(
        enum_type(OrderStatus, "status"), default=OrderStatus.PLACED, server_default="placed"
    )

    customer: Mapped[Any] = to_one("CustomerOrder.customer_id", "Customer")
    contract: Mapped[Contract | None] = to_one("CustomerOrder.contract_id", "Contract")

    __table_args__ = part_table(
        "customer_order",
        UniqueConstraint("organisation_id", "number"),
        tenant_foreign_key("customer_order", "contract_id", "contract"),
        CheckConstraint("connections > 0", name="connections"),
        CheckConstraint("(status = 'delivered') = (delivered_on IS NOT NULL)", name="delivered"),
        Index("ix_customer_order_contract", "contract_id"),
        Index("ix_customer_order_list", "organisation_id", "status", "id"),
        fragment_index("customer_order"),
        ondelete=BLOCKS_CUSTOMER_DELETION,
    )

    def __str__(self) -> str:
        return f"{self.number} {self.description}"

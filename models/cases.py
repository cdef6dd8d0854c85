"""Cases: what a customer asks for, and the conversation about it."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from models.base import AssignedRow, Key, OrganisationRow, tenant_foreign_key, tenant_table, to_many, to_one
from models.customer_parts import BLOCKS_CUSTOMER_DELETION, CustomerPart, part_table
from models.enums import CaseStatus
from models.types import UtcDateTime, enum_type
from models.users import User


class CustomerCase(AssignedRow, CustomerPart):
    """A matter of a customer that somebody takes care of, from the first question to its end.

    The requester opened it: one of the staff, perhaps a visitor from another organisation, or a portal user.
    `replied_at` is when something was last written that the customer may read.
    """

    __tablename__ = "customer_case"

    number: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(200))
    status: Mapped[CaseStatus] = mapped_column(
        enum_type(CaseStatus, "status"), default=CaseStatus.OPEN, server_default="open"
    )
    assignee_id: Mapped[int | None] = mapped_column(Key)
    requester_id: Mapped[int | None] = mapped_column(ForeignKey("hub_user.id"))
    replied_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"untracked": True})
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    customer: Mapped[Any] = to_one("CustomerCase.customer_id", "Customer")
    assignee: Mapped[User | None] = to_one("CustomerCase.assignee_id", "User")
    requester: Mapped[User | None] = to_one("CustomerCase.requester_id", "User")
    notes: Mapped[list["CaseNote"]] = to_many("CaseNote", "case_id", "CustomerCase", order_by="CaseNote.id")

    __table_args__ = part_table(
        "customer_case",
        tenant_foreign_key("customer_case", "assignee_id", "hub_user"),
        UniqueConstraint("organisation_id", "number"),
        CheckConstraint("(status = 'closed') = (closed_at IS NOT NULL)", name="closed"),
        CheckConstraint("length(subject) > 0", name="subject"),
        Index("ix_customer_case_list", "organisation_id", "status", "id"),
        Index("ix_customer_case_assignee", "organisation_id", "assignee_id", "status", "id"),
        ondelete=BLOCKS_CUSTOMER_DELETION,
    )

    @property
    def is_open(self) -> bool:
        return self.status is not CaseStatus.CLOSED

    def __str__(self) -> str:
        return f"{self.number} {self.subject}"


class CaseNote(OrganisationRow):
    """A message of the conversation. The customer reads it only where it `is_visible`."""

    __tablename__ = "case_note"

    case_id: Mapped[int] = mapped_column(Key)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("hub_user.id"))
    text: Mapped[str] = mapped_column(Text)
    is_visible: Mapped[bool] = mapped_column(
        default=False, server_default=false(), info={"label": "Visible to the customer"}
    )

    case: Mapped[CustomerCase] = to_one("CaseNote.case_id", "CustomerCase", viewonly=True)
    user: Mapped[User | None] = to_one("CaseNote.user_id", "User")

    __table_args__ = tenant_table(
        tenant_foreign_key("case_note", "case_id", "customer_case", ondelete="CASCADE"),
        CheckConstraint("length(text) > 0", name="text"),
        Index("ix_case_note_case", "case_id", "id"),
    )

    def __str__(self) -> str:
        return self.text

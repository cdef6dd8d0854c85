"""Reviews of customers that were done, and the reminders that went out."""

from datetime import date
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Key, OrganisationRow, tenant_foreign_key, tenant_table, to_one
from models.customer_parts import BLOCKS_CUSTOMER_DELETION, CustomerPart, part_table
from models.enums import ReminderKind, Risk
from models.outbox import OutboxMessage
from models.types import enum_type
from models.users import User


class Review(CustomerPart):
    """A review of a customer that somebody has done. `due_on` is the due date that it answers, if any."""

    __tablename__ = "review"

    due_on: Mapped[date | None]
    done_on: Mapped[date]
    done_by_id: Mapped[int | None] = mapped_column(ForeignKey("hub_user.id"))  # perhaps a visitor
    risk: Mapped[Risk] = mapped_column(enum_type(Risk, "risk"))
    note: Mapped[str | None] = mapped_column(Text)

    customer: Mapped[Any] = to_one("Review.customer_id", "Customer")
    done_by: Mapped[User | None] = to_one("Review.done_by_id", "User")

    __table_args__ = part_table("review", UniqueConstraint("customer_id", "due_on"), ondelete=BLOCKS_CUSTOMER_DELETION)

    def __str__(self) -> str:
        return f"Review of {self.done_on.isoformat()}"


class Reminder(OrganisationRow):
    """A reminder that went to the outbox: one for each due date of a review, one for each threshold of a document.

    `document_id` is the compliance document's, which may be gone by now, and 0 for a review; `due_on` the review's due
    date or the document's expiry date; `days_before` the threshold that was crossed, 0 on the day itself and for a
    review; `as_of` the day for which the daily job ran.
    """

    __tablename__ = "reminder"

    customer_id: Mapped[int] = mapped_column(Key)
    kind: Mapped[ReminderKind] = mapped_column(enum_type(ReminderKind, "kind"))
    document_id: Mapped[int] = mapped_column(Key, default=0)
    due_on: Mapped[date]
    days_before: Mapped[int] = mapped_column(Integer, default=0)
    as_of: Mapped[date]
    message_id: Mapped[int] = mapped_column(Key)

    message: Mapped[OutboxMessage] = to_one("Reminder.message_id", "OutboxMessage")

    __table_args__ = tenant_table(
        tenant_foreign_key("reminder", "customer_id", "customer", ondelete="CASCADE"),
        tenant_foreign_key("reminder", "message_id", "outbox_message", ondelete="CASCADE"),
        UniqueConstraint("customer_id", "kind", "document_id", "due_on", "days_before"),
        CheckConstraint("days_before >= 0", name="days_before"),
        CheckConstraint("(kind = 'compliance') = (document_id > 0)", name="document"),
        Index("ix_reminder_message", "message_id"),
    )

    def __str__(self) -> str:
        return f"{self.kind.value} reminder for {self.due_on.isoformat()}"

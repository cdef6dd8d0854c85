"""Messages on their way out, with their files, and outages of the mail server."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Key, OrganisationRow, tenant_foreign_key, tenant_table, to_many, to_one
from models.enums import OutboxState
from models.organisation import StoredFile
from models.types import UtcDateTime, enum_type

FAILED_ONLY: dict[str, Any] = {f"{dialect}_where": text("state = 'failed'") for dialect in ("postgresql", "sqlite")}


class OutboxMessage(OrganisationRow):
    """A mail that is to be sent once for one reason. Written in the transaction that causes it.

    `why` is the reason in words, `answer` the mail server's when it took the mail. Where `report_on` is set,
    the customer's performance report as of that day is made and attached before the mail is sent. Until `claimed_until`
    a worker has it in hand, and nobody else sends or changes it. `failed_at` is when it failed last.
    """

    __tablename__ = "outbox_message"

    reason_key: Mapped[str] = mapped_column(String(200))
    purpose: Mapped[str] = mapped_column(String(60))
    recipient: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(250))
    text_body: Mapped[str] = mapped_column(Text)
    html_body: Mapped[str] = mapped_column(Text)
    state: Mapped[OutboxState] = mapped_column(enum_type(OutboxState, "state"), default=OutboxState.WAITING)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    claimed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(String(500))
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    customer_id: Mapped[int | None] = mapped_column(Key)
    why: Mapped[str | None] = mapped_column(String(300))
    answer: Mapped[str | None] = mapped_column(String(500))
    report_on: Mapped[date | None]

    customer: Mapped[Any] = to_one("OutboxMessage.customer_id", "Customer", viewonly=True)
    attachments: Mapped[list["OutboxAttachment"]] = to_many(
        "OutboxAttachment", "message_id", "OutboxMessage", order_by="OutboxAttachment.id"
    )

    __table_args__ = tenant_table(
        UniqueConstraint("organisation_id", "reason_key"),
        tenant_foreign_key("outbox_message", "customer_id", "customer"),
        Index("ix_outbox_message_due", "state", "next_attempt_at"),
        Index("ix_outbox_message_customer", "customer_id"),
        Index("ix_outbox_message_failed", "organisation_id", "failed_at", **FAILED_ONLY),
    )

    def __str__(self) -> str:
        return self.subject


class OutboxAttachment(OrganisationRow):
    """A file that goes with a mail."""

    __tablename__ = "outbox_attachment"

    message_id: Mapped[int] = mapped_column(Key)
    file_id: Mapped[int] = mapped_column(Key)

    file: Mapped[StoredFile] = to_one("OutboxAttachment.file_id", "StoredFile")

    __table_args__ = tenant_table(
        tenant_foreign_key("outbox_attachment", "message_id", "outbox_message", ondelete="CASCADE"),
        tenant_foreign_key("outbox_attachment", "file_id", "stored_file"),
        UniqueConstraint("message_id", "file_id"),
        Index("ix_outbox_attachment_file", "file_id"),
    )


class MailOutage(Base):
    """A mail server that does not answer: since when, and what came of the last try. Gone when it takes mail again."""

    __tablename__ = "mail_outage"

    server: Mapped[str] = mapped_column(String(260), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    tried_at: Mapped[datetime] = mapped_column(UtcDateTime)
    error: Mapped[str] = mapped_column(String(500))

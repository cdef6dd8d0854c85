"""What happened and what was said: the history of every change, and outgoing messages."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Key, OrganisationRow, same_organisation, tenant_table, to_many, to_one
from models.enums import OutboxState
from models.organisation import StoredFile
from models.types import UtcDateTime, one_of


class History(Base):
    """One change of one business row: who, when, before, after, and from which screen, job or import.

    `changes` maps a column's name to [before, after] as people read them. No foreign key leads from here: history
    outlives what it tells of.
    """

    __tablename__ = "history"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(Key)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor_id: Mapped[int | None] = mapped_column(Key)
    actor_name: Mapped[str] = mapped_column(String(200))
    source: Mapped[str] = mapped_column(String(120))
    action: Mapped[str] = mapped_column(String(60))
    table_name: Mapped[str] = mapped_column(String(60))
    row_id: Mapped[int] = mapped_column(Key)
    customer_id: Mapped[int | None] = mapped_column(Key)
    title: Mapped[str] = mapped_column(String(200))
    changes: Mapped[dict[str, Any]] = mapped_column(JSON)
    reason: Mapped[str | None] = mapped_column(Text)

    def __str__(self) -> str:
        return f"{self.title}: {self.action}"

    __table_args__ = (
        Index("ix_history_organisation", "organisation_id", "id"),
        Index("ix_history_customer", "organisation_id", "customer_id", "id"),
        Index("ix_history_row", "table_name", "row_id", "id"),
    )


class OutboxMessage(OrganisationRow):
    """A mail that is to be sent once for one reason. Written in the transaction that causes it.

    `why` tells the reason in words, `answer` what the mail server said when it took the mail. Where `report_on` is set,
    the customer's performance report as of that day is made and attached before the mail is sent. Until `claimed_until`
    a worker has it in hand, and nobody else sends or changes it.
    """

    __tablename__ = "outbox_message"

    reason_key: Mapped[str] = mapped_column(String(200))
    purpose: Mapped[str] = mapped_column(String(60))
    recipient: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(250))
    text_body: Mapped[str] = mapped_column(Text)
    html_body: Mapped[str] = mapped_column(Text)
    state: Mapped[OutboxState] = mapped_column(one_of(OutboxState, "state"), default=OutboxState.WAITING)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    claimed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str | None] = mapped_column(String(500))
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
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
        same_organisation("outbox_message", "customer_id", "customer"),
        Index("ix_outbox_message_due", "state", "next_attempt_at"),
        Index("ix_outbox_message_customer", "customer_id"),
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
        same_organisation("outbox_attachment", "message_id", "outbox_message", ondelete="CASCADE"),
        same_organisation("outbox_attachment", "file_id", "stored_file"),
        UniqueConstraint("message_id", "file_id"),
        Index("ix_outbox_attachment_file", "file_id"),
    )


class MailOutage(Base):
    """A mail server that does not answer: since when, and what came of the last try. Gone when it takes mail again."""

    __tablename__ = "mail_outage"

    server: Mapped[str] = mapped_column(String(260), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    tried_at: Mapped[datetime] = mapped_column(UtcDateTime)
    told: Mapped[str] = mapped_column(String(500))


class PeriodicRun(Base):
    """The last run of one job of the schedule, by the job's name. `told` is what came of it, in words."""

    __tablename__ = "periodic_run"

    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    succeeded: Mapped[bool | None]
    told: Mapped[str | None] = mapped_column(String(500))


class UsedForm(Base):
    """A form that was sent and saved. A second sending of it finds its token here and changes nothing.

    `content` is a fingerprint of what was sent, `led_to` the address that the sender was led on to.
    """

    __tablename__ = "used_form"

    token: Mapped[str] = mapped_column(String(64), primary_key=True)
    content: Mapped[str] = mapped_column(String(64))
    led_to: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (Index("ix_used_form_created_at", "created_at"),)


class EndedSession(Base):
    """A session that somebody ended by signing out. Its cookie may still be about, and signs nobody in."""

    __tablename__ = "ended_session"

    mark: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (Index("ix_ended_session_created_at", "created_at"),)

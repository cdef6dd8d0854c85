"""What has to be decided, what must not be approved, and what people must be warned of."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    and_,
    event,
    or_,
    text,
)
from sqlalchemy.orm import Mapped, Mapper, mapped_column

from models.base import Key, OrganisationRow, same_organisation, tenant_table, to_many, to_one
from models.customer import Customer
from models.enums import AlertRule, Severity, TaskKind, TaskState
from models.keys import number_key
from models.people import User
from models.types import UtcDateTime, one_of

ONE_OPEN: dict[str, Any] = {"postgresql_where": text("state = 'open'"), "sqlite_where": text("state = 'open'")}
ONE_A_RULE: dict[str, Any] = {
    "postgresql_where": text("closed_at IS NULL AND rule IS NOT NULL"),
    "sqlite_where": text("closed_at IS NULL AND rule IS NOT NULL"),
}


class ApprovalTask(OrganisationRow):
    """One decision that is asked for, from the request to its outcome.

    `proposal` holds what is proposed: {column: [before, after]} of a particulars update, the terms of a blacklisting.
    The requester and whoever works on it may be visitors from another organisation.
    """

    __tablename__ = "approval_task"

    kind: Mapped[TaskKind] = mapped_column(one_of(TaskKind, "kind"))
    customer_id: Mapped[int | None] = mapped_column(Key)
    subject: Mapped[str] = mapped_column(String(200))
    requester_id: Mapped[int | None] = mapped_column(ForeignKey("hub_user.id"))
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("hub_user.id"))
    state: Mapped[TaskState] = mapped_column(one_of(TaskState, "state"), default=TaskState.OPEN)
    due_on: Mapped[date | None]
    proposal: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    waits_for_requester: Mapped[bool] = mapped_column(default=False)
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("hub_user.id"))

    customer: Mapped[Customer | None] = to_one("ApprovalTask.customer_id", "Customer")
    requester: Mapped[User | None] = to_one("ApprovalTask.requester_id", "User")
    assignee: Mapped[User | None] = to_one("ApprovalTask.assignee_id", "User")
    decided_by: Mapped[User | None] = to_one("ApprovalTask.decided_by_id", "User")
    comments: Mapped[list["TaskComment"]] = to_many("TaskComment", "task_id", "ApprovalTask", order_by="TaskComment.id")

    __table_args__ = tenant_table(
        same_organisation("approval_task", "customer_id", "customer", ondelete="CASCADE"),
        CheckConstraint("(state = 'open') = (decided_at IS NULL)", name="decided"),
        CheckConstraint("customer_id IS NOT NULL OR kind IN ('blacklist', 'blacklist removal')", name="customer"),
        Index("uq_approval_task_open", "customer_id", "kind", unique=True, **ONE_OPEN),
        Index("ix_approval_task_queue", "organisation_id", "state", "due_on", "id"),
        Index("ix_approval_task_assignee", "organisation_id", "assignee_id", "state", "due_on", "id"),
        Index("ix_approval_task_customer", "customer_id", "id"),
        Index("ix_approval_task_requester", "requester_id", "id"),
    )

    @property
    def is_open(self) -> bool:
        return self.state is TaskState.OPEN

    def __str__(self) -> str:
        return f"{self.subject}: {self.kind.value}"


class TaskComment(OrganisationRow):
    """What somebody said about a task."""

    __tablename__ = "task_comment"

    task_id: Mapped[int] = mapped_column(Key)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("hub_user.id"))
    text: Mapped[str] = mapped_column(Text)

    user: Mapped[User | None] = to_one("TaskComment.user_id", "User")

    __table_args__ = tenant_table(
        same_organisation("task_comment", "task_id", "approval_task", ondelete="CASCADE"),
        Index("ix_task_comment_task", "task_id", "id"),
    )

    def __str__(self) -> str:
        return self.text


class BlacklistEntry(OrganisationRow):
    """Somebody whom we must not approve, contract or reinstate: a customer, or whoever has one of these numbers."""

    __tablename__ = "blacklist_entry"

    name: Mapped[str] = mapped_column(String(200))
    customer_id: Mapped[int | None] = mapped_column(Key)
    identity_number: Mapped[str | None] = mapped_column(String(40))
    registration_number: Mapped[str | None] = mapped_column(String(40))
    identity_key: Mapped[str | None] = mapped_column(String(80), info={"untracked": True})
    registration_key: Mapped[str | None] = mapped_column(String(80), info={"untracked": True})
    reason: Mapped[str] = mapped_column(Text)
    valid_until: Mapped[date | None] = mapped_column(info={"help": "The last day. Blank: until it is removed"})
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    removal_reason: Mapped[str | None] = mapped_column(Text)

    customer: Mapped[Customer | None] = to_one("BlacklistEntry.customer_id", "Customer")

    __table_args__ = tenant_table(
        same_organisation("blacklist_entry", "customer_id", "customer"),
        CheckConstraint(
            "customer_id IS NOT NULL OR identity_key IS NOT NULL OR registration_key IS NOT NULL", name="who"
        ),
        Index("ix_blacklist_entry_identity", "organisation_id", "identity_key"),
        Index("ix_blacklist_entry_registration", "organisation_id", "registration_key"),
        Index("ix_blacklist_entry_customer", "customer_id"),
    )

    @classmethod
    def holds(cls, as_of: date) -> ColumnElement[bool]:
        """The condition that an entry holds on a day."""
        return and_(cls.removed_at.is_(None), or_(cls.valid_until.is_(None), cls.valid_until >= as_of))

    def __str__(self) -> str:
        return self.name


@event.listens_for(BlacklistEntry, "before_insert")
@event.listens_for(BlacklistEntry, "before_update")
def _keep_keys(_mapper: Mapper[BlacklistEntry], _connection: Any, entry: BlacklistEntry) -> None:
    entry.identity_key = number_key(entry.identity_number)
    entry.registration_key = number_key(entry.registration_number)


class Alert(OrganisationRow):
    """Something that whoever deals with a customer must know, raised by hand or by a rule."""

    __tablename__ = "alert"

    customer_id: Mapped[int] = mapped_column(Key)
    type_id: Mapped[int | None] = mapped_column(Key)
    rule: Mapped[AlertRule | None] = mapped_column(one_of(AlertRule, "rule"))
    severity: Mapped[Severity] = mapped_column(one_of(Severity, "severity"), default=Severity.WARNING)
    text: Mapped[str] = mapped_column(String(500))
    valid_until: Mapped[date | None] = mapped_column(info={"help": "The last day. Blank: until it is closed"})
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    customer: Mapped[Customer] = to_one("Alert.customer_id", "Customer")
    type: Mapped[Any] = to_one("Alert.type_id", "CatalogItem")

    __table_args__ = tenant_table(
        same_organisation("alert", "customer_id", "customer", ondelete="CASCADE"),
        same_organisation("alert", "type_id", "catalog_item"),
        Index("uq_alert_rule", "customer_id", "rule", unique=True, **ONE_A_RULE),
        Index("ix_alert_customer", "customer_id", "closed_at"),
        Index("ix_alert_open", "organisation_id", "closed_at", "severity", "id"),
    )

    def __str__(self) -> str:
        return self.text


class MergedCustomer(OrganisationRow):
    """The way from a customer that was merged away to the one that took its place."""

    __tablename__ = "merged_customer"

    old_id: Mapped[int] = mapped_column(Key)
    into_id: Mapped[int] = mapped_column(Key)
    name: Mapped[str] = mapped_column(String(200))
    account_number: Mapped[str] = mapped_column(String(40))
    reference: Mapped[str | None] = mapped_column(String(40))

    into: Mapped[Customer] = to_one("MergedCustomer.into_id", "Customer")

    __table_args__ = tenant_table(
        UniqueConstraint("organisation_id", "old_id"),
        same_organisation("merged_customer", "into_id", "customer", ondelete="CASCADE"),
        Index("ix_merged_customer_into", "into_id"),
    )

    def __str__(self) -> str:
        return self.name

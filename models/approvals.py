"""Approval tasks, the blacklist and alerts."""

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
    or_,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, validates

from models.base import AssignedRow, Key, OrganisationRow, tenant_foreign_key, tenant_table, to_many, to_one
from models.customer import Customer
from models.enums import AlertRule, Severity, TaskKind, TaskState
from models.keys import exact_key, number_key
from models.organisation import StoredFile
from models.types import UtcDateTime, enum_type
from models.users import User

OPEN_TASKS_ONLY: dict[str, Any] = {"postgresql_where": text("state = 'open'"), "sqlite_where": text("state = 'open'")}
OPEN_RULE_ALERTS_ONLY: dict[str, Any] = {
    "postgresql_where": text("closed_at IS NULL AND rule IS NOT NULL"),
    "sqlite_where": text("closed_at IS NULL AND rule IS NOT NULL"),
}
OVERDUE_REVIEWS_ONLY: dict[str, Any] = {
    "postgresql_where": text("closed_at IS NULL AND rule = 'review overdue'"),
    "sqlite_where": text("closed_at IS NULL AND rule = 'review overdue'"),
}


class ApprovalTask(AssignedRow, OrganisationRow):
    """One decision that is asked for, from the request to its outcome.

    `proposal` holds what is proposed: {column: [before, after]} of a particulars update, the terms of a blacklisting.
    The requester and the assignee may be visitors from another organisation.
    """

    __tablename__ = "approval_task"

    kind: Mapped[TaskKind] = mapped_column(enum_type(TaskKind, "kind"))
    customer_id: Mapped[int | None] = mapped_column(Key)
    subject: Mapped[str] = mapped_column(String(200))
    requester_id: Mapped[int | None] = mapped_column(ForeignKey("hub_user.id"))
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("hub_user.id"))
    state: Mapped[TaskState] = mapped_column(enum_type(TaskState, "state"), default=TaskState.OPEN)
    due_on: Mapped[date | None]
    proposal: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    waits_for_requester: Mapped[bool] = mapped_column(default=False)
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("hub_user.id"))

    customer: Mapped[Customer | None] = to_one("ApprovalTask.customer_id", "Customer")
    requester: Mapped[User | None] = to_one("ApprovalTask.requester_id", "User")
    assignee: Mapped[User | None] = to_one("ApprovalTask.assignee_id", "User")
    decided_by: Mapped[User | None] = to_one("ApprovalTask.decided_by_id", "User")
    files: Mapped[list["TaskFile"]] = to_many("TaskFile", "task_id", "ApprovalTask", order_by="TaskFile.id")
    comments: Mapped[list["TaskComment"]] = to_many("TaskComment", "task_id", "ApprovalTask", order_by="TaskComment.id")

    __table_args__ = tenant_table(
        tenant_foreign_key("approval_task", "customer_id", "customer", ondelete="CASCADE"),
        CheckConstraint("(state = 'open') = (decided_at IS NULL)", name="decided"),
        CheckConstraint("customer_id IS NOT NULL OR kind IN ('blacklist', 'blacklist removal')", name="customer"),
        Index("uq_approval_task_open", "customer_id", "kind", unique=True, **OPEN_TASKS_ONLY),
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
    """A comment on a task."""

    __tablename__ = "task_comment"

    task_id: Mapped[int] = mapped_column(Key)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("hub_user.id"))
    text: Mapped[str] = mapped_column(Text)

    user: Mapped[User | None] = to_one("TaskComment.user_id", "User")

    __table_args__ = tenant_table(
        tenant_foreign_key("task_comment", "task_id", "approval_task", ondelete="CASCADE"),
        Index("ix_task_comment_task", "task_id", "id"),
    )

    def __str__(self) -> str:
        return self.text


class TaskFile(OrganisationRow):
    """What a decision rests on, such as the report of a credit check; for the staff alone."""

    __tablename__ = "task_file"

    task_id: Mapped[int] = mapped_column(Key)
    file_id: Mapped[int] = mapped_column(Key)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("hub_user.id"))
    note: Mapped[str | None] = mapped_column(String(200))

    file: Mapped[StoredFile | None] = to_one("TaskFile.file_id", "StoredFile")
    user: Mapped[User | None] = to_one("TaskFile.user_id", "User")

    __table_args__ = tenant_table(
        tenant_foreign_key("task_file", "task_id", "approval_task", ondelete="CASCADE"),
        tenant_foreign_key("task_file", "file_id", "stored_file"),
        UniqueConstraint("file_id"),
        Index("ix_task_file_task", "task_id", "id"),
    )

    def __str__(self) -> str:
        return self.file.name if self.file is not None else self.note or "file"  # it may be new


class BlacklistEntry(OrganisationRow):
    """A customer, or anybody with one of these numbers, that must not be approved, contracted or reinstated."""

    __tablename__ = "blacklist_entry"

    name: Mapped[str] = mapped_column(String(200))
    customer_id: Mapped[int | None] = mapped_column(Key)
    identity_number: Mapped[str | None] = mapped_column(String(40))
    registration_number: Mapped[str | None] = mapped_column(String(40))
    identity_key: Mapped[str | None] = mapped_column(String(80), info={"untracked": True})
    registration_key: Mapped[str | None] = mapped_column(String(80), info={"untracked": True})
    reason: Mapped[str] = mapped_column(Text)
    valid_until: Mapped[date | None] = mapped_column(info={"help": "Last valid day. Leave blank for open-ended"})
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    removal_reason: Mapped[str | None] = mapped_column(Text)

    customer: Mapped[Customer | None] = to_one("BlacklistEntry.customer_id", "Customer")

    __table_args__ = tenant_table(
        tenant_foreign_key("blacklist_entry", "customer_id", "customer"),
        CheckConstraint(
            "customer_id IS NOT NULL OR identity_key IS NOT NULL OR registration_key IS NOT NULL", name="who"
        ),
        Index("ix_blacklist_entry_identity", "organisation_id", "identity_key"),
        Index("ix_blacklist_entry_registration", "organisation_id", "registration_key"),
        Index("ix_blacklist_entry_customer", "customer_id"),
    )

    @classmethod
    def is_active_on(cls, as_of: date) -> ColumnElement[bool]:
        """The condition that an entry holds on a day."""
        return and_(cls.removed_at.is_(None), or_(cls.valid_until.is_(None), cls.valid_until >= as_of))

    def update_derived_columns(self) -> None:
        self.identity_key = number_key(self.identity_number)
        self.registration_key = number_key(self.registration_number)

    def __str__(self) -> str:
        return self.name


class Alert(OrganisationRow):
    """A warning about a customer, raised by staff or by a rule."""

    __tablename__ = "alert"

    customer_id: Mapped[int] = mapped_column(Key)
    type_id: Mapped[int | None] = mapped_column(Key, info={"label": "Alert type"})
    rule: Mapped[AlertRule | None] = mapped_column(enum_type(AlertRule, "rule"))
    severity: Mapped[Severity] = mapped_column(enum_type(Severity, "severity"), default=Severity.WARNING)
    text: Mapped[str] = mapped_column(String(500))
    valid_until: Mapped[date | None] = mapped_column(info={"help": "Last valid day. Leave blank for open-ended"})
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    customer: Mapped[Customer] = to_one("Alert.customer_id", "Customer")
    type: Mapped[Any] = to_one("Alert.type_id", "CatalogItem")

    __table_args__ = tenant_table(
        tenant_foreign_key("alert", "customer_id", "customer", ondelete="CASCADE"),
        tenant_foreign_key("alert", "type_id", "catalog_item"),
        Index("uq_alert_rule", "customer_id", "rule", unique=True, **OPEN_RULE_ALERTS_ONLY),
        Index("ix_alert_customer", "customer_id", "closed_at"),
        Index("ix_alert_open", "organisation_id", "closed_at", "severity", "id"),
        Index("ix_alert_review", "organisation_id", "created_at", **OVERDUE_REVIEWS_ONLY),
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
    reference_key: Mapped[str | None] = mapped_column(String(80))

    into: Mapped[Customer] = to_one("MergedCustomer.into_id", "Customer")

    __table_args__ = tenant_table(
        UniqueConstraint("organisation_id", "old_id"),
        tenant_foreign_key("merged_customer", "into_id", "customer", ondelete="CASCADE"),
        Index("ix_merged_customer_into", "into_id"),
        Index("ix_merged_customer_reference", "organisation_id", "reference_key"),
    )

    @validates("reference")
    def _update_reference_key(self, _name: str, value: str | None) -> str | None:
        self.reference_key = exact_key(value)
        return value

    def __str__(self) -> str:
        return self.name

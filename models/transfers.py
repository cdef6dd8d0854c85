"""Imports and exports as they are worked through."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    String,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Key, OrganisationRow, tenant_foreign_key, tenant_table, to_one
from models.enums import RowOutcome, TransferState
from models.organisation import StoredFile
from models.types import UtcDateTime, enum_type
from models.users import User

LEASE_DURATION = timedelta(minutes=5)  # longer than any worker is silent


class CustomerImport(OrganisationRow):
    """A workbook of customers: checked, shown, confirmed, and perhaps reverted.

    `acting_user_id` is who confirmed or reverted it: what it does is done in their name.
    """

    __tablename__ = "customer_import"

    user_id: Mapped[int] = mapped_column(ForeignKey("hub_user.id"))  # perhaps a visitor from another organisation
    acting_user_id: Mapped[int | None] = mapped_column(ForeignKey("hub_user.id"))
    file_id: Mapped[int] = mapped_column(Key)
    file_name: Mapped[str] = mapped_column(String(255))
    state: Mapped[TransferState] = mapped_column(enum_type(TransferState, "state"), default=TransferState.QUEUED)
    good_rows_only: Mapped[bool] = mapped_column(default=False)
    total_rows: Mapped[int | None] = mapped_column(Integer)
    done_rows: Mapped[int] = mapped_column(Integer, default=0)
    new_rows: Mapped[int] = mapped_column(Integer, default=0)
    changed_rows: Mapped[int] = mapped_column(Integer, default=0)
    unchanged_rows: Mapped[int] = mapped_column(Integer, default=0)
    error_rows: Mapped[int] = mapped_column(Integer, default=0)
    ignored_columns: Mapped[list[str]] = mapped_column(JSON, default=list)
    problem: Mapped[str | None] = mapped_column(String(500))
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    claimed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)  # as long as a worker has it

    user: Mapped[User] = to_one("CustomerImport.user_id", "User")
    file: Mapped[StoredFile] = to_one("CustomerImport.file_id", "StoredFile")

    __table_args__ = tenant_table(
        tenant_foreign_key("customer_import", "file_id", "stored_file"),
        CheckConstraint("done_rows >= 0", name="done_rows"),
    )

    def __str__(self) -> str:
        return self.file_name


class ImportRow(Base):
    """What became of one row of a workbook: of the sheet of customers, or, where it `is_account`, of that of accounts.

    `cells` holds what was read, by column; `changes` [before, after] of each changed column; `errors` the reason
    of each refused cell. `undo` is what a revert needs: the column values before the import.
    """

    __tablename__ = "import_row"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    import_id: Mapped[int] = mapped_column(ForeignKey("customer_import.id", ondelete="CASCADE"))
    is_account: Mapped[bool] = mapped_column(default=False, server_default=false())
    row_number: Mapped[int] = mapped_column(Integer)
    outcome: Mapped[RowOutcome] = mapped_column(enum_type(RowOutcome, "outcome"))
    reference: Mapped[str | None] = mapped_column(String(255))
    name: Mapped[str | None] = mapped_column(String(255))
    customer_id: Mapped[int | None] = mapped_column(Key)
    cells: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    changes: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    errors: Mapped[list[dict[str, str]] | None] = mapped_column(JSON)
    undo: Mapped[dict[str, Any] | None] = mapped_column(JSON)

    __table_args__ = (
        UniqueConstraint("import_id", "is_account", "row_number"),
        Index("ix_import_row_outcome", "import_id", "outcome", "is_account", "row_number"),
    )


class ListExport(OrganisationRow):
    """A list, a document such as a customer's report, or an archive of documents, written to a file by a job."""

    __tablename__ = "list_export"

    user_id: Mapped[int] = mapped_column(ForeignKey("hub_user.id"))  # perhaps a visitor from another organisation
    screen: Mapped[str] = mapped_column(String(60))
    title: Mapped[str] = mapped_column(String(120))
    query: Mapped[dict[str, Any]] = mapped_column(JSON)
    format: Mapped[str] = mapped_column(String(4))
    state: Mapped[TransferState] = mapped_column(enum_type(TransferState, "state"), default=TransferState.QUEUED)
    total_rows: Mapped[int | None] = mapped_column(Integer)
    done_rows: Mapped[int] = mapped_column(Integer, default=0)
    file_id: Mapped[int | None] = mapped_column(Key)
    problem: Mapped[str | None] = mapped_column(String(500))
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    claimed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)  # as long as a worker has it

    user: Mapped[User] = to_one("ListExport.user_id", "User")
    file: Mapped[StoredFile | None] = to_one("ListExport.file_id", "StoredFile")

    __table_args__ = tenant_table(
        tenant_foreign_key("list_export", "file_id", "stored_file"),
        CheckConstraint("format IN ('csv', 'xlsx', 'pdf', 'zip')", name="format"),
    )

    def __str__(self) -> str:
        return self.title

"""Operations on many rows, as they are worked through: by a job, or at once where they can be undone."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Key, OrganisationRow, tenant_foreign_key, tenant_table, to_one
from models.enums import RunOutcome, TransferState
from models.types import UtcDateTime, enum_type
from models.users import User


class OperationRun(OrganisationRow):
    """One operation on the rows of a screen, chosen when it was started.

    `entries` are the fields of its form as they were sent, [name, value] each; `address` is the query of the list that
    it was started from. `noun` and `past_tense` say what came of it: "2 customers deleted". `undone_run_id` is the run
    whose changes it takes back. Of `done_rows`, those that were worked through, some were left unchanged or refused.
    """

    __tablename__ = "operation_run"

    user_id: Mapped[int] = mapped_column(ForeignKey("hub_user.id"))  # perhaps a visitor from another organisation
    screen: Mapped[str] = mapped_column(String(60))
    operation: Mapped[str] = mapped_column(String(60))
    title: Mapped[str] = mapped_column(String(200))
    noun: Mapped[str] = mapped_column(String(60))
    past_tense: Mapped[str] = mapped_column(String(60))
    address: Mapped[str] = mapped_column(Text)
    entries: Mapped[list[list[str]]] = mapped_column(JSON)
    undone_run_id: Mapped[int | None] = mapped_column(Key)
    state: Mapped[TransferState] = mapped_column(enum_type(TransferState, "state"), default=TransferState.QUEUED)
    total_rows: Mapped[int] = mapped_column(Integer, default=0)
    done_rows: Mapped[int] = mapped_column(Integer, default=0)
    unchanged_rows: Mapped[int] = mapped_column(Integer, default=0)
    refused_rows: Mapped[int] = mapped_column(Integer, default=0)
    problem: Mapped[str | None] = mapped_column(String(500))
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    claimed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)  # as long as a worker has it

    user: Mapped[User] = to_one("OperationRun.user_id", "User")

    __table_args__ = tenant_table(
        tenant_foreign_key("operation_run", "undone_run_id", "operation_run"),
        CheckConstraint("done_rows <= total_rows", name="done_rows"),
        CheckConstraint("unchanged_rows + refused_rows <= done_rows", name="outcomes"),
        Index("ix_operation_run_undone", "undone_run_id"),
    )

    @property
    def changed_rows(self) -> int:
        """How many rows it was done to."""
        return self.done_rows - self.unchanged_rows - self.refused_rows

    def __str__(self) -> str:
        return self.title


class OperationRunRow(Base):
    """One of the rows of a run, and what became of it; without an outcome it is still to be done.

    `seen_version` is the row's version when the run was started: in another one it is refused. `undo` is what taking
    back needs: the version that the run left, and [before, after] of each field that it changed.
    """

    __tablename__ = "operation_run_row"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("operation_run.id", ondelete="CASCADE"))
    row_id: Mapped[int] = mapped_column(Key)  # of whichever table the screen shows
    seen_version: Mapped[int] = mapped_column(Integer)
    label: Mapped[str | None] = mapped_column(String(200))
    outcome: Mapped[RunOutcome | None] = mapped_column(enum_type(RunOutcome, "outcome"))
    message: Mapped[str | None] = mapped_column(String(500))
    undo: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))

    __table_args__ = (
        UniqueConstraint("run_id", "row_id"),
        Index("ix_operation_run_row_outcome", "run_id", "outcome", "id"),
    )

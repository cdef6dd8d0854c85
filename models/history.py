"""The history of every change."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Key
from models.types import UtcDateTime


class History(Base):
    """One change of one business row: who, when, before, after, and from which screen, job or import.

    `changes` maps a column's name to [before, after] as shown to users. No foreign key leads from here: the history
    outlives the rows that it records.
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

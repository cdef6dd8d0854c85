"""The runs of scheduled jobs."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base
from models.types import UtcDateTime


class PeriodicRun(Base):
    """The last run of one job of the schedule, by the job's name. `message` is its result in words; `failed_since` when
    the first of the runs failed that have failed since one succeeded.
    """

    __tablename__ = "periodic_run"

    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    succeeded: Mapped[bool | None]
    failed_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    message: Mapped[str | None] = mapped_column(String(500))

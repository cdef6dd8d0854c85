"""Forms that were sent and sessions that were ended, so that neither is used again."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base
from models.types import UtcDateTime


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

"""What people write down about a customer and attach to it."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import AssignedRow, Key, OrganisationRow, tenant_foreign_key, tenant_table, to_many, to_one
from models.contracts import Contract
from models.customer_parts import CustomerPart, part_table
from models.organisation import StoredFile
from models.types import UtcDateTime
from models.users import User

OPEN_FOLLOW_UPS: dict[str, Any] = {
    f"{dialect}_where": text("follow_up_on IS NOT NULL AND done_at IS NULL") for dialect in ("postgresql", "sqlite")
}
UNSEEN_MENTIONS: dict[str, Any] = {f"{dialect}_where": text("seen_at IS NULL") for dialect in ("postgresql", "sqlite")}
TITLE_LENGTH = 80  # characters of a note that stand for it where it is named


class Note(AssignedRow, CustomerPart):
    """A note of the staff about a customer. One with a `follow_up_on` is to be followed up on that day by its
    `assignee`, or by anybody where it has none, until it is done.

    Author and assignee may be visitors from another organisation.
    """

    __tablename__ = "note"

    text: Mapped[str] = mapped_column(Text, info={"label": "Note", "max_length": 10_000})
    author_id: Mapped[int | None] = mapped_column(ForeignKey("hub_user.id"))
    follow_up_on: Mapped[date | None] = mapped_column(info={"label": "Follow up on"})
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("hub_user.id"))
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    done_by_id: Mapped[int | None] = mapped_column(ForeignKey("hub_user.id"))

    customer: Mapped[Any] = to_one("Note.customer_id", "Customer")
    author: Mapped[User | None] = to_one("Note.author_id", "User")
    assignee: Mapped[User | None] = to_one("Note.assignee_id", "User")
    done_by: Mapped[User | None] = to_one("Note.done_by_id", "User")
    mentions: Mapped[list["NoteMention"]] = to_many("NoteMention", "note_id", "Note", order_by="NoteMention.id")

    __table_args__ = part_table(
        "note",
        CheckConstraint("follow_up_on IS NOT NULL OR (assignee_id IS NULL AND done_at IS NULL)", name="follow_up"),
        CheckConstraint("length(text) > 0", name="text"),
        Index("ix_note_follow_up", "organisation_id", "assignee_id", "follow_up_on", **OPEN_FOLLOW_UPS),
    )

    @property
    def has_open_follow_up(self) -> bool:
        return self.follow_up_on is not None and self.done_at is None

    def __str__(self) -> str:
        first_line = self.text.partition("\n")[0]
        return first_line if len(first_line) <= TITLE_LENGTH else f"{first_line[: TITLE_LENGTH - 1]}…"


class NoteMention(OrganisationRow):
    """A colleague who is named in a note, and when they have seen it."""

    __tablename__ = "note_mention"

    note_id: Mapped[int] = mapped_column(Key)
    user_id: Mapped[int] = mapped_column(Key)
    seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    note: Mapped[Note] = to_one("NoteMention.note_id", "Note", viewonly=True)
    user: Mapped[User] = to_one("NoteMention.user_id", "User")

    __table_args__ = tenant_table(
        tenant_foreign_key("note_mention", "note_id", "note", ondelete="CASCADE"),
        tenant_foreign_key("note_mention", "user_id", "hub_user", ondelete="CASCADE"),
        UniqueConstraint("note_id", "user_id"),
        Index("ix_note_mention_unseen", "user_id", "organisation_id", "id", **UNSEEN_MENTIONS),
    )


class Attachment(CustomerPart):
    """A file of any type that staff keep with a customer, or with one of its contracts."""

    __tablename__ = "attachment"

    contract_id: Mapped[int | None] = mapped_column(Key)
    file_id: Mapped[int] = mapped_column(Key)
    name: Mapped[str] = mapped_column(String(255), info={"label": "File name"})
    description: Mapped[str | None] = mapped_column(String(500))
    uploaded_by_id: Mapped[int | None] = mapped_column(ForeignKey("hub_user.id"))

    customer: Mapped[Any] = to_one("Attachment.customer_id", "Customer")
    contract: Mapped[Contract | None] = to_one("Attachment.contract_id", "Contract")
    file: Mapped[StoredFile] = to_one("Attachment.file_id", "StoredFile")
    uploaded_by: Mapped[User | None] = to_one("Attachment.uploaded_by_id", "User")

    __table_args__ = part_table(
        "attachment",
        tenant_foreign_key("attachment", "contract_id", "contract", ondelete="CASCADE"),
        tenant_foreign_key("attachment", "file_id", "stored_file"),
        UniqueConstraint("file_id"),
        CheckConstraint("length(name) > 0", name="name"),
        Index("ix_attachment_contract", "contract_id"),
    )

    def __str__(self) -> str:
        return self.name

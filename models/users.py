"""Users, and their saved views and preferences."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, Integer, String, UniqueConstraint, false, true
from sqlalchemy.orm import Mapped, mapped_column, validates

from models.base import (
    Base,
    Key,
    KeyedByCode,
    KeyedByName,
    OrganisationRow,
    tenant_foreign_key,
    tenant_table,
    to_one,
)
from models.enums import Role
from models.keys import exact_key
from models.types import UtcDateTime, enum_type, sorted_text


class Dealer(KeyedByCode, OrganisationRow):
    """A partner company. Its users see the customers that carry its code, and no others."""

    __tablename__ = "dealer"

    code: Mapped[str] = mapped_column(String(40))
    code_key: Mapped[str] = mapped_column(sorted_text(80), info={"untracked": True})
    name: Mapped[str] = mapped_column(String(200))
    active: Mapped[bool] = mapped_column(default=True)

    __table_args__ = tenant_table(UniqueConstraint("organisation_id", "code_key"))

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class User(OrganisationRow):
    """A person who signs in, with one role in one organisation.

    `link_until` is until when the last one-time link works that was made of the present sign-in epoch;
    `made_with_customer` marks a portal user that was created automatically with its customer;
    `notify_by_email` is whether they get mails about what colleagues mention or assign to them, `daily_digest` whether
    they get one every morning about all work that waits for them.
    """

    __tablename__ = "hub_user"

    email: Mapped[str] = mapped_column(String(254))
    email_key: Mapped[str] = mapped_column(String(254), unique=True, info={"untracked": True})
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[Role] = mapped_column(enum_type(Role, "role"))
    active: Mapped[bool] = mapped_column(default=True)
    password_hash: Mapped[str | None] = mapped_column(String(200), info={"secret": True})
    sign_in_epoch: Mapped[int] = mapped_column(Integer, default=0, server_default="0", info={"untracked": True})
    last_sign_in_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"untracked": True})
    link_until: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"untracked": True})
    data_protection: Mapped[bool] = mapped_column(
        default=False,
        info={"help": "Reserved for deleting personal data; no action uses it yet. Not included in any role"},
    )
    platform: Mapped[bool] = mapped_column(
        default=False, info={"help": "May create organisations and switch between them"}
    )
    dealer_id: Mapped[int | None] = mapped_column(Key)
    customer_id: Mapped[int | None] = mapped_column(Key)
    portal_permissions: Mapped[list[str]] = mapped_column(JSON, default=list)
    made_with_customer: Mapped[bool] = mapped_column(default=False, server_default=false(), info={"untracked": True})
    single_key_shortcuts: Mapped[bool] = mapped_column(default=True, server_default=true())

    notify_by_email: Mapped[bool] = mapped_column(default=True, server_default=true())
    daily_digest: Mapped[bool] = mapped_column(default=False, server_default=false())

    dealer: Mapped[Dealer | None] = to_one("User.dealer_id", "Dealer")
    customer: Mapped[Any] = to_one("User.customer_id", "Customer")

    __table_args__ = tenant_table(
        tenant_foreign_key("hub_user", "dealer_id", "dealer"),
        tenant_foreign_key("hub_user", "customer_id", "customer", use_alter=True),
        CheckConstraint("(role = 'partner') = (dealer_id IS NOT NULL)", name="partner_has_dealer"),
        CheckConstraint("(role = 'customer') = (customer_id IS NOT NULL)", name="customer_has_record"),
        Index("ix_hub_user_role", "organisation_id", "role", "name"),
        Index("ix_hub_user_customer", "customer_id"),
    )

    @validates("email")
    def _update_email_key(self, _name: str, value: str) -> str:
        self.email_key = exact_key(value) or ""
        return value

    def __str__(self) -> str:
        return self.name


class SavedView(KeyedByName, Base):
    """A named set of filters of one list, kept by one person and, where it is `shared_with` an organisation, offered to
    everybody there who may open the list.
    """

    __tablename__ = "saved_view"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("hub_user.id", ondelete="CASCADE"))
    screen: Mapped[str] = mapped_column(String(60), info={"label": "List"})
    name: Mapped[str] = mapped_column(String(60))
    name_key: Mapped[str] = mapped_column(sorted_text(120))
    query: Mapped[str] = mapped_column(String(2000), info={"label": "Filters and sorting"})
    shared_with_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"))

    __table_args__ = (
        UniqueConstraint("user_id", "screen", "name"),
        UniqueConstraint("shared_with_id", "screen", "name_key"),
    )


class ListPreference(Base):
    """The columns, the filters that always stand above the list, and the page size that one person chose for it.

    `export_presets` are the sets of columns that they keep for exports: [{"name": …, "columns": […]}, …].
    """

    __tablename__ = "list_preference"

    user_id: Mapped[int] = mapped_column(ForeignKey("hub_user.id", ondelete="CASCADE"), primary_key=True)
    screen: Mapped[str] = mapped_column(String(60), primary_key=True)
    columns: Mapped[list[str] | None] = mapped_column(JSON)
    filters: Mapped[list[str] | None] = mapped_column(JSON)
    page_size: Mapped[int | None] = mapped_column(Integer)
    export_presets: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON)


class WorkVisit(Base):
    """When one person last looked at the work that waits for them in an organisation: what came later is unread.

    `seen_on` is the organisation's day then, `documents_until` the last day on which a document could expire that was
    shown.
    """

    __tablename__ = "work_visit"

    user_id: Mapped[int] = mapped_column(ForeignKey("hub_user.id", ondelete="CASCADE"), primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_on: Mapped[date]
    documents_until: Mapped[date]

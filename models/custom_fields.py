"""Fields that an administrator adds to customers, contracts and invoice profiles, and the values in them.

A value is a row of its own, typed: in the one column of its kind. What an owner has in a field called `key` is its
attribute custom_<key>, so forms, lists and operations read and set it like a column.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKeyConstraint,
    Index,
    Integer,
    Select,
    String,
    Table,
    UniqueConstraint,
    event,
    inspect,
    select,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.orm.attributes import flag_modified

from models.base import (
    Base,
    Key,
    KeyedByName,
    OrganisationRow,
    db,
    tenant_foreign_key,
    tenant_table,
    to_many,
)
from models.enums import CustomFieldKind, CustomFieldOwner, FieldRequirement
from models.keys import fold_text
from models.types import CustomNumber, UtcDateTime, enum_type, sorted_text

CUSTOM_PREFIX: Final = "custom_"  # what the attributes, columns and filters of custom fields begin with
MAX_TEXT_LENGTH: Final = 300

# The column of a value row that holds a value of a kind.
VALUE_COLUMNS: Final[Mapping[CustomFieldKind, str]] = {
    CustomFieldKind.TEXT: "text",
    CustomFieldKind.LINK: "text",
    CustomFieldKind.NUMBER: "number",
    CustomFieldKind.AMOUNT: "number",
    CustomFieldKind.DATE: "day",
    CustomFieldKind.CHOICE: "choice_id",
    CustomFieldKind.YES_NO: "yes",
}
TYPED_COLUMNS: Final = tuple(dict.fromkeys(VALUE_COLUMNS.values()))


class CustomField(KeyedByName, OrganisationRow):
    """A field that an organisation added. Its `key` never changes and is never given again; one that is removed stays
    as a name for the history.
    """

    __tablename__ = "custom_field"

    owner: Mapped[CustomFieldOwner] = mapped_column(enum_type(CustomFieldOwner, "owner"), info={"label": "Belongs to"})
    key: Mapped[str] = mapped_column(String(40), info={"label": "Key"})
    name: Mapped[str] = mapped_column(String(80), info={"label": "Label"})
    # None once the field is removed: its label may be used again.
    name_key: Mapped[str | None] = mapped_column(  # type: ignore[assignment]
        sorted_text(160), info={"untracked": True}
    )
    kind: Mapped[CustomFieldKind] = mapped_column(enum_type(CustomFieldKind, "kind"), info={"label": "Kind"})
    help: Mapped[str | None] = mapped_column(String(300), info={"label": "Help text"})
    requirement: Mapped[FieldRequirement] = mapped_column(
        enum_type(FieldRequirement, "requirement"), default=FieldRequirement.OPTIONAL, info={"label": "Required"}
    )
    tab: Mapped[str | None] = mapped_column(String(40), info={"label": "Tab"})
    position: Mapped[int] = mapped_column(Integer, default=0)
    active: Mapped[bool] = mapped_column(default=True, server_default=true())
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"label": "Removed"})

    choices: Mapped[list["CustomFieldChoice"]] = to_many(
        "CustomFieldChoice", "field_id", "CustomField", order_by="CustomFieldChoice.position, CustomFieldChoice.id"
    )

    __table_args__ = tenant_table(
        UniqueConstraint("organisation_id", "owner", "key"),
        UniqueConstraint("organisation_id", "owner", "name_key"),
        CheckConstraint("length(key) > 0", name="key"),
        CheckConstraint("length(name) > 0", name="name"),
    )

    def __str__(self) -> str:
        return self.name


class CustomFieldChoice(KeyedByName, OrganisationRow):
    """One of the values of a custom field that is chosen from a list."""

    __tablename__ = "custom_field_choice"

    field_id: Mapped[int] = mapped_column(Key)
    name: Mapped[str] = mapped_column(String(120), info={"label": "Choice"})
    name_key: Mapped[str] = mapped_column(sorted_text(240), info={"untracked": True})
    position: Mapped[int] = mapped_column(Integer, default=0, info={"help": "Lists show lower numbers first"})
    active: Mapped[bool] = mapped_column(default=True, server_default=true())

    __table_args__ = tenant_table(
        tenant_foreign_key("custom_field_choice", "field_id", "custom_field", ondelete="CASCADE"),
        UniqueConstraint("field_id", "name_key"),
        UniqueConstraint("organisation_id", "field_id", "id"),
    )

    def __str__(self) -> str:
        return self.name


def _value_table(owner: str) -> Table:
    """The values of rows of the table `owner`."""
    name = f"{owner}_custom_value"
    count = " + ".join(f"CASE WHEN {column} IS NULL THEN 0 ELSE 1 END" for column in TYPED_COLUMNS)
    return Table(
        name,
        Base.metadata,
        Column("owner_id", Key, primary_key=True),
        Column("field_id", Key, primary_key=True),
        Column("organisation_id", Key, nullable=False),
        Column("text", String(MAX_TEXT_LENGTH)),
        Column("text_key", sorted_text(2 * MAX_TEXT_LENGTH)),
        Column("number", CustomNumber),
        Column("day", Date),
        Column("choice_id", Key),
        Column("yes", Boolean),
        tenant_foreign_key(name, "owner_id", owner, ondelete="CASCADE"),
        tenant_foreign_key(name, "field_id", "custom_field"),
        ForeignKeyConstraint(
            ["organisation_id", "field_id", "choice_id"],
            [f"custom_field_choice.{column}" for column in ("organisation_id", "field_id", "id")],
            name=f"fk_{name}_choice_id",
        ),
        CheckConstraint(f"{count} = 1", name="one_value"),
        CheckConstraint("(text IS NULL) = (text_key IS NULL)", name="text_key"),
        *(_build_index(name, column) for column in ("text_key", "number", "day", "choice_id", "yes")),
        sqlite_with_rowid=False,
        info={"holds_custom_values": True},
    )


def _build_index(table: str, column: str) -> Index:
    """The values of a column, field by field: filtering and sorting by a field reads its own values alone. A row stands
    in the index of its own column only.
    """
    is_filled = text(f"{column} IS NOT NULL")
    names = ("field_id", column, "owner_id")
    return Index(f"ix_{table}_{column}", *names, postgresql_where=is_filled, sqlite_where=is_filled)


VALUE_TABLES: Final[Mapping[CustomFieldOwner, Table]] = {
    CustomFieldOwner.CUSTOMER: _value_table("customer"),
    CustomFieldOwner.CONTRACT: _value_table("contract"),
    CustomFieldOwner.INVOICE_PROFILE: _value_table("invoice_profile"),
}


def build_text_key(value: str) -> str:
    """By what texts of custom fields are compared and sorted."""
    return fold_text(value)[: 2 * MAX_TEXT_LENGTH]


class CustomValues:
    """What a row has in its custom fields, by key: `stored` in the database, `entered` since. Neither holds what is
    blank and was not entered.
    """

    def __init__(self, stored: dict[str, Any]) -> None:
        self.stored = stored
        self.entered: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self.entered[key] if key in self.entered else self.stored.get(key)

    def list_changes(self) -> dict[str, tuple[Any, Any]]:
        """(before, after) of what was entered and is another value."""
        return {
            key: (self.stored.get(key), value) for key, value in self.entered.items() if value != self.stored.get(key)
        }

    def list_texts(self) -> list[str]:
        """The texts and links among the values."""
        values = self.stored | self.entered
        return [value for _, value in sorted(values.items()) if isinstance(value, str)]


class HasCustomFields:
    """A row to which an organisation may add fields. Its attribute custom_<key> is a str, Decimal, date or bool, the id
    of a choice, or None; what is set is written with the row.
    """

    field_owner: CustomFieldOwner

    if TYPE_CHECKING:  # to whom a misspelt column stays an error
        organisation_id: Any
    else:

        def __getattr__(self, name: str) -> Any:
            if name.startswith(CUSTOM_PREFIX):
                return get_custom_values(self).get(name.removeprefix(CUSTOM_PREFIX))
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

        def __setattr__(self, name: str, value: Any) -> None:
            if name.startswith(CUSTOM_PREFIX):
                _enter_value(self, name.removeprefix(CUSTOM_PREFIX), value)
            else:
                super().__setattr__(name, value)


_STATE: Final = "_custom_values"  # where a row keeps its CustomValues


def get_custom_values(row: HasCustomFields) -> CustomValues:
    """What `row` has in its custom fields; read once until the row expires."""
    if _STATE not in row.__dict__:
        load_custom_values([row])
    values: CustomValues = row.__dict__[_STATE]
    return values


def find_custom_values(row: HasCustomFields) -> CustomValues | None:
    """As `get_custom_values`; None where nobody has asked for them yet, so nobody has changed them."""
    return row.__dict__.get(_STATE)


def load_custom_values(rows: Iterable[Any]) -> None:
    """Read what `rows`, all of one class, have in their custom fields by one statement."""
    missing: dict[int, HasCustomFields] = {}
    for row in rows:
        if _STATE not in row.__dict__:
            row.__dict__[_STATE] = CustomValues({})
            if inspect(row).has_identity:
                missing[row.id] = row
    if missing:
        owner = next(iter(missing.values())).field_owner
        with db.session.no_autoflush:
            for owner_id, key, value in _read_values(owner, list(missing)):
                missing[owner_id].__dict__[_STATE].stored[key] = value


def _read_values(owner: CustomFieldOwner, ids: list[int]) -> list[tuple[int, str, Any]]:
    """(id of the owner, key of the field, value) of all that these owners have."""
    return [
        (row.owner_id, row.key, next(value for value in row[2:] if value is not None))
        for row in db.session.execute(select_values(owner).where(VALUE_TABLES[owner].c.owner_id.in_(ids)))
    ]


def select_values(owner: CustomFieldOwner) -> Select[Any]:
    """(owner_id, key, and TYPED_COLUMNS) of the values of fields that are not removed."""
    table = VALUE_TABLES[owner]
    return (
        select(table.c.owner_id, CustomField.key, *(table.c[column] for column in TYPED_COLUMNS))
        .join(CustomField, CustomField.id == table.c.field_id)
        .where(CustomField.removed_at.is_(None))
    )


_FLAGGED: Final = "created_at"  # marked as changed while values are entered, and expired where they are discarded


def _enter_value(row: Any, key: str, value: Any) -> None:
    """Note that `row` is to have `value`. Another one makes it a changed row, so that its version counts on."""
    values = get_custom_values(row)
    values.entered[key] = value
    if value != values.stored.get(key) and inspect(row).persistent:
        assert row.created_at  # read, should it have expired
        flag_modified(row, _FLAGGED)


@event.listens_for(HasCustomFields, "expire", propagate=True)
def _forget_values(row: Any, names: Any) -> None:
    """What was read or entered ends with the transaction, like the columns of the row."""
    if row is not None and (names is None or _FLAGGED in names):  # no row where nobody holds it any more
        row.__dict__.pop(_STATE, None)

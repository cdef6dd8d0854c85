"""The declarative base, the session and what every table has in common."""

from datetime import UTC, datetime
from typing import Any, cast

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    BigInteger,
    Constraint,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    event,
)
from sqlalchemy.orm import (
    DeclarativeBase,
    InstrumentedAttribute,
    Mapped,
    declared_attr,
    mapped_column,
    relationship,
    validates,
)

from models.keys import fold_text
from models.types import UtcDateTime

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

# SQLite numbers rows by itself only where the key is its own INTEGER.
Key = BigInteger().with_variant(Integer, "sqlite")


# SQLite would give a new row the number of a deleted one, and with it the other's history.
NO_ID_REUSE = {"sqlite_autoincrement": True}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


db = SQLAlchemy(metadata=Base.metadata)


class Row(Base):
    """A table with its own key, the time of its creation and a version that counts its changes.

    The version detects two people who save the same record: an update that does not find the
    version it read raises `sqlalchemy.orm.exc.StaleDataError`.
    """

    __abstract__ = True

    id: Mapped[int] = mapped_column(Key, primary_key=True, sort_order=-100)
    created_at: Mapped[datetime] = mapped_column(
        UtcDateTime, default=lambda: datetime.now(UTC), sort_order=90, info={"untracked": True}
    )
    version: Mapped[int] = mapped_column(
        Integer, default=1, server_default="1", sort_order=91, info={"untracked": True}
    )

    @declared_attr.directive
    @classmethod
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"version_id_col": cls.version}

    def update_derived_columns(self) -> None:
        """Set the columns that follow from others of this row. Called before it is written, be it by a flush or with
        many others by one statement: what is to happen then belongs here, not into a listener of one table.
        """


@event.listens_for(Row, "before_insert", propagate=True)
@event.listens_for(Row, "before_update", propagate=True)
def _update_derived_columns(_mapper: Any, _connection: Any, row: Row) -> None:
    row.update_derived_columns()


class OrganisationRow(Row):
    """A row of one organisation. Other rows of that organisation refer to it by (organisation_id, id)."""

    __abstract__ = True

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), sort_order=-99)


class AssignedRow:
    """A row with an `assignee_id`. `assigned_at` is since when it is theirs; a change of it is none of the row."""

    assigned_at: Mapped[datetime | None] = mapped_column(UtcDateTime, sort_order=80, info={"untracked": True})

    @validates("assignee_id")
    def _update_assigned_at(self: Any, _name: str, value: int | None) -> int | None:
        if value != self.assignee_id:
            self.assigned_at = None if value is None else datetime.now(UTC)
        return value


class KeyedByName:
    """A row whose `name_key`, by which names are compared, follows its name."""

    @validates("name")
    def _update_name_key(self: Any, _name: str, value: str) -> str:
        self.name_key = fold_text(value)
        return value


class KeyedByCode:
    """A row whose `code_key`, by which codes are compared, follows its code."""

    @validates("code")
    def _update_code_key(self: Any, _name: str, value: str) -> str:
        self.code_key = fold_text(value)
        return value


def tenant_table(*more: Any) -> tuple[Any, ...]:
    """Table arguments of an OrganisationRow: the key that other rows refer to, and its own constraints `more`."""
    return (UniqueConstraint("organisation_id", "id"), *more, NO_ID_REUSE)


def tenant_foreign_key(
    table: str, column: str, target: str, ondelete: str | None = None, use_alter: bool = False
) -> Constraint:
    """A foreign key that can only point at a row of the same organisation.

    `table`.`column` refers to `target`.id, and both rows carry one organisation_id: the database itself refuses
    a reference across tenants. `use_alter` breaks a circle of tables: the key is added once both stand.
    """
    return ForeignKeyConstraint(
        ["organisation_id", column],
        [f"{target}.organisation_id", f"{target}.id"],
        name=f"fk_{table}_{column}",
        ondelete=ondelete,
        use_alter=use_alter,
    )


def to_one(column: str, target: str, **options: Any) -> Any:
    """The object behind a foreign key column written as "Class.column_id"."""
    return relationship(target, primaryjoin=f"foreign({column}) == {target}.id", **options)


def to_many(target: str, column: str, owner: str, **options: Any) -> Any:
    """The rows of `target` that belong to `owner` by `target.column`; removed with it."""
    options.setdefault("cascade", "all, delete-orphan")
    return relationship(target, primaryjoin=f"{owner}.id == foreign({target}.{column})", **options)


def get_table(model: type[Base]) -> Table:
    """The table of `model`, for statements that make no objects of its rows."""
    return cast(Table, model.__table__)


def column_length(column: InstrumentedAttribute[Any]) -> int:
    """How many characters a column such as `Customer.name` holds."""
    assert isinstance(column.type, String)
    assert column.type.length is not None
    return column.type.length

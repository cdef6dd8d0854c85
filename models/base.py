"""The declarative base, the session and what every table has in common."""

from datetime import UTC, datetime
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    BigInteger,
    Constraint,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column, relationship, validates

from models.keys import folded
from models.types import UtcDateTime

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

# SQLite numbers rows by itself only where the key is its own INTEGER.
Key = BigInteger().with_variant(Integer, "sqlite")


# SQLite would give a new row the number of a deleted one, and with it the other's history.
NEVER_AGAIN = {"sqlite_autoincrement": True}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)


db = SQLAlchemy(metadata=Base.metadata)


class Row(Base):
    """A table with its own key, the time of its creation and a version that counts its changes.

    The version is how two people who save the same record are told apart: an update that does not find the
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


class OrganisationRow(Row):
    """A row of one organisation. Other rows of that organisation refer to it by (organisation_id, id)."""

    __abstract__ = True

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), sort_order=-99)


class KeyedByName:
    """A row whose `name_key`, by which names are compared, follows its name."""

    @validates("name")
    def _keep_name_key(self: Any, _name: str, value: str) -> str:
        self.name_key = folded(value)
        return value


class KeyedByCode:
    """A row whose `code_key`, by which codes are compared, follows its code."""

    @validates("code")
    def _keep_code_key(self: Any, _name: str, value: str) -> str:
        self.code_key = folded(value)
        return value


def tenant_table(*more: Any) -> tuple[Any, ...]:
    """Table arguments of an OrganisationRow: the key that other rows refer to, and its own constraints `more`."""
    return (UniqueConstraint("organisation_id", "id"), *more, NEVER_AGAIN)


def same_organisation(
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

"""Column types that mean the same on SQLite and PostgreSQL."""

import enum
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import BigInteger, DateTime, Enum, Integer, String
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, stored in UTC and read back with its time zone. Refuses a datetime that has none."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class ScaledDecimal(TypeDecorator[Decimal]):
    """An exact decimal, stored as a whole number of its smallest unit, so that both databases add it exactly.

    A value with more places than `places` is rounded half-up.
    """

    impl = BigInteger().with_variant(Integer, "sqlite")
    cache_ok = True
    places = 2

    @property
    def limit(self) -> Decimal:
        """The largest amount that fits, 15 digits in all."""
        return Decimal(10) ** (15 - self.places) - Decimal(1).scaleb(-self.places)

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:
        if value is None:
            return None
        if isinstance(value, float):
            raise TypeError(f"{value!r} is a float: amounts are Decimal")
        return int(Decimal(value).scaleb(self.places).to_integral_value(ROUND_HALF_UP))

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value).scaleb(-self.places)


class Money(ScaledDecimal):
    """An amount in the organisation's currency, two places."""

    cache_ok = True
    places = 2


class UnitPrice(ScaledDecimal):
    """A price of one unit (a call minute, a kilowatt-hour), six places."""

    cache_ok = True
    places = 6


class Percent(ScaledDecimal):
    """A percentage, four places: 20 is 20 %."""

    cache_ok = True
    places = 4


class CustomNumber(ScaledDecimal):
    """A number or an amount of a custom field, four places."""

    cache_ok = True
    places = 4


def enum_type(choices: type[enum.StrEnum], name: str) -> Enum:
    """A text column that holds one value of `choices`; the database checks it under the constraint `name`."""
    return Enum(
        choices,
        name=name,
        native_enum=False,
        create_constraint=True,
        validate_strings=True,
        length=40,
        values_callable=lambda members: [member.value for member in members],
    )


def sorted_text(length: int) -> String:
    """A text that both databases sort by its code points, not by the server's locale."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")

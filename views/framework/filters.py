"""Filters of a list: what can be asked of a column, and the condition that follows."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, and_, false, not_, or_, select

from customerhub.core import money
from customerhub.core.errors import Invalid, quote_text
from models.folding import contains_text, equals_text, starts_with_text
from models.types import ScaledDecimal, UtcDateTime
from views.framework.choices import Source
from views.framework.formatting import current_formats
from views.framework.labels import member_label
from views.http.urls import MAX_ID_DIGITS


@dataclass(frozen=True)
class Filter:
    """One way to narrow a list. `kind` is text, select, date, number or yes."""

    name: str
    label: str
    column: Any
    kind: str = "text"
    source: Source | None = None
    members: type[enum.StrEnum] | None = None
    choices: Sequence[tuple[str, str]] | None = None
    nullable: bool = True
    owner: Any = None  # where `column` is of another table: its column that refers to the row of the list
    model: Any = None

    OPERATORS = {
        "text": [("has", "contains"), ("is", "is exactly"), ("starts", "begins with")],
        "select": [("is", "is"), ("not", "is not")],
        "date": [("on", "on"), ("from", "on or after"), ("to", "on or before")],
        "number": [("is", "equals"), ("from", "at least"), ("to", "at most")],
        "yes": [("is", "is")],
    }

    def list_operators(self) -> list[tuple[str, str]]:
        blank = [("blank", "is blank"), ("filled", "is not blank")] if self.nullable and self.kind != "yes" else []
        return [*self.OPERATORS[self.kind], *blank]

    def list_options(self) -> list[tuple[str, str]] | None:
        if self.kind == "yes":
            return [("yes", "yes"), ("no", "no")]
        if self.choices is not None:
            return list(self.choices)
        if self.members is not None:
            return [(member.value, member_label(member)) for member in self.members]
        if self.source is not None:
            return [(str(key), label) for key, label, _ in self.source.list_choices()]
        return None

    def describe(self, operator: str, value: str) -> str:
        """The filter in words: "Status is Active"."""
        operator_text = dict(self.list_operators())[operator]
        if operator in ("blank", "filled"):
            return f"{self.label} {operator_text}"
        display_value = dict(self.list_options() or []).get(value, value)
        return f"{self.label} {operator_text} {display_value}"

    def build_condition(self, operator: str, value: str) -> ColumnElement[bool]:
        """The condition on the column, to be put on a list by `combine_conditions`. Raises Invalid for a value it
        cannot have.
        """
        column: ColumnElement[Any] = self.column
        if operator == "blank":
            return column.is_(None)
        if operator == "filled":
            return column.is_not(None)
        if self.kind == "yes":
            return column.is_(value == "yes")
        if self.kind == "text":
            return _text_condition(column, operator, value)
        parsed = self._parse_value(value)
        if parsed is None:
            return false()
        if self.kind == "date" and isinstance(column.type, UtcDateTime):
            return _datetime_condition(column, operator, parsed)
        if operator == "from":
            return column >= parsed
        if operator == "to":
            return column <= parsed
        return or_(not_(column == parsed), column.is_(None)) if operator == "not" else column == parsed

    def _parse_value(self, value: str) -> Any:
        try:
            if self.kind == "date":
                return date.fromisoformat(value)
            if self.kind == "number":
                return self._parse_number(value)
            if self.members is not None:
                return self.members(value)
            if self.choices is not None:
                return value
            return int(value) if len(value) <= MAX_ID_DIGITS else None
        except (ValueError, Invalid):
            raise Invalid(f"{quote_text(value)} is not a valid value for the filter {self.label}") from None

    def _parse_number(self, value: str) -> Decimal | int:
        """A number as far as the column can hold one."""
        kind: Any = self.column.type
        if not isinstance(kind, ScaledDecimal):
            if len(value) > MAX_ID_DIGITS:
                raise ValueError(value)
            return int(value)
        number = money.parse_amount(value, places=kind.places)
        if abs(number) > kind.limit:
            raise Invalid("too large")
        return number


def combine_conditions(conditions: Sequence[tuple[Filter, ColumnElement[bool]]]) -> list[ColumnElement[bool]]:
    """What the rows of a list have to meet. Conditions on one other table are met together by one of its rows."""
    own_conditions = [condition for item, condition in conditions if item.owner is None]
    conditions_by_owner: dict[tuple[Any, Any], list[ColumnElement[bool]]] = {}
    for item, condition in conditions:
        if item.owner is not None:
            conditions_by_owner.setdefault((item.model, item.owner), []).append(condition)
    return [
        *own_conditions,
        *(model.id.in_(select(owner).where(*grouped)) for (model, owner), grouped in conditions_by_owner.items()),
    ]


def _datetime_condition(column: Any, operator: str, day: date) -> ColumnElement[bool]:
    """Moments on a day of the organisation's, from its beginning on, or until its end. Raises Invalid."""
    zone = current_formats().zone or UTC
    try:
        start, end = (datetime.combine(each, time(), zone).astimezone(UTC) for each in (day, day + timedelta(days=1)))
    except OverflowError:
        raise Invalid(f"{day} is out of range") from None
    bounds = {"from": [column >= start], "to": [column < end]}
    return and_(*bounds.get(operator, [column >= start, column < end]))


def _text_condition(column: ColumnElement[Any], operator: str, value: str) -> ColumnElement[bool]:
    conditions = {"is": equals_text, "starts": starts_with_text}
    return conditions.get(operator, contains_text)(column, value)

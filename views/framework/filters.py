"""Filters of a list: what can be asked of a column, and the condition that follows."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, and_, not_, or_, select

from customerhub.core import money
from customerhub.core.errors import Invalid, quote_text
from customerhub.core.references import noun_of
from models.folding import contains_text, equals_text, starts_with_text
from models.types import ScaledDecimal, UtcDateTime
from views.framework.choices import Source
from views.framework.date_field import read_date
from views.framework.date_ranges import Span, find_date_range, list_date_ranges
from views.framework.formatting import current_formats, format_date, get_today
from views.framework.labels import member_label
from views.http.urls import MAX_ID_DIGITS

MAX_TEXT_LENGTH = 200  # of what is searched for, in all or in one column
MAX_INTEGER = 2**31 - 1  # as much as a column of whole numbers holds
WITHIN = "in"  # the operator whose value is the name of a span of days
UNVALUED = ("blank", "filled")  # operators that need no value


@dataclass(frozen=True)
class Filter:
    """One way to narrow a list. `kind` is text, select, date, number or yes. The value of a select is one of its
    options, or several with commas between them.
    """

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
        "select": [("is", "is any of"), ("not", "is none of")],
        "date": [(WITHIN, "is within"), ("on", "on"), ("from", "on or after"), ("to", "on or before")],
        "number": [("is", "equals"), ("from", "at least"), ("to", "at most")],
        "yes": [("is", "is")],
    }

    def list_operators(self) -> list[tuple[str, str]]:
        blank = [("blank", "is empty"), ("filled", "is not empty")] if self.nullable and self.kind != "yes" else []
        operators = [*self.OPERATORS[self.kind], *blank]
        # Of several rows of another table one may be none of them while another is.
        return operators if self.owner is None else [each for each in operators if each[0] != "not"]

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

    def clean_value(self, operator: str, text: str) -> str:
        """The value that `text` stands for in an address: days as 2025-01-31, however they were typed."""
        if self.kind == "text":
            return text[:MAX_TEXT_LENGTH]
        if self.kind != "date" or operator == WITHIN:
            return text
        try:
            day = read_date(text)
        except Invalid:
            return text
        return day.isoformat() if day else text

    def format_value(self, operator: str, value: str) -> str:
        """`value` as its form shows it."""
        return _describe_day(value) if self.kind == "date" and operator != WITHIN else value

    def describe(self, operator: str, value: str) -> str:
        """The filter in words: "Status is Active", "Start: this month"."""
        operator_text = dict(self.list_operators())[operator]
        if operator in UNVALUED:
            return f"{self.label} {operator_text}"
        if operator == WITHIN:
            return f"{self.label}: {dict(list_date_ranges()).get(value, value)}"
        if self.kind == "date":
            return f"{self.label} {operator_text} {_describe_day(value)}"
        labels = dict(self.list_options() or [])
        if self.kind != "select" or len(split_values(value)) == 1:
            operator_text = {"is any of": "is", "is none of": "is not"}.get(operator_text, operator_text)
            return f"{self.label} {operator_text} {labels.get(value) or self._describe_unknown(value)}"
        named = [labels.get(each) or self._describe_unknown(each) for each in split_values(value)]
        return f"{self.label} {operator_text} {', '.join(dict.fromkeys(named))}"

    def _describe_unknown(self, value: str) -> str:
        """An option that there is not, or no longer: of rows nobody knows the key."""
        return f"deleted {noun_of(self.source.model.__tablename__)}" if self.source is not None else value

    def expect_many(self) -> "Filter":
        """The same filter where it is known to leave more rows than a list counts: there may be a quicker condition."""
        return self

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
        if self.kind == "select":
            return _members_condition(column, operator, [self._parse_value(each) for each in split_values(value)])
        if self.kind == "date":
            return _days_condition(column, self._parse_span(operator, value))
        parsed = self._parse_value(value)
        conditions = {"from": column >= parsed, "to": column <= parsed}
        return conditions.get(operator, column == parsed)

    def _parse_span(self, operator: str, value: str) -> Span:
        if operator == WITHIN:
            span = find_date_range(value, get_today())
            if span is None:
                raise self._build_error(value)
            return span
        day = self._parse_value(value)
        return Span(None if operator == "to" else day, None if operator == "from" else day)

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
            raise self._build_error(value) from None

    def _build_error(self, value: str) -> Invalid:
        return Invalid(f"{quote_text(value)} is not a valid value for the filter {self.label}")

    def _parse_number(self, value: str) -> Decimal | int:
        """A number as far as the column can hold one."""
        kind: Any = self.column.type
        if not isinstance(kind, ScaledDecimal):
            if len(value) > MAX_ID_DIGITS:
                raise ValueError(value)
            whole_number = int(value)
            if abs(whole_number) > MAX_INTEGER:
                raise ValueError(value)
            return whole_number
        number = money.parse_amount(value, places=kind.places)
        if abs(number) > kind.limit:
            raise Invalid("too large")
        return number


@dataclass(frozen=True)
class LinkFilter(Filter):
    """Narrows by rows that another table has for a row of `model`, those with the `condition` alone: `column` is what
    is asked of these, `row_key` refers to that.
    """

    row_key: Any = None
    condition: Any = None

    def build_condition(self, operator: str, value: str) -> ColumnElement[bool]:
        linked = select(self.row_key)
        if self.condition is not None:
            linked = linked.where(self.condition)
        if operator not in UNVALUED:
            linked = linked.where(super().build_condition("is" if operator == "not" else operator, value))
        is_linked: ColumnElement[bool] = self.model.id.in_(linked)
        return not_(is_linked) if operator in ("not", "blank") else is_linked


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


def split_values(value: str) -> list[str]:
    """The options that the value of a filter names."""
    return value.split(",")


def _describe_day(value: str) -> str:
    try:
        return format_date(date.fromisoformat(value))
    except ValueError:
        return value


def _members_condition(column: ColumnElement[Any], operator: str, values: Sequence[Any]) -> ColumnElement[bool]:
    """What is one of `values`, or none of them; None among them is what no row can have."""
    known_values = [value for value in values if value is not None]
    is_any = column == known_values[0] if len(known_values) == 1 else column.in_(known_values)
    return or_(not_(is_any), column.is_(None)) if operator == "not" else is_any


def _days_condition(column: ColumnElement[Any], span: Span) -> ColumnElement[bool]:
    """Days of a span; of a column of moments those of the organisation's days. Raises Invalid."""
    if isinstance(column.type, UtcDateTime):
        return _moments_condition(column, span)
    if span.first == span.last:
        return column == span.first
    bounds = []
    if span.first is not None:
        bounds.append(column >= span.first)
    if span.last is not None:
        bounds.append(column <= span.last)
    return and_(*bounds)


def _moments_condition(column: ColumnElement[Any], span: Span) -> ColumnElement[bool]:
    zone = current_formats().zone or UTC
    bounds = []
    try:
        if span.first is not None:
            bounds.append(column >= datetime.combine(span.first, time(), zone).astimezone(UTC))
        if span.last is not None:
            bounds.append(column < datetime.combine(span.last + timedelta(days=1), time(), zone).astimezone(UTC))
    except OverflowError:
        raise Invalid(f"{span.first or span.last} is out of range") from None
    return and_(*bounds)


def _text_condition(column: ColumnElement[Any], operator: str, value: str) -> ColumnElement[bool]:
    conditions = {"is": equals_text, "starts": starts_with_text}
    return conditions.get(operator, contains_text)(column, value)

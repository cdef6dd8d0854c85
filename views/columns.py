"""The columns and filters of a list, as data, and how values look in a cell."""

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from flask import g
from sqlalchemy import ColumnElement, and_, false, not_, or_, select

from customerhub import clock, money
from customerhub.errors import Invalid, quoted
from models.enums import Risk, Stage
from models.types import ScaledDecimal, UtcDateTime
from views.choices import Source
from views.words import word

LONGEST_KEY = 18  # digits
Cell = Any  # text, Markup, a mapping {text, url, chip, tone, colour, sub}, or a list of these

RISK_TONES = {Risk.LOW: "green", Risk.MEDIUM: "amber", Risk.HIGH: "red"}
STAGE_TONES = {
    Stage.NEW: "neutral",
    Stage.PASSED: "blue",
    Stage.REFERRED: "amber",
    Stage.FAILED: "red",
    Stage.BILLING: "green",
}


@dataclass(frozen=True)
class Column:
    """One column of a list.

    `value` gives what a row shows; an export writes `text`, or the same as plain text. `sort` is what it sorts by: a
    column or several. `usual` tells whether it is shown until somebody chooses otherwise. Where the list is narrow,
    what has `folds` is no column of its own: it stands under the first one, in these words, such as "{} a month";
    `early` is what folds where other columns still have room. What is `whole` takes several lines rather than
    being cut, and on a phone has them to itself.
    """

    name: str
    label: str
    value: Callable[[Any], Cell]
    sort: Any = None
    align: str = "left"
    usual: bool = True
    load: tuple[Any, ...] = ()
    text: Callable[[Any], str | None] | None = None
    folds: str = ""
    early: bool = False
    whole: bool = False

    def exported(self, row: Any) -> str:
        return (self.text(row) or "") if self.text else plain(self.value(row))

    @property
    def width(self) -> str:
        """How the column gives way: early, later or, blank, not at all."""
        return ("early" if self.early else "later") if self.folds else ""

    def folded(self, row: Any) -> Cell:
        """What stands under the first column of `row` where the list is narrow; blank where nothing does."""
        shown = self.value(row) if self.folds else None
        if isinstance(shown, dict) and "chip" in shown:
            return shown
        told = self.exported(row) if shown else ""
        return self.folds.format(told) if told else ""


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

    def operators(self) -> list[tuple[str, str]]:
        blank = [("blank", "is blank"), ("filled", "is not blank")] if self.nullable and self.kind != "yes" else []
        return [*self.OPERATORS[self.kind], *blank]

    def options(self) -> list[tuple[str, str]] | None:
        if self.kind == "yes":
            return [("yes", "yes"), ("no", "no")]
        if self.choices is not None:
            return list(self.choices)
        if self.members is not None:
            return [(member.value, word(member)) for member in self.members]
        if self.source is not None:
            return [(str(key), label) for key, label, _ in self.source.rows()]
        return None

    def told(self, operator: str, value: str) -> str:
        """The filter in words: "Status is Active"."""
        words = dict(self.operators())[operator]
        if operator in ("blank", "filled"):
            return f"{self.label} {words}"
        shown = dict(self.options() or []).get(value, value)
        return f"{self.label} {words} {shown}"

    def where(self, operator: str, value: str) -> ColumnElement[bool]:
        """The condition on the column, to be put on a list by `all_of`. Raises Invalid for a value it cannot have."""
        column = self.column
        if operator == "blank":
            return column.is_(None)
        if operator == "filled":
            return column.is_not(None)
        if self.kind == "yes":
            return column.is_(value == "yes")
        if self.kind == "text":
            return _text_condition(column, operator, value)
        typed = self._typed(value)
        if typed is None:
            return false()
        if self.kind == "date" and isinstance(column.type, UtcDateTime):
            return _moment_condition(column, operator, typed)
        if operator == "from":
            return column >= typed
        if operator == "to":
            return column <= typed
        return or_(not_(column == typed), column.is_(None)) if operator == "not" else column == typed

    def _typed(self, value: str) -> Any:
        try:
            if self.kind == "date":
                return date.fromisoformat(value)
            if self.kind == "number":
                return self._number(value)
            if self.members is not None:
                return self.members(value)
            if self.choices is not None:
                return value
            return int(value) if len(value) <= LONGEST_KEY else None
        except (ValueError, Invalid):
            raise Invalid(f"{quoted(value)} does not fit the filter {self.label}") from None

    def _number(self, value: str) -> Decimal | int:
        """A number as far as the column can hold one."""
        kind: Any = self.column.type
        if not isinstance(kind, ScaledDecimal):
            if len(value) > LONGEST_KEY:
                raise ValueError(value)
            return int(value)
        number = money.parse(value, places=kind.places)
        if abs(number) > kind.limit:
            raise Invalid("too large")
        return number


def all_of(conditions: Sequence[tuple[Filter, ColumnElement[bool]]]) -> list[ColumnElement[bool]]:
    """What the rows of a list have to meet. Conditions on one other table are met together by one of its rows."""
    found = [condition for item, condition in conditions if item.owner is None]
    owned: dict[tuple[Any, Any], list[ColumnElement[bool]]] = {}
    for item, condition in conditions:
        if item.owner is not None:
            owned.setdefault((item.model, item.owner), []).append(condition)
    return [*found, *(model.id.in_(select(owner).where(*several)) for (model, owner), several in owned.items())]


def _moment_condition(column: Any, operator: str, day: date) -> ColumnElement[bool]:
    """Moments on a day of the organisation's, from its beginning on, or until its end. Raises Invalid."""
    zone = formats().zone or UTC
    try:
        begin, end = (datetime.combine(each, time(), zone).astimezone(UTC) for each in (day, day + timedelta(days=1)))
    except OverflowError:
        raise Invalid(f"{day} is beyond the calendar") from None
    bounds = {"from": [column >= begin], "to": [column < end]}
    return and_(*bounds.get(operator, [column >= begin, column < end]))


def _text_condition(column: Any, operator: str, value: str) -> ColumnElement[bool]:
    if operator == "is":
        return column == value
    escaped = value.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    return column.ilike(f"{escaped}%" if operator == "starts" else f"%{escaped}%", escape="\\")


@dataclass
class Format:
    """How the organisation of this request writes dates and money."""

    dates: str = "%-d %b %Y"
    currency: str = "EUR"
    zone: Any = field(default=None)


def formats() -> Format:
    return g.get("formats") or Format()


def day(value: date | None) -> str:
    """A date in the organisation's format."""
    return value.strftime(formats().dates) if value else ""


def local_date(value: datetime) -> date:
    """The day of a moment in the organisation's time zone."""
    return clock.day_of(value, formats().zone)


def moment(value: datetime | None) -> str:
    """A moment in the organisation's time zone and format."""
    if value is None:
        return ""
    local = value.astimezone(formats().zone) if formats().zone else value
    return f"{local.strftime(formats().dates)}, {local:%H:%M}"


def amount(value: Decimal | None) -> str:
    """An amount with its thousands separated, without the currency."""
    return money.shown(value)


def unit_price(value: Decimal | None) -> str:
    """The price of one unit: two decimals, and more where it has them."""
    if value is None:
        return ""
    whole, _, decimals = f"{value:,f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def percent(value: Decimal | None) -> str:
    return "" if value is None else f"{value.normalize():f} %"


def yes_no(value: bool | None) -> Cell:
    return {"chip": "Yes", "tone": "green"} if value else {"chip": "No", "tone": "grey"}


def validity_chip(ended: str | None, until: date | None, tone: str, *, as_of: date) -> dict[str, Any]:
    """Whether something holds on a day: `ended` says how it was ended, `until` is its last day."""
    if ended is not None:
        return {"chip": ended, "tone": "grey"}
    if until is not None and until < as_of:
        return {"chip": "Expired", "tone": "grey"}
    return {"chip": "Holds", "tone": tone}


def active_chip(row: Any) -> Cell:
    return {"chip": "Active", "tone": "green"} if row.active else {"chip": "Inactive", "tone": "grey"}


def risk_chip(risk: Risk | None) -> Cell:
    return {"chip": risk.value, "tone": RISK_TONES[risk]} if risk else None


def stage_chip(stage: Stage) -> Cell:
    return {"chip": stage.value, "tone": STAGE_TONES[stage]}


def plain(cell: Cell) -> str:
    """What an export writes for a cell."""
    if cell is None:
        return ""
    if isinstance(cell, dict):
        return str(cell.get("text") or cell.get("chip") or "")
    if isinstance(cell, list):
        return ", ".join(plain(part) for part in cell)
    return cell.striptags() if hasattr(cell, "striptags") else str(cell)

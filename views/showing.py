"""How the columns of the tables read on screens: their labels, the values of a row, and those that history kept."""

import enum
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import JSON, Date, Enum, inspect

from customerhub.links import noun_of as noun_of
from models.types import Percent, ScaledDecimal, UnitPrice, UtcDateTime
from views import columns as cells
from views.forms import MODELS, Inline, label_of
from views.loading import with_choices
from views.places import PLACES, place_name
from views.words import sentence, word

INTERNAL = ("sha256", "storage_key")  # kept in the history, but of no use to people


def label_for(model: type[Any], name: str) -> str:
    """The label of a column or relation of `model`."""
    mapper: Any = inspect(model)
    column = mapper.columns.get(name) if name not in mapper.relationships else None
    return str(column.info.get("label") or label_of(name)) if column is not None else label_of(name)


def shown(row: Any, name: str) -> Any:
    """One field of a row as a cell."""
    mapper: Any = inspect(type(row))
    if name.endswith("_id") and name.removesuffix("_id") in mapper.relationships:
        found = getattr(row, name.removesuffix("_id"))
        return str(found) if found is not None else None
    value = getattr(row, name)
    if name in mapper.relationships or isinstance(value, list):
        return ", ".join(sentence(item) if isinstance(item, str) else str(item) for item in value) or None
    return typed(mapper.columns[name], value)


def typed(column: Any, value: Any) -> Any:
    """A value of `column` as a cell."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return cells.yes_no(value)
    if isinstance(value, datetime):
        return cells.moment(value)
    if isinstance(value, date):
        return cells.day(value)
    if isinstance(value, enum.StrEnum):
        return word(value)
    if isinstance(column.type, ScaledDecimal):
        return number(column, value)
    if column.name in PLACES:
        return place_name(column.name, value)
    return {"chip": value, "colour": value} if "colour" in column.name else str(value)


def number(column: Any, value: Decimal) -> str:
    """An amount, a price or a percentage with what it counts."""
    if isinstance(column.type, Percent):
        return cells.percent(value)
    text = cells.unit_price(value) if isinstance(column.type, UnitPrice) else cells.amount(value)
    return f"{text} {cells.formats().currency}"


def table_of(row: Any, inline: Inline) -> dict[str, Any]:
    """The rows of an inline list as a table."""
    numbers = {name for name in inline.fields if is_number(inline.model, name)}
    return {
        "title": inline.label,
        "columns": [
            {"label": label_for(inline.model, name), "align": "right" if name in numbers else "left"}
            for name in inline.fields
        ],
        "rows": [[shown(part, name) for name in inline.fields] for part in with_choices(getattr(row, inline.name))],
        "empty": f"No {inline.label.lower()} yet.",
    }  # fmt: skip


def is_number(model: Any, name: str) -> bool:
    mapper: Any = inspect(model)
    return name in mapper.columns and isinstance(mapper.columns[name].type, ScaledDecimal)


# --- What history kept -------------------------------------------------------------------------------------


def changes_of(table: str, changes: dict[str, Sequence[Any]] | None) -> list[tuple[str, Any, Any]]:
    """(label, before, after) of every change that history kept of a row of `table`."""
    model = MODELS.get(table)
    columns: Any = inspect(model).columns if model is not None else {}
    return [
        (
            label_for(model, name) if model is not None else label_of(name),
            *(past(columns.get(name), value) for value in pair[:2]),
        )
        for name, pair in (changes or {}).items()
        if name not in INTERNAL
    ]


def past(column: Any, kept: Any) -> Any:
    """A value as history kept it, as text in the organisation's formats."""
    if kept is None or kept == "":
        return None
    if isinstance(kept, bool):
        return "yes" if kept else "no"
    if column is None:
        return kept
    try:
        value = _value(column.type, kept)
    except (ValueError, TypeError, InvalidOperation):
        return kept
    told = typed(column, value)
    return told["chip"] if isinstance(told, dict) else told


def _value(kind: Any, kept: Any) -> Any:
    if isinstance(kind, ScaledDecimal):
        return Decimal(str(kept))
    if isinstance(kind, Date):
        return date.fromisoformat(kept)
    if isinstance(kind, UtcDateTime):
        return datetime.fromisoformat(kept)
    if isinstance(kind, Enum) and kind.enum_class is not None:
        return kind.enum_class(kept)
    if isinstance(kind, JSON):
        return sentence(kept)
    return kept

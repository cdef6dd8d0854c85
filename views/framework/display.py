"""How columns are shown on screens: their labels, the values of a row, and past values of the history."""

import enum
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import JSON, Date, Enum, inspect

from customerhub.core.money import format_unit_price
from customerhub.core.references import noun_of as noun_of
from customerhub.custom_fields.definitions import FieldDefinition
from models.enums import CustomFieldKind
from models.types import Percent, ScaledDecimal, UnitPrice, UtcDateTime
from views.framework import chips, custom_values, formatting
from views.framework.eager_loading import load_relations
from views.framework.forms import MODELS_BY_TABLE, Inline
from views.framework.labels import NUMBER_NAMES, capitalize_first, label_of, member_label
from views.framework.locales import CODE_LISTS, code_name

HIDDEN_COLUMNS = ("sha256", "storage_key")  # kept in the history, but of no use to people


def label_for(model: type[Any], name: str) -> str:
    """The label of a column, a relation or a custom field of `model`. A relation is called like the column that refers
    to the row.
    """
    definition = custom_values.find_field(model, name)
    if definition is not None:
        return definition.label
    mapper: Any = inspect(model)
    column = mapper.columns.get(f"{name}_id" if name in mapper.relationships else name)
    return label_of(name) if column is None else str(column.info.get("label") or label_of(column.name))


def display_value(row: Any, name: str) -> Any:
    """One field of a row as a cell."""
    definition = custom_values.find_field(type(row), name)
    if definition is not None:
        return _display_custom_value(definition, getattr(row, name))
    mapper: Any = inspect(type(row))
    if name.endswith("_id") and name.removesuffix("_id") in mapper.relationships:
        related_row = getattr(row, name.removesuffix("_id"))
        return str(related_row) if related_row is not None else None
    value = getattr(row, name)
    if name in mapper.relationships or isinstance(value, list):
        return ", ".join(capitalize_first(item) if isinstance(item, str) else str(item) for item in value) or None
    return format_column_value(mapper.columns[name], value)


def _display_custom_value(definition: FieldDefinition, value: Any) -> Any:
    cell = custom_values.format_value(definition, value)
    if value is None or definition.kind is not CustomFieldKind.AMOUNT:
        return cell
    return f"{cell} {formatting.current_formats().currency}"


def format_column_value(column: Any, value: Any) -> Any:
    """A value of `column` as a cell."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return chips.yes_no_chip(value)
    if isinstance(value, datetime):
        return formatting.format_datetime(value)
    if isinstance(value, date):
        return formatting.format_date(value)
    if isinstance(value, enum.StrEnum):
        return member_label(value)
    if isinstance(column.type, ScaledDecimal):
        return format_number(column, value)
    if column.name in NUMBER_NAMES:
        return NUMBER_NAMES[column.name].get(value, str(value))
    if column.name in CODE_LISTS:
        return code_name(column.name, value)
    return {"chip": value, "colour": value} if "colour" in column.name else str(value)


def format_number(column: Any, value: Decimal) -> str:
    """An amount, a price or a percentage with what it counts."""
    if isinstance(column.type, Percent):
        return formatting.format_percent(value)
    text = format_unit_price(value) if isinstance(column.type, UnitPrice) else formatting.format_amount(value)
    return f"{text} {formatting.current_formats().currency}"


def table_of(row: Any, inline: Inline) -> dict[str, Any]:
    """The rows of an inline list as a table."""
    numbers = {name for name in inline.fields if is_number(inline.model, name)}
    return {
        "title": inline.label,
        "columns": [
            {"label": label_for(inline.model, name), "align": "right" if name in numbers else "left"}
            for name in inline.fields
        ],
        "rows": [
            [display_value(part, name) for name in inline.fields] for part in load_relations(getattr(row, inline.name))
        ],
        "empty": f"No {inline.label.lower()} yet.",
    }


def is_number(model: Any, name: str) -> bool:
    mapper: Any = inspect(model)
    return name in mapper.columns and isinstance(mapper.columns[name].type, ScaledDecimal)


# --- What history kept -------------------------------------------------------------------------------------


def changes_of(table: str, changes: dict[str, Sequence[Any]] | None) -> list[tuple[str, Any, Any]]:
    """(label, before, after) of every change of a row of `table` in the history."""
    model = MODELS_BY_TABLE.get(table)
    return [
        (label_for(model, name) if model is not None else label_of(name), *_format_past_pair(model, name, pair))
        for name, pair in (changes or {}).items()
        if name not in HIDDEN_COLUMNS
    ]


def _format_past_pair(model: Any, name: str, pair: Sequence[Any]) -> list[Any]:
    definition = custom_values.find_field(model, name) if model is not None else None
    if definition is not None:
        return [custom_values.format_past_value(definition, value) for value in pair[:2]]
    column = inspect(model).columns.get(name) if model is not None else None
    return [format_past_value(column, value) for value in pair[:2]]


def format_past_value(column: Any, stored_value: Any) -> Any:
    """A value of the history, as text in the organisation's formats."""
    if stored_value is None or stored_value == "":
        return None
    if isinstance(stored_value, bool):
        return "yes" if stored_value else "no"
    if column is None:
        return stored_value
    if column.info.get("holds_field_names"):
        return ", ".join(label_of(name) for name in str(stored_value).split(", "))
    try:
        value = _parse_past_value(column.type, stored_value)
    except (ValueError, TypeError, InvalidOperation):
        return stored_value
    cell = format_column_value(column, value)
    return cell["chip"] if isinstance(cell, dict) else cell


def _parse_past_value(kind: Any, stored_value: Any) -> Any:
    if isinstance(kind, ScaledDecimal):
        return Decimal(str(stored_value))
    if isinstance(kind, Date):
        return date.fromisoformat(stored_value)
    if isinstance(kind, UtcDateTime):
        return datetime.fromisoformat(stored_value)
    if isinstance(kind, Enum) and kind.enum_class is not None:
        return kind.enum_class(stored_value)
    if isinstance(kind, JSON):
        return capitalize_first(stored_value)
    return stored_value

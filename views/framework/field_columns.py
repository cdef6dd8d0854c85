"""Columns and filters of a list made from the columns of its table: what no list has to say about each by itself."""

import enum
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Date, Enum, Integer, String, case, func, inspect, select
from sqlalchemy.orm import joinedload

from customerhub.core.spreadsheets import CellKind
from models.types import Money, Percent, ScaledDecimal, UnitPrice, UtcDateTime
from views.framework.choices import source_of
from views.framework.columns import Column
from views.framework.display import display_value, label_for
from views.framework.exported import Exported, Related
from views.framework.filters import Filter
from views.framework.formatting import format_amount
from views.framework.forms import MODELS_BY_TABLE
from views.framework.labels import member_label

NUMBER_KINDS = {Money: CellKind.AMOUNT, UnitPrice: CellKind.UNIT_PRICE, Percent: CellKind.PERCENT}


def build_columns(model: Any, names: Iterable[str], labels: Mapping[str, str]) -> tuple[Column, ...]:
    """A column for each of these columns of the table of `model`, which is hidden until somebody chooses it. `labels`
    has those that are called otherwise than on the form.
    """
    return tuple(_build_column(model, name, labels.get(name) or label_for(model, name)) for name in names)


def build_filters(model: Any, names: Iterable[str], labels: Mapping[str, str]) -> tuple[Filter, ...]:
    """A filter for each of these columns of the table of `model`, called as its column is."""
    return tuple(_build_filter(model, name, labels.get(name) or label_for(model, name)) for name in names)


def short_name(name: str) -> str:
    """The name of the column and filter of a table's column: region for region_id."""
    return name.removesuffix("_id")


def build_member_sort(attribute: Any, members: type[enum.Enum]) -> ColumnElement[int]:
    """Sorts by the order of the members of a vocabulary, such as low before high."""
    return case({member.value: place for place, member in enumerate(members)}, value=attribute)


def build_related_sort(relation: Any) -> ColumnElement[Any]:
    """Sorts by the name of the row that `relation`, such as Customer.region, leads to."""
    target = relation.property.mapper.class_
    name = getattr(target, "name_key", None)
    (own_column,) = relation.property.local_columns
    named = select(func.lower(target.name) if name is None else name).where(target.id == own_column)
    return named.correlate(relation.class_).scalar_subquery()


def _build_column(model: Any, name: str, label: str) -> Column:
    kind = inspect(model).columns[name].type
    relation = getattr(model, short_name(name), None) if name.endswith("_id") else None
    return Column(
        short_name(name),
        label,
        _build_reader(name, kind),
        sort=_build_sort(getattr(model, name), kind, relation),
        align="right" if isinstance(kind, ScaledDecimal | Integer | Date | UtcDateTime) and not relation else "left",
        default_visible=False,
        load_options=(joinedload(relation),) if relation else (),
        export=_build_export(getattr(model, name), kind, relation),
    )


def _build_reader(name: str, kind: Any) -> Callable[[Any], Any]:
    """What a row shows; amounts without the currency, which is the same in all rows, and yes or no as words, which do
    not stand out: there may be several in a row.
    """
    if isinstance(kind, Money):
        return lambda row: format_amount(getattr(row, name))
    if isinstance(kind, Boolean):
        return lambda row: "Yes" if getattr(row, name) else "No"
    if isinstance(kind, Integer) and not name.endswith("_id"):
        return lambda row: getattr(row, name)  # as it is exported and filtered by
    return lambda row: display_value(row, name)


def _build_sort(attribute: Any, kind: Any, relation: Any) -> Any:
    if relation is not None:
        return build_related_sort(relation)
    if isinstance(kind, Enum) and kind.enum_class is not None:
        return build_member_sort(attribute, kind.enum_class)
    return func.lower(attribute) if isinstance(kind, String) else attribute


def _build_export(attribute: Any, kind: Any, relation: Any) -> Exported:
    if relation is not None:
        return Exported(Related(relation, relation.property.mapper.class_.name))
    if isinstance(kind, Enum) and kind.enum_class is not None:
        return Exported(attribute, render=member_label)
    kinds: dict[type, CellKind] = {date: CellKind.DATE, datetime: CellKind.MOMENT, bool: CellKind.YES_NO}
    python_type = datetime if isinstance(kind, UtcDateTime) else kind.python_type
    number_kind = NUMBER_KINDS.get(type(kind), CellKind.COUNT if python_type is int else CellKind.TEXT)
    return Exported(attribute, kind=kinds.get(python_type, number_kind))


def _build_filter(model: Any, name: str, label: str) -> Filter:
    column = inspect(model).columns[name]
    options: dict[str, Any] = {"nullable": column.nullable}
    source = source_of(column, MODELS_BY_TABLE)
    if source is not None:
        options |= {"kind": "select", "source": source}
    elif isinstance(column.type, Enum):
        options |= {"kind": "select", "members": column.type.enum_class}
    elif isinstance(column.type, Boolean):
        options |= {"kind": "yes"}
    elif isinstance(column.type, Date | UtcDateTime):
        options |= {"kind": "date"}
    elif isinstance(column.type, ScaledDecimal | Integer):
        options |= {"kind": "number"}
    return Filter(short_name(name), label, getattr(model, name), **options)

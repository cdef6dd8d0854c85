"""Changing some fields of rows, and putting back what they held: values as plain ones that can be kept."""

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import inspect, select

from customerhub.core.database import save_changes
from customerhub.core.errors import HubError
from customerhub.core.many_rows import discard_changes
from customerhub.core.permissions import Actor
from models.base import Row, db


def set_fields(row: Any, values: Mapping[str, Any]) -> list[str]:
    """Give `row` these values; the names of those that differ from what it held. A relation to several rows takes a
    list.
    """
    changed_names = [name for name, value in values.items() if not _is_same(getattr(row, name), value)]
    for name in changed_names:
        value = values[name]
        setattr(row, name, list(value) if isinstance(value, (list, tuple)) else value)
    return changed_names


def _is_same(held: Any, value: Any) -> bool:
    return bool(store_value(held) == store_value(value))


def change_fields(row: Any, values: Mapping[str, Any], save: Callable[..., Any], *, actor: Actor) -> None:
    """Give `row` these values and save it by `save(row, actor=…)`, where that changes anything."""
    with db.session.no_autoflush:
        if set_fields(row, values):
            save(row, actor=actor)


@dataclass(frozen=True)
class SavingTogether:
    """How many rows that were changed are saved at once: those that `is_possible(row, names of the changed fields)`
    says it of, by `save(rows, actor=…)`, which returns the refusals by id and discards what was set on the rows that it
    refuses.
    """

    is_possible: Callable[[Any, Sequence[str]], bool]
    save: Callable[..., dict[int, HubError]]


def change_many_fields(
    rows: Sequence[Any],
    values_by_id: Mapping[int, Mapping[str, Any]],
    save: Callable[..., Any],
    together: SavingTogether,
    *,
    actor: Actor,
) -> dict[int, HubError]:
    """As `change_fields`, of many rows: the errors of those that are refused, by id."""
    batch, singles = [], []
    with db.session.no_autoflush:
        for row in rows:
            changed_names = set_fields(row, values_by_id[row.id])
            if changed_names and together.is_possible(row, changed_names):
                batch.append(row)
            elif changed_names:
                discard_changes(row)  # the save of another would write it unchecked
                singles.append(row)
        refusals = together.save(batch, actor=actor) if batch else {}
    for row in singles:
        key = row.id
        try:
            with db.session.begin_nested(), save_changes():
                change_fields(row, values_by_id[key], save, actor=actor)
        except HubError as error:
            refusals[key] = error
    return refusals


def store_value(value: Any) -> Any:
    """The value of a field as JSON keeps it; of related rows their ids. What JSON has no kind for says its own."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Decimal):
        return {"decimal": f"{value.normalize():f}"}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    if isinstance(value, (list, tuple)):
        return sorted(each.id if isinstance(each, Row) else store_value(each) for each in value)
    return value


def restore_values(model: Any, stored_by_id: Mapping[int, Mapping[str, Any]]) -> dict[int, dict[str, Any]]:
    """The values of fields of `model` that `store_value` made plain, by the row's id; related rows that are gone are
    left out.
    """
    mapper: Any = inspect(model)
    relations = {name for values in stored_by_id.values() for name in values if name in mapper.relationships}
    related = {
        name: _load_related(
            mapper.relationships[name].mapper.class_,
            {key for each in stored_by_id.values() for key in each.get(name) or ()},
        )
        for name in relations
    }
    return {
        row_id: {
            name: [related[name][key] for key in stored if key in related[name]]
            if name in related
            else _restore_value(mapper.columns.get(name), stored)
            for name, stored in values.items()
        }
        for row_id, values in stored_by_id.items()
    }


def count_gone(
    stored_by_id: Mapping[int, Mapping[str, Any]], restored: Mapping[int, Mapping[str, Any]]
) -> dict[int, dict[str, int]]:
    """How many related rows `restore_values` left out because they are gone, by the row's id and the field's name."""
    counts: dict[int, dict[str, int]] = {}
    for row_id, values in stored_by_id.items():
        for name, stored in values.items():
            now = restored[row_id][name]
            if isinstance(stored, list) and isinstance(now, list) and len(now) < len(stored):
                counts.setdefault(row_id, {})[name] = len(stored) - len(now)
    return counts


def _load_related(model: Any, ids: set[int]) -> dict[int, Any]:
    return {row.id: row for row in db.session.scalars(select(model).where(model.id.in_(ids)))} if ids else {}


def _restore_value(column: Any, stored: Any) -> Any:
    if isinstance(stored, dict):
        return Decimal(stored["decimal"]) if "decimal" in stored else date.fromisoformat(stored["date"])
    enum_class = getattr(column.type, "enum_class", None) if column is not None else None
    return enum_class(stored) if enum_class is not None and stored is not None else stored

"""Selecting by custom fields: each condition and order reads the values of one field from the index of their kind.

A blank is no row, so a list sorted by a field shows what has something in it first, and the others behind, whichever
the direction.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, not_, select

from customerhub.custom_fields.definitions import FieldDefinition
from models import CustomFieldChoice
from models.base import db
from models.custom_fields import VALUE_TABLES
from models.enums import CustomFieldKind


def get_value_column(definition: FieldDefinition) -> Any:
    """The column that holds the values of the field, as they are."""
    return VALUE_TABLES[definition.owner].c[definition.column]


def get_compared_column(definition: FieldDefinition) -> Any:
    """The column by which its values are compared and sorted: of texts their keys."""
    column = "text_key" if definition.column == "text" else definition.column
    return VALUE_TABLES[definition.owner].c[column]


def build_value_expression(definition: FieldDefinition, model: Any, column: Any = None) -> Any:
    """What a row of `model` has in the field, or in another `column` of the value's row: an expression over the row."""
    table = VALUE_TABLES[definition.owner]
    value = select(get_value_column(definition) if column is None else column)
    value = value.where(table.c.owner_id == model.id, table.c.field_id == definition.id)
    return value.correlate(model).scalar_subquery()


def build_sort_expression(definition: FieldDefinition, model: Any) -> Any:
    """What rows of `model` are sorted by: choices by their order in the set-up."""
    if definition.kind is not CustomFieldKind.CHOICE or not definition.choices:
        return build_value_expression(definition, model, get_compared_column(definition))
    ranks = {choice.id: rank for rank, choice in enumerate(definition.choices)}
    return build_value_expression(definition, model, case(ranks, value=get_value_column(definition)))


def build_label_expression(definition: FieldDefinition, model: Any) -> Any:
    """The label of what a row of `model` has in a field of choices."""
    choice = select(CustomFieldChoice.name).where(CustomFieldChoice.id == build_value_expression(definition, model))
    return choice.scalar_subquery()


def build_condition(
    definition: FieldDefinition,
    model: Any,
    condition: ColumnElement[bool] | None = None,
    *,
    is_negated: bool = False,
    is_common: bool = False,
) -> ColumnElement[bool]:
    """That a row of `model` has a value in the field that meets `condition`, or any; or, `is_negated`, that it has no
    such value.

    Where it `is_common` rows are looked at in the order of the list until a page is full; otherwise those that the
    field's index names are. SQLite does as it is told, PostgreSQL decides by itself.
    """
    table, compared = VALUE_TABLES[definition.owner], get_compared_column(definition)
    owners = select(table.c.owner_id).where(table.c.field_id == definition.id, compared.is_not(None))
    if condition is not None:
        owners = owners.where(condition)
    has_value: ColumnElement[bool] = model.id.in_(owners)
    if is_common:
        has_value = owners.where(table.c.owner_id == model.id).correlate(model).exists()
    return not_(has_value) if is_negated else has_value


def build_key_finder(definition: FieldDefinition, model: Any) -> Callable[[Select[Any], int, int, bool], list[int]]:
    """What finds the keys of one page of a query sorted by the field: (query, offset, limit, whether descending).

    It walks the index of the field's values, and then the rows without one, instead of sorting all rows.
    """

    def find_keys(query: Select[Any], offset: int, limit: int, is_descending: bool) -> list[int]:
        keys: list[int] = []
        skipped = offset
        for part in _split_by_value(definition, model, query, is_descending):
            found = list(db.session.scalars(part.offset(skipped).limit(limit - len(keys))))
            keys += found
            if len(keys) >= limit:
                break
            if found:
                skipped = 0
            elif skipped:
                counted = part.order_by(None).subquery()
                skipped -= db.session.scalar(select(func.count()).select_from(counted)) or 0
        return keys

    return find_keys


def _split_by_value(
    definition: FieldDefinition, model: Any, query: Select[Any], is_descending: bool
) -> list[Select[Any]]:
    """The keys of `query` in parts, one behind the other: each is in the order of an index."""
    table, compared = VALUE_TABLES[definition.owner], get_compared_column(definition)
    keys = query.with_only_columns(model.id, maintain_column_froms=True)
    with_value = keys.join(table, table.c.owner_id == model.id).where(
        table.c.field_id == definition.id, compared.is_not(None)
    )
    order = [compared, table.c.owner_id]
    if definition.kind is CustomFieldKind.CHOICE:
        choices = reversed(definition.choices) if is_descending else definition.choices
        parts = [with_value.where(compared == choice.id) for choice in choices]
        order = [table.c.owner_id]
    else:
        parts = [with_value]
    ordered = [part.order_by(*(each.desc() if is_descending else each for each in order)) for part in parts]
    own_key = model.id.desc() if is_descending else model.id
    return [*ordered, keys.where(build_condition(definition, model, is_negated=True)).order_by(own_key)]

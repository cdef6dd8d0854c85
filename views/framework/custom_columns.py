"""Custom fields in lists: a column and a filter for each, made when an organisation's fields were changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, and_

from customerhub.core import money
from customerhub.core.spreadsheets import CellKind
from customerhub.custom_fields.definitions import NUMBER_KINDS, TEXT_KINDS, FieldDefinition
from customerhub.custom_fields.queries import (
    build_condition,
    build_key_finder,
    build_label_expression,
    build_sort_expression,
    build_value_expression,
    get_compared_column,
)
from customerhub.customers.search import HIGHEST_CHARACTER
from models.custom_fields import MAX_TEXT_LENGTH, build_text_key, load_custom_values
from models.enums import CustomFieldKind
from models.types import CustomNumber
from views.framework.columns import Column
from views.framework.custom_values import format_value, list_fields
from views.framework.exported import Exported
from views.framework.filters import UNVALUED, Filter
from views.framework.list_page import BlankLast
from views.http.urls import MAX_ID_DIGITS

S = TypeVar("S", bound=type)
Fields = tuple[FieldDefinition, ...]
Extend = Callable[[Any, Any, Fields], Sequence[Any]]  # (declared, model, custom fields)

MAX_REMEMBERED = 256  # organisations and screens
FILTER_KINDS = {
    CustomFieldKind.TEXT: "text",
    CustomFieldKind.LINK: "text",
    CustomFieldKind.NUMBER: "number",
    CustomFieldKind.AMOUNT: "number",
    CustomFieldKind.DATE: "date",
    CustomFieldKind.CHOICE: "select",
    CustomFieldKind.YES_NO: "select",
}
CELL_KINDS = {
    CustomFieldKind.NUMBER: CellKind.NUMBER,
    CustomFieldKind.AMOUNT: CellKind.AMOUNT,
    CustomFieldKind.DATE: CellKind.DATE,
    CustomFieldKind.YES_NO: CellKind.YES_NO,
}
YES_NO_OPTIONS = (("yes", "yes"), ("no", "no"))


class _Extended:
    """What the class of a screen declares; of the screen itself also what follows from the custom fields of `model` of
    the organisation at work.
    """

    def __init__(self, declared: Sequence[Any], model: Any, extend: Extend) -> None:
        self._declared, self._model, self._extend = declared, model, extend

    def __get__(self, screen: Any, _owner: Any = None) -> Sequence[Any]:
        fields = list_fields(self._model) if screen is not None else ()
        return self._extend(self._declared, self._model, fields) if fields else self._declared


def extend_screen(model: Any, **extensions: Extend) -> Callable[[S], S]:
    """A decorator of a screen: each declaration that is named has the custom fields of `model` too, by the function
    that adds them to what is declared.
    """

    def extend_class(screen_class: S) -> S:
        for name, extend in extensions.items():
            setattr(screen_class, name, _Extended(getattr(screen_class, name), model, extend))
        return screen_class

    return extend_class


def add_columns(declared: Sequence[Column], model: Any, fields: Fields) -> Sequence[Column]:
    """`declared`, and a column for each of `fields`, hidden until somebody chooses it."""
    return (*declared, *_build_columns(model, fields))


def add_filters(declared: Sequence[Filter], model: Any, fields: Fields) -> Sequence[Filter]:
    """`declared`, and a filter for each of `fields`."""
    return (*declared, *_build_filters(model, fields))


@lru_cache(maxsize=MAX_REMEMBERED)
def _build_columns(model: Any, fields: Fields) -> tuple[Column, ...]:
    return tuple(_build_column(model, each) for each in fields)


@lru_cache(maxsize=MAX_REMEMBERED)
def _build_filters(model: Any, fields: Fields) -> tuple[Filter, ...]:
    return tuple(_build_filter(model, each) for each in fields)


def _build_column(model: Any, definition: FieldDefinition) -> Column:
    name = definition.name
    is_measure = definition.kind in (*NUMBER_KINDS, CustomFieldKind.DATE)
    is_choice = definition.kind is CustomFieldKind.CHOICE
    value = build_label_expression(definition, model) if is_choice else build_value_expression(definition, model)
    return Column(
        name,
        definition.label,
        lambda row: format_value(definition, getattr(row, name)),
        sort=BlankLast(build_sort_expression(definition, model)),
        align="right" if is_measure else "left",
        default_visible=False,
        export=Exported(value, kind=CELL_KINDS.get(definition.kind, CellKind.TEXT)),
        load_values=load_custom_values,
        find_keys=build_key_finder(definition, model),
    )


def _build_filter(model: Any, definition: FieldDefinition) -> Filter:
    choices: Sequence[tuple[str, str]] | None = None
    if definition.kind is CustomFieldKind.CHOICE:
        choices = tuple((str(choice.id), choice.label) for choice in definition.choices)
    elif definition.kind is CustomFieldKind.YES_NO:
        choices = YES_NO_OPTIONS
    return CustomFilter(
        definition.name,
        definition.label,
        get_compared_column(definition),
        FILTER_KINDS[definition.kind],
        choices=choices,
        model=model,
        definition=definition,
    )


@dataclass(frozen=True)
class CustomFilter(Filter):
    """Narrows by the values of a custom field, which are rows of a table of their own."""

    definition: Any = None
    is_common: bool = False

    def expect_many(self) -> "CustomFilter":
        return replace(self, is_common=True)

    def build_condition(self, operator: str, value: str) -> ColumnElement[bool]:
        is_negated = operator in ("blank", "not")
        condition = None if operator in UNVALUED else self._build_value_condition(operator, value)
        return build_condition(self.definition, self.model, condition, is_negated=is_negated, is_common=self.is_common)

    def _build_value_condition(self, operator: str, value: str) -> ColumnElement[bool]:
        if self.definition.kind in TEXT_KINDS:
            return _build_text_condition(self.column, operator, value)
        return super().build_condition("is" if operator == "not" else operator, value)

    def _parse_value(self, value: str) -> Any:
        if self.choices is None:
            return super()._parse_value(value)
        if value not in dict(self.choices) or len(value) > MAX_ID_DIGITS:
            raise self._build_error(value)
        return value == "yes" if self.definition.kind is CustomFieldKind.YES_NO else int(value)

    def _parse_number(self, value: str) -> Any:
        number = money.parse_amount(value, places=self.definition.decimals)
        if abs(number) > CustomNumber().limit:
            raise ValueError(value)
        return number


def _build_text_condition(column: Any, operator: str, value: str) -> ColumnElement[bool]:
    """On the keys of texts, in whose order the index is."""
    key = build_text_key(value[:MAX_TEXT_LENGTH])
    if operator == "is":
        is_equal: ColumnElement[bool] = column == key
        return is_equal
    if operator == "starts":
        return and_(column >= key, column < key + HIGHEST_CHARACTER)
    contains: ColumnElement[bool] = column.contains(key, autoescape=True)
    return contains

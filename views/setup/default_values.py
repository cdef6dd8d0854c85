"""Default values: named sets that fill the form of a new customer."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

from flask import url_for
from sqlalchemy import Boolean, inspect
from wtforms import Form

from customerhub.core.permissions import Actor
from customerhub.custom_fields.definitions import FieldDefinition
from customerhub.customers.default_values import (
    LINKED_LISTS,
    ROW_LISTS,
    encode_values,
    list_allowed_fields,
    read_values,
)
from customerhub.setup.rows import save_row
from models import Customer, DefaultValueSet
from models.enums import FieldRequirement
from views.framework.custom_columns import extend_screen
from views.framework.custom_form_fields import MAX_REMEMBERED, build_custom_field
from views.framework.custom_values import list_fields
from views.framework.edit_page import DetailsPage
from views.framework.fields import AmountField, ChoiceField
from views.framework.forms import Inline, build_field, build_form, format_value
from views.framework.inline_rows import InlineList
from views.framework.labels import label_of
from views.setup.setup_view import SetupView, active_column, active_filter, name_column

INLINES = tuple(
    Inline(name, model, columns, label=label_of(name), optional=("number",))
    for name, (model, columns) in ROW_LISTS.items()
)


@cache
def list_edited_fields() -> tuple[str, ...]:
    """What the form of a set has a box for. Of lists of rows and of yes or no it has none: a blank one would say no."""
    columns = inspect(Customer).columns
    names = [name for name in list_allowed_fields() if name not in (*ROW_LISTS, *LINKED_LISTS)]
    return tuple(name for name in names if not isinstance(columns[name].type, Boolean))


@cache
def _values_form() -> type[Form]:
    return build_form(Customer, list_allowed_fields(), inlines=INLINES, name="DefaultValuesForm")


@lru_cache(maxsize=MAX_REMEMBERED)
def _add_custom_fields(form_class: Any, fields: tuple[FieldDefinition, ...]) -> type[Form]:
    """`form_class` with these custom fields, none of which must be filled in."""
    optional = (replace(each, requirement=FieldRequirement.OPTIONAL) for each in fields)
    extended: type[Form] = type(
        form_class.__name__, (form_class,), {each.name: build_custom_field(each) for each in optional}
    )
    return extended


def add_value_fields(declared: Sequence[Any], _model: Any, fields: tuple[FieldDefinition, ...]) -> Sequence[Any]:
    """The tab of the values with the custom fields of customers behind the others."""
    return tuple((name, label, (*names, *(each.name for each in fields))) for name, label, names in declared)


def describe_values(values: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    """(field, label, what people read) of each of `values`, which `read_values` returned."""
    values_form: Any = _values_form()
    form = _add_custom_fields(values_form, list_fields(Customer))(None, data=dict(values))
    return [(name, form[name].label.text, describe_field(form[name])) for name in values]


def describe_field(field: Any) -> str:
    """What a field holds, in words; the rows of a list with semicolons between them."""
    if isinstance(field, InlineList):
        return "; ".join(_describe_row([entry[name] for name in field.columns]) for entry in field.entries)
    if hasattr(field, "display_text"):
        return str(field.display_text())
    return str(field._value()) if isinstance(field, AmountField) else format_value(field.data)


def _describe_row(cells: Sequence[Any]) -> str:
    """Internet line, minimum cost 25.00, cost per unit 39.90."""
    texts = [(cell.label.text, describe_field(cell)) for cell in cells]
    first, *others = [(label, text) for label, text in texts if text]
    return ", ".join([first[1], *(f"{label[:1].lower()}{label[1:]} {text}" for label, text in others)])


def _list_names() -> list[str]:
    """What the form of a set has a box for, custom fields among it."""
    return [*list_edited_fields(), *(each.name for each in list_fields(Customer))]


def _save(row: DefaultValueSet, *, actor: Actor) -> DefaultValueSet:
    """The values of the form; what it has no box for stays."""
    names = _list_names()
    others = {name: value for name, value in (row.values or {}).items() if name not in names}
    row.values = others | encode_values({name: getattr(row, name, None) for name in names})
    saved: DefaultValueSet = save_row(row, actor=actor)
    return saved


@extend_screen(Customer, tabs=add_value_fields)
class DefaultValueView(SetupView):
    noun = "set of default values"
    title = "Default values"
    intro = "Named sets of values that fill the form of a new customer. Fill in that form to save one from it."
    empty_text = "Useful if many customers share a region, a billing cycle or payment terms."
    columns = (name_column(DefaultValueSet), active_column(DefaultValueSet))
    filters = (active_filter(DefaultValueSet),)
    search_columns = (DefaultValueSet.name,)
    default_order = (DefaultValueSet.name_key,)
    fields = ("name", "active")
    tabs = (("values", "Values", list_edited_fields()),)
    save = staticmethod(_save)
    has_bulk_edit = False  # the values of a set are one thing, made on its form

    def scaffold_form(self) -> type[Form]:
        form_class = build_form(DefaultValueSet, self.fields)
        for name in list_edited_fields():
            field = build_field(Customer, name, required=False)
            field.kwargs.pop("default", None)
            if field.field_class is ChoiceField:
                field.kwargs["blank"] = True
            setattr(form_class, name, field)
        return form_class

    def extend_form_class(self, form_class: Any) -> type[Form]:
        return _add_custom_fields(form_class, list_fields(Customer))

    def get_one(self, id: Any, load_options: Sequence[Any] = ()) -> Any:
        row = super().get_one(id, load_options)
        values = read_values(row.values, row.organisation_id)
        for name in _list_names():
            setattr(row, name, values.get(name))
        return row

    def fill_details(self, page: DetailsPage, row: Any, _tab: str) -> None:
        values = describe_values(read_values(row.values, row.organisation_id))
        edit = url_for("default-values.edit_view", id=row.id) if self.can_edit else None
        page.sections = [{"title": "Values", "items": [(label, text) for _, label, text in values], "edit_url": edit}]

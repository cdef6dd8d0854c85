"""Default values: named sets that fill the form of a new customer."""

from collections.abc import Sequence
from typing import Any

from flask import url_for
from wtforms import Form

from customerhub.core.permissions import Actor
from customerhub.customers.default_values import ALLOWED_FIELDS, select_allowed_values
from customerhub.setup.rows import save_row
from models import Customer, DefaultValueSet
from views.framework.edit_page import DetailsPage
from views.framework.fields import ChoiceField
from views.framework.forms import build_field, build_form
from views.framework.labels import label_of
from views.setup.setup_view import SetupView, active_column, active_filter, name_column


def _save(row: DefaultValueSet, *, actor: Actor) -> DefaultValueSet:
    row.values = select_allowed_values({name: getattr(row, name, None) for name in ALLOWED_FIELDS})
    saved: DefaultValueSet = save_row(row, actor=actor)
    return saved


class DefaultValueView(SetupView):
    noun = "set of default values"
    title = "Default values"
    intro = "Named sets of values. Choose a set on the form of a new customer to fill in its fields."
    empty_text = "Useful if many customers share a region, a billing cycle or payment terms."
    columns = (name_column(DefaultValueSet), active_column(DefaultValueSet))
    filters = (active_filter(DefaultValueSet),)
    search_columns = (DefaultValueSet.name,)
    default_order = (DefaultValueSet.name_key,)
    fields = ("name", "active")
    tabs = (("values", "Values", ALLOWED_FIELDS),)
    save = staticmethod(_save)
    has_bulk_edit = False  # the values of a set are one thing, made on its form

    def scaffold_form(self) -> type[Form]:
        form_class = build_form(DefaultValueSet, self.fields)
        for name in ALLOWED_FIELDS:
            field = build_field(Customer, name, required=False)
            field.kwargs.pop("default", None)
            if field.field_class is ChoiceField:
                field.kwargs["blank"] = True
            setattr(form_class, name, field)
        return form_class

    def get_one(self, id: Any, load_options: Sequence[Any] = ()) -> Any:
        row = super().get_one(id, load_options)
        for name in ALLOWED_FIELDS:
            setattr(row, name, row.values.get(name))
        return row

    def fill_details(self, page: DetailsPage, row: Any, _tab: str) -> None:
        form = self._edit_form_class(None, obj=row)
        items = [
            (label_of(name), form[name].display_text() if hasattr(form[name], "display_text") else form[name].data)
            for name in ALLOWED_FIELDS
        ]
        edit = url_for("default-values.edit_view", id=row.id) if self.can_edit else None
        page.sections = [
            {"title": "Values", "items": [(label, value) for label, value in items if value], "edit_url": edit}
        ]

"""Default values: named sets that fill the form of a new customer."""

from typing import Any

from flask import url_for
from wtforms import Form

from customerhub.customers.default_values import KEPT, keep_values
from customerhub.permissions import Actor
from customerhub.setup.rows import save_row
from models import Customer, DefaultValueSet
from views.editing import DetailsPage
from views.fields import ChoiceField
from views.forms import build_field, build_form, label_of
from views.named import SetupView, active_column, active_filter, name_column


def _save(row: DefaultValueSet, *, actor: Actor) -> DefaultValueSet:
    row.values = keep_values({name: getattr(row, name, None) for name in KEPT})
    saved: DefaultValueSet = save_row(row, actor=actor)
    return saved


class DefaultValueView(SetupView):
    noun = "set of default values"
    title = "Default values"
    intro = "Choose a set on the form of a new customer and it fills these fields."
    empty_text = "Useful where many customers share a region, a billing cycle or terms."
    columns = (name_column(DefaultValueSet), active_column(DefaultValueSet))
    filters = (active_filter(DefaultValueSet),)
    searched = (DefaultValueSet.name,)
    usual_order = (DefaultValueSet.name_key,)
    fields = ("name", "active")
    tabs = (("values", "Values", KEPT),)
    save = staticmethod(_save)

    def scaffold_form(self) -> type[Form]:
        form_class = build_form(DefaultValueSet, self.fields)
        for name in KEPT:
            field = build_field(Customer, name, required=False)
            field.kwargs.pop("default", None)
            if field.field_class is ChoiceField:
                field.kwargs["blank"] = True
            setattr(form_class, name, field)
        return form_class

    def get_one(self, id: Any) -> Any:
        row = super().get_one(id)
        for name in KEPT:
            setattr(row, name, row.values.get(name))
        return row

    def fill_details(self, page: DetailsPage, row: Any, _tab: str) -> None:
        form = self._edit_form_class(None, obj=row)
        items = [
            (label_of(name), form[name].shown() if hasattr(form[name], "shown") else form[name].data) for name in KEPT
        ]
        edit = url_for("default-values.edit_view", id=row.id) if self.can_edit else None
        page.sections = [
            {"title": "Values", "items": [(label, value) for label, value in items if value], "edit_url": edit}
        ]

"""Default values on the form of a customer: filling it in, and saving what it holds as a set."""

import json
from decimal import Decimal
from typing import Any

from flask import abort, flash, jsonify, redirect, request, url_for
from flask_admin import expose
from wtforms import Form
from wtforms.fields import BooleanField

from customerhub.core.errors import HubError
from customerhub.core.permissions import Permission
from customerhub.customers.default_values import (
    encode_values,
    find_value_set,
    list_allowed_fields,
    list_value_sets,
    load_values,
    read_values,
    save_value_set,
)
from models import Customer, DefaultValueSet
from models.base import db
from views.framework.custom_values import list_fields
from views.framework.edit_conflicts import comparable_value
from views.framework.edit_page import EditPage
from views.framework.form_binding import submitted_data
from views.framework.forms import format_value
from views.framework.inline_rows import InlineList
from views.framework.model_view import HubModelView
from views.framework.screen import ViewResponse
from views.http.urls import parse_id
from views.setup.default_values import describe_values

SET_FIELD = "defaults"  # of an address and of a form: the set whose values fill it


class DefaultValuesMixin(HubModelView):
    """The parts of the customer screen that know of default value sets."""

    def offer_default_values(self, page: EditPage) -> None:
        """Let the form load a set where it is a new one, and be saved as one by those who may."""
        sets = list_value_sets(actor=self.actor) if page.is_new else []
        may_save = self.actor.has_permission(Permission.DEFAULTS_SAVE)
        page.default_values = {
            "choices": [(each.id, each.name) for each in sets],
            "url": url_for("customers.create_view"),
            "fill_url": url_for("customers.default_values"),
            "save_url": url_for("customers.save_default_values") if may_save else None,
        }
        if page.is_new:
            set_id = self._chosen_set_id()
            value_set = find_value_set(set_id, actor=self.actor) if set_id is not None else None
            page.hidden_fields.append((SET_FIELD, str(value_set.id) if value_set else ""))
            if value_set is not None:
                self._mark_filled(page.form, value_set)

    def chosen_default_values(self) -> dict[str, Any]:
        set_id = self._chosen_set_id()
        return {} if set_id is None else load_values(set_id, actor=self.actor)

    def _chosen_set_id(self) -> int | None:
        return parse_id(request.form.get(SET_FIELD) or request.args.get(SET_FIELD, ""))

    def _mark_filled(self, form: Form, value_set: DefaultValueSet) -> None:
        """Say of each field that still holds what the set gives, that it does."""
        values = read_values(value_set.values, self.actor.organisation_id)
        filled_form = self._create_form_class(None, data=values)
        for name in values:
            if name in form and _is_same(form[name], filled_form[name]):
                form[name].filled_from = value_set.name

    @expose("/default-values/")
    def default_values(self) -> Any:
        """What a set puts into the form of a new customer: {field: {value, text, usual}}, of a list {rows}.

        `usual` is what the field of an empty form holds.
        """
        if not self.can_create:
            abort(404)
        values = self.chosen_default_values()
        filled_form = self._create_form_class(None, data=values)
        empty_form = self._create_form_class(None, data=self.default_field_values())
        return jsonify(
            {
                name: _describe_fill(filled_form[name]) | {"usual": posted_value(empty_form[name])}
                for name in values
                if name in filled_form
            }
        )

    @expose("/save-default-values/", methods=("POST",))
    def save_default_values(self) -> ViewResponse:
        """First what the form holds, to be chosen from; then the set is saved under a name, or in the place of one."""
        if not self.may_edit() or not self.actor.has_permission(Permission.DEFAULTS_SAVE):
            abort(403)
        if "values" not in request.form:
            form = self._create_form_class(submitted_data(self._form_classes()))
            form.validate()
            names = [*list_allowed_fields(), *(each.name for each in list_fields(Customer))]
            data = {name: form[name].data for name in names if name in form and not form[name].errors}
            data |= {each.short_name: _list_rows(each) for each in form if isinstance(each, InlineList)}
            empty_form = self._create_form_class(None, data=self.default_field_values())
            changed = [name for name in data if name in form and not _is_same(form[name], empty_form[name])]
            return self._render_set_form(encode_values(data), changed)
        values = _read_posted_values()
        names = request.form.getlist("field")
        return self._save_set({name: values[name] for name in names if name in values}, values, names)

    def _save_set(self, chosen: dict[str, Any], values: dict[str, Any], names: list[str]) -> ViewResponse:
        replaced_id = parse_id(request.form.get("replaced", ""))
        replaced = find_value_set(replaced_id, actor=self.actor) if replaced_id is not None else None
        if replaced_id is not None and replaced is None:
            abort(404)
        try:
            value_set = save_value_set(request.form.get("name", ""), chosen, replaced=replaced, actor=self.actor)
            db.session.commit()
        except HubError as error:
            db.session.rollback()
            return self._render_set_form(values, names, error.message)
        flash(f"Default values “{value_set}” were saved.", "success")
        return redirect(url_for("default-values.details_view", id=value_set.id), 303)

    def _render_set_form(self, values: dict[str, Any], ticked: list[str], error: str | None = None) -> ViewResponse:
        entries = [
            (name, label, text, name in ticked)
            for name, label, text in describe_values(read_values(values, self.actor.organisation_id))
        ]
        body = self.render(
            "customers/save_default_values.html",
            title="Save as default values",
            entries=entries,
            values=json.dumps(values),
            sets=[(each.id, each.name) for each in list_value_sets(actor=self.actor)],
            name=request.form.get("name", "") if error else "",
            error=error,
            url=url_for("customers.save_default_values"),
        )
        return body, 422 if error else 200

    def default_field_values(self) -> dict[str, Any]:
        """What the form of a new customer begins with, without any set."""
        return {}


def _read_posted_values() -> dict[str, Any]:
    """What the first step gave along; its values are checked again before they are kept."""
    try:
        values = json.loads(request.form["values"])
    except (ValueError, RecursionError):
        abort(400)
    return values if isinstance(values, dict) else {}


def _list_rows(field: InlineList) -> list[Any]:
    """The rows of a list as objects that are in no session."""
    rows = []
    for entry in field.entries:
        if not entry.removed:
            sound_cells = [cell for cell in entry if cell.short_name in field.columns and not cell.errors]
            cells = {cell.short_name: cell.data for cell in sound_cells if cell.type != "UploadField"}
            rows.append(field.inline.model(**cells))
    return rows


def _is_same(field: Any, other: Any) -> bool:
    if isinstance(field, InlineList):
        return _comparable_rows(field) == _comparable_rows(other)
    return bool(_comparable(field) == _comparable(other))


def _comparable(field: Any) -> Any:
    return field.data if isinstance(field.data, Decimal) else comparable_value(field)  # 1.250000 is 1.25


def _comparable_rows(field: InlineList) -> list[list[Any]]:
    return [
        [_comparable(cell) for cell in entry if cell.short_name not in ("id", "version")]
        for entry in field.entries
        if not entry.removed
    ]


def _describe_fill(field: Any) -> dict[str, Any]:
    if isinstance(field, InlineList):
        rows = [
            {cell.short_name: _describe_fill(cell) for cell in entry if cell.short_name in field.columns}
            for entry in field.entries
        ]
        return {"rows": rows}
    return {"value": posted_value(field), "text": getattr(field, "current_text", "")}


def posted_value(field: Any) -> Any:
    """What the control of `field` sends: a list where it has several boxes."""
    if isinstance(field, InlineList):
        return []
    if isinstance(field, BooleanField):
        return "y" if field.data else ""
    if isinstance(field.data, list):
        return [str(each) for each in field.data]
    return str(field._value()) if hasattr(field, "_value") and field.type != "UploadField" else format_value(field.data)

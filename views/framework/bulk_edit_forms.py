"""The forms of a bulk edit: fields of the record's form that begin empty, where nothing is taken away by a blank."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from wtforms import BooleanField, ColorField, Form, HiddenField, SelectMultipleField
from wtforms.validators import DataRequired, InputRequired, Optional

from models.base import db
from views.framework.fields import UploadField, YesNoField
from views.framework.forms import RequiredMarker
from views.framework.inline_rows import InlineList
from views.framework.row_fields import RowsField

CLEAR_PREFIX = "clear-"
VALUE_REQUIRED = "Enter the new value, or choose “Clear”"
VALUE_ONLY_REQUIRED = "Enter the new value"
# A list of rows or a file belongs to its record; a box for colours is never empty.
_NOT_OFFERED = (InlineList, UploadField, HiddenField, ColorField)
_REPLACED = ("label", "validators", "default", "render_kw")  # of the field's declaration
_ABOUT_BLANKS = (Optional, InputRequired, DataRequired, RequiredMarker)


def is_offered(unbound: Any) -> bool:
    """Whether a field of a form, as it is declared, can be changed in bulk."""
    return unbound is not None and not issubclass(unbound.field_class, _NOT_OFFERED)


def label_of_field(unbound: Any) -> str:
    """The label of a field as it is declared."""
    return str(unbound.kwargs.get("label") or (unbound.args[0] if unbound.args else ""))


def copy_field(unbound: Any) -> Any:
    """The field as the record's form has it, but empty at first, and shown whatever the others hold."""
    kwargs = {name: each for name, each in unbound.kwargs.items() if name not in _REPLACED}
    declared = unbound.kwargs.get("validators") or (unbound.args[1] if len(unbound.args) > 1 else ())
    validators = [Optional(), *(each for each in declared if not isinstance(each, _ABOUT_BLANKS))]
    label = label_of_field(unbound)
    if issubclass(unbound.field_class, BooleanField):
        return YesNoField(label, description=kwargs.get("description", ""), render_kw={})
    attributes = unbound.kwargs.get("render_kw") or {}
    kept = {name: value for name, value in attributes.items() if name in ("maxlength", "inputmode", "rows")}
    if isinstance(kwargs.get("blank"), bool):
        kwargs["blank"] = True
    return unbound.field_class(label, validators=validators, render_kw=kept, **kwargs)


def add_clear_boxes(fields: dict[str, Any], clearable: Sequence[str]) -> dict[str, Any]:
    """`fields` with, behind each that may be cleared, the box that says so; its value is not asked for then."""
    attributes: dict[str, Any] = {}
    for name, unbound in fields.items():
        attributes[name] = unbound
        if name in clearable:
            unbound.kwargs["render_kw"] |= {"data-show-when": f"{CLEAR_PREFIX}{name}="}
            attributes[f"{CLEAR_PREFIX}{name}"] = BooleanField(f"Clear {label_of_field(unbound).lower()}")
    return attributes


class _ChangesForm(Form):
    """Reads what is to be changed."""

    @property
    def data(self) -> dict[str, Any]:
        return {}

    def _read(self, name: str) -> Any:
        field: Any = self[name]
        if isinstance(field, RowsField):
            model = field.source.model
            return list(db.session.scalars(select(model).where(model.id.in_(field.data)))) if field.data else []
        return None if field.data == "" else field.data


class CommonForm(_ChangesForm):
    """What is the same for all rows: it begins empty, and each of the `common_names` is answered."""

    common_names: tuple[str, ...] = ()
    is_incomplete = False  # as long as no field was chosen

    @property
    def data(self) -> dict[str, Any]:
        return {**super().data, "changes": {name: self._read_answer(name) for name in self._list_answered()}}

    def _list_answered(self) -> list[str]:
        return [
            name
            for name in self.common_names
            if self.is_cleared(name) or not (self[name].process_errors or _is_blank(self[name].data))
        ]

    def _read_answer(self, name: str) -> Any:
        if not self.is_cleared(name):
            return self._read(name)
        return [] if isinstance(self[name], SelectMultipleField) else None

    def is_cleared(self, name: str) -> bool:
        box = f"{CLEAR_PREFIX}{name}"
        return box in self and bool(self[box].data)

    def validate(self, extra_validators: Any = None) -> bool:
        super().validate(extra_validators)
        if self.is_incomplete:
            return False
        for name in self.common_names:
            field: Any = self[name]
            if self.is_cleared(name):
                field.errors = []
            elif not field.errors and _is_blank(field.data):
                is_clearable = f"{CLEAR_PREFIX}{name}" in self
                field.errors = [VALUE_REQUIRED if is_clearable else VALUE_ONLY_REQUIRED]
        return not any(field.errors for field in self)


class OwnForm(_ChangesForm):
    """What belongs to one row: `own_names` begin with what the row holds. One that is emptied is cleared."""

    own_names: tuple[str, ...] = ()

    @property
    def data(self) -> dict[str, Any]:
        own = {name: self._read(name) for name in self.own_names if not self[name].process_errors}
        return {**super().data, "own_changes": own}


def _is_blank(data: Any) -> bool:
    return data is None or data in ("", [])

"""Custom fields on forms: the control of each kind, and the form class of a screen with those of the organisation."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from markupsafe import escape
from wtforms import Field, Form
from wtforms.fields import StringField
from wtforms.validators import Length, Optional, ValidationError

from customerhub.core.money import format_number
from customerhub.custom_fields.definitions import FieldDefinition
from models.custom_fields import MAX_TEXT_LENGTH, load_custom_values
from models.enums import CustomFieldKind
from models.types import CustomNumber
from views.framework.choices import mark_selected
from views.framework.custom_values import list_fields
from views.framework.date_field import DateField
from views.framework.fields import AmountField, SelectWidget
from views.framework.forms import Inline, RequiredMarker, check_control_characters, clean_input, mark_required
from views.framework.inline_rows import InlineList
from views.http.urls import parse_id

MAX_REMEMBERED = 256  # organisations and screens
Fields = tuple[FieldDefinition, ...]


class CustomNumberField(AmountField):
    """A number of no unit."""

    suffix = ""

    def _value(self) -> str:
        if self.raw_data or self.data is None:
            return super()._value()
        return format_number(self.data)


class CustomChoiceField(Field):
    """One of the choices of a custom field, or none. Its data is the choice's id."""

    widget = SelectWidget()

    def __init__(self, label: str = "", validators: Any = None, *, definition: FieldDefinition, **kwargs: Any) -> None:
        super().__init__(label, validators, **kwargs)
        self.definition = definition

    def process_data(self, value: Any) -> None:
        self.data = self.stored = value

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        text = valuelist[0].strip()
        self.data = parse_id(text) if text else None
        if text and self.data is None:
            raise ValueError("Choose one from the list")

    def pre_validate(self, form: Any) -> None:
        choice = self.definition.find_choice(self.data)
        if self.data is not None and (choice is None or not (choice.active or self.data == self.stored)):
            raise ValidationError("Choose one from the list")

    def render_options(self) -> str:
        options = "".join(
            f'<option value="{choice.id}">{escape(choice.label if choice.active else f"{choice.label} (inactive)")}'
            "</option>"
            for choice in self.definition.choices
            if choice.active or choice.id in (self.data, self.stored)
        )
        return f'<option value=""></option>{mark_selected(options, self.data)}'

    def display_text(self) -> str:
        choice = self.definition.find_choice(self.data)
        return choice.label if choice is not None else ""


class YesNoField(Field):
    """Yes, no, or nobody has said. Its data is a bool or None."""

    widget = SelectWidget()
    OPTIONS = '<option value="yes">Yes</option><option value="no">No</option>'

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.data = {"yes": True, "no": False}.get(valuelist[0].strip())

    def render_options(self) -> str:
        selected = self.display_text().lower() or None
        return f'<option value=""></option>{mark_selected(self.OPTIONS, selected)}'

    def display_text(self) -> str:
        if self.data is None:
            return ""
        return "Yes" if self.data else "No"


def build_custom_field(definition: FieldDefinition, *, is_bare: bool = False) -> Any:
    """The field of a form for a custom field. In a row of a list it is `is_bare`: without its help.

    Whether it must be filled in depends on the row, and the operation decides; the mark says so to people.
    """
    marks = [RequiredMarker()] if definition.is_required(of_prospect=False) else []
    args: dict[str, Any] = {
        "label": definition.label,
        "description": "" if is_bare else definition.help_text,
        "validators": [Optional(), *marks],
        "render_kw": {"required": False},
    }
    if definition.kind is CustomFieldKind.CHOICE:
        return CustomChoiceField(definition=definition, **args)
    if definition.kind is CustomFieldKind.YES_NO:
        return YesNoField(**args)
    if definition.kind is CustomFieldKind.DATE:
        return DateField(**args)
    if definition.kind is CustomFieldKind.AMOUNT:
        return AmountField(decimals=definition.decimals, limit=CustomNumber().limit, **args)
    if definition.kind is CustomFieldKind.NUMBER:
        return CustomNumberField(decimals=definition.decimals, limit=CustomNumber().limit, money=False, **args)
    args["validators"] += [
        Length(max=MAX_TEXT_LENGTH, message=f"Enter at most {MAX_TEXT_LENGTH} characters"),
        check_control_characters,
    ]
    input_mode = {"inputmode": "url"} if definition.kind is CustomFieldKind.LINK else {}
    args["render_kw"] = {"maxlength": MAX_TEXT_LENGTH, "required": False} | input_mode
    return StringField(filters=[clean_input], **args)


def find_form_class(form_class: Any, model: Any, inlines: Sequence[Inline]) -> type[Form]:
    """`form_class` of `model`, with a field for each custom field of the organisation at work. The rows of its lists
    have the columns of `inlines`.
    """
    fields = list_fields(model)
    lists = tuple(
        (inline, list_fields(inline.model))
        for inline in inlines
        if inline != getattr(form_class, inline.name).kwargs["inline"]
    )
    return _extend_form(form_class, fields, lists) if fields or lists else form_class


@lru_cache(maxsize=MAX_REMEMBERED)
def _extend_form(form_class: type[Form], fields: Fields, lists: tuple[tuple[Inline, Fields], ...]) -> type[Form]:
    attributes: dict[str, Any] = {each.name: build_custom_field(each) for each in fields}
    for inline, fields_of_rows in lists:
        declared = getattr(form_class, inline.name).kwargs
        row_form = _build_row_form(declared["form_class"], declared["inline"], inline, fields_of_rows)
        attributes[inline.name] = InlineList(inline.label, inline=inline, form_class=row_form)
    return type(form_class.__name__, (form_class,), attributes)


def _build_row_form(row_form: type[Form], declared: Inline, inline: Inline, fields: Fields) -> type[Form]:
    """`row_form` of the `declared` list with the columns of `inline`, which may be some of `fields`."""
    attributes: dict[str, Any] = {name: None for name in declared.fields if name not in inline.fields}
    attributes |= {each.name: build_custom_field(each, is_bare=True) for each in fields if each.name in inline.fields}
    attributes |= {name: mark_required(attributes.get(name) or getattr(row_form, name)) for name in inline.marked}
    return type(row_form.__name__, (row_form,), attributes)


def load_row_values(row: Any, inlines: Sequence[Inline]) -> None:
    """Read what the rows of the lists of `row` have in custom fields, by one statement a list."""
    for inline in inlines:
        if list_fields(inline.model):
            load_custom_values(getattr(row, inline.name))

"""Forms generated from the tables: each column becomes the field that fits it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, Boolean, Date, Enum, Integer, String, Text, inspect
from wtforms import Form
from wtforms.fields import BooleanField, ColorField, HiddenField, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional, ValidationError

from customerhub.core.errors import Invalid
from customerhub.core.validation import check_printable
from models import StoredFile
from models.base import Base, OrganisationRow
from models.enums import CorrespondenceMode, PortalPermission
from models.types import Percent, ScaledDecimal
from views.framework.choices import LOOKUP_MODELS, Source, source_of
from views.framework.date_field import DateField
from views.framework.fields import (
    AmountField,
    ChoiceField,
    ChoicesField,
    CodeField,
    NumberChoiceField,
    UploadField,
    WholeNumberField,
)
from views.framework.inline_rows import InlineList
from views.framework.labels import NUMBER_NAMES, label_of
from views.framework.locales import CODE_LISTS
from views.framework.row_fields import LookupField, RowField, RowsField
from views.http.urls import parse_id

MODELS_BY_TABLE: dict[str, type[OrganisationRow]] = {
    mapper.class_.__tablename__: mapper.class_ for mapper in Base.registry.mappers
}
SET_MEMBERS: dict[str, Any] = {"correspondence_modes": CorrespondenceMode, "portal_permissions": PortalPermission}


@dataclass(frozen=True)
class Inline:
    """Rows of `model`, held by the attribute `name`, that are edited with their owner.

    The column that `differs` has another value in each row: what one row has is not offered in the others. A `picker`
    gives the list beside the rows, from which several are added at once. Columns that are `folded` are shown on demand,
    by a button that says `folded_label`, so that the others fit in one line. Columns that are `optional` may be left
    blank although every row has them: saving fills them in. What `kept_text` says of a row stands where others are
    removed; that row stays. `show_when` is the value of a field with which the list is shown, such as kind=choice;
    always where it is blank. Columns that are `marked` are required by the organisation.
    """

    name: str
    model: type[OrganisationRow]
    fields: tuple[str, ...]
    label: str
    add_label: str = "+ Add"
    picker: Callable[[], dict[str, Any]] | None = None
    differs: str = ""
    optional: tuple[str, ...] = ()
    kept_text: Callable[[Any], str] | None = None
    folded: tuple[str, ...] = ()
    folded_label: str = "More"
    show_when: str = ""
    marked: tuple[str, ...] = ()


def format_value(value: Any) -> str:
    """A plain value as a form or a comparison shows it."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def clean_input(text: Any) -> Any:
    """Typed text trimmed; blank is None, so that the database holds one kind of nothing."""
    return (text.strip() or None) if isinstance(text, str) else text


class RequiredMarker:
    """Marks a field as needed on the form; whether it really is depends on the rest, and the operation decides."""

    field_flags = {"required": True}

    def __call__(self, form: Any, field: Any) -> None:
        return None


def mark_required(unbound: Any) -> Any:
    """A field as it is declared, marked as needed on the form."""
    validators = [*(unbound.kwargs.get("validators") or ()), RequiredMarker()]
    render_kw = {**(unbound.kwargs.get("render_kw") or {}), "required": False}
    return unbound.field_class(*unbound.args, **{**unbound.kwargs, "validators": validators, "render_kw": render_kw})


def check_control_characters(_form: Any, field: Any) -> None:
    try:
        check_printable(field.data if isinstance(field.data, str) else "")
    except Invalid as error:
        raise ValidationError(error.message) from None


def build_form(
    model: type[Any],
    fields: Sequence[str],
    *,
    inlines: Sequence[Inline] = (),
    args: dict[str, Any] | None = None,
    name: str = "",
) -> type[Form]:
    """A form class over `fields` of `model`, with its inline lists and the version it was opened at."""
    by_name = {inline.name: inline for inline in inlines}
    attributes: dict[str, Any] = {}
    for field in fields:
        if field in by_name:
            inline = by_name[field]
            attributes[field] = InlineList(inline.label, inline=inline, form_class=_inline_form(inline))
        else:
            attributes[field] = build_field(model, field, **(args or {}).get(field, {}))
    attributes["version"] = HiddenField(filters=[_parse_version])
    attributes["original"] = HiddenField()
    return type(name or f"{model.__name__}Form", (Form,), attributes)


def _inline_form(inline: Inline) -> type[Form]:
    optional: dict[str, Any] = {"required": False, "render_kw": {"placeholder": "Automatic"}}
    attributes = {
        field: build_field(inline.model, field, **(optional if field in inline.optional else {}))
        for field in inline.fields
    }
    attributes["id"] = HiddenField()
    attributes["version"] = HiddenField(filters=[_parse_version])
    return type(f"{inline.model.__name__}Row", (Form,), attributes)


def _parse_version(text: Any) -> Any:
    version = parse_id(text) if isinstance(text, str) else None
    return text if version is None else version


def build_field(model: type[Any], name: str, **args: Any) -> Any:
    """The form field for one column or many-to-many relation of `model`."""
    mapper: Any = inspect(model)
    args.setdefault("label", label_of(name))
    if name in mapper.relationships:
        if args.pop("marked_required", False):
            args |= {"validators": [RequiredMarker()], "render_kw": {"required": False}}
        target = mapper.relationships[name].mapper.class_
        return RowsField(source=Source(target), **args)
    column = mapper.columns[name]
    if column.info.get("label"):
        args["label"] = column.info["label"]
    if column.info.get("help"):
        args.setdefault("description", column.info["help"])
    required = not column.nullable and column.default is None and column.server_default is None
    required = args.pop("required", required)
    if args.pop("marked_required", False):
        args |= {"validators": [Optional(), RequiredMarker()], "render_kw": {"required": False}}
    args.setdefault("validators", [InputRequired("Required")] if required else [Optional()])
    source = source_of(column, MODELS_BY_TABLE)
    if source is not None:
        return _row_field(source, model, name, args)
    if column.default is not None and column.default.is_scalar:
        args.setdefault("default", column.default.arg)
    return _plain_field(column, name, args)


def _row_field(source: Source, model: type[Any], name: str, args: dict[str, Any]) -> Any:
    if source.model is StoredFile:
        return UploadField(**args)
    source = args.pop("source", source)
    if source.model in LOOKUP_MODELS:
        return LookupField(source=source, lookup=f"{model.__tablename__}.{name}", **args)
    return RowField(source=source, **args)


def _plain_field(column: Any, name: str, args: dict[str, Any]) -> Any:
    kind = column.type
    if isinstance(kind, JSON) and name in SET_MEMBERS:
        return ChoicesField(
            members=SET_MEMBERS[name], **{key: value for key, value in args.items() if key != "default"}
        )
    if isinstance(kind, Enum) and kind.enum_class is not None:
        members: Any = kind.enum_class
        return ChoiceField(members=members, blank=column.nullable, **args)
    if isinstance(kind, Boolean):
        return BooleanField(**{**args, "validators": []})
    if isinstance(kind, ScaledDecimal):
        return AmountField(decimals=kind.places, limit=Decimal(kind.limit), money=not isinstance(kind, Percent), **args)
    if isinstance(kind, Date):
        return DateField(**args)
    if name in NUMBER_NAMES:
        return NumberChoiceField(names=NUMBER_NAMES[name], **args)
    if isinstance(kind, Integer):
        args["validators"] = [*args["validators"], NumberRange(-(2**31), 2**31 - 1)]
        return WholeNumberField(**args)
    max_length = kind.length if isinstance(kind, String) and kind.length else column.info.get("max_length", 20_000)
    if isinstance(args["validators"][0], InputRequired):
        args["validators"] = [DataRequired("Required")]
    args["validators"] = [
        *args["validators"],
        Length(max=max_length, message=f"Enter at most {max_length} characters"),
        check_control_characters,
    ]
    if name in CODE_LISTS:
        return CodeField(code_names=CODE_LISTS[name], blank=column.nullable, **args)
    if "colour" in name:
        return ColorField(**args)
    args["filters"] = [clean_input]
    if isinstance(kind, Text):
        return TextAreaField(**args)
    default_attributes = {"maxlength": max_length, **({"inputmode": "email"} if "email" in name else {})}
    args["render_kw"] = default_attributes | args.get("render_kw", {})
    return StringField(**args)


def email_field(label: str, required_message: str, **render_kw: Any) -> StringField:
    """One email address, sent as it is typed: a box of the browser's own type for these writes the domain in ASCII, and
    takes nothing but ASCII before the @.
    """
    default_attributes = {"inputmode": "email", "autocapitalize": "none", "spellcheck": "false"}
    return StringField(
        label, [DataRequired(required_message), Length(max=254)], render_kw=default_attributes | render_kw
    )

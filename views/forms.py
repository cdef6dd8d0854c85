"""Forms made from the tables: each column becomes the field that fits it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, Boolean, Date, Enum, Integer, String, Text, inspect
from wtforms import Form
from wtforms.fields import (
    BooleanField,
    ColorField,
    DateField,
    HiddenField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional, ValidationError

from customerhub.customers.rules import check_shown
from customerhub.errors import Invalid
from models import StoredFile
from models.base import Base, OrganisationRow
from models.enums import CorrespondenceMode, PortalPermission
from models.types import Percent, ScaledDecimal
from views.choices import LOOKED_UP, Source, source_of
from views.controls import HubForm
from views.fields import (
    AmountField,
    ChoiceField,
    ChoicesField,
    CodeField,
    LookupField,
    RowField,
    RowsField,
    UploadField,
    WholeField,
)
from views.inline_list import InlineList
from views.places import PLACES

MODELS: dict[str, type[OrganisationRow]] = {
    mapper.class_.__tablename__: mapper.class_ for mapper in Base.registry.mappers
}
SETS: dict[str, Any] = {"correspondence_modes": CorrespondenceMode, "portal_permissions": PortalPermission}
LABELS = {
    "vat_number": "VAT number",
    "vat_rate_id": "VAT rate",
    "vat_registration_date": "VAT registration date",
    "is_prospect": "Prospect",
    "kind": "Kind",
    "timezone": "Time zone",
    "approval_policy": "Who needs approval",
    "task_assignment": "Who gets a new task",
    "task_days": "Days until a task is due",
    "reminder_days": "Remind … days before",
    "behaviour": "What it does",
    "value": "Days, or day of the month",
    "type": "List",
    "type_id": "Account type",
    "platform": "All organisations",
    "portal_permissions": "May see in the portal",
    "portal_access": "May use the portal",
    "review_frequency": "Review every … months",
    "content_type": "Kind of file",
    "lines": "Address",
    "year_end_day": "Year end: day",
    "year_end_month": "Year end: month",
    "empty_or_low": "Empty or low invoices",
    "channel_id": "Acquisition channel",
    "billed_user_id": "User to bill",
    "nda_file_id": "Client NDA",
    "nda_template": "NDA template",
    "markup": "Markup on calls",
    "promotional_emails": "Receives promotional emails",
    "business_entity_id": "Bill style (business entity)",
    "logo_id": "Logo",
    "password_hash": "Password",
}


@dataclass(frozen=True)
class Inline:
    """Rows of `model`, held by the attribute `name`, that are edited with their owner."""

    name: str
    model: type[OrganisationRow]
    fields: tuple[str, ...]
    label: str
    add_label: str = "+ Add"
    picker: Callable[[], dict[str, Any]] | None = None


def label_of(name: str) -> str:
    """A column's or relation's name as people read it."""
    if name in LABELS:
        return LABELS[name]
    if f"{name}_id" in LABELS:
        return LABELS[f"{name}_id"]
    words = name.removesuffix("_id").replace("_", " ")
    return words[:1].upper() + words[1:]


def shown_value(value: Any) -> str:
    """A plain value as a form or a comparison shows it."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def clean_input(text: Any) -> Any:
    """Typed text trimmed; blank is None, so that the database holds one kind of nothing."""
    return (text.strip() or None) if isinstance(text, str) else text


class Particular:
    """Marks a field as needed on the form; whether it really is depends on the rest, and the operation decides."""

    field_flags = {"required": True}

    def __call__(self, form: Any, field: Any) -> None:
        return None


def no_control_characters(_form: Any, field: Any) -> None:
    try:
        check_shown(field.data if isinstance(field.data, str) else "")
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
    made: dict[str, Any] = {}
    for field in fields:
        if field in by_name:
            inline = by_name[field]
            made[field] = InlineList(inline.label, inline=inline, form_class=_inline_form(inline))
        else:
            made[field] = build_field(model, field, **(args or {}).get(field, {}))
    made["version"] = HiddenField(filters=[_integer])
    made["original"] = HiddenField()
    return type(name or f"{model.__name__}Form", (HubForm,), made)


def _inline_form(inline: Inline) -> type[Form]:
    made = {field: build_field(inline.model, field) for field in inline.fields}
    made["id"] = HiddenField()
    made["version"] = HiddenField(filters=[_integer])
    return type(f"{inline.model.__name__}Row", (HubForm,), made)


def _integer(text: Any) -> Any:
    return int(text) if isinstance(text, str) and text.isdecimal() and len(text) < 10 else text


def build_field(model: type[Any], name: str, **args: Any) -> Any:
    """The form field for one column or many-to-many relation of `model`."""
    mapper: Any = inspect(model)
    args.setdefault("label", label_of(name))
    if name in mapper.relationships:
        if args.pop("particular", False):
            args |= {"validators": [Particular()], "render_kw": {"required": False}}
        target = mapper.relationships[name].mapper.class_
        return RowsField(source=Source(target), **args)
    column = mapper.columns[name]
    if column.info.get("label"):
        args["label"] = column.info["label"]
    if column.info.get("help"):
        args.setdefault("description", column.info["help"])
    required = not column.nullable and column.default is None and column.server_default is None
    required = args.pop("required", required)
    if args.pop("particular", False):
        args |= {"validators": [Optional(), Particular()], "render_kw": {"required": False}}
    args.setdefault("validators", [InputRequired("This is needed")] if required else [Optional()])
    source = source_of(column, MODELS)
    if source is not None:
        return _row_field(source, model, name, args)
    if column.default is not None and column.default.is_scalar:
        args.setdefault("default", column.default.arg)
    return _plain_field(column, name, args)


def _row_field(source: Source, model: type[Any], name: str, args: dict[str, Any]) -> Any:
    if source.model is StoredFile:
        return UploadField(**args)
    if source.model in LOOKED_UP:
        return LookupField(source=source, lookup=f"{model.__tablename__}.{name}", **args)
    return RowField(source=source, **args)


def _plain_field(column: Any, name: str, args: dict[str, Any]) -> Any:
    kind = column.type
    if isinstance(kind, JSON) and name in SETS:
        return ChoicesField(members=SETS[name], **{key: value for key, value in args.items() if key != "default"})
    if isinstance(kind, Enum) and kind.enum_class is not None:
        members: Any = kind.enum_class
        return ChoiceField(members=members, blank=column.nullable, **args)
    if isinstance(kind, Boolean):
        return BooleanField(**{**args, "validators": []})
    if isinstance(kind, ScaledDecimal):
        return AmountField(decimals=kind.places, limit=Decimal(kind.limit), money=not isinstance(kind, Percent), **args)
    if isinstance(kind, Date):
        return DateField(**args)
    if isinstance(kind, Integer):
        args["validators"] = [*args["validators"], NumberRange(-(2**31), 2**31 - 1)]
        return WholeField(**args)
    longest = kind.length if isinstance(kind, String) and kind.length else column.info.get("max_length", 20_000)
    if isinstance(args["validators"][0], InputRequired):
        args["validators"] = [DataRequired("This is needed")]
    args["validators"] = [
        *args["validators"], Length(max=longest, message=f"{longest} characters are the most"), no_control_characters
    ]  # fmt: skip
    if name in PLACES:
        return CodeField(named=PLACES[name], blank=column.nullable, **args)
    if "colour" in name:
        return ColorField(**args)
    args["filters"] = [clean_input]
    if isinstance(kind, Text):
        return TextAreaField(**args)
    usual = {"maxlength": longest, **({"inputmode": "email"} if "email" in name else {})}
    args["render_kw"] = usual | args.get("render_kw", {})
    return StringField(**args)


def email_field(label: str, missing: str, **render_kw: Any) -> StringField:
    """One email address, sent as it is typed: a box of the browser's own type for these writes the domain in ASCII, and
    takes nothing but ASCII before the @.
    """
    usual = {"inputmode": "email", "autocapitalize": "none", "spellcheck": "false"}
    return StringField(label, [DataRequired(missing), Length(max=254)], render_kw=usual | render_kw)

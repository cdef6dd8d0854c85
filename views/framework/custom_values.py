"""Custom fields on screens: those of the organisation at work, and their values as people read them."""

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from flask import g, has_app_context, has_request_context

from customerhub.core import money
from customerhub.custom_fields.definitions import NUMBER_KINDS, FieldDefinition, find_definition, list_definitions
from models.custom_fields import CUSTOM_PREFIX, HasCustomFields
from models.enums import CustomFieldKind
from views.framework import formatting
from views.http.actor import find_actor


def find_organisation_id() -> int | None:
    """The organisation of the request or the job; None where nobody acts, such as while the hub starts."""
    if not has_app_context():
        return None
    actor = g.get("actor") or (find_actor() if has_request_context() else None)
    return actor.organisation_id if actor is not None else None


def list_fields(model: type[Any]) -> tuple[FieldDefinition, ...]:
    """The custom fields in use of `model`, in their order."""
    organisation_id = find_organisation_id() if issubclass(model, HasCustomFields) else None
    return () if organisation_id is None else list_definitions(model.field_owner, organisation_id)


def find_field(model: type[Any], name: str) -> FieldDefinition | None:
    """The custom field of `model` called `name`, in use or not; None where that is the name of a column."""
    if not name.startswith(CUSTOM_PREFIX) or not issubclass(model, HasCustomFields):
        return None
    organisation_id = find_organisation_id()
    return None if organisation_id is None else find_definition(model.field_owner, name, organisation_id)


def format_value(definition: FieldDefinition, value: Any) -> Any:
    """A value of the field as a cell, an amount without the currency."""
    if value is None:
        return None
    if definition.kind is CustomFieldKind.CHOICE:
        choice = definition.find_choice(value)
        return choice.label if choice is not None else None
    if definition.kind is CustomFieldKind.YES_NO:
        return "Yes" if value else "No"
    if definition.kind is CustomFieldKind.LINK:
        return {"text": value, "url": value}
    if definition.kind is CustomFieldKind.AMOUNT:
        return formatting.format_amount(value)
    if definition.kind is CustomFieldKind.NUMBER:
        return money.format_number(value)
    return formatting.format_date(value) if definition.kind is CustomFieldKind.DATE else str(value)


def format_past_value(definition: FieldDefinition, stored_value: Any) -> Any:
    """What the history kept of a value, as text."""
    try:
        if stored_value is None:
            return None
        if definition.kind is CustomFieldKind.DATE:
            return formatting.format_date(date.fromisoformat(stored_value))
        if definition.kind in NUMBER_KINDS:
            return format_value(definition, Decimal(str(stored_value)))
    except (ValueError, TypeError, InvalidOperation):
        return stored_value
    if isinstance(stored_value, bool):
        return "yes" if stored_value else "no"
    return stored_value

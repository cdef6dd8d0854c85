"""Custom fields for tests."""

from datetime import date
from decimal import Decimal
from typing import Any

from customerhub.core.permissions import Actor
from customerhub.custom_fields.definitions import FieldDefinition, find_definition
from customerhub.custom_fields.fields import save_field
from models import CustomField, CustomFieldChoice
from models.custom_fields import CUSTOM_PREFIX
from models.enums import CustomFieldKind, CustomFieldOwner

K = CustomFieldKind

# Two values of each kind, in the order in which lists sort them; of a choice the places of two choices.
VALUES: dict[CustomFieldKind, tuple[Any, Any]] = {
    K.TEXT: ("Äpfel", "Birnen"),
    K.LINK: ("https://a.example/x", "https://b.example"),
    K.NUMBER: (Decimal("-2.5"), Decimal("1250.1234")),
    K.AMOUNT: (Decimal("9.99"), Decimal("1234.50")),
    K.DATE: (date(2024, 2, 29), date(2026, 1, 31)),
    K.CHOICE: (0, 1),
    K.YES_NO: (False, True),
}


def add_field(
    actor: Actor,
    kind: CustomFieldKind = K.TEXT,
    name: str = "",
    *,
    owner: CustomFieldOwner = CustomFieldOwner.CUSTOMER,
    choices: tuple[str, ...] = ("Gold", "Silver"),
    **columns: Any,
) -> FieldDefinition:
    """Add a field as the screen does."""
    field = CustomField(owner=owner, kind=kind, name=name or f"My {kind}", **columns)
    if kind is K.CHOICE:
        field.choices = [CustomFieldChoice(name=each) for each in choices]
    save_field(field, actor=actor)
    return get_definition(field)


def get_definition(field: CustomField) -> FieldDefinition:
    definition = find_definition(field.owner, CUSTOM_PREFIX + field.key, field.organisation_id)
    assert definition is not None
    return definition


def list_values(definition: FieldDefinition) -> list[Any]:
    """The two values of VALUES, as rows hold them."""
    if definition.kind is K.CHOICE:
        return [definition.choices[place].id for place in VALUES[K.CHOICE]]
    return list(VALUES[definition.kind])

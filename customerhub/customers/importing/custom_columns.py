"""The custom fields of customers as columns of the workbook: how cells are read, and what is known and written."""

from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import select

from customerhub.core.errors import Invalid, quote_text
from customerhub.core.money import parse_amount
from customerhub.core.xlsx.table import normalise_header
from customerhub.custom_fields.definitions import NUMBER_KINDS, TEXT_KINDS, FieldDefinition, list_definitions
from customerhub.custom_fields.values import clean_value, write_values
from customerhub.customers.importing.columns import (
    ERROR_COLUMNS,
    STANDARD_COLUMNS,
    TAGS_COLUMN,
    CellType,
    Column,
    ImportColumns,
)
from customerhub.customers.importing.lookups import Lookup
from customerhub.customers.importing.required_columns import (
    list_extra_columns,
    list_required_columns,
    load_extra_lookups,
)
from models import Tag
from models.base import db
from models.custom_fields import CUSTOM_PREFIX, TYPED_COLUMNS, VALUE_TABLES
from models.enums import CustomFieldKind, CustomFieldOwner
from models.keys import fold_text

OWNER: Final = CustomFieldOwner.CUSTOMER
YES_NO_TEXTS: Final = {
    **dict.fromkeys(("yes", "y", "true", "1"), True),
    **dict.fromkeys(("no", "n", "false", "0"), False),
}
_CELL_TYPES: Final = {
    CustomFieldKind.NUMBER: CellType.NUMBER,
    CustomFieldKind.AMOUNT: CellType.NUMBER,
    CustomFieldKind.DATE: CellType.DATE,
    CustomFieldKind.CHOICE: CellType.NAME,
}
_EXAMPLES: Final = {
    CustomFieldKind.TEXT: "Any text",
    CustomFieldKind.LINK: "www.example.com",
    CustomFieldKind.NUMBER: "12.5",
    CustomFieldKind.AMOUNT: "1,234.50",
    CustomFieldKind.DATE: "2025-01-31",
    CustomFieldKind.YES_NO: "Yes",
}


def load_columns(organisation_id: int) -> ImportColumns:
    """The columns of the workbook of an organisation: of every one, tags, what else it requires, custom fields."""
    columns = [*([TAGS_COLUMN] if has_tags(organisation_id) else []), *list_required_columns(organisation_id)]
    known_columns = ImportColumns((*STANDARD_COLUMNS.columns, *columns))
    headers = (*known_columns.headers, *known_columns.other_headers, *ERROR_COLUMNS)
    taken = {normalise_header(each) for each in headers}
    for definition in list_definitions(OWNER, organisation_id):
        header = definition.label
        if normalise_header(header) in taken:
            header = f"{definition.label} ({definition.key})"
        taken.add(normalise_header(header))
        columns.append(_build_column(definition, header))
    return ImportColumns((*STANDARD_COLUMNS.columns, *columns))


def _build_column(definition: FieldDefinition, header: str) -> Column:
    choices = [choice.label for choice in definition.choices if choice.active]
    return Column(
        header,
        definition.name,
        definition.help_text or f"Your own field, {definition.kind}",
        _EXAMPLES.get(definition.kind) or (choices[0] if choices else ""),
        cell_type=_CELL_TYPES.get(definition.kind, CellType.TEXT),
        clean=_build_cleaner(definition),
        is_required=definition.is_required(of_prospect=False),
        is_cacheable=definition.kind not in TEXT_KINDS,
    )


def _build_cleaner(definition: FieldDefinition) -> Callable[[str], Any]:
    """What makes a value of a text."""
    if definition.kind is CustomFieldKind.YES_NO:
        return _parse_yes_no
    if definition.kind in NUMBER_KINDS:
        return lambda text: clean_value(definition, _parse_number(text, definition.decimals))
    return lambda text: clean_value(definition, text)


def _parse_number(text: str, places: int) -> Decimal | None:
    return parse_amount(text, places=places) if text.strip() else None


def _parse_yes_no(text: str) -> bool | None:
    bare = fold_text(text)
    if bare and bare not in YES_NO_TEXTS:
        raise Invalid(f"{quote_text(text)} is neither yes nor no")
    return YES_NO_TEXTS.get(bare)


def has_tags(organisation_id: int) -> bool:
    """Whether the organisation has set up tags, so that its workbook has a column for them."""
    return db.session.scalar(select(Tag.id).where(Tag.organisation_id == organisation_id).limit(1)) is not None


def load_own_lookups(organisation_id: int, *, has_all_extra: bool = False) -> dict[str, Lookup]:
    """What the organisation's own columns choose from, by the field they fill: those of choices, and required ones.
    With `has_all_extra` also those of fields that it could require.
    """
    columns = list_extra_columns() if has_all_extra else list_required_columns(organisation_id)
    return load_extra_lookups(columns, organisation_id) | {
        each.name: Lookup(each.label, [(choice.id, choice.label, choice.active) for choice in each.choices])
        for each in list_definitions(OWNER, organisation_id)
        if each.kind is CustomFieldKind.CHOICE
    }


def list_missing_fields(organisation_id: int, values: dict[str, Any]) -> list[tuple[str, str]]:
    """(field, message) of each custom field that a new customer must have and `values` lacks."""
    return [
        (each.name, "Required")
        for each in list_definitions(OWNER, organisation_id)
        if each.is_required(of_prospect=False) and values.get(each.name) is None
    ]


def add_custom_values(organisation_id: int, customers: dict[int, dict[str, Any]]) -> None:
    """Add what these customers, by id, have in each custom field; None where that is nothing."""
    definitions = {each.id: each for each in list_definitions(OWNER, organisation_id)}
    if not definitions:
        return
    for existing in customers.values():
        existing |= dict.fromkeys(each.name for each in definitions.values())
    table = VALUE_TABLES[OWNER]
    query = select(table.c.owner_id, table.c.field_id, *(table.c[name] for name in TYPED_COLUMNS))
    query = query.where(table.c.owner_id.in_(customers), table.c.field_id.in_(definitions))
    for owner_id, field_id, *values in db.session.execute(query):
        value = next(each for each in values if each is not None)
        customers[owner_id][definitions[field_id].name] = value


def write_custom_values(organisation_id: int, changes_by_owner: Iterable[tuple[int, dict[str, Any]]]) -> None:
    """Write the custom fields among what these customers, (id, values by field), are to have."""
    rows = list(changes_by_owner)
    changes = {
        definition: [(owner_id, values[definition.name]) for owner_id, values in rows if definition.name in values]
        for definition in list_definitions(OWNER, organisation_id)
    }
    write_values(OWNER, organisation_id, changes)


def list_custom_texts(organisation_id: int, values: dict[str, Any]) -> list[str] | None:
    """The texts in custom fields by which a customer with `values` is found; None where there are no such fields."""
    names = [each.name for each in list_definitions(OWNER, organisation_id) if each.kind in TEXT_KINDS]
    return [values[name] for name in sorted(names) if values.get(name)] if names else None


def deserialize_custom_value(organisation_id: int, name: str, value: Any) -> Any:
    """The value of a custom field from what JSON kept."""
    definition = next((each for each in list_definitions(OWNER, organisation_id) if each.name == name), None)
    if definition is None or value is None:
        return value
    if definition.kind is CustomFieldKind.DATE:
        return date.fromisoformat(value)
    return Decimal(value) if definition.kind in NUMBER_KINDS else value


def is_custom(field: str) -> bool:
    """Whether this is the field of a custom column."""
    return field.startswith(CUSTOM_PREFIX)

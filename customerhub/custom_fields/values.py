"""The values of custom fields: what may stand in one, how it is written down, and writing it with its owner.

The session writes them on flush, by the listener here that app.py names, like the history: whoever sets custom_<key>
of a row and saves it has done all that is needed.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Table, bindparam, delete, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from customerhub.core import history, validation
from customerhub.core.dates import require_date_in_range
from customerhub.core.errors import Invalid
from customerhub.core.money import format_number, to_cents
from customerhub.core.row_validation import Problems
from customerhub.custom_fields.definitions import (
    TEXT_KINDS,
    FieldDefinition,
    find_definition,
    has_definitions,
    list_definitions,
)
from models.base import db
from models.custom_fields import (
    CUSTOM_PREFIX,
    MAX_TEXT_LENGTH,
    TYPED_COLUMNS,
    VALUE_TABLES,
    HasCustomFields,
    build_text_key,
    find_custom_values,
    get_custom_values,
    load_custom_values,
)
from models.enums import CustomFieldKind, CustomFieldOwner
from models.types import CustomNumber

MAX_NUMBER: Final = CustomNumber().limit
FIELD_IS_GONE: Final = "This field was removed. Open the form again"

# (id of the owner, value) of what is to be written of a field; None takes away what is there.
OwnerValue = tuple[int, Any]


# --- What may stand in a field -----------------------------------------------------------------------------------


def list_value_problems(row: Any) -> Problems:
    """(name, message) of what is wrong with what was set in the custom fields of `row`; what can be tidied is.

    A required field is missed where somebody enters the row, new or in a form: nothing else that changes a row that
    there was before the field has to fill it in.
    """
    is_new = not inspect(row).persistent
    values = get_custom_values(row) if is_new else find_custom_values(row)
    if values is None:
        return []
    definitions = {each.key: each for each in list_definitions(row.field_owner, row.organisation_id)}
    problems: Problems = [
        (CUSTOM_PREFIX + key, FIELD_IS_GONE)
        for key, value in values.entered.items()
        if key not in definitions and value is not None
    ]
    for key, definition in definitions.items():
        if key in values.entered:
            try:
                values.entered[key] = clean_value(definition, values.entered[key], stored=values.stored.get(key))
            except Invalid as error:
                problems.append((definition.name, error.message))
                continue
        if (is_new or key in values.entered) and is_missing(definition, row, values.get(key)):
            problems.append((definition.name, "Required"))
    return problems


def is_missing(definition: FieldDefinition, row: Any, value: Any) -> bool:
    """Whether `row` should have something in the field and `value` is nothing."""
    is_prospect = bool(getattr(row, "is_prospect", False))
    return value is None and definition.is_required(of_prospect=is_prospect)


def clean_value(definition: FieldDefinition, value: Any, *, stored: Any = None) -> Any:
    """`value`, of the Python type of its kind, as it is kept; a text in which nothing can be seen is None.

    Raises Invalid. A choice that is no longer active may stay where it is `stored`.
    """
    if value is None:
        return None
    if definition.kind is CustomFieldKind.TEXT:
        return validation.clean_text(value, max_length=MAX_TEXT_LENGTH)
    if definition.kind is CustomFieldKind.LINK:
        return validation.clean_website(value)
    if isinstance(value, Decimal):
        if abs(value) > MAX_NUMBER:
            raise Invalid(f"Enter at most {MAX_NUMBER:,.2f}")
    elif isinstance(value, date):
        require_date_in_range(value)
    elif definition.kind is CustomFieldKind.CHOICE:
        choice = definition.find_choice(value)
        if choice is None or not (choice.active or value == stored):
            raise Invalid("Choose one from the list")
    return value


# --- How it is written down --------------------------------------------------------------------------------------


def describe_value(definition: FieldDefinition, value: Any) -> Any:
    """`value` as the history keeps it: a choice by its label."""
    if definition.kind is CustomFieldKind.CHOICE and value is not None:
        choice = definition.find_choice(value)
        return choice.label if choice is not None else f"#{value}"
    if isinstance(value, Decimal):
        return str(to_cents(value)) if definition.kind is CustomFieldKind.AMOUNT else format_number(value)
    return history.display_value(value)


def describe_changes(
    changes: Mapping[str, tuple[Any, Any]], owner: CustomFieldOwner, organisation_id: int
) -> dict[str, list[Any]]:
    """[before, after] by the names of fields, as the history keeps it; `changes` are by their keys."""
    described = {}
    for key, pair in changes.items():
        definition = find_definition(owner, CUSTOM_PREFIX + key, organisation_id)
        if definition is not None:
            described[definition.name] = [describe_value(definition, value) for value in pair]
    return described


# --- Writing it --------------------------------------------------------------------------------------------------


def note_deleted_values(session: Session, _context: Any, _instances: Any) -> None:
    """Listener of `before_flush`: what a deleted row has in its custom fields is told by the history."""
    rows_by_class: dict[type[Any], list[Any]] = {}
    for row in session.deleted:
        if isinstance(row, HasCustomFields) and has_definitions(row.organisation_id):
            rows_by_class.setdefault(type(row), []).append(row)
    for rows in rows_by_class.values():
        load_custom_values(rows)
        for row in rows:
            gone = {key: (value, None) for key, value in get_custom_values(row).stored.items()}
            history.note_changes(row, describe_changes(gone, row.field_owner, row.organisation_id))


def write_entered_values(session: Session, _context: Any) -> None:
    """Listener of `after_flush`, before the history is written: what was set in custom fields is written, and noted for
    the entry of its row.
    """
    changed: dict[tuple[CustomFieldOwner, int], list[Any]] = {}
    for row in (*session.new, *session.dirty):
        values = find_custom_values(row) if isinstance(row, HasCustomFields) else None
        if values is not None and values.list_changes():
            changed.setdefault((row.field_owner, row.organisation_id), []).append(row)
    for (owner, organisation_id), rows in changed.items():
        _write_rows(owner, organisation_id, rows)


def _write_rows(owner: CustomFieldOwner, organisation_id: int, rows: Sequence[Any]) -> None:
    changes_by_field: dict[FieldDefinition, list[OwnerValue]] = {}
    for row in rows:
        values = get_custom_values(row)
        changes = values.list_changes()
        for key, (_, value) in changes.items():
            definition = find_definition(owner, CUSTOM_PREFIX + key, organisation_id)
            if definition is not None:
                changes_by_field.setdefault(definition, []).append((row.id, value))
        history.note_changes(row, describe_changes(changes, owner, organisation_id))
        values.stored |= values.entered
        values.entered.clear()
    write_values(owner, organisation_id, changes_by_field)


def write_values(
    owner: CustomFieldOwner, organisation_id: int, changes_by_field: Mapping[FieldDefinition, Sequence[OwnerValue]]
) -> None:
    """Write these values, by two statements at the most, without history: whoever calls this writes that too."""
    table = VALUE_TABLES[owner]
    removed, written = [], []
    for definition, owner_values in changes_by_field.items():
        for owner_id, value in owner_values:
            if value is None:
                removed.append({"the_owner": owner_id, "the_field": definition.id})
            else:
                key = {"owner_id": owner_id, "field_id": definition.id, "organisation_id": organisation_id}
                written.append(key | _build_columns(definition, value))
    connection = db.session.connection()
    if removed:
        connection.execute(_build_delete(table), removed)
    if written:
        connection.execute(_build_upsert(table, connection.dialect.name), written)


def _build_columns(definition: FieldDefinition, value: Any) -> dict[str, Any]:
    """The typed columns of a row that holds `value`."""
    columns: dict[str, Any] = dict.fromkeys((*TYPED_COLUMNS, "text_key"))
    columns[definition.column] = value
    if definition.kind in TEXT_KINDS:
        columns["text_key"] = build_text_key(value)
    return columns


def _build_delete(table: Table) -> Any:
    return delete(table).where(table.c.owner_id == bindparam("the_owner"), table.c.field_id == bindparam("the_field"))


def _build_upsert(table: Table, dialect: str) -> Any:
    insert = (sqlite if dialect == "sqlite" else postgresql).insert(table)
    new_values = {name: insert.excluded[name] for name in (*TYPED_COLUMNS, "text_key")}
    return insert.on_conflict_do_update(index_elements=["owner_id", "field_id"], set_=new_values)


def list_texts(definitions: Iterable[FieldDefinition], values: Mapping[str, Any]) -> list[str]:
    """The texts and links among `values`, which are by the names of the fields."""
    found = (values.get(each.name) for each in definitions if each.kind in TEXT_KINDS)
    return [text for text in found if text]

"""Deleting the values of fields that were removed, some at a time: there may be one of every customer."""

from typing import Any, Final

from sqlalchemy import delete, exists, select

from customerhub.core import history
from customerhub.core.database import save_changes
from customerhub.core.permissions import Actor
from customerhub.custom_fields.definitions import TEXT_KINDS, FieldDefinition, find_definition
from customerhub.custom_fields.values import describe_value
from models import Contract, Customer, CustomField, InvoiceProfile
from models.base import db
from models.custom_fields import CUSTOM_PREFIX, VALUE_TABLES, load_custom_values
from models.enums import CustomFieldOwner

CHUNK_SIZE: Final = 500  # values that are deleted in one transaction
OWNER_MODELS: Final[dict[CustomFieldOwner, Any]] = {
    CustomFieldOwner.CUSTOMER: Customer,
    CustomFieldOwner.CONTRACT: Contract,
    CustomFieldOwner.INVOICE_PROFILE: InvoiceProfile,
}


def list_removed_fields() -> list[CustomField]:
    """The removed fields of all organisations that still have values."""
    has_values = (
        exists().where(table.c.field_id == CustomField.id, CustomField.owner == owner)
        for owner, table in VALUE_TABLES.items()
    )
    query = select(CustomField).where(CustomField.removed_at.is_not(None))
    return [
        field
        for condition in has_values
        for field in db.session.scalars(query.where(condition).order_by(CustomField.id))
    ]


def delete_values(field: CustomField) -> int:
    """Delete the next values of a removed field, with an entry in the history of each owner; how many there were.

    The caller commits, and calls again until it is nought.
    """
    definition = find_definition(field.owner, CUSTOM_PREFIX + field.key, field.organisation_id)
    table, model = VALUE_TABLES[field.owner], OWNER_MODELS[field.owner]
    if definition is None:
        return 0
    query = (
        select(model, table.c[definition.column])
        .join(table, table.c.owner_id == model.id)
        .where(table.c.field_id == field.id)
        .order_by(model.id)
        .limit(CHUNK_SIZE)
        .with_for_update(of=model)
    )
    rows = db.session.execute(query).all()
    reason = f"The custom field “{field.name}” was removed"
    with history.act_as(Actor(None, field.organisation_id), "custom fields"), history.with_reason(reason):
        history.record(_build_entry(row, definition, value) for row, value in rows)
        is_gone = table.c.owner_id.in_([row.id for row, _ in rows])
        db.session.connection().execute(delete(table).where(table.c.field_id == field.id, is_gone))
        if definition.kind in TEXT_KINDS:
            _update_search_texts([row for row, _ in rows])
    return len(rows)


def _build_entry(row: Any, definition: FieldDefinition, value: Any) -> dict[str, Any]:
    return history.build_entry(
        organisation_id=row.organisation_id,
        action="changed",
        table=row.__tablename__,
        row_id=row.id,
        customer_id=row.id if isinstance(row, Customer) else row.customer_id,
        title=str(row),
        changes={definition.name: [describe_value(definition, value), None]},
    )


def _update_search_texts(rows: list[Any]) -> None:
    """What is gone is not found any more: what is searched follows from the fields that are left."""
    load_custom_values(rows)
    with save_changes():
        for row in rows:
            row.update_derived_columns()

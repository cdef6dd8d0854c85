"""Default value sets: values that fill the form of a new customer.

A set keeps what the fields of a form hold as JSON: dates and decimals as text, rows of other tables by their ids, lists
of rows as a list of their columns.
"""

import enum
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from sqlalchemy import Boolean, Date, Enum, Integer, String, Text, inspect

from customerhub.core.database import save_changes
from customerhub.core.errors import Invalid
from customerhub.core.permissions import Actor, Permission, require_access, require_permission, select_visible
from customerhub.core.row_validation import clean_row
from customerhub.custom_fields.definitions import NUMBER_KINDS, FieldDefinition, list_definitions
from customerhub.custom_fields.values import clean_value
from customerhub.customers.choice_rules import CHOICE_RULES, is_choosable
from models import Account, BillingLine, CallMarkup, ComplianceDocument, Customer, DefaultValueSet
from models.base import db
from models.custom_fields import CUSTOM_PREFIX
from models.enums import CorrespondenceMode, CustomFieldKind
from models.types import ScaledDecimal

# What names one customer, or how to reach it, and what only the system and operations set.
EXCLUDED_FIELDS: Final = frozenset(
    {"id", "organisation_id", "version", "name", "reference", "account_number", "identity_number"}
    | {"registration_number", "vat_number", "email", "contact_number", "website", "stage", "credit_reference"}
    | {"billing_reference", "estimated_monthly_revenue"}
)
LINKED_LISTS: Final = ("departments", "invoice_types", "tags")
# The lists of rows that a set may hold, with the columns of each.
ROW_LISTS: Final[Mapping[str, tuple[Any, tuple[str, ...]]]] = {
    "billing_lines": (
        BillingLine,
        ("commodity_id", "minimum_cost", "cost_per_unit", "location_id", "department_id", "billed_user_id"),
    ),
    "call_markups": (CallMarkup, ("call_class", "percent")),
    "compliance_documents": (ComplianceDocument, ("certificate", "reviewer_email", "template_id")),
    "accounts": (Account, ("type_id", "purpose", "business_entity_id")),
}
MAX_ROWS = 50  # of one list


def list_allowed_fields() -> list[str]:
    """The fields of a customer that a set may hold, beside the custom ones."""
    columns = [column.key for column in inspect(Customer).columns if not column.info.get("untracked")]
    return [*(name for name in columns if name not in EXCLUDED_FIELDS), *LINKED_LISTS, *ROW_LISTS]


def list_value_sets(*, actor: Actor) -> list[DefaultValueSet]:
    """The active sets of the actor's organisation."""
    query = select_visible(DefaultValueSet, actor).where(DefaultValueSet.active).order_by(DefaultValueSet.name_key)
    return list(db.session.scalars(query))


def find_value_set(set_id: int, *, actor: Actor) -> DefaultValueSet | None:
    """One set that the actor may know of; None where there is none."""
    found: DefaultValueSet | None = db.session.scalar(
        select_visible(DefaultValueSet, actor).where(DefaultValueSet.id == set_id)
    )
    return found


def load_values(set_id: int, *, actor: Actor) -> dict[str, Any]:
    """As `read_values`, of one set as far as its values may still be chosen; none where the actor has no such set."""
    value_set = find_value_set(set_id, actor=actor)
    return {} if value_set is None else read_values(value_set.values, actor.organisation_id)


def save_value_set(
    name: str, values: Mapping[str, Any], *, replaced: DefaultValueSet | None = None, actor: Actor
) -> DefaultValueSet:
    """Keep `values`, which `encode_values` made, as a new set of this name, or in place of what `replaced` holds.

    Raises Invalid where nothing is to be kept or the name is missing, Conflict where it is taken.
    """
    require_permission(actor, Permission.DEFAULTS_SAVE)
    kept_values = encode_values(read_values(values, actor.organisation_id))
    if not kept_values:
        raise Invalid("Choose at least one field")
    value_set = replaced or DefaultValueSet(organisation_id=actor.organisation_id, name=name)
    require_access(actor, value_set)
    with save_changes():
        value_set.values = kept_values
        if problems := clean_row(value_set):
            raise Invalid.from_problems(problems)
        db.session.add(value_set)
    return value_set


# --- To JSON and back ----------------------------------------------------------------------------------------------


def encode_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `values`, by the names of fields, that a set may hold and that say something, as JSON."""
    custom_names = [name for name in values if name.startswith(CUSTOM_PREFIX)]
    names = [*(name for name in list_allowed_fields() if name in values), *custom_names]
    encoded = {name: _encode_field(name, values[name]) for name in names}
    return {name: value for name, value in encoded.items() if value not in (None, "", [])}


def _encode_field(name: str, value: Any) -> Any:
    if name in ROW_LISTS:
        _, columns = ROW_LISTS[name]
        rows = [{column: _encode(getattr(row, column)) for column in columns} for row in value or ()]
        return [row for each in rows if (row := {key: cell for key, cell in each.items() if cell not in (None, "")})]
    if name in LINKED_LISTS:
        return [getattr(row, "id", row) for row in value or ()]
    return _encode(value)


def _encode(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value.isoformat() if isinstance(value, date) else value


def read_values(values: Mapping[str, Any], organisation_id: int) -> dict[str, Any]:
    """The values that JSON stands for, by the names of fields: rows of lists as objects that are in no session, linked
    rows by their ids. What can no longer be chosen, or is no value of its field, is left out.
    """
    found = {name: _read_field(name, values[name], organisation_id) for name in list_allowed_fields() if name in values}
    for definition in list_definitions(Customer.field_owner, organisation_id):
        if definition.name in values:
            found[definition.name] = _read_custom(definition, values[definition.name])
    return {name: value for name, value in found.items() if value not in (None, [])}


def _read_field(name: str, value: Any, organisation_id: int) -> Any:
    if name in ROW_LISTS:
        return _read_rows(name, value, organisation_id)
    if name in LINKED_LISTS:
        target = inspect(Customer).relationships[name].mapper.class_
        return [each for each in _as_list(value) if _may_choose(target, None, each, organisation_id)]
    if name == "correspondence_modes":
        return [each for each in _as_list(value) if each in set(CorrespondenceMode)]
    return _read_column(Customer, name, value, organisation_id)


def _read_custom(definition: FieldDefinition, value: Any) -> Any:
    """The value of one custom field; None where it cannot have it."""
    expected = {CustomFieldKind.CHOICE: int, CustomFieldKind.YES_NO: bool}.get(definition.kind, str)
    kind_of_value: Any = type(value)
    if kind_of_value is not expected:
        return None
    try:
        if definition.kind in NUMBER_KINDS:
            value = Decimal(value)
            if not value.is_finite() or value != round(value, definition.decimals):
                return None
        elif definition.kind is CustomFieldKind.DATE:
            value = date.fromisoformat(value)
        return clean_value(definition, value)
    except (ValueError, InvalidOperation, Invalid):
        return None


def _read_rows(name: str, value: Any, organisation_id: int) -> list[Any]:
    model, columns = ROW_LISTS[name]
    rows = []
    for cells in _as_list(value)[:MAX_ROWS]:
        if isinstance(cells, dict):
            known_cells = {
                column: _read_column(model, column, cells[column], organisation_id)
                for column in columns
                if column in cells
            }
            first = known_cells.get(columns[0])
            if first is not None or name == "accounts":
                rows.append(model(organisation_id=organisation_id, **known_cells))
    return rows


def _read_column(model: Any, name: str, value: Any, organisation_id: int) -> Any:
    """The value of one column; None where it cannot have it."""
    mapper = inspect(model)
    relation = mapper.relationships.get(name.removesuffix("_id")) if name.endswith("_id") else None
    if relation is not None:
        return value if _may_choose(relation.mapper.class_, name, value, organisation_id) else None
    kind = mapper.columns[name].type
    try:
        if isinstance(kind, Enum) and kind.enum_class is not None:
            return kind.enum_class(value)
        if isinstance(kind, ScaledDecimal):
            number = Decimal(str(value))
            return number if number.is_finite() and abs(number) <= kind.limit else None
        if isinstance(kind, Date):
            return date.fromisoformat(value)
    except (ValueError, TypeError, InvalidOperation):
        return None
    types = {Boolean: bool, Integer: int, String: str, Text: str}
    expected = next((types[each] for each in types if isinstance(kind, each)), None)
    return value if expected is not None and type(value) is expected else None


def _may_choose(model: Any, column: str | None, value: Any, organisation_id: int) -> bool:
    """Whether a new customer may have this row: it must be in use, and one for this field."""
    if type(value) is not int:
        return False
    row = db.session.get(model, value)
    return is_choosable(CHOICE_RULES.get(column or ""), row, organisation_id) and bool(getattr(row, "active", True))


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Iterable) and not isinstance(value, (str, dict)) else []

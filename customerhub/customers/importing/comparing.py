"""The customers that rows refer to, and how the rows differ from them."""

from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, and_, func, literal, select, union_all

from customerhub.core import history
from customerhub.core.money import format_number, format_percent
from customerhub.customers import rules
from customerhub.customers.importing.columns import (
    COLUMNS_BY_FIELD,
    CUSTOMER_FIELDS,
    LINKED_FIELDS,
    MARKUP_CLASSES,
    ImportColumns,
)
from customerhub.customers.importing.custom_columns import add_custom_values
from customerhub.customers.importing.lookups import Lookup
from customerhub.customers.importing.markups import add_markups
from customerhub.customers.importing.required_columns import EXTRA_FIELDS, MARKUP_FIELD
from models import Address, Customer, MergedCustomer, customer_department, customer_tag
from models.base import db
from models.derived_columns import SOURCE_COLUMNS
from models.enums import AddressKind

# One customer as the import sees it: columns, markups and custom fields by name, `address` as its four parts or None,
# `departments` and `tags` as ids.
ExistingCustomer = dict[str, Any]

# The column of a table of pairs that each linked field fills.
LINK_COLUMNS = {"departments": customer_department.c.department_id, "tags": customer_tag.c.tag_id}
ADDRESS_PARTS = ("lines", "postal_code", "city", "country")
LOADED_COLUMNS = tuple(
    dict.fromkeys(
        (
            "id",
            "version",
            "reference_key",
            "is_prospect",
            "existing_relationship",
            "portal_access",
            "search_text",
            *CUSTOMER_FIELDS,
            *EXTRA_FIELDS,
            *SOURCE_COLUMNS,
        )
    )
)


def load_existing(
    organisation_id: int, keys: Collection[str], *, lock: bool = False, has_markups: bool = True
) -> dict[str, ExistingCustomer]:
    """The customers with these reference keys, by key; for the key of a customer that was merged away the one that took
    its place. With `lock` nobody changes them until the transaction ends. Markups are read where `has_markups`.
    """
    customers = _load_customers(organisation_id, Customer.reference_key.in_(keys), lock, has_markups)
    found = {existing["reference_key"]: existing for existing in customers.values()}
    survivor_ids = load_survivor_ids(organisation_id, [key for key in keys if key not in found])
    if survivor_ids:
        condition = Customer.id.in_(set(survivor_ids.values()))
        survivors = _load_customers(organisation_id, condition, lock, has_markups)
        found |= {key: survivors[row_id] for key, row_id in survivor_ids.items() if row_id in survivors}
    return found


def load_survivor_ids(organisation_id: int, keys: Collection[str]) -> dict[str, int]:
    """The ids of the customers that took the place of one with these reference keys; none where there are several."""
    if not keys:
        return {}
    merged = select(MergedCustomer.reference_key, func.min(MergedCustomer.into_id)).where(
        MergedCustomer.organisation_id == organisation_id, MergedCustomer.reference_key.in_(keys)
    )
    only_one = merged.group_by(MergedCustomer.reference_key).having(
        func.min(MergedCustomer.into_id) == func.max(MergedCustomer.into_id)
    )
    return {key: row_id for key, row_id in db.session.execute(only_one) if key is not None}


def load_existing_by_id(organisation_id: int, ids: Collection[int]) -> dict[int, ExistingCustomer]:
    """Those with these ids, by id; nobody changes them until the transaction ends."""
    return _load_customers(organisation_id, Customer.id.in_(ids), lock=True, has_markups=True)


def _load_customers(
    organisation_id: int, condition: ColumnElement[bool], lock: bool, has_markups: bool
) -> dict[int, ExistingCustomer]:
    query = (
        select(*(getattr(Customer, name) for name in LOADED_COLUMNS))
        .where(Customer.organisation_id == organisation_id, condition)
        .order_by(Customer.id)
    )
    if lock:
        query = query.with_for_update(of=Customer)
    customers: dict[int, ExistingCustomer] = {}
    for row in db.session.execute(query):
        existing = dict(zip(LOADED_COLUMNS, row, strict=True))
        customers[existing["id"]] = existing | {"address": None, **dict.fromkeys(LINKED_FIELDS, ())}
    if customers:
        _add_addresses(customers)
        _add_links(customers)
        if has_markups:
            add_markups(customers)
        add_custom_values(organisation_id, customers)
    return customers


def _add_addresses(customers: dict[int, ExistingCustomer]) -> None:
    parts = [getattr(Address, part) for part in ADDRESS_PARTS]
    query = select(Address.customer_id, *parts).where(
        and_(Address.customer_id.in_(customers), Address.kind == AddressKind.MAILING)
    )
    for customer_id, *address in db.session.execute(query):
        customers[customer_id]["address"] = tuple(address)


def _add_links(customers: dict[int, ExistingCustomer]) -> None:
    links = (
        select(literal(name).label("name"), column.table.c.customer_id, column.label("linked_id")).where(
            column.table.c.customer_id.in_(customers)
        )
        for name, column in LINK_COLUMNS.items()
    )
    for name, customer_id, linked_id in db.session.execute(union_all(*links).order_by("linked_id")):
        customers[customer_id][name] += (linked_id,)


def merge_values(existing: ExistingCustomer | None, values: dict[str, Any]) -> dict[str, Any]:
    """The customer as it would be with `values`, to be judged by the rules."""
    if existing is None:
        return values
    # A prospect has a contact, which no column of the workbook can take away.
    return {**existing, **values, "contacts": True}


def compare_values(existing: ExistingCustomer, values: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """(before, after) of each field in which `values` differ from the customer, and of what follows from them."""
    differences: dict[str, tuple[Any, Any]] = {}
    for name, value in values.items():
        before = existing[name]
        if name == "address":
            if before is None or value not in (before[0] if not any(before[1:]) else None, format_address(before)):
                differences[name] = (before, (value, None, None, None))
        elif before != value:
            differences[name] = (before, value)
    if differences:
        for name, derived_value in rules.derive_values(existing | values).items():
            if existing[name] != derived_value:
                differences[name] = (existing[name], derived_value)
    return differences


def format_address(address: Iterable[str | None]) -> str:
    """The parts of an address as they are shown."""
    return ", ".join(part for part in address if part)


def format_value(name: str, value: Any, lookups: dict[str, Lookup]) -> Any:
    """A value of the field `name` as people read it."""
    if value is None:
        return None
    if name in lookups:
        return lookups[name].format_names(value)
    if name == "address":
        return value if isinstance(value, str) else format_address(value)
    if name in MARKUP_CLASSES or name == MARKUP_FIELD:
        return format_percent(value)
    if isinstance(value, Decimal):  # of a custom field
        return format_number(value)
    return history.display_value(value)


def build_history_changes(changes: dict[str, tuple[Any, Any]], lookups: dict[str, Lookup]) -> dict[str, Any]:
    """[before, after] by the names that the history uses."""
    return {
        _name_in_history(name): [
            format_value(name, before, lookups),
            format_value(name, after, lookups),
        ]
        for name, (before, after) in changes.items()
    }


def _name_in_history(name: str) -> str:
    if name in EXTRA_FIELDS:
        return name.removesuffix("_id")
    return COLUMNS_BY_FIELD[name].history_name if name in COLUMNS_BY_FIELD else name


def build_preview_changes(
    changes: dict[str, tuple[Any, Any]], columns: ImportColumns, lookups: dict[str, Lookup]
) -> dict[str, Any]:
    """[before, after] by the headers of the workbook."""
    return {
        column.header: [format_value(column.field, part, lookups) for part in changes[column.field]]
        for column in columns.columns
        if column.field in changes
    }

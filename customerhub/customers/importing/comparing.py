"""The customers that rows refer to, and how the rows differ from them."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import ColumnElement, and_, select

from customerhub import history
from customerhub.customers import rules
from customerhub.customers.importing.columns import BY_FIELD, COLUMNS, FIELDS
from customerhub.customers.importing.names import Names
from models import Address, Customer, customer_department
from models.base import db
from models.customer import DERIVED_FROM
from models.enums import AddressKind

# One customer as the import sees it: columns by name, `address` as its four parts or None, `departments` as ids.
Known = dict[str, Any]

ADDRESS_PARTS = ("lines", "postal_code", "city", "country")
KNOWN_COLUMNS = tuple(dict.fromkeys(
    ("id", "version", "reference_key", "is_prospect", "existing_relationship", "portal_access", *FIELDS, *DERIVED_FROM)
))  # fmt: skip


def load_known(organisation_id: int, keys: Collection[str], *, lock: bool = False) -> dict[str, Known]:
    """The customers with these reference keys, by key. With `lock` nobody changes them until the transaction ends."""
    found = _load(organisation_id, Customer.reference_key.in_(keys), lock)
    return {known["reference_key"]: known for known in found.values()}


def load_known_by_id(organisation_id: int, ids: Collection[int]) -> dict[int, Known]:
    """Those with these ids, by id; nobody changes them until the transaction ends."""
    return _load(organisation_id, Customer.id.in_(ids), lock=True)


def _load(organisation_id: int, condition: ColumnElement[bool], lock: bool) -> dict[int, Known]:
    query = (
        select(*(getattr(Customer, name) for name in KNOWN_COLUMNS))
        .where(Customer.organisation_id == organisation_id, condition)
        .order_by(Customer.id)
    )
    if lock:
        query = query.with_for_update(of=Customer)
    found: dict[int, Known] = {}
    for row in db.session.execute(query):
        known = dict(zip(KNOWN_COLUMNS, row, strict=True))
        found[known["id"]] = known | {"address": None, "departments": ()}
    if found:
        _add_addresses(found)
        _add_departments(found)
    return found


def _add_addresses(found: dict[int, Known]) -> None:
    parts = [getattr(Address, part) for part in ADDRESS_PARTS]
    query = select(Address.customer_id, *parts).where(
        and_(Address.customer_id.in_(found), Address.kind == AddressKind.MAILING)
    )
    for customer_id, *address in db.session.execute(query):
        found[customer_id]["address"] = tuple(address)


def _add_departments(found: dict[int, Known]) -> None:
    link = customer_department.c
    query = select(link.customer_id, link.department_id).where(link.customer_id.in_(found)).order_by(link.department_id)
    for customer_id, department_id in db.session.execute(query):
        found[customer_id]["departments"] += (department_id,)


def merged(known: Known | None, values: dict[str, Any]) -> dict[str, Any]:
    """The customer as it would be with `values`, to be judged by the rules."""
    if known is None:
        return values
    # A prospect has a contact, which no column of the workbook can take away.
    return {**known, **values, "contacts": True}


def changes(known: Known, values: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """(before, after) of each field in which `values` differ from the customer, and of what follows from them."""
    changed: dict[str, tuple[Any, Any]] = {}
    for name, value in values.items():
        before = known[name]
        if name == "address":
            if before is None or value not in (before[0] if not any(before[1:]) else None, one_line(before)):
                changed[name] = (before, (value, None, None, None))
        elif before != value:
            changed[name] = (before, value)
    if changed:
        for name, implied in rules.implied(known | values).items():
            if known[name] != implied:
                changed[name] = (known[name], implied)
    return changed


def one_line(address: Iterable[str | None]) -> str:
    """The parts of an address as they are shown."""
    return ", ".join(part for part in address if part)


def readable(name: str, value: Any, names: dict[str, Names]) -> Any:
    """A value of the field `name` as people read it."""
    if value is None:
        return None
    if name in names:
        return names[name].shown(value)
    if name == "address":
        return value if isinstance(value, str) else one_line(value)
    return history.shown(value)


def recorded_changes(changed: dict[str, tuple[Any, Any]], names: dict[str, Names]) -> dict[str, Any]:
    """[before, after] by the names that the history uses."""
    return {
        BY_FIELD[name].history_name if name in BY_FIELD else name: [
            readable(name, before, names), readable(name, after, names)
        ]
        for name, (before, after) in changed.items()
    }  # fmt: skip


def previewed_changes(changed: dict[str, tuple[Any, Any]], names: dict[str, Names]) -> dict[str, Any]:
    """[before, after] by the headers of the workbook."""
    return {
        column.header: [readable(column.field, part, names) for part in changed[column.field]]
        for column in COLUMNS
        if column.field in changed
    }

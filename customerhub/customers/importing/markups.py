"""The markups per call class of customers as columns of the workbook: one column a class, what is known and written."""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import bindparam, delete, insert, select, update

from customerhub.core.errors import Conflict
from customerhub.customers.importing.columns import MARKUP_CLASSES
from models import CallMarkup
from models.base import db, get_table

_TABLE: Final = get_table(CallMarkup)
_FIELDS: Final = {call_class: field for field, call_class in MARKUP_CLASSES.items()}
CUSTOMER_CHANGED: Final = "A customer in this file was changed by another user in the meantime"


def add_markups(customers: dict[int, dict[str, Any]]) -> None:
    """Add what these customers, by id, have as markup of each class; None where they have none."""
    for existing in customers.values():
        existing |= dict.fromkeys(MARKUP_CLASSES)
    query = select(CallMarkup.customer_id, CallMarkup.call_class, CallMarkup.percent)
    for customer_id, call_class, percent in db.session.execute(query.where(CallMarkup.customer_id.in_(customers))):
        customers[customer_id][_FIELDS[call_class]] = percent


def write_markups(organisation_id: int, changes_by_owner: Iterable[tuple[int, dict[str, tuple[Any, Any]]]]) -> None:
    """Write the markups among what is changed of these customers, (id, (before, after) by field).

    Raises Conflict where a markup is no longer there.
    """
    added, changed, removed = [], [], []
    for owner_id, changes in changes_by_owner:
        for field in MARKUP_CLASSES.keys() & changes.keys():
            before, after = changes[field]
            row = {"owner": owner_id, "class": MARKUP_CLASSES[field]}
            if before is None and after is not None:
                added.append({"customer_id": owner_id, "call_class": MARKUP_CLASSES[field], "percent": after})
            elif after is None:
                removed.append(row)
            else:
                changed.append(row | {"new_percent": after})
    connection = db.session.connection()
    is_it = (_TABLE.c.customer_id == bindparam("owner"), _TABLE.c.call_class == bindparam("class"))
    if added:
        connection.execute(insert(_TABLE), [{"organisation_id": organisation_id, **row} for row in added])
    if removed:
        connection.execute(delete(_TABLE).where(*is_it), removed)
    if changed:
        values = {"percent": bindparam("new_percent"), "version": _TABLE.c.version + 1}
        if connection.execute(update(_TABLE).where(*is_it).values(values), changed).rowcount != len(changed):
            raise Conflict(CUSTOMER_CHANGED)

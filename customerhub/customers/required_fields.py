"""What an organisation requires of its customers beyond what every customer needs (`rules.list_missing_fields`).

Asked where somebody enters the customer: when it is new or stops being a prospect, in a form, and of what is changed.
An operation that changes something else of a customer which was there before is not stopped. A prospect needs no more
than every prospect.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from sqlalchemy import and_, func, inspect, select

from customerhub.core.errors import Invalid
from customerhub.core.row_validation import Problems
from customerhub.customers.form_layout import CUSTOMER_FORM
from customerhub.form_layouts.layouts import find_layout
from models import Customer
from models.base import db
from models.enums import CustomerKind

REQUIRED_TEXT: Final = "Required by your organisation"
# The fields that only customers of one kind have.
FIELDS_OF_KIND: Final = {
    "identity_number": CustomerKind.CONSUMER,
    "registration_number": CustomerKind.COMPANY,
    "registration_date": CustomerKind.COMPANY,
    "customer_type": CustomerKind.COMPANY,
}


def list_required_fields(organisation_id: int) -> frozenset[str]:
    """The fields that the organisation requires of customers, beside those of every organisation."""
    return find_layout(CUSTOMER_FORM, organisation_id).required


def list_missing_by_organisation(
    values: Mapping[str, Any], organisation_id: int, *, asked: Collection[str] | None = None
) -> Problems:
    """(field, message) of each field that the organisation requires and `values` lacks; of the `asked` fields only,
    where these are given. `values` maps the names of columns to what the customer has.
    """
    if values.get("is_prospect"):
        return []
    kind = values.get("kind") or CustomerKind.COMPANY
    return [
        (name, REQUIRED_TEXT)
        for name in sorted(list_required_fields(organisation_id))
        if (asked is None or name in asked)
        and values.get(name) in (None, "")
        and FIELDS_OF_KIND.get(name, kind) == kind
    ]


def require_replacement(customer: Customer, name: str) -> None:
    """Raises Invalid where the organisation requires the field `name` of `customer`, so that it cannot be cleared."""
    values = {"is_prospect": customer.is_prospect, "kind": customer.kind}
    problems = list_missing_by_organisation(values, customer.organisation_id, asked=(name,))
    if problems:
        raise Invalid.from_problems(problems)


def list_missing_of(customer: Customer, *, is_entered: bool) -> Problems:
    """As `list_missing_by_organisation`, of a customer as it now stands; `is_entered` where all of it is in a form."""
    names = list_required_fields(customer.organisation_id)
    if not names:
        return []
    state: Any = inspect(customer)
    is_no_longer_prospect = not customer.is_prospect and True in (state.attrs.is_prospect.history.deleted or ())
    asked = None
    if state.persistent and not is_entered and not is_no_longer_prospect:
        asked = {name for name in names if state.attrs[name].history.has_changes()}
    values = {name: getattr(customer, name) for name in (*names, "is_prospect", "kind")}
    return list_missing_by_organisation(values, customer.organisation_id, asked=asked)


def count_missing(names: Iterable[str], organisation_id: int) -> dict[str, int]:
    """How many customers lack each of these fields, which have one value; prospects and other kinds are not counted."""
    counted = list(names)
    counts = [
        func.count().filter(
            and_(getattr(Customer, name).is_(None), *([Customer.kind == kind] if kind is not None else []))
        )
        for name in counted
        for kind in [FIELDS_OF_KIND.get(name)]
    ]
    is_meant = (Customer.organisation_id == organisation_id, Customer.is_prospect.is_(False))
    return dict(zip(counted, db.session.execute(select(*counts).where(*is_meant)).one(), strict=True))

"""What an organisation requires of its customers beyond what every customer needs (`rules.list_missing_fields`)."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import and_, func, select

from customerhub.core.errors import Invalid
from customerhub.core.row_validation import Problems
from customerhub.customers.form_layout import CUSTOMER_FORM, FIELDS_OF_KIND
from customerhub.form_layouts.required import list_missing
from models import Customer
from models.base import db


def list_missing_by_organisation(
    values: Mapping[str, Any], organisation_id: int, *, asked: Collection[str] | None = None
) -> Problems:
    """(field, message) of each field that the organisation requires and `values` of a customer lack; of the `asked`
    fields only, where these are given.
    """
    return list_missing(CUSTOMER_FORM, values, organisation_id, asked=asked)


def require_replacement(customer: Customer, name: str) -> None:
    """Raises Invalid where the organisation requires the field `name` of `customer`, so that it cannot be cleared."""
    values = {"is_prospect": customer.is_prospect, "kind": customer.kind}
    problems = list_missing_by_organisation(values, customer.organisation_id, asked=(name,))
    if problems:
        raise Invalid.from_problems(problems)


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

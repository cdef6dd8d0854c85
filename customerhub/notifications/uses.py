"""What names a template: reviews of customers, and compliance documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from customerhub.links import plural
from models import ComplianceDocument, Customer, NotificationTemplate
from models.base import db

MOST_NAMED = 3


@dataclass(frozen=True)
class Named:
    """How many name a template, and the first few of them by name."""

    count: int = 0
    first: tuple[str, ...] = ()

    def told(self, noun: str) -> str:
        """Such as "5 customers (Alfreds, Berglunds, Cactus and 2 more)"."""
        rest = f" and {self.count - len(self.first)} more" if self.count > len(self.first) else ""
        return f"{self.count} {noun if self.count == 1 else plural(noun)} ({', '.join(self.first)}{rest})"


@dataclass(frozen=True)
class Uses:
    """Who names a template: customers for their reviews, and documents."""

    customers: Named = Named()
    documents: Named = Named()

    def __bool__(self) -> bool:
        return bool(self.customers.count or self.documents.count)

    @property
    def told(self) -> str:
        """In words, blank where nothing names it."""
        return " and ".join(
            part
            for part in (
                self.customers.count and f"the reviews of {self.customers.told('customer')}",
                self.documents.count and self.documents.told("compliance document"),
            )
            if part
        )


def uses_of(templates: Sequence[NotificationTemplate]) -> dict[int, Uses]:
    """The uses of each of `templates`, by its id."""
    keys = [template.id for template in templates]
    by_customers = _named(Customer.review_template_id, keys, Customer.name, Customer.sort_name, Customer)
    by_documents = _named(
        ComplianceDocument.template_id, keys, ComplianceDocument.certificate + " of " + Customer.name,
        ComplianceDocument.expiry_date, ComplianceDocument, Customer.id == ComplianceDocument.customer_id,
    )  # fmt: skip
    return {key: Uses(by_customers.get(key, Named()), by_documents.get(key, Named())) for key in keys}


def _named(column: Any, keys: list[int], name: Any, order: Any, model: Any, joined: Any = None) -> dict[int, Named]:
    """The rows whose `column` holds one of `keys`: how many for each, and the first of them in `order`."""
    across = {"partition_by": column}
    numbered = select(
        column.label("key"),
        name.label("name"),
        func.count().over(**across).label("count"),
        func.row_number().over(**across, order_by=(order, model.id)).label("number"),
    ).where(column.in_(keys))
    if joined is not None:
        numbered = numbered.join(Customer, joined)
    rows = numbered.subquery()
    found: dict[int, Named] = {}
    for key, shown, count in db.session.execute(
        select(rows.c.key, rows.c.name, rows.c.count).where(rows.c.number <= MOST_NAMED).order_by(rows.c.number)
    ):
        found[key] = Named(count, (*found.get(key, Named()).first, shown))
    return found

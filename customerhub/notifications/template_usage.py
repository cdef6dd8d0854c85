"""Where a template is used: reviews of customers, and compliance documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from customerhub.core.references import pluralize
from models import ComplianceDocument, Customer, NotificationTemplate
from models.base import db

MOST_NAMED = 3


@dataclass(frozen=True)
class UsageSummary:
    """How many name a template, and the first few of them by name."""

    count: int = 0
    first_names: tuple[str, ...] = ()

    def describe(self, noun: str) -> str:
        """Such as "5 customers (Alfreds, Berglunds, Cactus and 2 more)"."""
        remainder = f" and {self.count - len(self.first_names)} more" if self.count > len(self.first_names) else ""
        return f"{self.count} {noun if self.count == 1 else pluralize(noun)} ({', '.join(self.first_names)}{remainder})"


@dataclass(frozen=True)
class TemplateUsage:
    """Who names a template: customers for their reviews, and documents."""

    customers: UsageSummary = UsageSummary()
    documents: UsageSummary = UsageSummary()

    def __bool__(self) -> bool:
        return bool(self.customers.count or self.documents.count)

    @property
    def description(self) -> str:
        """In words, blank where nothing names it."""
        return " and ".join(
            part
            for part in (
                self.customers.count and f"the reviews of {self.customers.describe('customer')}",
                self.documents.count and self.documents.describe("compliance document"),
            )
            if part
        )


def load_template_usage(templates: Sequence[NotificationTemplate]) -> dict[int, TemplateUsage]:
    """The uses of each of `templates`, by its id."""
    keys = [template.id for template in templates]
    by_customers = _summarize_usage(Customer.review_template_id, keys, Customer.name, Customer.sort_name, Customer)
    by_documents = _summarize_usage(
        ComplianceDocument.template_id,
        keys,
        ComplianceDocument.certificate + " of " + Customer.name,
        ComplianceDocument.expiry_date,
        ComplianceDocument,
        Customer.id == ComplianceDocument.customer_id,
    )
    return {
        key: TemplateUsage(by_customers.get(key, UsageSummary()), by_documents.get(key, UsageSummary())) for key in keys
    }


def _summarize_usage(
    column: Any, keys: list[int], name: Any, order: Any, model: Any, join_condition: Any = None
) -> dict[int, UsageSummary]:
    """The rows whose `column` holds one of `keys`: how many for each, and the first of them in `order`."""
    partition = {"partition_by": column}
    numbered_rows = select(
        column.label("key"),
        name.label("name"),
        func.count().over(**partition).label("count"),
        func.row_number().over(**partition, order_by=(order, model.id)).label("number"),
    ).where(column.in_(keys))
    if join_condition is not None:
        numbered_rows = numbered_rows.join(Customer, join_condition)
    rows = numbered_rows.subquery()
    summaries: dict[int, UsageSummary] = {}
    for key, row_name, count in db.session.execute(
        select(rows.c.key, rows.c.name, rows.c.count).where(rows.c.number <= MOST_NAMED).order_by(rows.c.number)
    ):
        summaries[key] = UsageSummary(count, (*summaries.get(key, UsageSummary()).first_names, row_name))
    return summaries

"""How a customer looks wherever it is named: its link wears the colour of its status and tells more on hovering."""

from typing import Any

from sqlalchemy import ColumnElement, select

from customerhub.permissions import Actor, Permission
from models import Customer
from views.columns import Cell, Filter
from views.paths import path_to


class CustomerFilter(Filter):
    """Narrows a list of what belongs to customers by the name of the customer; `column` holds its id."""

    def where(self, operator: str, value: str) -> ColumnElement[bool]:
        if operator in ("blank", "filled"):
            return super().where(operator, value)
        named = Filter(self.name, self.label, Customer.name).where(operator, value)
        found: ColumnElement[bool] = self.column.in_(select(Customer.id).where(named))
        return found


def customer_link(customer: Customer | None) -> Cell:
    if customer is None:
        return None
    return {
        "text": customer.name,
        "url": path_to("customers.details_view", customer.id),
        "colour": customer.status.colour,
        "status": customer.status.name,
        "peek": path_to("customers.peek", customer.id),
    }


def missing_setup(missing: list[tuple[str, str]], actor: Actor) -> list[dict[str, Any]]:
    """Banners that name set-up data that is missing, each with a link to add it for those who may."""
    if not actor.may(Permission.SETUP_EDIT):
        return [
            {"kind": "warning", "text": f"There is no {noun} yet. Ask an administrator to add one."}
            for noun, _ in missing
        ]
    return [
        {"kind": "warning", "text": f"Please add a {noun}.", "link": {"label": "Add one now", "url": url}}
        for noun, url in missing
    ]

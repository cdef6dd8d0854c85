"""A customer in other lists: a link in the colour of its status, with details on hovering."""

from typing import Any

from sqlalchemy import ColumnElement, select

from customerhub.core.permissions import Actor, Permission
from models import Customer
from views.framework.columns import Cell
from views.framework.filters import Filter
from views.http.urls import path_to


class CustomerFilter(Filter):
    """Narrows a list of what belongs to customers by the name of the customer; `column` holds its id."""

    def build_condition(self, operator: str, value: str) -> ColumnElement[bool]:
        if operator in ("blank", "filled"):
            return super().build_condition(operator, value)
        name_condition = Filter(self.name, self.label, Customer.name).build_condition(operator, value)
        condition: ColumnElement[bool] = self.column.in_(select(Customer.id).where(name_condition))
        return condition


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


def build_missing_setup_banners(missing: list[tuple[str, str]], actor: Actor) -> list[dict[str, Any]]:
    """Banners that name set-up data that is missing, each with a link to add it for those who may."""
    if not actor.has_permission(Permission.SETUP_EDIT):
        return [
            {"kind": "warning", "text": f"There is no {noun} yet. Ask an administrator to add one."}
            for noun, _ in missing
        ]
    return [
        {"kind": "warning", "text": f"Please add a {noun}.", "link": {"label": "Add one now", "url": url}}
        for noun, url in missing
    ]

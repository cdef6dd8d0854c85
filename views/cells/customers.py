"""A customer in lists: a link in the colour of its status, written out unless it is the usual one, with details on
hovering.
"""

from collections.abc import Iterable
from typing import Any

from flask import g
from sqlalchemy import ColumnElement, select

from customerhub.core.permissions import Actor, Permission
from customerhub.customers.form_layout import CUSTOMER_FORM
from customerhub.customers.statuses import find_default_status
from customerhub.form_layouts.layouts import CORE
from models import CallMarkup, Customer
from models.enums import CallClass
from views.framework.columns import Cell
from views.framework.filters import Filter
from views.framework.form_layouts import get_layout
from views.framework.formatting import format_percent
from views.framework.labels import member_label
from views.http.actor import current_actor
from views.http.urls import path_to


class CustomerFilter(Filter):
    """Narrows a list of what belongs to customers by the name of the customer; `column` holds its id."""

    def build_condition(self, operator: str, value: str) -> ColumnElement[bool]:
        if operator in ("blank", "filled"):
            return super().build_condition(operator, value)
        name_condition = Filter(self.name, self.label, Customer.name).build_condition(operator, value)
        condition: ColumnElement[bool] = self.column.in_(select(Customer.id).where(name_condition))
        return condition


class AccountManagerFilter(Filter):
    """Narrows a list of what belongs to customers by their account manager; `column` holds the id of the customer."""

    def build_condition(self, operator: str, value: str) -> ColumnElement[bool]:
        manager_filter = Filter(self.name, self.label, Customer.account_manager_id, "select", source=self.source)
        is_managed = manager_filter.build_condition(operator, value)
        condition: ColumnElement[bool] = self.column.in_(select(Customer.id).where(is_managed))
        return condition


def customer_link(customer: Customer | None) -> Cell:
    if customer is None:
        return None
    return {
        "text": customer.name,
        "url": path_to("customers.details_view", customer.id),
        "colour": customer.status.colour,
        "status": customer.status.name,
        "is_usual_status": customer.status_id == find_usual_status_id(),
        "peek": path_to("customers.peek", customer.id),
    }


def describe_call_markups(markups: Iterable[CallMarkup]) -> str | None:
    """Mobile 12 %, national 5 %."""
    ordered = sorted(markups, key=lambda markup: list(CallClass).index(markup.call_class))
    return ", ".join(f"{member_label(each.call_class)} {format_percent(each.percent)}" for each in ordered) or None


def find_usual_status_id() -> int | None:
    """The status of new customers, which lists do not write out; asked for once a request."""
    if "usual_status_id" not in g:
        status = find_default_status(current_actor().organisation_id)
        g.usual_status_id = status.id if status else None
    status_id: int | None = g.usual_status_id
    return status_id


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


def find_form_url(customer_id: int, field: str, actor: Actor) -> str | None:
    """Where the form of a customer shows `field`; None for who may not edit, and where the organisation hides it."""
    section = get_layout(CUSTOMER_FORM).find_section(field)
    if section is None or not actor.has_permission(Permission.CUSTOMERS_EDIT):
        return None
    return path_to("customers.edit_view", customer_id) + find_anchor(section)


def find_anchor(section: str) -> str:
    """The end of an address that opens a section of a form: what stands above the tabs is open already."""
    return "" if section == CORE else f"#{section}"

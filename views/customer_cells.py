"""How a customer looks wherever it is named: its link wears the colour of its status and tells more on hovering."""

from typing import Any

from flask import url_for

from models import Customer
from views.columns import Cell


def customer_link(customer: Customer | None) -> Cell:
    if customer is None:
        return None
    return {
        "text": customer.name,
        "url": f"{_path('customers.details_view')}?id={customer.id}",
        "colour": customer.status.colour,
        "status": customer.status.name,
        "peek": f"{_path('customers.peek')}?id={customer.id}",
    }


def _path(endpoint: str) -> str:
    """`url_for` of an address without parameters, asked once a request."""
    from flask import g

    kept: dict[str, str] = g.setdefault("paths", {})
    if endpoint not in kept:
        kept[endpoint] = url_for(endpoint)
    return kept[endpoint]


def missing_setup(missing: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """Banners that name set-up data that is missing, each with a link to add it."""
    return [
        {"kind": "warning", "text": f"Please add a {noun}.", "link": {"label": f"Add a {noun}", "url": url}}
        for noun, url in missing
    ]

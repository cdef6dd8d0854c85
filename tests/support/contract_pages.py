"""Customers with contracts, and what the forms of contracts show."""

import re
from html import unescape
from typing import Any

import models
from models.base import db
from tests.support import factories as make
from tests.support.screen_rows import make_live_customer
from tests.support.two_organisations import TwoOrganisations, own_organisation

__all__ = ["make_live_customer"]  # a helper made elsewhere

TERMS = {
    "name": "Lines",
    "start_date": "2025-01-31",
    "connections": "12",
    "value": "1,500.50",
    "business_risk": "Low",
    "contract_risk": "High",
    "supplier": "Nordkabel",
}


def add_profile(organisations: TwoOrganisations, customer: models.Customer, **values: Any) -> models.InvoiceProfile:
    return make.InvoiceProfileFactory(organisation=own_organisation(organisations), customer_id=customer.id, **values)


def newest_row(model: Any) -> Any:
    return db.session.query(model).order_by(model.id.desc()).first()


def list_options(page: str, name: str) -> list[str]:
    """The values that a select box offers."""
    box = re.search(rf'<select[^>]*name="{name}"[^>]*>(.*?)</select>', page, re.DOTALL)
    assert box is not None, name
    return [value for value in re.findall(r'<option value="([^"]*)"', box[1]) if value]


def page_text(page: str) -> str:
    """The words of a page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.split("<main")[1])).split())

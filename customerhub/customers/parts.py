"""What hangs on a customer's record: addresses, contacts, documents, lines, profiles and legal entities."""

from collections.abc import Callable, Iterator
from typing import Any

from customerhub.cleaning import Problems, clean_row
from customerhub.customers import rules
from customerhub.errors import Invalid
from models import Address, BillingLine, ComplianceDocument, Customer, NotificationTemplate
from models.base import db
from models.enums import TemplatePurpose
from models.keys import folded

PARTS = ("addresses", "contacts", "compliance_documents", "billing_lines", "invoice_profiles", "legal_entities")


def parts_of(customer: Customer) -> Iterator[tuple[str, int, Any]]:
    """(name of the list, position in it, row) of every part."""
    for name in PARTS:
        for position, part in enumerate(getattr(customer, name)):
            yield name, position, part


def part_problems(customer: Customer) -> Problems:
    """Tidy every part. What is wrong is told at its cell, as "contacts.0.email"."""
    problems: Problems = []
    for name, position, part in parts_of(customer):
        check = CHECKS.get(type(part))
        found = clean_row(part) + (check(part) if check else [])
        problems += [(f"{name}.{position}.{field}", message) for field, message in found]
    kinds = [address.kind for address in customer.addresses]
    names = [folded(profile.name or "") for profile in customer.invoice_profiles]
    problems += _doubles("addresses", "kind", kinds, "There is already an address of this kind")
    problems += _doubles("invoice_profiles", "name", names, "There is already a profile with this name")
    return problems


def _doubles(name: str, field: str, values: list[Any], message: str) -> Problems:
    return [
        (f"{name}.{position}.{field}", message) for position, value in enumerate(values) if value in values[:position]
    ]


def _address_problems(address: Address) -> Problems:
    try:
        address.country = rules.clean_country(address.country or "")
    except Invalid as error:
        return [("country", error.message)]
    return []


def _line_problems(line: BillingLine) -> Problems:
    problems = [
        (field, "A cost is 0 or more") for field in ("minimum_cost", "cost_per_unit") if (getattr(line, field) or 0) < 0
    ]
    if line.active_from and line.active_to and line.active_to < line.active_from:
        problems.append(("active_to", "A line cannot end before it begins"))
    return problems


def _document_problems(document: ComplianceDocument) -> Problems:
    if document.template_id is None:
        return []
    template = db.session.get(NotificationTemplate, document.template_id)
    if template is None or template.purpose is not TemplatePurpose.COMPLIANCE:
        return [("template_id", "Choose a template for compliance documents from the list")]
    return []


CHECKS: dict[type[Any], Callable[[Any], Problems]] = {
    Address: _address_problems,
    BillingLine: _line_problems,
    ComplianceDocument: _document_problems,
}

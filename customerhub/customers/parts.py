"""What hangs on a customer's record: addresses, contacts, documents, lines, profiles and legal entities."""

from collections.abc import Callable, Iterator
from typing import Any

from customerhub.cleaning import Problems, clean_row
from customerhub.contracts.invoice_profiles import profile_problems
from customerhub.customers import rules
from customerhub.errors import Invalid
from models import Address, BillingLine, ComplianceDocument, Customer, InvoiceProfile, NotificationTemplate
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
    """Put every part into the customer's organisation and tidy it; what is wrong is told as "contacts.0.email"."""
    problems: Problems = []
    for name, position, part in parts_of(customer):
        part.organisation_id = customer.organisation_id
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
    if is_template_for(TemplatePurpose.COMPLIANCE, document.template_id, document.organisation_id):
        return []
    return [("template_id", "Choose a template for compliance documents from the list")]


def is_template_for(purpose: TemplatePurpose, template_id: int | None, organisation_id: int) -> bool:
    """Whether `template_id` is none, or a template of the organisation for messages of this purpose."""
    template = db.session.get(NotificationTemplate, template_id) if template_id is not None else None
    fits = template is not None and (template.organisation_id, template.purpose) == (organisation_id, purpose)
    return fits or template_id is None


CHECKS: dict[type[Any], Callable[[Any], Problems]] = {
    Address: _address_problems,
    BillingLine: _line_problems,
    ComplianceDocument: _document_problems,
    InvoiceProfile: profile_problems,
}

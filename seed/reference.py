"""What every organisation starts with: statuses, catalogs, terms and templates. Rows that exist are left alone."""

from decimal import Decimal
from typing import Any

from sqlalchemy import select

from models import (
    CatalogItem,
    CustomerStatus,
    Department,
    InvoiceType,
    NotificationTemplate,
    Organisation,
    PaymentMethod,
    PaymentTerms,
    VatRate,
)
from models.base import db
from models.enums import CatalogType, StatusBehaviour, TemplatePurpose, TermsKind
from models.keys import folded

STATUSES = (
    ("Active", "#1a7f4b", StatusBehaviour.BILL),
    ("Active - Do Not Bill", "#9a6700", StatusBehaviour.ACCRUE),
    ("Final Bill", "#8250df", StatusBehaviour.FINAL),
    ("Dropped", "#6b7280", StatusBehaviour.NONE),
)
CATALOGS: dict[CatalogType, tuple[str, ...]] = {
    CatalogType.REGION: ("Europe", "North America", "South America"),
    CatalogType.SEGMENT: ("Enterprise", "Mid-market", "Small business"),
    CatalogType.CHANNEL: ("Direct", "Partner", "Web", "Referral"),
    CatalogType.CATEGORY: ("Standard", "Key account", "Wholesale"),
    CatalogType.SUBSCRIPTION_TYPE: ("Monthly", "Annual"),
    CatalogType.ACCOUNT_TYPE: ("Billing", "Usage"),
    CatalogType.STATUS_REASON: ("Moved away", "Changed supplier", "Non-payment", "Closed down"),
    CatalogType.CHARGE_TYPE: ("Adjustment", "Late fee", "Low Usage Charge"),
    CatalogType.ALERT_TYPE: ("Credit", "Compliance", "Review", "Note"),
}
DEPARTMENTS = ("Sales", "Operations", "Finance")
TERMS = (
    ("Due at once", TermsKind.DAYS, 0),
    ("14 days", TermsKind.DAYS, 14),
    ("30 days", TermsKind.DAYS, 30),
    ("15th of the month", TermsKind.DAY_OF_MONTH, 15),
    ("End of the month", TermsKind.DAY_OF_MONTH, -1),
)
METHODS = (("Bank transfer", "30 days"), ("Direct debit", "14 days"), ("Card", "Due at once"))
VAT_RATES = (("Standard", "20"), ("Reduced", "5"), ("Zero", "0"))
INVOICE_TYPES = ("Recurring", "Usage", "One-off")
TEMPLATES = (
    (
        "Customer review",
        TemplatePurpose.REVIEW,
        "Review of {{customer}} is due",
        "The review of {{customer}} ({{reference}}) is due on {{review_date}}.\n\n"
        "Please open the customer's record, look at its documents and its risk, and note the outcome.",
    ),
    (
        "Document expires",
        TemplatePurpose.COMPLIANCE,
        "{{certificate}} of {{customer}} expires on {{expiry_date}}",
        "{{certificate}} of {{customer}} ({{reference}}) expires on {{expiry_date}}.\n\n"
        "Please ask for a new one and enter its expiry date on the customer's record.",
    ),
)


def seed_reference(organisation: Organisation) -> None:
    """Give `organisation` what is missing of its reference data."""
    for position, (name, colour, behaviour) in enumerate(STATUSES):
        _keep(CustomerStatus, organisation, name, colour=colour, behaviour=behaviour, position=position)
    for kind, names in CATALOGS.items():
        for position, name in enumerate(names):
            _keep(CatalogItem, organisation, name, type=kind, position=position)
    for name in DEPARTMENTS:
        _keep(Department, organisation, name)
    for name in INVOICE_TYPES:
        _keep(InvoiceType, organisation, name)
    for name, kind_of_terms, value in TERMS:
        _keep(PaymentTerms, organisation, name, kind=kind_of_terms, value=value)
    for name, percent in VAT_RATES:
        _keep(VatRate, organisation, name, percent=Decimal(percent))
    for name, purpose, subject, body in TEMPLATES:
        _keep(NotificationTemplate, organisation, name, purpose=purpose, subject=subject, body=body)
    db.session.flush()
    for name, terms in METHODS:
        _keep(PaymentMethod, organisation, name, default_terms_id=_find(PaymentTerms, organisation, terms).id)
    db.session.flush()


def _find(model: Any, organisation: Organisation, name: str, **also: Any) -> Any:
    query = select(model).where(model.organisation_id == organisation.id, model.name_key == folded(name))
    if "type" in also:
        query = query.where(model.type == also["type"])
    return db.session.scalar(query)


def _keep(model: Any, organisation: Organisation, name: str, **values: Any) -> None:
    if _find(model, organisation, name, **values) is None:
        db.session.add(model(organisation_id=organisation.id, name=name, **values))


def find_organisation(name: str) -> Organisation | None:
    """The organisation with this name, whatever its case."""
    wanted = folded(name)
    return next((found for found in db.session.scalars(select(Organisation)) if folded(found.name) == wanted), None)

"""What an organisation starts with: statuses, catalogs, terms and templates. From then on they are its own."""

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
from models.enums import CatalogType, StatusBehaviour, TemplatePurpose
from models.keys import fold_text

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
PAYMENT_TERMS = (
    ("Due on receipt", 0, None),
    ("14 days", 14, None),
    ("30 days", 30, None),
    ("15th of the month", 0, 15),
    ("End of the month", 0, -1),
)
PAYMENT_METHODS = (("Bank transfer", "30 days"), ("Direct debit", "14 days"), ("Card", "Due on receipt"))
VAT_RATES = (("Standard", "20"), ("Reduced", "5"), ("Zero", "0"))
INVOICE_TYPES = ("Recurring", "Usage", "One-off")
TEMPLATES = (
    (
        "Customer review",
        TemplatePurpose.REVIEW,
        "Review of {{customer}} {{review_in_words}}",
        "Hello,\n\n"
        "the review of **{{customer}}** ({{reference}}) {{review_in_words}}, on {{review_date}}.\n\n"
        "Please open the customer’s page and\n"
        "- check its risk (currently {{risk}}) and its credit limit,\n"
        "- check that its documents are still valid,\n"
        "- record the review with your findings.\n\n"
        "Its account manager is {{account_manager}}. The next review is due on {{next_review_date}}.\n\n"
        "{{report_note}}",
    ),
    (
        "Document expires",
        TemplatePurpose.COMPLIANCE,
        "{{certificate}} of {{customer}} {{expiry_in_words}}",
        "Hello,\n\n"
        "**{{certificate}}** of {{customer}} ({{reference}}) {{expiry_in_words}}, on {{expiry_date}}.\n\n"
        "Please request a new document from the customer, then upload it and enter its expiry date on the customer’s "
        "page. No further reminders are sent for this document after that.\n\n"
        "The account manager is {{account_manager}}.",
    ),
)


def seed_reference(organisation: Organisation) -> None:
    """Give `organisation`, which has just been made, its reference data."""
    for position, (name, colour, behaviour) in enumerate(STATUSES):
        _add(CustomerStatus, organisation, name, colour=colour, behaviour=behaviour, position=position)
    for kind, names in CATALOGS.items():
        for position, name in enumerate(names):
            _add(CatalogItem, organisation, name, type=kind, position=position)
    for name in DEPARTMENTS:
        _add(Department, organisation, name)
    for name in INVOICE_TYPES:
        _add(InvoiceType, organisation, name)
    terms = {
        name: _add(PaymentTerms, organisation, name, days=days, fixed_day=fixed_day)
        for name, days, fixed_day in PAYMENT_TERMS
    }
    for name, percent in VAT_RATES:
        _add(VatRate, organisation, name, percent=Decimal(percent))
    for name, purpose, subject, body in TEMPLATES:
        _add(NotificationTemplate, organisation, name, purpose=purpose, subject=subject, body=body)
    db.session.flush()
    for name, terms_name in PAYMENT_METHODS:
        _add(PaymentMethod, organisation, name, default_terms_id=terms[terms_name].id)
    db.session.flush()


def _add(model: Any, organisation: Organisation, name: str, **values: Any) -> Any:
    row = model(organisation_id=organisation.id, name=name, **values)
    db.session.add(row)
    return row


def find_organisation(name: str) -> Organisation | None:
    """The organisation with this name, whatever its case and accents."""
    return db.session.scalar(select(Organisation).where(Organisation.name_key == fold_text(name)))

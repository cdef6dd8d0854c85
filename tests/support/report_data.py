"""A report with something of everything, and the text of a PDF."""

import io
import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from pypdf import PdfReader

from customerhub.core import history, pdf
from customerhub.core.permissions import Actor
from customerhub.mail.letterhead import Brand
from customerhub.reports.report_facts import (
    AccountFact,
    ContractFact,
    CreditStanding,
    CustomerDetails,
    DocumentFact,
    LineFact,
    MessageFact,
    OrderFact,
    ReportData,
    ReviewFact,
    ReviewState,
)
from customerhub.reports.report_layout import build_document
from customerhub.usage.cost_tracker import list_last_months
from models.base import db
from models.enums import (
    ContractStatus,
    DateFormat,
    OrderStatus,
    OutboxState,
    Risk,
    Severity,
    StatusBehaviour,
)

D = Decimal
DAY = TODAY = date(2026, 3, 15)
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d494844520000000100000001080200000090"
    "7753de0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082"
)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="30" height="9"><rect width="30" height="9" fill="#c33"/></svg>'
CUSTOMER = CustomerDetails(
    name="Königlich Essen",
    account_number="100024",
    reference="KOENE",
    is_prospect=False,
    kind="company",
    type="private limited",
    numbers=[("Registration number", "HRB 99881"), ("VAT number", "DE136695976")],
    region="North",
    departments=["Sales", "Support"],
    group="Essen Group",
    dealer="Nordwind Partners",
    managers=[("Account manager", "Dana Reyes")],
    start_date=date(2024, 2, 29),
    email="office@koenig.example",
    phone="+49 30 1234567",
    website="https://koenig.example",
    address="Maubelstr. 90, 14776, Brandenburg, DE",
    contacts=[("Philip Cramer", "general", "philip@koenig.example")],
    billing=[("Billing cycle", "Monthly, day 1")],
)
STANDING = CreditStanding(
    "Active", "#1a7f4b", StatusBehaviour.BILL, "Billing", Risk.MEDIUM, D(5000), "Creditcheck", "CR-22"
)
REVIEW = ReviewState(
    3,
    "reviewer@hub.example",
    [ReviewFact(date(2025, 12, 30), date(2025, 12, 31), "Dana Reyes", Risk.HIGH, "Pays later than last year")],
    [date(2026, 3, 31), date(2026, 6, 30), date(2026, 9, 30)],
    None,
    False,
)
FULL = ReportData(
    as_of=DAY,
    created_on=DAY,
    organisation="Example Telecom",
    currency="CHF",
    date_format=DateFormat.DAY_DOT_MONTH,
    brand=Brand("Example", "#2f5fd0", ("Example Telecom Ltd", "1 Market Street, Bern", "VAT no. CHE-1")),
    customer=CUSTOMER,
    standing=STANDING,
    review=REVIEW,
    accounts=[AccountFact("100024", None, True, D("4210.55")), AccountFact("100024-1", "Data", False, D("-10.05"))],
    contracts=[
        ContractFact("K-1", "Network", ContractStatus.LIVE, Risk.LOW, D("1234.50"), 12, date(2025, 1, 31), None),
        ContractFact("K-2", "Old lines", ContractStatus.ENDED, Risk.HIGH, None, 3, date(2020, 1, 1), date(2024, 1, 1)),
    ],
    orders=[OrderFact("O-1", "Fibre", 2, date(2026, 3, 1), date(2026, 4, 1), None, OrderStatus.IN_PROGRESS)],
    lines=[
        LineFact(1, "Lines", "line", "Bern, Sales", D("450.00"), D("0.090000"), date(2024, 1, 1), None),
        LineFact(2, "Power", "kWh", None, D("312.50"), D("0.312500"), date(2026, 1, 20), None),
    ],
    documents=[
        DocumentFact("ISO 27001", date(2026, 3, 1), "reviewer@hub.example", True),
        DocumentFact("Insurance", date(2026, 4, 14), None, False),
        DocumentFact("Licence", date(2026, 4, 15), None, True),
    ],
    alerts=[(Severity.WARNING, "Disputes the invoice of January")],
    messages=[MessageFact(date(2026, 1, 2), "Review is due", "reviewer@hub.example", OutboxState.SENT)],
    message_count=1,
    months=list_last_months(DAY),
)
EMPTY = replace(
    FULL,
    customer=CustomerDetails(
        name="Nobody",
        account_number="1",
        reference=None,
        is_prospect=True,
        kind="consumer",
        type=None,
        numbers=[],
        region=None,
        departments=[],
        group=None,
        dealer=None,
        managers=[],
        start_date=None,
        email=None,
        phone=None,
        website=None,
        address=None,
        contacts=[],
        billing=[],
    ),
    standing=replace(STANDING, risk=None, credit_limit=None, credit_check=None, credit_reference=None),
    review=ReviewState(None, None, [], [], None, False),
    **dict.fromkeys(("accounts", "contracts", "orders", "lines", "documents", "alerts", "messages"), ()),
    message_count=0,
)


def pages_of(pdf: bytes) -> list[str]:
    """What each page says, words parted by single blanks."""
    return [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(pdf)).pages]


def text_of(pdf: bytes) -> str:
    return " ".join(pages_of(pdf))


def render_report(data: ReportData, **limits: Any) -> bytes:
    """The report as PDF, typeset in a process of its own."""
    return pdf.typeset_in_subprocess(build_document(data), **limits)


def remove_blanks(text: str) -> str:
    """`text` without blanks: lines break where a column ends."""
    return re.sub(r"\s", "", text)


def list_strings(value: Any) -> list[str]:
    """Every text in the data of a document."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return list_strings(list(value.values()))
    return [text for part in value for text in list_strings(part)] if isinstance(value, list | tuple) else []


def change_row(row: Any, **values: Any) -> None:
    with history.act_as(Actor(None, getattr(row, "organisation_id", row.id)), "test"):
        for name, value in values.items():
            setattr(row, name, value)
        db.session.flush()

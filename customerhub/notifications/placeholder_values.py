"""The values of a template's placeholders for one customer."""

from datetime import date, timedelta
from typing import Final

from customerhub.core import dates, public_urls
from customerhub.customers.review_schedule import find_latest_due_date, list_next_due_dates
from customerhub.mail.letterhead import Letterhead, get_letterhead
from models import ComplianceDocument, Customer
from models.enums import DateFormat, TemplatePurpose

NO_VALUE: Final = "–"  # what stands for a value that a customer does not have


def build_placeholder_values(
    customer: Customer,
    *,
    purpose: TemplatePurpose,
    as_of: date,
    document: ComplianceDocument | None = None,
    letterhead: Letterhead | None = None,
) -> dict[str, str]:
    """Every placeholder of a review or compliance template, as text, for a message about `customer` on `as_of`.

    A compliance message is about `document`. Who writes many passes the `letterhead`, and customers whose status and
    account manager are loaded: then nothing is asked of the database.
    """
    head = letterhead or get_letterhead(customer.organisation_id)
    about_customer = {
        "customer": customer.name,
        "reference": customer.reference or NO_VALUE,
        "account_number": customer.account_number,
        "status": customer.status.name,
        "risk": customer.risk.value if customer.risk else NO_VALUE,
        "account_manager": customer.account_manager.name if customer.account_manager else NO_VALUE,
        "customer_link": public_urls.build_customer_url(customer.id),
        "today": dates.format_date(as_of, head.date_format),
        "organisation": head.organisation,
    }
    if purpose is TemplatePurpose.REVIEW:
        return about_customer | _build_review_values(customer, as_of, head.date_format)
    if purpose is TemplatePurpose.COMPLIANCE:
        return about_customer | _build_document_values(document, as_of, head.date_format)
    raise ValueError(f"a message of the purpose {purpose.value} is not about a customer")


def _build_review_values(customer: Customer, as_of: date, date_format: DateFormat) -> dict[str, str]:
    """The review that was due last, the first one where none was due yet."""
    values = dict.fromkeys(("review_date", "review_in_words", "next_review_date"), NO_VALUE)
    start, frequency = customer.review_start_date, customer.review_frequency
    if start is not None and frequency is not None:
        due = find_latest_due_date(start, frequency, as_of) or start
        (next_due,) = list_next_due_dates(start, frequency, due + timedelta(days=1), 1)
        values = {
            "review_date": dates.format_date(due, date_format),
            "review_in_words": f"{'was' if due < as_of else 'is'} due {format_relative_day(due, as_of)}",
            "next_review_date": dates.format_date(next_due, date_format),
        }
    return values | {
        "reviewer_email": customer.reviewer_email or NO_VALUE,
        "report_note": f"The performance report of {customer.name} is attached." if customer.automatic_report else "",
    }


def _build_document_values(document: ComplianceDocument | None, as_of: date, date_format: DateFormat) -> dict[str, str]:
    if document is None:
        names = ("certificate", "expiry_date", "expiry_in_words", "days_left", "reviewer_email")
        return dict.fromkeys(names, NO_VALUE)
    expiry = document.expiry_date
    return {
        "certificate": document.certificate,
        "expiry_date": dates.format_date(expiry, date_format),
        "expiry_in_words": f"{'expired' if expiry < as_of else 'expires'} {format_relative_day(expiry, as_of)}",
        "days_left": str(max((expiry - as_of).days, 0)),
        "reviewer_email": document.reviewer_email or NO_VALUE,
    }


def format_relative_day(day: date, as_of: date) -> str:
    """How far `day` is from `as_of` in words: today, tomorrow, in 14 days, yesterday, 3 days ago."""
    days = (day - as_of).days
    near = {-1: "yesterday", 0: "today", 1: "tomorrow"}
    return near.get(days) or (f"in {days} days" if days > 0 else f"{-days} days ago")

"""What the placeholders of a template become for one customer."""

from datetime import date, timedelta
from typing import Final

from customerhub import addresses, formats
from customerhub.customers.reviews import latest_review, next_reviews
from customerhub.notifications.letterhead import Letterhead, letterhead_of
from models import ComplianceDocument, Customer
from models.enums import DateFormat, TemplatePurpose

NOTHING: Final = "–"  # what stands for a value that a customer does not have


def values_of(
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
    head = letterhead or letterhead_of(customer.organisation_id)
    about_customer = {
        "customer": customer.name,
        "reference": customer.reference or NOTHING,
        "account_number": customer.account_number,
        "status": customer.status.name,
        "risk": customer.risk.value if customer.risk else NOTHING,
        "account_manager": customer.account_manager.name if customer.account_manager else NOTHING,
        "customer_link": addresses.customer_page(customer.id),
        "today": formats.written(as_of, head.dates),
        "organisation": head.organisation,
    }
    if purpose is TemplatePurpose.REVIEW:
        return about_customer | _of_review(customer, as_of, head.dates)
    if purpose is TemplatePurpose.COMPLIANCE:
        return about_customer | _of_document(document, as_of, head.dates)
    raise ValueError(f"a message of the purpose {purpose.value} is not about a customer")


def _of_review(customer: Customer, as_of: date, dates: DateFormat) -> dict[str, str]:
    """The review that was due last, the first one where none was due yet."""
    values = dict.fromkeys(("review_date", "review_in_words", "next_review_date"), NOTHING)
    start, frequency = customer.review_start_date, customer.review_frequency
    if start is not None and frequency is not None:
        due = latest_review(start, frequency, as_of) or start
        (following,) = next_reviews(start, frequency, due + timedelta(days=1), 1)
        values = {
            "review_date": formats.written(due, dates),
            "review_in_words": f"{'was' if due < as_of else 'is'} due {when(due, as_of)}",
            "next_review_date": formats.written(following, dates),
        }
    return values | {
        "reviewer_email": customer.reviewer_email or NOTHING,
        "report_note": f"The performance report of {customer.name} is attached." if customer.automatic_report else "",
    }


def _of_document(document: ComplianceDocument | None, as_of: date, dates: DateFormat) -> dict[str, str]:
    if document is None:
        names = ("certificate", "expiry_date", "expiry_in_words", "days_left", "reviewer_email")
        return dict.fromkeys(names, NOTHING)
    expiry = document.expiry_date
    return {
        "certificate": document.certificate,
        "expiry_date": formats.written(expiry, dates),
        "expiry_in_words": f"{'expired' if expiry < as_of else 'expires'} {when(expiry, as_of)}",
        "days_left": str(max((expiry - as_of).days, 0)),
        "reviewer_email": document.reviewer_email or NOTHING,
    }


def when(day: date, as_of: date) -> str:
    """How far `day` is from `as_of` in words: today, tomorrow, in 14 days, yesterday, 3 days ago."""
    days = (day - as_of).days
    near = {-1: "yesterday", 0: "today", 1: "tomorrow"}
    return near.get(days) or (f"in {days} days" if days > 0 else f"{-days} days ago")

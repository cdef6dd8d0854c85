"""What will be sent about a customer and when, and why something will not: the plan of the daily job, told ahead."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from customerhub.customers.reviewing import list_reviews
from customerhub.customers.reviews import next_reviews
from customerhub.notifications.due import Terms, find_due
from models import ComplianceDocument, Customer, Organisation
from models.base import db
from models.enums import ReminderKind

REVIEWS: Final = 3  # dates told ahead


@dataclass(frozen=True)
class Planned:
    """A reminder to come. `on` is the day on which it is sent unless `obstacle` tells why it is not.

    `subject` is what it is about: "Review" or the name of a certificate. `due_on` and `days_before` are as in `Due`.
    """

    on: date
    kind: ReminderKind
    subject: str
    document_id: int
    due_on: date
    days_before: int
    recipient: str | None
    obstacle: str | None


def outlook(customer: Customer, *, as_of: date) -> list[Planned]:
    """The reminders about `customer` from `as_of` on, in the order of their days, if nothing changes until then.

    The next few reviews and every threshold of its documents. `as_of` is a day whose run may still come.
    """
    organisation = db.session.get_one(Organisation, customer.organisation_id)
    terms = Terms.of(organisation)
    documents = {document.id: document for document in customer.compliance_documents}
    planned = [
        Planned(as_of, each.kind, _subject(documents.get(each.document_id)), each.document_id, each.due_on,
                each.days_before, each.recipient, each.obstacle)
        for each in find_due(organisation, as_of=as_of, customer_id=customer.id)
    ]  # fmt: skip
    planned += _reviews_ahead(customer, terms, as_of)
    for document in documents.values():
        planned += _thresholds_ahead(customer, document, terms, as_of)
    return sorted(planned, key=lambda each: (each.on, each.kind.value, each.document_id))


def _subject(document: ComplianceDocument | None) -> str:
    return document.certificate if document is not None else "Review"


def _reviews_ahead(customer: Customer, terms: Terms, as_of: date) -> Iterator[Planned]:
    if customer.review_start_date is None or customer.review_frequency is None:
        return
    done = {review.due_on: review.done_on for review in list_reviews(customer)}
    kind, recipient = ReminderKind.REVIEW, customer.reviewer_email
    obstacle = terms.obstacle(
        kind, recipient=recipient, template_id=customer.review_template_id, behaviour=customer.status.behaviour
    )
    for due in next_reviews(
        customer.review_start_date, customer.review_frequency, as_of + timedelta(days=1), REVIEWS
    ):  # fmt: skip
        why_not = "It was done before" if due in done else obstacle
        yield Planned(due, kind, _subject(None), 0, due, 0, recipient, why_not)


def _thresholds_ahead(
    customer: Customer, document: ComplianceDocument, terms: Terms, as_of: date
) -> Iterator[Planned]:  # fmt: skip
    kind, recipient = ReminderKind.COMPLIANCE, document.reviewer_email
    obstacle = terms.obstacle(
        kind, recipient=recipient, template_id=document.template_id, behaviour=customer.status.behaviour
    )
    for days in terms.thresholds:
        on = document.expiry_date - timedelta(days=days)
        if on > as_of:
            yield Planned(on, kind, document.certificate, document.id, document.expiry_date, days, recipient, obstacle)

"""What will be sent about a customer and when, and why something will not: the plan of the daily job, told ahead."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from sqlalchemy import select

from customerhub.customers.reviewing import list_reviews
from customerhub.customers.reviews import is_answered, next_reviews
from customerhub.notifications.due import Terms, due_of
from models import ComplianceDocument, Customer, Organisation, Reminder
from models.base import db
from models.enums import ReminderKind

REVIEWS: Final = 3  # dates told ahead

# What was reminded of already, perhaps by a replay of a day to come: document, or 0 for a review, and due date → the
# most urgent threshold.
Written = dict[tuple[int, date], int]


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
        for each in due_of([customer.id], organisation, terms, as_of=as_of)
    ]  # fmt: skip
    written = _written(customer)
    planned += _reviews_ahead(customer, terms, as_of, written)
    for document in documents.values():
        planned += _thresholds_ahead(customer, document, terms, as_of, written)
    return sorted(planned, key=lambda each: (each.on, each.kind.value, each.document_id))


def _subject(document: ComplianceDocument | None) -> str:
    return document.certificate if document is not None else "Review"


def _written(customer: Customer) -> Written:
    found: Written = {}
    for document_id, due_on, days_before in db.session.execute(
        select(Reminder.document_id, Reminder.due_on, Reminder.days_before).where(Reminder.customer_id == customer.id)
    ):
        found[document_id, due_on] = min(days_before, found.get((document_id, due_on), days_before))
    return found


def _reviews_ahead(customer: Customer, terms: Terms, as_of: date, written: Written) -> Iterator[Planned]:
    if customer.review_start_date is None or customer.review_frequency is None:
        return
    last_answered = max((review.due_on for review in list_reviews(customer) if review.due_on), default=None)
    kind, recipient = ReminderKind.REVIEW, customer.reviewer_email
    obstacle = terms.obstacle(
        kind, recipient=recipient, template_id=customer.review_template_id, behaviour=customer.status.behaviour
    )
    for due in next_reviews(
        customer.review_start_date, customer.review_frequency, as_of + timedelta(days=1), REVIEWS
    ):  # fmt: skip
        why_not = "It was done before" if is_answered(due, last_answered) else obstacle
        if (0, due) not in written:
            yield Planned(due, kind, _subject(None), 0, due, 0, recipient, why_not)


def _thresholds_ahead(
    customer: Customer, document: ComplianceDocument, terms: Terms, as_of: date, written: Written
) -> Iterator[Planned]:
    kind, recipient = ReminderKind.COMPLIANCE, document.reviewer_email
    obstacle = terms.obstacle(
        kind, recipient=recipient, template_id=document.template_id, behaviour=customer.status.behaviour
    )
    most_urgent = written.get((document.id, document.expiry_date))
    for days in terms.thresholds:
        on = document.expiry_date - timedelta(days=days)
        if on > as_of and (most_urgent is None or days < most_urgent):
            yield Planned(on, kind, document.certificate, document.id, document.expiry_date, days, recipient, obstacle)

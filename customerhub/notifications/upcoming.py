"""Upcoming reminders of a customer: what the daily job will send and when, and why something will not be sent."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from sqlalchemy import select

from customerhub.customers.record_review import list_reviews
from customerhub.customers.review_schedule import is_answered, list_next_due_dates
from customerhub.notifications.due import ReminderSettings, list_due_reminders_of
from models import ComplianceDocument, Customer, Organisation, Reminder
from models.base import db
from models.enums import ReminderKind

REVIEWS_AHEAD: Final = 3  # dates told ahead

# What was reminded of already, perhaps by a replay of a day to come: document, or 0 for a review, and due date → the
# most urgent threshold.
RemindedThresholds = dict[tuple[int, date], int]


@dataclass(frozen=True)
class UpcomingReminder:
    """An upcoming reminder. `send_on` is the day on which it is sent, unless `obstacle` says why it is not.

    `subject` is "Review" or the name of a certificate. `due_on` and `days_before` are as in `DueReminder`.
    """

    send_on: date
    kind: ReminderKind
    subject: str
    document_id: int
    due_on: date
    days_before: int
    recipient: str | None
    obstacle: str | None


def list_upcoming_reminders(customer: Customer, *, as_of: date) -> list[UpcomingReminder]:
    """The reminders about `customer` from `as_of` on, in the order of their days, if nothing changes until then.

    The next few reviews and every threshold of its documents. `as_of` is a day whose run may still come.
    """
    organisation = db.session.get_one(Organisation, customer.organisation_id)
    settings = ReminderSettings.from_organisation(organisation)
    documents = {document.id: document for document in customer.compliance_documents}
    upcoming = [
        UpcomingReminder(
            as_of,
            each.kind,
            _describe_subject(documents.get(each.document_id)),
            each.document_id,
            each.due_on,
            each.days_before,
            each.recipient,
            each.obstacle,
        )
        for each in list_due_reminders_of([customer.id], organisation, settings, as_of=as_of)
    ]
    reminded = _load_reminded_thresholds(customer)
    upcoming += _list_upcoming_reviews(customer, settings, as_of, reminded)
    for document in documents.values():
        upcoming += _list_upcoming_thresholds(customer, document, settings, as_of, reminded)
    return sorted(upcoming, key=lambda each: (each.send_on, each.kind.value, each.document_id))


def _describe_subject(document: ComplianceDocument | None) -> str:
    return document.certificate if document is not None else "Review"


def _load_reminded_thresholds(customer: Customer) -> RemindedThresholds:
    reminded: RemindedThresholds = {}
    for document_id, due_on, days_before in db.session.execute(
        select(Reminder.document_id, Reminder.due_on, Reminder.days_before).where(Reminder.customer_id == customer.id)
    ):
        reminded[document_id, due_on] = min(days_before, reminded.get((document_id, due_on), days_before))
    return reminded


def _list_upcoming_reviews(
    customer: Customer, settings: ReminderSettings, as_of: date, reminded: RemindedThresholds
) -> Iterator[UpcomingReminder]:
    if customer.review_start_date is None or customer.review_frequency is None:
        return
    last_answered = max((review.due_on for review in list_reviews(customer) if review.due_on), default=None)
    kind, recipient = ReminderKind.REVIEW, customer.reviewer_email
    obstacle = settings.find_obstacle(
        kind, recipient=recipient, template_id=customer.review_template_id, behaviour=customer.status.behaviour
    )
    for due_on in list_next_due_dates(
        customer.review_start_date, customer.review_frequency, as_of + timedelta(days=1), REVIEWS_AHEAD
    ):
        review_obstacle = "Already done" if is_answered(due_on, last_answered) else obstacle
        if (0, due_on) not in reminded:
            yield UpcomingReminder(due_on, kind, _describe_subject(None), 0, due_on, 0, recipient, review_obstacle)


def _list_upcoming_thresholds(
    customer: Customer,
    document: ComplianceDocument,
    settings: ReminderSettings,
    as_of: date,
    reminded: RemindedThresholds,
) -> Iterator[UpcomingReminder]:
    kind, recipient = ReminderKind.COMPLIANCE, document.reviewer_email
    obstacle = settings.find_obstacle(
        kind, recipient=recipient, template_id=document.template_id, behaviour=customer.status.behaviour
    )
    most_urgent = reminded.get((document.id, document.expiry_date))
    for days in settings.thresholds:
        send_on = document.expiry_date - timedelta(days=days)
        if send_on > as_of and (most_urgent is None or days < most_urgent):
            yield UpcomingReminder(
                send_on, kind, document.certificate, document.id, document.expiry_date, days, recipient, obstacle
            )

"""Which reminders of reviews and compliance documents are due on a day, and the obstacles to sending them.

A review is due on start + k x frequency; only the latest due date counts. A document's reminders are thresholds, days
before its expiry date; what has been crossed counts, not what is met, and only the most urgent of it (DOMAIN, section
10). So a day on which the job did not run loses nothing, and a week of them does not pile up.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from operator import methodcaller
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select

from customerhub.core.dates import require_date_in_range
from customerhub.core.errors import Invalid
from customerhub.core.validation import clean_email
from customerhub.customers.review_schedule import find_unanswered_due_date
from customerhub.users.accounts import account_key
from models import (
    ComplianceDocument,
    Customer,
    CustomerStatus,
    NotificationTemplate,
    Organisation,
    Reminder,
    Review,
    User,
)
from models.base import db
from models.enums import ReminderKind, StatusBehaviour, TemplatePurpose

CHUNK: Final = 2000  # customers looked at by one statement
PURPOSES: Final = {
    ReminderKind.REVIEW: TemplatePurpose.REVIEW,
    ReminderKind.COMPLIANCE: TemplatePurpose.COMPLIANCE,
}
MAX_DUE_DATE_AGE: Final = timedelta(days=370)  # the latest due date of a review is at most a year ago
CustomerFilter = Callable[
    [Any], ColumnElement[bool]
]  # the condition that a column holds the id of a customer that is looked at


@dataclass(frozen=True)
class DueReminder:
    """A reminder that is due and was not sent. `obstacle` is why it cannot be, None where it can.

    `document_id` is 0 for a review; `due_on` is the review's due date or the document's expiry date, `days_before` the
    threshold that was crossed.
    """

    kind: ReminderKind
    customer_id: int
    document_id: int
    due_on: date
    days_before: int
    recipient: str | None
    template_id: int | None
    obstacle: str | None

    @property
    def reason_key(self) -> str:
        subject = self.document_id or self.customer_id
        return f"{self.kind.value} {subject} {self.due_on.isoformat()} {self.days_before}"


@dataclass(frozen=True)
class ReminderSettings:
    """What an organisation has set for its reminders.

    `thresholds` are days before expiry, the longest first and always with 0. `default_templates` holds the
    template of a reminder that names none, `inactive_accounts` the keys of addresses whose accounts are deactivated.
    """

    active: bool
    thresholds: tuple[int, ...]
    templates: Mapping[int, NotificationTemplate]
    default_templates: Mapping[ReminderKind, NotificationTemplate]
    inactive_accounts: frozenset[str | None] = frozenset()

    @classmethod
    def from_organisation(cls, organisation: Organisation) -> "ReminderSettings":
        found = db.session.scalars(
            select(NotificationTemplate)
            .where(
                NotificationTemplate.organisation_id == organisation.id,
                NotificationTemplate.purpose.in_(PURPOSES.values()),
            )
            .order_by(NotificationTemplate.name_key, NotificationTemplate.id)
        ).all()
        default_templates = {
            kind: next((each for each in found if each.active and each.purpose is purpose), None)
            for kind, purpose in PURPOSES.items()
        }
        return cls(
            organisation.reminders_active,
            parse_thresholds(organisation.reminder_days),
            {each.id: each for each in found},
            {kind: template for kind, template in default_templates.items() if template is not None},
            _load_inactive_accounts(organisation.id),
        )

    def find_template(self, kind: ReminderKind, template_id: int | None) -> NotificationTemplate | None:
        """The template of a reminder: the one it names or the usual one."""
        return self.default_templates.get(kind) if template_id is None else self.templates.get(template_id)

    def find_obstacle(
        self, kind: ReminderKind, *, recipient: str | None, template_id: int | None, behaviour: StatusBehaviour
    ) -> str | None:
        """Why a reminder to `recipient` about a customer whose status has this behaviour cannot be sent."""
        if not self.active:
            return "Reminders are inactive for the organisation"
        if behaviour is StatusBehaviour.NONE:
            return "The customer is dropped"
        try:
            if clean_email(recipient or "") is None:
                return "No reviewer email set"
        except Invalid as error:
            return error.message
        if self.inactive_accounts and account_key(recipient or "") in self.inactive_accounts:
            return "The account of the reviewer is deactivated"
        template = self.find_template(kind, template_id)
        if template is None:
            return f"There is no template for “{PURPOSES[kind].value}”"
        return None if template.active else f"The template “{template.name}” is inactive"


def _load_inactive_accounts(organisation_id: int) -> frozenset[str | None]:
    inactive = select(User.email_key).where(User.organisation_id == organisation_id, ~User.active)
    return frozenset(db.session.scalars(inactive))


def parse_thresholds(reminder_days: str) -> tuple[int, ...]:
    """The thresholds behind "30, 14, 7, 1", with the day itself."""
    return tuple(sorted({0, *(int(part) for part in reminder_days.split(",") if part.strip())}, reverse=True))


def find_crossed_threshold(expiry: date, as_of: date, thresholds: Iterable[int]) -> int | None:
    """The most urgent of `thresholds` that is crossed on `as_of`; None where none is yet."""
    days_left = (expiry - as_of).days
    return min((days for days in thresholds if days_left <= days), default=None)


def list_due_reminders(organisation: Organisation, *, as_of: date) -> Iterator[DueReminder]:
    """Every reminder that is due on a day and was not sent, those included that an obstacle keeps from being sent.

    Raises Invalid where the day is out of reach.
    """
    require_date_in_range(as_of)
    settings = ReminderSettings.from_organisation(organisation)
    last_id = 0
    while True:
        chunk = select(Customer.id).where(Customer.organisation_id == organisation.id, Customer.id > last_id)
        chunk_end = db.session.scalar(select(func.max(chunk.order_by(Customer.id).limit(CHUNK).subquery().c.id)))
        if chunk_end is None:
            return
        yield from _list_due_reminders(
            methodcaller("between", last_id + 1, chunk_end), organisation.id, settings, as_of
        )
        last_id = chunk_end


def list_due_reminders_of(
    customer_ids: Collection[int], organisation: Organisation, settings: ReminderSettings, *, as_of: date
) -> Iterator[DueReminder]:
    """As `list_due_reminders`, of these customers."""
    yield from _list_due_reminders(methodcaller("in_", customer_ids), organisation.id, settings, as_of)


def _list_due_reminders(
    customer_filter: CustomerFilter, organisation_id: int, settings: ReminderSettings, as_of: date
) -> Iterator[DueReminder]:
    yield from _list_due_reviews(customer_filter, organisation_id, settings, as_of)
    yield from _list_due_documents(customer_filter, organisation_id, settings, as_of)


def _list_due_reviews(
    customer_filter: CustomerFilter, organisation_id: int, settings: ReminderSettings, as_of: date
) -> Iterator[DueReminder]:
    since = as_of - MAX_DUE_DATE_AGE
    review_dates = select(Review.customer_id, Review.due_on).where(
        customer_filter(Review.customer_id), Review.due_on >= since
    )
    reminder_dates = select(Reminder.customer_id, Reminder.due_on).where(
        Reminder.kind == ReminderKind.REVIEW, Reminder.due_on >= since, customer_filter(Reminder.customer_id)
    )
    handled_dates = _load_dates(reminder_dates.union_all(review_dates))
    reviewed_dates = _load_dates(review_dates.where(Review.done_on <= as_of))
    rows = db.session.execute(
        select(
            Customer.id,
            Customer.review_start_date,
            Customer.review_frequency,
            Customer.reviewer_email,
            Customer.review_template_id,
            CustomerStatus.behaviour,
        )
        .join(CustomerStatus, CustomerStatus.id == Customer.status_id)
        .where(
            Customer.organisation_id == organisation_id,
            customer_filter(Customer.id),
            Customer.review_start_date <= as_of,
            Customer.review_frequency.is_not(None),
        )
        .order_by(Customer.id)
    )
    for key, start, frequency, recipient, template_id, behaviour in rows.all():
        assert start is not None
        assert frequency is not None
        due_on = find_unanswered_due_date(start, frequency, as_of, max(reviewed_dates.get(key, ()), default=None))
        if due_on is None or due_on in handled_dates.get(key, ()):
            continue
        kind = ReminderKind.REVIEW
        obstacle = settings.find_obstacle(kind, recipient=recipient, template_id=template_id, behaviour=behaviour)
        yield DueReminder(kind, key, 0, due_on, 0, recipient, template_id, obstacle)


def _load_dates(query: Any) -> dict[int, set[date]]:
    found: dict[int, set[date]] = {}
    for key, day in db.session.execute(query):
        found.setdefault(key, set()).add(day)
    return found


def _list_due_documents(
    customer_filter: CustomerFilter, organisation_id: int, settings: ReminderSettings, as_of: date
) -> Iterator[DueReminder]:
    document = ComplianceDocument
    sent_reminders = (
        select(Reminder.document_id, Reminder.due_on, func.min(Reminder.days_before).label("days_before"))
        .where(Reminder.kind == ReminderKind.COMPLIANCE, customer_filter(Reminder.customer_id))
        .group_by(Reminder.document_id, Reminder.due_on)
        .subquery()
    )
    rows = db.session.execute(
        select(
            document.id,
            document.customer_id,
            document.expiry_date,
            document.reviewer_email,
            document.template_id,
            CustomerStatus.behaviour,
            sent_reminders.c.days_before,
        )
        .join(Customer, Customer.id == document.customer_id)
        .join(CustomerStatus, CustomerStatus.id == Customer.status_id)
        .outerjoin(
            sent_reminders,
            (sent_reminders.c.document_id == document.id) & (sent_reminders.c.due_on == document.expiry_date),
        )
        .where(
            document.organisation_id == organisation_id,
            customer_filter(document.customer_id),
            document.expiry_date <= as_of + timedelta(days=settings.thresholds[0]),
        )
        .order_by(document.customer_id, document.id)
    )
    for key, customer_id, expiry, recipient, template_id, behaviour, most_urgent in rows.all():
        threshold = find_crossed_threshold(expiry, as_of, settings.thresholds)
        if threshold is None or (most_urgent is not None and most_urgent <= threshold):
            continue
        kind = ReminderKind.COMPLIANCE
        obstacle = settings.find_obstacle(kind, recipient=recipient, template_id=template_id, behaviour=behaviour)
        yield DueReminder(kind, customer_id, key, expiry, threshold, recipient, template_id, obstacle)

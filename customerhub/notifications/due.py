"""Which reminders of reviews and compliance documents are due on a day, and what keeps one from being sent.

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

from customerhub.customers.reviews import waiting_review
from customerhub.customers.rules import clean_email, in_reach
from customerhub.errors import Invalid
from models import (
    ComplianceDocument,
    Customer,
    CustomerStatus,
    NotificationTemplate,
    Organisation,
    Reminder,
    Review,
)
from models.base import db
from models.enums import ReminderKind, StatusBehaviour, TemplatePurpose

CHUNK: Final = 2000  # customers looked at by one statement
PURPOSES: Final = {
    ReminderKind.REVIEW: TemplatePurpose.REVIEW,
    ReminderKind.COMPLIANCE: TemplatePurpose.COMPLIANCE,
}
LATEST_IS_WITHIN: Final = timedelta(days=370)  # the latest due date of a review is at most a year ago
Among = Callable[[Any], ColumnElement[bool]]  # the condition that a column holds the id of a customer that is looked at


@dataclass(frozen=True)
class Due:
    """A reminder that is due and was not sent. `obstacle` tells why it cannot be, None where it can.

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
class Terms:
    """What an organisation has set for its reminders.

    `thresholds` are days before the expiry, the longest first and always with 0, the day itself. `usual` is the
    template of a reminder that names none.
    """

    active: bool
    thresholds: tuple[int, ...]
    templates: Mapping[int, NotificationTemplate]
    usual: Mapping[ReminderKind, NotificationTemplate]

    @classmethod
    def of(cls, organisation: Organisation) -> "Terms":
        found = db.session.scalars(
            select(NotificationTemplate)
            .where(
                NotificationTemplate.organisation_id == organisation.id,
                NotificationTemplate.purpose.in_(PURPOSES.values()),
            )
            .order_by(NotificationTemplate.name_key, NotificationTemplate.id)
        ).all()
        usual = {
            kind: next((each for each in found if each.active and each.purpose is purpose), None)
            for kind, purpose in PURPOSES.items()
        }
        return cls(
            organisation.reminders_active,
            thresholds_of(organisation.reminder_days),
            {each.id: each for each in found},
            {kind: template for kind, template in usual.items() if template is not None},
        )

    def template(self, kind: ReminderKind, template_id: int | None) -> NotificationTemplate | None:
        """The template of a reminder: the one it names or the usual one."""
        return self.usual.get(kind) if template_id is None else self.templates.get(template_id)

    def obstacle(
        self, kind: ReminderKind, *, recipient: str | None, template_id: int | None, behaviour: StatusBehaviour
    ) -> str | None:
        """Why a reminder to `recipient` about a customer whose status has this behaviour cannot be sent."""
        if not self.active:
            return "Reminders are switched off for the organisation"
        if behaviour is StatusBehaviour.NONE:
            return "The customer is dropped"
        try:
            if clean_email(recipient or "") is None:
                return "It has no reviewer email"
        except Invalid as error:
            return error.message
        template = self.template(kind, template_id)
        if template is None:
            return f"There is no template for “{PURPOSES[kind].value}”"
        return None if template.active else f"The template “{template.name}” is switched off"


def thresholds_of(reminder_days: str) -> tuple[int, ...]:
    """The thresholds behind "30, 14, 7, 1", with the day itself."""
    return tuple(sorted({0, *(int(part) for part in reminder_days.split(",") if part.strip())}, reverse=True))


def crossed(expiry: date, as_of: date, thresholds: Iterable[int]) -> int | None:
    """The most urgent of `thresholds` that is crossed on `as_of`; None where none is yet."""
    left = (expiry - as_of).days
    return min((days for days in thresholds if left <= days), default=None)


def find_due(organisation: Organisation, *, as_of: date) -> Iterator[Due]:
    """Every reminder that is due on a day and was not sent, those included that an obstacle keeps from being sent.

    Raises Invalid where the day is out of reach.
    """
    in_reach(as_of)
    terms = Terms.of(organisation)
    last = 0
    while True:
        chunk = select(Customer.id).where(Customer.organisation_id == organisation.id, Customer.id > last)
        up_to = db.session.scalar(select(func.max(chunk.order_by(Customer.id).limit(CHUNK).subquery().c.id)))
        if up_to is None:
            return
        yield from _due_among(methodcaller("between", last + 1, up_to), organisation.id, terms, as_of)
        last = up_to


def due_of(customer_ids: Collection[int], organisation: Organisation, terms: Terms, *, as_of: date) -> Iterator[Due]:
    """As `find_due`, of these customers."""
    yield from _due_among(methodcaller("in_", customer_ids), organisation.id, terms, as_of)


def _due_among(among: Among, organisation_id: int, terms: Terms, as_of: date) -> Iterator[Due]:
    yield from _due_reviews(among, organisation_id, terms, as_of)
    yield from _due_documents(among, organisation_id, terms, as_of)


def _due_reviews(among: Among, organisation_id: int, terms: Terms, as_of: date) -> Iterator[Due]:
    since = as_of - LATEST_IS_WITHIN
    answered = select(Review.customer_id, Review.due_on).where(among(Review.customer_id), Review.due_on >= since)
    reminded = select(Reminder.customer_id, Reminder.due_on).where(
        Reminder.kind == ReminderKind.REVIEW, Reminder.due_on >= since, among(Reminder.customer_id)
    )
    settled = _dates_of(reminded.union_all(answered))
    answered_by_then = _dates_of(answered.where(Review.done_on <= as_of))
    rows = db.session.execute(
        select(
            Customer.id, Customer.review_start_date, Customer.review_frequency, Customer.reviewer_email,
            Customer.review_template_id, CustomerStatus.behaviour,
        )
        .join(CustomerStatus, CustomerStatus.id == Customer.status_id)
        .where(
            Customer.organisation_id == organisation_id,
            among(Customer.id),
            Customer.review_start_date <= as_of,
            Customer.review_frequency.is_not(None),
        )
        .order_by(Customer.id)
    )  # fmt: skip
    for key, start, frequency, recipient, template_id, behaviour in rows.all():
        assert start is not None
        assert frequency is not None
        due = waiting_review(start, frequency, as_of, max(answered_by_then.get(key, ()), default=None))
        if due is None or due in settled.get(key, ()):
            continue
        kind = ReminderKind.REVIEW
        obstacle = terms.obstacle(kind, recipient=recipient, template_id=template_id, behaviour=behaviour)
        yield Due(kind, key, 0, due, 0, recipient, template_id, obstacle)


def _dates_of(query: Any) -> dict[int, set[date]]:
    found: dict[int, set[date]] = {}
    for key, day in db.session.execute(query):
        found.setdefault(key, set()).add(day)
    return found


def _due_documents(among: Among, organisation_id: int, terms: Terms, as_of: date) -> Iterator[Due]:
    document = ComplianceDocument
    reminded = (
        select(Reminder.document_id, Reminder.due_on, func.min(Reminder.days_before).label("days_before"))
        .where(Reminder.kind == ReminderKind.COMPLIANCE, among(Reminder.customer_id))
        .group_by(Reminder.document_id, Reminder.due_on)
        .subquery()
    )
    rows = db.session.execute(
        select(
            document.id, document.customer_id, document.expiry_date, document.reviewer_email, document.template_id,
            CustomerStatus.behaviour, reminded.c.days_before,
        )
        .join(Customer, Customer.id == document.customer_id)
        .join(CustomerStatus, CustomerStatus.id == Customer.status_id)
        .outerjoin(
            reminded, (reminded.c.document_id == document.id) & (reminded.c.due_on == document.expiry_date)
        )
        .where(
            document.organisation_id == organisation_id,
            among(document.customer_id),
            document.expiry_date <= as_of + timedelta(days=terms.thresholds[0]),
        )
        .order_by(document.customer_id, document.id)
    )  # fmt: skip
    for key, customer_id, expiry, recipient, template_id, behaviour, most_urgent in rows.all():
        threshold = crossed(expiry, as_of, terms.thresholds)
        if threshold is None or (most_urgent is not None and most_urgent <= threshold):
            continue
        kind = ReminderKind.COMPLIANCE
        obstacle = terms.obstacle(kind, recipient=recipient, template_id=template_id, behaviour=behaviour)
        yield Due(kind, customer_id, key, expiry, threshold, recipient, template_id, obstacle)

"""Planning the reminders of a day: each goes to the outbox once, however often it is planned."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import ColumnElement, exists, insert, select
from sqlalchemy.orm import aliased, joinedload

from customerhub.core.dates import format_date
from customerhub.mail import outbox
from customerhub.mail.composition import Mail
from customerhub.mail.letterhead import get_letterhead
from customerhub.notifications.due import PURPOSES, DueReminder, ReminderSettings, list_due_reminders_of
from customerhub.notifications.reminder_mail import build_reminder_mail
from models import BusinessEntity, ComplianceDocument, Customer, Organisation, Reminder, Review
from models.base import db
from models.enums import ReminderKind

WITHDRAWAL_CHUNK = 2000  # waiting messages that are looked at in one transaction


@dataclass
class PlanResult:
    """How many reminders were put into the outbox, and how many were not, by the reason."""

    planned: int = 0
    not_sent: Counter[str] = field(default_factory=Counter)

    def __iadd__(self, other: "PlanResult") -> "PlanResult":
        self.planned += other.planned
        self.not_sent += other.not_sent
        return self


def count_due_reminders(due_reminders: Sequence[DueReminder]) -> PlanResult:
    """How many of `due_reminders` can be sent, and how many cannot."""
    obstacles = Counter(due.obstacle for due in due_reminders if due.obstacle)
    return PlanResult(len(due_reminders) - obstacles.total(), obstacles)


def plan_reminders(organisation: Organisation, due_reminders: Sequence[DueReminder], *, as_of: date) -> int:
    """Put reminders that no obstacle keeps from being sent into the outbox, each with why it is sent; how many.

    Time has passed since they were found: each is planned as it is due now, and what is no longer due, or was planned
    by somebody else, is left out. The reminder of a review has the customer's performance report with it where the
    customer has automatic reports.
    """
    settings, letterhead = ReminderSettings.from_organisation(organisation), get_letterhead(organisation.id)
    still_due = _list_still_due(organisation, due_reminders, settings, as_of=as_of)
    customers, documents = _load_customers(still_due), _load_documents(still_due)
    sendable = [
        due for due in still_due if due.customer_id in customers and (due.document_id or None) in {None, *documents}
    ]
    drafts = []
    for due in sendable:
        template = settings.find_template(due.kind, due.template_id)
        assert template is not None
        mail = build_reminder_mail(
            customers[due.customer_id],
            purpose=PURPOSES[due.kind],
            template=template,
            as_of=as_of,
            document=documents.get(due.document_id),
            letterhead=letterhead,
        )
        why = _describe_reason(
            due, documents.get(due.document_id), format_date(due.due_on, organisation.date_format), as_of
        )
        drafts.append(_build_draft(due, customers[due.customer_id], mail, why, as_of=as_of))
    return _record_reminders(organisation.id, sendable, outbox.enqueue_many(drafts), as_of=as_of)


def _list_still_due(
    organisation: Organisation, due_reminders: Sequence[DueReminder], settings: ReminderSettings, *, as_of: date
) -> list[DueReminder]:
    """Those of `due_reminders` that are due now and that nothing keeps from being sent, each as it is due now."""
    current_reminders = {
        due.reason_key: due
        for due in list_due_reminders_of(
            {due.customer_id for due in due_reminders}, organisation, settings, as_of=as_of
        )
    }
    return [
        due
        for each in due_reminders
        if (due := current_reminders.get(each.reason_key)) is not None and due.obstacle is None
    ]


def _load_customers(due_reminders: Sequence[DueReminder]) -> dict[int, Customer]:
    return {
        each.id: each
        for each in db.session.scalars(
            select(Customer)
            .where(Customer.id.in_({due.customer_id for due in due_reminders}))
            .options(
                joinedload(Customer.account_manager),
                joinedload(Customer.status),
                joinedload(Customer.business_entity).joinedload(BusinessEntity.logo),
            )
        )
    }


def _load_documents(due_reminders: Sequence[DueReminder]) -> dict[int | None, ComplianceDocument]:
    return {
        each.id: each
        for each in db.session.scalars(
            select(ComplianceDocument).where(ComplianceDocument.id.in_({due.document_id for due in due_reminders}))
        )
    }


def _build_draft(due: DueReminder, customer: Customer, mail: Mail, why: str, *, as_of: date) -> outbox.Draft:
    assert due.recipient is not None
    has_report = due.kind is ReminderKind.REVIEW and customer.automatic_report
    return outbox.Draft(
        organisation_id=customer.organisation_id,
        reason_key=due.reason_key,
        purpose=PURPOSES[due.kind].value,
        recipient=due.recipient,
        subject=mail.subject,
        text_body=mail.text,
        html_body=mail.html,
        customer_id=customer.id,
        why=why,
        report_on=as_of if has_report else None,
    )


def _record_reminders(
    organisation_id: int, planned: Sequence[DueReminder], message_ids: Sequence[int | None], *, as_of: date
) -> int:
    """Keep which reminders have become messages of their own, those with a message id; how many."""
    rows = [
        {
            "organisation_id": organisation_id,
            "customer_id": due.customer_id,
            "kind": due.kind,
            "document_id": due.document_id,
            "due_on": due.due_on,
            "days_before": due.days_before,
            "as_of": as_of,
            "message_id": message_id,
        }
        for due, message_id in zip(planned, message_ids, strict=True)
        if message_id is not None
    ]
    if rows:
        db.session.execute(insert(Reminder), rows)
    return len(rows)


def withdraw_obsolete_reminders(organisation_id: int, *, now: datetime) -> Iterator[int]:
    """Cancel reminders that still wait in the outbox, such as while the mail server is away, and that nobody needs any
    more: some at a time, how many of these. The caller commits each. Only what cannot be needed again: nobody would
    plan it a second time.
    """
    is_reminder_message = Reminder.message_id == outbox.MESSAGES.c.id
    for chunk in outbox.list_waiting(organisation_id, WITHDRAWAL_CHUNK):
        yield sum(
            outbox.withdraw(chunk, exists().where(is_reminder_message, *moot), reason=reason, now=now)
            for reason, moot in _build_obsolete_conditions().items()
        )


def _build_obsolete_conditions() -> dict[str, tuple[ColumnElement[bool], ...]]:
    """What may have happened since a reminder was planned that makes it needless, and the condition of it."""
    later = aliased(Reminder)
    reviewed_since = (
        Review.customer_id == Reminder.customer_id,
        Review.due_on >= Reminder.due_on,
        Review.created_at > Reminder.created_at,
    )
    is_review = Reminder.kind == ReminderKind.REVIEW
    is_document = Reminder.kind == ReminderKind.COMPLIANCE
    follows_same_reminder = (
        later.customer_id == Reminder.customer_id,
        later.kind == Reminder.kind,
        later.id > Reminder.id,
        later.document_id == Reminder.document_id,
    )
    return {
        "The document was removed": (
            is_document,
            ~exists().where(ComplianceDocument.id == Reminder.document_id),
        ),
        "Replaced by a more urgent reminder": (
            is_document,
            exists().where(
                *follows_same_reminder, later.due_on == Reminder.due_on, later.days_before < Reminder.days_before
            ),
        ),
        "The review was done": (is_review, exists().where(*reviewed_since)),
        "Replaced by the reminder of the next review": (
            is_review,
            exists().where(*follows_same_reminder, later.due_on > Reminder.due_on),
        ),
    }


def _describe_reason(due: DueReminder, document: ComplianceDocument | None, day: str, as_of: date) -> str:
    if document is None:
        return f"A review {'was' if due.due_on < as_of else 'is'} due on {day}"
    if not due.days_before:
        return f"{document.certificate} {'expired' if due.due_on < as_of else 'expires'} on {day}"
    days = "day" if due.days_before == 1 else "days"
    return f"{document.certificate} expires on {day}: {due.days_before} {days} before"

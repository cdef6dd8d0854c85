"""Planning the reminders of a day: each goes to the outbox once, whoever plans it and however often."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import ColumnElement, exists, insert, select
from sqlalchemy.orm import aliased, joinedload

from customerhub import outbox
from customerhub.formats import written
from customerhub.notifications.due import PURPOSES, Due, Terms, due_of
from customerhub.notifications.letterhead import letterhead_of
from customerhub.notifications.mailing import reminder_mail
from models import BusinessEntity, ComplianceDocument, Customer, Organisation, Reminder, Review
from models.base import db
from models.enums import ReminderKind


@dataclass
class Outcome:
    """How many reminders were put into the outbox, and how many were not, by the reason."""

    planned: int = 0
    not_sent: Counter[str] = field(default_factory=Counter)

    def __iadd__(self, other: "Outcome") -> "Outcome":
        self.planned += other.planned
        self.not_sent += other.not_sent
        return self


def count_due(dues: Sequence[Due]) -> Outcome:
    """What is to become of `dues`."""
    obstacles = Counter(due.obstacle for due in dues if due.obstacle)
    return Outcome(len(dues) - obstacles.total(), obstacles)


def plan(organisation: Organisation, dues: Sequence[Due], *, as_of: date) -> int:
    """Put reminders that no obstacle keeps from being sent into the outbox, each with why it is sent; how many.

    Time has passed since they were found: each is planned as it is due now, and what is no longer due, or was planned
    by somebody else, is left out. The reminder of a review has the customer's performance report with it where the
    customer has automatic reports.
    """
    terms, letterhead = Terms.of(organisation), letterhead_of(organisation.id)
    found = {due.reason_key: due for due in due_of({due.customer_id for due in dues}, organisation, terms, as_of=as_of)}
    still = [due for each in dues if (due := found.get(each.reason_key)) is not None and due.obstacle is None]
    customers = {
        each.id: each
        for each in db.session.scalars(
            select(Customer)
            .where(Customer.id.in_({due.customer_id for due in still}))
            .options(
                joinedload(Customer.account_manager),
                joinedload(Customer.status),
                joinedload(Customer.business_entity).joinedload(BusinessEntity.logo),
            )
        )
    }
    documents = {
        each.id: each
        for each in db.session.scalars(
            select(ComplianceDocument).where(ComplianceDocument.id.in_({due.document_id for due in still}))
        )
    }
    wanted = [due for due in still if due.customer_id in customers and (due.document_id or None) in {None, *documents}]
    drafts = []
    for due in wanted:
        customer, document = customers[due.customer_id], documents.get(due.document_id)
        template = terms.template(due.kind, due.template_id)
        assert template is not None
        assert due.recipient is not None
        purpose = PURPOSES[due.kind]
        mail = reminder_mail(
            customer, purpose=purpose, template=template, as_of=as_of, document=document, letterhead=letterhead
        )
        has_report = due.kind is ReminderKind.REVIEW and customer.automatic_report
        why = _why(due, document, written(due.due_on, organisation.date_format), as_of)
        drafts.append(
            outbox.Draft(
                organisation_id=organisation.id, reason_key=due.reason_key, purpose=purpose.value,
                recipient=due.recipient, subject=mail.subject, text_body=mail.text, html_body=mail.html,
                customer_id=customer.id, why=why, report_on=as_of if has_report else None,
            )
        )  # fmt: skip
    made = outbox.put_many(drafts)
    rows = [
        {"organisation_id": organisation.id, "customer_id": due.customer_id, "kind": due.kind,
         "document_id": due.document_id, "due_on": due.due_on, "days_before": due.days_before, "as_of": as_of,
         "message_id": message_id}
        for due, message_id in zip(wanted, made, strict=True) if message_id is not None
    ]  # fmt: skip
    if rows:
        db.session.execute(insert(Reminder), rows)
    return len(rows)


def withdraw(organisation_id: int, *, now: datetime) -> int:
    """Cancel reminders that still wait in the outbox, such as while the mail server is away, and that nobody needs any
    more; how many. Only what cannot be needed again: nobody would plan it a second time.
    """
    mine = outbox.MESSAGES.c.organisation_id == organisation_id
    is_its = Reminder.message_id == outbox.MESSAGES.c.id
    return sum(
        outbox.withdraw(mine, exists().where(is_its, *moot), reason=told, now=now) for told, moot in _moot().items()
    )


def _moot() -> dict[str, tuple[ColumnElement[bool], ...]]:
    """What may have happened since a reminder was planned that makes it needless, and the condition of it."""
    later = aliased(Reminder)
    review_since = (
        Review.customer_id == Reminder.customer_id, Review.due_on >= Reminder.due_on,
        Review.created_at > Reminder.created_at,
    )  # fmt: skip
    is_review = Reminder.kind == ReminderKind.REVIEW
    is_document = Reminder.kind == ReminderKind.COMPLIANCE
    of_same = (
        later.customer_id == Reminder.customer_id, later.kind == Reminder.kind, later.id > Reminder.id,
        later.document_id == Reminder.document_id,
    )  # fmt: skip
    return {
        "The document was removed": (
            is_document, ~exists().where(ComplianceDocument.id == Reminder.document_id),
        ),
        "A more urgent reminder followed": (
            is_document,
            exists().where(*of_same, later.due_on == Reminder.due_on, later.days_before < Reminder.days_before),
        ),
        "The review was done": (is_review, exists().where(*review_since)),
        "The reminder of the next review followed": (
            is_review, exists().where(*of_same, later.due_on > Reminder.due_on),
        ),
    }  # fmt: skip


def _why(due: Due, document: ComplianceDocument | None, day: str, as_of: date) -> str:
    if document is None:
        return f"A review {'was' if due.due_on < as_of else 'is'} due on {day}"
    if not due.days_before:
        return f"{document.certificate} {'expired' if due.due_on < as_of else 'expires'} on {day}"
    days = "day" if due.days_before == 1 else "days"
    return f"{document.certificate} expires on {day}: {due.days_before} {days} before"

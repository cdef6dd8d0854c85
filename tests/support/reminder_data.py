"""An organisation with templates, and customers with reviews and documents, for tests of reminders."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import select

from customerhub.core import history
from customerhub.core.permissions import Actor
from jobs.reminders import remind_organisation
from models import ComplianceDocument, Customer, CustomerStatus, NotificationTemplate, Organisation, Reminder
from models.base import db
from models.enums import StatusBehaviour, TemplatePurpose
from tests.support import factories as make

REVIEWER = "reviewer@hub.example"
START = date(2025, 1, 31)
Key = tuple[str, int, str, int]  # kind, customer's or document's id, due date, days before


@dataclass
class ReminderOrg:
    """`active` and `dropped` are statuses; each purpose has one template."""

    id: int
    organisation: Organisation
    active: CustomerStatus
    dropped: CustomerStatus
    templates: dict[TemplatePurpose, NotificationTemplate] = field(default_factory=dict)

    @property
    def system(self) -> Actor:
        return Actor(None, self.id)

    def make_customer(self, *, start: date | None = START, frequency: int | None = 3, **values: Any) -> Customer:
        defaults = {"reviewer_email": REVIEWER, "status_id": self.active.id} | values
        if start is None or frequency is None:
            start = frequency = None
        return make.CustomerFactory(
            organisation=self.organisation, review_start_date=start, review_frequency=frequency, **defaults
        )

    def make_document(self, customer: Customer, expiry: date, **values: Any) -> ComplianceDocument:
        defaults = {"reviewer_email": REVIEWER, "file_id": None} | values
        return make.ComplianceDocumentFactory(
            organisation=self.organisation, customer_id=customer.id, expiry_date=expiry, **defaults
        )

    def change_row(self, row: Any, **values: Any) -> None:
        with history.act_as(self.system, "test"):
            for name, value in values.items():
                setattr(row, name, value)
            db.session.commit()

    def run_reminders(self, day: date | str, **more: Any) -> Any:
        """Do what the daily job does."""
        db.session.commit()
        as_of = date.fromisoformat(day) if isinstance(day, str) else day
        return remind_organisation(self.id, as_of=as_of, **more)

    def list_planned(self) -> list[Key]:
        """Every reminder that was planned, in the order of the planning."""
        found = db.session.scalars(select(Reminder).where(Reminder.organisation_id == self.id).order_by(Reminder.id))
        return [
            (each.kind.value, each.document_id or each.customer_id, each.due_on.isoformat(), each.days_before)
            for each in found
        ]


def make_reminder_org(name: str = "Example Telecom", **values: Any) -> ReminderOrg:
    organisation = make.OrganisationFactory(name=name, **values)
    organisation_data = ReminderOrg(
        organisation.id,
        organisation,
        make.CustomerStatusFactory(organisation=organisation, name="Active"),
        make.CustomerStatusFactory(organisation=organisation, name="Dropped", behaviour=StatusBehaviour.NONE),
    )
    for purpose, subject, body in (
        (TemplatePurpose.REVIEW, "Review of {{customer}}", "It is due on {{review_date}}."),
        (TemplatePurpose.COMPLIANCE, "{{certificate}} of {{customer}}", "It expires on {{expiry_date}}."),
    ):
        organisation_data.templates[purpose] = make.NotificationTemplateFactory(
            organisation=organisation, name=purpose.value, purpose=purpose, subject=subject, body=body
        )
    db.session.commit()
    return organisation_data

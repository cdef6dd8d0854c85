"""Messages and the reminders that cause them."""

from datetime import date

import factory

import models
from customerhub.core import clock
from models.enums import (
    ReminderKind,
)
from tests.support.factories.base import OrganisationRow, StoredFileFactory, related_id
from tests.support.factories.customers import CustomerPartFactory


class OutboxMessageFactory(OrganisationRow):
    class Meta:
        model = models.OutboxMessage

    reason_key = factory.Sequence(lambda n: f"reason {n}")
    purpose = "review due"
    recipient = "reviewer@hub.example"
    subject = factory.Sequence(lambda n: f"Review {n}")
    text_body = "It is due."
    html_body = "<p>It is due.</p>"
    next_attempt_at = factory.LazyFunction(clock.get_now)


class OutboxAttachmentFactory(OrganisationRow):
    class Meta:
        model = models.OutboxAttachment

    message_id = related_id(OutboxMessageFactory)
    file_id = related_id(StoredFileFactory, name="report.pdf")


class ReminderFactory(CustomerPartFactory):
    class Meta:
        model = models.Reminder

    kind = ReminderKind.REVIEW
    due_on = date(2025, 1, 31)
    as_of = date(2025, 1, 31)
    message_id = related_id(OutboxMessageFactory)

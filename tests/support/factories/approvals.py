"""Approval tasks, the blacklist and alerts."""

from datetime import date

import factory

import models
from customerhub.core import clock
from models.enums import (
    TaskKind,
    TaskState,
)
from tests.support.factories.base import OrganisationRow, StoredFileFactory, related_id
from tests.support.factories.customers import CustomerPartFactory


class ApprovalTaskFactory(CustomerPartFactory):
    class Meta:
        model = models.ApprovalTask

    kind = TaskKind.ONBOARDING
    state = TaskState.OPEN
    subject = factory.Sequence(lambda n: f"Customer {n}")
    due_on = date(2030, 1, 31)
    decided_at = factory.LazyAttribute(lambda row: None if row.state is TaskState.OPEN else clock.get_now())


class TaskCommentFactory(OrganisationRow):
    class Meta:
        model = models.TaskComment

    task_id = related_id(ApprovalTaskFactory)
    text = "Is this so?"


class TaskFileFactory(OrganisationRow):
    class Meta:
        model = models.TaskFile

    task_id = related_id(ApprovalTaskFactory)
    file_id = related_id(StoredFileFactory, name="credit report.pdf")


class BlacklistEntryFactory(OrganisationRow):
    class Meta:
        model = models.BlacklistEntry

    name = factory.Sequence(lambda n: f"Listed {n}")
    registration_number = factory.Sequence(lambda n: f"BL {n}")
    reason = "Never paid"


class AlertFactory(CustomerPartFactory):
    class Meta:
        model = models.Alert

    text = "Ask before you deliver"

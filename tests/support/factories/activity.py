"""Notes, mentions, attachments and cases."""

from typing import Any

import factory

import models
from customerhub.core import clock
from models.enums import CaseStatus
from tests.support.factories.base import OrganisationRow, StoredFileFactory, related_id
from tests.support.factories.customers import CustomerPartFactory
from tests.support.factories.users import UserFactory


class NoteFactory(CustomerPartFactory):
    class Meta:
        model = models.Note

    text = factory.Sequence(lambda n: f"Rang on Monday {n}")


class NoteMentionFactory(OrganisationRow):
    class Meta:
        model = models.NoteMention

    note_id = related_id(NoteFactory)
    user_id = related_id(UserFactory)


class AttachmentFactory(CustomerPartFactory):
    class Meta:
        model = models.Attachment

    file_id = related_id(StoredFileFactory)
    name = factory.Sequence(lambda n: f"letter {n}.pdf")


class CustomerCaseFactory(CustomerPartFactory):
    class Meta:
        model = models.CustomerCase

    number = factory.Sequence(lambda n: f"S{n}")
    subject = factory.Sequence(lambda n: f"Line {n} is dead")
    closed_at: Any = factory.LazyAttribute(lambda row: clock.get_now() if row.status is CaseStatus.CLOSED else None)
    status = CaseStatus.OPEN


class CaseNoteFactory(OrganisationRow):
    class Meta:
        model = models.CaseNote

    case_id = related_id(CustomerCaseFactory)
    text = "Since Monday"

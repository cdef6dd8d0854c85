"""Reports that are queued, and the files that come of them."""

from datetime import date
from typing import Any

import models
from customerhub.core import history, storage
from customerhub.core.config import Settings
from customerhub.core.permissions import Actor
from customerhub.reports.performance_report import request_report
from models import OutboxMessage
from models.base import db
from models.enums import Role
from tests.support import factories as make
from tests.support.two_organisations import TwoOrganisations

DAY = date(2026, 3, 15)


def queue_report(organisations: TwoOrganisations, role: Role = Role.AGENT, customer_id: int | None = None) -> int:
    """A report of our first customer that somebody in this role asked for."""
    customer = db.session.get_one(models.Customer, customer_id or organisations.own.customers[0])
    actor = Actor.from_user(db.session.get_one(models.User, organisations.own.users[role]))
    with history.act_as(actor, "test"):
        key: int = request_report(customer, as_of=DAY, actor=actor).id
        db.session.commit()
    db.session.remove()
    return key


def add_waiting_message(organisations: TwoOrganisations, **values: Any) -> int:
    """A message that waits for the report of our first customer."""
    values_with_defaults = {"customer_id": organisations.own.customers[0], "report_on": DAY, **values}
    organisation = db.session.get_one(models.Organisation, organisations.own.id)
    key: int = make.OutboxMessageFactory(organisation=organisation, **values_with_defaults).id
    db.session.commit()
    db.session.remove()
    return key


def content_of(file: models.StoredFile | None) -> bytes:
    assert file is not None
    with storage.open_file(file) as stream:
        return stream.read()


def attached_files(message_id: int) -> list[models.StoredFile]:
    message = db.session.get_one(OutboxMessage, message_id, populate_existing=True)
    files = [each.file for each in message.attachments]
    db.session.rollback()
    return files


def count_files_on_disk(settings: Settings) -> int:
    """How many files there are on the disk."""
    return sum(path.is_file() for path in settings.files_dir.rglob("*"))

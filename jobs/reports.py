"""Making customers' performance reports: for a mail, for who asked on a screen, and for the command line.

Reports are made in a job's own process, or in one that is started for it; never in the web.
"""

import io
from datetime import date

from sqlalchemy import select

from customerhub import history, outbox, storage
from customerhub.customers import alerts
from customerhub.errors import NotFound
from customerhub.notifications.report import SCREEN, ReportData, day_of, file_name, report_data, report_pdf
from customerhub.permissions import Actor, Permission, require, scope
from jobs import exports
from models import Customer, ListExport, OutboxMessage
from models.base import db
from models.sqlite import reading

PDF = "application/pdf"


def attach_report(message_id: int) -> bool:
    """Make the report that goes with a message, and attach it; whether there is anything attached then.

    A message that has no `report_on`, or has its report already, is left as it is, so this may be called before every
    attempt to send. To be called with no transaction open, such as right after the commit of a claim: it reads, makes
    the report with no transaction open, writes, and commits by itself. Afterwards read the message anew. Raises
    NotTypeset where the report cannot be made, Invalid where it is too large for a mail; nothing is written then.
    """
    with reading():
        data = _wanted_by(message_id)
        db.session.rollback()
    if data is None:
        return _has_report(message_id)
    content = report_pdf(data)
    # Of two who made it at once the second one finds the first one's.
    message = db.session.scalars(
        select(OutboxMessage).where(OutboxMessage.id == message_id).with_for_update()
    ).one_or_none()
    if message is None or message.attachments:
        db.session.rollback()
        return message is not None
    actor = Actor(None, message.organisation_id)
    try:
        with history.acting(actor, f"report for message {message_id}"):
            stored = storage.store(
                io.BytesIO(content), file_name(data), PDF, organisation_id=actor.organisation_id, actor=actor,
                limit=exports.LARGEST,
            )  # fmt: skip
            outbox.attach(message, stored)
            db.session.commit()
    except BaseException:
        db.session.rollback()
        raise
    return True


def _wanted_by(message_id: int) -> ReportData | None:
    """What the report tells that a message waits for; None where it waits for none."""
    message = db.session.get(OutboxMessage, message_id)
    if message is None or message.report_on is None or message.customer_id is None or message.attachments:
        return None
    return report_data(db.session.get_one(Customer, message.customer_id), as_of=message.report_on)


def _has_report(message_id: int) -> bool:
    with reading():
        message = db.session.get(OutboxMessage, message_id)
        has = message is not None and bool(message.attachments)
        db.session.rollback()
    return has


def paper(export: ListExport, actor: Actor) -> exports.Paper:
    """The report that `export` asks for. Raises NotAllowed, NotFound where the customer is not the actor's to see."""
    require(actor, Permission.CUSTOMERS_VIEW)
    found = db.session.scalar(scope(Customer, actor).where(Customer.id == export.query["customer"]))
    if found is None:
        raise NotFound("This customer is no longer there")
    data = report_data(found, as_of=date.fromisoformat(export.query["as_of"]))
    return exports.Paper(file_name(data), PDF, lambda: report_pdf(data))


def make_now(customer: Customer, *, as_of: date | None) -> bytes:
    """The report of a customer as PDF, today's where no day is named, as the command line makes it.

    Raises Invalid for a day to come, NotTypeset where it cannot be made.
    """
    with reading():
        data = report_data(customer, as_of=day_of(customer, as_of or alerts.today(customer.organisation_id)))
        db.session.rollback()
    return report_pdf(data)


exports.SOURCES[SCREEN] = paper

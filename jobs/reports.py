"""Creating customers' performance reports: for a mail, for a request on a screen, and for the command line.

Reports are made in a job's own process, or in one that is started for it; never in the web.
"""

import io
from datetime import date

from sqlalchemy import select

from customerhub.core import history, organisation_dates, storage
from customerhub.core.errors import NotFound
from customerhub.core.permissions import Actor, Permission, require_permission, select_visible
from customerhub.mail import outbox
from customerhub.reports.performance_report import build_report_pdf, check_report_day, format_file_name
from customerhub.reports.report_data import build_report_data
from customerhub.reports.report_facts import ReportData
from jobs import exports
from models import Customer, ListExport, OutboxMessage
from models.base import db
from models.sqlite import read_only_transaction

PDF = "application/pdf"


def attach_report(message_id: int) -> bool:
    """Make the report that goes with a message, and attach it; whether there is anything attached then.

    A message that has no `report_on`, or has its report already, is left as it is, so this may be called before every
    attempt to send. To be called with no transaction open, such as right after the commit of a claim: it reads, makes
    the report with no transaction open, writes, and commits by itself. Afterwards read the message anew. Raises
    TypesettingError where the report cannot be made, Invalid where it is too large for a mail; nothing is written then.
    """
    with read_only_transaction():
        data = _find_report_data(message_id)
        db.session.rollback()
    if data is None:
        return _has_report(message_id)
    content = build_report_pdf(data)
    # Of two who made it at once the second one finds the first one's.
    message = db.session.scalars(
        select(OutboxMessage).where(OutboxMessage.id == message_id).with_for_update()
    ).one_or_none()
    if message is None or message.attachments:
        db.session.rollback()
        return message is not None
    actor = Actor(None, message.organisation_id)
    try:
        with history.act_as(actor, f"report for message {message_id}"):
            stored = storage.store_file(
                io.BytesIO(content),
                format_file_name(data),
                PDF,
                organisation_id=actor.organisation_id,
                actor=actor,
                limit=exports.MAX_FILE_BYTES,
            )
            outbox.attach(message, stored)
            db.session.commit()
    except BaseException:
        db.session.rollback()
        raise
    return True


def _find_report_data(message_id: int) -> ReportData | None:
    """The data of the report that a message waits for; None where it waits for none."""
    message = db.session.get(OutboxMessage, message_id)
    if message is None or message.report_on is None or message.customer_id is None or message.attachments:
        return None
    return build_report_data(db.session.get_one(Customer, message.customer_id), as_of=message.report_on)


def _has_report(message_id: int) -> bool:
    with read_only_transaction():
        message = db.session.get(OutboxMessage, message_id)
        has_report = message is not None and bool(message.attachments)
        db.session.rollback()
    return has_report


def build_document(export: ListExport, actor: Actor) -> exports.DocumentExport:
    """The report that `export` asks for. Raises NotAllowed, NotFound where the customer is not the actor's to see."""
    require_permission(actor, Permission.CUSTOMERS_VIEW)
    found = db.session.scalar(select_visible(Customer, actor).where(Customer.id == export.query["customer"]))
    if found is None:
        raise NotFound("This customer no longer exists")
    data = build_report_data(found, as_of=date.fromisoformat(export.query["as_of"]))
    return exports.DocumentExport(format_file_name(data), PDF, lambda: build_report_pdf(data))


def make_report(customer: Customer, *, as_of: date | None) -> bytes:
    """The report of a customer as PDF, today's where no day is named, as the command line makes it.

    Raises Invalid for a day to come, TypesettingError where it cannot be made.
    """
    with read_only_transaction():
        data = build_report_data(
            customer,
            as_of=check_report_day(customer, as_of or organisation_dates.organisation_today(customer.organisation_id)),
        )
        db.session.rollback()
    return build_report_pdf(data)

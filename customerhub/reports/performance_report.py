"""The performance report of a customer: requested by people, built as a PDF by a job."""

import logging
from dataclasses import replace
from datetime import date
from typing import Final

from customerhub.core import dates, organisation_dates, pdf
from customerhub.core.database import save_changes
from customerhub.core.dates import EARLIEST_DATE
from customerhub.core.errors import Invalid
from customerhub.core.permissions import Actor, Permission, require_access, require_permission
from customerhub.reports.report_facts import ReportData
from customerhub.reports.report_layout import build_document
from models import (
    Customer,
    ListExport,
    Organisation,
)
from models.base import db

SCREEN: Final = "report"  # what a ListExport is of that is a report
FORMAT: Final = "pdf"
_PATH_CHARACTERS: Final = str.maketrans("/\\", "--")  # a name such as Larsen A/S is no path

log = logging.getLogger(__name__)


def build_report_pdf(data: ReportData) -> bytes:
    """The report as PDF, made here where that is allowed, else in a process of its own. Raises TypesettingError."""
    try:
        return pdf.build_pdf(build_document(data))
    except pdf.TypesettingError as error:
        if data.logo is None:
            raise
        log.warning("%s: made without its logo: %s", format_file_name(data), error)
        return pdf.build_pdf(build_document(replace(data, logo=None)))


def format_file_name(data: ReportData) -> str:
    name = data.customer.name[:120].translate(_PATH_CHARACTERS)
    return f"Performance report {name} {data.as_of.isoformat()}.pdf"


def check_report_day(customer: Customer, as_of: date | None) -> date:
    """The day that a report of `customer` is about. Raises Invalid where there is none, or it is yet to come."""
    if as_of is None or not EARLIEST_DATE <= as_of <= organisation_dates.organisation_today(customer.organisation_id):
        raise Invalid("Choose today or an earlier date", "as_of")
    return as_of


def request_report(customer: Customer, *, as_of: date | None, actor: Actor) -> ListExport:
    """Ask for the report of a customer as of a day, to be made by a job. Raises Invalid for a day to come."""
    require_permission(actor, Permission.CUSTOMERS_VIEW)
    require_access(actor, customer)
    day = check_report_day(customer, as_of)
    organisation = db.session.get_one(Organisation, customer.organisation_id)
    assert actor.id is not None
    export = ListExport(
        organisation_id=customer.organisation_id,
        user_id=actor.id,
        screen=SCREEN,
        title=f"Performance report {customer.name[:80]}, {dates.format_date(day, organisation.date_format)}",
        format=FORMAT,
        query={"customer": customer.id, "as_of": day.isoformat()},
    )
    with save_changes():
        db.session.add(export)
    return export

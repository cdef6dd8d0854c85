"""A customer's performance report, requested on its page and created by a job."""

from datetime import date
from typing import Any

from flask import url_for
from wtforms import Form
from wtforms.validators import Optional

from customerhub.core.permissions import Actor, Permission
from customerhub.core.transaction import after_commit
from customerhub.reports.performance_report import request_report
from jobs import exports
from jobs.queue import try_enqueue
from models import Customer, ListExport
from views.framework.date_field import DateField
from views.framework.formatting import get_today
from views.framework.forms import RequiredMarker
from views.framework.operation import Operation


class ReportForm(Form):
    as_of = DateField(
        "As of",
        [Optional(), RequiredMarker()],
        description="Costs, reviews, messages, due dates and expiry dates are reported as of this day.",
    )


def _request_report(customer: Customer, *, as_of: date | None, actor: Actor) -> ListExport:
    export = request_report(customer, as_of=as_of, actor=actor)
    export_id = export.id
    after_commit(lambda: try_enqueue(exports.write, export_id))
    return export


def _initial_values(_rows: Any, _actor: Actor) -> dict[str, Any]:
    return {"as_of": get_today()}


REPORT = Operation(
    name="report",
    label="Create report",
    past_tense="reported on",
    permission=Permission.CUSTOMERS_VIEW,
    run=_request_report,
    form=ReportForm,
    initial_values=_initial_values,
    explanation="A PDF with the customer's details, status and risk, contracts, invoices and payments, usage and cost "
    "by "
    "month, compliance documents and reviews. It is created in the background and saved under Exports.",
    icon="download",
    bulk=False,
    result_url=lambda wanted: url_for("exports.details_view", id=wanted.id),
)

"""A customer's performance report, asked for from its page and made by a job."""

from datetime import date
from typing import Any

from flask import url_for
from wtforms import DateField, Form
from wtforms.validators import Optional

from customerhub.notifications.report import request_report
from customerhub.permissions import Actor, Permission
from customerhub.transaction import after_commit
from jobs import exports, reports
from jobs.queue import nudge
from models import Customer, ListExport
from views.customer_form import today
from views.forms import Particular
from views.operation import Operation

__all__ = ["REPORT", "reports"]  # whoever offers reports has the jobs that make them


class ReportForm(Form):
    as_of = DateField(
        "As of", [Optional(), Particular()],
        description="Costs, reviews, messages, and what was due or expired, are told as of this day.",
    )  # fmt: skip


def _run(customer: Customer, *, as_of: date | None, actor: Actor) -> ListExport:
    wanted = request_report(customer, as_of=as_of, actor=actor)
    export_id = wanted.id
    after_commit(lambda: nudge(exports.write, export_id))
    return wanted


def _first(_rows: Any, _actor: Actor) -> dict[str, Any]:
    return {"as_of": today()}


REPORT = Operation(
    name="report",
    label="Make report",
    permission=Permission.CUSTOMERS_VIEW,
    run=_run,
    form=ReportForm,
    first=_first,
    explain="A PDF with the customer's details, status and risk, contracts, invoices and payments, usage and cost by "
    "month, compliance documents and reviews. It is made in the background and waits for you under Exports.",
    icon="download",
    bulk=False,
    leads_to=lambda wanted: url_for("exports.details_view", id=wanted.id),
)

"""Asking for a customer's report, and following it to the file."""

import html
import re
from collections.abc import Callable
from datetime import timedelta

import pytest

import models
from customerhub.core import clock
from customerhub.core.dates import format_date
from jobs import exports
from models import ListExport
from models.base import db
from models.enums import DateFormat, Role, TransferState
from tests.support.browser_client import Browser
from tests.support.report_data import text_of
from tests.support.two_organisations import TwoOrganisations


def report_url(customer_id: int) -> str:
    return f"/admin/customers/operation/report/?id={customer_id}"


def list_requested_reports() -> list[ListExport]:
    return db.session.query(ListExport).filter_by(screen="report").order_by(ListExport.id).all()


def page_text(page: str) -> str:
    """What a page says, without its markup."""
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", page)).split())


def test_it_begins_with_today(organisations: TwoOrganisations, agent: Browser) -> None:
    address = report_url(organisations.own.customers[0])
    before, filled, after = clock.get_today("UTC"), agent.read_form(address)["as_of"], clock.get_today("UTC")
    assert filled in ([format_date(day, DateFormat.SPOKEN)] for day in (before, after))
    assert "Create report: Our Telecom customer 0" in page_text(agent.get(address).text)
    record = agent.get(f"/admin/customers/details/?id={organisations.own.customers[0]}").text
    assert address in html.unescape(record)


def test_it_leads_to_its_progress_and_on_to_the_file(organisations: TwoOrganisations, agent: Browser) -> None:
    customer_id = organisations.own.customers[0]
    answer = agent.post(report_url(customer_id), {"as_of": "2026-01-31"})
    [export] = list_requested_reports()
    assert (answer.status_code, answer.location) == (303, f"/admin/exports/details/?id={export.id}")
    assert export.query == {"customer": customer_id, "as_of": "2026-01-31"}
    assert (export.user_id, export.state) == (organisations.own.users[Role.AGENT], TransferState.QUEUED)
    report_page = page_text(agent.get(answer.location).text)
    assert "Performance report Our Telecom customer 0, 31 Jan 2026 Waiting to start" in report_page
    assert "0 of 1 report" in report_page
    assert "customer 0 updated" not in report_page  # it has only begun
    db.session.rollback()
    exports.write(export.id)
    assert agent.get(f"{answer.location}&as=json").json["state"] == "done"
    done = agent.get(answer.location).text
    assert re.search(r"PDF, \d+ KB Download Back to the customer", page_text(done))
    assert f'href="/admin/customers/details/?id={customer_id}"' in done
    file = agent.get(f"/admin/exports/file/?id={export.id}")
    assert file.mimetype == "application/pdf"
    assert "attachment" in file.headers["Content-Disposition"]
    assert "as of 31 Jan 2026" in text_of(file.data)
    exports_page = page_text(agent.get("/admin/exports/").text)
    assert "Performance report Our Telecom customer 0, 31 Jan 2026 PDF Done" in exports_page


def test_sent_twice_it_is_made_once(organisations: TwoOrganisations, agent: Browser) -> None:
    address = report_url(organisations.own.customers[0])
    form = agent.read_form(address) | {"as_of": "2026-01-31"}
    first, second = agent.post(address, form), agent.post(address, form)
    assert (first.status_code, first.location) == (second.status_code, second.location)
    assert "/admin/exports/details/" in second.location
    assert len(list_requested_reports()) == 1


@pytest.mark.parametrize("day", ["", "2999-01-01", "1800-01-01", "tomorrow", "2026-02-30"])
def test_a_day_that_cannot_be_is_refused_at_its_field(
    organisations: TwoOrganisations, agent: Browser, day: str
) -> None:
    answer = agent.post(report_url(organisations.own.customers[0]), {"as_of": day})
    assert answer.status_code == 422
    assert list_requested_reports() == []
    report_page = page_text(answer.text)
    messages = ("Choose today or an earlier date", "is not a valid date", "is not a date", "out of range")
    assert any(message in report_page for message in messages)


def test_tomorrow_there_is_refused(organisations: TwoOrganisations, agent: Browser) -> None:
    tomorrow = clock.get_today("UTC") + timedelta(days=1)
    assert agent.post(report_url(organisations.own.customers[0]), {"as_of": tomorrow.isoformat()}).status_code == 422
    assert list_requested_reports() == []


def test_nobody_else_may(organisations: TwoOrganisations, as_role: Callable[[Role], Browser], agent: Browser) -> None:
    own_customer_id, foreign_customer_id = organisations.own.customers[0], organisations.foreign.customers[0]
    for role in (Role.PARTNER, Role.CUSTOMER):
        for answer in (
            as_role(role).get(report_url(own_customer_id)),
            as_role(role).post(report_url(own_customer_id), {"as_of": "2026-01-31"}),
        ):
            assert answer.status_code == 403
    assert agent.get(report_url(foreign_customer_id)).status_code == 404
    assert agent.post(report_url(foreign_customer_id), {"as_of": "2026-01-31"}).status_code == 404
    assert list_requested_reports() == []


def test_a_report_is_its_owners(organisations: TwoOrganisations, agent: Browser, admin: Browser) -> None:
    agent.post(report_url(organisations.own.customers[0]), {"as_of": "2026-01-31"})
    [export] = list_requested_reports()
    db.session.rollback()
    exports.write(export.id)
    for address in ("details", "file"):
        assert admin.get(f"/admin/exports/{address}/?id={export.id}").status_code == 404
    assert "Performance report" not in page_text(admin.get("/admin/exports/").text).partition("Exports")[2]
    stored = db.session.get_one(models.ListExport, export.id).file_id
    assert admin.get(f"/files/{stored}").status_code == 404


def test_it_can_be_cancelled(organisations: TwoOrganisations, agent: Browser) -> None:
    agent.post(report_url(organisations.own.customers[0]), {"as_of": "2026-01-31"})
    [export] = list_requested_reports()
    answer = agent.post(f"/admin/exports/cancel/?id={export.id}", {})
    assert answer.status_code == 303
    report_page = page_text(agent.get(answer.location).text)
    assert "Cancelled. No file was created. Back to the customer" in report_page

"""Asking for a customer's report, and following it to the file."""

import html
import re
from collections.abc import Callable
from datetime import timedelta

import pytest

import models
from customerhub import clock
from jobs import exports
from models import ListExport
from models.base import db
from models.enums import Role, TransferState
from tests.browsing import Browser
from tests.notifications.reports import text_of
from tests.world import World


def page_of(customer_id: int) -> str:
    return f"/admin/customers/operation/report/?id={customer_id}"


def wanted() -> list[ListExport]:
    return db.session.query(ListExport).filter_by(screen="report").order_by(ListExport.id).all()


def words(page: str) -> str:
    """What a page says, without its markup."""
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", page)).split())


def test_it_begins_with_today(world: World, agent: Browser) -> None:
    address = page_of(world.ours.customers[0])
    before, filled, after = clock.today("UTC"), agent.form(address)["as_of"], clock.today("UTC")
    assert filled in ([before.isoformat()], [after.isoformat()])
    assert "Make report: Our Telecom customer 0" in words(agent.get(address).text)
    record = agent.get(f"/admin/customers/details/?id={world.ours.customers[0]}").text
    assert address in html.unescape(record)


def test_it_leads_to_its_progress_and_on_to_the_file(world: World, agent: Browser) -> None:
    customer_id = world.ours.customers[0]
    answer = agent.post(page_of(customer_id), {"as_of": "2026-01-31"})
    [export] = wanted()
    assert (answer.status_code, answer.location) == (303, f"/admin/exports/details/?id={export.id}")
    assert export.query == {"customer": customer_id, "as_of": "2026-01-31"}
    assert (export.user_id, export.state) == (world.ours.users[Role.AGENT], TransferState.QUEUED)
    told = words(agent.get(answer.location).text)
    assert "Performance report Our Telecom customer 0, 31 Jan 2026 Waiting to start" in told
    assert "0 of 1 report" in told
    assert "Done: " not in told  # it has only begun
    db.session.rollback()
    exports.write(export.id)
    assert agent.get(f"{answer.location}&as=json").json["state"] == "done"
    done = agent.get(answer.location).text
    assert re.search(r"PDF, \d+ KB Download Back to the customer", words(done))
    assert f'href="/admin/customers/details/?id={customer_id}"' in done
    file = agent.get(f"/admin/exports/file/?id={export.id}")
    assert file.mimetype == "application/pdf"
    assert "attachment" in file.headers["Content-Disposition"]
    assert "as of 31 Jan 2026" in text_of(file.data)
    listed = words(agent.get("/admin/exports/").text)
    assert "Performance report Our Telecom customer 0, 31 Jan 2026 PDF Done" in listed


def test_sent_twice_it_is_made_once(world: World, agent: Browser) -> None:
    address = page_of(world.ours.customers[0])
    form = agent.form(address) | {"as_of": "2026-01-31"}
    first, second = agent.post(address, form), agent.post(address, form)
    assert (first.status_code, first.location) == (second.status_code, second.location)
    assert "/admin/exports/details/" in second.location
    assert len(wanted()) == 1


@pytest.mark.parametrize("day", ["", "2999-01-01", "1800-01-01", "tomorrow", "2026-02-30"])
def test_a_day_that_cannot_be_is_refused_at_its_field(world: World, agent: Browser, day: str) -> None:
    answer = agent.post(page_of(world.ours.customers[0]), {"as_of": day})
    assert answer.status_code == 422
    assert wanted() == []
    told = words(answer.text)
    assert "Choose today or a day before" in told or "Not a valid date value" in told


def test_tomorrow_there_is_refused(world: World, agent: Browser) -> None:
    tomorrow = clock.today("UTC") + timedelta(days=1)
    assert agent.post(page_of(world.ours.customers[0]), {"as_of": tomorrow.isoformat()}).status_code == 422
    assert wanted() == []


def test_nobody_else_may(world: World, as_role: Callable[[Role], Browser], agent: Browser) -> None:
    ours, theirs = world.ours.customers[0], world.theirs.customers[0]
    for role in (Role.PARTNER, Role.CUSTOMER):
        for answer in (as_role(role).get(page_of(ours)), as_role(role).post(page_of(ours), {"as_of": "2026-01-31"})):
            assert answer.status_code == 403
    assert agent.get(page_of(theirs)).status_code == 404
    assert agent.post(page_of(theirs), {"as_of": "2026-01-31"}).status_code == 404
    assert wanted() == []


def test_a_report_is_its_owners(world: World, agent: Browser, admin: Browser) -> None:
    agent.post(page_of(world.ours.customers[0]), {"as_of": "2026-01-31"})
    [export] = wanted()
    db.session.rollback()
    exports.write(export.id)
    for address in ("details", "file"):
        assert admin.get(f"/admin/exports/{address}/?id={export.id}").status_code == 404
    assert "Performance report" not in words(admin.get("/admin/exports/").text).partition("Exports")[2]
    stored = db.session.get_one(models.ListExport, export.id).file_id
    assert admin.get(f"/files/{stored}").status_code == 404


def test_it_can_be_cancelled(world: World, agent: Browser) -> None:
    agent.post(page_of(world.ours.customers[0]), {"as_of": "2026-01-31"})
    [export] = wanted()
    answer = agent.post(f"/admin/exports/cancel/?id={export.id}", {})
    assert answer.status_code == 303
    told = words(agent.get(answer.location).text)
    assert "You cancelled it. Nothing was written. Back to the customer" in told

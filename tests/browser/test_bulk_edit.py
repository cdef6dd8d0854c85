"""Tick all, take all that match, change a field of sixty customers, look at the result, and take it back."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from customerhub.core import history
from customerhub.core.permissions import Actor
from models import Customer, Organisation
from models.base import db
from models.enums import Risk, Role
from tests.browser.accessibility import AccessibilityCheck
from tests.browser.click_counter import ClickCounter
from tests.browser.conftest import LiveServer, OpenAs

COUNT = 60
LIST_URL = "/admin/customers/?search=sixfold&sort=name"


@pytest.fixture
def sixty_customers(live_server: LiveServer) -> None:
    """Sixty that a search finds, like the first of the demo in all but their names."""
    with live_server.app.app_context():
        organisation = db.session.scalars(select(Organisation)).first()
        assert organisation is not None
        model = db.session.scalars(select(Customer).where(Customer.reference == "DM-001")).one()
        with history.act_as(Actor(None, organisation.id), "test"):
            for number in range(COUNT):
                db.session.add(
                    Customer(
                        organisation_id=organisation.id,
                        name=f"Sixfold {number:02} Ltd",
                        reference=f"SIX-{number:02}",
                        account_number=f"SIX-{number:02}",
                        email=f"office@six{number:02}.example",
                        region_id=model.region_id,
                        status_id=model.status_id,
                        departments=list(model.departments),
                        start_date=model.start_date,
                        risk=Risk.LOW,
                        portal_invited_at=datetime.now(UTC),
                    )
                )
            db.session.commit()


def count_by_risk(server: LiveServer, risk: Risk) -> int:
    with server.app.app_context():
        query = select(func.count()).where(Customer.name.like("Sixfold %"), Customer.risk == risk)
        return db.session.scalar(query) or 0


def take_all_matching(page: Page) -> None:
    bar = page.locator("#bulk")
    page.get_by_label("Select all rows on this page").check()
    expect(bar).to_contain_text("20 selected")
    bar.get_by_role("button", name=f"Select all {COUNT} matching").click()
    expect(bar).to_contain_text(f"All {COUNT} selected")
    clear = bar.get_by_role("button", name="Clear selection")
    clear.click()
    expect(bar).to_be_hidden()
    page.get_by_label("Select all rows on this page").check()
    bar.get_by_role("button", name=f"Select all {COUNT} matching").click()
    bar.get_by_role("button", name="Edit fields").click()


@pytest.mark.usefixtures("sixty_customers")
def test_sixty_customers_are_changed_and_restored(
    open_as: OpenAs, accessibility: AccessibilityCheck, live_server: LiveServer
) -> None:
    page = open_as(Role.AGENT)
    page.goto(LIST_URL)
    take_all_matching(page)
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Edit fields: {COUNT} customers")
    submit = page.get_by_role("button", name=f"Change {COUNT} customers")
    expect(submit).to_be_disabled()
    page.get_by_label("Field to change").select_option("Risk")
    page.get_by_role("button", name="Add field").click()
    risk = page.get_by_label("Risk", exact=True)
    expect(risk).to_be_focused()
    page.get_by_label("Clear risk").check()
    expect(risk).to_be_hidden()
    expect(page.get_by_text("Cannot be saved: Choose a risk").first).to_be_visible()
    page.get_by_label("Clear risk").uncheck()
    risk.select_option("High")
    expect(page.get_by_text(f"The first 20 of {COUNT}")).to_be_visible()
    accessibility.check(page)
    submit.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"{COUNT} customers changed")
    accessibility.check(page)
    assert count_by_risk(live_server, Risk.HIGH) == COUNT
    page.get_by_role("button", name=f"Undo {COUNT} customers").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"{COUNT} customers restored")
    assert count_by_risk(live_server, Risk.LOW) == COUNT
    page.get_by_role("link", name="Back to the list").click()
    expect(page.get_by_text(f"{COUNT} customers")).to_be_visible()
    assign_all_matching(open_as(Role.MANAGER))


def assign_all_matching(page: Page) -> None:
    """Six clicks, however many match; with more than 500 a job does it."""
    counter = ClickCounter(page)
    page.goto(LIST_URL)
    page.get_by_label("Select all rows on this page").click()
    bar = page.locator("#bulk")
    bar.get_by_role("button", name=f"Select all {COUNT} matching").click()
    bar.locator(".bulk-buttons").get_by_role("button", name="Assign account manager").click()
    counter.choose(page.get_by_label("Account manager"), "Aisha Agent")
    page.get_by_role("button", name=f"Assign to {COUNT} customers").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"{COUNT} customers assigned")
    assert (counter.clicks, counter.keys) == (6, 0)

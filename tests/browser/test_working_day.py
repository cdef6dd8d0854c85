"""A day at work, on a desk and on a phone: sign in, add a customer, import a file, find a customer, see its history."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from customerhub.core import clock
from customerhub.users.passwords import DEMO_PASSWORD
from models import Customer
from models.base import db
from models.enums import Role
from seed.demo import email_of
from tests.browser.click_counter import ClickCounter
from tests.browser.conftest import LiveServer, OpenAs, PageFaults
from tests.browser.steps import (
    NORTHWIND_ROWS,
    field,
    fill_core,
    go_to,
    northwind_workbook,
    open_part,
    open_tab,
    save,
    sign_in,
)

POLICY = b"%PDF-1.4 insurance policy"
EXPIRES = clock.get_today() + timedelta(days=400)


@pytest.mark.parametrize("width", [1440, 390])
def test_a_day_at_work(
    open_as: OpenAs, live_server: LiveServer, faults: PageFaults, tmp_path: Path, width: int
) -> None:
    page = open_as(None, width=width)
    sign_in(page, email_of(Role.ADMIN), DEMO_PASSWORD)
    expect(page.get_by_role("heading", level=1)).to_have_text("Good day, Ada")
    _add_customer(page, faults, width)
    _assert_stored(live_server, f"DAY{width}")
    clicks = _import_workbook(page, live_server, northwind_workbook(tmp_path))
    assert clicks == {1440: 5, 390: 6}[width]
    _find_and_open(page, f"DAY{width}", f"Orchid Works {width}")
    _revert_import(page)


def _add_customer(page: Page, faults: PageFaults, width: int) -> None:
    go_to(page, "Customers")
    page.get_by_role("link", name="Add customer").click()
    fill_core(page, f"Orchid Works {width}", f"DAY{width}", email="office at orchid")
    documents = open_tab(page, "Compliance")
    for number, certificate in enumerate(("Insurance policy", "ISO 27001 certificate")):
        documents.get_by_role("button", name="+ Add document").click()
        field(page, f"compliance_documents-{number}-certificate").fill(certificate)
        field(page, f"compliance_documents-{number}-expiry_date").fill(EXPIRES.isoformat())
    policy = {"name": "policy.pdf", "mimeType": "application/pdf", "buffer": POLICY}
    field(page, "compliance_documents-0-file_id").set_input_files([policy])
    lines = open_tab(page, "Billing").locator("#billing_lines-list")
    lines.get_by_role("searchbox", name="Search Commodities").fill("rack")
    lines.get_by_role("checkbox", name="Rack space").check()
    lines.get_by_role("button", name="Add", exact=True).click()
    field(page, "billing_lines-0-minimum_cost").fill("80.00")
    field(page, "billing_lines-0-cost_per_unit").fill("24.5")
    faults.allow("status of 422")  # how the browser reports a form that is sent back
    save(page)
    _correct_error(page, width)


def _correct_error(page: Page, width: int) -> None:
    banner = page.get_by_role("alert").filter(has_text="Please correct the following")
    expect(banner).to_contain_text("office at orchid")
    banner.get_by_role("link", name="Email").click()
    expect(field(page, "email")).to_be_focused()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(f"office@orchid{width}.example")
    expect(field(page, "compliance_documents-1-certificate")).to_have_value("ISO 27001 certificate")
    expect(field(page, "billing_lines-0-cost_per_unit")).to_have_value("24.5")
    open_tab(page, "Compliance")
    expect(page.get_by_label("policy.pdf")).to_be_checked()
    save(page)
    expect(page.get_by_role("status").filter(has_text="was added")).to_be_visible()


def _assert_stored(live_server: LiveServer, reference: str) -> None:
    with live_server.app.app_context():
        customer = db.session.scalars(select(Customer).where(Customer.reference == reference)).one()
        assert customer.email == f"office@{reference.lower().replace('day', 'orchid')}.example"
        assert [document.certificate for document in customer.compliance_documents] == [
            "Insurance policy",
            "ISO 27001 certificate",
        ]
        assert {document.expiry_date for document in customer.compliance_documents} == {EXPIRES}
        file = customer.compliance_documents[0].file
        assert file is not None
        assert (file.name, file.size) == ("policy.pdf", len(POLICY))
        line = customer.billing_lines[0]
        assert (str(line.commodity), line.minimum_cost, line.cost_per_unit) == ("Rack space", 80, Decimal("24.5"))


def _import_workbook(page: Page, live_server: LiveServer, path: Path) -> int:
    """How many clicks it took; on a phone the menu is opened first."""
    counter = ClickCounter(page)
    page.reload()
    go_to(page, "Imports")
    page.locator(".page-actions").get_by_role("link", name="Import a file").click()
    with page.expect_file_chooser() as chooser:
        page.get_by_label("Excel file").click()
    chooser.value.set_files(path)
    with live_server.pause_processes("worker of bulk"):
        page.get_by_role("button", name="Check the file").click()
        expect(page.get_by_role("progressbar", name=f"Import {path.name}")).to_be_visible()
        expect(page.get_by_text("Waiting to start")).to_be_visible()
    expect(page.get_by_role("link", name=f"{NORTHWIND_ROWS} New")).to_be_visible()
    with live_server.pause_processes("worker of bulk"):
        page.get_by_role("button", name=f"Import {NORTHWIND_ROWS} rows").click()
        expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_text(f"{NORTHWIND_ROWS} customers were saved.")).to_be_visible(timeout=30_000)
    return counter.clicks + counter.keys


def _find_and_open(page: Page, reference: str, name: str) -> None:
    page.keyboard.press("/")
    page.keyboard.type(reference.lower())
    expect(page.get_by_role("option", name=name)).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    open_part(page, "History")
    entry = page.get_by_role("listitem").filter(has_text="created billing line Rack space")
    expect(entry).to_contain_text("Ada Admin")
    expect(entry).to_contain_text("Cost per unit 24.50 EUR")
    expect(page.get_by_role("listitem").filter(has_text="created the record")).to_contain_text(name)


def _revert_import(page: Page) -> None:
    go_to(page, "Imports")
    page.get_by_role("row").filter(has_text="Done").first.get_by_role("link").click()
    page.get_by_role("link", name="Revert this import").click()
    page.get_by_role("button", name="Revert").click()
    expect(page.get_by_text("Reverted, except for values changed since")).to_be_visible()
    expect(page.get_by_text("since and stay as they are")).to_have_count(0)
    expect(page.get_by_role("row").nth(1).get_by_role("link")).to_have_count(0)

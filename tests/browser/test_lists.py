"""Lists remember what each person wants to see, act on many rows at once, and go out as files."""

import csv
from pathlib import Path

from playwright.sync_api import Page, expect
from sqlalchemy import select

from models import Customer
from models.base import db
from models.enums import Role
from tests.browser.conftest import LiveServer, OpenAs

LIST = "/admin/customers/"


def headings(page: Page) -> list[str]:
    return page.locator(".list thead th:not(.tick)").all_inner_texts()


def choose_columns(page: Page, *, on: str, off: str) -> None:
    page.get_by_label("Choose columns").click()
    page.get_by_role("checkbox", name=off, exact=True).uncheck()
    page.get_by_role("checkbox", name=on, exact=True).check()
    page.get_by_role("button", name="Apply").click()


def test_chosen_columns_stay(open_as: OpenAs) -> None:
    page = open_as(Role.MANAGER)
    page.goto(LIST)
    usual = headings(page)
    choose_columns(page, on="Email", off="Region")
    expect(page.get_by_role("columnheader", name="Email")).to_be_visible()
    again = open_as(Role.MANAGER)
    again.goto(LIST)
    assert headings(again) == [name for name in usual if name != "Region"] + ["Email"]
    expect(again.get_by_role("row", name="Cobalt Software Ltd")).to_contain_text("office@cobaltsoftwareltd.example")
    again.get_by_label("Choose columns").click()
    again.get_by_role("button", name="Move Email up").click()
    again.get_by_role("button", name="Apply").click()
    expect(again.get_by_role("columnheader").last).to_have_text("Start")
    again.get_by_label("Choose columns").click()
    again.get_by_role("button", name="Reset").click()
    expect(again.get_by_role("columnheader", name="Region")).to_be_visible()
    assert headings(again) == usual


def test_a_saved_view_stays(open_as: OpenAs) -> None:
    page = open_as(Role.MANAGER)
    page.goto(LIST)
    page.get_by_text("Add filter").click()
    page.get_by_placeholder("Find a filter").fill("ris")
    page.locator("details.filter summary").filter(has_text="Risk").click()
    filters = page.locator("details.filter[open]")
    filters.get_by_label("Risk", exact=True).select_option("High")
    filters.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("Risk is High")).to_be_visible()
    found = page.get_by_role("row").all_inner_texts()
    assert 1 < len(found) < 20
    page.locator("summary").filter(has_text="Save view").click()
    page.get_by_label("Name of this view").fill("Worries")
    page.get_by_role("button", name="Save view").click()
    again = open_as(Role.MANAGER)
    again.goto(LIST)
    again.get_by_role("link", name="Worries").click()
    expect(again.get_by_text("Risk is High")).to_be_visible()
    assert again.get_by_role("row").all_inner_texts() == found
    again.get_by_role("button", name="Delete the view Worries").click()
    expect(again.get_by_role("link", name="Worries")).to_have_count(0)
    expect(again.get_by_text("Risk is High")).to_have_count(0)


def test_many_rows_at_once(open_as: OpenAs, live_server: LiveServer) -> None:
    page = open_as(Role.MANAGER)
    page.goto(f"{LIST}?search=alpenblick")
    bar = page.locator("#bulk")
    expect(bar).to_be_hidden()
    for name in ("Alpenblick Events GmbH", "Alpenblick Hotels AG"):
        page.get_by_label(f"Select {name}").check()
    expect(bar).to_contain_text("2 selected")
    bar.get_by_role("button", name="Assign account manager").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Assign account manager: 2 customers")
    expect(page.get_by_role("link", name="Alpenblick Hotels AG")).to_be_visible()
    page.get_by_label("Account manager").select_option(label="Ada Admin")
    page.get_by_role("button", name="Assign account manager: 2 customers").click()
    expect(page.get_by_text("2 done")).to_be_visible()
    with live_server.app.app_context():
        query = select(Customer).where(Customer.name.in_(["Alpenblick Events GmbH", "Alpenblick Hotels AG"]))
        assert [str(row.account_manager) for row in db.session.scalars(query)] == ["Ada Admin", "Ada Admin"]


def test_what_cannot_be_done_is_said_before(open_as: OpenAs, live_server: LiveServer) -> None:
    page = open_as(Role.MANAGER)
    page.goto(f"{LIST}?search=aurora")
    page.get_by_label("Select Aurora").check()
    page.locator("#bulk").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Left out")).to_be_visible()
    expect(page.get_by_text("Drop the customer instead")).to_be_visible()
    expect(page.get_by_role("button", name="Delete Aurora")).to_be_disabled()
    with live_server.app.app_context():
        assert db.session.scalar(select(Customer.id).where(Customer.reference == "DM-001"))


def test_a_list_goes_out_as_shown(open_as: OpenAs, tmp_path: Path) -> None:
    page = open_as(Role.MANAGER)
    page.goto(f"{LIST}?search=alpenblick&sort=name&desc=1")
    shown = page.locator(".list .status-link > span:first-of-type").all_inner_texts()
    page.get_by_label("More: add, import, export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Export to CSV").click()
    path = tmp_path / "list.csv"
    download.value.save_as(path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["Name"] for row in rows] == shown
    assert len(rows) == 3
    assert rows[0]["Account no."]

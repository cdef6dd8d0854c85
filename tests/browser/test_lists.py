"""Lists remember what each person wants to see, act on many rows at once, and go out as files."""

from pathlib import Path

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from models import Customer
from models.base import db
from models.enums import Role
from tests.browser.accessibility import AccessibilityCheck
from tests.browser.click_counter import ClickCounter
from tests.browser.conftest import LiveServer, OpenAs

LIST_URL = "/admin/customers/"


def list_headings(page: Page) -> list[str]:
    return page.locator(".list thead th:not(.tick)").all_inner_texts()


def choose_columns(page: Page, *, on: str, off: str) -> None:
    page.get_by_label("Choose columns").click()
    page.get_by_role("checkbox", name=off, exact=True).uncheck()
    page.get_by_role("checkbox", name=on, exact=True).check()
    page.get_by_role("button", name="Apply").click()


def test_chosen_columns_stay(open_as: OpenAs) -> None:
    page = open_as(Role.MANAGER)
    page.goto(LIST_URL)
    usual = list_headings(page)
    choose_columns(page, on="Email", off="Region")
    expect(page.get_by_role("columnheader", name="Email")).to_be_visible()
    again = open_as(Role.MANAGER)
    again.goto(LIST_URL)
    assert list_headings(again) == [name for name in usual if name != "Region"] + ["Email"]
    expect(again.get_by_role("row", name="Cobalt Software Ltd")).to_contain_text("office@cobaltsoftwareltd.example")
    again.get_by_label("Choose columns").click()
    again.get_by_role("button", name="Move Email up").click()
    again.get_by_role("button", name="Apply").click()
    expect(again.get_by_role("columnheader").last).to_have_text("Start")
    again.get_by_label("Choose columns").click()
    again.get_by_role("button", name="Reset").click()
    expect(again.get_by_role("columnheader", name="Region")).to_be_visible()
    assert list_headings(again) == usual


def test_a_saved_view_stays(open_as: OpenAs) -> None:
    page = open_as(Role.MANAGER)
    page.goto(LIST_URL)
    page.get_by_text("Add filter").click()
    page.get_by_placeholder("Find a filter").fill("ris")
    page.locator("details.filter summary").filter(has_text="Risk").click()
    filters = page.locator("details.filter[open]")
    filters.get_by_text("High").click()
    filters.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("Risk is High")).to_be_visible()
    row_texts = page.get_by_role("row").all_inner_texts()
    assert 1 < len(row_texts) < 20
    page.locator("summary").filter(has_text="Save view").click()
    page.get_by_label("View name").fill("Worries")
    page.get_by_role("button", name="Save view").click()
    again = open_as(Role.MANAGER)
    again.goto(LIST_URL)
    again.get_by_role("link", name="Worries").click()
    expect(again.get_by_text("Risk is High")).to_be_visible()
    assert again.get_by_role("row").all_inner_texts() == row_texts
    again.get_by_label("Change the view Worries").click()
    again.get_by_role("button", name="Delete view").click()
    expect(again.get_by_role("link", name="Worries")).to_have_count(0)
    expect(again.get_by_text("Risk is High")).to_have_count(0)


def test_many_rows_at_once(open_as: OpenAs, live_server: LiveServer) -> None:
    page = open_as(Role.MANAGER)
    page.goto(f"{LIST_URL}?search=alpenblick")
    bar = page.locator("#bulk")
    expect(bar).to_be_hidden()
    for name in ("Alpenblick Events GmbH", "Alpenblick Hotels AG"):
        page.get_by_label(f"Select {name}").check()
    expect(bar).to_contain_text("2 selected")
    bar.get_by_role("button", name="Assign account manager").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Assign account manager: 2 customers")
    expect(page.get_by_role("link", name="Alpenblick Hotels AG")).to_be_visible()
    page.get_by_label("Account manager").select_option(label="Ada Admin")
    page.get_by_role("button", name="Assign to 2 customers").click()
    expect(page.get_by_text("2 customers assigned")).to_be_visible()
    with live_server.app.app_context():
        query = select(Customer).where(Customer.name.in_(["Alpenblick Events GmbH", "Alpenblick Hotels AG"]))
        assert [str(row.account_manager) for row in db.session.scalars(query)] == ["Ada Admin", "Ada Admin"]


def test_many_rows_that_differ_are_not_assigned_by_one_click(open_as: OpenAs) -> None:
    page = open_as(Role.MANAGER)
    page.goto("/admin/tasks/?f=state:is:open")
    for box in page.locator("[name='rowid']").all()[:2]:
        box.check()
    page.locator("#bulk").get_by_role("button", name="Assign", exact=True).click()
    assignee = page.get_by_label("Assignee")
    expect(assignee.locator("option:checked")).to_have_text("Choose…")
    page.get_by_role("button", name="Assign 2 tasks").click()
    expect(assignee).to_be_focused()
    expect(page.get_by_role("heading", level=1)).to_have_text("Assign 2 tasks")
    page.goto(page.url.replace("/assign/", "/due/"))
    due_on = page.get_by_label("Due on", exact=True)
    expect(due_on).to_be_visible()
    page.get_by_label("No due date").check()
    expect(due_on).to_be_hidden()


def test_what_cannot_be_done_is_said_before(open_as: OpenAs, live_server: LiveServer) -> None:
    page = open_as(Role.MANAGER)
    page.goto(f"{LIST_URL}?search=aurora")
    page.get_by_label("Select Aurora").check()
    bar = page.locator("#bulk")
    bar.get_by_text("More", exact=True).click()
    delete = bar.get_by_role("button", name="Delete")
    expect(delete).to_be_disabled()
    expect(delete).to_contain_text("and cannot be deleted")
    page.goto(f"/admin/customers/operation/delete/?id={page.get_by_label('Select Aurora').get_attribute('value')}")
    expect(page.get_by_role("heading", name="Cannot be processed")).to_be_visible()
    expect(page.get_by_text("and cannot be deleted")).to_be_visible()
    expect(page.get_by_role("button", name="Delete Aurora")).to_be_disabled()
    with live_server.app.app_context():
        assert db.session.scalar(select(Customer.id).where(Customer.reference == "DM-001"))


def test_at_most_four_actions_are_in_sight(open_as: OpenAs, accessibility: AccessibilityCheck) -> None:
    """Those that can be done to what is ticked; of the others a menu tells why not."""
    page = open_as(Role.MANAGER)
    page.goto(f"{LIST_URL}?f=stage:is:New,Billing&sort=stage&page_size=100")
    bar = page.locator("#bulk")
    in_sight = bar.locator(".bulk-buttons button")
    page.get_by_role("row").filter(has=page.get_by_text("New", exact=True)).first.get_by_role("checkbox").check()
    expect(in_sight.filter(has_text="Pass")).to_be_visible()
    expect(in_sight).to_have_count(4)
    bar.get_by_text("More", exact=True).click()
    hidden = bar.locator(".menu-panel button")
    expect(hidden.filter(has_text="Make live")).to_be_disabled()
    accessibility.check(page, has_menus=False)
    reasons = hidden.filter(has=page.locator(".sub")).all_inner_texts()
    assert all(len(text.splitlines()) == 2 for text in reasons), reasons
    page.keyboard.press("Escape")
    page.get_by_role("row").filter(has=page.get_by_text("Live", exact=True)).first.get_by_role("checkbox").check()
    expect(bar.get_by_role("button", name="Pass")).to_contain_text("1 of 2")
    expect(in_sight).to_have_count(4)


def test_three_columns_of_a_filtered_list_go_out_by_six_clicks(open_as: OpenAs, tmp_path: Path) -> None:
    page = open_as(Role.MANAGER)
    counter = ClickCounter(page)
    page.goto(f"{LIST_URL}?search=alpenblick&sort=name&desc=1")
    listed_names = page.locator(".list .status-link > bdi").all_inner_texts()
    panel = opened(page, "Export")
    panel.get_by_role("link", name="None").click()
    expect(panel.get_by_role("button", name="Export to Excel")).to_be_disabled()
    for name in ("Email", "Name", "Start"):
        panel.get_by_role("checkbox", name=name, exact=True).check()
    with page.expect_download() as download:
        panel.get_by_role("button", name="Export to Excel").click()
    assert (counter.clicks, counter.keys) == (6, 0)
    expect(panel).to_be_hidden()
    download.value.save_as(tmp_path / "list.xlsx")
    headings, *rows = load_workbook(tmp_path / "list.xlsx").active.iter_rows(values_only=True)
    assert headings == ("Name", "Start", "Email")
    assert [row[0] for row in rows] == listed_names
    assert len(rows) == 3


def test_ticked_rows_go_out_in_the_columns_of_a_preset(open_as: OpenAs, tmp_path: Path) -> None:
    page = open_as(Role.MANAGER)
    page.goto(f"{LIST_URL}?search=alpenblick")
    panel = opened(page, "Export")
    expect(panel.get_by_text("Selected rows")).to_be_hidden()
    panel.get_by_role("link", name="None").click()
    panel.get_by_role("checkbox", name="Reference", exact=True).check()
    panel.get_by_text("Save as preset").click()
    panel.get_by_label("Name of the preset").fill("References")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Preset “References” was saved.")).to_be_visible()
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(1)
    page.get_by_role("link", name="Back to the list").click()
    page.get_by_label("Select Alpenblick Hotels AG").check()
    panel = opened(page, "Export")
    panel.get_by_role("link", name="References").click()
    expect(panel.get_by_label("Selected rows (1)")).to_be_checked()
    with page.expect_download() as download:
        panel.get_by_role("button", name="Export to CSV").click()
    download.value.save_as(tmp_path / "list.csv")
    assert (tmp_path / "list.csv").read_text("utf-8-sig").splitlines() == ["Reference", "DM-003"]
    bar = page.locator("#bulk")
    bar.get_by_text("More", exact=True).click()
    bar.get_by_role("button", name="Export").click()
    expect(page.get_by_label("Selected rows (1)")).to_be_checked()
    page.get_by_label("Delete the preset References").click()
    expect(page.get_by_role("link", name="References")).to_have_count(0)
    expect(page.get_by_label("Selected rows (1)")).to_be_checked()


def opened(page: Page, name: str) -> Locator:
    """The panel of a menu, opened by its button."""
    button = page.locator("details.menu > summary").filter(has_text=name).filter(visible=True).first
    button.click()
    panel = button.locator("xpath=..").locator(".menu-panel")
    expect(panel).to_be_visible()
    return panel


def click_beside(panel: Locator) -> None:
    """Click the panel itself: just inside its edge, where nothing but padding is."""
    at = panel.bounding_box()
    assert at is not None
    x, y = at["x"] + at["width"] / 2, at["y"] + at["height"] - 3
    assert panel.evaluate("(panel, [x, y]) => panel.contains(document.elementFromPoint(x, y))", [x, y])
    panel.page.mouse.click(x, y)


def test_a_column_is_chosen_by_its_name(open_as: OpenAs) -> None:
    page = open_as(Role.MANAGER)
    page.goto(LIST_URL)
    panel = opened(page, "Columns")
    for name in ("Email", "Region"):
        box = panel.get_by_role("checkbox", name=name, exact=True)
        before = box.is_checked()
        panel.get_by_text(name, exact=True).click()
        expect(box).to_be_checked(checked=not before)
        expect(panel).to_be_visible()
    click_beside(panel)
    expect(panel).to_be_visible()
    panel.get_by_text("Region", exact=True).click()
    panel.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("columnheader", name="Email")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Region")).to_be_visible()
    panel = opened(page, "Columns")
    panel.get_by_role("button", name="Reset").click()
    expect(page.get_by_role("columnheader", name="Email")).to_have_count(0)


def test_a_view_is_named_after_a_click_on_the_words(open_as: OpenAs) -> None:
    page = open_as(Role.MANAGER)
    page.goto(f"{LIST_URL}?search=alpenblick")
    panel = opened(page, "Save view")
    panel.get_by_text("Saves the current search").click()
    expect(panel).to_be_visible()
    click_beside(panel)
    expect(panel).to_be_visible()
    panel.get_by_text("View name").click()
    expect(panel.get_by_label("View name")).to_be_focused()
    page.keyboard.type("Hotels")
    panel.get_by_role("button", name="Save view").click()
    page.get_by_label("Change the view Hotels").click()
    page.get_by_role("button", name="Delete view").click()
    expect(page.get_by_role("link", name="Hotels", exact=True)).to_have_count(0)


def test_filters_stay_open_under_the_pointer(open_as: OpenAs) -> None:
    page = open_as(Role.MANAGER)
    page.goto(LIST_URL)
    panel = opened(page, "Add filter")
    click_beside(panel)
    expect(panel).to_be_visible()
    panel.get_by_placeholder("Find a filter").fill("risk")
    panel.locator("details.filter > summary").filter(has_text="Risk").first.click()
    form = panel.locator("details.filter[open] form")
    at = form.bounding_box()
    assert at is not None
    page.mouse.click(at["x"] + 4, at["y"] + at["height"] - 4)
    expect(form).to_be_visible()
    form.get_by_text("High").click()
    form.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("Risk is High")).to_be_visible()


def test_a_filter_in_use_is_changed_where_it_stands(open_as: OpenAs) -> None:
    page = open_as(Role.MANAGER)
    page.goto(f"{LIST_URL}?f=risk:is:High")
    page.get_by_text("Risk is High").click()
    chip = page.locator(".filter-chips li")
    expect(chip.get_by_label("High", exact=True)).to_be_checked()
    chip.get_by_text("Low").click()
    chip.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("Risk is any of Low, High")).to_be_visible()
    page.get_by_text("Risk is any of Low, High").click()
    chip.get_by_label("Condition for Risk").select_option("is empty")
    expect(chip.get_by_text("Low", exact=True)).to_be_hidden()
    chip.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("Risk is empty")).to_be_visible()
    page.get_by_label("Remove the filter Risk is empty").click()
    expect(chip).to_have_count(0)


def test_a_date_filter_asks_for_a_span_or_for_a_day(open_as: OpenAs) -> None:
    page = open_as(Role.MANAGER)
    page.goto(LIST_URL)
    panel = opened(page, "Add filter")
    panel.get_by_text("Start", exact=True).click()
    form = panel.locator("details.filter[open] form")
    expect(form.get_by_label("Start", exact=True)).to_be_hidden()
    form.get_by_label("Condition for Start").select_option("on or after")
    expect(form.get_by_label("Start within")).to_be_hidden()
    form.get_by_label("Start", exact=True).fill("2026-03-01")
    form.get_by_label("Condition for Start").select_option("is within")
    form.get_by_label("Start within").select_option("last year")
    form.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("Start: last year")).to_be_visible()


def test_a_menu_closes_where_the_focus_leaves_it(open_as: OpenAs) -> None:
    page = open_as(Role.MANAGER)
    page.goto(LIST_URL)
    panel = opened(page, "Columns")
    panel.get_by_role("button", name="Apply").focus()
    page.keyboard.press("Tab")
    expect(panel).to_be_hidden()


@pytest.mark.parametrize("screen", ["customers", "contracts", "users", "portal-users", "tasks"])
def test_a_row_on_a_phone_is_a_low_card(open_as: OpenAs, screen: str) -> None:
    """So that several are seen at once; a value has its label, unless a chip or the mark of a customer says it."""
    page = open_as(Role.ADMIN, width=390)
    page.goto(f"/admin/{screen}/")
    rows = page.locator(".list tbody tr")
    expect(rows).not_to_have_count(0)
    # Other tests leave names of 60 letters and more, which take several lines.
    heights = rows.evaluate_all(
        """rows => rows.filter(row => [...row.querySelectorAll("a")].every(link => link.innerText.length <= 45))
            .map(row => row.getBoundingClientRect().height)"""
    )
    assert heights
    assert max(heights) <= 120, heights
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

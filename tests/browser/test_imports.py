"""Imports: progress that moves, rows in error, cancelling, and all of it without JavaScript."""

from pathlib import Path

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from customerhub.customers.importing.account_columns import ACCOUNT_COLUMNS
from customerhub.customers.importing.columns import HEADERS
from customerhub.customers.importing.custom_columns import load_columns
from models import Customer, Organisation
from models.base import db
from models.enums import Role
from tests.browser.accessibility import AccessibilityCheck
from tests.browser.conftest import LiveServer, OpenAs
from tests.browser.steps import upload, write_workbook
from tests.support.workbooks import build_workbook, valid_row

MANY_ROWS = 10_000


def test_the_bar_moves_with_the_work(open_as: OpenAs, live_server: LiveServer, tmp_path: Path) -> None:
    page = open_as(Role.AGENT)
    file = write_workbook(tmp_path, MANY_ROWS)
    with live_server.slow_processes("worker of bulk"):
        upload(page, file)
        bar = page.get_by_role("progressbar")
        page.wait_for_function("bar => bar.value > 0 && bar.value < bar.max", arg=bar.element_handle(), timeout=60_000)
        expect(page.locator("[data-done]")).to_contain_text(" of ")
        expect(page.locator("[data-rate]")).to_contain_text("rows a second")
        expect(page.get_by_text("Running", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name=f"{MANY_ROWS:,} New")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Cancel import").click()
    expect(page.get_by_text("Cancelled. Nothing was saved.", exact=True)).to_be_visible()


def test_rows_in_error_come_back_with_their_reasons(
    open_as: OpenAs, accessibility: AccessibilityCheck, live_server: LiveServer, tmp_path: Path
) -> None:
    page = open_as(Role.AGENT)
    path = tmp_path / "mixed.xlsx"
    rows = [valid_row(1, reference="MIX1"), valid_row(2, reference="MIX2", risk="Severe", email="nobody")]
    path.write_bytes(build_workbook(rows).getvalue())
    upload(page, path)
    error_row = page.get_by_role("row").filter(has_text="MIX2")
    expect(error_row).to_contain_text("“Severe” is not a risk")
    expect(error_row).to_contain_text("“nobody” is not an email address")
    accessibility.check(page)
    page.get_by_role("link", name="1 With errors").click()
    expect(page.get_by_role("row").filter(has_text="MIX1")).to_have_count(0)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download rows with errors").click()
    download.value.save_as(tmp_path / "errors.xlsx")
    cells = [list(row) for row in load_workbook(tmp_path / "errors.xlsx").worksheets[0].iter_rows(values_only=True)]
    assert any("MIX2" in row and any("Severe" in str(cell) for cell in row) for row in cells)
    assert not any("MIX1" in row for row in cells)
    expect(page.get_by_role("button", name="Import all")).to_be_disabled()
    page.get_by_role("button", name="Import 1 valid row").click()
    expect(page.get_by_text("1 customer was saved.")).to_be_visible()
    assert list_references(live_server, "MIX") == ["MIX1"]


def test_an_unusable_file_says_why(open_as: OpenAs, tmp_path: Path) -> None:
    page = open_as(Role.AGENT)
    path = tmp_path / "letter.xlsx"
    path.write_text("Dear customer")
    upload(page, path)
    expect(page.get_by_text("This file could not be imported. Nothing was saved.")).to_be_visible()
    expect(page.get_by_role("alert")).not_to_be_empty()


def test_an_import_without_javascript(open_as: OpenAs, live_server: LiveServer, tmp_path: Path) -> None:
    page = open_as(Role.AGENT, java_script_enabled=False)
    path = tmp_path / "plain.xlsx"
    path.write_bytes(build_workbook([valid_row(number, reference=f"NOJS{number}") for number in (1, 2)]).getvalue())
    with live_server.pause_processes("worker of bulk"):
        upload(page, path)
        _expect_waiting(page)
    expect(page.get_by_role("link", name="2 New")).to_be_visible(timeout=15_000)
    with live_server.pause_processes("worker of bulk"):
        page.get_by_role("button", name="Import 2 rows").click()
        _expect_waiting(page)
    expect(page.get_by_text("2 customers were saved.")).to_be_visible(timeout=15_000)
    assert list_references(live_server, "NOJS") == ["NOJS1", "NOJS2"]


def _expect_waiting(page: Page) -> None:
    """The page is there and will load itself again."""
    expect(page.get_by_role("progressbar")).to_be_visible()
    assert page.locator("meta[http-equiv='refresh']").get_attribute("content") == "4"


def list_references(live_server: LiveServer, prefix: str) -> list[str | None]:
    with live_server.app.app_context():
        query = select(Customer.reference).where(func.substr(Customer.reference, 1, len(prefix)) == prefix)
        return list(db.session.scalars(query.order_by(Customer.reference)))


@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_names_of_columns_are_not_broken(open_as: OpenAs, live_server: LiveServer, width: int) -> None:
    """At 1024 pixels the help said "contactNumb er". The name of a custom field may break between its words."""
    page = open_as(Role.AGENT)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/admin/imports/upload/")
    page.get_by_role("heading", name="Columns of the file").wait_for()
    lines_of_words = page.evaluate(
        """() => [...document.querySelectorAll('.table-block tbody td:first-child')].map((cell) => {
            const range = document.createRange();
            return [...cell.firstChild.data.matchAll(/\\S+/g)].map((word) => {
                range.setStart(cell.firstChild, word.index);
                range.setEnd(cell.firstChild, word.index + word[0].length);
                return [word[0], new Set([...range.getClientRects()].map((box) => box.top)).size];
            });
        })"""
    )
    with live_server.app.app_context():
        headers = load_columns(db.session.scalars(select(Organisation.id)).first() or 0).headers
    expected = [*headers, *ACCOUNT_COLUMNS.headers]
    assert [" ".join(word for word, _ in words) for words in lines_of_words] == expected
    assert {lines for words in lines_of_words for _, lines in words} == {1}
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_the_values_of_a_new_row_fit_a_phone(open_as: OpenAs, tmp_path: Path) -> None:
    page = open_as(Role.AGENT)
    page.set_viewport_size({"width": 390, "height": 844})
    path = tmp_path / "long.xlsx"
    row = valid_row(1, reference="PHONE1", relationshipNote="x" * 300, email=f"{'a' * 60}@customer.example")
    path.write_bytes(build_workbook([row], hidden_rows=[2]).getvalue())
    upload(page, path)
    values = page.locator(".changes.values")
    expect(values).to_contain_text("a" * 60)
    expect(values.locator("li")).to_have_count(len(HEADERS) - 2)
    expect(page.get_by_text("1 row that is filtered out or hidden in Excel: 2")).to_be_visible()
    assert values.evaluate(
        "list => [...list.querySelectorAll('ins')].every((each) => each.getBoundingClientRect().right <= innerWidth)"
    )
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")

"""What people do on every screen, in their words."""

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.support.workbooks import build_workbook, valid_row

NORTHWIND = Path(__file__).resolve().parents[3] / "shared" / "data" / "northwind_customers.xlsx"
NORTHWIND_ROWS = 91


def sign_in(page: Page, email: str, password: str) -> None:
    page.goto("/sign-in")
    page.get_by_role("textbox", name="Email").fill(email)
    page.locator("[name='password']").fill(password)
    page.get_by_role("button", name="Sign in").click()


def go_to(page: Page, entry: str) -> None:
    """Choose an entry of the menu, which a phone shows behind a button."""
    opener = page.get_by_role("button", name="Menu", exact=True)
    if opener.is_visible():
        opener.click()
    page.get_by_role("navigation", name="Main").get_by_role("link", name=entry, exact=True).click()


def go_to_setup(page: Page, entry: str) -> None:
    """Choose a screen on the page of all set-up screens."""
    go_to(page, "Set-up")
    page.get_by_role("main").get_by_role("link", name=entry, exact=True).click()


def open_tab(page: Page, name: str) -> Locator:
    """Open a tab of a form; its panel."""
    page.get_by_role("tab", name=name).click()
    panel = page.get_by_role("tabpanel", name=name)
    expect(panel).to_be_visible()
    return panel


def open_part(page: Page, name: str) -> None:
    """Go to a tab of a record, which stands behind More where there is no room for it."""
    parts = page.get_by_role("navigation", name="Parts of this record")
    expect(parts).to_be_visible()
    page.wait_for_load_state()
    link = parts.get_by_role("link", name=re.compile(rf"^{name}\s*\d*$"))  # with its number of rows
    if not link.is_visible():
        parts.get_by_text("More", exact=True).click()
    link.click()


def field(page: Page, name: str) -> Locator:
    """A field of a form by its name."""
    return page.locator(f"form.edit [name='{name}']")


def fill_core(page: Page, name: str, reference: str, *, email: str | None = None) -> None:
    """The fields that a new customer cannot do without."""
    field(page, "name").fill(name)
    field(page, "reference").fill(reference)
    field(page, "email").fill(email or f"office@{reference.lower()}.example")
    field(page, "region_id").select_option(label="Europe")
    field(page, "risk").select_option("Low")
    page.get_by_label("Sales", exact=True).check()


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


def northwind_workbook(folder: Path) -> Path:
    """The Northwind customers; where they are not at hand, made-up ones of the same shape and number."""
    if NORTHWIND.exists():
        return NORTHWIND
    return write_workbook(folder, NORTHWIND_ROWS)


def write_workbook(folder: Path, rows: int, **cells: object) -> Path:
    """A workbook of made-up customers; `cells` are the same in every row."""
    path = folder / f"customers_{rows}.xlsx"
    path.write_bytes(build_workbook([valid_row(number, **cells) for number in range(1, rows + 1)]).getvalue())
    return path


def upload(page: Page, path: Path) -> None:
    page.goto("/admin/imports/upload/")
    page.get_by_label("Excel file").set_input_files(path)
    page.get_by_role("button", name="Check the file").click()

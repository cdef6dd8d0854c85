"""Arranging the form of customers with mouse and keyboard; the preview shows what was done, and nothing is saved."""

from playwright.sync_api import Page, expect

from models.enums import Role
from tests.browser.conftest import OpenAs


def list_rows(page: Page, section: str) -> list[str]:
    names = page.locator(f'[data-section-name="{section}"] [data-row] > [name="field"]')
    return [name.get_attribute("value") or "" for name in names.all()]


def test_rows_are_dragged_moved_by_keys_and_sent_elsewhere(open_as: OpenAs) -> None:
    page = open_as(Role.ADMIN)
    page.goto("/admin/set-up/forms/customers/")
    page.locator("#row-website .drag").drag_to(
        page.locator("#row-category_id .layout-name"), target_position={"x": 5, "y": 1}
    )
    rows = list_rows(page, "identity")
    assert rows.index("website") == rows.index("category_id") - 1
    up = page.get_by_role("button", name="Move Account number up")
    up.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(up).to_be_focused()
    assert list_rows(page, "identity").index("account_number") == len(rows) - 3
    page.get_by_label("Place of Credit limit").select_option(label="Above the tabs")
    assert list_rows(page, "core")[-1] == "credit_limit"
    page.locator("#row-billing_lines .drag").drag_to(page.locator("#row-risk .layout-name"))
    assert "billing_lines" in list_rows(page, "billing"), "a table has no room above the tabs"
    page.get_by_label("Required: VAT number").check()
    page.get_by_label("Shown: VAT number").uncheck()
    expect(page.get_by_label("Required: VAT number")).not_to_be_checked()
    page.get_by_role("button", name="Preview").click()
    preview = page.frame_locator("iframe[name='form-preview']")
    expect(preview.locator('.form-main [data-field="credit_limit"]')).to_be_visible()
    expect(preview.get_by_role("tab", name="Identity")).to_have_attribute("aria-selected", "true")
    expect(preview.locator('[data-field="vat_number"]')).to_have_count(0)
    page.get_by_role("button", name="Close").click()
    expect(page.locator(".layout-preview")).to_be_hidden()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_label("Shown: VAT number")).to_be_checked()

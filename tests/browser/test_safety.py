"""What people type is shown as text wherever it appears, and no page runs a script that is not ours."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from models.enums import Role
from tests.browser.conftest import LiveServer, OpenAs, PageFaults, add_prospect
from tests.browser.steps import upload
from tests.support.workbooks import build_workbook, valid_row

NAME = "<script>window.hacked=1</script><img src=x onerror='window.hacked=1'>\"Bold\" <b>Ltd</b>"
REFERENCE = "XSS1"


@pytest.fixture(scope="module")
def customer_id(live_server: LiveServer) -> int:
    """A customer whose name is markup."""
    return add_prospect(live_server, NAME, REFERENCE)


def expect_literal_text(page: Page, text: str = NAME) -> None:
    """`text` stands there as it was typed, and nothing of it ran."""
    expect(page.get_by_text(text).first).to_be_visible()
    assert page.evaluate("window.hacked") is None


def test_markup_in_a_name_is_text_everywhere(open_as: OpenAs, customer_id: int) -> None:
    page = open_as(Role.ADMIN)
    for address in (
        f"/admin/customers/?search={REFERENCE}",
        f"/admin/customers/details/?id={customer_id}",
        f"/admin/customers/details/?id={customer_id}&tab=history",
        f"/admin/customers/operation/assign/?id={customer_id}",
        f"/admin/customers/operation/delete/?id={customer_id}",
        f"/admin/history/?search={REFERENCE.lower()}&f=table:is:customer",
        f"/admin/customers/edit/?id={customer_id}",
        "/admin/",
    ):
        page.goto(address)
        if "history/?" not in address:
            expect_literal_text(page)
    page.goto(f"/admin/customers/edit/?id={customer_id}")
    expect(page.locator("form.edit [name='name']")).to_have_value(NAME)


def test_markup_in_a_name_is_text_where_scripts_write_it(open_as: OpenAs, customer_id: int) -> None:
    page = open_as(Role.ADMIN)
    page.goto("/admin/customers/")
    page.keyboard.press("/")
    page.keyboard.type(REFERENCE)
    expect(page.get_by_role("option", name="Bold")).to_be_visible()
    expect_literal_text(page.locator("[role=option]").page)
    page.keyboard.press("Escape")
    page.goto(f"/admin/customers/?search={REFERENCE}")
    page.locator(".list [data-peek]").first.hover()
    expect(page.get_by_role("tooltip")).to_contain_text(NAME)
    page.goto("/admin/groups/new/")
    page.get_by_role("textbox", name="Parent").click()
    page.keyboard.type("hacked")
    option = page.get_by_role("option", name="Bold")
    expect(option).to_contain_text(NAME)
    option.click()
    expect(page.get_by_role("combobox", name="Parent")).to_have_value(NAME)
    assert page.evaluate("window.hacked") is None


def test_markup_in_an_import_is_text(open_as: OpenAs, tmp_path: Path) -> None:
    page = open_as(Role.ADMIN)
    path = tmp_path / "<b>markup<b>.xlsx"
    path.write_bytes(build_workbook([valid_row(1, name=NAME, reference="XSS2", risk="<i>Severe</i>")]).getvalue())
    upload(page, path)
    expect(page.get_by_role("link", name="1 With errors")).to_be_visible()
    expect_literal_text(page)
    expect_literal_text(page, "“<i>Severe</i>” is not a risk")


def test_only_our_scripts_run(open_as: OpenAs, faults: PageFaults) -> None:
    page = open_as(Role.ADMIN)
    page.goto("/admin/")
    faults.allow("Content Security Policy")
    page.evaluate(
        """() => {
            const script = document.createElement('script');
            script.textContent = 'window.hacked = 1';
            document.body.append(script);
            document.body.insertAdjacentHTML('beforeend', '<img src="/nothing" onerror="window.hacked = 1">');
            const style = document.createElement('style');
            style.textContent = 'body { outline: 9px solid red }';
            document.head.append(style);
        }"""
    )
    faults.allow("/nothing")
    page.wait_for_timeout(200)
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("getComputedStyle(document.body).outlineStyle") == "none"
    policy_errors = [fault for fault in faults.messages if "Content Security Policy" in fault]
    assert len(policy_errors) >= 3


def test_a_message_is_shown_as_it_looks(open_as: OpenAs) -> None:
    page = open_as(Role.ADMIN)
    page.goto("/admin/users/operation/invite/?id=3")
    page.get_by_role("button", name="Send password link").click()
    expect(page.get_by_role("status").filter(has_text="emailed")).to_be_visible()
    page.goto("/admin/outbox/")
    page.locator(".list a.row-link").first.click()
    button = page.frame_locator("iframe").get_by_role("link").first
    expect(button).to_be_visible()
    expect(page.locator(".plain")).to_contain_text("/set-password/")
    with page.expect_popup() as popup:
        button.click()
    expect(popup.value.get_by_role("heading", level=1)).to_have_text("Choose a password")

"""Working without a mouse: the command palette, shortcuts, and what a press beside a menu does."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from models.enums import Role
from tests.browser.accessibility import AccessibilityCheck
from tests.browser.click_counter import ClickCounter
from tests.browser.conftest import LiveServer, OpenAs, add_prospect
from tests.browser.steps import go_to
from views.system.palette import SHORTCUTS

CUSTOMERS = "/admin/customers/"


def focused(page: Page) -> str:
    """What has the focus: its name, or its text."""
    text: str = page.evaluate(
        "() => { const at = document.activeElement; return at.name || at.textContent.trim().split('\\n')[0]; }"
    )
    return text


def open_palette(page: Page) -> Locator:
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Command palette")
    expect(palette).to_be_visible()
    expect(palette.get_by_role("option").first).to_be_visible()
    return palette


def test_the_palette_goes_to_pages_and_records_and_acts(open_as: OpenAs):
    page = open_as(Role.ADMIN)
    page.goto(CUSTOMERS)
    name = page.locator("tr[data-href] .status-link > bdi").first.text_content() or ""
    palette = open_palette(page)
    page.keyboard.type("catal")
    expect(palette.get_by_role("option", selected=True)).to_contain_text("Catalogs")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Catalogs")
    open_palette(page)
    page.keyboard.type(name[:12].lower())
    group = palette.get_by_role("group", name="Customers")
    expect(group.get_by_role("option", name=name)).to_be_visible()
    while name not in (palette.get_by_role("option", selected=True).text_content() or ""):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    open_palette(page)
    page.keyboard.type("raise al")
    expect(palette.get_by_role("group", name="This page").get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Raise alert")


def test_the_palette_keeps_the_focus_and_gives_it_back(open_as: OpenAs, accessibility: AccessibilityCheck):
    page = open_as(Role.AGENT)
    page.goto(CUSTOMERS)
    page.keyboard.press("l")
    before = focused(page)
    open_palette(page)
    accessibility.check(page, has_menus=False)
    for _ in range(3):
        page.keyboard.press("Tab")
        expect(page.locator("main :focus, aside :focus, header :focus")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert focused(page) == before
    open_palette(page)
    page.keyboard.type("no such thing at all")
    expect(page.get_by_text("No results for “no such thing at all”")).to_be_visible()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_list_and_its_records_by_keys(open_as: OpenAs):
    page = open_as(Role.ADMIN)
    page.goto(CUSTOMERS)
    names = page.locator("tr[data-href] .status-link > bdi").all_text_contents()
    page.keyboard.press("l")
    assert focused(page).startswith(names[0])
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert focused(page).startswith(names[1])
    page.keyboard.press("x")
    expect(page.get_by_text("1 selected")).to_be_visible()
    page.keyboard.press("b")
    assert focused(page) == "action"
    page.keyboard.press("x")
    expect(page.locator("#bulk")).to_be_hidden()
    page.keyboard.press("f")
    assert focused(page) == "search"
    page.keyboard.type("njkx?")
    expect(page.locator(".list-search input")).to_have_value("njkx?")
    expect(page).to_have_url(re.compile(rf"{CUSTOMERS}$"))


def test_a_record_and_its_form_by_keys(open_as: OpenAs):
    page = open_as(Role.ADMIN)
    page.goto(CUSTOMERS)
    names = page.locator("tr[data-href] .status-link > bdi").all_text_contents()
    for key in ("l", "j", "Enter"):
        page.keyboard.press(key)
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_contain_text(names[1])
    page.keyboard.press("j")
    expect(heading).to_contain_text(names[2])
    page.keyboard.press("k")
    expect(heading).to_contain_text(names[1])
    page.keyboard.press("a")
    expect(page.locator(".page-actions .menu-panel")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    expect(heading).to_contain_text("Edit")
    page.locator("form.edit [name='website']").evaluate("field => { field.value = 'https://keys.example'; }")
    page.keyboard.press("Control+s")
    expect(page.get_by_text("saved").first).to_be_visible()
    expect(heading).to_contain_text(names[1])
    page.keyboard.press("u")
    expect(page).to_have_url(re.compile(CUSTOMERS))
    page.keyboard.press("n")
    expect(page).to_have_url(re.compile("/admin/customers/new/"))


def test_the_shortcuts_are_listed_and_can_be_switched_off(open_as: OpenAs, accessibility: AccessibilityCheck):
    page = open_as(Role.MANAGER)
    page.goto(CUSTOMERS)
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_be_visible()
    accessibility.check(page, has_menus=False)
    for _, keys in SHORTCUTS:
        for _key, text, _ in keys:
            expect(dialog.get_by_text(text, exact=True).first).to_be_visible()
    page.keyboard.press("n")
    expect(page).to_have_url(re.compile(rf"{CUSTOMERS}$"))
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.goto("/profile/")
    page.get_by_label("Shortcuts of one key").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Your profile was saved.")).to_be_visible()
    page.goto(CUSTOMERS)
    for key in "?n/lj":
        page.keyboard.press(key)
    expect(page).to_have_url(re.compile(rf"{CUSTOMERS}$"))
    assert page.evaluate("() => document.activeElement === document.body")
    open_palette(page)
    page.goto("/profile/")
    page.get_by_label("Shortcuts of one key").check()
    page.get_by_role("button", name="Save").click()


@pytest.mark.parametrize("width", [1440, 390])
def test_a_press_beside_a_menu_only_closes_it(open_as: OpenAs, width: int):
    page = open_as(Role.ADMIN, width=width)
    page.goto(CUSTOMERS)
    opener = page.locator(".page-actions details.menu > summary")
    panel = page.locator(".page-actions .menu-panel")
    row, box = page.locator("tr[data-href]").nth(3), page.locator("tr[data-href] .tick input").nth(3)
    targets = [row.locator("td:not(.tick)").first, box]
    if width > 1000:  # on a phone it lies under the menu
        targets.append(page.locator(".list-search input"))
    for target in targets:
        opener.click()
        expect(panel).to_be_visible()
        place = target.bounding_box()
        assert place is not None
        page.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
        expect(panel).to_be_hidden()
        expect(page).to_have_url(re.compile(rf"{CUSTOMERS}$"))
    expect(box).not_to_be_checked()
    assert page.evaluate("() => document.activeElement.name !== 'search'")
    opener.click()
    page.locator(".user-menu > summary").click()
    expect(page.locator(".user-menu .menu-panel")).to_be_visible()
    expect(page.locator(".page-actions .menu-panel")).to_be_hidden()


def test_the_menu_of_an_administrator_fits_900_px(open_as: OpenAs):
    page = open_as(Role.ADMIN, height=900)
    page.goto("/admin/")
    assert (
        page.evaluate(
            "() => { const side = document.querySelector('.side'); return side.scrollHeight - side.clientHeight; }"
        )
        <= 0
    )
    go_to(page, "Set-up")
    page.get_by_label("Find a set-up screen").fill("vat")
    expect(page.locator(".setup-entry:visible")).to_have_count(1)
    page.get_by_role("link", name="VAT rates").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("VAT rates")


def test_two_customers_are_merged_side_by_side(
    open_as: OpenAs, accessibility: AccessibilityCheck, live_server: LiveServer
):
    """Two boxes, More, Merge and the button are five clicks; one more keeps the other record."""
    page = open_as(Role.MANAGER)
    counter = ClickCounter(page)
    names = ["Zzz Papyrus Two", "Zzz Papyrus One"]
    for number, name in enumerate(names):
        add_prospect(live_server, name, f"ZZZ-{number}")
    page.goto(f"{CUSTOMERS}?search=zzz+papyrus&sort=name&desc=1")
    for number in (0, 1):
        page.locator("tr[data-href] .tick input").nth(number).click()
    page.locator("#bulk summary").click()
    page.locator("#bulk").get_by_role("button", name="Merge").click()
    table = page.locator("[data-compare]")
    accessibility.check(page)
    expect(table.get_by_role("row", name="Reference").get_by_role("radio").first).to_be_checked()
    clicks_before = counter.clicks
    table.get_by_role("radio", name=names[1]).first.check()
    clicks_for_the_other = counter.clicks - clicks_before
    expect(table.get_by_role("row", name="Reference").get_by_role("radio").last).to_be_checked()
    expect(page.get_by_text(f"Records to be moved from {names[0]} to {names[1]}")).to_be_visible()
    page.get_by_role("button", name="Merge").click()
    expect(page.get_by_text("Customers merged.")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_contain_text(names[1])
    assert (counter.clicks - clicks_for_the_other, clicks_for_the_other, counter.keys) == (5, 1, 0)


def test_a_quick_search_is_changed_and_begun_anew(open_as: OpenAs):
    page = open_as(Role.AGENT)
    page.goto(CUSTOMERS)
    go_to(page, "Quick search")
    page.locator(".multi", has_text="Risk").or_(page.get_by_label("Risk")).first.click()
    page.get_by_label("High").check()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_role("list", name="Filters", exact=True)).to_contain_text("Risk is High")
    page.get_by_role("link", name="Modify search").click()
    expect(page.locator("[id='risk~is-value']")).to_have_text("High")
    page.get_by_role("link", name="New search").click()
    expect(page.locator("[id='risk~is-value']")).to_have_text("Any")

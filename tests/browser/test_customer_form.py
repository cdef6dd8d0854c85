"""The form of a customer as people see it: what comes first, what is marked, and where saving leads."""

import pytest
from playwright.sync_api import Locator, Page, expect

from models.enums import Role
from tests.browser.conftest import LiveServer, OpenAs, PageFaults, add_prospect
from tests.browser.steps import field, fill_core, open_tab, save


def list_labels(page: Page) -> list[str]:
    """The labels above the tabs, in order."""
    texts = page.locator(".form-main .field > .label").all_text_contents()
    return [text.removesuffix("*").strip() for text in texts]


def test_a_new_form_begins_at_the_name_and_shows_core_and_tabs(open_as: OpenAs) -> None:
    page = open_as(Role.AGENT, width=1366, height=768)
    page.goto("/admin/customers/new/")
    expect(field(page, "name")).to_be_focused()
    assert list_labels(page) == [
        "Organisation",
        "Region",
        "Departments",
        "Name",
        "Contact number",
        "Reference",
        "Address",
        "Email",
        "Start date",
        "Risk",
        "Prospect",
    ]
    foot = page.locator(".form-foot").bounding_box()
    tabs = page.get_by_role("tablist").bounding_box()
    assert foot is not None
    assert tabs is not None
    assert tabs["y"] + tabs["height"] < foot["y"]
    assert page.evaluate("scrollY") == 0


@pytest.mark.parametrize("width", [1440, 390])
def test_the_address_leads_to_its_tab(open_as: OpenAs, width: int) -> None:
    page = open_as(Role.AGENT, width=width)
    page.goto("/admin/customers/new/")
    page.get_by_role("link", name="Add address").click()
    expect(page.get_by_role("tabpanel", name="Addresses")).to_be_visible()


def test_the_days_of_the_year_end_follow_its_month(open_as: OpenAs) -> None:
    page = open_as(Role.AGENT)
    page.goto("/admin/customers/new/#financial")
    days, month = field(page, "year_end_day"), field(page, "year_end_month")
    offered = days.locator("option:not([hidden], [value=''])")
    expect(offered).to_have_count(31)
    days.select_option("31")
    for name, count in (("April", 30), ("February", 29)):
        month.select_option(label=name)
        expect(offered).to_have_count(count)
        expect(days).to_have_value(str(count))
    heights = [each.evaluate("box => box.getBoundingClientRect().top") for each in (month, days)]
    assert heights[0] == heights[1]


def list_marked_fields(page: Page) -> set[str]:
    """The labels and tabs that show the star of a required field, whether their tab is open or not."""
    return set(
        page.evaluate("""() => [...document.querySelectorAll('form.edit :is(.label, h3, .tab a) > .req:not([hidden])')]
        .map((mark) => mark.parentElement.firstChild.textContent.trim())""")
    )


def test_the_required_marks_follow_the_switch_of_prospects(open_as: OpenAs) -> None:
    page = open_as(Role.AGENT)
    page.goto("/admin/customers/new/")
    full = {"Reference", "Email", "Region", "Start date", "Risk", "Departments"}
    prospect = {"Identity", "Identity number", "Registration number", "Contacts"}
    for is_prospect, marked, unmarked in ((True, prospect, full), (False, full, prospect)):
        field(page, "is_prospect").set_checked(is_prospect)
        labels = list_marked_fields(page)
        assert "Name" in labels
        assert labels >= marked
        assert not labels & unmarked


def test_saving_leads_back_to_the_tab(open_as: OpenAs, live_server: LiveServer) -> None:
    key = add_prospect(live_server, "Back To The Tab", "BACKTAB")
    page = open_as(Role.AGENT)
    page.goto(f"/admin/customers/edit/?id={key}")
    open_tab(page, "Compliance")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_role("status").filter(has_text="Back To The Tab was saved.")).to_be_visible()
    expect(page.get_by_role("tabpanel", name="Compliance")).to_be_visible()
    save(page)
    page.wait_for_url("**/details/**")
    expect(page.get_by_role("link", name="Compliance").and_(page.locator("[aria-current]"))).to_be_visible()


def add_lines(page: Page, *names: str) -> Locator:
    """Tick commodities and add them; the block of the lines."""
    lines = open_tab(page, "Billing").locator("#billing_lines-list")
    for name in names:
        lines.get_by_role("checkbox", name=name).check()
    lines.get_by_role("button", name="Add", exact=True).click()
    return lines


@pytest.mark.parametrize("width", [1440, 1366])
def test_a_billing_line_is_one_line(open_as: OpenAs, width: int) -> None:
    page = open_as(Role.AGENT, width=width)
    page.goto("/admin/customers/new/")
    lines = add_lines(page, "Electricity", "Hosted seats")
    first = lines.locator("[data-row]").first
    names = ("commodity_id", "minimum_cost", "cost_per_unit", "location_id", "department_id", "billed_user_id")
    tops = [field(page, f"billing_lines-0-{name}").evaluate("e => e.getBoundingClientRect().top") for name in names]
    assert len(set(tops)) == 1
    assert first.evaluate("row => row.offsetHeight") < 60
    assert lines.evaluate("block => block.scrollWidth <= block.clientWidth")
    active_from = field(page, "billing_lines-0-active_from")
    expect(active_from).to_be_hidden()
    first.get_by_role("button", name="Dates").click()
    expect(active_from).to_be_visible()


def test_what_is_wrong_in_a_folded_cell_is_shown(open_as: OpenAs, faults: PageFaults) -> None:
    faults.allow("status of 422")
    page = open_as(Role.AGENT)
    page.goto("/admin/customers/new/")
    fill_core(page, "Folded Dates", "FOLDED1")
    lines = add_lines(page, "Electricity")
    row = lines.locator("[data-row]")
    dates = row.get_by_role("button", name="Dates")
    dates.click()
    field(page, "billing_lines-0-active_from").fill("2030-02-01")
    field(page, "billing_lines-0-active_to").fill("2030-01-01")
    dates.click()
    open_tab(page, "Identity")
    save(page)
    page.locator("[data-errors]").get_by_role("link", name="Billing lines, row 1, Active to").click()
    expect(field(page, "billing_lines-0-active_to")).to_be_focused()
    dates.click()
    expect(field(page, "billing_lines-0-active_to")).to_be_hidden()
    page.locator("[data-errors]").get_by_role("link", name="Billing lines, row 1, Active to").click()
    expect(field(page, "billing_lines-0-active_to")).to_be_focused()


def test_several_lines_are_removed_at_once(open_as: OpenAs) -> None:
    page = open_as(Role.AGENT, width=390)
    page.goto("/admin/customers/new/")
    lines = add_lines(page, "Electricity", "Hosted seats", "Rack space")
    for number in (0, 2):
        lines.get_by_label("Select row").nth(number).check()
    lines.get_by_role("button", name="Remove", exact=True).click()
    expect(lines.locator("[data-row]")).to_have_count(1)
    expect(field(page, "billing_lines-1-cost_per_unit")).to_have_value("12.50")


@pytest.mark.parametrize("width", [1440, 1024])
def test_heads_stand_above_their_columns(open_as: OpenAs, width: int) -> None:
    """A custom field gave the table of profiles the columns that are meant for billing lines."""
    page = open_as(Role.AGENT, width=width)
    page.goto("/admin/customers/new/")
    profiles = open_tab(page, "Invoice profiles").locator("#invoice_profiles-list")
    profiles.get_by_role("button", name="+ Add profile").click()
    lefts = "row => [...row.children].filter((e) => e.offsetWidth > 1).map((e) => e.getBoundingClientRect().left)"
    cells = profiles.locator("[data-row]").evaluate(lefts)
    assert len(cells) == 5
    assert profiles.locator("thead tr").evaluate(lefts) == cells

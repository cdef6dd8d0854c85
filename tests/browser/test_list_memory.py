"""Whoever comes back to a list finds it as it was left, and goes from one record to the next."""

from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

from models.enums import Role
from tests.browser.conftest import OpenAs
from tests.browser.steps import open_part

LIST_URL = "/admin/customers/"


def read_query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def list_names(page: Page) -> list[str]:
    return page.locator(".list tbody .status-link > bdi").all_inner_texts()


def test_a_record_leads_back_to_its_list_as_it_was_left(open_as: OpenAs) -> None:
    page = open_as(Role.MANAGER, height=500)
    page.goto(f"{LIST_URL}?f=risk:not:High&sort=name&desc=1")
    row = page.locator(".list tbody tr").nth(12)
    row.scroll_into_view_if_needed()
    scrolled = page.evaluate("scrollY")
    assert scrolled > 100
    row.get_by_role("link").first.click()
    open_part(page, "History")
    page.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name="Customers").click()
    expect(page.get_by_text("Risk is not High")).to_be_visible()
    assert read_query(page) == {"f": ["risk:not:High"], "sort": ["name"], "desc": ["1"]}
    expect(row).to_be_in_viewport()
    assert abs(page.evaluate("scrollY") - scrolled) < 40
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Customers").click()
    expect(page.get_by_text("Risk is not High")).to_have_count(0)


def test_records_lead_to_their_neighbours_across_pages(open_as: OpenAs) -> None:
    page = open_as(Role.MANAGER)
    page.goto(f"{LIST_URL}?sort=name&page_size=20")
    names = list_names(page)
    total = page.locator(".pager-text").inner_text().split(" of ")[1]
    page.get_by_role("link", name="Next page").click()
    expect(page.locator(".pager-text")).to_contain_text("21 to")
    following_names = list_names(page)
    page.get_by_role("link", name="Previous page").click()
    page.locator(".list tbody .status-link").nth(18).click()
    neighbours = page.get_by_role("navigation", name="Records of the list")
    expect(neighbours).to_contain_text(f"19 of {total}")
    open_part(page, "History")
    heading = page.get_by_role("heading", level=1)
    for place, name in ((20, names[19]), (21, following_names[0])):
        neighbours.get_by_role("link", name="Next record").click()
        expect(heading).to_contain_text(name)
        expect(neighbours).to_contain_text(f"{place} of {total}")
    neighbours.get_by_role("link", name="Previous record").click()
    expect(heading).to_contain_text(names[19])
    page.goto(f"{LIST_URL}?search=alpenblick+hotels")
    page.locator(".list tbody .status-link").first.click()
    expect(heading).to_be_visible()
    expect(neighbours).to_be_hidden()


def test_an_operation_leads_back_to_the_list_as_it_was_left(open_as: OpenAs) -> None:
    page = open_as(Role.MANAGER)
    page.goto(f"{LIST_URL}?f=stage:is:Live,New&sort=name&desc=1&page=0")
    query = read_query(page)
    for box in page.locator("[name='rowid']").all()[:2]:
        box.check()
    page.locator("#bulk").get_by_role("button", name="Assign account manager").click()
    page.get_by_label("Account manager").select_option(label="Ada Admin")
    page.get_by_role("button", name="Assign to 2 customers").click()
    page.get_by_role("link", name="Back", exact=True).click()
    assert {**query, "page": []} == {**read_query(page), "page": []}
    expect(page.locator(".filter-chips")).to_contain_text("Stage is any of")

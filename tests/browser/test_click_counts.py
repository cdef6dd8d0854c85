"""How few clicks and keys what people do most takes, where no other test does it anyway."""

from playwright.sync_api import Page, expect

from customerhub.core import history
from customerhub.core.permissions import Actor
from models import Customer
from models.base import db
from models.enums import Role
from tests.browser.click_counter import ClickCounter
from tests.browser.conftest import LiveServer, OpenAs, add_prospect
from tests.browser.steps import field, go_to, open_tab, save

# Scrolling that anything but the list of commodities did.
WATCH_SCROLLING = "addEventListener('scroll', () => sessionStorage.setItem('scrolled', scrollY), true)"


def test_a_customer_is_found_by_its_number_in_eight_keys(open_as: OpenAs) -> None:
    page = open_as(Role.AGENT)
    counter = ClickCounter(page)
    page.goto("/admin/")
    page.keyboard.press("/")
    page.keyboard.type("100006")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Cobalt Software Ltd")
    assert (counter.clicks, counter.keys) == (0, 8)


def test_a_customer_with_a_billing_line_takes_eleven_clicks(open_as: OpenAs) -> None:
    """And no scrolling: the button that adds what was ticked is above the list."""
    page = open_as(Role.AGENT)
    page.add_init_script(WATCH_SCROLLING)
    counter = ClickCounter(page)
    page.goto("/admin/customers/")
    page.get_by_role("link", name="Add customer").click()
    _fill_core(page, counter)
    lines = open_tab(page, "Billing").locator("#billing_lines-list")
    lines.get_by_role("checkbox", name="Electricity").click()
    lines.get_by_role("button", name="Add", exact=True).click()
    expect(field(page, "billing_lines-0-cost_per_unit")).not_to_have_value("")
    assert page.evaluate("sessionStorage.getItem('scrolled')") is None
    save(page)
    expect(page.get_by_role("status").filter(has_text="was added")).to_be_visible()
    assert (counter.clicks, counter.keys) == (11, 0)


def _fill_core(page: Page, counter: ClickCounter) -> None:
    expect(field(page, "name")).to_be_focused()
    counter.type("Eleven Clicks Ltd")
    page.get_by_role("button", name="Load default values").click()
    expect(field(page, "risk")).to_have_value("Low")
    counter.type("ELEVEN", field(page, "reference"))
    counter.type("office@eleven.example", field(page, "email"))
    counter.choose(field(page, "region_id"), "Europe")
    page.get_by_label("Sales", exact=True).click()


def test_who_changed_a_vat_number_is_found_in_three(open_as: OpenAs, live_server: LiveServer) -> None:
    for number in (1, 2):
        key = add_prospect(live_server, f"Heron Tax {number}", f"HERON-{number}")
        with live_server.app.app_context():
            customer = db.session.get_one(Customer, key)
            with history.act_as(Actor(None, customer.organisation_id), "test"):
                customer.vat_number = f"DE13669597{number}"
                db.session.commit()
    page = open_as(Role.MANAGER)
    counter = ClickCounter(page)
    page.goto("/admin/")
    go_to(page, "History")
    counter.type("VAT number", page.locator(".list-search input"))
    page.keyboard.press("Enter")
    for number in (1, 2):
        expect(page.get_by_role("row").filter(has_text=f"Heron Tax {number}")).to_contain_text("VAT number")
    assert counter.clicks + counter.keys == 3

"""Every page of every role: nothing wider than its window, no error in the console, no word that is none of ours."""

import re
from datetime import date
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from customerhub import history
from customerhub.approvals import blacklist
from customerhub.customers import alerts
from customerhub.permissions import Actor
from models import BlacklistEntry, Customer
from models.base import db
from models.enums import Role
from tests.browser.conftest import Faults, LiveServer, OpenAs, prospect

INTERNAL = re.compile(r"\bNone\b|\bnull\b|\bundefined\b|\bNaN\b|[a-z]+_(id|key)\b")
OPERATIONS = (
    "customers/operation/assign/?id=1&id=2",
    "customers/operation/review/?id=1&id=2",
    "customers/operation/delete/?id=1",
    "customers/operation/report/?id=1",
    "users/operation/invite/?id=3",
)
OTHERS = (
    "/admin/",
    "/admin/customers/?f=risk:is:High&f=stage:is:Referred&search=zzz",
    "/admin/customers/edit/?id=1",
    *(
        f"/admin/customers/details/?id=1&tab={tab}"
        for tab in ("contracts", "profiles", "billing-lines", "compliance", "reviews", "portal", "messages")
    ),
    "/admin/customers/details/?id=1&tab=history",
    "/admin/contracts/new/?customer_id=1",
    "/admin/contracts/details/?id=1&tab=history",
    "/admin/orders/new/?customer_id=1&contract_id=1",
    "/admin/portal-users/",
    "/admin/portal-users/new/?customer=1",
    "/admin/portal-users/edit/?id=5",
    "/admin/portal-users/details/?id=5&tab=history",
    "/admin/portal-users/operation/disable/?id=5",
    "/admin/imports/upload/",
    *(f"/admin/{operation}" for operation in OPERATIONS),
    "/profile/",
    "/profile/password",
    "/profile/sign-out-everywhere",
)


def look_at(page: Page, address: str) -> None:
    answer = page.goto(address)
    assert answer is not None
    assert answer.ok, address
    told = page.evaluate("[document.documentElement.scrollWidth, innerWidth, document.body.innerText, document.title]")
    width, window, text, title = told
    assert width <= window, f"{address} is {width - window} pixels too wide"
    assert not INTERNAL.findall(text), address
    assert title.split(" · ")[0], address


def addresses_of(page: Page) -> list[str]:
    """Every list of the menu, the form to add to it, and its first row's record and form."""
    page.goto("/admin/")
    lists = page.locator(".side-nav a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    found = list(lists)
    for address in lists:
        page.goto(address)
        parts = page.locator(".page-actions > .btn-primary, .list tbody a.row-link, .list tbody .status-link")
        hrefs = parts.evaluate_all("links => links.slice(0, 2).map(link => link.getAttribute('href'))")
        found += hrefs
        found += [href.replace("/details/", "/edit/") for href in hrefs if "/details/" in href and "edit" in address]
    return list(dict.fromkeys(found))


@pytest.mark.parametrize(
    ("width", "scheme", "role"), [(390, "dark", Role.ADMIN), (1024, "light", Role.MANAGER), (1440, "dark", Role.AGENT)]
)
def test_every_page_fits(open_as: OpenAs, width: int, scheme: str, role: Role) -> None:
    page = open_as(role, width=width, color_scheme=scheme)
    found = addresses_of(page)
    assert len(found) > 40
    others = [address for address in OTHERS if role is Role.ADMIN or "operation" not in address]
    for address in [*found, *others]:
        look_at(page, address)


@pytest.mark.parametrize("role", [Role.PARTNER, Role.CUSTOMER])
@pytest.mark.parametrize("width", [390, 1440])
def test_pages_of_partners_and_customers_fit(open_as: OpenAs, role: Role, width: int) -> None:
    page = open_as(role, width=width, color_scheme="dark")
    own = ("/partner/customers/1/", "/partner/customers/1/contracts/new/") if role is Role.PARTNER else ()
    for address in (*own, "/", "/profile/", "/profile/password"):
        look_at(page, address)
    expect(page.get_by_role("navigation", name="Main").get_by_role("link")).to_have_count(0)


@pytest.mark.parametrize("width", [390, 1440])
def test_pages_of_strangers_fit(open_as: OpenAs, faults: Faults, width: int) -> None:
    page = open_as(None, width=width)
    for address in ("/sign-in", "/forgotten"):
        look_at(page, address)
    faults.allow("status of 404")
    faults.allow("status of 410")
    page.goto("/nowhere")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not found")
    page.goto("/set-password/nothing")
    expect(page.get_by_role("heading", level=1)).to_have_text("This link no longer works")


@pytest.mark.parametrize("width", [390, 1440])
def test_a_name_without_an_end_fits(open_as: OpenAs, live_server: LiveServer, width: int) -> None:
    page = open_as(Role.ADMIN, width=width)
    found = prospect(live_server, "Donau" + "dampfschiff" * 15, f"LONG{width}")
    for address in (
        f"?search=LONG{width}",
        f"details/?id={found}",
        f"details/?id={found}&tab=history",
        f"edit/?id={found}",
        f"operation/assign/?id={found}",
    ):
        look_at(page, f"/admin/customers/{address}")
    look_at(page, "/admin/")


SCROLLED = """() => [...document.querySelectorAll('.table-wrap')]
    .filter(box => box.scrollWidth > box.clientWidth + 1)
    .map(box => `${box.ariaLabel}: ${box.scrollWidth} in ${box.clientWidth}`)"""


@pytest.mark.parametrize("width", [641, 768, 1024, 1280, 1440, 1920])
def test_lists_are_read_without_scrolling_sideways(open_as: OpenAs, live_server: LiveServer, width: int) -> None:
    """What has no column of its own where there is little room stands under the name."""
    found = prospect(live_server, f"Donau{'dampfschiff' * 6} GmbH {width}", f"WIDE{width}")
    as_listed(live_server, found)
    page = open_as(Role.MANAGER, width=width)
    for address in (
        "tasks/?f=state:is:open",
        "tasks/mine/",
        "alerts/",
        "blacklist/",
        "groups/",
        "groups/details/?id=1",
        *("customers/", "contracts/", "orders/", "portal-users/", "outbox/") * (width > 700),
    ):
        page.goto(f"/admin/{address}")
        assert page.evaluate(SCROLLED) == [], address
    page.goto(f"/admin/tasks/?f=state:is:open&search=WIDE{width}")
    row = page.locator(".list tbody tr").first
    for told in ("Blacklist", "Billing", "CREDITREFORM", "1,234,567.89", "Company"):
        expect(row).to_contain_text(told)
    assert row.get_by_text("1,234,567.89").filter(visible=True).count() == 1
    assert row.get_by_text("Company").filter(visible=True).count() == 1


def as_listed(server: LiveServer, key: int) -> None:
    """Gives a customer the longest of what the lists show of it, and every member of a group that name."""
    with server.app.app_context():
        customer = db.session.get_one(Customer, key)
        actor = Actor(None, customer.organisation_id)
        with history.acting(actor, "test"):
            customer.credit_reference, customer.billing_reference = "CREDITREFORM-2026-000123456" * 2, "B" * 60
            customer.estimated_monthly_revenue, customer.group_id = Decimal("1234567.89"), 1
            blacklist.request_blacklisting(customer, reason="Never paid " * 30, actor=actor)
            alerts.raise_alert(customer, text="Ring first " * 20, valid_until=date(2199, 12, 31), actor=actor)
            entry = {"name": customer.name, "registration_number": "HRB 1234567890 " * 2, "reason": "Never paid " * 30}
            db.session.add(
                BlacklistEntry(organisation_id=customer.organisation_id, valid_until=date(2199, 12, 31), **entry)
            )
            db.session.commit()


def test_dark_is_dark(open_as: OpenAs) -> None:
    shades = []
    for scheme in ("light", "dark"):
        page = open_as(Role.AGENT, color_scheme=scheme)
        page.goto("/admin/customers/")
        shades.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert shades == ["rgb(255, 255, 255)", "rgb(20, 22, 27)"]


def test_the_menu_by_keyboard_on_a_phone(open_as: OpenAs) -> None:
    page = open_as(Role.AGENT, width=390)
    page.goto("/admin/customers/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Tab")
    opener = page.get_by_role("button", name="Menu", exact=True)
    expect(opener).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Customer Hub")).to_be_focused()
    expect(opener).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    expect(page.get_by_role("link", name="Customer Hub")).to_be_hidden()


def test_menus_and_tabs_by_keyboard(open_as: OpenAs) -> None:
    page = open_as(Role.MANAGER)
    page.goto("/admin/customers/details/?id=3")
    actions = page.locator("summary").filter(has_text="Actions")
    actions.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="Assign account manager")).to_be_focused()
    page.keyboard.press("Escape")
    expect(actions).to_be_focused()
    expect(page.get_by_role("link", name="Assign account manager")).to_be_hidden()
    page.goto("/admin/customers/edit/?id=3")
    page.get_by_role("tab", name="Financial").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("tab", name="Invoice profiles")).to_be_focused()
    expect(page.get_by_role("tabpanel", name="Invoice profiles")).to_be_visible()
    page.keyboard.press("Home")
    expect(page.get_by_role("tabpanel", name="Financial")).to_be_visible()


def test_a_person_is_looked_up_by_keyboard(open_as: OpenAs, live_server: LiveServer) -> None:
    page = open_as(Role.MANAGER)
    page.goto("/admin/customers/edit/?id=9#people")
    page.get_by_role("textbox", name="Service manager").focus()
    box = page.get_by_role("combobox", name="Service manager")
    page.keyboard.type("aish")
    expect(page.get_by_role("option", name="Aisha Agent")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(box).to_have_value("Aisha Agent")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="was saved")).to_be_visible()
    expect(page.get_by_text("Aisha Agent").first).to_be_visible()

"""Every page of every role: nothing wider than its window, nothing that axe-core calls serious, no error in the
console, no word that is none of ours.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from customerhub.approvals import blacklist
from customerhub.core import history
from customerhub.core.permissions import Actor
from customerhub.customers import alerts
from customerhub.users import accounts
from models import BlacklistEntry, Customer, User
from models.base import db
from models.enums import Role
from tests.browser.accessibility import DESKTOP, PHONE, AccessibilityCheck
from tests.browser.conftest import LiveServer, OpenAs, PageFaults, add_prospect

INTERNAL_WORDS = re.compile(r"\bNone\b(?! of the selected)|\bnull\b|\bundefined\b|\bNaN\b|[a-z]+_(id|key)\b")
OPERATIONS = (
    "customers/operation/assign/?id=1&id=2",
    "customers/operation/review/?id=1&id=2",
    "customers/operation/delete/?id=1",
    "customers/operation/report/?id=1",
    "users/operation/invite/?id=3",
)
DAILY_SCREENS = ("customers", "groups", "contracts", "orders", "portal-users", "blacklist", "alerts", "imports")
OTHER_ADDRESSES = (
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
    "/admin/search/?q=aurora",
    "/admin/quick-search/?f=risk:is:High&f=email:filled:&search=a",
    "/admin/palette/shortcuts",
    *(f"/admin/{operation}" for operation in OPERATIONS),
    "/profile/",
    "/profile/password",
    "/profile/sign-out-everywhere",
)


WIDTHS = (390, 1024, 1440)
MEASURES = "[document.documentElement.scrollWidth, innerWidth, document.body.innerText, document.title]"
# Observers and container queries have answered to another width two frames later.
SETTLED = """async width => {
    const frame = () => new Promise(requestAnimationFrame);
    while (innerWidth !== width) await frame();
    await document.fonts.ready;
    await frame();
    await frame();
}"""


def at_widths(page: Page, widths: Sequence[int]) -> Iterator[int]:
    """Give an open page each of the widths, which takes less than opening it again; from where it is, up or down."""
    assert page.viewport_size is not None
    for width in sorted(widths, reverse=page.viewport_size["width"] >= max(widths)):
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate(SETTLED, width)
        yield width


def check_page(
    page: Page, address: str, widths: Sequence[int] = WIDTHS, accessibility: AccessibilityCheck | None = None
) -> None:
    answer = page.goto(address)
    assert answer is not None
    assert answer.ok, address
    for width in at_widths(page, widths):
        needed_width, window, text, title = page.evaluate(MEASURES)
        assert needed_width <= window, f"{address} is {needed_width - window} pixels too wide at {width}"
        assert not INTERNAL_WORDS.findall(text), address
        assert title.split(" · ")[0], address
        if accessibility and width in (PHONE, DESKTOP):
            accessibility.check(page)


def check_lists(page: Page, widths: Sequence[int], accessibility: AccessibilityCheck | None) -> list[str]:
    """Check every list of the menu and of set-up. Returns the forms to add to them, and the records and forms of their
    first rows.
    """
    page.goto("/admin/set-up/")
    links = page.locator(".side-nav a, .setup-entry a")
    lists = links.evaluate_all("links => links.map(link => link.getAttribute('href'))")
    addresses: list[str] = []
    for address in dict.fromkeys(lists):
        check_page(page, address, widths, accessibility)
        for parts in (".page-actions > .btn-primary", ".list tbody a.row-link, .list tbody .status-link"):
            hrefs = page.locator(parts).evaluate_all(
                "links => links.slice(0, 1).map(link => link.getAttribute('href'))"
            )
            addresses += hrefs
            addresses += [
                href.replace("/details/", "/edit/") for href in hrefs if "/details/" in href and "edit" in address
            ]
    return [address for address in dict.fromkeys(addresses) if address not in lists]


@pytest.mark.parametrize(
    ("widths", "scheme", "role"),
    [(WIDTHS, "dark", Role.ADMIN), ((1024,), "light", Role.MANAGER), ((1440,), "dark", Role.AGENT)],
)
def test_every_page_fits(
    open_as: OpenAs, accessibility: AccessibilityCheck, widths: Sequence[int], scheme: str, role: Role
) -> None:
    """Set-up is to an agent what it is to a manager: to be read, so an agent visits its lists."""
    page = open_as(role, width=widths[0], color_scheme=scheme)
    judge = accessibility if role is Role.ADMIN else None
    addresses = check_lists(page, widths, judge)
    assert len(addresses) > 20
    if role is Role.AGENT:
        addresses = [address for address in addresses if address.split("/")[2] in DAILY_SCREENS]
        assert len(addresses) > 10
    for address in [*addresses, *(OTHER_ADDRESSES if role is Role.ADMIN else ())]:
        check_page(page, address, widths, judge)


@pytest.mark.parametrize("role", [Role.PARTNER, Role.CUSTOMER])
def test_pages_of_partners_and_customers_fit(open_as: OpenAs, accessibility: AccessibilityCheck, role: Role) -> None:
    page = open_as(role, color_scheme="dark")
    own = ("/partner/customers/1/", "/partner/customers/1/contracts/new/") if role is Role.PARTNER else ()
    for address in (*own, "/", "/profile/", "/profile/password"):
        check_page(page, address, accessibility=accessibility)
    expect(page.get_by_role("navigation", name="Main").get_by_role("link")).to_have_count(0)


def test_pages_of_strangers_fit(open_as: OpenAs, accessibility: AccessibilityCheck, faults: PageFaults) -> None:
    page = open_as(None)
    for address in ("/sign-in", "/forgotten"):
        check_page(page, address, accessibility=accessibility)
    faults.allow("status of 404")
    faults.allow("status of 410")
    page.goto("/nowhere")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not found")
    page.goto("/set-password/nothing")
    expect(page.get_by_role("heading", level=1)).to_have_text("This link no longer works")


def test_what_is_wrong_is_found(open_as: OpenAs) -> None:
    """The grey has too little contrast to the light page only."""
    page = open_as(None)
    page.goto("/sign-in")
    page.locator(".sign-links a").evaluate("link => { link.style.color = '#858585'; }")
    page.locator("label").first.evaluate("label => label.remove()")
    found = " ".join(AccessibilityCheck().find_faults(page))
    rules = ("light: color-contrast", "dark: label", "dark: color-contrast")
    assert [rule in found for rule in rules] == [True, True, False], found


def test_a_name_without_an_end_fits(open_as: OpenAs, live_server: LiveServer) -> None:
    page = open_as(Role.ADMIN)
    customer_id = add_prospect(live_server, "Donau" + "dampfschiff" * 15, "LONG")
    for address in (
        "?search=LONG",
        f"details/?id={customer_id}",
        f"details/?id={customer_id}&tab=history",
        f"edit/?id={customer_id}",
        f"operation/assign/?id={customer_id}",
    ):
        check_page(page, f"/admin/customers/{address}")
    check_page(page, "/admin/")


# What the letters that the pages show are drawn with: the family of the style, and whether its files were fetched.
FONT = """async () => {
    await document.fonts.ready;
    const style = getComputedStyle(document.querySelector('main'));
    const family = style.fontFamily.split(',')[0];
    const there = [...document.fonts].filter(face => face.status === 'loaded').map(face => face.family);
    return [family, document.fonts.check(`14px ${family}`, 'Aa09'), there.includes(family)];
}"""
LETTER_WIDTHS = """(text) => ['normal', 'tabular-nums'].map(figures => [...text].map(letter => {
    const span = document.createElement('span');
    span.style.fontVariantNumeric = figures;
    span.textContent = letter.repeat(20);
    document.querySelector('main').append(span);
    const { width } = span.getBoundingClientRect();
    span.remove();
    return width;
}))"""


@pytest.mark.parametrize("role", [None, Role.AGENT, Role.PARTNER])
def test_letters_are_those_that_come_with_the_page(open_as: OpenAs, role: Role | None) -> None:
    """So a page is as wide on every machine, whatever fonts it has."""
    page = open_as(role)
    fetched = []
    page.on("response", lambda answer: fetched.append((urlsplit(answer.url).path, answer.status)))
    page.goto("/admin/customers/" if role is Role.AGENT else "/")
    assert page.evaluate(FONT) == ["Inter", True, True]
    assert [each for each in fetched if "/fonts/" in each[0]] == [("/static/fonts/inter-latin.woff2", 200)]
    assert page.evaluate("getComputedStyle(document.querySelector('button, input, a')).fontFamily").startswith("Inter,")


def test_letters_of_other_scripts_come_when_they_are_shown(open_as: OpenAs) -> None:
    page = open_as(None)
    page.goto("/sign-in")
    for text, part in (("Łódź Ğ", "latin-ext"), ("Київ", "cyrillic"), ("Қазақ", "cyrillic-ext"), ("Αθήνα", "greek")):
        with page.expect_response(lambda answer, part=part: f"/fonts/inter-{part}.woff2" in answer.url) as came:
            page.locator("main h1").evaluate("(heading, text) => { heading.textContent = text; }", text)
        assert came.value.ok
    with page.expect_response("**/fonts/inter-vietnamese.woff2*"):
        page.locator("main h1").evaluate("heading => { heading.textContent = 'Việt Nam Ơ ₫'; }")


def test_figures_below_one_another_are_as_wide(open_as: OpenAs) -> None:
    page = open_as(None)
    page.goto("/sign-in")
    assert page.evaluate(FONT)[2]
    usual, tabular = page.evaluate(LETTER_WIDTHS, "0123456789")
    assert len(set(usual)) > 1, "not the font that has both"
    assert len(set(tabular)) == 1


# The letters that pages have where the font that comes with them is refused, as some browsers and companies do.
OTHER_FONTS = ("DejaVu Sans", "Liberation Sans", "Noto Sans")
SCROLLED = """(fonts) => {
    const root = document.documentElement, found = [];
    for (const font of [null, ...fonts]) {
        if (font) root.style.setProperty('--font', `"${font}"`); else root.style.removeProperty('--font');
        for (const box of document.querySelectorAll('.table-wrap'))
            if (box.scrollWidth > box.clientWidth + 1)
                found.push(`${font ?? 'shipped font'}, ${box.ariaLabel}: ${box.scrollWidth} in ${box.clientWidth}`);
    }
    root.style.removeProperty('--font');
    return found;
}"""
IS_THERE = """(font) => {
    const pen = document.createElement('canvas').getContext('2d');
    return ['monospace', 'serif'].every((other) => {
        pen.font = `20px ${other}`;
        const { width } = pen.measureText('Willingly 0123');
        pen.font = `20px "${font}", ${other}`;
        return pen.measureText('Willingly 0123').width !== width;
    });
}"""
ARABIC_NAME = "شركة الخليج المتحدة للاتصالات وتقنية المعلومات المحدودة (ش.م.م) 1920"
NARROW_LISTS = ("tasks/?f=state:is:open", "tasks/mine/", "alerts/", "blacklist/", "groups/")
LIST_WIDTHS = (641, 768, 1024, 1280, 1366, 1440, 1920)


def list_scrolled(page: Page, address: str, narrowest: int, fonts: Sequence[str]) -> list[tuple[str, int, list[str]]]:
    """The tables of the page at `address` that are scrolled sideways, from this width on, from 1024 in any font."""
    page.goto(f"/admin/{address}")
    widths = at_widths(page, [each for each in LIST_WIDTHS if each >= narrowest])
    found = [(address, width, page.evaluate(SCROLLED, fonts if width >= 1024 else [])) for width in widths]
    return [each for each in found if each[2]]


@pytest.mark.parametrize("font", OTHER_FONTS)
def test_lists_are_measured_in_other_fonts(page: Page, font: str) -> None:
    """Which are those that this machine has."""
    if not page.evaluate(IS_THERE, font):
        pytest.skip(f"{font} is not installed: lists are not measured in it")
    assert page.evaluate(IS_THERE, "No Such Font") is False


def test_lists_are_read_without_scrolling_sideways(open_as: OpenAs, live_server: LiveServer) -> None:
    """What has no column of its own where there is little room stands under the name."""
    for name, reference in ((f"Donau{'dampfschiff' * 6} GmbH 1920", "WIDE"), (ARABIC_NAME, "WIDE-2")):
        fill_list_columns(live_server, add_prospect(live_server, name, reference))
    page = open_as(Role.MANAGER)
    fonts = [font for font in OTHER_FONTS if page.evaluate(IS_THERE, font)]
    page.goto("/admin/set-up/")
    links = page.locator(".side-nav a, .setup-entry a")
    menu = links.evaluate_all("links => links.map(link => link.getAttribute('href').slice(7))")
    narrowest = dict.fromkeys(menu, 1440)
    narrowest |= dict.fromkeys(("customers/", "contracts/", "orders/", "portal-users/", "outbox/"), 768)
    for address in (*NARROW_LISTS, "groups/details/?id=1"):
        narrowest[address] = LIST_WIDTHS[0]
    for address in ("customers/?search=WIDE", "tasks/?f=state:is:open&search=WIDE", "customers/?search=WIDE-2"):
        narrowest[address] = 1024
    scrolled = [each for address, width in narrowest.items() for each in list_scrolled(page, address, width, fonts)]
    assert scrolled == []
    admin = open_as(Role.ADMIN)
    for address in ("users/", "users/?sort=name&desc=1&search=Maximiliane", "history/"):
        assert list_scrolled(admin, address, 1024, fonts) == []
        expect(admin.locator(".list tbody tr")).not_to_have_count(0)
    page.goto("/admin/tasks/?f=state:is:open&search=WIDE&sort=created_at")
    row = page.locator(".list tbody tr").first
    for width in at_widths(page, LIST_WIDTHS):
        for visible_text in ("Blacklist", "Live", "CREDITREFORM", "1,234,567.89", "Company"):
            expect(row).to_contain_text(visible_text)
        assert row.get_by_text("1,234,567.89").filter(visible=True).count() == 1, width
        assert row.get_by_text("Company").filter(visible=True).count() == 1, width


def fill_list_columns(server: LiveServer, key: int) -> None:
    """Gives a customer the longest of what the lists show of it, and every member of a group that name."""
    with server.app.app_context():
        customer = db.session.get_one(Customer, key)
        actor = Actor(None, customer.organisation_id)
        with history.act_as(actor, "test"):
            customer.credit_reference, customer.billing_reference = "CREDITREFORM-2026-000123456" * 2, "B" * 60
            customer.estimated_monthly_revenue, customer.group_id = Decimal("1234567.89"), 1
            blacklist.request_blacklisting(customer, reason="Never paid " * 30, actor=actor)
            alerts.raise_alert(customer, text="Ring first " * 20, valid_until=date(2199, 12, 31), actor=actor)
            entry = {"name": customer.name, "registration_number": "HRB 1234567890 " * 2, "reason": "Never paid " * 30}
            db.session.add(
                BlacklistEntry(organisation_id=customer.organisation_id, valid_until=date(2199, 12, 31), **entry)
            )
            user = User(
                organisation_id=customer.organisation_id,
                name=f"Maximiliane {'von Hohenstein ' * 3}{key}",
                email=f"maximiliane.von-hohenstein-{key}@{'donaudampfschiff' * 2}.example",
                role=Role.CUSTOMER,
                customer_id=key,
                last_sign_in_at=datetime(2026, 11, 28, 23, 59, tzinfo=UTC),
            )
            accounts.save_user(user, actor=actor)
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
    page.get_by_role("tab", name="Identity").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("tab", name="Invoice profiles")).to_be_focused()
    expect(page.get_by_role("tabpanel", name="Invoice profiles")).to_be_visible()
    page.keyboard.press("Home")
    expect(page.get_by_role("tabpanel", name="Identity")).to_be_visible()


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
    manager = page.locator(".record-main .items > div").filter(has_text="Service manager")
    expect(manager).to_contain_text("Aisha Agent")

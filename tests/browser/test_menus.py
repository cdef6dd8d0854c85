"""Every menu and panel bears the pointer: a press on its texts and on its padding neither closes nor crashes it."""

from playwright.sync_api import Locator, Page, expect

from models.enums import Role
from tests.browser.conftest import OpenAs

FILTERED = "/admin/customers/?f=risk:is:High,Low,Medium&f=start_date:filled:&f=name:has:a"
PLACES = (
    FILTERED,
    "/admin/customers/details/?id=1",
    "/admin/customers/edit/?id=1",
    "/admin/tasks/?f=state:is:open",
    "/admin/quick-search/",
)
# Filters that differ in their form.
NESTED = ("Account no.", "Balance", "Region", "Start")

# A point on each text that does nothing by itself, or only fills in a form, and points on the padding along the edges.
LIST_POINTS = """(menu) => {
    const panel = menu.querySelector(":scope > .menu-panel, :scope > form") ?? menu.lastElementChild;
    const box = panel.getBoundingClientRect();
    const points = [[box.left + 3, box.top + 3], [box.right - 3, box.bottom - 3], [box.left + 3, box.bottom - 3],
        [box.left + box.width / 2, box.top + 2], [box.left + box.width / 2, box.bottom - 2]];
    const texts = document.createTreeWalker(panel, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const node = texts.currentNode;
        if (!node.data.trim() || node.parentElement.closest("a, button, select, summary")) continue;
        const range = document.createRange();
        range.selectNodeContents(node);
        const text = range.getBoundingClientRect();
        if (text.width) points.push([text.left + text.width / 2, text.top + text.height / 2]);
    }
    return points.filter(([x, y]) => {
        const at = document.elementFromPoint(x, y);
        return at && panel.contains(at) && !at.closest("a, button, select, summary, input");
    });
}"""


def press_everywhere(page: Page, menu: Locator, name: str) -> int:
    """How many points were pressed; after each the menu is still open."""
    points = menu.evaluate(LIST_POINTS)
    for x, y in points:
        page.mouse.click(x, y)
        assert menu.evaluate("menu => menu.open && menu.isConnected"), f"{name} closed at {x:.0f}, {y:.0f}"
    return len(points)


def open_filters(page: Page, menu: Locator) -> int:
    """The forms of a menu of filters, each of another kind."""
    pressed = 0
    for label in NESTED:
        nested = menu.locator("details.filter").filter(has=page.locator("summary").filter(has_text=label)).first
        if nested.count():
            nested.locator("summary").click()
            expect(nested.locator("form")).to_be_visible()
            pressed += press_everywhere(page, nested, label)
            assert menu.evaluate("menu => menu.open"), label
            nested.locator("summary").click()
    return pressed


def test_menus_and_panels_stay_open_under_the_pointer(open_as: OpenAs) -> None:
    page = open_as(Role.MANAGER)
    known: set[str] = set()
    pressed = 0
    for address in PLACES:
        page.goto(address)
        if "/tasks/" in address or address == FILTERED:
            page.locator("tbody [name='rowid']").first.click()
        menus = page.locator("details.menu")
        for number in range(menus.count()):
            menu, opener = menus.nth(number), menus.nth(number).locator("> summary")
            name = menu.evaluate(
                "m => `${m.parentElement.className} ${m.className} ${m.innerText.trim().slice(0, 20)}`"
            )
            if name in known or not opener.is_visible():
                continue
            known.add(name)
            opener.click()
            expect(menu.locator(".menu-panel.placed").first).to_be_visible()  # where it stays
            pressed += press_everywhere(page, menu, name) + open_filters(page, menu)
            page.keyboard.press("Escape")
            expect(menu.locator("> .menu-panel")).to_be_hidden()
        assert page.url.partition("#")[0].endswith(address), "a press led elsewhere"
    assert len(known) > 8, known
    assert pressed > 60

"""Notes and attachments as people write and drop them: mentions while typing, files dropped on the page."""

from playwright.sync_api import expect

from models.enums import Role
from tests.browser.conftest import LiveServer, OpenAs, add_prospect

DROP = """() => {
  const files = new DataTransfer();
  files.items.add(new File(['first'], 'Übersicht.txt', { type: 'text/plain' }));
  files.items.add(new File(['second'], '概要.bin'));
  for (const kind of ['dragenter', 'drop']) {
    document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: files, bubbles: true, cancelable: true }));
  }
}"""


def test_a_colleague_is_mentioned_with_the_keyboard(live_server: LiveServer, open_as: OpenAs) -> None:
    customer = add_prospect(live_server, "Mention Works", "MW-1")
    page = open_as(Role.AGENT)
    page.goto(f"/admin/customers/details/?id={customer}&tab=activity")
    text = page.locator("textarea[name=text]")
    text.press_sequentially("Ask @max")
    options = page.get_by_role("listbox", name="Colleagues").get_by_role("option")
    expect(options).to_have_text(["Max Managermanager@demo.example"])
    text.press("Enter")
    expect(text).to_have_value("Ask @Max Manager ")
    text.press_sequentially("and write to kim@max")
    page.get_by_role("button", name="Add note").click()
    expect(page.locator(".mention")).to_have_text(["@Max Manager"])
    manager = open_as(Role.MANAGER)
    manager.goto("/admin/")
    manager.get_by_role("button", name="Notifications").click()
    manager.get_by_role("button", name="Aisha Agent mentioned you: Ask @Max Manager").click()
    expect(manager.get_by_role("heading", name="Note", exact=True).first).to_be_visible()
    expect(manager.locator(".mention")).to_have_text(["@Max Manager"])


def test_files_are_dropped_on_the_page(live_server: LiveServer, open_as: OpenAs) -> None:
    customer = add_prospect(live_server, "Drop Works", "DW-1")
    page = open_as(Role.AGENT)
    page.goto(f"/admin/customers/details/?id={customer}&tab=attachments")
    page.evaluate(DROP)
    expect(page.get_by_role("status").get_by_text("Attached: 2 files")).to_be_visible()
    for name in ("Übersicht.txt", "概要.bin"):
        expect(page.get_by_role("link", name=name)).to_be_visible()

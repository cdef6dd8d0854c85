"""Forms keep what people type: on errors, when leaving, when two save the same record, and without JavaScript."""

from datetime import date
from decimal import Decimal

import pytest
from playwright.sync_api import Dialog, Page, expect
from sqlalchemy import select

from models import Customer
from models.base import db
from models.enums import Role
from tests.browser.accessibility import AccessibilityCheck
from tests.browser.conftest import LiveServer, OpenAs, PageFaults, add_prospect
from tests.browser.steps import field, fill_core, open_tab, save


def get_stored_customer(live_server: LiveServer, reference: str) -> Customer:
    """The customer with this reference, with what hangs on it; inside an app context."""
    db.session.expire_all()
    return db.session.scalars(select(Customer).where(Customer.reference == reference)).one()


def open_edit_form(page: Page, live_server: LiveServer, reference: str) -> None:
    with live_server.app.app_context():
        page.goto(f"/admin/customers/edit/?id={get_stored_customer(live_server, reference).id}")


def test_leaving_a_changed_form_asks_first(open_as: OpenAs) -> None:
    page = open_as(Role.AGENT)
    questions: list[str] = []
    answers = iter([Dialog.dismiss, Dialog.accept])
    page.on("dialog", lambda dialog: (questions.append(dialog.type), next(answers)(dialog)))
    page.goto("/admin/customers/new/")
    page.get_by_role("link", name="Groups", exact=True).click()
    page.wait_for_url("**/admin/groups/")
    assert questions == []
    page.goto("/admin/customers/new/")
    field(page, "name").fill("Half a thought")
    page.get_by_role("link", name="Cancel").click()
    expect(field(page, "name")).to_have_value("Half a thought")
    page.get_by_role("link", name="Cancel").click()
    page.wait_for_url("**/admin/customers/")
    assert questions == ["beforeunload", "beforeunload"]


def test_a_form_opens_at_its_first_error(open_as: OpenAs, faults: PageFaults) -> None:
    page = open_as(Role.AGENT)
    faults.allow("status of 422")
    page.goto("/admin/customers/new/")
    fill_core(page, "Wrong Numbers", "WRONG1")
    open_tab(page, "Financial")
    field(page, "credit_limit").fill("12,50")
    open_tab(page, "Contacts").get_by_role("button", name="+ Add contact").click()
    save(page)
    # The browser itself objects to the contact without a name, before anything is sent.
    open_tab(page, "Portal")
    save(page)
    expect(page.get_by_role("tab", name="Contacts")).to_have_attribute("aria-selected", "true")
    expect(field(page, "contacts-0-name")).to_be_focused()
    field(page, "contacts-0-name").fill("Robin")
    save(page)
    expect(page.get_by_role("tab", name="Financial 1 to correct")).to_have_attribute("aria-selected", "true")
    expect(field(page, "credit_limit")).to_have_value("12,50")
    expect(field(page, "credit_limit")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("“12,50” is not an amount: write it as 12.50").last).to_be_visible()
    expect(field(page, "contacts-0-name")).to_have_value("Robin")


def test_two_people_who_save_the_same_customer(open_as: OpenAs, live_server: LiveServer, faults: PageFaults) -> None:
    first, second = open_as(Role.MANAGER), open_as(Role.AGENT)
    faults.allow("status of 409")
    for page in (first, second):
        open_edit_form(page, live_server, "DM-006")
    field(first, "contact_number").fill("+49 89 100")
    field(first, "website").fill("https://cobalt.example")
    save(first)
    expect(first.get_by_role("status").filter(has_text="was saved")).to_be_visible()
    field(second, "contact_number").fill("+49 30 200")
    field(second, "registration_date").fill("2001-02-03")
    save(second)
    banner = second.get_by_role("alert").filter(has_text="Max Manager saved this record")
    expect(banner.get_by_role("row", name="Contact number")).to_contain_text("+49 89 100")
    expect(banner.get_by_role("row", name="Contact number")).to_contain_text("+49 30 200")
    expect(field(second, "contact_number")).to_have_value("+49 30 200")
    expect(field(second, "website")).to_have_value("https://cobalt.example")
    save(second)
    expect(second.get_by_role("status").filter(has_text="was saved")).to_be_visible()
    with live_server.app.app_context():
        saved_customer = get_stored_customer(live_server, "DM-006")
        assert (saved_customer.contact_number, saved_customer.website) == ("+49 30 200", "https://cobalt.example")
        assert saved_customer.registration_date == date(2001, 2, 3)


def test_default_values_leave_alone_what_was_typed(open_as: OpenAs) -> None:
    page = open_as(Role.ADMIN)
    page.goto("/admin/customers/new/")
    field(page, "name").fill("Typed before")
    field(page, "risk").select_option("High")
    page.get_by_role("button", name="Load default values").click()
    expect(page.get_by_role("status").filter(has_text="1 kept as entered")).to_be_visible()
    expect(field(page, "name")).to_have_value("Typed before")
    expect(field(page, "risk")).to_have_value("High")
    field(page, "risk").select_option("")
    page.get_by_role("button", name="Load default values").click()
    expect(field(page, "risk")).to_have_value("Low")


def test_rows_are_picked_added_and_removed(open_as: OpenAs, live_server: LiveServer) -> None:
    page = open_as(Role.AGENT)
    open_edit_form(page, live_server, "DM-008")
    lines = open_tab(page, "Billing").locator("#billing_lines-list")
    for name in ("Electricity", "Hosted seats"):
        lines.get_by_role("checkbox", name=name).check()
    lines.get_by_role("button", name="Add", exact=True).click()
    expect(field(page, "billing_lines-0-minimum_cost")).to_be_focused()
    expect(field(page, "billing_lines-0-cost_per_unit")).to_have_value("0.3125")
    expect(field(page, "billing_lines-1-cost_per_unit")).to_have_value("12.50")
    remove = lines.get_by_role("button", name="Remove", exact=True)
    expect(remove).to_be_disabled()
    lines.get_by_label("Select row").first.check()
    remove.click()
    expect(lines.locator("[data-row]")).to_have_count(1)
    save(page)
    expect(page.get_by_role("status").filter(has_text="was saved")).to_be_visible()
    with live_server.app.app_context():
        (line,) = get_stored_customer(live_server, "DM-008").billing_lines
        assert (str(line), line.cost_per_unit) == ("Hosted seats", Decimal("12.5"))
    open_edit_form(page, live_server, "DM-008")
    row = open_tab(page, "Billing").locator("#billing_lines-list [data-row]")
    row.get_by_label("Select row").check()
    page.locator("#billing_lines-list").get_by_role("button", name="Remove", exact=True).click()
    expect(row.get_by_text("Undo")).to_be_visible()
    save(page)
    expect(page.get_by_role("status").filter(has_text="was saved")).to_be_visible()
    with live_server.app.app_context():
        assert get_stored_customer(live_server, "DM-008").billing_lines == []


def test_a_kind_shows_only_its_own_fields(open_as: OpenAs) -> None:
    page = open_as(Role.AGENT)
    page.goto("/admin/customers/new/")
    expect(field(page, "registration_number")).to_be_visible()
    expect(field(page, "identity_number")).to_be_hidden()
    field(page, "kind").select_option("consumer")
    expect(field(page, "registration_number")).to_be_hidden()
    expect(field(page, "identity_number")).to_be_visible()


def test_the_next_reviews_follow_what_is_typed(open_as: OpenAs) -> None:
    page = open_as(Role.AGENT)
    page.goto("/admin/customers/new/")
    panel = open_tab(page, "Review")
    field(page, "review_start_date").fill("2090-01-31")
    field(page, "review_frequency").select_option(label="1 Month")
    panel.get_by_label("Reviewer email").click()
    expect(panel.get_by_role("status")).to_contain_text("28 Feb 2090")


@pytest.mark.parametrize("width", [1440, 390])
def test_a_customer_is_added_without_javascript(open_as: OpenAs, live_server: LiveServer, width: int) -> None:
    page = open_as(Role.AGENT, width=width, java_script_enabled=False)
    page.goto("/admin/customers/new/")
    reference = f"PLAIN{width}"
    fill_core(page, f"Plain Paper {width}", reference)
    field(page, "compliance_documents-0-certificate").fill("Trade licence")
    field(page, "compliance_documents-0-expiry_date").fill("2090-05-01")
    field(page, "contacts-0-name").fill("Robin Sample")
    save(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"Plain Paper {width}")
    with live_server.app.app_context():
        saved_customer = get_stored_customer(live_server, reference)
        assert [document.certificate for document in saved_customer.compliance_documents] == ["Trade licence"]
        assert [contact.name for contact in saved_customer.contacts] == ["Robin Sample"]


def test_grants_are_shown_for_roles_that_can_hold_them(open_as: OpenAs) -> None:
    page = open_as(Role.ADMIN)
    page.goto("/admin/users/new/")
    heading, grant = page.get_by_role("heading", name="Additional rights"), page.get_by_label("Data protection")
    expect(heading).to_be_hidden()
    for role, is_shown in (
        ("agent", True),
        ("partner", False),
        ("manager", True),
        ("customer", False),
        ("admin", True),
    ):
        page.get_by_label("Role").select_option(role)
        expect(heading).to_be_visible(visible=is_shown)
        expect(grant).to_be_visible(visible=is_shown)
    expect(page.get_by_label("Platform")).to_have_count(0)


def test_a_type_of_address_is_chosen_once(open_as: OpenAs, live_server: LiveServer) -> None:
    key = add_prospect(live_server, "Addressed", "ADDRESSED")
    page = open_as(Role.AGENT)
    page.goto(f"/admin/customers/edit/?id={key}#addresses")
    block = page.locator("#addresses-list")
    add, types = block.get_by_role("button", name="+ Add address"), block.locator("[data-rows] select[name$='-kind']")
    add.click()
    add.click()
    expect(types.nth(0)).to_have_value("mailing")
    expect(types.nth(1)).to_have_value("correspondence")
    assert types.nth(0).locator("option:disabled").all_text_contents() == ["Correspondence"]
    types.nth(0).select_option("registered")
    assert types.nth(1).locator("option:disabled").all_text_contents() == ["Registered"]
    add.click()
    expect(types.nth(2)).to_have_value("mailing")
    expect(add).to_be_disabled()
    block.locator(".remove").nth(1).click()
    expect(types).to_have_count(2)
    expect(add).to_be_enabled()
    assert types.nth(1).locator("option:disabled").all_text_contents() == ["Registered"]


def test_a_day_is_picked_with_the_keyboard(open_as: OpenAs, accessibility: AccessibilityCheck) -> None:
    page = open_as(Role.AGENT)
    page.goto("/admin/customers/new/")
    start = field(page, "start_date")
    start.fill("31 Jan 2026")
    start.press("ArrowDown")
    calendar = page.get_by_role("dialog", name="Choose Start date")
    expect(calendar.get_by_role("button", name="Saturday, 31 January 2026")).to_be_focused()
    accessibility.check(page, has_menus=False)
    page.keyboard.press("PageDown")
    expect(calendar.get_by_role("button", name="Saturday, 28 February 2026")).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(start).to_have_value("1 Mar 2026")
    expect(start).to_be_focused()
    page.get_by_role("button", name="Choose Start date from a calendar").click()
    calendar.get_by_role("button", name="Next month").click()
    page.keyboard.press("Escape")
    expect(calendar).to_have_count(0)
    expect(start).to_have_value("1 Mar 2026")


def test_default_values_fill_lists_and_are_saved_from_the_form(open_as: OpenAs, faults: PageFaults) -> None:
    faults.allow("422")  # a name that is taken
    page = open_as(Role.MANAGER)
    page.goto("/admin/customers/new/")
    field(page, "name").fill("Typed before")
    page.get_by_label("Default value set").select_option(label="Office with internet line")
    page.get_by_role("button", name="Load default values").click()
    expect(page.get_by_role("status").filter(has_text="fields filled")).to_be_visible()
    billing = open_tab(page, "Billing")
    cost = field(page, "billing_lines-0-cost_per_unit")
    expect(cost).to_have_value("39.90")
    lines = billing.locator("#billing_lines-list")
    expect(lines.get_by_text("Default", exact=True)).to_be_visible()
    cost.fill("45")
    expect(lines.get_by_text("Default", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Save as default values").click()
    dialog = page.get_by_role("dialog", name="Save as default values")
    expect(dialog.get_by_role("checkbox", name="Billing lines")).to_be_checked()
    dialog.get_by_label("Name", exact=True).fill("Company, monthly")
    dialog.get_by_role("button", name="Save default values").click()
    expect(dialog.get_by_role("alert")).to_contain_text("already in use")
    dialog.get_by_label("Name", exact=True).fill("Offices at 45")
    dialog.get_by_role("button", name="Save default values").click()
    expect(page.get_by_text("Default values saved")).to_be_visible()
    expect(field(page, "name")).to_have_value("Typed before")
    page.reload()
    expect(page.get_by_label("Default value set")).to_contain_text("Offices at 45")

"""The links above a form lead to the field that is to be corrected, and open what it stands in."""

from playwright.sync_api import Page, expect

from models.enums import Role
from tests.browser.conftest import OpenAs, PageFaults
from tests.browser.steps import field, fill_core, open_tab, save


def follow(page: Page, link: str, name: str) -> None:
    """Follow a link of the summary; the field with this name has the focus then, and is seen."""
    page.locator("[data-errors]").get_by_role("link", name=link, exact=True).click()
    expect(field(page, name).first).to_be_focused()
    expect(field(page, name).first).to_be_in_viewport()


def add_contact(page: Page, number: int, name: str, email: str) -> None:
    page.get_by_role("button", name="+ Add contact").click()
    field(page, f"contacts-{number}-name").fill(name)
    field(page, f"contacts-{number}-email").fill(email)


def test_links_lead_into_tabs_rows_groups_and_what_is_hidden(open_as: OpenAs, faults: PageFaults) -> None:
    faults.allow("status of 422")
    page = open_as(Role.AGENT, height=500)
    page.goto("/admin/customers/new/")
    fill_core(page, "Links Ltd", "LINKS1")
    field(page, "kind").select_option("consumer")
    field(page, "is_prospect").check()
    open_tab(page, "Contacts")
    add_contact(page, 0, "Robin", "robin@links.example")
    add_contact(page, 1, "Kim", "no address")
    open_tab(page, "Compliance").get_by_role("button", name="+ Add document").click()
    field(page, "compliance_documents-0-certificate").fill("Licence")
    field(page, "compliance_documents-0-expiry_date").fill("2090-01-01")
    empty_file = {"name": "empty.pdf", "mimeType": "application/pdf", "buffer": b""}
    field(page, "compliance_documents-0-file_id").set_input_files(empty_file)
    save(page)
    follow(page, "Compliance documents, row 1, File", "compliance_documents-0-file_id")
    field(page, "compliance_documents-0-file_id").set_input_files([])
    page.get_by_label("Sales", exact=True).uncheck()
    save(page)
    follow(page, "Contacts, row 2, Email", "contacts-1-email")
    follow(page, "Registration number", "registration_number")
    field(page, "is_prospect").uncheck()
    field(page, "contacts-0-email").blur()
    save(page)
    follow(page, "Departments", "departments")
    open_tab(page, "Marketing")
    follow(page, "Contacts, row 2, Email", "contacts-1-email")


def test_a_link_leads_to_a_look_up_box_and_to_an_empty_list(open_as: OpenAs, faults: PageFaults) -> None:
    faults.allow("status of 422")
    page = open_as(Role.ADMIN)
    page.goto("/admin/users/new/")
    field(page, "name").fill("Casey")
    field(page, "email").fill("casey@links.example")
    field(page, "role").select_option("customer")
    save(page)
    follow(page, "Customer", "customer_id-text")
    page.goto("/admin/customers/new/")
    fill_core(page, "Links Ltd", "LINKS2")
    field(page, "registration_number").fill("LINKS2")
    field(page, "is_prospect").check()
    save(page)
    page.locator("[data-errors]").get_by_role("link", name="Contacts").click()
    expect(page.get_by_role("button", name="+ Add contact")).to_be_focused()


def test_what_the_browser_objects_to_is_shown(open_as: OpenAs) -> None:
    """Nothing was sent and nothing was said: the field was hidden since another was changed."""
    page = open_as(Role.ADMIN)
    page.goto("/admin/users/new/")
    field(page, "name").fill("Casey")
    field(page, "email").fill("casey@links.example")
    field(page, "role").select_option("customer")
    page.get_by_role("combobox", name="Customer").or_(page.locator("#customer_id")).fill("Nobody here")
    field(page, "role").select_option("agent")
    save(page)
    expect(page.locator("#customer_id")).to_be_focused()
    expect(page.locator("#customer_id")).to_have_value("Nobody here")

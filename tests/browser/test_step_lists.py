"""The step lists of the manuals that the hub was ordered by, walked as they are written.

Each test is named by its manual and section: s0 is the customer module of a contract platform, s2 the counterparties
of a provider's portal, s3 the customers of a telecom billing system, s4 a customer relationship suite. The steps of s1,
from a partner's registration to a live customer, are test_approvals.test_from_registration_to_live and
test_contracts.test_a_partner_adds_a_contract_and_sees_it; the banners of s0, section 8, are in
tests/views/customers/test_missing_setup.py. Steps that need invoices, connectors or signatures are not here.
"""

import re
from pathlib import Path

from openpyxl import load_workbook
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from models import Customer, InvoiceProfile, User
from models.base import db
from models.enums import BillingCycle, CustomerKind, ProfileStatus, Role
from tests.browser.conftest import LiveServer, OpenAs, add_prospect
from tests.browser.steps import field, fill_core, go_to, open_part, open_tab, save
from tests.support.pdfs import build_plain_pdf
from tests.support.workbooks import valid_row

# as the manual lists them
MANUAL_COLUMNS = {
    *("name", "reference", "address", "contactNumber", "email", "reviewStartDate", "reviewFrequency", "reviewerEmail"),
    *("notificationMessage", "creditCheckCompany", "risk", "financialEndDay", "financialEndMonth", "relationshipNote"),
    *("startDate", "regionName", "department"),
}
NDA = {"name": "nda.pdf", "mimeType": "application/pdf", "buffer": build_plain_pdf("signed by both")}


def _open_list_of_customers(page: Page) -> None:
    page.goto("/admin/")
    go_to(page, "Customers")


def _count_customers(live_server: LiveServer, reference: str) -> int:
    with live_server.app.app_context():
        counted = db.session.scalar(select(func.count()).where(Customer.reference == reference))
        return counted or 0


def test_s0_2_opening_the_list(open_as: OpenAs) -> None:
    page = open_as(Role.AGENT)
    _open_list_of_customers(page)
    headings = page.get_by_role("columnheader")
    for column in ("Name", "Reference", "Region", "Risk", "Start"):
        expect(headings.filter(has_text=column).first).to_be_visible()
    rows = page.locator("tbody tr")
    page.get_by_role("group", name="Rows per page").get_by_role("link", name="50").click()
    expect(page).to_have_url(re.compile("page_size=50"))
    page.get_by_text("Add filter", exact=True).click()
    page.locator("summary", has_text="Region").click()
    page.get_by_role("checkbox", name="Europe").check()
    page.get_by_role("button", name="Apply").locator("visible=true").click()
    expect(page.get_by_role("list", name="Filters", exact=True)).to_contain_text("Region is Europe")
    expect(rows.filter(has_text="Europe")).to_have_count(rows.count())
    page.get_by_role("main").get_by_role("searchbox").first.fill("aurora")
    page.keyboard.press("Enter")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("DM-001")


def test_s0_3_adding_a_customer(open_as: OpenAs, live_server: LiveServer) -> None:
    page = open_as(Role.ADMIN)
    _open_list_of_customers(page)
    page.get_by_role("link", name="Add customer").click()
    expect(page.locator(".field", has_text="Organisation").first).to_contain_text("Demo")
    fill_core(page, "Seven Steps Ltd", "STEP0")
    field(page, "contact_number").fill("+44 20 7946 0999")
    field(page, "start_date").fill("2 Mar 2026")
    _fill_financial_tab(page)
    _fill_review_tab(page)
    _fill_compliance_tab(page)
    _fill_billing_tab(page)
    save(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Seven Steps Ltd")
    open_part(page, "Portal users")
    expect(page.get_by_role("row").filter(has_text="office@step0.example")).to_contain_text("Seven Steps Ltd")
    with live_server.app.app_context():
        customer = db.session.scalars(select(Customer).where(Customer.reference == "STEP0")).one()
        assert (customer.year_end_month, customer.year_end_day, customer.review_frequency) == (6, 30, 12)
        assert [each.certificate for each in customer.compliance_documents] == ["Insurance"]
        [line] = customer.billing_lines
        assert (str(line.commodity), line.minimum_cost, line.cost_per_unit) == ("Electricity", 15, 2)
        assert [str(each) for each in (line.location, line.department, line.billed_user)] == [
            "Warehouse",
            "Finance",
            "Workshop",
        ]
        user = db.session.scalars(select(User).where(User.customer_id == customer.id)).one()
        assert (user.email, user.role) == ("office@step0.example", Role.CUSTOMER)


def _fill_financial_tab(page: Page) -> None:
    open_tab(page, "Financial")
    field(page, "year_end_month").select_option(label="June")
    field(page, "year_end_day").select_option("30")
    page.get_by_text("Existing relationship", exact=True).click()
    field(page, "credit_check_company").fill("Northern Credit Bureau")
    field(page, "total_spend").fill("120000.50")


def _fill_review_tab(page: Page) -> None:
    open_tab(page, "Review")
    field(page, "review_start_date").fill("2 Mar 2026")
    field(page, "reviewer_email").fill("reviews@demo.example")
    frequencies = field(page, "review_frequency").locator("option")
    expect(frequencies).to_have_text(["", "1 Month", *(f"{number} Months" for number in range(2, 13))])
    field(page, "review_frequency").select_option(label="12 Months")
    field(page, "review_template_id").select_option(label="Customer review")
    page.get_by_text("Automatic report", exact=True).click()


def _fill_compliance_tab(page: Page) -> None:
    panel = open_tab(page, "Compliance")
    for number, certificate in enumerate(("Insurance", "Typed twice")):
        panel.get_by_role("button", name="+ Add document").click()
        field(page, f"compliance_documents-{number}-certificate").fill(certificate)
        field(page, f"compliance_documents-{number}-expiry_date").fill("31 Dec 2027")
        field(page, f"compliance_documents-{number}-reviewer_email").fill("documents@demo.example")
        field(page, f"compliance_documents-{number}-template_id").select_option(label="Document expires")
    panel.locator("[data-row]").nth(1).get_by_text("Remove", exact=True).click()


def _fill_billing_tab(page: Page) -> None:
    panel = open_tab(page, "Billing")
    lines = panel.locator("#billing_lines-list")
    for commodity in ("Electricity", "Rack space"):
        lines.get_by_role("checkbox", name=commodity).check()
    lines.get_by_role("button", name="Add", exact=True).click()
    field(page, "billing_lines-0-minimum_cost").fill("15")
    field(page, "billing_lines-0-cost_per_unit").fill("2")
    field(page, "billing_lines-0-location_id").select_option(label="Warehouse")
    field(page, "billing_lines-0-department_id").select_option(label="Finance")
    field(page, "billing_lines-0-billed_user_id").select_option(label="Workshop")
    lines.get_by_label("Select row").nth(1).check()
    lines.get_by_role("button", name="Remove", exact=True).click()
    field(page, "subscription_type_id").select_option(label="Annual")
    field(page, "number_of_users").fill("25")
    field(page, "billing_cycle").select_option(label="Quarterly")
    field(page, "billing_day").fill("15")


def test_s0_4_editing_and_invoice_profiles(open_as: OpenAs, live_server: LiveServer) -> None:
    """A profile with a file is completed at once, and then makes a contract live; one without leaves it a draft."""
    key = add_prospect(live_server, "Step Four Ltd", "STEP4")
    page = open_as(Role.ADMIN)
    page.goto(f"/admin/customers/details/?id={key}")
    for name, file in (("Signed", NDA), ("Unsigned", None)):
        open_part(page, "Invoice profiles")
        page.get_by_role("link", name="Add invoice profile").first.click()
        page.get_by_role("button", name="+ Add profile").click()
        row = page.locator("[name^='invoice_profiles-'][name$='-name']").last
        row.fill(name)
        page.locator("[name^='invoice_profiles-'][name$='-email']").last.fill(f"{name.lower()}@step4.example")
        if file:
            page.locator("[name^='invoice_profiles-'][name$='-nda_file_id']").last.set_input_files(file)  # type: ignore[arg-type]
        save(page)
        expect(page.get_by_role("row").filter(has_text=name).first).to_be_visible()
    profiles = page.get_by_role("table").first
    expect(profiles.get_by_role("columnheader")).to_contain_text(["Name", "Email", "Status", "Client NDA"])
    expect(profiles.get_by_role("row").filter(has_text="nda.pdf")).to_contain_text("Profile Completed")
    expect(profiles.get_by_role("row").filter(has_text="unsigned@")).to_contain_text("NDA Pending")
    with live_server.app.app_context():
        found = db.session.scalars(select(InvoiceProfile).where(InvoiceProfile.customer_id == key))
        assert {(each.name, each.status) for each in found} == {
            ("Signed", ProfileStatus.COMPLETED),
            ("Unsigned", ProfileStatus.NDA_PENDING),
        }


def test_s0_5_deleting_a_customer(open_as: OpenAs, live_server: LiveServer) -> None:
    add_prospect(live_server, "Added by mistake", "STEP5")
    page = open_as(Role.ADMIN)
    page.goto("/admin/customers/?search=STEP5")
    page.get_by_role("row").filter(has_text="STEP5").get_by_role("checkbox").check()
    actions = page.get_by_role("region", name="Selected rows").or_(page.locator(".bulk"))
    actions.get_by_text("More", exact=True).click()
    actions.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name=re.compile("^Delete")).click()
    expect(page.get_by_text("Added by mistake").first).to_be_visible()
    assert _count_customers(live_server, "STEP5") == 0


def test_s0_6_importing_with_the_template(open_as: OpenAs, live_server: LiveServer, tmp_path: Path) -> None:
    page = open_as(Role.ADMIN)
    _open_list_of_customers(page)
    page.get_by_role("img", name="More: add, import, export").click()
    menu = page.locator(".page-actions .menu-panel")
    expect(menu.get_by_role("link", name="Add customer")).to_be_visible()
    menu.get_by_role("link", name="Import").click()
    expect(page.get_by_text("Customers of Demo, from an Excel file.")).to_be_visible()
    with page.expect_download() as started:
        page.get_by_role("link", name="Download template").click()
    path = tmp_path / "template.xlsx"
    started.value.save_as(path)
    _fill_template(path)
    page.get_by_label("Excel file").set_input_files(path)
    page.get_by_role("button", name="Check the file").click()
    page.get_by_role("button", name="Import 2 rows").click()
    expect(page.get_by_text("2 customers were saved.")).to_be_visible(timeout=30_000)
    with live_server.app.app_context():
        customer = db.session.scalars(select(Customer).where(Customer.reference == "STEP6-1")).one()
        assert (customer.name, customer.region.name, customer.review_frequency) == ("Template 1", "Europe", 3)


def _fill_template(path: Path) -> None:
    """Two rows below the headings that the template has, which are those of the manual."""
    book = load_workbook(path)
    sheet = book.worksheets[0]
    names = [str(cell.value) for cell in sheet[1] if cell.value]
    assert set(names) >= MANUAL_COLUMNS
    for number in (1, 2):
        values = valid_row(number, name=f"Template {number}", reference=f"STEP6-{number}", reviewFrequency="3 Months")
        for column, name in enumerate(names, start=1):
            sheet.cell(number + 1, column, values.get(name))
    book.save(path)


def test_s2_a_counterparty_with_all_its_details(open_as: OpenAs, live_server: LiveServer) -> None:
    page = open_as(Role.ADMIN)
    _open_list_of_customers(page)
    page.get_by_role("link", name="Add customer").click()
    fill_core(page, "Counterparty Ltd", "CPTY")
    open_tab(page, "Identity")
    field(page, "website").fill("https://counterparty.example")
    _fill_counterparty_tabs(page)
    save(page)
    main = page.get_by_role("main")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Counterparty Ltd")
    open_part(page, "Overview")
    for text in ("https://counterparty.example", "Mid-market", "Referral", "Technical person", "Max Manager"):
        expect(main.get_by_text(text).first).to_be_visible()
    open_part(page, "History")
    expect(page.get_by_role("listitem").filter(has_text="created the record")).to_contain_text("Counterparty Ltd")
    with live_server.app.app_context():
        customer = db.session.scalars(select(Customer).where(Customer.reference == "CPTY")).one()
        assert [(each.name, str(each.business_entity)) for each in customer.legal_entities] == [
            ("Counterparty Holding AG", "Demo Telecom")
        ]
        assert [(each.number, each.purpose) for each in customer.accounts] == [(customer.account_number, "Mobile")]
        assert customer.promotional_emails


def _fill_counterparty_tabs(page: Page) -> None:
    open_tab(page, "Marketing")
    field(page, "segment_id").select_option(label="Mid-market")
    field(page, "channel_id").select_option(label="Referral")
    page.get_by_text("Receives promotional emails", exact=True).click()
    panel = open_tab(page, "Contacts")
    for number, role in enumerate(("Manager", "Technical", "Accounting")):
        panel.get_by_role("button", name="+ Add contact").click()
        field(page, f"contacts-{number}-name").fill(f"{role} person")
        field(page, f"contacts-{number}-role").select_option(label=role)
    _look_up(page, "Responsible manager", "Max Manager")
    _look_up(page, "Service manager", "Aisha Agent")
    open_tab(page, "Addresses").get_by_role("button", name="+ Add legal entity").click()
    field(page, "legal_entities-0-name").fill("Counterparty Holding AG")
    field(page, "legal_entities-0-business_entity_id").select_option(label="Demo Telecom")
    open_tab(page, "Accounts").get_by_role("button", name="+ Add account").click()
    field(page, "accounts-0-type_id").select_option(label="Usage")
    field(page, "accounts-0-purpose").fill("Mobile")
    open_tab(page, "Billing")
    field(page, "status_id").select_option(label="Active")
    page.get_by_role("group", name="Invoice types").get_by_text("One-off", exact=True).click()


def _look_up(page: Page, label: str, name: str) -> None:
    open_tab(page, "Account team")
    page.get_by_role("textbox", name=label).click()
    page.keyboard.type(name[:4])
    page.get_by_role("option", name=name).click()


def test_s3_finding_a_customer(open_as: OpenAs) -> None:
    """A link shows the status and, under the pointer, a summary; one match is opened and several are listed."""
    page = open_as(Role.AGENT)
    _open_list_of_customers(page)
    row = page.get_by_role("row").filter(has_text="DM-004")
    expect(row).to_contain_text("Active")
    row.locator("[data-peek]").first.hover()
    expect(page.locator(".peek").locator("visible=true")).to_contain_text("100004")
    page.keyboard.press("/")
    page.keyboard.type("100001")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Aurora Kältetechnik GmbH")
    page.keyboard.press("/")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("alpenblick")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row").filter(has_text="Alpenblick")).to_have_count(3)
    page.get_by_role("row").filter(has_text="DM-003").get_by_role("link", name="Alpenblick Hotels AG").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Alpenblick Hotels AG")


def test_s3_default_values_then_save(open_as: OpenAs, live_server: LiveServer) -> None:
    page = open_as(Role.AGENT)
    page.goto("/admin/customers/new/")
    page.get_by_role("button", name="Load default values").click()
    expect(page.get_by_role("status").filter(has_text="filled")).to_be_visible()
    fill_core(page, "Loaded Ltd", "LOADED")
    save(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Loaded Ltd")
    with live_server.app.app_context():
        customer = db.session.scalars(select(Customer).where(Customer.reference == "LOADED")).one()
        assert (customer.kind, customer.billing_cycle, customer.billing_day) == (
            CustomerKind.COMPANY,
            BillingCycle.MONTHLY,
            1,
        )
        assert customer.account_number


def test_s4_a_customer_of_the_relationship_suite(open_as: OpenAs, live_server: LiveServer) -> None:
    """A prospect needs little; whoever is none needs more; a customer with linked records stays."""
    page = open_as(Role.ADMIN)
    _open_list_of_customers(page)
    page.get_by_role("link", name="Add customer").click()
    field(page, "name").fill("Merlion Stores")
    page.get_by_role("switch", name="Prospect").or_(page.get_by_label("Prospect", exact=True)).first.check(force=True)
    open_tab(page, "Identity")
    expect(field(page, "customer_type").locator("option")).to_have_count(12)
    field(page, "customer_type").select_option(label="Sole proprietorship")
    field(page, "registration_number").fill("53412345X")
    open_tab(page, "Contacts").get_by_role("button", name="+ Add contact").click()
    field(page, "contacts-0-name").fill("Mei Tan")
    panel = open_tab(page, "Addresses")
    for number, kind in enumerate(("Mailing", "Correspondence")):
        panel.get_by_role("button", name="+ Add address").click()
        field(page, f"addresses-{number}-kind").select_option(label=kind)
        field(page, f"addresses-{number}-lines").fill(f"{number + 1} Harbour Road")
    field(page, "correspondence_name").fill("The Owner, Merlion Stores")
    page.get_by_role("group", name="Correspondence modes").get_by_text("SMS", exact=True).click()
    open_tab(page, "Account team")
    field(page, "group_id").select_option(label="Alpenblick Group")
    save(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Merlion Stores")
    expect(page.get_by_text("The Owner, Merlion Stores").first).to_be_visible()
    open_part(page, "Alerts")
    expect(page.get_by_role("main")).to_contain_text("lacklist")
    with live_server.app.app_context():
        customer = db.session.scalars(select(Customer).where(Customer.name == "Merlion Stores")).one()
        assert (customer.is_prospect, customer.group.name) == (True, "Alpenblick Group")
        assert len(customer.addresses) == 2

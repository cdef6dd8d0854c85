"""Contracts and orders as people make them: on a customer's page by staff, on their own page by partners."""

import re

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from customerhub.core import history
from customerhub.core.permissions import Actor
from customerhub.customers.records import save_record
from models import Alert, BlacklistEntry, Contact, Contract, Customer, InvoiceProfile, Organisation, User
from models.base import db
from models.enums import ContractStatus, Role, Severity, Stage, StatusBehaviour
from tests.browser.conftest import LiveServer, OpenAs, PageFaults
from tests.browser.steps import field, go_to, save
from tests.browser.test_approvals import _assert_fits


def make_live_customer(server: LiveServer, width: int, *, blacklisted: bool = False) -> tuple[int, str]:
    """A new live prospect of the demo's partner, with an alert and an invoice profile; its id and name."""
    name = f"{'Heron' if blacklisted else 'Gannet'} Quay {width}"
    with server.app.app_context():
        organisation = db.session.scalars(select(Organisation)).first()
        assert organisation is not None
        partner = db.session.scalars(select(User).where(User.role == Role.PARTNER)).one()
        with history.act_as(Actor(None, organisation.id), "test"):
            customer = Customer(
                name=name,
                registration_number=f"HRB 88 {name}",
                is_prospect=True,
                stage=Stage.BILLING,
                dealer_id=partner.dealer_id,
                contacts=[Contact(name="Robin Vale")],
                invoice_profiles=[InvoiceProfile(name="Main", email="pay@customer.example")],
            )
            save_record(customer, actor=Actor(None, organisation.id))
            alert = Alert(customer_id=customer.id, organisation_id=organisation.id, text="Ring the warehouse first")
            alert.severity = Severity.CRITICAL
            db.session.add(alert)
            if blacklisted:
                db.session.add(
                    BlacklistEntry(organisation_id=organisation.id, name=name, customer_id=customer.id, reason="Fraud")
                )
            db.session.commit()
        assert customer.status.behaviour is StatusBehaviour.BILL
        return customer.id, customer.name


@pytest.mark.parametrize("width", [1440, 390])
def test_staff_add_a_contract_and_an_order_from_the_customers_page(
    open_as: OpenAs, live_server: LiveServer, faults: PageFaults, width: int
) -> None:
    faults.allow("status of 422")  # how the browser reports a form that is sent back
    key, name = make_live_customer(live_server, width)
    page = open_as(Role.AGENT, width=width)
    page.goto(f"/admin/customers/details/?id={key}&tab=contracts")
    expect(page.get_by_text("No contracts yet")).to_be_visible()
    page.get_by_role("link", name="Add contract").click()
    expect(page.get_by_role("alert").filter(has_text="Ring the warehouse first")).to_be_visible()
    expect(page.locator("h1 + .subtitle")).to_contain_text(name)
    field(page, "name").fill("Harbour racks")
    expect(field(page, "invoice_profile_id").locator("option")).to_have_text(["", "Main (NDA Pending)"])
    field(page, "invoice_profile_id").select_option(label="Main (NDA Pending)")
    field(page, "connections").fill("42")
    field(page, "end_date").fill("2001-01-01")
    field(page, "contract_risk").select_option("Medium")
    save(page)
    expect(page.get_by_role("alert").filter(has_text="cannot end before it starts")).to_be_visible()
    expect(field(page, "connections")).to_have_value("42")
    _assert_fits(page, width)
    field(page, "end_date").fill("")
    save(page)
    expect(page.get_by_role("status").filter(has_text="Harbour racks was added")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Draft")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Medium risk")
    _add_order(page, width)
    page.goto(f"/admin/customers/details/?id={key}&tab=contracts")
    expect(page.get_by_text("Draft: 1 with 42 connections.")).to_be_visible()
    expect(page.get_by_text("In progress: 1 with 7 connections.")).to_be_visible()
    _assert_fits(page, width)
    with live_server.app.app_context():
        contract = db.session.scalars(select(Contract).where(Contract.customer_id == key)).one()
        assert (contract.status, contract.connections) == (ContractStatus.DRAFT, 42)


def _add_order(page: Page, width: int) -> None:
    """Order on the contract at hand, and start with it."""
    page.get_by_role("link", name="Add order").click()
    expect(field(page, "contract_id").locator("option:checked")).to_have_text(re.compile("Harbour racks"))
    field(page, "description").fill("First installation")
    field(page, "connections").fill("7")
    save(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Placed")
    page.get_by_text("Actions", exact=True).click()
    page.locator(".menu-panel").get_by_role("link", name="Start", exact=True).click()
    page.get_by_label("Note").fill("The crew is on its way")
    page.get_by_role("button", name=re.compile("^Start")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("In progress")
    _assert_fits(page, width)


@pytest.mark.parametrize("width", [1440, 390])
def test_from_the_list_the_customer_is_looked_up_first(open_as: OpenAs, faults: PageFaults, width: int) -> None:
    faults.allow("status of 422")
    page = open_as(Role.AGENT, width=width)
    page.goto("/admin/")
    go_to(page, "Contracts")
    page.locator(".page-actions").get_by_role("link", name="Add contract").last.click()
    page.get_by_role("button", name="Continue").click()
    box = page.get_by_role("combobox", name="Customer")
    box.click()
    page.keyboard.type("aurora")
    page.get_by_role("option", name=re.compile("Aurora")).click()
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("h1 + .subtitle")).to_contain_text("Aurora Kältetechnik GmbH")
    expect(page.get_by_text("Deliver to the back gate only")).to_be_visible()
    _assert_fits(page, width)


@pytest.mark.parametrize("width", [1440, 390])
def test_a_partner_adds_a_contract_and_sees_it(
    open_as: OpenAs, live_server: LiveServer, faults: PageFaults, width: int
) -> None:
    faults.allow("status of 422")
    key, name = make_live_customer(live_server, width + 1)
    page = open_as(Role.PARTNER, width=width)
    page.goto("/partner/?stage=Billing")
    page.get_by_role("link", name=name).click()
    for label in ("Registration no.", "Registration date", "Payment type", "Category"):
        expect(page.locator(".portal-cards dt").get_by_text(label)).to_be_visible()
    page.get_by_role("link", name="Add a contract").click()
    expect(page.get_by_role("alert").filter(has_text="Ring the warehouse first")).to_be_visible()
    page.get_by_label("Contract name").fill("Second site")
    page.get_by_label("Connections").fill("15")
    page.get_by_label("Name of the new profile").fill("Second site")
    page.get_by_role("button", name="Add contract").click()
    expect(page.get_by_text("Required").first).to_be_visible()
    expect(page.get_by_label("Connections")).to_have_value("15")
    page.get_by_label("Invoice profile").select_option(label="Main (NDA Pending)")
    expect(page.get_by_label("Name of the new profile")).to_be_hidden()
    _assert_fits(page, width)
    page.get_by_role("button", name="Add contract").click()
    expect(page.get_by_role("status").filter(has_text="The contract Second site was added.")).to_be_visible()
    expect(page.get_by_text("Draft: 1 with 15 connections.")).to_be_visible()
    _assert_fits(page, width)
    with live_server.app.app_context():
        contract = db.session.scalars(select(Contract).where(Contract.customer_id == key)).one()
        assert (contract.name, contract.invoice_profile.name) == ("Second site", "Main")


@pytest.mark.parametrize("width", [1440, 390])
def test_a_partner_sees_only_whom_to_ask(open_as: OpenAs, live_server: LiveServer, width: int) -> None:
    key, _ = make_live_customer(live_server, width, blacklisted=True)
    page = open_as(Role.PARTNER, width=width)
    for address in (f"/partner/customers/{key}/", f"/partner/customers/{key}/contracts/new/"):
        page.goto(address)
        expect(
            page.get_by_text("Contracts cannot be added for this customer at present. Please contact us.")
        ).to_be_visible()
        expect(page.get_by_role("button", name="Add contract")).to_have_count(0)
        expect(page.get_by_role("link", name="Add a contract")).to_have_count(0)
        assert "Fraud" not in page.content()
        assert "lacklist" not in page.content()
        _assert_fits(page, width)

"""From a partner's registration to a live customer, by four people, on a desk and on a phone."""

import re

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from customerhub.core import history
from customerhub.core.permissions import Actor
from models import BlacklistEntry, Customer, Organisation
from models.base import db
from models.enums import Role, Stage
from tests.browser.conftest import LiveServer, OpenAs, PageFaults
from tests.browser.steps import fill_core, save

QUESTION = "Who signs for the company?"
ANSWER = "Both directors together."


@pytest.mark.parametrize("width", [1440, 390])
def test_from_registration_to_live(open_as: OpenAs, live_server: LiveServer, faults: PageFaults, width: int) -> None:
    name = {1440: "Quokka Wharf Ltd", 390: "Zebra Finch Ltd"}[width]
    faults.allow("status of 422")  # how the browser reports a form that is sent back
    partner, manager, agent = (open_as(role, width=width) for role in (Role.PARTNER, Role.MANAGER, Role.AGENT))
    _register_prospect(partner, name, f"HRB 55{width}")
    _assign_to_agent(manager, name)
    _refer_to_partner(agent, name)
    _answer_question(partner, name)
    _pass_credit_check(agent, name)
    _make_live(manager, name)
    partner.goto("/partner/?stage=Billing")
    expect(partner.get_by_role("link", name=name)).to_be_visible()
    with live_server.app.app_context():
        customer = db.session.scalars(select(Customer).where(Customer.name == name)).one()
        assert customer.stage is Stage.BILLING
        assert (customer.credit_reference, customer.billing_reference) == ("CR-900", "B-900")
    for page in (partner, manager, agent):
        _assert_fits(page, width)


def _register_prospect(page: Page, name: str, number: str) -> None:
    page.goto("/partner/")
    page.get_by_role("link", name="Register a customer").click()
    page.get_by_label("Name", exact=False).first.fill(name)
    page.get_by_label("Registration number").fill(number)
    page.get_by_label("Contact person").fill("Robin Vale")
    page.get_by_label("Email").fill("nobody")
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("alert")).to_contain_text("nobody")
    expect(page.get_by_label("Registration number")).to_have_value(number)
    page.get_by_label("Email").fill(f"{name.split()[0].lower()}@customer.example")
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    expect(page.locator(".step.now")).to_have_text("New")
    _assert_fits(page, page.viewport_size["width"] if page.viewport_size else 0)


def _open_task(page: Page, name: str) -> None:
    page.goto("/admin/tasks/?f=state:is:open&search=" + name.split()[0])
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)


def _choose_action(page: Page, action: str) -> None:
    """Choose what the page of a task offers, on a button of its own or in the menu."""
    own = page.locator(".page-actions > .btn-primary", has_text=action)
    if not own.is_visible():
        page.get_by_text("Actions", exact=True).click()
        own = page.locator(".menu-panel").get_by_role("link", name=action, exact=True)
    own.click()


def _assign_to_agent(page: Page, name: str) -> None:
    _open_queue(page)
    _open_task(page, name)
    _choose_action(page, "Assign")
    page.get_by_label("Assignee").select_option(label="Aisha Agent")
    page.get_by_role("button", name="Assign").click()
    expect(page.get_by_role("status").filter(has_text="assigned")).to_be_visible()


def _open_queue(page: Page) -> None:
    page.goto("/admin/")
    opener = page.get_by_role("button", name="Menu", exact=True)
    if opener.is_visible():
        opener.click()
    page.get_by_role("navigation", name="Main").get_by_role("link", name=re.compile(r"^All tasks\s*\d+")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Approval tasks")
    _assert_fits(page, page.viewport_size["width"] if page.viewport_size else 0)


def _refer_to_partner(page: Page, name: str) -> None:
    page.goto("/admin/tasks/mine/")
    page.get_by_role("link", name=name, exact=True).click()
    page.locator("main").get_by_role("link", name=name).click()
    expect(page.get_by_role("navigation", name="Parts of this record")).to_contain_text("Billing lines")
    _choose_action(page, "Refer")
    page.get_by_label("Reason").fill(QUESTION)
    page.get_by_role("button", name="Refer").click()
    expect(page.locator(".step.now")).to_have_text("Referred")


def _answer_question(page: Page, name: str) -> None:
    page.goto("/partner/")
    banner = page.get_by_role("status").or_(page.locator(".banner")).filter(has_text=f"{name}: your answer is required")
    banner.get_by_role("link", name="Answer").click()
    expect(page.get_by_text(QUESTION)).to_be_visible()
    page.get_by_label("Your answer").fill(ANSWER)
    page.get_by_role("button", name="Send answer").click()
    expect(page.get_by_text("Your answer was sent.")).to_be_visible()
    expect(page.get_by_text(ANSWER)).to_be_visible()


def _pass_credit_check(page: Page, name: str) -> None:
    _open_task(page, name)
    expect(page.get_by_text(ANSWER)).to_be_visible()
    _choose_action(page, "Pass credit check")
    page.get_by_label("Credit reference").fill("CR-900")
    page.get_by_label("Estimated monthly revenue").fill("250")
    report = {"name": "report.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 report"}
    page.get_by_label("Credit report").set_input_files(report)  # type: ignore[arg-type]
    page.get_by_role("button", name="Pass").click()
    expect(page.get_by_role("link", name="report.pdf")).to_be_visible()
    expect(page.get_by_text("Credit check passed")).to_be_visible()


def _make_live(page: Page, name: str) -> None:
    _open_task(page, name)
    _choose_action(page, "Make live")
    page.get_by_role("button", name="Make").click()
    expect(page.get_by_role("alert")).to_contain_text("Enter a billing reference")
    page.get_by_label("Billing reference").fill("B-900")
    page.get_by_role("button", name="Make").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Approved")


def _assert_fits(page: Page, width: int) -> None:
    """Nothing on the page is wider than the window."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if width >= 1440:
        wide = "[...document.querySelectorAll('.table-wrap')].filter(box => box.scrollWidth > box.clientWidth).length"
        assert page.evaluate(wide) == 0


@pytest.mark.parametrize("width", [1440, 390])
def test_a_blacklisted_number_is_refused_at_registration(
    open_as: OpenAs, live_server: LiveServer, faults: PageFaults, width: int
) -> None:
    faults.allow("status of 422")
    number = f"HRB 66{width}"
    with live_server.app.app_context():
        organisation = db.session.scalars(select(Organisation)).first()
        assert organisation is not None
        with history.act_as(Actor(None, organisation.id), "test"):
            db.session.add(
                BlacklistEntry(organisation_id=organisation.id, name="Old", registration_number=number, reason="Fraud")
            )
            db.session.commit()
    page = open_as(Role.PARTNER, width=width)
    page.goto("/partner/register/company/")
    page.get_by_label("Name", exact=False).first.fill("Innocent Ltd")
    page.get_by_label("Registration number").fill(f"hrb-66{width}")
    page.get_by_label("Contact person").fill("Robin Vale")
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("alert")).to_contain_text("We cannot accept a customer with this number")
    expect(page.get_by_text("Fraud")).to_have_count(0)
    expect(page.get_by_label("Contact person")).to_have_value("Robin Vale")
    _assert_fits(page, width)


@pytest.mark.parametrize("width", [1440, 390])
def test_a_duplicate_is_warned_of_where_people_look(open_as: OpenAs, faults: PageFaults, width: int) -> None:
    faults.allow("status of 422")
    page = open_as(Role.AGENT, width=width)
    page.goto("/admin/customers/new/")
    fill_core(page, "Granite Peak Constructions", f"GPC{width}", email=f"gpc{width}@customer.example")
    save(page)
    warned = page.get_by_role("alert").filter(has_text="This customer may already exist")
    expect(warned).to_be_focused()
    expect(warned).to_be_in_viewport()
    expect(page.get_by_text("Granite Peak Construction (")).to_be_in_viewport()
    _assert_fits(page, width)
    page.get_by_role("button", name="Save anyway").click()
    expect(page.get_by_role("status").filter(has_text="was added")).to_be_visible()

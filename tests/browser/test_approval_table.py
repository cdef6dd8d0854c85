"""The table and the board of approvals: how few clicks it takes, a column from Excel, a card that is dragged."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from customerhub.core import history
from customerhub.core.permissions import Actor
from customerhub.customers.registration import register_customer
from models import Customer, User
from models.base import db
from models.enums import CustomerKind, Role, Stage
from tests.browser.accessibility import AccessibilityCheck
from tests.browser.click_counter import ClickCounter
from tests.browser.conftest import LiveServer, OpenAs, PageFaults

AddRegistrations = Callable[..., list[int]]


@pytest.fixture
def add_registrations(live_server: LiveServer) -> AddRegistrations:
    """Has the partner register customers, called by a word of their own and a number; their ids."""

    def add(word: str, count: int, stage: Stage = Stage.NEW) -> list[int]:
        with live_server.app.app_context():
            partner = db.session.scalars(select(User).where(User.role == Role.PARTNER)).first()
            assert partner is not None
            actor = Actor.from_user(partner)
            with history.act_as(actor, "test"):
                customers = [
                    register_customer(
                        CustomerKind.COMPANY,
                        name=f"{word} {number}",
                        registration_number=f"{word} {number}",
                        contact_name="Kim",
                        actor=actor,
                    )
                    for number in range(1, count + 1)
                ]
                for customer in customers:
                    customer.stage = stage
                db.session.commit()
            return [customer.id for customer in customers]

    return add


def open_found(page: Page, word: str) -> None:
    page.goto(f"/admin/tasks/?f=state:is:open&search={word}&sort=created_at")


def read_customers(server: LiveServer, ids: list[int]) -> list[tuple[Stage, str | None]]:
    with server.app.app_context():
        found = db.session.scalars(select(Customer).where(Customer.id.in_(ids)).order_by(Customer.id))
        return [(customer.stage, customer.billing_reference) for customer in found]


def tick(page: Page, number: int) -> None:
    page.locator("tbody [name='rowid']").nth(number).click()


def act(page: Page, name: str) -> None:
    page.locator("#bulk").get_by_role("button", name=name, exact=True).click()


def test_three_are_approved_in_five_clicks(
    open_as: OpenAs, live_server: LiveServer, add_registrations: AddRegistrations
) -> None:
    ids = add_registrations("Albatross", 3)
    page = open_as(Role.MANAGER, width=1366)
    counter = ClickCounter(page)
    open_found(page, "Albatross")
    for number in range(3):
        tick(page, number)
    act(page, "Approve")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("3 tasks approved")).to_be_visible()
    assert (counter.clicks, counter.keys) == (5, 0)
    assert {stage for stage, _ in read_customers(live_server, ids)} == {Stage.PASSED}


def test_three_go_live_with_their_references_in_eight(
    open_as: OpenAs, live_server: LiveServer, add_registrations: AddRegistrations
) -> None:
    ids = add_registrations("Bustard", 3, Stage.PASSED)
    page = open_as(Role.MANAGER, width=1366)
    counter = ClickCounter(page)
    open_found(page, "Bustard")
    for number in range(3):
        tick(page, number)
    act(page, "Make live")
    for reference in ("B-1", "B-2", "B-3"):
        expect(page.locator(".row-forms input:focus")).to_have_value("")
        counter.type(reference)
        page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.get_by_text("3 tasks made live")).to_be_visible()
    assert counter.clicks + counter.keys == 8
    assert read_customers(live_server, ids) == [(Stage.BILLING, f"B-{number}") for number in (1, 2, 3)]


def test_five_are_assigned_in_six(open_as: OpenAs, add_registrations: AddRegistrations) -> None:
    add_registrations("Cormorant", 5)
    page = open_as(Role.MANAGER, width=1366)
    counter = ClickCounter(page)
    open_found(page, "Cormorant")
    tick(page, 0)
    page.keyboard.down("Shift")
    tick(page, 4)
    page.keyboard.up("Shift")
    act(page, "Assign")
    counter.choose(page.get_by_label("Assignee"), "Aisha Agent")
    page.get_by_role("button", name="Assign").click()
    expect(page.get_by_text("5 tasks assigned")).to_be_visible()
    assert counter.clicks == 6


def test_a_column_from_excel_fills_the_rows(
    open_as: OpenAs, live_server: LiveServer, add_registrations: AddRegistrations, faults: PageFaults
) -> None:
    faults.allow("status of 422")
    ids = add_registrations("Dunlin", 4, Stage.PASSED)
    page = open_as(Role.MANAGER, width=390)
    open_found(page, "Dunlin")
    tick(page, 0)
    page.locator("#bulk [data-tick-all]").click()
    act(page, "Make live")
    references = page.get_by_label("Billing reference")
    expect(references).to_have_count(4)  # the page of the operation is there
    page.wait_for_load_state()  # and its script
    _paste(page, 'X-1\t10.50\r\nX-2\r\n\r\n"X""4"\t7\r\nX-5\r\n')
    assert [field.input_value() for field in references.all()] == ["X-1", "X-2", "", 'X"4']
    expect(page.get_by_text("6 values pasted. 1 had no field and were left out.")).to_be_visible()
    page.get_by_role("button", name="Make 4 tasks live").click()
    expect(page.get_by_role("alert")).to_contain_text("Enter a billing reference")
    assert {stage for stage, _ in read_customers(live_server, ids)} == {Stage.PASSED}
    page.wait_for_load_state()  # the script is there, which the link needs
    page.get_by_role("alert").get_by_role("link").click()
    expect(references.nth(2)).to_be_focused()
    page.keyboard.insert_text("X-3")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("4 tasks made live")).to_be_visible()
    assert [reference for _, reference in read_customers(live_server, ids)] == ["X-1", "X-2", "X-3", 'X"4']


def _paste(page: Page, text: str) -> None:
    """As the browser does with what was copied, where the cursor is."""
    page.evaluate(
        """(text) => {
          const data = new DataTransfer();
          data.setData('text/plain', text);
          const options = { clipboardData: data, bubbles: true, cancelable: true };
          document.activeElement.dispatchEvent(new ClipboardEvent('paste', options));
        }""",
        text,
    )


def test_a_card_is_dragged_to_where_its_stage_allows(
    open_as: OpenAs, accessibility: AccessibilityCheck, live_server: LiveServer, add_registrations: AddRegistrations
) -> None:
    ids = add_registrations("Egret", 1)
    page = open_as(Role.MANAGER)
    open_found(page, "Egret")
    page.get_by_role("button", name="Board").click()
    card = page.locator(".board-card", has_text="Egret 1")
    expect(card).to_be_visible()
    accessibility.check(page)
    live, passed = page.locator("[data-stage='BILLING']"), page.locator("[data-stage='PASSED']")
    card.drag_to(live)
    assert "/operation/" not in page.url
    card.hover()
    page.mouse.down()
    passed.hover()
    passed.hover()
    expect(live.locator("[data-reason]")).to_have_text(
        "The stage is New. It can change to Live only from Credit check passed"
    )
    page.mouse.up()
    page.get_by_role("button", name="Pass").click()
    expect(page.locator("[data-stage='PASSED'] .board-card", has_text="Egret 1")).to_be_visible()
    assert read_customers(live_server, ids) == [(Stage.PASSED, None)]
    page.locator(".board-card", has_text="Egret 1").locator("summary").press("Enter")
    page.get_by_role("link", name="Make live").press("Enter")
    page.get_by_label("Billing reference").fill("B-77")
    page.get_by_role("button", name="Make").click()
    expect(page.locator("[data-stage='BILLING'] .board-card", has_text="Egret 1")).to_be_visible()
    page.goto("/admin/tasks/")
    expect(page.get_by_role("button", name="Board")).to_have_attribute("aria-pressed", "true")


def test_the_columns_of_the_table_are_in_sight(open_as: OpenAs) -> None:
    page = open_as(Role.MANAGER, width=1366)
    page.goto("/admin/tasks/?f=state:is:open")
    for label in (
        "Name",
        "Customer no.",
        "Dealer code",
        "Type, category",
        "Credit ref",
        "Billing ref",
        "Est. monthly revenue",
        "Created",
        "Assignee",
        "Actions",
    ):
        expect(page.get_by_role("columnheader", name=label, exact=True)).to_be_visible()
    wrap = page.locator(".table-wrap").first
    assert wrap.evaluate("box => box.scrollWidth <= box.clientWidth")

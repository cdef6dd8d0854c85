"""From a new customer to its portal: the mail is read in the outbox, the link followed, a password set."""

import re

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from customerhub.core import history
from customerhub.core.permissions import Actor
from customerhub.users.passwords import DEMO_PASSWORD, hash_password
from models import User
from models.base import db
from models.enums import Role
from seed.demo import email_of
from tests.browser.conftest import LiveServer, OpenAs
from tests.browser.steps import field, fill_core, open_tab, save, sign_in
from tests.support.servers import wait_until

PHRASE = "plum sofa ticket nine"


@pytest.mark.parametrize("width", [1440, 390])
def test_a_new_customer_comes_into_its_portal(open_as: OpenAs, width: int) -> None:
    staff, customer = open_as(Role.ADMIN, width=width), open_as(None, width=width)
    email, name = f"kim{width}@orchid.example", f"Orchid Portal {width}"
    _add_customer(staff, name, f"POR{width}", email)
    link = _read_welcome_mail(staff, email)
    customer.goto(link)
    expect(customer.get_by_role("main")).to_contain_text(f"For {email}, who signs in to the portal of {name} at Demo")
    customer.locator("[name='password']").fill(PHRASE)
    customer.locator("[name='again']").fill(PHRASE)
    customer.get_by_role("button", name="Set password").click()
    expect(customer.get_by_role("heading", level=1)).to_have_text(name)
    expect(customer.get_by_role("main")).to_contain_text("Balance")
    staff.reload()
    _expect_active(staff, name, email)


def _add_customer(page: Page, name: str, reference: str, email: str) -> None:
    page.goto("/admin/customers/new/")
    fill_core(page, name, reference, email=email)
    portal = open_tab(page, "Portal")
    expect(portal).to_contain_text(f"Saving creates a portal user for {email} and emails them a link")
    field(page, "email").fill("kim")
    field(page, "email").blur()
    expect(portal).to_contain_text("Correct the email address")
    field(page, "email").fill(email)
    field(page, "email").blur()
    expect(portal).to_contain_text(f"Saving creates a portal user for {email}")
    save(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)


def _read_welcome_mail(page: Page, email: str) -> str:
    """The address behind the button of the welcome mail, once the worker has kept it to be read here."""
    page.goto(f"/admin/outbox/?search={email}")
    page.get_by_role("main").locator("tbody a").first.click()

    def is_stored() -> bool:
        """the mail to be kept"""
        page.reload()
        return page.get_by_text("Not sent (no mail server)").count() > 0

    wait_until(is_stored, pause=0.5)
    letter = page.frame_locator("iframe")
    return letter.get_by_role("link", name="Choose a password").get_attribute("href") or ""


def _expect_active(page: Page, name: str, email: str) -> None:
    page.goto(f"/admin/portal-users/?search={email}")
    page.get_by_role("main").get_by_role("link", name=name).last.click()
    page.goto(re.sub(r"(&tab=\w+)?$", "&tab=portal", page.url))
    row = page.get_by_role("row").filter(has_text=email)
    expect(row).to_contain_text("Active")
    expect(row).to_contain_text("Reset password")


def test_what_is_denied_is_greyed_and_comes_back(open_as: OpenAs) -> None:
    page = open_as(Role.AGENT)
    page.goto("/admin/portal-users/?search=customer@demo.example")
    page.get_by_role("link", name="Clara Customer").click()
    page.get_by_role("link", name="Edit", exact=True).first.click()
    invoices = page.locator(".choice", has_text="List of invoices")
    assert invoices.evaluate("box => getComputedStyle(box).opacity") == "1"
    page.get_by_label("Deny all", exact=True).check()
    assert float(invoices.evaluate("box => getComputedStyle(box).opacity")) < 0.6
    save(page)
    expect(page.get_by_role("row").filter(has_text="customer@demo.example")).to_contain_text("Deny all")
    portal = open_as(None)
    sign_in(portal, email_of(Role.CUSTOMER), DEMO_PASSWORD)
    expect(portal.get_by_role("main")).to_contain_text("Your access does not include any page yet")
    page.get_by_role("row").filter(has_text="customer@demo.example").get_by_role("link", name="Edit").click()
    page.get_by_label("Deny all", exact=True).uncheck()
    save(page)
    expect(page.get_by_role("row").filter(has_text="customer@demo.example")).to_contain_text("Dashboard")
    portal.reload()
    expect(portal.get_by_role("main")).to_contain_text("Balance")


def test_an_address_beyond_ascii_signs_in_as_it_is_typed(open_as: OpenAs, live_server: LiveServer) -> None:
    email = "kärnten@bücher.example"
    with live_server.app.app_context():
        customer = db.session.scalars(select(User).where(User.email == email_of(Role.CUSTOMER))).one()
        person = User(
            organisation_id=customer.organisation_id,
            email=email,
            name="Kim Kärnten",
            role=Role.CUSTOMER,
            customer_id=customer.customer_id,
            password_hash=hash_password(PHRASE),
        )
        with history.act_as(Actor(None, customer.organisation_id), "test"):
            db.session.add(person)
            db.session.commit()
    for email_spelling in (email, "kärnten@xn--bcher-kva.example"):
        page = open_as(None)
        sign_in(page, email_spelling, PHRASE)
        expect(page).to_have_url(re.compile("/portal/"))
    page = open_as(None)
    page.goto("/forgotten")
    page.get_by_role("textbox", name="Email").fill(email)
    page.get_by_role("button", name="Send link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your email")

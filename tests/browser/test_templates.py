"""Writing a notification template: suggestions by keyboard and by click, the preview that follows, saving."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import FrameLocator, Page, expect
from sqlalchemy import select

from customerhub.core import clock, history
from customerhub.core.permissions import Actor
from models import ComplianceDocument, Customer, NotificationTemplate
from models.base import db
from models.enums import Role
from tests.browser.conftest import LiveServer, OpenAs, PageFaults
from tests.browser.steps import field, go_to_setup, save


def preview_frame(page: Page) -> FrameLocator:
    return page.frame_locator(".preview iframe:not(.coming)")


def list_suggestions(page: Page) -> list[str]:
    """The placeholders on offer, the marked one with an arrow."""
    rows = page.locator(".placeholders:not([hidden]) [role='option']")
    return [
        ("> " if row.get_attribute("aria-selected") == "true" else "") + row.locator("code").inner_text()
        for row in rows.all()
    ]


def find_template(live_server: LiveServer, name: str) -> NotificationTemplate | None:
    with live_server.app.app_context():
        return db.session.scalar(select(NotificationTemplate).where(NotificationTemplate.name == name))


def add_document(live_server: LiveServer, reference: str, certificate: str, days: int) -> str:
    """Gives a customer of the demo a document that expires in `days`; the customer's name."""
    with live_server.app.app_context():
        customer = db.session.scalars(select(Customer).where(Customer.reference == reference)).one()
        with history.act_as(Actor(None, customer.organisation_id), "test"):
            expiry = clock.get_today() + timedelta(days=days)
            values = {"organisation_id": customer.organisation_id, "customer_id": customer.id}
            db.session.add(ComplianceDocument(**values, certificate=certificate, expiry_date=expiry))
            db.session.commit()
        return customer.name


def type_subject(page: Page) -> None:
    """Type the subject by keyboard, its placeholders from the suggestions."""
    subject = field(page, "subject")
    subject.focus()
    page.keyboard.type("Look at {{cus")
    assert list_suggestions(page)[:2] == ["> {{customer}}", "{{customer_link}}"]
    expect(subject).to_have_attribute("aria-activedescendant", re.compile("placeholders-"))
    page.keyboard.press("Enter")
    expect(subject).to_have_value("Look at {{customer}}")
    assert list_suggestions(page) == []
    page.keyboard.type(" {{words")
    page.keyboard.press("Tab")
    expect(subject).to_have_value("Look at {{customer}} {{review_in_words}}")
    expect(subject).to_be_focused()


def type_body(page: Page) -> None:
    """Type the body by keyboard, with a placeholder that there is none of at first."""
    body = field(page, "body")
    body.focus()
    page.keyboard.type("Hello,\n\n**{{")
    assert list_suggestions(page)[0] == "> {{customer}}"
    page.keyboard.press("ArrowDown")
    assert list_suggestions(page)[1] == "> {{reference}}"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert list_suggestions(page)[-1] == "> {{report_note}}"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.type("** is {{zebra")
    expect(page.get_by_text("There is no placeholder for “zebra”").first).to_be_visible()
    page.keyboard.press("Escape")
    assert list_suggestions(page) == []
    expect(body).to_have_value("Hello,\n\n**{{customer}}** is {{zebra")
    expect(preview_frame(page).get_by_role("alert")).to_contain_text("Line 3, character 21: A placeholder is a name")
    for _ in "{{zebra":
        page.keyboard.press("Backspace")
    page.keyboard.type("due.\n- one\n- two")
    expect(preview_frame(page).get_by_role("alert")).to_have_count(0)
    expect(preview_frame(page).get_by_text("Sample values are shown.")).to_be_attached()
    expect(preview_frame(page).locator("strong")).to_have_text("Königlich Essen")
    expect(preview_frame(page).get_by_role("listitem")).to_have_text(["one", "two"])


def choose_preview_customer(page: Page) -> str:
    """Preview the mail as a customer gets it, and return its name."""
    page.locator("#preview_customer").fill("alpen")
    page.locator(".lookup").get_by_role("option").first.click()
    chosen = page.locator("#preview_customer").input_value()
    assert chosen.startswith("Alpenblick")
    expect(preview_frame(page).locator("strong")).to_have_text(chosen)
    expect(preview_frame(page).get_by_text(f"As it would be sent today for {chosen}.")).to_be_attached()
    expect(preview_frame(page).locator("pre")).to_contain_text(f"{chosen} is due.\n\n- one\n- two")
    return chosen


@pytest.mark.parametrize("width", [1440, 390])
def test_a_template_is_written_by_keyboard_previewed_and_saved(
    open_as: OpenAs, live_server: LiveServer, width: int
) -> None:
    page = open_as(Role.ADMIN, width=width)
    page.goto("/admin/")
    go_to_setup(page, "Notification templates")
    page.get_by_role("link", name="Add notification template").first.click()
    expect(preview_frame(page).get_by_text("Choose a purpose to see a preview.")).to_be_attached()
    name = f"Quarterly look {width}"
    field(page, "name").fill(name)

    subject = field(page, "subject")
    subject.focus()
    page.keyboard.type("{{")
    expect(page.get_by_text("Choose a purpose first").first).to_be_visible()
    subject.fill("")
    field(page, "purpose").select_option(label="Review due")
    type_subject(page)
    type_body(page)
    chosen = choose_preview_customer(page)
    assert find_template(live_server, name) is None
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    save(page)
    page.wait_for_url("**/admin/templates/details/**")
    template = find_template(live_server, name)
    assert template is not None
    assert template.subject == "Look at {{customer}} {{review_in_words}}"
    assert template.body.replace("\r\n", "\n") == "Hello,\n\n**{{customer}}** is due.\n- one\n- two"
    expect(preview_frame(page).locator("strong")).to_have_text("Königlich Essen")
    page.locator("#preview_customer").fill(chosen)
    page.get_by_role("option", name=chosen).first.click()
    expect(preview_frame(page).locator("strong")).to_have_text(chosen)
    page.go_back()
    assert "/details/" not in page.url, "previews are no steps of the way back"


@pytest.mark.parametrize("width", [1440, 390])
def test_placeholders_are_put_in_by_a_click(open_as: OpenAs, width: int) -> None:
    page = open_as(Role.ADMIN, width=width)
    page.goto("/admin/templates/new/")
    field(page, "purpose").select_option(label="Set password")
    subject, body = field(page, "subject"), field(page, "body")
    subject.fill("For , now")
    subject.evaluate("input => input.setSelectionRange(4, 4)")
    page.locator("[data-field='subject']").get_by_role("button", name="Insert placeholder").click()
    assert "{{link}}" not in list_suggestions(page), "others read the subject too"
    page.get_by_role("option", name="{{name}}").click()
    expect(subject).to_have_value("For {{name}}, now")
    body.fill("Go to ")
    body.evaluate("input => input.setSelectionRange(6, 6)")
    page.get_by_role("button", name="Insert {{link}}").click()
    expect(body).to_have_value("Go to {{link}}")
    expect(body).to_be_focused()
    page.keyboard.press("Control+z")
    expect(body).to_have_value("Go to ")
    subject.focus()
    page.get_by_role("button", name="Insert {{link}}").click()
    expect(subject).to_have_value("For {{name}}, now")
    expect(body).to_have_value("Go to {{link}}")
    expect(page.get_by_role("button", name="Insert {{certificate}}")).to_be_hidden()


def test_the_document_of_a_preview_is_chosen(open_as: OpenAs, live_server: LiveServer) -> None:
    page = open_as(Role.AGENT)
    add_document(live_server, "DM-007", "Long valid", 3000)
    customer = add_document(live_server, "DM-007", "Soon over", -3000)
    page.goto("/admin/templates/?search=Document expires")
    page.get_by_role("link", name="Document expires").click()
    expect(page.get_by_label("Document", exact=True)).to_be_disabled()
    page.locator("#preview_customer").fill(customer)
    page.get_by_role("option", name=customer).first.click()
    expect(preview_frame(page).locator("strong")).to_have_text("Soon over")
    page.get_by_label("Document", exact=True).select_option(label="Long valid")
    expect(preview_frame(page).locator("strong")).to_have_text("Long valid")


def test_a_refused_template_shows_where_it_is_wrong(open_as: OpenAs, faults: PageFaults) -> None:
    page = open_as(Role.ADMIN)
    faults.allow("status of 422")
    page.goto("/admin/templates/new/")
    field(page, "name").fill("Looping")
    field(page, "purpose").select_option(label="Review due")
    field(page, "subject").fill("Fine")
    field(page, "body").fill("One\n{% for c in customers %}{{ customer.email }}{% endfor %}")
    save(page)
    error_text = page.locator("#body-error")
    expect(error_text).to_contain_text("Line 2, character 1: Loops and conditions cannot be used here")
    expect(error_text).to_contain_text("Line 2, character 25: {{customer.email}} is an attribute, not a placeholder")
    expect(field(page, "body")).to_have_value("One\n{% for c in customers %}{{ customer.email }}{% endfor %}")
    expect(preview_frame(page).get_by_role("alert")).to_contain_text("Loops and conditions")


def test_without_javascript_a_button_shows_the_preview(open_as: OpenAs, live_server: LiveServer) -> None:
    page = open_as(Role.ADMIN, java_script_enabled=False)
    page.goto("/admin/templates/new/")
    field(page, "name").fill("Plain")
    field(page, "purpose").select_option(label="Review due")
    field(page, "subject").fill("About {{customer}}")
    field(page, "body").fill("It {{review_in_words}}.")
    page.locator("#preview_customer").fill("DM-004")
    page.get_by_role("button", name="Update preview").click()
    expect(preview_frame(page).get_by_text("As it would be sent today for Alpenblick Catering GmbH.")).to_be_attached()
    expect(field(page, "body")).to_have_value("It {{review_in_words}}.")
    assert find_template(live_server, "Plain") is None
    save(page)
    page.wait_for_url("**/admin/templates/details/**")
    assert find_template(live_server, "Plain") is not None

"""Nothing forgotten: a template is written, a customer saved, reminders run, the message with its report read, and the
customer's first portal user signs in by the link that they were sent.
"""

import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from customerhub.core import clock
from customerhub.core.dates import add_months
from models.enums import Role
from tests.browser.conftest import OpenAs, PageFaults
from tests.browser.steps import field, fill_core, go_to, open_tab, save
from tests.support.report_data import pages_of
from tests.support.servers import skip_test

PASSWORD = "quiet harbour lamp seven"
SECONDS = 60_000


@pytest.mark.parametrize("width", [1440, 390])
def test_from_a_template_to_a_report_and_a_portal_user(
    open_as: OpenAs, faults: PageFaults, tmp_path: Path, width: int
) -> None:
    if shutil.which("pdftoppm") is None:
        skip_test("poppler-utils is not installed")
    faults.allow("status of 410")  # the link that was used up
    admin, customer = open_as(Role.ADMIN, width=width), open_as(None, width=width)
    name, reference = {1440: ("Petrel Broadband Ltd", "PETREL"), 390: ("Heron Cloud Ltd", "HERON")}[width]
    template = f"Look at it {width}"
    _write_template(admin, template)
    record = _save_customer(admin, name, reference, template)
    _expect_next_reviews(admin, record)
    _run_reminders(admin)
    _read_message(admin, record, name, tmp_path)
    _sign_in_with_link(customer, _read_set_password_link(admin, record), name)
    for page in (admin, customer):
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def _write_template(page: Page, name: str) -> None:
    page.goto("/admin/templates/new/")
    field(page, "name").fill(name)
    field(page, "purpose").select_option(label="Review due")
    field(page, "subject").fill("Please look at {{customer}}")
    field(page, "body").fill("The review of **{{customer}}** {{review_in_words}}.\n\n{{report_note}}")
    preview = page.frame_locator(".preview iframe:not(.coming)")
    expect(preview.locator("strong")).to_have_text("Königlich Essen")
    save(page)
    page.wait_for_url("**/admin/templates/details/**")


def _save_customer(page: Page, name: str, reference: str, template: str) -> str:
    page.goto("/admin/customers/new/")
    fill_core(page, name, reference, email=f"office@{reference.lower()}.example")
    panel = open_tab(page, "Review")
    field(page, "review_start_date").fill((clock.get_today() - timedelta(days=5)).isoformat())
    field(page, "review_frequency").select_option(label="3 Months")
    field(page, "reviewer_email").fill("reviewer@demo.example")
    field(page, "review_template_id").select_option(label=template)
    panel.get_by_text("Automatic report").first.click()
    save(page)
    page.wait_for_url("**/admin/customers/details/**")
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    return re.split("[#&]", page.url)[0]


def _expect_next_reviews(page: Page, record: str) -> None:
    """The next reviews; the one that was due may have been reminded of by now."""
    page.goto(f"{record}&tab=messages")
    coming = page.locator("section", has=page.get_by_role("heading", name="Upcoming"))
    ahead = coming.get_by_role("row").filter(has_text="reviewer@demo.example").filter(has_text="Planned")
    assert ahead.count() in (3, 4)
    following = add_months(clock.get_today() - timedelta(days=5), 3)
    expect(ahead.filter(has_text=f"Review due on {following:%-d %b %Y}")).to_have_count(1)


def _run_reminders(page: Page) -> None:
    """By hand: nobody waits for the clock."""
    page.goto("/admin/")
    go_to(page, "Jobs")
    for words, expected_text in (
        ("Plans reminders for reviews and compliance documents", re.compile(r"\d+ reminders planned")),
        ("Creates the reports attached to messages", re.compile(r"\d+ reports made")),
    ):
        page.get_by_role("button", name=f"Run now: {words}").click()
        expect(page.get_by_role("row").filter(has_text=words).first).to_contain_text(expected_text, timeout=SECONDS)


def _read_message(page: Page, record: str, name: str, folder: Path) -> None:
    subject = page.get_by_role("link", name=f"Please look at {name}")
    for _ in range(120):
        page.goto(f"{record}&tab=messages")
        row = page.get_by_role("row").filter(has=subject)
        if row.count() and "Not sent (no mail server)" in row.inner_text():
            break
        page.wait_for_timeout(500)
    subject.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"Please look at {name}")
    expect(page.get_by_text(re.compile("A review was due on")).first).to_be_visible()
    mail = page.frame_locator("iframe")
    expect(mail.locator("strong").filter(has_text=name)).to_have_count(1)
    expect(mail.get_by_text(f"The performance report of {name} is attached.")).to_be_attached()
    with page.expect_download() as started:
        page.get_by_role("link", name=re.compile(r"Performance report .*\.pdf")).first.click(modifiers=["Alt"])
    report = folder / "report.pdf"
    started.value.save_as(report)
    pages = pages_of(report.read_bytes())
    assert name in pages[0]
    subprocess.run(["pdftoppm", "-r", "40", "-png", "-f", "1", "-l", "1", report, folder / "page"], check=True)
    [picture] = folder.glob("page*.png")
    assert picture.stat().st_size > 5_000, "the first page is blank"


def _read_set_password_link(page: Page, record: str) -> str:
    """The set-password link of the welcome mail, as an administrator reads it where nothing leaves the machine."""
    page.goto(f"{record}&tab=messages")
    page.get_by_role("row").filter(has_text="first email address").get_by_role("link").first.click()
    text = page.locator(".section").filter(has_text="plain text").inner_text()
    found = re.search(r"https?://\S+/set-password/[\w.%~-]+", text)
    assert found is not None, text
    return found[0]


def _sign_in_with_link(page: Page, link: str, name: str) -> None:
    page.goto(link)
    for box in page.locator("input[type=password]").all():
        box.fill(PASSWORD)
    page.get_by_role("button", name="Set password").click()
    page.wait_for_url("**/portal/**")
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    again = page.context.new_page()
    answer = again.goto(link)
    assert answer is not None
    assert answer.status == 410, "the link works once"

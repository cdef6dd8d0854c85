"""A customer's report: asked for on its page, waited for, downloaded, and told of without JavaScript."""

from pathlib import Path

from playwright.sync_api import Page, expect

from models.enums import Role
from tests.browser.conftest import LiveServer, OpenAs
from tests.support.report_data import pages_of

NAME = "Aurora Kältetechnik GmbH"


def request_report(page: Page) -> None:
    page.goto("/admin/customers/details/?id=1")
    page.get_by_text("Actions", exact=True).click()
    page.get_by_role("link", name="Create report").click()
    expect(page.get_by_role("heading", name=f"Create report: {NAME}")).to_be_visible()
    page.get_by_role("button", name="Create report").click()


def download_pages(page: Page, path: Path) -> list[str]:
    with page.expect_download() as started:
        page.get_by_role("link", name="Download").click()
    assert started.value.suggested_filename.startswith(f"Performance report {NAME} ")
    started.value.save_as(path)
    return pages_of(path.read_bytes())


def test_a_report_is_made_while_one_waits(open_as: OpenAs, tmp_path: Path) -> None:
    page = open_as(Role.AGENT)
    request_report(page)
    expect(page.get_by_text("Done", exact=True)).to_be_visible(timeout=30_000)
    pages = download_pages(page, tmp_path / "report.pdf")
    assert NAME in pages[0]
    assert pages[0].endswith(f"Page 1 of {len(pages)}")
    page.get_by_role("link", name="Back to the customer").click()
    expect(page.get_by_role("heading", name=NAME)).to_be_visible()
    page.goto("/admin/exports/")
    expect(page.get_by_role("link", name=f"Performance report {NAME}").first).to_be_visible()


def test_a_report_waits_for_a_worker_that_has_no_time(open_as: OpenAs, live_server: LiveServer, tmp_path: Path) -> None:
    page = open_as(Role.MANAGER, width=390)
    with live_server.pause_processes("worker of default"):
        request_report(page)
        expect(page.get_by_text("Waiting to start", exact=True)).to_be_visible()
        expect(page.get_by_text("You can leave this page")).to_be_visible()
        address = page.url
        page.goto("/admin/")
    page.goto(address)
    expect(page.get_by_text("Done", exact=True)).to_be_visible(timeout=30_000)
    assert NAME in download_pages(page, tmp_path / "report.pdf")[0]


def test_without_javascript_the_page_comes_back_by_itself(open_as: OpenAs, tmp_path: Path) -> None:
    page = open_as(Role.ADMIN, java_script_enabled=False)
    page.goto("/admin/customers/operation/report/?id=1")
    page.get_by_role("button", name="Create report").click()
    expect(page.get_by_role("link", name="Download")).to_be_visible(timeout=30_000)
    assert NAME in download_pages(page, tmp_path / "report.pdf")[0]

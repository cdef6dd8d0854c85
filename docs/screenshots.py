"""The pictures of the README, taken of a running demo: python -m docs.screenshots http://127.0.0.1:8000"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from customerhub.core.pdf import FONTS, TEMPLATES
from customerhub.reports.report_layout import build_document
from customerhub.users.passwords import DEMO_PASSWORD
from models.enums import Role
from seed.demo import email_of
from tests.browser.steps import field, sign_in, upload
from tests.support.report_data import FULL
from tests.support.workbooks import build_workbook, valid_row

IMAGES = Path(__file__).parent / "images"
INVALID_CELLS = {
    2: {"email": "not-an-email"},
    4: {"regionName": "Atlantis"},
    7: {"risk": "Severe", "startDate": "January"},
}
NAMES = (
    "Amber Lane Optics",
    "Bay Street Dental",
    "Cedar Hill Foods",
    "Dockside Repairs",
    "Elm Tree Nursery",
    "Fern & Oak Interiors",
    "Granary Bakers",
    "Hillview Veterinary",
    "Ivory Keys Music",
    "Juniper Press",
)


def take_screenshot(page: Page, name: str, height: int = 900) -> None:
    page.mouse.move(1, 1)
    page.set_viewport_size({"width": 1440, "height": height})
    page.screenshot(path=IMAGES / f"{name}.png")


def edit_customer(page: Page) -> None:
    """Changes that the history can tell of."""
    changes = (
        ("financial", "credit_limit", "25000"),
        ("financial", "contact_number", "+49 30 4048 530"),
        ("identity", "website", "aurora.example"),
    )
    for tab, name, value in changes:
        page.goto(f"/admin/customers/edit/?id=1#{tab}")
        field(page, name).fill(value)
        page.get_by_role("button", name="Save", exact=True).click()
        page.wait_for_url("**/details/**")


def upload_import(page: Page) -> None:
    rows = [
        valid_row(number, name=name, reference=name.upper()[:3] + str(number), **INVALID_CELLS.get(number, {}))
        for number, name in enumerate(NAMES, 1)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "new-customers.xlsx"
        path.write_bytes(build_workbook(rows).getvalue())
        upload(page, path)
        page.get_by_role("link", name="3 With errors").wait_for()


def render_report() -> None:
    """The first page of a report about a made-up customer."""
    import typst

    document = build_document(FULL)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / document.template
        source.write_bytes((TEMPLATES / document.template).read_bytes())
        for name, content in document.pictures.items():
            (Path(folder) / name).write_bytes(content)
        inputs = {"data": json.dumps(document.data)}
        pages = typst.compile(source, root=source.parent, font_paths=[FONTS], format="png", ppi=80, sys_inputs=inputs)
    (IMAGES / "report.png").write_bytes(pages[0])


def main(url: str) -> None:
    IMAGES.mkdir(exist_ok=True)
    render_report()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(base_url=url, viewport={"width": 1440, "height": 900}, locale="en-GB")
        sign_in(page, email_of(Role.ADMIN), DEMO_PASSWORD)
        page.wait_for_url("**/admin/")
        page.goto("/admin/customers/")
        take_screenshot(page, "customers", 740)
        edit_customer(page)
        page.goto("/admin/customers/details/?id=1")
        take_screenshot(page, "record")
        page.goto("/admin/customers/details/?id=1&tab=history")
        take_screenshot(page, "history", 760)
        page.goto("/admin/customers/edit/?id=1#billing")
        page.locator("#billing_lines-list").evaluate("list => scrollBy(0, list.getBoundingClientRect().top - 430)")
        take_screenshot(page, "form")
        upload_import(page)
        take_screenshot(page, "import", 860)
        page.goto("/admin/tasks/")
        take_screenshot(page, "tasks", 740)
        page.goto("/admin/tasks/operation/approve/?id=1&id=2&id=3")
        take_screenshot(page, "approve", 740)
        page.goto("/admin/templates/edit/?id=1", wait_until="networkidle")
        take_screenshot(page, "template", 860)
        page.goto("/admin/outbox/?search=Cobalt+Software")
        page.get_by_role("link", name="Review of Cobalt Software Ltd").first.click()
        page.wait_for_load_state("networkidle")
        take_screenshot(page, "message", 860)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000")

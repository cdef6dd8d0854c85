"""The screens of an import, from the upload to the revert, with the jobs run by hand in between."""

import io
import re

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select

from customerhub.customers.importing.columns import HEADERS, STANDARD_COLUMNS
from jobs import imports
from models import Customer, CustomerImport, StoredFile
from models.base import db
from models.enums import Role, TransferState
from tests.customerhub.customers.conftest import make_import_org
from tests.support.browser_client import Browser
from tests.support.imports import get_import, import_and_save, import_now, list_customers, upload_and_check
from tests.support.people import make_user
from tests.support.workbooks import build_workbook, valid_row

S = TransferState


@pytest.fixture
def browser(app, import_org):
    return Browser(app, import_org.user.id)


def upload_file(browser, content, name="customers.xlsx"):
    return browser.post(
        "/admin/imports/upload/", {"file": (io.BytesIO(content), name)}, content_type="multipart/form-data"
    )


def record_url(import_id):
    return f"/admin/imports/details/?id={import_id}"


def import_state(import_id, import_org):
    db.session.rollback()
    return get_import(import_id, import_org).state


def confirm_address(page):
    """Where the form with the button that confirms goes."""
    return re.search(r'action="([^"]*/confirm/[^"]*)"', page)[1].replace("&amp;", "&")


def test_from_upload_to_revert(browser, import_org):
    import_now(build_workbook([valid_row(1)]), import_org)
    rows = [valid_row(1, risk="High"), valid_row(2), valid_row(3, email="wrong")]
    answer = upload_file(browser, build_workbook(rows, headers=(*HEADERS, "Notes")).getvalue())
    assert answer.status_code == 303
    page = browser.get(answer.location)
    assert "Waiting to be checked" in page.text
    import_id = db.session.scalar(select(CustomerImport.id))
    db.session.commit()

    imports.check(import_id)
    page = browser.get(answer.location).text
    assert "wrong" in page
    assert "is not an email address" in page
    assert "Unknown columns were ignored: Notes." in page
    assert "Import 2 valid rows" in page
    progress = browser.get(answer.location + "&as=json").json
    assert (progress["state"], progress["done"], progress["total"]) == ("done", 3, 3)

    response = browser.post(confirm_address(page), {"action": "all"}, follow_redirects=True)
    assert "Rows with errors: 1. Fix the file" in response.text
    assert import_state(import_id, import_org) is S.READY
    db.session.commit()
    browser.post(confirm_address(page), {"action": "good"})
    assert import_state(import_id, import_org) is S.SAVING
    imports.save(import_id)
    assert "2 customers were saved" in browser.get(answer.location).text
    assert len(list_customers(import_org)) == 2

    reverted = browser.submit(f"/admin/imports/operation/revert/?id={import_id}")
    assert reverted.status_code in (302, 303), reverted.text
    assert import_state(import_id, import_org) is S.RUNNING
    imports.revert(import_id)
    assert "Reverted, except for values changed since" in browser.get(answer.location).text
    assert [customer.reference for customer in list_customers(import_org)] == ["REF1"]


def test_the_rows_in_error_can_be_fetched(browser, import_org):
    import_id = upload_and_check(build_workbook([valid_row(1), valid_row(2, risk="x")]), import_org)
    answer = browser.get(f"/admin/imports/errors/?id={import_id}")
    assert answer.headers["Content-Disposition"] == "attachment; filename=customers-errors.xlsx"
    assert load_workbook(io.BytesIO(answer.data)).active["B2"].value == 3


def test_the_template_can_be_fetched(browser):
    answer = browser.get("/admin/imports/template/")
    assert [cell.value for cell in load_workbook(io.BytesIO(answer.data)).worksheets[0][1]] == list(
        STANDARD_COLUMNS.headers
    )


def test_an_import_can_be_cancelled(browser, import_org):
    import_id = upload_and_check(build_workbook([valid_row(1)]), import_org)
    page = browser.post(f"/admin/imports/cancel/?id={import_id}", follow_redirects=True)
    assert "The import was cancelled. Nothing was saved." in page.text
    assert import_state(import_id, import_org) is S.CANCELLED


def test_an_old_preview_cannot_be_confirmed(browser, import_org):
    import_id = upload_and_check(build_workbook([valid_row(1), valid_row(2)]), import_org)
    old = confirm_address(browser.get(record_url(import_id)).text)
    browser.post(old, {"action": "all"})
    import_now(build_workbook([valid_row(1)]), import_org)
    imports.save(import_id)
    assert import_state(import_id, import_org) is S.READY
    page = browser.post(old, {"action": "all"}, follow_redirects=True).text
    assert "checked again in the meantime" in page
    assert "Customers were changed after this file was checked" in page
    assert import_state(import_id, import_org) is S.READY


@pytest.mark.parametrize("content", [b"", b"name,reference"])
def test_a_file_that_is_no_workbook_is_refused(browser, import_org, content):
    answer = upload_file(browser, content)
    if answer.status_code == 303:
        imports.check(db.session.scalar(select(func.max(CustomerImport.id))))
        assert "This is not an Excel file" in browser.get(answer.location).text
    else:
        assert "The file is empty" in answer.text
        assert db.session.scalar(select(func.count()).select_from(StoredFile)) == 0


def test_choosing_nothing_gives_a_message(browser):
    answer = browser.post("/admin/imports/upload/", {}, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert "Choose an Excel file first" in answer.text


def test_what_a_cell_holds_is_never_run(browser, import_org):
    script = "<script>alert(1)</script>"
    import_id = upload_and_check(
        build_workbook([valid_row(1, name=script, risk=script), valid_row(2, name=script)]), import_org
    )
    page = browser.get(record_url(import_id)).text
    assert script not in page
    assert "&lt;script&gt;" in page


def test_a_save_of_imported_rows_shows_them(browser, import_org):
    import_id = import_and_save(build_workbook([valid_row(number) for number in range(60)]), import_org)
    assert "Customer 3" in browser.get(record_url(import_id)).text
    assert "Customer 55" in browser.get(record_url(import_id) + "&page=1").text
    assert db.session.scalar(select(func.count()).select_from(Customer)) == 60


IMPORT_URLS = ("details", "errors", "operation/revert")
IMPORT_ACTIONS = ("confirm", "cancel", "operation/revert")


def test_imports_of_others_are_not_there(app, session, import_org, browser):
    other = make_import_org(session, "Other Telecom")
    import_id = upload_and_check(build_workbook([valid_row(1)]), other)
    session.commit()
    for place in IMPORT_URLS:
        assert browser.get(f"/admin/imports/{place}/?id={import_id}").status_code == 404, place
    for act in IMPORT_ACTIONS:
        assert browser.post(f"/admin/imports/{act}/?id={import_id}", {"action": "all"}).status_code == 404, act
    assert "customers.xlsx" not in browser.get("/admin/imports/").text
    assert import_state(import_id, other) is S.READY


@pytest.mark.parametrize("role", [Role.PARTNER, Role.CUSTOMER])
def test_who_may_not_import_reaches_no_screen(app, import_org, role):
    import_id = upload_and_check(build_workbook([valid_row(1)]), import_org)
    outsider = Browser(app, make_user(import_org.organisation, role).id)
    for place in ("", "upload/", "template/", *(f"{place}/?id={import_id}" for place in IMPORT_URLS)):
        assert outsider.get(f"/admin/imports/{place}").status_code in (403, 404), place
    for act in ("upload/", *(f"{act}/?id={import_id}" for act in IMPORT_ACTIONS)):
        assert outsider.post(f"/admin/imports/{act}").status_code in (403, 404), act
    assert import_state(import_id, import_org) is S.READY

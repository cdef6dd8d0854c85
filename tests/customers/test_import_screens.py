"""The screens of an import, from the upload to the revert, with the jobs run by hand in between."""

import io
import re

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select

from customerhub.customers.importing.columns import HEADERS
from jobs import imports
from models import Customer, CustomerImport, StoredFile
from models.base import db
from models.enums import Role, TransferState
from tests.browsing import Browser
from tests.customers.conftest import make_house
from tests.customers.importing import checked, customers, import_now, saved, the_import
from tests.customers.workbooks import good_row, written
from tests.people import make_user

S = TransferState


@pytest.fixture
def browser(app, house):
    return Browser(app, house.user.id)


def send(browser, content, name="customers.xlsx"):
    return browser.post("/admin/imports/upload/", {"file": (io.BytesIO(content), name)},
                        content_type="multipart/form-data")  # fmt: skip


def address_of(import_id):
    return f"/admin/imports/details/?id={import_id}"


def state_of(import_id, house):
    db.session.rollback()
    return the_import(import_id, house).state


def confirm_address(page):
    """Where the form with the button that confirms goes."""
    return re.search(r'action="([^"]*/confirm/[^"]*)"', page)[1].replace("&amp;", "&")


def test_from_upload_to_revert(browser, house):
    import_now(written([good_row(1)]), house)
    rows = [good_row(1, risk="High"), good_row(2), good_row(3, email="wrong")]
    answer = send(browser, written(rows, headers=(*HEADERS, "Notes")).getvalue())
    assert answer.status_code == 303
    page = browser.get(answer.location)
    assert "Waiting to be checked" in page.text
    import_id = db.session.scalar(select(CustomerImport.id))
    db.session.commit()

    imports.check(import_id)
    page = browser.get(answer.location).text
    assert "wrong" in page
    assert "is not an email address" in page
    assert "Columns that mean nothing here were left out: Notes." in page
    assert "Import 2 good rows" in page
    told = browser.get(answer.location + "&as=json").json
    assert (told["state"], told["done"], told["total"]) == ("done", 3, 3)

    refused = browser.post(confirm_address(page), {"action": "all"}, follow_redirects=True)
    assert "Rows in error: 1. Mend the file" in refused.text
    assert state_of(import_id, house) is S.READY
    db.session.commit()
    browser.post(confirm_address(page), {"action": "good"})
    assert state_of(import_id, house) is S.SAVING
    imports.save(import_id)
    assert "2 customers were saved" in browser.get(answer.location).text
    assert len(customers(house)) == 2

    reverted = browser.submit(f"/admin/imports/operation/revert/?id={import_id}")
    assert reverted.status_code in (302, 303), reverted.text
    assert state_of(import_id, house) is S.RUNNING
    imports.revert(import_id)
    assert "Taken back" in browser.get(answer.location).text
    assert [customer.reference for customer in customers(house)] == ["REF1"]


def test_the_rows_in_error_can_be_fetched(browser, house):
    import_id = checked(written([good_row(1), good_row(2, risk="x")]), house)
    answer = browser.get(f"/admin/imports/errors/?id={import_id}")
    assert answer.headers["Content-Disposition"] == "attachment; filename=customers-errors.xlsx"
    assert load_workbook(io.BytesIO(answer.data)).active["B2"].value == 3


def test_the_template_can_be_fetched(browser):
    answer = browser.get("/admin/imports/template/")
    assert [cell.value for cell in load_workbook(io.BytesIO(answer.data)).worksheets[0][1]] == list(HEADERS)


def test_an_import_can_be_cancelled(browser, house):
    import_id = checked(written([good_row(1)]), house)
    page = browser.post(f"/admin/imports/cancel/?id={import_id}", follow_redirects=True)
    assert "The import was cancelled. Nothing was saved." in page.text
    assert state_of(import_id, house) is S.CANCELLED


def test_an_old_preview_cannot_be_confirmed(browser, house):
    import_id = checked(written([good_row(1), good_row(2)]), house)
    old = confirm_address(browser.get(address_of(import_id)).text)
    browser.post(old, {"action": "all"})
    import_now(written([good_row(1)]), house)
    imports.save(import_id)
    assert state_of(import_id, house) is S.READY
    page = browser.post(old, {"action": "all"}, follow_redirects=True).text
    assert "checked again in the meantime" in page
    assert "Customers were changed after this file was checked" in page
    assert state_of(import_id, house) is S.READY


@pytest.mark.parametrize("content", [b"", b"name,reference"])
def test_a_file_that_is_no_workbook_is_told(browser, house, content):
    answer = send(browser, content)
    if answer.status_code == 303:
        imports.check(db.session.scalar(select(func.max(CustomerImport.id))))
        assert "This is not an Excel file" in browser.get(answer.location).text
    else:
        assert "The file is empty" in answer.text
        assert db.session.scalar(select(func.count()).select_from(StoredFile)) == 0


def test_nothing_chosen_is_told(browser):
    answer = browser.post("/admin/imports/upload/", {}, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert "Choose an Excel file first" in answer.text


def test_what_a_cell_holds_is_never_run(browser, house):
    script = "<script>alert(1)</script>"
    import_id = checked(written([good_row(1, name=script, risk=script), good_row(2, name=script)]), house)
    page = browser.get(address_of(import_id)).text
    assert script not in page
    assert "&lt;script&gt;" in page


def test_a_save_of_imported_rows_shows_them(browser, house):
    import_id = saved(written([good_row(number) for number in range(60)]), house)
    assert "Customer 3" in browser.get(address_of(import_id)).text
    assert "Customer 55" in browser.get(address_of(import_id) + "&page=1").text
    assert db.session.scalar(select(func.count()).select_from(Customer)) == 60


PLACES = ("details", "errors", "operation/revert")
ACTS = ("confirm", "cancel", "operation/revert")


def test_imports_of_others_are_not_there(app, session, house, browser):
    other = make_house(session, "Other Telecom")
    import_id = checked(written([good_row(1)]), other)
    session.commit()
    for place in PLACES:
        assert browser.get(f"/admin/imports/{place}/?id={import_id}").status_code == 404, place
    for act in ACTS:
        assert browser.post(f"/admin/imports/{act}/?id={import_id}", {"action": "all"}).status_code == 404, act
    assert "customers.xlsx" not in browser.get("/admin/imports/").text
    assert state_of(import_id, other) is S.READY


@pytest.mark.parametrize("role", [Role.PARTNER, Role.CUSTOMER])
def test_who_may_not_import_reaches_no_screen(app, house, role):
    import_id = checked(written([good_row(1)]), house)
    outsider = Browser(app, make_user(house.organisation, role).id)
    for place in ("", "upload/", "template/", *(f"{place}/?id={import_id}" for place in PLACES)):
        assert outsider.get(f"/admin/imports/{place}").status_code in (403, 404), place
    for act in ("upload/", *(f"{act}/?id={import_id}" for act in ACTS)):
        assert outsider.post(f"/admin/imports/{act}").status_code in (403, 404), act
    assert state_of(import_id, house) is S.READY

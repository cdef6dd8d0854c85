"""A list as a file: what the list shows, as it is filtered, in the columns that were chosen, and harmless."""

import csv
import io
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import openpyxl
import pytest
import time_machine

import customerhub.core.spreadsheets
import models
from customerhub.core import clock, history
from customerhub.core.permissions import Actor
from jobs import exports
from models.base import db
from models.enums import Role, TransferState
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.two_organisations import TwoOrganisations, own_organisation
from views.framework import export, export_choice

FORMULAS = ("=1+1", "=cmd|' /C calc'!A0", "+1+1", "-1+1|x", "@SUM(A1)")


def export_csv(browser: Browser, query: str = "", endpoint: str = "customers") -> list[list[str]]:
    answer = browser.get(f"/admin/{endpoint}/export/csv/?{query}")
    assert answer.status_code == 200
    return list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))


def export_workbook(browser: Browser, query: str = "", endpoint: str = "customers") -> Any:
    answer = browser.get(f"/admin/{endpoint}/export/xlsx/?{query}")
    assert answer.status_code == 200
    return openpyxl.load_workbook(io.BytesIO(answer.data)).active


def add_departments(organisations: TwoOrganisations, *names: str) -> None:
    """Departments with these names."""
    for name in names:
        make.DepartmentFactory(organisation=own_organisation(organisations), name=name)
    db.session.commit()


def test_both_kinds_hold_what_the_list_shows(organisations: TwoOrganisations, admin: Browser):
    headings, *rows = export_csv(admin)
    assert headings[:3] == ["Name", "Reference", "Account no."]
    assert [row[0] for row in rows] == [f"Our Telecom customer {number}" for number in range(3)]
    sheet = export_workbook(admin)
    assert [cell.value for cell in sheet[1]] == headings
    assert [sheet.cell(line, 1).value for line in (2, 3, 4)] == [row[0] for row in rows]


def test_the_answer_is_a_file_with_a_name(organisations: TwoOrganisations, admin: Browser):
    for kind in ("csv", "xlsx"):
        answer = admin.get(f"/admin/payment-terms/export/{kind}/")
        assert answer.headers["Content-Disposition"].startswith('attachment; filename="payment-terms-')
        assert answer.headers["Content-Disposition"].endswith(f'.{kind}"')
    assert admin.get("/admin/customers/export/csv/").data.startswith(b"\xef\xbb\xbf")


def test_the_day_in_the_name_is_that_of_the_organisation(organisations: TwoOrganisations):
    own_organisation(organisations).timezone = "Pacific/Auckland"
    with history.act_as(Actor(None, organisations.own.id), "test"):
        db.session.commit()
    with time_machine.travel(clock.get_now().replace(hour=13), tick=False):
        tomorrow = clock.get_today() + timedelta(days=1)
        answer = Browser(organisations.app, organisations.own.users[Role.ADMIN]).get("/admin/departments/export/csv/")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="departments-{tomorrow}.csv"'


def test_a_filter_that_does_not_fit_is_left_out_with_a_message(organisations: TwoOrganisations, admin: Browser):
    rows = export_csv(admin, "f=credit_limit:from:abc")
    assert len(rows) == 1 + 3
    assert "“abc” is not a valid value for the filter Credit limit" in admin.get("/admin/customers/").text
    assert (
        "“abc” is not a valid value for the filter Credit limit"
        in admin.get("/admin/customers/?f=credit_limit:from:abc").text
    )


def test_filters_search_sorting_and_columns_hold(organisations: TwoOrganisations, admin: Browser):
    first = db.session.get_one(models.Customer, organisations.own.customers[0])
    with history.act_as(Actor(None, organisations.own.id), "test"):
        first.risk = models.enums.Risk.HIGH
        db.session.commit()
    admin.post("/admin/list/customers/columns", {"column": ["reference", "risk"]})
    assert export_csv(admin, "f=risk:is:High") == [["Reference", "Risk"], ["REF-0", "High"]]
    assert [row[0] for row in export_csv(admin, "sort=reference&desc=1")] == ["Reference", "REF-2", "REF-1", "REF-0"]
    assert [row[0] for row in export_csv(admin, "search=ref-1")] == ["Reference", "REF-1"]
    assert export_csv(admin, "search=nobody") == [["Reference", "Risk"]]
    assert export_workbook(admin, "f=risk:is:High")["A2"].value == "REF-0"


def test_no_spreadsheet_takes_a_name_for_a_formula(organisations: TwoOrganisations, admin: Browser):
    add_departments(organisations, *FORMULAS)
    cells = [row[0] for row in export_csv(admin, endpoint="departments")[1:]]
    for cell in cells:
        assert cell[0] not in "=+-@\t\r", cell
    assert {f"'{text}" for text in FORMULAS} <= set(cells)
    sheet = export_workbook(admin, endpoint="departments")
    written = {cell.value: cell.data_type for cell in sheet["A"]}
    assert set(FORMULAS) <= written.keys()
    assert set(written.values()) == {"s"}


def test_phone_numbers_and_links_stay_text(organisations: TwoOrganisations, admin: Browser):
    customer = db.session.get_one(models.Customer, organisations.own.customers[0])
    with history.act_as(Actor(None, organisations.own.id), "test"):
        customer.contact_number = "+49 30 123"
        db.session.commit()
    admin.post("/admin/list/customers/columns", {"column": ["contact_number", "account_number"]})
    cell = export_workbook(admin, "search=ref-0")["A2"]
    assert (cell.value, cell.data_type, cell.hyperlink) == ("+49 30 123", "s", None)


def test_amounts_are_numbers_in_a_workbook(organisations: TwoOrganisations, admin: Browser):
    customer = db.session.get_one(models.Customer, organisations.own.customers[0])
    with history.act_as(Actor(None, organisations.own.id), "test"):
        customer.credit_limit, customer.accounts[0].balance = Decimal("1234567.50"), Decimal("-12.30")
        db.session.commit()
    admin.post("/admin/list/customers/columns", {"column": ["credit_limit", "balance"]})
    sheet = export_workbook(admin, "search=ref-0")
    assert [(cell.value, cell.data_type) for cell in sheet[2]] == [(1234567.5, "n"), (-12.3, "n")]
    assert export_csv(admin, "search=ref-0")[1] == ["1,234,567.50", "-12.30"]


@pytest.mark.parametrize("text", ['Quote " here', "Comma, here", "Semi; colon", "Zwölf 证 🚀", "<b>&amp;", "a''b"])
def test_every_sign_comes_through(organisations: TwoOrganisations, admin: Browser, text: str):
    add_departments(organisations, text)
    assert [text] in [row[:1] for row in export_csv(admin, endpoint="departments")]
    assert text in [cell.value for cell in export_workbook(admin, endpoint="departments")["A"]]


@pytest.mark.parametrize("kind", ["exe", "json", "CSV", "csv.exe", "..", "%00", "pdf"])
def test_another_kind_is_not_there(organisations: TwoOrganisations, admin: Browser, kind: str):
    assert admin.get(f"/admin/customers/export/{kind}/").status_code in (400, 404)


def test_lines_of_an_address_stay_in_one_cell(organisations: TwoOrganisations, admin: Browser):
    make.LocationFactory(organisation=own_organisation(organisations), name="Plant", address="1 Street\n12345 Town")
    db.session.commit()
    assert ["Plant", "1 Street\n12345 Town", "Active"] in export_csv(admin, endpoint="locations")
    assert "1 Street\n12345 Town" in [cell.value for cell in export_workbook(admin, endpoint="locations")["B"]]


# --- A large list, written by a job ------------------------------------------------------------------------


@pytest.fixture
def low_row_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than two rows are many."""
    monkeypatch.setattr(export_choice, "DIRECT_ROWS", 2)
    monkeypatch.setattr(customerhub.core.spreadsheets, "CHUNK", 2)


@pytest.mark.usefixtures("low_row_limit")
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_large_list_is_written_in_the_background(organisations: TwoOrganisations, admin: Browser, kind: str):
    query = f"sort=reference&desc=1&search={quote('our telecom')}"
    page = admin.get(f"/admin/customers/export/{kind}/?{query}")
    assert (
        page.status_code,
        db.session.query(models.ListExport).filter_by(title="Customers", format="xlsx").count(),
    ) == (200, 0)
    admin.post("/admin/list/customers/columns", {"column": ["reference"]})
    answer = admin.post(f"/admin/customers/export/{kind}/?{query}")
    assert answer.status_code == 303
    key = int(answer.location.rpartition("=")[2])
    exports.write(key)
    assert db.session.get_one(models.ListExport, key).state is TransferState.DONE
    file = admin.get(f"/admin/exports/file/?id={key}")
    assert file.headers["Content-Disposition"].startswith("attachment")
    if kind == "csv":
        assert file.data.decode("utf-8-sig").split() == ["Reference", "REF-2", "REF-1", "REF-0"]
    else:
        sheet = openpyxl.load_workbook(io.BytesIO(file.data)).active
        assert [cell.value for cell in sheet["A"]] == ["Reference", "REF-2", "REF-1", "REF-0"]


@pytest.mark.usefixtures("low_row_limit")
def test_a_file_in_the_background_holds_nothing_foreign_and_is_its_owners(
    organisations: TwoOrganisations, admin: Browser
):
    key = int(admin.post("/admin/customers/export/csv/").location.rpartition("=")[2])
    exports.write(key)
    assert "Their" not in admin.get(f"/admin/exports/file/?id={key}").text
    for browser in (
        Browser(organisations.app, organisations.own.users[Role.MANAGER]),
        Browser(organisations.app, organisations.foreign.users[Role.ADMIN]),
    ):
        assert browser.get(f"/admin/exports/file/?id={key}").status_code == 404
        assert browser.get(f"/admin/exports/details/?id={key}").status_code == 404


@pytest.mark.usefixtures("low_row_limit")
def test_looking_at_the_page_of_a_large_export_starts_nothing(organisations: TwoOrganisations, admin: Browser):
    before = db.session.query(models.ListExport).count()
    assert "created in the background" in admin.get("/admin/customers/export/csv/").text
    assert db.session.query(models.ListExport).count() == before


@pytest.mark.usefixtures("low_row_limit")
def test_a_cancelled_export_writes_nothing(organisations: TwoOrganisations, admin: Browser):
    key = int(admin.post("/admin/customers/export/csv/").location.rpartition("=")[2])
    assert admin.post(f"/admin/exports/cancel/?id={key}").status_code == 303
    exports.write(key)
    export = db.session.get_one(models.ListExport, key)
    assert (export.state, export.file_id) == (TransferState.CANCELLED, None)
    assert admin.get(f"/admin/exports/file/?id={key}").status_code == 404


@pytest.mark.parametrize(("limit", "is_cut"), [(2, True), (3, False), (4, False)])
def test_a_list_that_is_cut_says_so(
    organisations: TwoOrganisations, admin: Browser, monkeypatch: pytest.MonkeyPatch, limit: int, is_cut: bool
):
    """The rows beyond the limit were left out without a word."""
    monkeypatch.setattr(export_choice, "DIRECT_ROWS", 1)
    monkeypatch.setattr(export, "MAX_ROWS", limit)
    answer = admin.post("/admin/customers/export/csv/")
    assert answer.status_code == 303
    exports.write(db.session.query(models.ListExport.id).order_by(models.ListExport.id.desc()).limit(1).scalar())
    page = admin.get(answer.location).text
    assert f"{min(limit, 3)} rows" in page
    assert (f"The list has more than {limit} rows: only the first {limit} are in the file" in page) is is_cut

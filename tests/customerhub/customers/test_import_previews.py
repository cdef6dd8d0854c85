"""The preview shows what will be saved, all of it, and what Excel hides."""

import re
from datetime import date
from html import unescape

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from customerhub.core import history
from customerhub.core.dates import format_date
from customerhub.core.xlsx.table import open_table
from customerhub.customers.importing.columns import HEADERS, KEY_COLUMN
from jobs import imports
from models import ImportRow
from models.base import db
from models.enums import DateFormat, RowOutcome
from tests.support.browser_client import Browser
from tests.support.imports import get_customer, get_import, upload_and_check
from tests.support.workbooks import (
    HEADER_ROW,
    NAMESPACE,
    build_raw_workbook,
    build_workbook,
    valid_row,
    xml_row,
    xml_valid_row,
)

# A row as somebody types it, and what is saved of it, as the preview has to show it.
TYPED = valid_row(
    1,
    name="  Müller GmbH ",
    address="1 High Street, London",
    contactNumber=" +49 30 1234567 ",
    email="a@customer.example; b@customer.example;a@customer.example",
    reviewFrequency="3 months",
    risk="amber",
    financialEndDay=31,
    financialEndMonth="December",
    relationshipNote="Since 1996",
    regionName="EUROPE",
    department="sales",
    notificationMessage="customer REVIEW",
)


@pytest.fixture
def browser(app, import_org):
    return Browser(app, import_org.user.id)


def shown_values(page: str) -> list[dict[str, str]]:
    """What the preview shows of each new row, by column."""
    rows = re.findall(r'<ul class="changes values">(.*?)</ul>', page, re.DOTALL)
    pattern = r'<span class="change-name">(.*?)</span>\s*<ins>(.*?)</ins>'
    own_columns = re.findall(r'data-label="Reference">(.*?)</td>\s*<td data-label="Name">(.*?)</td>', page, re.DOTALL)
    return [
        {name: unescape(value) for name, value in re.findall(pattern, row, re.DOTALL)}
        | {"reference": strip_tags(reference), "name": strip_tags(name)}
        for row, (reference, name) in zip(rows, own_columns, strict=True)
    ]


def strip_tags(html: str) -> str:
    return unescape(re.sub(r"<[^>]+>", "", html)).strip()


def preview(browser: Browser, import_id: int) -> str:
    return browser.get(f"/admin/imports/details/?id={import_id}").text


@pytest.mark.parametrize("date_format", [DateFormat.DAY_DOT_MONTH, DateFormat.SPOKEN])
def test_a_new_row_is_shown_as_it_will_be_saved(browser, import_org, date_format):
    """Five of seventeen cells were shown, and as they were typed."""
    with history.act_as(import_org.actor, "test"):
        import_org.organisation.date_format = date_format
        db.session.commit()
    import_id = upload_and_check(build_workbook([TYPED]), import_org)
    (shown,) = shown_values(preview(browser, import_id))
    assert shown.keys() == {name for name, cell in TYPED.items() if cell is not None}
    assert {name: shown[name] for name in ("risk", "regionName", "department", "notificationMessage")} == {
        "risk": "Medium",
        "regionName": "Europe",
        "department": "Sales",
        "notificationMessage": "Customer review",
    }
    assert (shown["name"], shown["reference"]) == ("Müller GmbH", "REF1")
    assert shown["email"] == "a@customer.example, b@customer.example"
    assert (shown["reviewFrequency"], shown["financialEndMonth"]) == ("3", "12")
    assert shown["startDate"] == format_date(date(2020, 2, 29), date_format)
    assert shown["reviewStartDate"] == format_date(date(2026, 1, 31), date_format)


def test_what_was_shown_is_what_is_saved(browser, import_org):
    import_id = upload_and_check(build_workbook([TYPED]), import_org)
    (shown,) = shown_values(preview(browser, import_id))
    confirm = re.search(r'action="([^"]*/confirm/[^"]*)"', preview(browser, import_id))
    browser.post(unescape(confirm[1]), {"action": "all"})
    imports.save(import_id)
    db.session.rollback()
    customer = get_customer("REF1", import_org)
    assert customer.name == shown["name"]
    assert customer.contact_number == shown["contactNumber"]
    assert customer.email == shown["email"]
    assert customer.addresses[0].lines == shown["address"]
    assert customer.risk.value == shown["risk"]
    assert str(customer.review_frequency) == shown["reviewFrequency"]
    assert customer.relationship_note == shown["relationshipNote"]
    assert shown_values(preview(browser, import_id)) == [shown], "what was saved is still told"


def test_blank_cells_are_left_out_and_every_other_is_shown(browser, import_org):
    optional = [
        name
        for name in HEADERS
        if name not in ("name", "reference", "email", "risk", "startDate", "regionName", "department")
    ]
    row = valid_row(1) | dict.fromkeys(optional)
    (shown,) = shown_values(preview(browser, upload_and_check(build_workbook([row]), import_org)))
    assert shown.keys() == {"name", "reference", "email", "risk", "startDate", "regionName", "department"}


# --- What Excel hides --------------------------------------------------------------------------------------


def read_hidden(file):
    with open_table(file, names=HEADERS, key_column=KEY_COLUMN, max_rows=1000) as table:
        table.count_rows(1000)
        rows = [number for number, _ in table.read_rows()]
        return rows, table.hidden_rows, table.hidden_columns


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    hidden_rows=st.sets(st.integers(2, 9)),
    hidden_columns=st.sets(st.sampled_from(HEADERS)),
    count=st.integers(1, 8),
)
def test_hidden_rows_and_columns_are_read_and_known(hidden_rows, hidden_columns, count):
    file = build_workbook(
        [valid_row(number) for number in range(count)],
        hidden_rows=sorted(hidden_rows),
        hidden_columns=sorted(hidden_columns),
    )
    rows, found_rows, found_columns = read_hidden(file)
    assert rows == list(range(2, count + 2))
    assert found_rows == sorted(number for number in hidden_rows if number < count + 2)
    assert found_columns == [name for name in HEADERS if name in hidden_columns]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("", []),
        ('<cols><col min="1" max="1" width="9" hidden="1"/></cols>', ["name"]),
        (
            "<cols><col hidden='true' min='2' max='3'/><col min='5' max='5' width='0'/></cols>",
            ["reference", "address", "email"],
        ),
        ('<cols><col min="1" max="16384" hidden="1"/></cols>', list(HEADERS)),
        ('<cols><col min="1" max="3" hidden="0"/><col min="x" max="2" hidden="1"/><col hidden="1"/></cols>', []),
        ('<cols><col min="18" max="30" hidden="1"/></cols>', []),
    ],
)
@pytest.mark.parametrize("prefix", ["", "x:"])
def test_hidden_columns_as_programs_write_them(columns, expected, prefix):
    rows = HEADER_ROW + xml_valid_row(2)
    body = f"<sheetPr/>{columns}<sheetData>{rows}</sheetData>"
    namespace = f'xmlns="{NAMESPACE}"'
    if prefix:
        body = re.sub(r"<(/?)(?=[a-zA-Z])", rf"<\1{prefix}", body)
        namespace = f'xmlns:x="{NAMESPACE}"'
    sheet = f'<?xml version="1.0"?><{prefix}worksheet {namespace}>{body}</{prefix}worksheet>'
    _, _, found = read_hidden(build_raw_workbook(sheet))
    assert found == expected


def test_rows_without_height_are_hidden_too_and_blank_ones_are_not_told():
    rows = HEADER_ROW + xml_valid_row(2).replace("<row ", '<row ht="0" customHeight="1" ')
    rows += xml_valid_row(3) + xml_row(4, []).replace("<row ", '<row hidden="1" ')
    assert read_hidden(build_raw_workbook(rows)) == ([2, 3], [2], [])


def test_the_preview_tells_what_excel_hides(browser, import_org):
    """Rows that a filter had hidden were imported without a word."""
    rows = [valid_row(number) for number in range(1, 21)]
    file = build_workbook(rows, hidden_rows=range(4, 20), hidden_columns=["email", "risk"])
    page = preview(browser, upload_and_check(file, import_org))
    assert (
        "This import includes 16 rows that are filtered out or hidden in Excel: 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 and 6 "
        "more; 2 columns that are hidden in Excel: email, risk" in unescape(page)
    )
    assert len(shown_values(page)) == 20, "they are read all the same"


def test_a_file_that_hides_nothing_has_no_such_notice(browser, import_org):
    page = preview(browser, upload_and_check(build_workbook([valid_row(1)]), import_org))
    assert "hidden in Excel" not in page


def test_a_preview_that_was_made_again_tells_both(browser, import_org):
    """Longest texts of all: they fit where they are kept."""
    file = build_workbook(
        [valid_row(number) for number in range(1, 900)], hidden_rows=range(100, 900), hidden_columns=HEADERS
    )
    import_id = upload_and_check(file, import_org)
    confirm = re.search(r'action="([^"]*/confirm/[^"]*)"', preview(browser, import_id))
    browser.post(unescape(confirm[1]), {"action": "all"})
    other = upload_and_check(build_workbook([valid_row(1)]), import_org)
    other_confirm = re.search(r'action="([^"]*/confirm/[^"]*)"', preview(browser, other))
    browser.post(unescape(other_confirm[1]), {"action": "all"})
    imports.save(other)
    imports.save(import_id)
    db.session.rollback()
    page = unescape(preview(browser, import_id))
    assert "Customers were changed after this file was checked" in page
    assert "800 rows that are filtered out or hidden in Excel" in page
    outcomes = db.session.scalars(select(ImportRow.outcome).where(ImportRow.import_id == import_id))
    assert RowOutcome.UNCHANGED in set(outcomes)
    assert get_import(import_id, import_org).problem.count("hidden in Excel") == 2

"""Markups per call class in imports: one column a class, read in percent, saved by the rules of the form."""

import io
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from sqlalchemy import select

from customerhub.core import history
from customerhub.customers.importing.columns import HEADERS, MARKUP_COLUMNS
from customerhub.customers.records import save_customer
from models import CallMarkup, History, ImportRow
from models.base import db
from models.enums import CallClass, RowOutcome
from tests.customerhub.customers.conftest import ImportOrg
from tests.customerhub.customers.test_export_and_import import change_nothing, export_workbook
from tests.support.imports import get_customer, import_and_save, import_now, list_rows, revert_import, upload_and_check
from tests.support.statements import record_statements
from tests.support.workbooks import build_workbook, valid_row
from views.customers.columns import COLUMNS as LIST_COLUMNS
from views.customers.columns import list_import_columns

MARKUP_HEADERS = (*HEADERS, *(column.header for column in MARKUP_COLUMNS))


def build(*rows: dict[str, Any]) -> io.BytesIO:
    return build_workbook(rows, headers=MARKUP_HEADERS)


def read_markups(reference: str, import_org: ImportOrg) -> dict[str, Decimal]:
    return {each.call_class.value: each.percent for each in get_customer(reference, import_org).call_markups}


def read_history(reference: str, import_org: ImportOrg) -> dict[str, Any]:
    """The newest change of the customer."""
    key = get_customer(reference, import_org).id
    entry = db.session.scalars(select(History).where(History.row_id == key).order_by(History.id.desc())).first()
    assert entry is not None
    return entry.changes


def test_each_class_has_a_column():
    assert [column.header for column in MARKUP_COLUMNS] == [
        "markupInbound",
        "markupNational",
        "markupMobile",
        "markupInternational",
        "markupFreephone",
        "markupPremiumRate",
        "markupOther",
    ]
    assert len(MARKUP_COLUMNS) == len(CallClass)


def test_new_and_known_customers_get_markups_which_are_previewed_and_told(import_org: ImportOrg):
    import_now(build(valid_row(1, markupMobile=12, markupPremiumRate="7.25 %"), valid_row(2)), import_org)
    assert read_markups("REF1", import_org) == {"mobile": 12, "premium rate": Decimal("7.25")}
    assert read_history("REF1", import_org)["markup_mobile"] == [None, "12 %"]
    assert read_markups("REF2", import_org) == {}
    file = build(valid_row(1, markupMobile="-100", markupNational=0), valid_row(2, markupOther=1000))
    import_id = import_and_save(file, import_org)
    first, second = list_rows(import_id)
    assert first.changes == {"markupMobile": ["12 %", "-100 %"], "markupNational": [None, "0 %"]}
    assert (first.outcome, second.outcome) == (RowOutcome.CHANGED, RowOutcome.CHANGED)
    assert read_markups("REF1", import_org) == {"mobile": -100, "premium rate": Decimal("7.25"), "national": 0}
    assert read_markups("REF2", import_org) == {"other": 1000}
    assert read_history("REF1", import_org) == {"markup_mobile": ["12 %", "-100 %"], "markup_national": [None, "0 %"]}


@pytest.mark.parametrize("cell", [None, "", " "])
def test_a_blank_cell_takes_nothing_away(import_org: ImportOrg, cell: Any):
    import_now(build(valid_row(1, markupMobile=12)), import_org)
    result = import_now(build(valid_row(1, markupMobile=cell)), import_org)
    assert (result.counts.unchanged, read_markups("REF1", import_org)) == (1, {"mobile": 12})


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("-100.0001", "Enter a value from -100 to 1000"),
        (1000.1, "Enter a value from -100 to 1000"),
        ("1.23456", "has more than 4 decimals"),
        ("12,5", "is not an amount: write it as 12.5"),
        ("1,250", "can be 1250 or 1.250"),
        ("many", "is not a percentage: write it as 12.5"),
        ("12 % %", "is not an amount"),
        ("١٢", "is not a percentage"),
        (True, "is not a percentage"),
    ],
)
def test_what_is_no_markup_is_refused_by_its_column(import_org: ImportOrg, cell: Any, reason: str):
    import_id = upload_and_check(build(valid_row(1, markupFreephone=cell)), import_org)
    (row,) = list_rows(import_id)
    assert [(each["column"], reason in each["reason"]) for each in row.errors or []] == [("markupFreephone", True)]


def test_a_cell_that_excel_shows_in_percent_means_what_it_shows(import_org: ImportOrg):
    """Excel keeps 0.12 where somebody types 12%."""
    book = openpyxl.load_workbook(build(valid_row(1, markupInbound=0.12, markupMobile=0.12, markupOther=1)))
    for header, code in (("markupInbound", "0%"), ("markupMobile", "General"), ("markupOther", "0.00##%")):
        book.active.cell(2, MARKUP_HEADERS.index(header) + 1).number_format = code
    file = io.BytesIO()
    book.save(file)
    import_id = import_and_save(io.BytesIO(file.getvalue()), import_org)
    assert read_markups("REF1", import_org) == {"inbound": 12, "mobile": Decimal("0.12"), "other": 100}
    assert (list_rows(import_id)[0].errors or []) == []


def test_what_is_exported_as_for_import_comes_back(import_org: ImportOrg):
    markups = {column.header: f"{number * 7.125 - 10:.4f}" for number, column in enumerate(MARKUP_COLUMNS)}
    import_now(build(valid_row(1, **markups), valid_row(2, markupNational="0")), import_org)
    before = read_markups("REF1", import_org)
    names = list_import_columns(LIST_COLUMNS, import_org.id)
    assert len(names) == len(MARKUP_HEADERS)
    change_nothing(export_workbook(import_org, names), import_org)
    assert (len(before), read_markups("REF1", import_org)) == (7, before)
    sheet = openpyxl.load_workbook(export_workbook(import_org, names)).active
    headings = [cell.value for cell in sheet[1]]
    assert sheet.cell(2, headings.index("Markup premium rate") + 1).number_format == "0.00##%"


def test_a_revert_puts_back_what_was_there(import_org: ImportOrg):
    first_id = import_and_save(build(valid_row(1, markupMobile=12)), import_org)
    second_id = import_and_save(build(valid_row(1, markupMobile=13, markupOther=5)), import_org)
    revert_import(second_id, import_org)
    assert [row.errors for row in list_rows(second_id)] == [None]
    assert read_markups("REF1", import_org) == {"mobile": 12}
    third_id = import_and_save(build(valid_row(2, markupMobile=12)), import_org)
    revert_import(third_id, import_org)
    assert [row.errors for row in list_rows(third_id)] == [None]
    assert db.session.query(CallMarkup).count() == 1
    assert list_rows(first_id)[0].outcome is RowOutcome.NEW


def test_a_revert_leaves_what_was_changed_since(import_org: ImportOrg):
    import_now(build(valid_row(1)), import_org)
    import_id = import_and_save(build(valid_row(1, markupMobile=13, markupOther=5)), import_org)
    customer = get_customer("REF1", import_org)
    with history.act_as(import_org.actor, "form"):
        next(each for each in customer.call_markups if each.call_class is CallClass.MOBILE).percent = Decimal(20)
        save_customer(customer, actor=import_org.actor)
        db.session.commit()
    revert_import(import_id, import_org)
    assert read_markups("REF1", import_org) == {"mobile": 20}
    (row,) = list_rows(import_id)
    assert [(each["column"], each["reason"][:13]) for each in row.errors or []] == [("markupMobile", "Changed since")]


def test_a_markup_of_another_organisation_is_left_alone(session: Any, import_org: ImportOrg):
    from tests.customerhub.customers.conftest import make_import_org

    other = make_import_org(session, "Other Telecom")
    session.commit()
    import_now(build(valid_row(1, markupMobile=12)), other)
    import_now(build(valid_row(1, markupMobile=30)), import_org)
    assert (read_markups("REF1", other), read_markups("REF1", import_org)) == ({"mobile": 12}, {"mobile": 30})


def test_statements_do_not_grow_with_the_rows(import_org: ImportOrg):
    def count(numbers: range, percent: int) -> int:
        db.session.rollback()
        with record_statements() as statements:
            import_now(build(*(valid_row(each, markupMobile=percent, markupOther=1) for each in numbers)), import_org)
        return len(statements)

    count(range(1, 3), 1)
    assert count(range(1, 3), 2) == count(range(1, 3), 3)
    count(range(10, 40), 1)
    assert count(range(10, 40), 2) <= count(range(1, 3), 4) + 1
    assert db.session.query(ImportRow).count() == 0

"""Custom fields in imports: columns of the template, read by the rules of their kind, previewed, saved, taken back."""

import io
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from customerhub.core import history
from customerhub.customers.importing.columns import HEADERS, STANDARD_COLUMNS
from customerhub.customers.importing.template import write_template
from customerhub.customers.records import save_customer
from models import History, ImportRow
from models.base import db
from models.enums import FieldRequirement, RowOutcome
from tests.customerhub.customers.conftest import ImportOrg
from tests.support.custom_fields import K, add_field
from tests.support.imports import get_customer, import_and_save, import_now, list_rows, revert_import, upload_and_check
from tests.support.statements import record_statements
from tests.support.workbooks import build_workbook, valid_row

CELLS = {
    "My text": "Königskind",
    "My link": "www.project.example",
    "My number": 12.5,
    "My amount": "1,234.50",
    "My date": date(2026, 1, 31),
    "My choice": "silver",
    "My yes or no": "Yes",
}
HEADERS_WITH_FIELDS = (*HEADERS, *CELLS)


@pytest.fixture
def fields(import_org: ImportOrg) -> dict[Any, Any]:
    with history.act_as(import_org.actor, "test"):
        definitions = {kind: add_field(import_org.actor, kind) for kind in K}
        db.session.commit()
    return definitions


def build(*rows: dict[str, Any]) -> io.BytesIO:
    return build_workbook(rows, headers=HEADERS_WITH_FIELDS)


def read_values(fields: dict[Any, Any], reference: str, import_org: ImportOrg) -> dict[Any, Any]:
    customer = get_customer(reference, import_org)
    return {kind: getattr(customer, definition.name) for kind, definition in fields.items()}


def expected_values(fields: dict[Any, Any]) -> dict[Any, Any]:
    return {
        K.TEXT: "Königskind",
        K.LINK: "https://www.project.example",
        K.NUMBER: Decimal("12.5"),
        K.AMOUNT: Decimal("1234.50"),
        K.DATE: date(2026, 1, 31),
        K.CHOICE: fields[K.CHOICE].choices[1].id,
        K.YES_NO: True,
    }


def test_the_template_has_them_with_their_choices(import_org: ImportOrg, fields: dict[Any, Any]):
    file = io.BytesIO()
    write_template(file, actor=import_org.actor, max_rows=10)
    book = load_workbook(io.BytesIO(file.getvalue()))
    assert [cell.value for cell in book["customers"][1]] == [*STANDARD_COLUMNS.headers, *(f"My {kind}" for kind in K)]
    assert any("Gold" in str(cell.value) for row in book["choices"].iter_rows() for cell in row)
    assert any("Gold, Silver" in str(cell.value) for row in book["explanations"].iter_rows() for cell in row)


def test_new_and_known_customers_get_their_values_which_are_previewed_and_told(
    import_org: ImportOrg, fields: dict[Any, Any]
):
    import_now(build(valid_row(1)), import_org)
    assert set(read_values(fields, "REF1", import_org).values()) == {None}
    import_id = import_and_save(build(valid_row(1, **CELLS), valid_row(2, **CELLS)), import_org)
    for reference in ("REF1", "REF2"):
        assert read_values(fields, reference, import_org) == expected_values(fields)
        assert "konigskind" in get_customer(reference, import_org).search_text
    changed, new = list_rows(import_id)
    assert changed.changes == {
        "My text": [None, "Königskind"],
        "My link": [None, "https://www.project.example"],
        "My number": [None, "12.5"],
        "My amount": [None, "1234.5"],
        "My date": [None, "2026-01-31"],
        "My choice": [None, "Silver"],
        "My yes or no": [None, True],
    }
    assert new.changes.items() >= changed.changes.items()
    query = select(History).where(History.customer_id == changed.customer_id).order_by(History.id.desc())
    assert db.session.scalars(query).first().changes[fields[K.CHOICE].name] == [None, "Silver"]


def test_a_blank_cell_and_a_missing_column_change_nothing(import_org: ImportOrg, fields: dict[Any, Any]):
    import_now(build(valid_row(1, **CELLS)), import_org)
    import_now(build(valid_row(1, name="Other name")), import_org)
    import_now(build_workbook([valid_row(1, name="Third name")]), import_org)
    assert read_values(fields, "REF1", import_org) == expected_values(fields)
    customer = get_customer("REF1", import_org)
    assert (customer.name, "konigskind" in customer.search_text) == ("Third name", True)
    same = upload_and_check(build(valid_row(1, name="Third name", **CELLS)), import_org)
    assert [row.outcome for row in list_rows(same)] == [RowOutcome.UNCHANGED]


@pytest.mark.parametrize(
    ("header", "cell", "reason"),
    [
        ("My text", "x" * 301, "Too long"),
        ("My link", "no link", "not a web address"),
        ("My number", "many", "not an amount"),
        ("My amount", "1.005", "more than 2 decimals"),
        ("My date", "31/31/2026", "date"),
        ("My choice", "Bronze", "Gold, Silver"),
        ("My yes or no", "maybe", "neither yes nor no"),
    ],
)
def test_a_cell_that_means_nothing_is_refused_by_its_column(
    import_org: ImportOrg, fields: dict[Any, Any], header: str, cell: str, reason: str
):
    result = import_now(build(valid_row(1, **{header: cell})), import_org)
    assert [(error.column, reason in error.reason) for error in result.errors] == [(header, True)]


def test_what_is_required_is_asked_of_new_customers(import_org: ImportOrg):
    import_now(build_workbook([valid_row(1)]), import_org)
    with history.act_as(import_org.actor, "test"):
        add_field(import_org.actor, name="Code", requirement=FieldRequirement.REQUIRED)
        db.session.commit()
    rows = [valid_row(1, name="Renamed"), valid_row(2)]
    result = import_now(build_workbook(rows), import_org)
    assert [(error.row, error.column, error.reason) for error in result.errors] == [(3, "Code", "Required")]


def test_a_revert_puts_back_what_was_there(import_org: ImportOrg, fields: dict[Any, Any]):
    import_now(build(valid_row(1, **CELLS)), import_org)
    others = {"My number": 7, "My date": date(2027, 1, 1), "My choice": "Gold", "My yes or no": "no", "My text": "B"}
    import_id = import_and_save(build(valid_row(1, **others)), import_org)
    assert read_values(fields, "REF1", import_org)[K.NUMBER] == 7
    revert_import(import_id, import_org)
    assert read_values(fields, "REF1", import_org) == expected_values(fields)


def test_a_revert_leaves_what_was_changed_since(import_org: ImportOrg, fields: dict[Any, Any]):
    import_now(build(valid_row(1)), import_org)
    import_id = import_and_save(build(valid_row(1, **CELLS)), import_org)
    customer = get_customer("REF1", import_org)
    with history.act_as(import_org.actor, "test"):
        setattr(customer, fields[K.TEXT].name, "by hand")
        save_customer(customer, actor=import_org.actor)
        db.session.commit()
    revert_import(import_id, import_org)
    values = read_values(fields, "REF1", import_org)
    assert (values[K.TEXT], values[K.NUMBER]) == ("by hand", None)
    row = db.session.scalars(select(ImportRow).where(ImportRow.import_id == import_id)).one()
    assert [each["column"] for each in row.errors] == ["My text"]


def test_a_label_like_a_column_of_every_workbook_is_told_apart(import_org: ImportOrg):
    with history.act_as(import_org.actor, "test"):
        definition = add_field(import_org.actor, name="Risk")
        db.session.commit()
    headers = (*HEADERS, "Risk (risk)")
    import_now(build_workbook([valid_row(1, **{"Risk (risk)": "of fire"})], headers=headers), import_org)
    assert getattr(get_customer("REF1", import_org), definition.name) == "of fire"


def test_many_rows_take_no_more_statements(import_org: ImportOrg, fields: dict[Any, Any]):
    def count_statements(first: int, rows: int) -> int:
        file = build(*(valid_row(number, **CELLS) for number in range(first, first + rows)))
        with record_statements() as statements:
            assert not import_now(file, import_org).errors
        return len(statements)

    count_statements(1, 2)
    assert count_statements(100, 60) <= count_statements(10, 3) + 2

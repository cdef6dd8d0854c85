"""Rows of new customers: what a cell may be, and what then stands in the database."""

from datetime import date

import pytest

from customerhub.core import history
from customerhub.customers.records import save_customer
from models import (
    Address,
    Customer,
    Department,
)
from models.base import db
from models.enums import AddressKind, Risk, Stage
from tests.support.imports import (
    get_customer,
    import_now,
    list_customers,
    list_history,
    problem_cells,
    single_problem,
    tally_counts,
)
from tests.support.workbooks import HEADER_ROW, build_raw_workbook, build_workbook, valid_row, xml_row, xml_valid_row


def test_a_new_row_makes_a_whole_customer(import_org):
    result = import_now(
        build_workbook([valid_row(1, relationshipNote="Since 1996", department="Sales, Operations")]), import_org
    )
    assert tally_counts(result) == (1, 0, 0, 0)
    assert result.is_saved
    imported_customer = get_customer("REF1", import_org)
    assert (imported_customer.name, imported_customer.email, imported_customer.contact_number) == (
        "Customer 1",
        "accounts1@customer.example",
        "020 7946 0001",
    )
    assert (imported_customer.review_start_date, imported_customer.review_frequency) == (date(2026, 1, 31), 3)
    assert (imported_customer.reviewer_email, imported_customer.review_template.name) == (
        "reviewer@hub.example",
        "Customer review",
    )
    assert (imported_customer.credit_check_company, imported_customer.risk) == ("Experian", Risk.LOW)
    assert (imported_customer.year_end_day, imported_customer.year_end_month) == (31, 12)
    assert (imported_customer.existing_relationship, imported_customer.relationship_note) == (True, "Since 1996")
    assert (imported_customer.start_date, imported_customer.region.name) == (date(2020, 2, 29), "Europe")
    assert [department.name for department in imported_customer.departments] == ["Operations", "Sales"]
    assert [(address.kind, address.lines) for address in imported_customer.addresses] == [
        (AddressKind.MAILING, "1 High Street, London")
    ]
    assert (imported_customer.status.name, imported_customer.stage, imported_customer.version) == (
        "Active",
        Stage.BILLING,
        1,
    )
    assert (
        [account.number for account in imported_customer.accounts] == [imported_customer.account_number] == ["100001"]
    )
    assert imported_customer.search_text == "customer 1 ref1 100001 accounts1@customer.example 020 7946 0001"
    assert (imported_customer.sort_name, imported_customer.reference_key) == ("customer 1", "ref1")


def test_a_customer_made_by_an_import_is_like_one_made_on_the_form(import_org):
    """Every column that the form fills by itself is filled the same way."""
    import_now(build_workbook([valid_row(1)]), import_org)
    imported = get_customer("REF1", import_org)
    form_customer = Customer(
        name=imported.name,
        reference="REF2",
        email=imported.email,
        contact_number=imported.contact_number,
        region_id=imported.region_id,
        start_date=imported.start_date,
        risk=imported.risk,
        year_end_day=31,
        year_end_month=12,
        review_start_date=imported.review_start_date,
        review_frequency=3,
        reviewer_email=imported.reviewer_email,
        review_template_id=imported.review_template_id,
        credit_check_company="Experian",
        departments=list(imported.departments),
        addresses=[Address(kind=AddressKind.MAILING, lines="1 High Street, London")],
    )
    with history.act_as(import_org.actor, "test"):
        save_customer(form_customer, actor=import_org.actor)
        db.session.commit()
    different = {"id", "reference", "reference_key", "account_number", "search_text", "created_at", "portal_invited_at"}
    assert None not in (form_customer.portal_invited_at, imported.portal_invited_at)
    for column in Customer.__table__.columns:
        if column.name not in different:
            assert getattr(form_customer, column.name) == getattr(imported, column.name), column.name


def test_the_history_records_a_new_customer(import_org):
    import_now(build_workbook([valid_row(1, department="Sales, Operations")]), import_org)
    imported_customer = get_customer("REF1", import_org)
    entry, invited = list_history(imported_customer.id)
    assert (entry.action, entry.table_name, entry.row_id, entry.title) == (
        "created",
        "customer",
        imported_customer.id,
        "Customer 1",
    )
    assert (invited.action, invited.table_name, invited.title) == ("created", "hub_user", "Customer 1")
    assert (invited.actor_name, invited.source) == (import_org.user.name, "test import")
    assert (entry.actor_name, entry.source) == (import_org.user.name, "test import")
    assert entry.changes == {
        "account_number": [None, "100001"],
        "name": [None, "Customer 1"],
        "reference": [None, "REF1"],
        "address": [None, "1 High Street, London"],
        "contact_number": [None, "020 7946 0001"],
        "email": [None, "accounts1@customer.example"],
        "review_start_date": [None, "2026-01-31"],
        "review_frequency": [None, 3],
        "reviewer_email": [None, "reviewer@hub.example"],
        "review_template": [None, "Customer review"],
        "credit_check_company": [None, "Experian"],
        "risk": [None, "Low"],
        "year_end_day": [None, 31],
        "year_end_month": [None, 12],
        "start_date": [None, "2020-02-29"],
        "region": [None, "Europe"],
        "departments": [None, "Operations, Sales"],
        "status": [None, "Active"],
        "stage": [None, "Billing"],
        "portal_access": [None, True],
    }


def test_only_what_is_needed(import_org):
    needed = ("name", "reference", "email", "risk", "startDate", "regionName", "department")
    import_now(build_workbook([{name: valid_row(1)[name] for name in needed}], headers=needed), import_org)
    imported_customer = get_customer("REF1", import_org)
    assert imported_customer.addresses == []
    assert (
        imported_customer.existing_relationship,
        imported_customer.review_frequency,
        imported_customer.year_end_day,
    ) == (False, None, None)


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ("name", "Enter a name"),
        ("reference", "Enter a reference"),
        ("email", "Enter an email address"),
        ("regionName", "Choose a region"),
        ("startDate", "Enter a start date"),
        ("risk", "Choose a risk: Low, Medium or High"),
        ("department", "Choose at least one department"),
    ],
)
def test_what_a_new_customer_must_have(import_org, column, reason):
    assert single_problem(build_workbook([valid_row(1, **{column: None})]), import_org) == (column, reason)
    assert single_problem(build_workbook([valid_row(1, **{column: "  "})]), import_org) == (column, reason)


@pytest.mark.parametrize(
    ("column", "cell", "expected_reason"),
    [
        ("email", "not-an-email", "“not-an-email” is not an email address, such as name@example.com"),
        ("email", "one@customer.example, two", "“two” is not an email address, such as name@example.com"),
        ("reviewerEmail", "a@b.example, c@d.example", "is not an email address"),
        ("regionName", "Atlantis", "“Atlantis” is not a region: Europe, North America, South America"),
        ("department", "Sales, Kitchen", "“Kitchen” is not a department: Finance, Operations, Sales"),
        ("notificationMessage", "Hello", "“Hello” is not a notification template: Customer review"),
        ("notificationMessage", "Certificate expires", "is not a notification template: Customer review"),
        ("risk", "Severe", "“Severe” is not a risk: Low, Medium or High"),
        ("startDate", "January", "“January” is not a date: write it as 31 Jan 2025 or 2025-01-31"),
        ("startDate", "2025-02-30", "“2025-02-30” is not a valid date"),
        ("startDate", "31/13/2025", "“31/13/2025” is not a valid date"),
        ("startDate", 3_000_000, "is not a date"),
        ("startDate", -1, "-1 is a number, not a date"),
        ("startDate", date(2200, 1, 1), "The year 2200 is out of range: 1900 to 2199"),
        ("reviewFrequency", "13 Months", "“13 Months” is not a frequency: 1 Month to 12 Months"),
        ("reviewFrequency", 0, "is not a frequency"),
        ("reviewFrequency", 2.5, "“2.5” is not a frequency"),
        ("financialEndDay", 32, "“32” is not a day of the month: 1 to 31"),
        ("financialEndMonth", "Smarch", "“Smarch” is not a month: 1 to 12 or January to December"),
        ("name", "x" * 201, "Too long: 201 characters, at most 200"),
        ("reference", "x" * 41, "Too long: 41 characters, at most 40"),
        ("address", "x" * 501, "Too long: 501 characters, at most 500"),
        ("name", "a\u202eb", "Contains a character that cannot be shown. Please type the text again"),
    ],
)
def test_what_a_cell_may_not_be(import_org, column, cell, expected_reason):
    at, reason = single_problem(build_workbook([valid_row(1, **{column: cell})]), import_org)
    assert at == column
    assert expected_reason in reason


def test_letters_that_become_too_many_when_they_are_compared(import_org):
    """One letter may fold into 18: the columns for sorting and finding have no room for that."""
    row = valid_row(1, name="\ufdfa" * 30, reference="\ufb03" * 30)
    result = import_now(build_workbook([row, valid_row(2)]), import_org, good_rows_only=True)
    assert [(error.column, error.reason) for error in result.errors] == [
        ("reference", "This reference is too long"),
        ("name", "This name is too long"),
    ]
    assert import_now(build_workbook([valid_row(1, name="\ufdfa" * 20, reference="\ufb03" * 20)]), import_org).is_saved


@pytest.mark.parametrize(
    ("cells", "column", "reason"),
    [
        ({"financialEndDay": 31, "financialEndMonth": 2}, "financialEndDay", "February has no day 31"),
        ({"financialEndMonth": None}, "financialEndDay", "Enter both the day and the month of the financial year end"),
        ({"reviewStartDate": None}, "reviewStartDate", "Reviews need a start date"),
        ({"reviewFrequency": None}, "reviewFrequency", "Review frequency must be 1 to 12 months"),
    ],
)
def test_what_cells_may_not_be_together(import_org, cells, column, reason):
    assert single_problem(build_workbook([valid_row(1, **cells)]), import_org) == (column, reason)


@pytest.mark.parametrize(
    ("column", "cell", "field", "value"),
    [
        ("name", "  Blauer See  ", "name", "Blauer See"),
        ("name", "\u00a0Blauer\nSee", "name", "Blauer See"),
        ("reference", 7, "reference", "7"),
        ("reference", "007", "reference", "007"),
        ("reference", 7.0, "reference", "7"),
        ("contactNumber", 442071234567, "contact_number", "442071234567"),
        ("contactNumber", "'0044", "contact_number", "0044"),
        ("contactNumber", "493012345678.0", "contact_number", "493012345678"),
        ("contactNumber", "030.1234567.0", "contact_number", "030.1234567.0"),
        ("name", 1234.5, "name", "1234.5"),
        ("name", "=1+1", "name", "=1+1"),
        ("startDate", 45688, "start_date", date(2025, 1, 31)),
        ("startDate", "45688", "start_date", date(2025, 1, 31)),
        ("startDate", 45688.75, "start_date", date(2025, 1, 31)),
        ("startDate", "31/01/2025", "start_date", date(2025, 1, 31)),
        ("startDate", " 2025-01-31 ", "start_date", date(2025, 1, 31)),
        ("startDate", "1/2/2025", "start_date", date(2025, 2, 1)),
        ("startDate", date(2025, 1, 31), "start_date", date(2025, 1, 31)),
        ("reviewFrequency", 3, "review_frequency", 3),
        ("reviewFrequency", "12 months", "review_frequency", 12),
        ("risk", " medium ", "risk", Risk.MEDIUM),
        ("risk", "RED", "risk", Risk.HIGH),
        ("financialEndMonth", "December", "year_end_month", 12),
        ("financialEndMonth", "dec", "year_end_month", 12),
        ("email", "One@Customer.example; two@customer.example", "email", "One@customer.example, two@customer.example"),
        ("relationshipNote", "one\ntwo", "relationship_note", "one\ntwo"),
    ],
)
def test_what_a_cell_may_be(import_org, column, cell, field, value):
    row = valid_row(1, **{column: cell})
    assert import_now(build_workbook([row]), import_org).errors == []
    (imported_customer,) = list_customers(import_org)
    assert getattr(imported_customer, field) == value


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("sales", ["Sales"]),
        (" SALES ,, operations;", ["Operations", "Sales"]),
        ("Sales\nFinance", ["Finance", "Sales"]),
        ("Sales, Sales", ["Sales"]),
    ],
)
def test_departments_in_one_cell(import_org, cell, expected):
    import_now(build_workbook([valid_row(1, department=cell)]), import_org)
    assert [department.name for department in get_customer("REF1", import_org).departments] == expected


def test_a_department_with_a_comma_in_its_name(import_org):
    with history.act_as(import_org.actor, "test"):
        db.session.add(Department(organisation_id=import_org.id, name="Sales, West"))
        db.session.commit()
    import_now(build_workbook([valid_row(1, department="sales, west")]), import_org)
    assert [department.name for department in get_customer("REF1", import_org).departments] == ["Sales, West"]


def test_references_that_differ_only_in_zeros_are_two_customers(import_org):
    rows = [valid_row(1, reference=7), valid_row(2, reference="007"), valid_row(3, reference="7.0")]
    assert tally_counts(import_now(build_workbook(rows), import_org)) == (3, 0, 0, 0)
    assert {imported_customer.reference for imported_customer in list_customers(import_org)} == {"7", "007", "7.0"}


def test_the_second_of_two_rows_with_one_reference_is_refused(import_org):
    rows = [
        valid_row(1, reference="Alfki"),
        valid_row(2),
        valid_row(3, reference=" ALFKI "),
        valid_row(4, reference="alfki"),
    ]
    result = import_now(build_workbook(rows), import_org, good_rows_only=True)
    assert tally_counts(result) == (2, 0, 0, 2)
    assert [(error.row, error.reason) for error in result.errors] == [
        (4, "Row 2 has the same reference"),
        (5, "Row 2 has the same reference"),
    ]


def test_the_second_row_is_refused_also_where_the_first_is_in_error_or_far_above(import_org, monkeypatch):
    monkeypatch.setattr("customerhub.customers.importing.checking.CHUNK_SIZE", 2)
    rows = [valid_row(number) for number in range(10)]
    rows[1]["email"] = "wrong"
    rows[9]["reference"] = "REF1"
    result = import_now(build_workbook(rows), import_org, good_rows_only=True)
    assert problem_cells(result) == [(3, "email"), (11, "reference")]
    assert len(list_customers(import_org)) == 8


def test_every_wrong_cell_of_a_row_is_listed(import_org):
    row = valid_row(1, email="x", risk="y", regionName="z", name=None, reviewStartDate=None)
    result = import_now(build_workbook([row]), import_org, dry_run=True)
    assert {error.column for error in result.errors} == {"email", "risk", "regionName", "name", "reviewStartDate"}


def test_an_unreadable_reference_is_the_only_error(import_org):
    rows = build_raw_workbook(HEADER_ROW + xml_row(2, [None, '<c r="{r}" t="e"><v>#REF!</v></c>', "1 High Street"]))
    assert single_problem(rows, import_org) == ("reference", "The cell contains the Excel error #REF!")


@pytest.mark.parametrize("column", ["name", "reference", "startDate", "risk", "regionName", "relationshipNote"])
def test_a_formula_without_a_result_and_an_excel_error_are_refused_in_every_kind_of_column(import_org, column):
    for xml, expected_reason in (
        ('<c r="{r}"><f>A1</f><v/></c>', "no stored result"),
        ('<c r="{r}" t="e"><v>#N/A</v></c>', "the Excel error #N/A"),
    ):
        at, reason = single_problem(build_raw_workbook(HEADER_ROW + xml_valid_row(2, **{column: xml})), import_org)
        assert at == column
        assert expected_reason in reason

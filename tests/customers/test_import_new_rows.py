"""Rows of new customers: what a cell may be, and what then stands in the database."""

from datetime import date

import pytest

from customerhub import history
from customerhub.customers.records import save_customer
from models import (
    Address,
    Customer,
    Department,
)
from models.base import db
from models.enums import AddressKind, Risk, Stage
from tests.customers.importing import counts, customer, customers, history_of, import_now, problems, the_problem
from tests.customers.workbooks import HEADER_ROW, good_row, raw, row_of, written, xml_row


def test_a_new_row_makes_a_whole_customer(house):
    result = import_now(written([good_row(1, relationshipNote="Since 1996", department="Sales, Operations")]), house)
    assert counts(result) == (1, 0, 0, 0)
    assert result.saved
    made = customer("REF1", house)
    assert (made.name, made.email, made.contact_number) == ("Customer 1", "accounts1@customer.example", "020 7946 0001")
    assert (made.review_start_date, made.review_frequency) == (date(2026, 1, 31), 3)
    assert (made.reviewer_email, made.review_template.name) == ("reviewer@hub.example", "Customer review")
    assert (made.credit_check_company, made.risk) == ("Experian", Risk.LOW)
    assert (made.year_end_day, made.year_end_month) == (31, 12)
    assert (made.existing_relationship, made.relationship_note) == (True, "Since 1996")
    assert (made.start_date, made.region.name) == (date(2020, 2, 29), "Europe")
    assert [department.name for department in made.departments] == ["Operations", "Sales"]
    assert [(address.kind, address.lines) for address in made.addresses] == [
        (AddressKind.MAILING, "1 High Street, London")
    ]
    assert (made.status.name, made.stage, made.version) == ("Active", Stage.BILLING, 1)
    assert [account.number for account in made.accounts] == [made.account_number] == ["100001"]
    assert made.search_text == "customer 1 ref1 100001 accounts1@customer.example 020 7946 0001"
    assert (made.sort_name, made.reference_key) == ("customer 1", "ref1")


def test_a_customer_made_by_an_import_is_like_one_made_on_the_form(house):
    """Every column that the form fills by itself is filled the same way."""
    import_now(written([good_row(1)]), house)
    imported = customer("REF1", house)
    typed = Customer(
        name=imported.name, reference="REF2", email=imported.email, contact_number=imported.contact_number,
        region_id=imported.region_id, start_date=imported.start_date, risk=imported.risk,
        year_end_day=31, year_end_month=12, review_start_date=imported.review_start_date, review_frequency=3,
        reviewer_email=imported.reviewer_email, review_template_id=imported.review_template_id,
        credit_check_company="Experian", departments=list(imported.departments),
        addresses=[Address(kind=AddressKind.MAILING, lines="1 High Street, London")],
    )  # fmt: skip
    with history.acting(house.actor, "test"):
        save_customer(typed, actor=house.actor)
        db.session.commit()
    different = {"id", "reference", "reference_key", "account_number", "search_text", "created_at", "portal_invited_at"}
    assert None not in (typed.portal_invited_at, imported.portal_invited_at)
    for column in Customer.__table__.columns:
        if column.name not in different:
            assert getattr(typed, column.name) == getattr(imported, column.name), column.name


def test_the_history_tells_of_a_new_customer(house):
    import_now(written([good_row(1, department="Sales, Operations")]), house)
    made = customer("REF1", house)
    entry, invited = history_of(made.id)
    assert (entry.action, entry.table_name, entry.row_id, entry.title) == ("created", "customer", made.id, "Customer 1")
    assert (invited.action, invited.table_name, invited.title) == ("created", "hub_user", "Customer 1")
    assert (invited.actor_name, invited.source) == (house.user.name, "test import")
    assert (entry.actor_name, entry.source) == (house.user.name, "test import")
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


def test_only_what_is_needed(house):
    needed = ("name", "reference", "email", "risk", "startDate", "regionName", "department")
    import_now(written([{name: good_row(1)[name] for name in needed}], headers=needed), house)
    made = customer("REF1", house)
    assert made.addresses == []
    assert (made.existing_relationship, made.review_frequency, made.year_end_day) == (False, None, None)


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ("name", "A name is needed"),
        ("reference", "A reference is needed"),
        ("email", "An email address is needed"),
        ("regionName", "Choose a region"),
        ("startDate", "A start date is needed"),
        ("risk", "Choose a risk: Low, Medium or High"),
        ("department", "Choose at least one department"),
    ],
)
def test_what_a_new_customer_must_have(house, column, told):
    assert the_problem(written([good_row(1, **{column: None})]), house) == (column, told)
    assert the_problem(written([good_row(1, **{column: "  "})]), house) == (column, told)


@pytest.mark.parametrize(
    ("column", "cell", "told"),
    [
        ("email", "not-an-email", "“not-an-email” is not an email address, such as name@example.com"),
        ("email", "one@customer.example, two", "“two” is not an email address, such as name@example.com"),
        ("reviewerEmail", "a@b.example, c@d.example", "is not an email address"),
        ("regionName", "Atlantis", "“Atlantis” is not a region: Europe, North America, South America"),
        ("department", "Sales, Kitchen", "“Kitchen” is not a department: Finance, Operations, Sales"),
        ("notificationMessage", "Hello", "“Hello” is not a notification template: Customer review"),
        ("notificationMessage", "Certificate expires", "is not a notification template: Customer review"),
        ("risk", "Severe", "“Severe” is not a risk: Low, Medium or High"),
        ("startDate", "January", "“January” is not a date: write it as 31/01/2025 or 2025-01-31"),
        ("startDate", "2025-02-30", "There is no day “2025-02-30”"),
        ("startDate", "31/13/2025", "There is no day"),
        ("startDate", 3_000_000, "is not a date"),
        ("startDate", -1, "1899"),
        ("startDate", date(2200, 1, 1), "The year 2200 is out of reach: 1900 to 2199"),
        ("reviewFrequency", "13 Months", "“13 Months” is not a frequency: 1 Month to 12 Months"),
        ("reviewFrequency", 0, "is not a frequency"),
        ("reviewFrequency", 2.5, "“2.5” is not a frequency"),
        ("financialEndDay", 32, "“32” is not a day of a month: 1 to 31"),
        ("financialEndMonth", "Smarch", "“Smarch” is not a month: 1 to 12 or January to December"),
        ("name", "x" * 201, "This has 201 characters; 200 is the most"),
        ("reference", "x" * 41, "This has 41 characters; 40 is the most"),
        ("address", "x" * 501, "This has 501 characters; 500 is the most"),
        ("name", "a\u202eb", "There is a character in it that cannot be shown. Type it again"),
    ],
)  # fmt: skip
def test_what_a_cell_may_not_be(house, column, cell, told):
    at, reason = the_problem(written([good_row(1, **{column: cell})]), house)
    assert at == column
    assert told in reason


def test_letters_that_become_too_many_when_they_are_compared(house):
    """One letter may fold into 18: the columns for sorting and finding have no room for that."""
    row = good_row(1, name="\ufdfa" * 30, reference="\ufb03" * 30)
    result = import_now(written([row, good_row(2)]), house, good_rows_only=True)
    assert [(error.column, error.reason) for error in result.errors] == [
        ("reference", "This reference is too long"),
        ("name", "This name is too long"),
    ]
    assert import_now(written([good_row(1, name="\ufdfa" * 20, reference="\ufb03" * 20)]), house).saved


@pytest.mark.parametrize(
    ("cells", "column", "told"),
    [
        ({"financialEndDay": 31, "financialEndMonth": 2}, "financialEndDay", "February has no day 31"),
        ({"financialEndMonth": None}, "financialEndDay", "A year end needs both a day and a month"),
        ({"reviewStartDate": None}, "reviewStartDate", "Reviews need a start date"),
        ({"reviewFrequency": None}, "reviewFrequency", "Reviews need a frequency of 1 to 12 months"),
    ],
)
def test_what_cells_may_not_be_together(house, cells, column, told):
    assert the_problem(written([good_row(1, **cells)]), house) == (column, told)


@pytest.mark.parametrize(
    ("column", "cell", "field", "value"),
    [
        ("name", "  Blauer See  ", "name", "Blauer See"),
        ("name", "\u00a0Blauer\nSee", "name", "Blauer See"),
        ("reference", 7, "reference", "7"),
        ("reference", "007", "reference", "007"),
        ("reference", 7.0, "reference", "7"),
        ("reference", date(2025, 1, 31), "reference", "2025-01-31"),
        ("contactNumber", 442071234567, "contact_number", "442071234567"),
        ("contactNumber", "'0044", "contact_number", "'0044"),
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
)  # fmt: skip
def test_what_a_cell_may_be(house, column, cell, field, value):
    row = good_row(1, **{column: cell})
    assert import_now(written([row]), house).errors == []
    (made,) = customers(house)
    assert getattr(made, field) == value


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("sales", ["Sales"]),
        (" SALES ,, operations;", ["Operations", "Sales"]),
        ("Sales\nFinance", ["Finance", "Sales"]),
        ("Sales, Sales", ["Sales"]),
    ],
)
def test_departments_in_one_cell(house, cell, expected):
    import_now(written([good_row(1, department=cell)]), house)
    assert [department.name for department in customer("REF1", house).departments] == expected


def test_a_department_with_a_comma_in_its_name(house):
    with history.acting(house.actor, "test"):
        db.session.add(Department(organisation_id=house.id, name="Sales, West"))
        db.session.commit()
    import_now(written([good_row(1, department="sales, west")]), house)
    assert [department.name for department in customer("REF1", house).departments] == ["Sales, West"]


def test_references_that_differ_only_in_zeros_are_two_customers(house):
    rows = [good_row(1, reference=7), good_row(2, reference="007"), good_row(3, reference="7.0")]
    assert counts(import_now(written(rows), house)) == (3, 0, 0, 0)
    assert {made.reference for made in customers(house)} == {"7", "007", "7.0"}


def test_the_second_of_two_rows_with_one_reference_is_refused(house):
    rows = [
        good_row(1, reference="Alfki"),
        good_row(2),
        good_row(3, reference=" ALFKI "),
        good_row(4, reference="alfki"),
    ]
    result = import_now(written(rows), house, good_rows_only=True)
    assert counts(result) == (2, 0, 0, 2)
    assert [(error.row, error.reason) for error in result.errors] == [
        (4, "Row 2 has this reference too"),
        (5, "Row 2 has this reference too"),
    ]


def test_the_second_row_is_refused_also_where_the_first_is_in_error_or_far_above(house, monkeypatch):
    monkeypatch.setattr("customerhub.customers.importing.checking.CHUNK", 2)
    rows = [good_row(number) for number in range(10)]
    rows[1]["email"] = "wrong"
    rows[9]["reference"] = "REF1"
    result = import_now(written(rows), house, good_rows_only=True)
    assert problems(result) == [(3, "email"), (11, "reference")]
    assert len(customers(house)) == 8


def test_every_wrong_cell_of_a_row_is_told(house):
    row = good_row(1, email="x", risk="y", regionName="z", name=None, reviewStartDate=None)
    result = import_now(written([row]), house, dry_run=True)
    assert {error.column for error in result.errors} == {"email", "risk", "regionName", "name", "reviewStartDate"}


def test_a_reference_that_cannot_be_read_is_the_only_thing_told(house):
    rows = raw(HEADER_ROW + xml_row(2, [None, '<c r="{r}" t="e"><v>#REF!</v></c>', "1 High Street"]))
    assert the_problem(rows, house) == ("reference", "The cell holds Excel's error #REF!")


@pytest.mark.parametrize("column", ["name", "reference", "startDate", "risk", "regionName", "relationshipNote"])
def test_a_formula_without_a_result_and_an_excel_error_are_refused_in_every_kind_of_column(house, column):
    for xml, told in (
        ('<c r="{r}"><f>A1</f><v/></c>', "no stored result"),
        ('<c r="{r}" t="e"><v>#N/A</v></c>', "Excel's error #N/A"),
    ):
        at, reason = the_problem(raw(HEADER_ROW + row_of(2, **{column: xml})), house)
        assert at == column
        assert told in reason

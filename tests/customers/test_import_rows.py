"""What becomes of a row: new, changed, unchanged or in error, and what then stands in the database."""

from datetime import date, timedelta

import pytest
from sqlalchemy import event, func, select

from customerhub import history
from customerhub.customers.importing.workbook import Unusable
from customerhub.customers.records import save_customer
from customerhub.errors import Conflict, Invalid, NotAllowed
from models import (
    Account,
    Address,
    CatalogItem,
    Contact,
    Customer,
    CustomerStatus,
    Department,
    History,
    customer_department,
)
from models.base import db
from models.enums import AddressKind, CatalogType, Risk, Role, Stage
from tests.customers.conftest import make_house
from tests.customers.importing import customer, customers, history_of, import_now
from tests.customers.workbooks import HEADER_ROW, good_row, raw, row_of, written, xml_row
from tests.people import make_user, system


def counts(result):
    return result.tally.new, result.tally.changed, result.tally.unchanged, result.tally.error


def problems(result):
    return [(error.row, error.column) for error in result.errors]


def the_problem(file, house):
    """The one reason why the one row of `file` is refused."""
    result = import_now(file, house, dry_run=True)
    assert len(result.errors) == 1, result.errors
    return result.errors[0].column, result.errors[0].reason


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
    assert (made.status.name, made.stage, made.version) == ("Active", Stage.NEW, 1)
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
    different = {"id", "reference", "reference_key", "account_number", "search_text", "created_at"}
    for column in Customer.__table__.columns:
        if column.name not in different:
            assert getattr(typed, column.name) == getattr(imported, column.name), column.name


def test_the_history_tells_of_a_new_customer(house):
    import_now(written([good_row(1, department="Sales, Operations")]), house)
    made = customer("REF1", house)
    (entry,) = history_of(made.id)
    assert (entry.action, entry.table_name, entry.row_id, entry.title) == ("created", "customer", made.id, "Customer 1")
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


# --- Rows of customers there are ---------------------------------------------------------------------------------


@pytest.fixture
def known(house):
    """One customer, imported a while ago."""
    import_now(written([good_row(1, relationshipNote="Since 1996", department="Sales, Finance")]), house)
    return customer("REF1", house)


def test_the_same_row_again_changes_nothing(house, known):
    entries = db.session.scalar(select(func.count(History.id)))
    again = good_row(1, relationshipNote="Since 1996", department="Finance, Sales", reference=" ref1 ".upper())
    result = import_now(written([again]), house)
    assert counts(result) == (0, 0, 1, 0)
    assert db.session.scalar(select(func.count(History.id))) == entries
    assert customer("REF1", house).version == 1


def test_a_changed_row_changes_its_cells_and_tells(house, known):
    row = good_row(
        1, name="Customer One", risk="Red", regionName="south america", department="Operations, Finance",
        address="2 Low Street", startDate="31/01/2025", notificationMessage="CUSTOMER  REVIEW",
    )  # fmt: skip
    assert counts(import_now(written([row]), house)) == (0, 1, 0, 0)
    after = customer("REF1", house)
    assert (after.name, after.risk, after.region.name) == ("Customer One", Risk.HIGH, "South America")
    assert [department.name for department in after.departments] == ["Finance", "Operations"]
    assert [(address.lines, address.version) for address in after.addresses] == [("2 Low Street", 2)]
    assert after.start_date == date(2025, 1, 31)
    assert after.relationship_note == "Since 1996"
    assert (after.version, after.sort_name) == (2, "customer one")
    assert after.search_text.startswith("customer one ")
    entry = history_of(known.id)[-1]
    assert entry.action == "changed"
    assert entry.changes == {
        "name": ["Customer 1", "Customer One"],
        "risk": ["Low", "High"],
        "region": ["Europe", "South America"],
        "departments": ["Finance, Sales", "Finance, Operations"],
        "address": ["1 High Street, London", "2 Low Street"],
        "start_date": ["2020-02-29", "2025-01-31"],
    }


def test_a_blank_cell_never_clears_anything(house, known):
    before = {column.name: getattr(known, column.name) for column in Customer.__table__.columns}
    result = import_now(written([{"reference": "REF1", "risk": " "}]), house)
    assert counts(result) == (0, 0, 1, 0)
    after = customer("REF1", house)
    assert {name: getattr(after, name) for name in before} == before
    assert len(after.departments) == 2
    assert len(after.addresses) == 1


def test_columns_that_are_not_there_change_nothing(house, known):
    import_now(written([{"reference": "REF1", "risk": "High"}], headers=("risk", "reference")), house)
    after = customer("REF1", house)
    assert (after.risk, after.name, len(after.departments)) == (Risk.HIGH, "Customer 1", 2)


def test_cells_are_judged_with_what_is_known(house, known):
    """31 December is known: a new month alone may make a day that does not exist."""
    assert the_problem(written([{"reference": "REF1", "financialEndMonth": "June"}]), house) == (
        "financialEndDay", "June has no day 31",
    )  # fmt: skip
    assert import_now(written([{"reference": "REF1", "financialEndMonth": "May"}]), house).tally.changed == 1


def test_an_unknown_name_is_told_on_update_too(house, known):
    assert the_problem(written([{"reference": "REF1", "regionName": "Atlantis"}]), house)[0] == "regionName"


def test_a_name_that_differs_in_case_from_the_reference_is_kept_as_written(house, known):
    import_now(written([{"reference": "ref1", "name": "customer 1"}]), house)
    after = customer("ref1", house)
    assert (after.id, after.name) == (known.id, "customer 1")


def test_what_is_no_longer_in_use_may_stay_but_not_come_anew(house, known):
    with history.acting(house.actor, "test"):
        for region in db.session.scalars(select(CatalogItem).where(CatalogItem.name == "Europe")):
            region.active = False
        for department in db.session.scalars(select(Department).where(Department.name == "Finance")):
            department.active = False
        db.session.commit()
    row = {"regionName": "Europe", "department": "Finance, Sales", "name": "Other"}
    assert counts(import_now(written([row | {"reference": "REF1"}]), house)) == (0, 1, 0, 0)
    result = import_now(written([good_row(2, regionName="Europe", department="Finance")]), house, dry_run=True)
    assert [(error.column, error.reason) for error in result.errors] == [
        ("regionName", "“Europe” is no longer in use: North America, South America"),
        ("department", "“Finance” is no longer in use: Operations, Sales"),
    ]


def test_an_address_in_parts_is_the_same_as_on_one_line(house, known):
    with history.acting(house.actor, "test"):
        address = customer("REF1", house).addresses[0]
        address.lines, address.city, address.postal_code, address.country = "Obere Str. 57", "Berlin", "12209", "DE"
        db.session.commit()
    same = {"reference": "REF1", "address": "Obere Str. 57, 12209, Berlin, DE"}
    assert counts(import_now(written([same]), house)) == (0, 0, 1, 0)
    assert counts(import_now(written([same | {"address": "Obere Str. 57"}]), house)) == (0, 1, 0, 0)
    (after,) = customer("REF1", house).addresses
    assert (after.lines, after.city, after.postal_code, after.country) == ("Obere Str. 57", None, None, None)
    assert history_of(known.id)[-1].changes == {"address": ["Obere Str. 57, 12209, Berlin, DE", "Obere Str. 57"]}


def test_a_customer_without_an_address_gets_one(house):
    import_now(written([good_row(1, address=None)]), house)
    import_now(written([{"reference": "REF1", "address": "New Street"}]), house)
    made = customer("REF1", house)
    assert [address.lines for address in made.addresses] == ["New Street"]
    assert history_of(made.id)[-1].changes == {"address": [None, "New Street"]}


def test_a_first_note_makes_an_existing_relationship(house):
    import_now(written([good_row(1)]), house)
    import_now(written([{"reference": "REF1", "relationshipNote": "Since 1996"}]), house)
    made = customer("REF1", house)
    assert made.existing_relationship
    assert history_of(made.id)[-1].changes == {
        "relationship_note": [None, "Since 1996"],
        "existing_relationship": [False, True],
    }


def test_a_prospect_stays_one(house):
    with history.acting(house.actor, "test"):
        prospect = Customer(is_prospect=True, name="Maybe", reference="P1", registration_number="HRB 1",
                            contacts=[Contact(organisation_id=house.id, name="Ann")])  # fmt: skip
        save_customer(prospect, actor=house.actor)
        db.session.commit()
    result = import_now(written([{"reference": "P1", "name": "Surely"}]), house)
    assert counts(result) == (0, 1, 0, 0)
    assert customer("P1", house).is_prospect
    assert customer("P1", house).registration_key == "HRB1"


# --- All or nothing, organisations, conflicts --------------------------------------------------------------------


def test_one_row_in_error_saves_nothing(house):
    result = import_now(written([good_row(1), good_row(2, email="x"), good_row(3)]), house)
    assert counts(result) == (2, 0, 0, 1)
    assert not result.saved
    assert customers(house) == []


def test_only_the_good_rows(house):
    result = import_now(written([good_row(1), good_row(2, email="x"), good_row(3)]), house, good_rows_only=True)
    assert result.saved
    assert [made.reference for made in customers(house)] == ["REF1", "REF3"]


def test_a_dry_run_saves_nothing(house):
    result = import_now(written([good_row(1), good_row(2)]), house, dry_run=True)
    assert counts(result) == (2, 0, 0, 0)
    assert not result.saved
    assert customers(house) == []


def test_organisations_do_not_see_each_other(session, house):
    import_now(written([good_row(1)]), house)
    other = make_house(session, "Other Telecom")
    with history.acting(system(other.organisation), "test"):
        session.add(CatalogItem(organisation_id=other.id, type=CatalogType.REGION, name="Oceania"))
        session.commit()
    assert counts(import_now(written([good_row(1, name="Theirs", regionName="Oceania")]), other)) == (1, 0, 0, 0)
    assert customer("REF1", house).name == "Customer 1"
    assert customer("REF1", other).name == "Theirs"
    assert the_problem(written([good_row(2, regionName="Oceania")]), house)[0] == "regionName"
    assert db.session.scalar(
        select(func.count()).select_from(customer_department).where(customer_department.c.organisation_id == other.id)
    ) == 1  # fmt: skip


@pytest.mark.parametrize("role", [Role.PARTNER, Role.CUSTOMER])
def test_who_may_not_import(house, role):
    outsider = make_user(house.organisation, role)
    db.session.commit()
    with pytest.raises(NotAllowed):
        import_now(written([good_row(1)]), type(house)(house.organisation, outsider))


def test_account_numbers_pass_over_those_in_use(house):
    import_now(written([good_row(1)]), house)
    with history.acting(house.actor, "test"):
        customer("REF1", house).account_number = "100003"
        db.session.commit()
    import_now(written([good_row(number) for number in range(2, 6)]), house)
    numbers = [made.account_number for made in customers(house)]
    assert numbers == ["100003", "100002", "100004", "100005", "100006"]
    assert sorted(db.session.scalars(select(Account.number))) == ["100001", "100002", "100004", "100005", "100006"]


def test_an_organisation_without_a_status_for_new_customers(house):
    with history.acting(house.actor, "test"):
        for status in db.session.scalars(select(CustomerStatus).where(CustomerStatus.name == "Active")):
            status.active = False
        db.session.commit()
    with pytest.raises(Invalid, match="no active customer status that bills"):
        import_now(written([good_row(1)]), house)
    assert customers(house) == []


def test_a_customer_that_changes_under_the_import_is_a_conflict(house, known, monkeypatch):
    """Between the look at the customer and the update somebody else saves it, where nothing keeps them from it."""
    from customerhub.customers.importing import checking

    def load_then_change(*args, **options):
        found = real(*args, **options)
        for one in found.values():
            one["version"] -= 1
        return found

    real = checking.load_known
    monkeypatch.setattr(checking, "load_known", load_then_change)
    with pytest.raises(Conflict):
        import_now(written([good_row(2), good_row(1, name="Other")]), house)
    assert [made.name for made in customers(house)] == ["Customer 1"]


def test_a_reference_that_is_taken_under_the_import_is_a_conflict(house, known, monkeypatch):
    monkeypatch.setattr("customerhub.customers.importing.checking.load_known", lambda *args, **options: {})
    with pytest.raises(Conflict, match="Another customer has this reference"):
        import_now(written([good_row(2), good_row(1)]), house)
    assert len(customers(house)) == 1


def test_many_rows_take_few_statements(house):
    rows = [good_row(number) for number in range(2000)]
    statements = []

    def note(_connection, _cursor, statement, _parameters, _context, _many):
        statements.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        import_now(written(rows), house)
        new, statements = statements, []
        import_now(written([row | {"name": "Other", "address": "x", "department": "Finance"} for row in rows]), house)
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert len(new) < 45
    assert len(statements) < 40


def test_progress_is_told(house):
    told = []
    rows = [good_row(number) for number in range(2500)]
    import_now(written(rows), house, progress=lambda *numbers: told.append(numbers))
    assert told == [(1000, 2500), (2000, 2500), (2500, 2500)]


def test_a_file_that_cannot_be_used_saves_nothing(house):
    with pytest.raises(Unusable):
        import_now(raw(HEADER_ROW + row_of(2) + row_of(3) + '<row r="1"/>'), house)
    assert customers(house) == []


def test_dates_across_the_whole_reach(house):
    days = [date(1900, 1, 1), date(1900, 2, 28), date(1900, 3, 1), date(1999, 12, 31), date(2199, 12, 31)]
    serials = {day: (day - date(1899, 12, 30)).days - (day < date(1900, 3, 1)) for day in days}
    for day, serial in serials.items():
        xml = '<c r="{r}" s="%d"><v>%d</v></c>'
        for style in (0, 1):
            file = raw(HEADER_ROW + row_of(2, startDate=xml % (style, serial), reference=f"{day} {style}"))
            assert import_now(file, house).errors == []
            assert customer(f"{day} {style}", house).start_date == day, (day, style)


def test_dates_from_1904(house):
    serial = (date(2025, 1, 31) - date(1904, 1, 1)) // timedelta(days=1)
    for style in (0, 1):
        cell = f'<c r="{{r}}" s="{style}"><v>{serial}</v></c>'
        rows = HEADER_ROW + row_of(2, startDate=cell, reference=f"S{style}")
        import_now(raw(rows, book='<workbookPr date1904="true"/>'), house)
        assert customer(f"S{style}", house).start_date == date(2025, 1, 31)

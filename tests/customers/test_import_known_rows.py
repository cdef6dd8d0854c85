"""Rows of customers there are: what they change, what they leave, and what is saved at all."""

from datetime import date, timedelta

import pytest
from sqlalchemy import event, func, select

from customerhub import history
from customerhub.customers.importing.workbook import Unusable
from customerhub.customers.records import save_customer
from customerhub.errors import Conflict, Invalid, NotAllowed
from models import (
    Account,
    CatalogItem,
    Contact,
    Customer,
    CustomerStatus,
    Department,
    History,
    customer_department,
)
from models.base import db
from models.enums import CatalogType, Risk, Role
from tests.customers.conftest import make_house
from tests.customers.importing import counts, customer, customers, history_of, import_now, the_problem
from tests.customers.workbooks import HEADER_ROW, good_row, raw, row_of, written
from tests.people import make_user, system


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
    entry, asked = history_of(known.id)[-2:]
    assert (entry.action, entry.table_name) == ("changed", "customer")
    assert (asked.action, asked.table_name) == ("created", "approval_task")  # it was renamed while live
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

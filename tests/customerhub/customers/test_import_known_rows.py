"""Rows of customers there are: what they change, what they leave, and what is saved at all."""

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from customerhub.core import history
from customerhub.core.errors import Conflict, Invalid, NotAllowed
from customerhub.core.xlsx.package import UnusableFile
from customerhub.customers.records import save_customer
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
from tests.customerhub.customers.conftest import make_import_org
from tests.support.imports import get_customer, import_now, list_customers, list_history, single_problem, tally_counts
from tests.support.people import make_user, system_actor
from tests.support.statements import record_statements
from tests.support.workbooks import HEADER_ROW, build_raw_workbook, build_workbook, valid_row, xml_valid_row


@pytest.fixture
def known_customer(import_org):
    """One customer, imported a while ago."""
    import_now(build_workbook([valid_row(1, relationshipNote="Since 1996", department="Sales, Finance")]), import_org)
    return get_customer("REF1", import_org)


def test_the_same_row_again_changes_nothing(import_org, known_customer):
    entries = db.session.scalar(select(func.count(History.id)))
    again = valid_row(1, relationshipNote="Since 1996", department="Finance, Sales", reference=" ref1 ".upper())
    result = import_now(build_workbook([again]), import_org)
    assert tally_counts(result) == (0, 0, 1, 0)
    assert db.session.scalar(select(func.count(History.id))) == entries
    assert get_customer("REF1", import_org).version == 1


def test_a_changed_row_changes_its_cells_and_says_so(import_org, known_customer):
    row = valid_row(
        1,
        name="Customer One",
        risk="Red",
        regionName="south america",
        department="Operations, Finance",
        address="2 Low Street",
        startDate="31/01/2025",
        notificationMessage="CUSTOMER  REVIEW",
    )
    assert tally_counts(import_now(build_workbook([row]), import_org)) == (0, 1, 0, 0)
    after = get_customer("REF1", import_org)
    assert (after.name, after.risk, after.region.name) == ("Customer One", Risk.HIGH, "South America")
    assert [department.name for department in after.departments] == ["Finance", "Operations"]
    assert [(address.lines, address.version) for address in after.addresses] == [("2 Low Street", 2)]
    assert after.start_date == date(2025, 1, 31)
    assert after.relationship_note == "Since 1996"
    assert (after.version, after.sort_name) == (2, "customer one")
    assert after.search_text.startswith("customer one ")
    entry, task_entry = list_history(known_customer.id)[-2:]
    assert (entry.action, entry.table_name) == ("changed", "customer")
    assert (task_entry.action, task_entry.table_name) == ("created", "approval_task")  # it was renamed while live
    assert entry.changes == {
        "name": ["Customer 1", "Customer One"],
        "risk": ["Low", "High"],
        "region": ["Europe", "South America"],
        "departments": ["Finance, Sales", "Finance, Operations"],
        "address": ["1 High Street, London", "2 Low Street"],
        "start_date": ["2020-02-29", "2025-01-31"],
    }


def test_a_blank_cell_never_clears_anything(import_org, known_customer):
    before = {column.name: getattr(known_customer, column.name) for column in Customer.__table__.columns}
    result = import_now(build_workbook([{"reference": "REF1", "risk": " "}]), import_org)
    assert tally_counts(result) == (0, 0, 1, 0)
    after = get_customer("REF1", import_org)
    assert {name: getattr(after, name) for name in before} == before
    assert len(after.departments) == 2
    assert len(after.addresses) == 1


def test_columns_that_are_not_there_change_nothing(import_org, known_customer):
    import_now(build_workbook([{"reference": "REF1", "risk": "High"}], headers=("risk", "reference")), import_org)
    after = get_customer("REF1", import_org)
    assert (after.risk, after.name, len(after.departments)) == (Risk.HIGH, "Customer 1", 2)


def test_cells_are_judged_with_what_is_known(import_org, known_customer):
    """31 December is stored: a new month alone may make a day that does not exist."""
    assert single_problem(build_workbook([{"reference": "REF1", "financialEndMonth": "June"}]), import_org) == (
        "financialEndDay",
        "June has no day 31",
    )
    assert (
        import_now(build_workbook([{"reference": "REF1", "financialEndMonth": "May"}]), import_org).counts.changed == 1
    )


def test_an_unknown_name_is_an_error_on_update_too(import_org, known_customer):
    assert (
        single_problem(build_workbook([{"reference": "REF1", "regionName": "Atlantis"}]), import_org)[0] == "regionName"
    )


def test_a_name_that_differs_in_case_from_the_reference_is_kept_as_written(import_org, known_customer):
    import_now(build_workbook([{"reference": "ref1", "name": "customer 1"}]), import_org)
    after = get_customer("ref1", import_org)
    assert (after.id, after.name) == (known_customer.id, "customer 1")


def test_what_is_no_longer_in_use_may_stay_but_not_come_anew(import_org, known_customer):
    with history.act_as(import_org.actor, "test"):
        for region in db.session.scalars(select(CatalogItem).where(CatalogItem.name == "Europe")):
            region.active = False
        for department in db.session.scalars(select(Department).where(Department.name == "Finance")):
            department.active = False
        db.session.commit()
    row = {"regionName": "Europe", "department": "Finance, Sales", "name": "Other"}
    assert tally_counts(import_now(build_workbook([row | {"reference": "REF1"}]), import_org)) == (0, 1, 0, 0)
    result = import_now(
        build_workbook([valid_row(2, regionName="Europe", department="Finance")]), import_org, dry_run=True
    )
    assert [(error.column, error.reason) for error in result.errors] == [
        ("regionName", "“Europe” is no longer in use: North America, South America"),
        ("department", "“Finance” is no longer in use: Operations, Sales"),
    ]


def test_an_address_in_parts_is_the_same_as_on_one_line(import_org, known_customer):
    with history.act_as(import_org.actor, "test"):
        address = get_customer("REF1", import_org).addresses[0]
        address.lines, address.city, address.postal_code, address.country = "Obere Str. 57", "Berlin", "12209", "DE"
        db.session.commit()
    same = {"reference": "REF1", "address": "Obere Str. 57, 12209, Berlin, DE"}
    assert tally_counts(import_now(build_workbook([same]), import_org)) == (0, 0, 1, 0)
    assert tally_counts(import_now(build_workbook([same | {"address": "Obere Str. 57"}]), import_org)) == (0, 1, 0, 0)
    (after,) = get_customer("REF1", import_org).addresses
    assert (after.lines, after.city, after.postal_code, after.country) == ("Obere Str. 57", None, None, None)
    assert list_history(known_customer.id)[-1].changes == {
        "address": ["Obere Str. 57, 12209, Berlin, DE", "Obere Str. 57"]
    }


def test_a_customer_without_an_address_gets_one(import_org):
    import_now(build_workbook([valid_row(1, address=None)]), import_org)
    import_now(build_workbook([{"reference": "REF1", "address": "New Street"}]), import_org)
    imported_customer = get_customer("REF1", import_org)
    assert [address.lines for address in imported_customer.addresses] == ["New Street"]
    assert list_history(imported_customer.id)[-1].changes == {"address": [None, "New Street"]}


def test_a_first_note_makes_an_existing_relationship(import_org):
    import_now(build_workbook([valid_row(1)]), import_org)
    import_now(build_workbook([{"reference": "REF1", "relationshipNote": "Since 1996"}]), import_org)
    imported_customer = get_customer("REF1", import_org)
    assert imported_customer.existing_relationship
    assert list_history(imported_customer.id)[-1].changes == {
        "relationship_note": [None, "Since 1996"],
        "existing_relationship": [False, True],
    }


def test_a_prospect_stays_one(import_org):
    with history.act_as(import_org.actor, "test"):
        prospect = Customer(
            is_prospect=True,
            name="Maybe",
            reference="P1",
            registration_number="HRB 1",
            contacts=[Contact(organisation_id=import_org.id, name="Ann")],
        )
        save_customer(prospect, actor=import_org.actor)
        db.session.commit()
    result = import_now(build_workbook([{"reference": "P1", "name": "Surely"}]), import_org)
    assert tally_counts(result) == (0, 1, 0, 0)
    assert get_customer("P1", import_org).is_prospect
    assert get_customer("P1", import_org).registration_key == "HRB1"


# --- All or nothing, organisations, conflicts --------------------------------------------------------------------


def test_one_row_in_error_saves_nothing(import_org):
    result = import_now(build_workbook([valid_row(1), valid_row(2, email="x"), valid_row(3)]), import_org)
    assert tally_counts(result) == (2, 0, 0, 1)
    assert not result.is_saved
    assert list_customers(import_org) == []


def test_only_the_good_rows(import_org):
    result = import_now(
        build_workbook([valid_row(1), valid_row(2, email="x"), valid_row(3)]), import_org, good_rows_only=True
    )
    assert result.is_saved
    assert [imported_customer.reference for imported_customer in list_customers(import_org)] == ["REF1", "REF3"]


def test_a_dry_run_saves_nothing(import_org):
    result = import_now(build_workbook([valid_row(1), valid_row(2)]), import_org, dry_run=True)
    assert tally_counts(result) == (2, 0, 0, 0)
    assert not result.is_saved
    assert list_customers(import_org) == []


def test_organisations_do_not_see_each_other(session, import_org):
    import_now(build_workbook([valid_row(1)]), import_org)
    other = make_import_org(session, "Other Telecom")
    with history.act_as(system_actor(other.organisation), "test"):
        session.add(CatalogItem(organisation_id=other.id, type=CatalogType.REGION, name="Oceania"))
        session.commit()
    assert tally_counts(import_now(build_workbook([valid_row(1, name="Theirs", regionName="Oceania")]), other)) == (
        1,
        0,
        0,
        0,
    )
    assert get_customer("REF1", import_org).name == "Customer 1"
    assert get_customer("REF1", other).name == "Theirs"
    assert single_problem(build_workbook([valid_row(2, regionName="Oceania")]), import_org)[0] == "regionName"
    assert (
        db.session.scalar(
            select(func.count())
            .select_from(customer_department)
            .where(customer_department.c.organisation_id == other.id)
        )
        == 1
    )


@pytest.mark.parametrize("role", [Role.PARTNER, Role.CUSTOMER])
def test_who_may_not_import(import_org, role):
    outsider = make_user(import_org.organisation, role)
    db.session.commit()
    with pytest.raises(NotAllowed):
        import_now(build_workbook([valid_row(1)]), type(import_org)(import_org.organisation, outsider))


def test_account_numbers_pass_over_those_in_use(import_org):
    import_now(build_workbook([valid_row(1)]), import_org)
    with history.act_as(import_org.actor, "test"):
        get_customer("REF1", import_org).account_number = "100003"
        db.session.commit()
    import_now(build_workbook([valid_row(number) for number in range(2, 6)]), import_org)
    numbers = [imported_customer.account_number for imported_customer in list_customers(import_org)]
    assert numbers == ["100003", "100002", "100004", "100005", "100006"]
    assert sorted(db.session.scalars(select(Account.number))) == ["100001", "100002", "100004", "100005", "100006"]


def test_an_organisation_without_a_status_for_new_customers(import_org):
    with history.act_as(import_org.actor, "test"):
        for status in db.session.scalars(select(CustomerStatus).where(CustomerStatus.name == "Active")):
            status.active = False
        db.session.commit()
    with pytest.raises(Invalid, match="no active customer status with billing"):
        import_now(build_workbook([valid_row(1)]), import_org)
    assert list_customers(import_org) == []


def test_a_customer_that_changes_under_the_import_is_a_conflict(import_org, known_customer, monkeypatch):
    """Between the look at the customer and the update somebody else saves it, where nothing keeps them from it."""
    from customerhub.customers.importing import checking

    def load_then_change(*args, **options):
        loaded_rows = real(*args, **options)
        for one in loaded_rows.values():
            one["version"] -= 1
        return loaded_rows

    real = checking.load_existing
    monkeypatch.setattr(checking, "load_existing", load_then_change)
    with pytest.raises(Conflict):
        import_now(build_workbook([valid_row(2), valid_row(1, name="Other")]), import_org)
    assert [imported_customer.name for imported_customer in list_customers(import_org)] == ["Customer 1"]


def test_a_reference_that_is_taken_under_the_import_is_a_conflict(import_org, known_customer, monkeypatch):
    monkeypatch.setattr("customerhub.customers.importing.checking.load_existing", lambda *args, **options: {})
    with pytest.raises(Conflict, match="Another customer has this reference"):
        import_now(build_workbook([valid_row(2), valid_row(1)]), import_org)
    assert len(list_customers(import_org)) == 1


def test_many_rows_take_few_statements(import_org):
    rows = [valid_row(number) for number in range(2000)]
    changed_rows = [row | {"name": "Other", "address": "x", "department": "Finance"} for row in rows]
    with record_statements() as for_new:
        import_now(build_workbook(rows), import_org)
    with record_statements() as for_changed:
        import_now(build_workbook(changed_rows), import_org)
    assert len(for_new) < 45
    assert len(for_changed) < 40


def test_progress_is_reported(import_org):
    progress = []
    rows = [valid_row(number) for number in range(2500)]
    import_now(build_workbook(rows), import_org, progress=lambda *numbers: progress.append(numbers))
    assert progress == [(1000, 2500), (2000, 2500), (2500, 2500)]


def test_a_file_that_cannot_be_used_saves_nothing(import_org):
    with pytest.raises(UnusableFile):
        import_now(build_raw_workbook(HEADER_ROW + xml_valid_row(2) + xml_valid_row(3) + '<row r="1"/>'), import_org)
    assert list_customers(import_org) == []


def test_dates_across_the_whole_reach(import_org):
    """A number that is not shown as a date is one from 1970 on; before, it is rather a year, or digits run together."""
    days = [date(1900, 1, 1), date(1900, 2, 28), date(1900, 3, 1), date(1970, 1, 1), date(2199, 12, 31)]
    serials = {day: (day - date(1899, 12, 30)).days - (day < date(1900, 3, 1)) for day in days}
    for day, serial in serials.items():
        xml = '<c r="{r}" s="%d"><v>%d</v></c>'
        for style in (0, 1) if day.year >= 1970 else (1,):
            file = build_raw_workbook(
                HEADER_ROW + xml_valid_row(2, startDate=xml % (style, serial), reference=f"{day} {style}")
            )
            assert import_now(file, import_org).errors == []
            assert get_customer(f"{day} {style}", import_org).start_date == day, (day, style)


def test_dates_from_1904(import_org):
    serial = (date(2025, 1, 31) - date(1904, 1, 1)) // timedelta(days=1)
    for style in (0, 1):
        cell = f'<c r="{{r}}" s="{style}"><v>{serial}</v></c>'
        rows = HEADER_ROW + xml_valid_row(2, startDate=cell, reference=f"S{style}")
        import_now(build_raw_workbook(rows, book='<workbookPr date1904="true"/>'), import_org)
        assert get_customer(f"S{style}", import_org).start_date == date(2025, 1, 31)

"""An import taken back, and the rows in error given back."""

import io
import re
from collections import Counter

import pytest
from openpyxl import load_workbook
from sqlalchemy import event, func, select, text

from customerhub import history
from customerhub.customers.importing import checking, reverting, runs
from customerhub.customers.importing.columns import HEADERS
from customerhub.customers.records import delete_customer
from customerhub.errors import WrongState
from jobs import imports
from models import (
    Account,
    Address,
    CatalogItem,
    Contact,
    Customer,
    CustomerGroup,
    History,
    customer_department,
)
from models.base import db
from models.enums import Risk, Role, TransferState
from tests.customers.importing import (
    checked,
    customer,
    customers,
    history_of,
    import_now,
    reverted,
    rows_of,
    saved,
    the_import,
)
from tests.customers.workbooks import good_row, written
from tests.people import make_user

S = TransferState


def count(table):
    return db.session.scalar(select(func.count()).select_from(table))


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(checking, "CHUNK", 2)


# --- The rows in error -------------------------------------------------------------------------------------------


def test_the_rows_in_error_come_back_as_a_workbook_that_can_be_mended(house):
    rows = [good_row(1), good_row(2, email="x", name='=HYPERLINK("http://evil.example")'), good_row(3, risk="y")]
    import_id = checked(written(rows), house)
    file = io.BytesIO()
    runs.write_errors(the_import(import_id, house), file)
    sheet = load_workbook(file).active
    lines = [list(line) for line in sheet.iter_rows(values_only=True)]
    assert lines[0] == ["reason", "row", *HEADERS]
    assert [line[:2] for line in lines[1:]] == [
        ["email: “x” is not an email address, such as name@example.com", 3],
        ["risk: “y” is not a risk: Low, Medium or High", 4],
    ]
    assert sheet.cell(2, 3).data_type == "s"
    assert sheet.cell(2, 3).value == '=HYPERLINK("http://evil.example")'
    sheet.cell(2, 2 + 1 + HEADERS.index("email")).value = "right@customer.example"
    sheet.cell(3, 2 + 1 + HEADERS.index("risk")).value = "Low"
    mended = io.BytesIO()
    sheet.parent.save(mended)
    again = import_now(io.BytesIO(mended.getvalue()), house)
    assert (again.tally.new, again.errors, again.ignored_columns) == (2, [], [])
    assert customer("REF2", house).start_date.isoformat() == "2020-02-29"


# --- Reverted ----------------------------------------------------------------------------------------------------


def test_a_revert_takes_everything_back(house, small_chunks):
    import_now(written([good_row(1, relationshipNote=None, address=None), good_row(2)]), house)
    before = state_of(house)
    one = good_row(1, name="Uno", address="New", department="Finance", relationshipNote="Old friend")
    two = good_row(2, address="Other", risk="High", startDate="2021-01-01", financialEndDay=30, financialEndMonth=6)
    import_id = saved(written([one, two, *(good_row(number) for number in range(3, 8))]), house)
    assert len(customers(house)) == 7
    reverted(import_id, house)
    done = the_import(import_id, house)
    assert (done.state, done.problem) == (S.REVERTED, None)
    assert state_of(house) == before
    assert (count(Account), count(Address), count(customer_department)) == (2, 1, 2)
    source = History.source == f"import {import_id}"
    told = db.session.scalars(select(History).where(source).order_by(History.id)).all()
    assert Counter(entry.action for entry in told if entry.table_name == "customer") == {
        "changed": 4, "created": 5, "deleted": 5,
    }  # fmt: skip
    told = [entry for entry in told if entry.action == "deleted"]
    assert told[-1].changes["reference"] == ["REF7", None]
    assert all(row.errors is None for row in rows_of(import_id))
    imports.revert(import_id)
    with pytest.raises(WrongState, match="Only an import that was saved"):
        reverted(import_id, house)


def state_of(house):
    """Everything an import can touch, as it stands."""
    untold = {"id", "version", "created_at"}
    return {
        made.reference: (
            {
                column.name: getattr(made, column.name)
                for column in Customer.__table__.columns
                if column.name not in untold
            },
            [department.name for department in made.departments],
            [(address.kind, address.lines, address.city) for address in made.addresses],
        )
        for made in customers(house)
    }


def test_customers_that_were_touched_since_stay(house, small_chunks):
    import_id = saved(written([good_row(number) for number in range(1, 7)]), house)
    with history.acting(house.actor, "screen"):
        customer("REF1", house).name = "Renamed"
        db.session.flush()
        second = customer("REF2", house)
        second.contacts.append(Contact(organisation_id=house.id, name="Ann"))
        db.session.flush()
        customer("REF3", house).addresses[0].lines = "Moved"
        db.session.flush()
        customer("REF4", house).departments = []
        db.session.flush()
        parent = customer("REF5", house)
        db.session.add(CustomerGroup(organisation_id=house.id, name="Group", parent_id=parent.id))
        db.session.commit()
    reverted(import_id, house)
    assert [made.reference for made in customers(house)] == ["REF1", "REF2", "REF3", "REF4", "REF5"]
    assert the_import(import_id, house).problem == "Changed or linked since, so they stay as they are: 5. See the rows"
    errors = {row.reference: row.errors for row in rows_of(import_id)}
    since = [{"column": "name", "reason": "Changed since the import, so it stays as it is"}]
    assert errors["REF1"] == errors["REF2"] == errors["REF3"] == errors["REF4"] == since
    assert errors["REF5"] == [{"column": "name", "reason": "Linked with 1 group since, so it stays"}]
    assert errors["REF6"] is None


def test_a_customer_with_a_portal_user_stays(house):
    import_id = saved(written([good_row(1)]), house)
    user = make_user(house.organisation, Role.CUSTOMER)
    user.customer_id = customer("REF1", house).id
    with history.acting(house.actor, "test"):
        db.session.commit()
    reverted(import_id, house)
    assert len(customers(house)) == 2  # the one of the user, whom somebody made for this test, among them
    assert rows_of(import_id)[0].errors is not None


def test_only_what_is_still_as_imported_is_put_back(house):
    import_now(written([good_row(1)]), house)
    import_id = saved(written([good_row(1, name="Uno", risk="High", department="Finance")]), house)
    with history.acting(house.actor, "screen"):
        customer("REF1", house).risk = Risk.MEDIUM
        db.session.commit()
    reverted(import_id, house)
    after = customer("REF1", house)
    assert (after.name, after.risk, [department.name for department in after.departments]) == (
        "Customer 1", Risk.MEDIUM, ["Sales"],
    )  # fmt: skip
    assert after.sort_name == "customer 1"
    assert rows_of(import_id)[0].errors == [
        {"column": "risk", "reason": "Changed since the import, so it stays as it is"}
    ]
    assert history_of(after.id)[-1].changes == {"name": ["Uno", "Customer 1"], "departments": ["Finance", "Sales"]}


def test_half_of_what_belongs_together_is_not_put_back(house):
    plain = {"financialEndDay": None, "financialEndMonth": None}
    import_now(written([good_row(1, **plain)]), house)
    import_id = saved(written([good_row(1, name="Uno")]), house)
    with history.acting(house.actor, "screen"):
        customer("REF1", house).year_end_day = 30
        db.session.commit()
    reverted(import_id, house)
    after = customer("REF1", house)
    assert (after.name, after.year_end_day, after.year_end_month) == ("Customer 1", 30, 12)
    assert {error["column"] for error in rows_of(import_id)[0].errors} == {"financialEndDay", "financialEndMonth"}


def test_a_region_that_is_gone_cannot_be_put_back(house):
    import_now(written([good_row(1)]), house)
    import_id = saved(written([good_row(1, regionName="North America")]), house)
    with history.acting(house.actor, "screen"):
        db.session.delete(db.session.scalars(select(CatalogItem).where(CatalogItem.name == "Europe")).one())
        db.session.commit()
    reverted(import_id, house)
    assert customer("REF1", house).region.name == "North America"
    assert rows_of(import_id)[0].errors[0]["reason"] == "What it was before is no longer in the set-up"


def test_a_customer_that_is_gone_is_nobodys_concern(house):
    import_now(written([good_row(1)]), house)
    import_id = saved(written([good_row(1, name="Uno"), good_row(2)]), house)
    with history.acting(house.actor, "screen"):
        for made in customers(house):
            delete_customer(made, actor=house.actor)
        db.session.commit()
    reverted(import_id, house)
    assert the_import(import_id, house).state is S.REVERTED
    assert [row.errors and row.errors[0]["reason"] for row in rows_of(import_id)] == [
        "The customer is no longer there", None,
    ]  # fmt: skip


def test_a_revert_that_goes_wrong_takes_nothing_back(house, monkeypatch, small_chunks):
    import_id = saved(written([good_row(number) for number in range(5)]), house)
    with monkeypatch.context() as patch:
        patch.setattr("customerhub.customers.importing.reverting._links", lambda _: 1 / 0)
        reverted(import_id, house)
    assert the_import(import_id, house).state is S.DONE
    assert the_import(import_id, house).problem.startswith("Nothing was taken back. Something went wrong.")
    assert len(customers(house)) == 5
    reverted(import_id, house)
    assert customers(house) == []


def test_the_same_file_may_come_again_after_a_revert(house):
    first = saved(written([good_row(1)]), house)
    reverted(first, house)
    second = saved(written([good_row(1)]), house)
    assert the_import(second, house).state is S.DONE
    assert len(customers(house)) == 1


def test_what_happened_since_is_found_in_the_index_however_long_the_history_is(house, monkeypatch):
    ask, asked = reverting._touched, []
    monkeypatch.setattr(reverting, "_touched", lambda *words: asked.append(words) or ask(*words))
    reverted(saved(written([good_row(1)]), house), house)
    with history.acting(house.actor, "test"):
        entries = (
            history.entry(
                organisation_id=house.id, action="seen", table="customer", row_id=n, customer_id=n, title="", changes={}
            )
            for n in range(1000, 4000)
        )
        history.record(entries)
    db.session.execute(text("ANALYZE history"))
    plan = plan_of(lambda: ask(*asked[0]))
    assert re.search("ix_history_customer.*organisation_id ?=.*customer_id", plan, re.DOTALL), plan


def plan_of(act):
    """How the database finds what the one statement that `act` runs asks for."""
    statements = []

    def keep(_connection, _cursor, statement, words, *_):
        statements.append((statement, words))

    event.listen(db.engine, "before_cursor_execute", keep)
    try:
        act()
    finally:
        event.remove(db.engine, "before_cursor_execute", keep)
    [(statement, words)] = statements
    connection = db.session.connection()
    explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    return "\n".join(str(row) for row in connection.exec_driver_sql(f"{explain} {statement}", words))

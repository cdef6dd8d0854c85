"""An import taken back, and the rows in error given back."""

import io
import re
from collections import Counter

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select, text

from customerhub.core import history
from customerhub.core.errors import WrongState
from customerhub.customers.deletion import delete_customer
from customerhub.customers.importing import reverting, transitions
from customerhub.customers.importing.columns import HEADERS, STANDARD_COLUMNS
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
from tests.support.imports import (
    get_customer,
    get_import,
    import_and_save,
    import_now,
    list_customers,
    list_history,
    list_rows,
    revert_import,
    upload_and_check,
)
from tests.support.people import make_user
from tests.support.statements import watch_statements
from tests.support.workbooks import build_workbook, valid_row

S = TransferState


def count_rows(table):
    return db.session.scalar(select(func.count()).select_from(table))


# --- The rows in error -------------------------------------------------------------------------------------------


def test_the_rows_in_error_come_back_as_a_workbook_that_can_be_mended(import_org):
    rows = [valid_row(1), valid_row(2, email="x", name='=HYPERLINK("http://evil.example")'), valid_row(3, risk="y")]
    import_id = upload_and_check(build_workbook(rows), import_org)
    file = io.BytesIO()
    transitions.write_errors_workbook(get_import(import_id, import_org), file)
    sheet = load_workbook(file).active
    lines = [list(line) for line in sheet.iter_rows(values_only=True)]
    assert lines[0] == ["reason", "row", *STANDARD_COLUMNS.headers]
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
    again = import_now(io.BytesIO(mended.getvalue()), import_org)
    assert (again.counts.new, again.errors, again.ignored_columns) == (2, [], [])
    assert get_customer("REF2", import_org).start_date.isoformat() == "2020-02-29"


# --- Reverted ----------------------------------------------------------------------------------------------------


def test_a_revert_takes_everything_back(import_org, small_chunks):
    import_now(build_workbook([valid_row(1, relationshipNote=None, address=None), valid_row(2)]), import_org)
    before = stored_state(import_org)
    one = valid_row(1, name="Uno", address="New", department="Finance", relationshipNote="Old friend")
    two = valid_row(2, address="Other", risk="High", startDate="2021-01-01", financialEndDay=30, financialEndMonth=6)
    import_id = import_and_save(build_workbook([one, two, *(valid_row(number) for number in range(3, 8))]), import_org)
    assert len(list_customers(import_org)) == 7
    revert_import(import_id, import_org)
    done = get_import(import_id, import_org)
    assert (done.state, done.problem) == (S.REVERTED, None)
    assert stored_state(import_org) == before
    assert (count_rows(Account), count_rows(Address), count_rows(customer_department)) == (2, 1, 2)
    source = History.source == f"import {import_id}"
    revert_entries = db.session.scalars(select(History).where(source).order_by(History.id)).all()
    assert Counter(entry.action for entry in revert_entries if entry.table_name == "customer") == {
        "changed": 4,
        "created": 5,
        "deleted": 5,
    }
    revert_entries = [entry for entry in revert_entries if entry.action == "deleted"]
    assert revert_entries[-1].changes["reference"] == ["REF7", None]
    assert all(row.errors is None for row in list_rows(import_id))
    imports.revert(import_id)
    with pytest.raises(WrongState, match="Only saved imports"):
        revert_import(import_id, import_org)


def stored_state(import_org):
    """Everything an import can touch, as it stands."""
    ignored_columns = {"id", "version", "created_at"}
    return {
        customer.reference: (
            {
                column.name: getattr(customer, column.name)
                for column in Customer.__table__.columns
                if column.name not in ignored_columns
            },
            [department.name for department in customer.departments],
            [(address.kind, address.lines, address.city) for address in customer.addresses],
        )
        for customer in list_customers(import_org)
    }


def test_customers_that_were_touched_since_stay(import_org, small_chunks):
    import_id = import_and_save(build_workbook([valid_row(number) for number in range(1, 7)]), import_org)
    with history.act_as(import_org.actor, "screen"):
        get_customer("REF1", import_org).name = "Renamed"
        db.session.flush()
        second = get_customer("REF2", import_org)
        second.contacts.append(Contact(organisation_id=import_org.id, name="Ann"))
        db.session.flush()
        get_customer("REF3", import_org).addresses[0].lines = "Moved"
        db.session.flush()
        get_customer("REF4", import_org).departments = []
        db.session.flush()
        parent = get_customer("REF5", import_org)
        db.session.add(CustomerGroup(organisation_id=import_org.id, name="Group", parent_id=parent.id))
        db.session.commit()
    revert_import(import_id, import_org)
    assert [remaining_customer.reference for remaining_customer in list_customers(import_org)] == [
        "REF1",
        "REF2",
        "REF3",
        "REF4",
        "REF5",
    ]
    assert (
        get_import(import_id, import_org).problem
        == "Changed or linked since the import, so not reverted: 5. See the rows"
    )
    errors = {row.reference: row.errors for row in list_rows(import_id)}
    since = [{"column": "name", "reason": "Changed since the import, so not reverted"}]
    assert errors["REF1"] == errors["REF2"] == errors["REF3"] == errors["REF4"] == since
    assert errors["REF5"] == [{"column": "name", "reason": "Linked with 1 group since the import, so not deleted"}]
    assert errors["REF6"] is None


def test_a_customer_with_a_portal_user_stays(import_org):
    import_id = import_and_save(build_workbook([valid_row(1)]), import_org)
    user = make_user(import_org.organisation, Role.CUSTOMER)
    user.customer_id = get_customer("REF1", import_org).id
    with history.act_as(import_org.actor, "test"):
        db.session.commit()
    revert_import(import_id, import_org)
    assert len(list_customers(import_org)) == 2  # the one of the user, whom somebody made for this test, among them
    assert list_rows(import_id)[0].errors is not None


def test_only_what_is_still_as_imported_is_put_back(import_org):
    import_now(build_workbook([valid_row(1)]), import_org)
    import_id = import_and_save(
        build_workbook([valid_row(1, name="Uno", risk="High", department="Finance")]), import_org
    )
    with history.act_as(import_org.actor, "screen"):
        get_customer("REF1", import_org).risk = Risk.MEDIUM
        db.session.commit()
    revert_import(import_id, import_org)
    after = get_customer("REF1", import_org)
    assert (after.name, after.risk, [department.name for department in after.departments]) == (
        "Customer 1",
        Risk.MEDIUM,
        ["Sales"],
    )
    assert after.sort_name == "customer 1"
    assert list_rows(import_id)[0].errors == [{"column": "risk", "reason": "Changed since the import, so not reverted"}]
    assert list_history(after.id)[-1].changes == {"name": ["Uno", "Customer 1"], "departments": ["Finance", "Sales"]}


def test_half_of_what_belongs_together_is_not_put_back(import_org):
    plain = {"financialEndDay": None, "financialEndMonth": None}
    import_now(build_workbook([valid_row(1, **plain)]), import_org)
    import_id = import_and_save(build_workbook([valid_row(1, name="Uno")]), import_org)
    with history.act_as(import_org.actor, "screen"):
        get_customer("REF1", import_org).year_end_day = 30
        db.session.commit()
    revert_import(import_id, import_org)
    after = get_customer("REF1", import_org)
    assert (after.name, after.year_end_day, after.year_end_month) == ("Customer 1", 30, 12)
    assert {error["column"] for error in list_rows(import_id)[0].errors} == {"financialEndDay", "financialEndMonth"}


def test_a_region_that_is_gone_cannot_be_put_back(import_org):
    import_now(build_workbook([valid_row(1)]), import_org)
    import_id = import_and_save(build_workbook([valid_row(1, regionName="North America")]), import_org)
    with history.act_as(import_org.actor, "screen"):
        db.session.delete(db.session.scalars(select(CatalogItem).where(CatalogItem.name == "Europe")).one())
        db.session.commit()
    revert_import(import_id, import_org)
    assert get_customer("REF1", import_org).region.name == "North America"
    assert list_rows(import_id)[0].errors[0]["reason"] == "The previous value is no longer in the set-up"


def test_a_customer_that_is_gone_is_nobodys_concern(import_org):
    import_now(build_workbook([valid_row(1)]), import_org)
    import_id = import_and_save(build_workbook([valid_row(1, name="Uno"), valid_row(2)]), import_org)
    with history.act_as(import_org.actor, "screen"):
        for imported_customer in list_customers(import_org):
            delete_customer(imported_customer, actor=import_org.actor)
        db.session.commit()
    revert_import(import_id, import_org)
    assert get_import(import_id, import_org).state is S.REVERTED
    assert [row.errors and row.errors[0]["reason"] for row in list_rows(import_id)] == [
        "The customer no longer exists",
        None,
    ]


def test_a_revert_that_goes_wrong_takes_nothing_back(import_org, monkeypatch, small_chunks):
    import_id = import_and_save(build_workbook([valid_row(number) for number in range(5)]), import_org)
    with monkeypatch.context() as patch:
        patch.setattr("customerhub.customers.importing.reverting._count_links", lambda _: 1 / 0)
        revert_import(import_id, import_org)
    assert get_import(import_id, import_org).state is S.DONE
    assert get_import(import_id, import_org).problem.startswith("Nothing was reverted. Something went wrong.")
    assert len(list_customers(import_org)) == 5
    revert_import(import_id, import_org)
    assert list_customers(import_org) == []


def test_the_same_file_may_come_again_after_a_revert(import_org):
    first = import_and_save(build_workbook([valid_row(1)]), import_org)
    revert_import(first, import_org)
    second = import_and_save(build_workbook([valid_row(1)]), import_org)
    assert get_import(second, import_org).state is S.DONE
    assert len(list_customers(import_org)) == 1


def test_what_happened_since_is_found_in_the_index_however_long_the_history_is(import_org, monkeypatch):
    ask, captured_calls = reverting._find_changed_ids, []
    monkeypatch.setattr(reverting, "_find_changed_ids", lambda *words: captured_calls.append(words) or ask(*words))
    revert_import(import_and_save(build_workbook([valid_row(1)]), import_org), import_org)
    with history.act_as(import_org.actor, "test"):
        entries = (
            history.build_entry(
                organisation_id=import_org.id,
                action="seen",
                table="customer",
                row_id=n,
                customer_id=n,
                title="",
                changes={},
            )
            for n in range(1000, 4000)
        )
        history.record(entries)
    db.session.execute(text("ANALYZE history"))
    plan = query_plan(lambda: ask(*captured_calls[0]))
    assert re.search("ix_history_customer.*organisation_id ?=.*customer_id", plan, re.DOTALL), plan


def query_plan(action):
    """How the database finds what the one statement that `act` runs asks for."""
    statements = []
    with watch_statements(lambda *sent: statements.append(sent)):
        action()
    [(statement, words)] = statements
    connection = db.session.connection()
    explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    return "\n".join(str(row) for row in connection.exec_driver_sql(f"{explain} {statement}", words))

"""An import on its way through the screens: checked, shown, confirmed or cancelled, saved, reverted."""

import io
from collections import Counter
from datetime import timedelta

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError

from customerhub import clock, history, storage
from customerhub.customers.importing import checking, runs, saving, steps
from customerhub.customers.importing.columns import HEADERS
from customerhub.errors import Conflict, Invalid, NotAllowed, NotFound, WrongState
from jobs import imports
from models import (
    Account,
    Address,
    CatalogItem,
    Contact,
    Customer,
    CustomerGroup,
    CustomerImport,
    History,
    ImportRow,
    StoredFile,
    customer_department,
)
from models.base import db
from models.enums import Risk, Role, RowOutcome, TransferState
from tests.customers.conftest import House, make_house
from tests.customers.importing import (
    checked,
    confirm,
    customer,
    customers,
    history_of,
    import_now,
    reverted,
    rows_of,
    saved,
    the_import,
    upload,
)
from tests.customers.workbooks import HEADER_ROW, good_row, raw, row_of, written
from tests.people import make_user

S = TransferState


def count(table):
    return db.session.scalar(select(func.count()).select_from(table))


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(checking, "CHUNK", 2)


# --- Checked ---------------------------------------------------------------------------------------------------


def test_a_check_makes_a_preview_of_every_row(house, small_chunks):
    import_now(written([good_row(1), good_row(2)]), house)
    rows = [good_row(1), good_row(2, name="Other", risk="High"), good_row(3), good_row(4, email="wrong", risk="x")]
    import_id = checked(written([*rows, good_row(5)], headers=(*HEADERS, "Notes")), house)
    done = the_import(import_id, house)
    assert (done.state, done.problem, done.ignored_columns) == (S.READY, None, ["Notes"])
    assert (done.total_rows, done.done_rows) == (5, 5)
    assert (done.new_rows, done.changed_rows, done.unchanged_rows, done.error_rows) == (2, 1, 1, 1)
    same, changed, new, wrong, _ = rows_of(import_id)
    assert [(row.row_number, row.outcome) for row in (same, changed, new, wrong)] == [
        (2, RowOutcome.UNCHANGED), (3, RowOutcome.CHANGED), (4, RowOutcome.NEW), (5, RowOutcome.ERROR),
    ]  # fmt: skip
    assert changed.changes == {"name": ["Customer 2", "Other"], "risk": ["Low", "High"]}
    assert changed.customer_id == customer("REF2", house).id
    assert (new.reference, new.name, new.customer_id) == ("REF3", "Customer 3", None)
    assert new.cells["startDate"] == "2020-02-29"
    assert wrong.cells["email"] == "wrong"
    assert [error["column"] for error in wrong.errors] == ["email", "risk"]
    assert "relationshipNote" not in wrong.cells
    assert count(Customer) == 2


def test_a_file_that_cannot_be_used_fails_with_the_reason(house):
    import_id = checked(io.BytesIO(b"name,reference"), house)
    failed = the_import(import_id, house)
    assert failed.state is S.FAILED
    assert failed.problem.startswith("This is not an Excel file")
    assert failed.finished_at is not None
    imports.check(import_id)
    assert the_import(import_id, house).state is S.FAILED


def test_a_file_that_breaks_off_leaves_no_rows(house, small_chunks, monkeypatch):
    chunks = []
    real = steps._preview
    monkeypatch.setattr(steps, "_preview", lambda *words: chunks.append(words) or real(*words))
    import_id = checked(raw(HEADER_ROW + "".join(map(row_of, range(2, 9))) + '<row r="1"/>'), house)
    assert len(chunks) == 6
    assert the_import(import_id, house).state is S.FAILED
    assert "row 1 does not follow row 8" in the_import(import_id, house).problem
    assert rows_of(import_id) == []


def test_a_defect_fails_with_a_reference_and_no_details(house, monkeypatch, caplog):
    monkeypatch.setattr(steps, "Checker", lambda *_, **__: 1 / 0)
    import_id = checked(written([good_row(1)]), house)
    problem = the_import(import_id, house).problem
    assert problem.startswith("Something went wrong. Tell your administrator this reference: ")
    assert "zero" not in problem
    assert problem.rpartition(" ")[2] in caplog.text


def test_a_check_that_is_killed_may_be_run_again(house, small_chunks):
    import_id = upload(written([good_row(number) for number in range(7)]), house)
    claim = steps.claim_check(import_id)
    db.session.commit()
    going = steps.check(claim, max_rows=100)
    for _ in range(5):
        next(going)
        db.session.commit()
    assert the_import(import_id, house).done_rows == 4
    going.close()
    imports.check(import_id)
    done = the_import(import_id, house)
    assert (done.state, done.done_rows, len(rows_of(import_id))) == (S.READY, 7, 7)


def test_a_check_that_is_run_twice_at_once_is_done_by_the_last(house, small_chunks):
    import_id = upload(written([good_row(number) for number in range(7)]), house)
    claim = steps.claim_check(import_id)
    db.session.commit()
    going = steps.check(claim, max_rows=100)
    for _ in range(5):
        next(going)
        db.session.commit()
    imports.check(import_id)
    with pytest.raises(steps.Superseded):
        list(going)
    db.session.rollback()
    assert the_import(import_id, house).state is S.READY
    assert len(rows_of(import_id)) == 7
    imports.check(import_id)
    assert len(rows_of(import_id)) == 7


def test_a_cancelled_check_stops_and_leaves_nothing(house, small_chunks):
    import_id = upload(written([good_row(number) for number in range(7)]), house)
    claim = steps.claim_check(import_id)
    db.session.commit()
    going = steps.check(claim, max_rows=100)
    for _ in range(5):
        next(going)
        db.session.commit()
    runs.cancel_import(the_import(import_id, house), actor=house.actor)
    db.session.commit()
    with pytest.raises(steps.Superseded):
        list(going)
    db.session.rollback()
    assert the_import(import_id, house).state is S.CANCELLED
    assert rows_of(import_id) == []


def test_a_database_that_is_away_for_a_moment_has_the_job_tried_again(house, monkeypatch):
    def away(*_args, **_options):
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    import_id = upload(written([good_row(1)]), house)
    with monkeypatch.context() as patch:
        patch.setattr(steps, "Checker", away)
        with pytest.raises(OperationalError):
            imports.check(import_id)
    assert the_import(import_id, house).state is S.CHECKING
    imports.check(import_id)
    confirm(import_id, house)
    with monkeypatch.context() as patch:
        patch.setattr(steps, "Checker", away)
        with pytest.raises(OperationalError):
            imports.save(import_id)
    assert the_import(import_id, house).state is S.SAVING
    imports.save(import_id)
    assert the_import(import_id, house).state is S.DONE


# --- Confirmed and saved -----------------------------------------------------------------------------------------


def test_what_was_confirmed_is_saved(house, small_chunks):
    import_now(written([good_row(1), good_row(2)]), house)
    rows = [good_row(1), good_row(2, risk="High"), *(good_row(number) for number in range(3, 8))]
    import_id = saved(written(rows), house)
    done = the_import(import_id, house)
    assert (done.state, done.problem) == (S.DONE, None)
    assert (done.new_rows, done.changed_rows, done.unchanged_rows, done.error_rows) == (5, 1, 1, 0)
    assert len(customers(house)) == 7
    assert customer("REF2", house).risk is Risk.HIGH
    assert [entry.source for entry in history_of(customer("REF7", house).id)] == [f"import {import_id}"]
    assert history_of(customer("REF7", house).id)[0].actor_name == house.user.name
    by_number = {row.row_number: row for row in rows_of(import_id)}
    assert by_number[8].customer_id == customer("REF7", house).id
    assert by_number[3].undo == {"risk": ["Low", "High"]}
    assert by_number[2].undo is None


def test_a_save_that_is_run_twice_saves_once(house):
    import_id = saved(written([good_row(1)]), house)
    entries = count(History)
    imports.save(import_id)
    assert (len(customers(house)), count(History)) == (1, entries)


def test_rows_in_error_are_saved_by_nobody(house):
    import_id = checked(written([good_row(1), good_row(2, email="x")]), house)
    with pytest.raises(Invalid, match="1 rows are in error"):
        confirm(import_id, house)
    db.session.rollback()
    confirm(import_id, house, good_rows_only=True)
    imports.save(import_id)
    done = the_import(import_id, house)
    assert (done.state, done.good_rows_only, done.new_rows, done.error_rows) == (S.DONE, True, 1, 1)
    assert [made.reference for made in customers(house)] == ["REF1"]


def test_there_must_be_something_to_save(house):
    import_now(written([good_row(1)]), house)
    import_id = checked(written([good_row(1)]), house)
    with pytest.raises(WrongState, match="nothing to save"):
        confirm(import_id, house)


def test_only_a_preview_can_be_confirmed(house):
    import_id = upload(written([good_row(1)]), house)
    imported = the_import(import_id, house)
    imported.new_rows = 1
    with pytest.raises(WrongState):
        runs.confirm_import(imported, good_rows_only=False, actor=house.actor)
    db.session.rollback()
    imports.check(import_id)
    confirm(import_id, house)
    with pytest.raises(WrongState, match="not waiting to be confirmed"):
        confirm(import_id, house)


def test_the_preview_that_was_seen_is_the_one_that_is_confirmed(house):
    import_id = checked(written([good_row(1)]), house)
    seen = the_import(import_id, house).version
    db.session.execute(update(CustomerImport).values(state=S.QUEUED).execution_options(synchronize_session=False))
    db.session.commit()
    imports.check(import_id)
    with pytest.raises(Conflict, match="checked again"):
        runs.confirm_import(the_import(import_id, house), good_rows_only=False, actor=house.actor, seen_version=seen)
    again = the_import(import_id, house)
    runs.confirm_import(again, good_rows_only=False, actor=house.actor, seen_version=again.version)


CHANGES_MEANWHILE = {
    "a row has become an error": lambda house: retire(house, "Europe"),
    "a new one has become known": lambda house: import_now(written([good_row(3)]), house),
    "an unchanged one has changed": lambda house: import_now(written([good_row(1, risk="High")]), house),
    "a changed one has changed": lambda house: import_now(written([good_row(2, name="Third")]), house),
    "a changed one is as wanted already": lambda house: import_now(written([good_row(2, name="Other")]), house),
}


def retire(house, region):
    with history.acting(house.actor, "test"):
        for item in db.session.scalars(select(CatalogItem).where(CatalogItem.name == region)):
            item.active = False
        db.session.commit()


@pytest.mark.parametrize("good_rows_only", [False, True])
@pytest.mark.parametrize("change", CHANGES_MEANWHILE.values(), ids=list(CHANGES_MEANWHILE))
def test_what_is_saved_never_differs_from_what_was_shown(house, change, good_rows_only, small_chunks):
    import_now(written([good_row(1), good_row(2)]), house)
    rows = [good_row(5), good_row(1), good_row(2, name="Other"), good_row(3)]
    import_id = checked(written(rows), house)
    confirm(import_id, house, good_rows_only=good_rows_only)
    change(house)
    before, entries = len(customers(house)), count(History)
    imports.save(import_id)
    assert (len(customers(house)), count(History)) == (before, entries)
    again = the_import(import_id, house)
    assert (again.state, again.problem) == (S.READY, steps.LOOK_AGAIN)
    if again.error_rows == 0 and again.new_rows + again.changed_rows:
        confirm(import_id, house)
        imports.save(import_id)
        assert the_import(import_id, house).state is S.DONE
        assert the_import(import_id, house).problem is None
        assert customer("REF5", house).name == "Customer 5"
        assert (customer("REF1", house).risk, customer("REF2", house).name) == (Risk.LOW, "Other")


def test_a_conflict_at_the_last_moment_saves_nothing_and_shows_a_new_preview(house, monkeypatch, small_chunks):
    import_id = checked(written([good_row(number) for number in range(5)]), house)
    confirm(import_id, house)
    real = saving.Saver.save

    def refuse_the_last(self, rows):
        real(self, rows)
        if rows[0].number == 6:
            raise Conflict("Another customer has this reference")

    with monkeypatch.context() as patch:
        patch.setattr(saving.Saver, "save", refuse_the_last)
        imports.save(import_id)
    assert customers(house) == []
    assert the_import(import_id, house).state is S.READY
    confirm(import_id, house)
    imports.save(import_id)
    assert len(customers(house)) == 5


def test_a_defect_while_saving_saves_nothing_and_may_be_tried_again(house, monkeypatch, small_chunks):
    import_id = checked(written([good_row(number) for number in range(5)]), house)
    confirm(import_id, house)
    with monkeypatch.context() as patch:
        patch.setattr(steps, "undo_of", lambda row: 1 / 0)
        imports.save(import_id)
    again = the_import(import_id, house)
    assert again.state is S.READY
    assert again.problem.startswith("Nothing was saved. Something went wrong.")
    assert customers(house) == []
    confirm(import_id, house)
    imports.save(import_id)
    assert len(customers(house)) == 5


def test_who_lost_the_right_meanwhile_saves_nothing(house):
    import_id = checked(written([good_row(1)]), house)
    confirm(import_id, house)
    with history.acting(house.actor, "test"):
        house.user.active = False
        db.session.commit()
    imports.save(import_id)
    assert customers(house) == []
    again = db.session.get(CustomerImport, import_id, populate_existing=True)
    assert again.state is S.READY
    assert "You may not import customers" in again.problem


def test_a_file_that_is_gone_saves_nothing(house, settings):
    import_id = checked(written([good_row(1)]), house)
    confirm(import_id, house)
    for stored in db.session.scalars(select(StoredFile)):
        storage._storage().store.remove(stored.storage_key)
    imports.save(import_id)
    assert the_import(import_id, house).problem == "Nothing was saved. The file is no longer there"


def test_an_import_cancelled_while_it_is_saved_saves_nothing(house, small_chunks, monkeypatch):
    import_id = checked(written([good_row(number) for number in range(6)]), house)
    confirm(import_id, house)
    told = []

    def cancel_at_four(done):
        told.append(done)
        if done == 4:
            # In this very transaction, because nobody else may write to SQLite now; what is rolled back is the save.
            db.session.execute(update(CustomerImport).values(state=S.CANCELLED))

    monkeypatch.setattr(imports, "_show", lambda _: cancel_at_four)
    imports.save(import_id)
    assert told == [2, 4]
    assert customers(house) == []


def test_an_import_can_be_cancelled_until_it_is_saved(house):
    for step in (lambda _: None, imports.check):
        import_id = upload(written([good_row(1)]), house)
        step(import_id)
        runs.cancel_import(the_import(import_id, house), actor=house.actor)
        db.session.commit()
        assert the_import(import_id, house).state is S.CANCELLED
        assert rows_of(import_id) == []
        imports.check(import_id)
        imports.save(import_id)
        assert the_import(import_id, house).state is S.CANCELLED
        with pytest.raises(WrongState):
            confirm(import_id, house)
        db.session.rollback()
    import_id = saved(written([good_row(1)]), house)
    with pytest.raises(WrongState, match="too late"):
        runs.cancel_import(the_import(import_id, house), actor=house.actor)


# --- Whose it is -------------------------------------------------------------------------------------------------


def test_imports_of_another_organisation_are_not_there(session, house):
    other = make_house(session, "Other Telecom")
    import_id = checked(written([good_row(1)]), house)
    imported = the_import(import_id, house)
    with pytest.raises(NotFound):
        the_import(import_id, other)
    for act in (
        lambda: runs.confirm_import(imported, good_rows_only=False, actor=other.actor),
        lambda: runs.cancel_import(imported, actor=other.actor),
        lambda: runs.revert_import(imported, actor=other.actor),
    ):
        with pytest.raises(NotFound):
            act()
    with history.acting(house.actor, "test"):
        stored = storage.store(written([good_row(1)]), "x.xlsx", None, organisation_id=house.id, actor=house.actor)
    with pytest.raises(NotFound):
        runs.start_import(stored, actor=other.actor)


@pytest.mark.parametrize("role", [Role.PARTNER, Role.CUSTOMER])
def test_who_may_not_import_may_do_nothing_with_imports(house, role):
    import_id = checked(written([good_row(1)]), house)
    imported = the_import(import_id, house)
    outsider = House(house.organisation, make_user(house.organisation, role)).actor
    for act in (
        lambda: runs.get_import(import_id, actor=outsider),
        lambda: runs.start_import(imported.file, actor=outsider),
        lambda: runs.confirm_import(imported, good_rows_only=False, actor=outsider),
        lambda: runs.cancel_import(imported, actor=outsider),
        lambda: runs.revert_import(imported, actor=outsider),
    ):
        with pytest.raises(NotAllowed):
            act()


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
    assert Counter(entry.action for entry in told) == {"changed": 4, "created": 5, "deleted": 5}
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
    assert the_import(import_id, house).problem == "5 customers were changed or linked since and stay as they are"
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
            db.session.delete(made)
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


# --- Jobs that were lost -----------------------------------------------------------------------------------------


def test_what_lost_its_job_is_queued_again(app, house, monkeypatch):
    queued = []
    monkeypatch.setattr(
        imports.queue, "nudge", lambda function, *words, **_: queued.append((function.__name__, *words))
    )
    long_ago = clock.now() - timedelta(hours=1)
    ids = {}
    for state in S:
        import_id = upload(written([good_row(1)]), house)
        ids[state] = import_id
        db.session.execute(
            update(CustomerImport)
            .where(CustomerImport.id == import_id)
            .values(state=state, started_at=long_ago, created_at=long_ago)
        )
    fresh = upload(written([good_row(1)]), house)
    db.session.commit()
    imports.resume()
    assert sorted(queued) == sorted(
        [("check", ids[S.QUEUED]), ("check", ids[S.CHECKING]), ("save", ids[S.SAVING]), ("revert", ids[S.RUNNING])]
    )
    assert fresh not in [words[1] for words in queued]


def test_how_far_a_save_is_can_be_asked_of_the_queue_server(house):
    assert imports.done_rows(1) is None
    import_id = saved(written([good_row(number) for number in range(3)]), house)
    assert imports.done_rows(import_id) == 3


def test_a_save_goes_on_without_a_queue_server(house, monkeypatch):
    from redis.exceptions import ConnectionError as Away

    class NoServer:
        connection = property(lambda self: self)

        def set(self, *_args, **_options):
            raise Away

        get = set

    monkeypatch.setattr(imports.queue, "get_queue", lambda *_: NoServer())
    import_id = saved(written([good_row(1)]), house)
    assert the_import(import_id, house).state is S.DONE
    assert imports.done_rows(import_id) is None


def test_an_import_that_never_was_is_no_defect(house):
    imports.check(999)
    imports.save(999)
    imports.revert(999)
    assert count(ImportRow) == 0

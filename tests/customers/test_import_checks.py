"""An import checked: its preview, and what becomes of a check that is killed, cancelled or run twice."""

import io
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError

from customerhub import clock
from customerhub.customers.importing import checking, runs, steps
from customerhub.customers.importing.columns import HEADERS
from jobs import imports
from models import Customer, CustomerImport
from models.base import db
from models.enums import RowOutcome, TransferState
from models.transfer import QUIET
from tests.customers.importing import (
    checked,
    confirm,
    customer,
    import_now,
    rows_of,
    the_import,
    upload,
)
from tests.customers.workbooks import HEADER_ROW, good_row, raw, row_of, written

S = TransferState


def count(table):
    return db.session.scalar(select(func.count()).select_from(table))


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(checking, "CHUNK", 2)


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
    grow_quiet(import_id)
    imports.check(import_id)
    done = the_import(import_id, house)
    assert (done.state, done.done_rows, len(rows_of(import_id))) == (S.READY, 7, 7)


def half_way(import_id):
    """A check that has four rows behind it."""
    claim = steps.claim_check(import_id)
    db.session.commit()
    going = steps.check(claim, max_rows=100)
    for _ in range(5):
        next(going)
        db.session.commit()
    return going


def grow_quiet(import_id):
    """As if nobody had been heard of for long."""
    long_ago = clock.now() - QUIET - timedelta(seconds=1)
    db.session.execute(
        update(CustomerImport)
        .where(CustomerImport.id == import_id)
        .values(heard_at=long_ago)
        .execution_options(synchronize_session=False)
    )
    db.session.commit()


def test_a_check_that_is_run_twice_at_once_is_done_by_the_first(house, small_chunks):
    import_id = upload(written([good_row(number) for number in range(7)]), house)
    going = half_way(import_id)
    imports.check(import_id)
    assert the_import(import_id, house).state is S.CHECKING
    assert len(rows_of(import_id)) == 4
    for _ in going:
        db.session.commit()
    assert the_import(import_id, house).state is S.READY
    assert len(rows_of(import_id)) == 7
    imports.check(import_id)
    assert len(rows_of(import_id)) == 7


def test_a_check_that_has_gone_quiet_is_taken_over_and_the_first_notices(house, small_chunks):
    import_id = upload(written([good_row(number) for number in range(7)]), house)
    going = half_way(import_id)
    grow_quiet(import_id)
    imports.check(import_id)
    with pytest.raises(steps.Superseded):
        list(going)
    db.session.rollback()
    assert the_import(import_id, house).state is S.READY
    assert len(rows_of(import_id)) == 7


def test_a_long_check_is_no_quiet_one(house, small_chunks):
    """Every chunk tells that somebody is at work."""
    import_id = upload(written([good_row(number) for number in range(7)]), house)
    going = half_way(import_id)
    grow_quiet(import_id)
    next(going)
    db.session.commit()
    assert steps.claim_check(import_id) is None


def test_who_was_taken_over_fails_nothing(house, small_chunks):
    import_id = upload(written([good_row(number) for number in range(7)]), house)
    first = steps.claim_check(import_id)
    db.session.commit()
    grow_quiet(import_id)
    second = half_way(import_id)
    steps.fail(first, "The file is no longer there")
    steps.give_back(first)
    db.session.commit()
    for _ in second:
        db.session.commit()
    assert the_import(import_id, house).state is S.READY


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
    assert the_import(import_id, house).state is S.QUEUED
    imports.check(import_id)
    confirm(import_id, house)
    with monkeypatch.context() as patch:
        patch.setattr(steps, "Checker", away)
        with pytest.raises(OperationalError):
            imports.save(import_id)
    assert the_import(import_id, house).state is S.SAVING
    imports.save(import_id)
    assert the_import(import_id, house).state is S.DONE

"""An import checked: its preview, and what becomes of a check that is killed, cancelled or run twice."""

import io
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError

from customerhub.core import clock
from customerhub.core.leases import Superseded
from customerhub.customers.importing import transitions, worker_steps
from customerhub.customers.importing.columns import HEADERS
from jobs import imports
from models import Customer, CustomerImport
from models.base import db
from models.enums import RowOutcome, TransferState
from tests.support.imports import (
    confirm_import,
    get_customer,
    get_import,
    import_now,
    list_rows,
    upload_and_check,
    upload_import,
)
from tests.support.workbooks import HEADER_ROW, build_raw_workbook, build_workbook, valid_row, xml_valid_row

S = TransferState


def count_rows(table):
    return db.session.scalar(select(func.count()).select_from(table))


def test_a_check_makes_a_preview_of_every_row(import_org, small_chunks):
    import_now(build_workbook([valid_row(1), valid_row(2)]), import_org)
    rows = [valid_row(1), valid_row(2, name="Other", risk="High"), valid_row(3), valid_row(4, email="wrong", risk="x")]
    import_id = upload_and_check(build_workbook([*rows, valid_row(5)], headers=(*HEADERS, "Notes")), import_org)
    done = get_import(import_id, import_org)
    assert (done.state, done.problem, done.ignored_columns) == (S.READY, None, ["Notes"])
    assert (done.total_rows, done.done_rows) == (5, 5)
    assert (done.new_rows, done.changed_rows, done.unchanged_rows, done.error_rows) == (2, 1, 1, 1)
    same, changed, new, wrong, _ = list_rows(import_id)
    assert [(row.row_number, row.outcome) for row in (same, changed, new, wrong)] == [
        (2, RowOutcome.UNCHANGED),
        (3, RowOutcome.CHANGED),
        (4, RowOutcome.NEW),
        (5, RowOutcome.ERROR),
    ]
    assert changed.changes == {"name": ["Customer 2", "Other"], "risk": ["Low", "High"]}
    assert changed.customer_id == get_customer("REF2", import_org).id
    assert (new.reference, new.name, new.customer_id) == ("REF3", "Customer 3", None)
    assert new.cells is None  # what it was made of is asked for nowhere; this is what will be saved
    assert new.changes["startDate"][0] is None
    assert "2020" in new.changes["startDate"][1]
    assert new.changes["email"] == [None, "accounts3@customer.example"]
    assert wrong.cells["email"] == "wrong"
    assert [error["column"] for error in wrong.errors] == ["email", "risk"]
    assert "relationshipNote" not in wrong.cells
    assert count_rows(Customer) == 2


def test_a_file_that_cannot_be_used_fails_with_the_reason(import_org):
    import_id = upload_and_check(io.BytesIO(b"name,reference"), import_org)
    failed = get_import(import_id, import_org)
    assert failed.state is S.FAILED
    assert failed.problem.startswith("This is not an Excel file")
    assert failed.finished_at is not None
    imports.check(import_id)
    assert get_import(import_id, import_org).state is S.FAILED


def test_a_file_that_breaks_off_leaves_no_rows(import_org, small_chunks, monkeypatch):
    chunks = []
    real = worker_steps._build_preview
    monkeypatch.setattr(
        worker_steps, "_build_preview", lambda *words, **named: chunks.append(words) or real(*words, **named)
    )
    import_id = upload_and_check(
        build_raw_workbook(HEADER_ROW + "".join(map(xml_valid_row, range(2, 9))) + '<row r="1"/>'), import_org
    )
    assert len(chunks) == 6
    assert get_import(import_id, import_org).state is S.FAILED
    assert "row 1 does not follow row 8" in get_import(import_id, import_org).problem
    assert list_rows(import_id) == []


def test_a_defect_fails_with_a_reference_and_no_details(import_org, monkeypatch, caplog):
    monkeypatch.setattr(worker_steps, "WorkbookChecker", lambda *_, **__: 1 / 0)
    import_id = upload_and_check(build_workbook([valid_row(1)]), import_org)
    problem = get_import(import_id, import_org).problem
    assert problem.startswith("Something went wrong. Contact your administrator and quote reference ")
    assert "zero" not in problem
    assert problem.rpartition(" ")[2] in caplog.text


def test_a_check_that_is_killed_may_be_run_again(import_org, small_chunks):
    import_id = upload_import(build_workbook([valid_row(number) for number in range(7)]), import_org)
    claim = worker_steps.claim_check(import_id)
    db.session.commit()
    going = worker_steps.check(claim, max_rows=100)
    for _ in range(5):
        next(going)
        db.session.commit()
    assert get_import(import_id, import_org).done_rows == 4
    going.close()
    let_lease_lapse(import_id)
    imports.check(import_id)
    done = get_import(import_id, import_org)
    assert (done.state, done.done_rows, len(list_rows(import_id))) == (S.READY, 7, 7)


def check_half(import_id):
    """A check that has four rows behind it."""
    claim = worker_steps.claim_check(import_id)
    db.session.commit()
    going = worker_steps.check(claim, max_rows=100)
    for _ in range(5):
        next(going)
        db.session.commit()
    return going


def let_lease_lapse(import_id):
    """As if nobody had been heard of for long."""
    long_ago = clock.get_now() - timedelta(seconds=1)
    db.session.execute(
        update(CustomerImport)
        .where(CustomerImport.id == import_id)
        .values(claimed_until=long_ago)
        .execution_options(synchronize_session=False)
    )
    db.session.commit()


def test_a_check_that_is_run_twice_at_once_is_done_by_the_first(import_org, small_chunks):
    import_id = upload_import(build_workbook([valid_row(number) for number in range(7)]), import_org)
    going = check_half(import_id)
    imports.check(import_id)
    assert get_import(import_id, import_org).state is S.CHECKING
    assert len(list_rows(import_id)) == 4
    for _ in going:
        db.session.commit()
    assert get_import(import_id, import_org).state is S.READY
    assert len(list_rows(import_id)) == 7
    imports.check(import_id)
    assert len(list_rows(import_id)) == 7


def test_a_check_that_has_gone_quiet_is_taken_over_and_the_first_notices(import_org, small_chunks):
    import_id = upload_import(build_workbook([valid_row(number) for number in range(7)]), import_org)
    going = check_half(import_id)
    let_lease_lapse(import_id)
    imports.check(import_id)
    with pytest.raises(Superseded):
        list(going)
    db.session.rollback()
    assert get_import(import_id, import_org).state is S.READY
    assert len(list_rows(import_id)) == 7


def test_a_long_check_is_no_quiet_one(import_org, small_chunks):
    """Every chunk tells that somebody is at work."""
    import_id = upload_import(build_workbook([valid_row(number) for number in range(7)]), import_org)
    going = check_half(import_id)
    let_lease_lapse(import_id)
    next(going)
    db.session.commit()
    assert worker_steps.claim_check(import_id) is None


def test_who_was_taken_over_fails_nothing(import_org, small_chunks):
    import_id = upload_import(build_workbook([valid_row(number) for number in range(7)]), import_org)
    first = worker_steps.claim_check(import_id)
    db.session.commit()
    let_lease_lapse(import_id)
    second = check_half(import_id)
    worker_steps.fail(first, "The file no longer exists")
    worker_steps.LEASES.release(first, state=S.QUEUED)
    db.session.commit()
    for _ in second:
        db.session.commit()
    assert get_import(import_id, import_org).state is S.READY


def test_a_cancelled_check_stops_and_leaves_nothing(import_org, small_chunks):
    import_id = upload_import(build_workbook([valid_row(number) for number in range(7)]), import_org)
    claim = worker_steps.claim_check(import_id)
    db.session.commit()
    going = worker_steps.check(claim, max_rows=100)
    for _ in range(5):
        next(going)
        db.session.commit()
    transitions.cancel_import(get_import(import_id, import_org), actor=import_org.actor)
    db.session.commit()
    with pytest.raises(Superseded):
        list(going)
    db.session.rollback()
    assert get_import(import_id, import_org).state is S.CANCELLED
    assert list_rows(import_id) == []


def test_a_database_that_is_away_for_a_moment_has_the_job_tried_again(import_org, monkeypatch):
    def away(*_args, **_options):
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    import_id = upload_import(build_workbook([valid_row(1)]), import_org)
    with monkeypatch.context() as patch:
        patch.setattr(worker_steps, "WorkbookChecker", away)
        with pytest.raises(OperationalError):
            imports.check(import_id)
    assert get_import(import_id, import_org).state is S.QUEUED
    imports.check(import_id)
    confirm_import(import_id, import_org)
    with monkeypatch.context() as patch:
        patch.setattr(worker_steps, "WorkbookChecker", away)
        with pytest.raises(OperationalError):
            imports.save(import_id)
    assert get_import(import_id, import_org).state is S.SAVING
    imports.save(import_id)
    assert get_import(import_id, import_org).state is S.DONE

"""An import on its way: confirmed and saved as it was shown, or cancelled."""

import contextlib
import io
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from customerhub.core import clock, history, services
from customerhub.core.errors import Conflict, Invalid, WrongState
from customerhub.customers.importing import saving, transitions, worker_steps
from jobs import imports
from models import (
    CatalogItem,
    CustomerImport,
    History,
    ImportRow,
    StoredFile,
)
from models.base import db
from models.enums import Risk, TransferState
from tests.support.imports import (
    confirm_import,
    get_customer,
    get_import,
    import_and_save,
    import_now,
    list_customers,
    list_history,
    list_rows,
    upload_and_check,
    upload_import,
)
from tests.support.workbooks import build_workbook, valid_row

S = TransferState


def count_rows(table):
    return db.session.scalar(select(func.count()).select_from(table))


# --- Confirmed and saved -----------------------------------------------------------------------------------------


def test_what_was_confirmed_is_saved(import_org, small_chunks):
    import_now(build_workbook([valid_row(1), valid_row(2)]), import_org)
    rows = [valid_row(1), valid_row(2, risk="High"), *(valid_row(number) for number in range(3, 8))]
    import_id = import_and_save(build_workbook(rows), import_org)
    done = get_import(import_id, import_org)
    assert (done.state, done.problem) == (S.DONE, None)
    assert (done.new_rows, done.changed_rows, done.unchanged_rows, done.error_rows) == (5, 1, 1, 0)
    assert len(list_customers(import_org)) == 7
    assert get_customer("REF2", import_org).risk is Risk.HIGH
    assert [entry.source for entry in list_history(get_customer("REF7", import_org).id)] == [f"import {import_id}"] * 2
    assert list_history(get_customer("REF7", import_org).id)[0].actor_name == import_org.user.name
    by_number = {row.row_number: row for row in list_rows(import_id)}
    assert by_number[8].customer_id == get_customer("REF7", import_org).id
    assert by_number[3].undo == {"risk": ["Low", "High"]}
    assert by_number[2].undo is None


def test_a_save_that_is_run_twice_saves_once(import_org):
    import_id = import_and_save(build_workbook([valid_row(1)]), import_org)
    entries = count_rows(History)
    imports.save(import_id)
    assert (len(list_customers(import_org)), count_rows(History)) == (1, entries)


def test_rows_in_error_are_saved_by_nobody(import_org):
    import_id = upload_and_check(build_workbook([valid_row(1), valid_row(2, email="x")]), import_org)
    with pytest.raises(Invalid, match="Rows with errors: 1"):
        confirm_import(import_id, import_org)
    db.session.rollback()
    confirm_import(import_id, import_org, good_rows_only=True)
    imports.save(import_id)
    done = get_import(import_id, import_org)
    assert (done.state, done.good_rows_only, done.new_rows, done.error_rows) == (S.DONE, True, 1, 1)
    assert [imported_customer.reference for imported_customer in list_customers(import_org)] == ["REF1"]


def test_there_must_be_something_to_save(import_org):
    import_now(build_workbook([valid_row(1)]), import_org)
    import_id = upload_and_check(build_workbook([valid_row(1)]), import_org)
    with pytest.raises(WrongState, match="nothing to save"):
        confirm_import(import_id, import_org)


def test_only_a_preview_can_be_confirmed(import_org):
    import_id = upload_import(build_workbook([valid_row(1)]), import_org)
    imported = get_import(import_id, import_org)
    imported.new_rows = 1
    with pytest.raises(WrongState):
        transitions.confirm_import(imported, good_rows_only=False, actor=import_org.actor)
    db.session.rollback()
    imports.check(import_id)
    confirm_import(import_id, import_org)
    with pytest.raises(WrongState, match="not waiting to be confirmed"):
        confirm_import(import_id, import_org)


def test_the_preview_that_was_seen_is_the_one_that_is_confirmed(import_org):
    import_id = upload_and_check(build_workbook([valid_row(1)]), import_org)
    seen_version = get_import(import_id, import_org).version
    db.session.execute(update(CustomerImport).values(state=S.QUEUED).execution_options(synchronize_session=False))
    db.session.commit()
    imports.check(import_id)
    with pytest.raises(Conflict, match="checked again"):
        transitions.confirm_import(
            get_import(import_id, import_org), good_rows_only=False, actor=import_org.actor, seen_version=seen_version
        )
    again = get_import(import_id, import_org)
    transitions.confirm_import(again, good_rows_only=False, actor=import_org.actor, seen_version=again.version)


CONCURRENT_CHANGES = {
    "a row has become an error": lambda import_org: deactivate_region(import_org, "Europe"),
    "a new one has become known": lambda import_org: import_now(build_workbook([valid_row(3)]), import_org),
    "an unchanged one has changed": lambda import_org: import_now(
        build_workbook([valid_row(1, risk="High")]), import_org
    ),
    "a changed one has changed": lambda import_org: import_now(
        build_workbook([valid_row(2, name="Third")]), import_org
    ),
    "a changed one is as wanted already": lambda import_org: import_now(
        build_workbook([valid_row(2, name="Other")]), import_org
    ),
}


def deactivate_region(import_org, region):
    with history.act_as(import_org.actor, "test"):
        for item in db.session.scalars(select(CatalogItem).where(CatalogItem.name == region)):
            item.active = False
        db.session.commit()


@pytest.mark.parametrize("good_rows_only", [False, True])
@pytest.mark.parametrize("change", CONCURRENT_CHANGES.values(), ids=list(CONCURRENT_CHANGES))
def test_what_is_saved_never_differs_from_what_was_shown(import_org, change, good_rows_only, small_chunks):
    import_now(build_workbook([valid_row(1), valid_row(2)]), import_org)
    rows = [valid_row(5), valid_row(1), valid_row(2, name="Other"), valid_row(3)]
    import_id = upload_and_check(build_workbook(rows), import_org)
    confirm_import(import_id, import_org, good_rows_only=good_rows_only)
    change(import_org)
    before, entries = len(list_customers(import_org)), count_rows(History)
    imports.save(import_id)
    assert (len(list_customers(import_org)), count_rows(History)) == (before, entries)
    again = get_import(import_id, import_org)
    assert (again.state, again.problem) == (S.READY, worker_steps.CHECKED_AGAIN)
    if again.error_rows == 0 and again.new_rows + again.changed_rows:
        confirm_import(import_id, import_org)
        imports.save(import_id)
        assert get_import(import_id, import_org).state is S.DONE
        assert get_import(import_id, import_org).problem is None
        assert get_customer("REF5", import_org).name == "Customer 5"
        assert (get_customer("REF1", import_org).risk, get_customer("REF2", import_org).name) == (Risk.LOW, "Other")


def test_a_conflict_at_the_last_moment_saves_nothing_and_shows_a_new_preview(import_org, monkeypatch, small_chunks):
    import_id = upload_and_check(build_workbook([valid_row(number) for number in range(5)]), import_org)
    confirm_import(import_id, import_org)
    real = saving.RowSaver.save_rows

    def refuse_the_last(self, rows):
        real(self, rows)
        if rows[0].number == 6:
            raise Conflict("Another customer has this reference")

    with monkeypatch.context() as patch:
        patch.setattr(saving.RowSaver, "save_rows", refuse_the_last)
        imports.save(import_id)
    assert list_customers(import_org) == []
    assert get_import(import_id, import_org).state is S.READY
    confirm_import(import_id, import_org)
    imports.save(import_id)
    assert len(list_customers(import_org)) == 5


def test_a_defect_while_saving_saves_nothing_and_may_be_tried_again(import_org, monkeypatch, small_chunks):
    import_id = upload_and_check(build_workbook([valid_row(number) for number in range(5)]), import_org)
    confirm_import(import_id, import_org)
    with monkeypatch.context() as patch:
        patch.setattr(worker_steps, "build_undo", lambda row: 1 / 0)
        imports.save(import_id)
    again = get_import(import_id, import_org)
    assert again.state is S.READY
    assert again.problem.startswith("Nothing was saved. Something went wrong.")
    assert list_customers(import_org) == []
    confirm_import(import_id, import_org)
    imports.save(import_id)
    assert len(list_customers(import_org)) == 5


def test_a_file_that_is_gone_saves_nothing(import_org, settings):
    import_id = upload_and_check(build_workbook([valid_row(1)]), import_org)
    confirm_import(import_id, import_org)
    for stored in db.session.scalars(select(StoredFile)):
        services.get_current().file_store.remove(stored.storage_key)
    imports.save(import_id)
    assert get_import(import_id, import_org).problem == "Nothing was saved. The file no longer exists"


def test_an_import_cancelled_while_it_is_saved_saves_nothing(import_org, small_chunks, monkeypatch):
    import_id = upload_and_check(build_workbook([valid_row(number) for number in range(6)]), import_org)
    confirm_import(import_id, import_org)
    progress = []

    def cancel_at_four(done):
        progress.append(done)
        if done == 4:
            # In this very transaction, because nobody else may write to SQLite now; what is rolled back is the save.
            db.session.execute(update(CustomerImport).values(state=S.CANCELLED))

    monkeypatch.setattr(imports, "_published_progress", lambda _: contextlib.nullcontext(cancel_at_four))
    imports.save(import_id)
    assert progress == [2, 4]
    assert list_customers(import_org) == []


def test_an_import_can_be_cancelled_until_it_is_saved(import_org):
    for step in (lambda _: None, imports.check):
        import_id = upload_import(build_workbook([valid_row(1)]), import_org)
        step(import_id)
        transitions.cancel_import(get_import(import_id, import_org), actor=import_org.actor)
        db.session.commit()
        assert get_import(import_id, import_org).state is S.CANCELLED
        assert list_rows(import_id) == []
        imports.check(import_id)
        imports.save(import_id)
        assert get_import(import_id, import_org).state is S.CANCELLED
        with pytest.raises(WrongState):
            confirm_import(import_id, import_org)
        db.session.rollback()
    import_id = import_and_save(build_workbook([valid_row(1)]), import_org)
    with pytest.raises(WrongState, match="too late"):
        transitions.cancel_import(get_import(import_id, import_org), actor=import_org.actor)


def test_who_cancels_too_late_is_told_what_became_of_the_import(import_org):
    """Only what was saved can be reverted."""
    failed_id = upload_import(io.BytesIO(b"no workbook"), import_org)
    imports.check(failed_id)
    saved_id = import_and_save(build_workbook([valid_row(1)]), import_org)
    cancelled_id = upload_import(build_workbook([valid_row(2)]), import_org)
    transitions.cancel_import(get_import(cancelled_id, import_org), actor=import_org.actor)
    db.session.commit()
    for import_id, state, message in (
        (failed_id, S.FAILED, "This import has already failed. Nothing was saved"),
        (cancelled_id, S.CANCELLED, "This import was already cancelled. Nothing was saved"),
        (saved_id, S.DONE, "It is too late to cancel this import. Saved changes can be reverted"),
    ):
        with pytest.raises(WrongState) as error_info:
            transitions.cancel_import(get_import(import_id, import_org), actor=import_org.actor)
        assert (error_info.value.message, get_import(import_id, import_org).state) == (message, state)
        db.session.rollback()


def test_every_state_in_which_an_import_cannot_be_cancelled_says_why():
    assert {*transitions.CANCEL.refusals, *transitions.CANCEL.from_states} == set(S)


# --- Jobs that were lost -----------------------------------------------------------------------------------------


def test_what_lost_its_job_is_queued_again(app, import_org, monkeypatch):
    queued = []
    monkeypatch.setattr(
        imports.queue, "try_enqueue", lambda function, *words, **_: queued.append((function.__name__, *words))
    )
    long_ago = clock.get_now() - timedelta(hours=1)
    ids = {}
    for state in S:
        import_id = upload_import(build_workbook([valid_row(1)]), import_org)
        ids[state] = import_id
        db.session.execute(
            update(CustomerImport)
            .where(CustomerImport.id == import_id)
            .values(state=state, started_at=long_ago, created_at=long_ago)
        )
    fresh = upload_import(build_workbook([valid_row(1)]), import_org)
    db.session.commit()
    imports.resume()
    assert sorted(queued) == sorted(
        [("check", ids[S.QUEUED]), ("check", ids[S.CHECKING]), ("save", ids[S.SAVING]), ("revert", ids[S.RUNNING])]
    )
    assert fresh not in [words[1] for words in queued]


def test_how_far_a_save_is_can_be_asked_of_the_queue_server(import_org, small_chunks, monkeypatch):
    progress = []
    real = worker_steps._save_undo

    def ask(import_id, rows):
        progress.append(imports.done_rows(import_id))
        real(import_id, rows)

    monkeypatch.setattr(worker_steps, "_save_undo", ask)
    import_id = import_and_save(build_workbook([valid_row(number) for number in range(5)]), import_org)
    assert progress == [None, 2, 4]
    assert imports.done_rows(import_id) is None


def test_a_save_goes_on_without_a_queue_server(import_org, monkeypatch):
    from redis.exceptions import ConnectionError as Away

    class NoServer:
        connection = property(lambda self: self)

        def set(self, *_args, **_options):
            raise Away

        get = delete = set

    monkeypatch.setattr(imports.queue, "get_queue", lambda *_: NoServer())
    import_id = import_and_save(build_workbook([valid_row(1)]), import_org)
    assert get_import(import_id, import_org).state is S.DONE
    assert imports.done_rows(import_id) is None


def test_an_import_that_never_was_is_no_defect(import_org):
    imports.check(999)
    imports.save(999)
    imports.revert(999)
    assert count_rows(ImportRow) == 0

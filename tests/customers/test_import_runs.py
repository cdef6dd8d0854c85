"""An import on its way: confirmed and saved as it was shown, or cancelled."""

import contextlib
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from customerhub import clock, history, storage
from customerhub.customers.importing import checking, runs, saving, steps
from customerhub.errors import Conflict, Invalid, WrongState
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
from tests.customers.importing import (
    checked,
    confirm,
    customer,
    customers,
    history_of,
    import_now,
    rows_of,
    saved,
    the_import,
    upload,
)
from tests.customers.workbooks import good_row, written

S = TransferState


def count(table):
    return db.session.scalar(select(func.count()).select_from(table))


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(checking, "CHUNK", 2)


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
    assert [entry.source for entry in history_of(customer("REF7", house).id)] == [f"import {import_id}"] * 2
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
    with pytest.raises(Invalid, match="Rows in error: 1"):
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

    monkeypatch.setattr(imports, "_shown", lambda _: contextlib.nullcontext(cancel_at_four))
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


def test_how_far_a_save_is_can_be_asked_of_the_queue_server(house, small_chunks, monkeypatch):
    told = []
    real = steps._keep_undo

    def ask(import_id, rows):
        told.append(imports.done_rows(import_id))
        real(import_id, rows)

    monkeypatch.setattr(steps, "_keep_undo", ask)
    import_id = saved(written([good_row(number) for number in range(5)]), house)
    assert told == [None, 2, 4]
    assert imports.done_rows(import_id) is None


def test_a_save_goes_on_without_a_queue_server(house, monkeypatch):
    from redis.exceptions import ConnectionError as Away

    class NoServer:
        connection = property(lambda self: self)

        def set(self, *_args, **_options):
            raise Away

        get = delete = set

    monkeypatch.setattr(imports.queue, "get_queue", lambda *_: NoServer())
    import_id = saved(written([good_row(1)]), house)
    assert the_import(import_id, house).state is S.DONE
    assert imports.done_rows(import_id) is None


def test_an_import_that_never_was_is_no_defect(house):
    imports.check(999)
    imports.save(999)
    imports.revert(999)
    assert count(ImportRow) == 0

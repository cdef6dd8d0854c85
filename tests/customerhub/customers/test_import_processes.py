"""Imports in processes of their own: killed in the middle, and several at once."""

import pytest
from sqlalchemy import func, select

from customerhub.core import history
from customerhub.customers.statuses import get_default_status
from jobs import imports
from models import Account, Address, Customer, History, OutboxMessage, User, customer_department
from models.base import db
from models.enums import Role, TransferState
from tests.support.forked_processes import start_program
from tests.support.imports import confirm_import, get_import, import_now, list_customers, upload_and_check
from tests.support.workbooks import build_workbook, valid_row

ROWS = 200
SECONDS = 240  # before the test itself is given up; how long it takes is another matter


@pytest.fixture
def start(settings):
    """Starts the process that imports."""
    started = []

    def start(*words):
        started.append(start_program(settings, "tests.processes.importing_process", *words))
        return started[-1]

    yield start
    for process in started:
        process.end()


def written_counts():
    """How many rows there are of everything that an import writes."""
    tables = (Customer, Account, Address, customer_department, OutboxMessage)
    counts = [db.session.scalar(select(func.count()).select_from(table)) for table in tables]
    return [*counts, db.session.scalar(select(func.count()).where(User.role == Role.CUSTOMER))]


def assert_complete(import_org, number):
    assert written_counts() == [number] * 6
    assert len({customer.account_number for customer in list_customers(import_org)}) == number
    created = History.action == "created", History.table_name == "customer"
    assert db.session.scalar(select(func.count(History.id)).where(*created)) == number


@pytest.mark.slow
def test_a_save_killed_in_the_middle_has_done_nothing_and_can_be_run_again(import_org, start):
    import_id = upload_and_check(build_workbook([valid_row(number) for number in range(ROWS)]), import_org)
    confirm_import(import_id, import_org)
    process = start("save", import_id, 3)
    assert process.read_line() == "here\n"
    process.end()
    assert written_counts() == [0] * 6
    assert get_import(import_id, import_org).state is TransferState.SAVING
    db.session.rollback()
    imports.save(import_id)
    assert get_import(import_id, import_org).state is TransferState.DONE
    assert_complete(import_org, ROWS)


@pytest.mark.slow
def test_a_command_killed_in_the_middle_has_done_nothing(import_org, start, tmp_path):
    path = tmp_path / "customers.xlsx"
    path.write_bytes(build_workbook([valid_row(number) for number in range(ROWS)]).getvalue())
    process = start("file", path, import_org.id, 4)
    assert process.read_line() == "here\n"
    process.end()
    assert written_counts() == [0] * 6
    assert start("file", path, import_org.id).read_answer(SECONDS)["new"] == ROWS
    assert_complete(import_org, ROWS)


@pytest.mark.slow
def test_two_commands_at_once_make_each_customer_once(import_org, start, tmp_path):
    path = tmp_path / "customers.xlsx"
    path.write_bytes(build_workbook([valid_row(number) for number in range(ROWS)]).getvalue())
    organisation_id = import_org.id  # asked before the file is locked
    first = start("file", path, organisation_id, 2)
    assert first.read_line() == "here\n"
    others = [start("file", path, organisation_id) for _ in range(2)]
    first.write_line()
    answers = [process.read_answer(SECONDS) for process in (first, *others)]
    assert sorted(answer_data["new"] for answer_data in answers) == [0, 0, ROWS]
    assert sorted(answer_data["unchanged"] for answer_data in answers) == [0, ROWS, ROWS]
    assert_complete(import_org, ROWS)


@pytest.mark.slow
def test_two_saves_at_once_make_each_customer_once_and_one_looks_again(import_org, start):
    rows = [valid_row(number) for number in range(ROWS)]
    ids = [upload_and_check(build_workbook(batch), import_org) for batch in (rows, rows[::-1])]
    for import_id in ids:
        confirm_import(import_id, import_org)
    first = start("save", ids[0], 2)
    assert first.read_line() == "here\n"
    second = start("save", ids[1])
    first.write_line()
    assert first.read_answer(SECONDS) == {"state": "done", "problem": None}
    second_answer = second.read_answer(SECONDS)
    assert second_answer["state"] == "ready"
    assert "Customers were changed after this file was checked" in second_answer["problem"]
    assert get_import(ids[1], import_org).unchanged_rows == ROWS
    assert_complete(import_org, ROWS)


@pytest.mark.slow
def test_one_save_run_by_two_workers_saves_once(import_org, start):
    import_id = upload_and_check(build_workbook([valid_row(number) for number in range(ROWS)]), import_org)
    confirm_import(import_id, import_org)
    first = start("save", import_id, 2)
    assert first.read_line() == "here\n"
    second = start("save", import_id)
    first.write_line()
    assert [first.read_answer(SECONDS)["state"], second.read_answer(SECONDS)["state"]] == ["done", "done"]
    assert_complete(import_org, ROWS)


def test_somebody_who_saves_a_customer_meanwhile_is_not_overrun(import_org, start, settings):
    """On PostgreSQL a screen may take a reference while the import runs: the import then starts over."""
    if settings.uses_sqlite:
        pytest.skip("on SQLite nobody else writes meanwhile")
    import_id = upload_and_check(build_workbook([valid_row(number) for number in range(ROWS)]), import_org)
    confirm_import(import_id, import_org)
    process = start("save", import_id, 2)
    assert process.read_line() == "here\n"
    with history.act_as(import_org.actor, "screen"):
        db.session.add(
            Customer(
                organisation_id=import_org.id,
                account_number="S1",
                reference=f"ref{ROWS - 1}",
                name="Typed",
                is_prospect=True,
                registration_number="1",
                status_id=get_default_status(import_org.id).id,
            )
        )
        db.session.commit()
    process.write_line()
    assert process.read_answer(SECONDS)["state"] == "ready"
    assert [customer.name for customer in list_customers(import_org)] == ["Typed"]
    imported = get_import(import_id, import_org)
    assert (imported.new_rows, imported.changed_rows) == (ROWS - 1, 1)
    assert import_now(build_workbook([valid_row(1)]), import_org).is_saved


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(import_org, start, tmp_path):
    """Every row has texts of its own: a reader that keeps the sheet would need some 40 MB more for the longer one."""
    organisation_id = import_org.id
    peaks = []
    for rows in (5_000, 25_000):
        path = tmp_path / f"{rows}.xlsx"
        path.write_bytes(
            build_workbook([valid_row(number, address=f"{number} " * 20) for number in range(rows)]).getvalue()
        )
        result = start("dry", path, organisation_id).read_answer(SECONDS)
        assert result["new"] == rows
        peaks.append(result["peak"])
    assert peaks[1] - peaks[0] < 20, peaks

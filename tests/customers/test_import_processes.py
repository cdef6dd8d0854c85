"""Imports in processes of their own: killed in the middle, and several at once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select

from customerhub import history
from customerhub.customers.records import usual_status
from jobs import imports
from models import Account, Address, Customer, History, OutboxMessage, User, customer_department
from models.base import db
from models.enums import Role, TransferState
from tests.customers.importing import checked, confirm, customers, import_now, the_import
from tests.customers.workbooks import good_row, written

ROOT = Path(__file__).resolve().parents[2]
ROWS = 500
SECONDS = 60


@pytest.fixture
def start(settings):
    """Starts the process that imports."""
    started = []

    def start(*words):
        db.session.commit()
        environment = os.environ | {
            "DATABASE_URL": settings.database_url,
            "HUB_DATA_DIR": str(settings.data_dir),
            "HUB_SECRET_KEY": "tests",
            "REDIS_URL": settings.redis_url,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.customers.importing_process", *map(str, words)],
            cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def answer(process):
    printed, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    return json.loads(printed.splitlines()[-1])


def made():
    """How many rows there are of everything that an import writes."""
    tables = (Customer, Account, Address, customer_department, OutboxMessage)
    counts = [db.session.scalar(select(func.count()).select_from(table)) for table in tables]
    return [*counts, db.session.scalar(select(func.count()).where(User.role == Role.CUSTOMER))]


def assert_whole(house, number):
    assert made() == [number] * 6
    assert len({customer.account_number for customer in customers(house)}) == number
    created = History.action == "created", History.table_name == "customer"
    assert db.session.scalar(select(func.count(History.id)).where(*created)) == number


def test_a_save_killed_in_the_middle_has_done_nothing_and_can_be_run_again(house, start):
    import_id = checked(written([good_row(number) for number in range(ROWS)]), house)
    confirm(import_id, house)
    process = start("save", import_id, 3)
    assert process.stdout.readline() == "here\n"
    process.kill()
    process.communicate()
    assert made() == [0] * 6
    assert the_import(import_id, house).state is TransferState.SAVING
    db.session.rollback()
    imports.save(import_id)
    assert the_import(import_id, house).state is TransferState.DONE
    assert_whole(house, ROWS)


def test_a_command_killed_in_the_middle_has_done_nothing(house, start, tmp_path):
    path = tmp_path / "customers.xlsx"
    path.write_bytes(written([good_row(number) for number in range(ROWS)]).getvalue())
    process = start("file", path, house.id, 4)
    assert process.stdout.readline() == "here\n"
    process.kill()
    process.communicate()
    assert made() == [0] * 6
    assert answer(start("file", path, house.id))["new"] == ROWS
    assert_whole(house, ROWS)


def test_two_commands_at_once_make_each_customer_once(house, start, tmp_path):
    path = tmp_path / "customers.xlsx"
    path.write_bytes(written([good_row(number) for number in range(ROWS)]).getvalue())
    organisation_id = house.id  # asked before the file is locked
    first = start("file", path, organisation_id, 2)
    assert first.stdout.readline() == "here\n"
    others = [start("file", path, organisation_id) for _ in range(2)]
    first.stdin.write("\n")
    first.stdin.flush()
    answers = [answer(process) for process in (first, *others)]
    assert sorted(found["new"] for found in answers) == [0, 0, ROWS]
    assert sorted(found["unchanged"] for found in answers) == [0, ROWS, ROWS]
    assert_whole(house, ROWS)


def test_two_saves_at_once_make_each_customer_once_and_one_looks_again(house, start):
    rows = [good_row(number) for number in range(ROWS)]
    ids = [checked(written(batch), house) for batch in (rows, rows[::-1])]
    for import_id in ids:
        confirm(import_id, house)
    first = start("save", ids[0], 2)
    assert first.stdout.readline() == "here\n"
    second = start("save", ids[1])
    first.stdin.write("\n")
    first.stdin.flush()
    assert answer(first) == {"state": "done", "problem": None}
    told = answer(second)
    assert told["state"] == "ready"
    assert "Customers were changed after this file was checked" in told["problem"]
    assert the_import(ids[1], house).unchanged_rows == ROWS
    assert_whole(house, ROWS)


def test_one_save_run_by_two_workers_saves_once(house, start):
    import_id = checked(written([good_row(number) for number in range(ROWS)]), house)
    confirm(import_id, house)
    first = start("save", import_id, 2)
    assert first.stdout.readline() == "here\n"
    second = start("save", import_id)
    first.stdin.write("\n")
    first.stdin.flush()
    assert [answer(first)["state"], answer(second)["state"]] == ["done", "done"]
    assert_whole(house, ROWS)


def test_somebody_who_saves_a_customer_meanwhile_is_not_overrun(house, start, settings):
    """On PostgreSQL a screen may take a reference while the import runs: the import then starts over."""
    if settings.uses_sqlite:
        pytest.skip("on SQLite nobody else writes meanwhile")
    import_id = checked(written([good_row(number) for number in range(ROWS)]), house)
    confirm(import_id, house)
    process = start("save", import_id, 2)
    assert process.stdout.readline() == "here\n"
    with history.acting(house.actor, "screen"):
        db.session.add(
            Customer(
                organisation_id=house.id, account_number="S1", reference="ref499", name="Typed", is_prospect=True,
                registration_number="1", status_id=usual_status(house.id).id,
            )
        )  # fmt: skip
        db.session.commit()
    process.stdin.write("\n")
    process.stdin.flush()
    assert answer(process)["state"] == "ready"
    assert [customer.name for customer in customers(house)] == ["Typed"]
    imported = the_import(import_id, house)
    assert (imported.new_rows, imported.changed_rows) == (ROWS - 1, 1)
    assert import_now(written([good_row(1)]), house).saved


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(house, start, tmp_path):
    """Every row has texts of its own: a reader that keeps the sheet would need some 40 MB more for the longer one."""
    organisation_id = house.id
    peaks = []
    for rows in (5_000, 25_000):
        path = tmp_path / f"{rows}.xlsx"
        path.write_bytes(written([good_row(number, address=f"{number} " * 20) for number in range(rows)]).getvalue())
        told = answer(start("dry", path, organisation_id))
        assert told["new"] == rows
        peaks.append(told["peak"])
    assert peaks[1] - peaks[0] < 20, peaks

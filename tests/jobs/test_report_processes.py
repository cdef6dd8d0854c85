"""Reports of workers that are killed, and of the command line."""

import json
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

import models
from customerhub.core import clock
from customerhub.core.config import Settings
from jobs import exports, reports
from jobs.queue import BULK, try_enqueue
from models import ListExport
from models.base import db
from models.enums import TransferState
from tests.jobs.conftest import StartCommand
from tests.support.exports import count_files, let_lease_lapse, state_of
from tests.support.report_data import text_of
from tests.support.reports import add_waiting_message, attached_files, content_of, count_files_on_disk, queue_report
from tests.support.running_processes import RunningCommand
from tests.support.servers import wait_until
from tests.support.two_organisations import TwoOrganisations

State = TransferState


def count_stored_files() -> int:
    """How many files the database knows of, asked without keeping anybody from writing."""
    file_count = count_files()
    db.session.rollback()
    return file_count


@pytest.fixture
def notes_file(tmp_path: Path) -> Path:
    """The file that slow workers write to."""
    return tmp_path / "notes_file"


def started_reports(notes_file: Path) -> list[tuple[int, str]]:
    """(process, whether it may typeset) of each report that was begun."""
    note_lines = notes_file.read_text().splitlines() if notes_file.exists() else []
    return [(int(process), may) for process, may in map(str.split, note_lines)]


@pytest.fixture
def start_slow_worker(start: StartCommand, settings: Settings, notes_file: Path) -> Callable[[float], RunningCommand]:
    """Starts a worker over the database of the test that waits so many seconds before it makes a report."""

    def start_slow_worker(seconds: float) -> RunningCommand:
        surroundings = {
            "DATABASE_URL": settings.database_url,
            "HUB_DATA_DIR": str(settings.data_dir),
            "REDIS_URL": settings.redis_url or "",
        }
        return start("-m", "tests.processes.slow_reports", str(notes_file), str(seconds), **surroundings)

    return start_slow_worker


def kill_worker_midway(worker: RunningCommand, notes_file: Path) -> None:
    wait_until(lambda: len(started_reports(notes_file)) == 1)
    os.kill(worker.process.pid, signal.SIGKILL)
    wait_until(lambda: not worker.list_processes())


# --- Processes -------------------------------------------------------------------------------------------------------


def test_a_report_whose_worker_was_killed_is_made_by_another_and_there_is_one_file(
    organisations: TwoOrganisations,
    settings: Settings,
    start_slow_worker: Callable[[float], RunningCommand],
    notes_file: Path,
) -> None:
    export_id, before = queue_report(organisations), count_stored_files()
    assert try_enqueue(exports.write, export_id, queue=BULK)
    kill_worker_midway(start_slow_worker(60), notes_file)
    assert (state_of(export_id), count_stored_files()) == (State.RUNNING, before)
    let_lease_lapse(export_id)
    exports.resume()
    start_slow_worker(0)
    wait_until(lambda: state_of(export_id) is State.DONE)
    assert (count_stored_files(), count_files_on_disk(settings)) == (before + 1, 1)
    assert "Our Telecom customer 0" in text_of(content_of(db.session.get_one(ListExport, export_id).file))
    (first, _), (second, _) = started_reports(notes_file)
    assert first != second
    assert {may for _, may in started_reports(notes_file)} == {"True"}  # jobs typeset in their own process


def test_a_mails_report_whose_worker_was_killed_is_made_by_another(
    organisations: TwoOrganisations,
    settings: Settings,
    start_slow_worker: Callable[[float], RunningCommand],
    notes_file: Path,
) -> None:
    message_id = add_waiting_message(organisations)
    assert try_enqueue(reports.attach_report, message_id, queue=BULK)
    kill_worker_midway(start_slow_worker(60), notes_file)
    assert attached_files(message_id) == []
    assert try_enqueue(reports.attach_report, message_id, queue=BULK)
    start_slow_worker(0)
    wait_until(lambda: bool(attached_files(message_id)))
    assert len(attached_files(message_id)) == count_files_on_disk(settings) == 1


def run_command(organisations: TwoOrganisations, *words: str) -> tuple[int, str]:
    """Exit status and everything that was printed."""
    result = organisations.app.test_cli_runner().invoke(args=["report", *words])
    return result.exit_code, result.output


def account_number_of(organisations: TwoOrganisations) -> str:
    return db.session.get_one(models.Customer, organisations.own.customers[0]).account_number


# --- On the command line ---------------------------------------------------------------------------------------------


def test_the_command_writes_a_report(organisations: TwoOrganisations, tmp_path: Path) -> None:
    out = tmp_path / "report.pdf"
    words = ("--customer", account_number_of(organisations), "--organisation", "Our Telecom", "--out", str(out))
    status, printed = run_command(organisations, *words, "--as-of", "2026-01-31", "--json")
    assert (status, json.loads(printed)) == (0, {"file": str(out), "bytes": out.stat().st_size})
    assert "as of 31 Jan 2026" in text_of(out.read_bytes())
    status, printed = run_command(organisations, *words)
    assert (status, printed.strip()) == (0, f"The report of Our Telecom customer 0 was written to {out}.")
    today = clock.get_today("UTC")
    assert f"as of {today.strftime('%-d %b %Y')}" in text_of(out.read_bytes())


def test_the_command_says_what_is_wrong(organisations: TwoOrganisations, tmp_path: Path) -> None:
    out, number = tmp_path / "report.pdf", account_number_of(organisations)
    arguments = ("--organisation", "Our Telecom", "--out", str(out))
    tomorrow = (clock.get_today("UTC") + timedelta(days=2)).isoformat()
    expected_messages = {
        (*arguments, "--customer", "nobody"): "Our Telecom has no customer with the account number 'nobody'.",
        (*arguments, "--customer", number, "--as-of", tomorrow): "Choose today or an earlier date",
        (*arguments, "--customer", number, "--as-of", "yesterday"): "does not match the format",
        ("--organisation", "Nowhere", "--customer", number, "--out", str(out)): "There is no organisation 'Nowhere'.",
        ("--customer", number, "--out", str(out)): "Specify the organisation with --organisation.",
        ("--organisation", "Our Telecom", "--customer", number, "--out", f"{tmp_path}/no/x.pdf"): "No such file",
    }
    for words, message in expected_messages.items():
        status, printed = run_command(organisations, *words)
        assert status == 2, words
        assert message in printed
        assert "Traceback" not in printed
    assert not out.exists()
    foreign_number = db.session.get_one(models.Customer, organisations.foreign.customers[0]).account_number
    assert foreign_number != number
    assert run_command(organisations, *arguments, "--customer", foreign_number)[0] == 2
    assert not out.exists()

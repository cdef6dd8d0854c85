"""Reports made in the background: once, whatever happens meanwhile, and only for who may see them."""

import json
import os
import signal
from collections.abc import Callable
from contextvars import Context
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import models
from app import create_app
from customerhub import clock, history, outbox, storage
from customerhub.config import Settings
from customerhub.customers.merging import merge_customers
from customerhub.errors import Invalid
from customerhub.notifications.report import request_report
from customerhub.permissions import Actor
from customerhub.rendering import NotTypeset
from jobs import exports, reports
from jobs.queue import BULK, nudge
from models import ListExport, OutboxMessage
from models.base import db
from models.enums import Role, TransferState
from tests import factories as make
from tests.jobs.conftest import StartCommand
from tests.jobs.exporting import facts, files, grow_quiet, state_of
from tests.jobs.running import Running
from tests.notifications.reports import text_of
from tests.servers import wait_until
from tests.world import World

S = TransferState
DAY = date(2026, 3, 15)


def asked(world: World, role: Role = Role.AGENT, customer_id: int | None = None) -> int:
    """A report of our first customer that somebody in this role asked for."""
    customer = db.session.get_one(models.Customer, customer_id or world.ours.customers[0])
    actor = Actor.of(db.session.get_one(models.User, world.ours.users[role]))
    with history.acting(actor, "test"):
        key: int = request_report(customer, as_of=DAY, actor=actor).id
        db.session.commit()
    db.session.remove()
    return key


def waiting(world: World, **values: Any) -> int:
    """A message that waits for the report of our first customer."""
    given = {"customer_id": world.ours.customers[0], "report_on": DAY, **values}
    organisation = db.session.get_one(models.Organisation, world.ours.id)
    key: int = make.OutboxMessageFactory(organisation=organisation, **given).id
    db.session.commit()
    db.session.remove()
    return key


def content_of(file: models.StoredFile | None) -> bytes:
    assert file is not None
    with storage.open_file(file) as stream:
        return stream.read()


def attached(message_id: int) -> list[models.StoredFile]:
    message = db.session.get_one(OutboxMessage, message_id, populate_existing=True)
    found = [each.file for each in message.attachments]
    db.session.rollback()
    return found


def stored() -> int:
    """How many files the database knows of, asked without keeping anybody from writing."""
    found = files()
    db.session.rollback()
    return found


def in_the_store(settings: Settings) -> int:
    """How many files there are on the disk."""
    return sum(path.is_file() for path in settings.files_dir.rglob("*"))


# --- For who asked on a screen ---------------------------------------------------------------------------------------


def test_a_report_is_written_like_an_export(world: World) -> None:
    export_id = asked(world)
    exports.write(export_id)
    assert facts(export_id) == (S.DONE, None, 1)
    file = db.session.get_one(ListExport, export_id).file
    assert file is not None
    assert (file.name, file.content_type) == ("Performance report Our Telecom customer 0 2026-03-15.pdf", reports.PDF)
    told = text_of(content_of(file))
    assert "Customer performance report as of " in told
    assert "Our Telecom customer 0" in told
    assert "Their Telecom" not in told


@pytest.mark.parametrize(
    ("name", "kept"),
    [("Larsen A/S", "Larsen A-S"), ("c\\o ../Kim", "c-o ..-Kim"), ("Müller & Söhne", "Müller & Söhne")],
)
def test_the_file_is_called_by_the_whole_name_of_the_customer(world: World, name: str, kept: str) -> None:
    with history.acting(Actor(None, world.ours.id), "test"):
        db.session.get_one(models.Customer, world.ours.customers[0]).name = name
        db.session.commit()
    export_id = asked(world)
    exports.write(export_id)
    file = db.session.get_one(ListExport, export_id).file
    assert file is not None
    assert file.name == f"Performance report {kept} 2026-03-15.pdf"


def test_a_report_and_lists_do_not_mix(world: World) -> None:
    """The screens put their lists in beside the report; none is called like it."""
    with create_app(world.app.config["HUB"]).app_context():
        assert exports.SOURCES["report"] is reports.paper
        assert "report" not in {rule.endpoint.partition(".")[0] for rule in world.app.url_map.iter_rules()}


def lose_organisation(world: World) -> None:
    db.session.get_one(models.User, world.ours.users[Role.AGENT]).active = False


def become_partner(world: World) -> None:
    user = db.session.get_one(models.User, world.ours.users[Role.AGENT])
    dealer = select(models.Dealer.id).where(models.Dealer.organisation_id == world.ours.id).limit(1)
    user.role, user.dealer_id = Role.PARTNER, db.session.scalar(dealer)


@pytest.mark.parametrize(
    ("lose", "told"),
    [(lose_organisation, "The account of The agent is switched off."), (become_partner, "You may not export lists.")],
)
def test_who_lost_the_right_meanwhile_gets_none(world: World, lose: Callable[[World], None], told: str) -> None:
    export_id = asked(world)
    with history.acting(Actor(None, world.ours.id), "test"):
        lose(world)
        db.session.commit()
    before = files()
    exports.write(export_id)
    state, problem, _ = facts(export_id)
    assert (state, files()) == (S.FAILED, before)
    assert (problem or "").startswith(told)


def test_a_customer_of_another_organisation_has_none(world: World) -> None:
    """As where somebody had got its key into the row."""
    export_id = asked(world)
    export = db.session.get_one(ListExport, export_id)
    export.query = {**export.query, "customer": world.theirs.customers[0]}
    db.session.commit()
    exports.write(export_id)
    assert facts(export_id)[:2] == (S.FAILED, "This customer is no longer there")


def test_a_customer_that_was_merged_away_is_no_longer_there(world: World) -> None:
    gone, stays = (db.session.get_one(models.Customer, world.ours.customers[n]) for n in (1, 2))
    export_id = asked(world, customer_id=gone.id)
    manager = Actor.of(db.session.get_one(models.User, world.ours.users[Role.MANAGER]))
    gone, stays = (db.session.get_one(models.Customer, world.ours.customers[n]) for n in (1, 2))
    with history.acting(manager, "test"):
        merge_customers(stays, gone, take=[], actor=manager)
        db.session.commit()
    exports.write(export_id)
    assert facts(export_id)[:2] == (S.FAILED, "This customer is no longer there")


def test_what_cannot_be_made_fails_without_a_trace(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(_data: Any) -> bytes:
        raise NotTypeset("out of memory at 0x1234")

    monkeypatch.setattr(reports, "report_pdf", cannot)
    export_id, before = asked(world), files()
    exports.write(export_id)
    state, problem, _ = facts(export_id)
    assert (state, problem, files()) == (S.FAILED, "The export failed. Try again.", before)


def test_one_that_is_cancelled_while_it_is_made_stores_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    export_id, before = asked(world), files()
    real = reports.report_pdf

    def cancelled(data: Any) -> bytes:
        assert exports.cancel(export_id)
        return real(data)

    monkeypatch.setattr(reports, "report_pdf", cancelled)
    exports.write(export_id)
    assert (state_of(export_id), files()) == (S.CANCELLED, before)


def test_the_file_keeps_the_whole_name_of_the_customer(world: World) -> None:
    """A slash in it makes no folder, whose name a file would lose."""
    with history.acting(Actor(None, world.ours.id), "test"):
        db.session.get_one(models.Customer, world.ours.customers[0]).name = "Vin & Spirits A/S"
        db.session.commit()
    message_id = waiting(world)
    assert reports.attach_report(message_id)
    [file] = attached(message_id)
    assert file.name == "Performance report Vin & Spirits A-S 2026-03-15.pdf"


# --- For a mail ------------------------------------------------------------------------------------------------------


def test_a_report_is_attached_once_however_often_it_is_asked_for(world: World, settings: Settings) -> None:
    message_id = waiting(world)
    assert reports.attach_report(message_id)
    [file] = attached(message_id)
    assert file.name == "Performance report Our Telecom customer 0 2026-03-15.pdf"
    assert "Our Telecom customer 0" in text_of(content_of(file))
    assert reports.attach_report(message_id)
    assert [each.id for each in attached(message_id)] == [file.id]
    assert in_the_store(settings) == 1


def test_a_message_that_waits_for_no_report_gets_none(world: World, settings: Settings) -> None:
    plain = waiting(world, report_on=None)
    assert not reports.attach_report(plain)
    assert not reports.attach_report(2**40)
    assert attached(plain) == []
    assert in_the_store(settings) == 0


def another(world: World, act: Callable[[], object]) -> None:
    """Do something as another process would: with a session of its own, and nothing known of this one."""

    def run() -> None:
        with world.app.app_context():
            act()

    Context().run(run)


def test_of_two_that_are_made_at_once_one_is_attached(
    world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one is made and attached while the first one is made: so nobody waits for anybody either."""
    message_id = waiting(world)
    real, calls = reports.report_pdf, []

    def overtaken(data: Any) -> bytes:
        calls.append(data.customer.name)
        if len(calls) == 1:
            another(world, lambda: reports.attach_report(message_id))
        return real(data)

    monkeypatch.setattr(reports, "report_pdf", overtaken)
    assert reports.attach_report(message_id)
    assert len(calls) == 2
    assert len(attached(message_id)) == 1
    assert in_the_store(settings) == 1


def test_a_message_that_goes_meanwhile_leaves_nothing(
    world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    message_id = waiting(world)
    real = reports.report_pdf

    def gone(data: Any) -> bytes:
        message = models.OutboxMessage.__table__
        with db.engine.begin() as connection:
            connection.execute(message.delete().where(message.c.id == message_id))
        return real(data)

    monkeypatch.setattr(reports, "report_pdf", gone)
    assert not reports.attach_report(message_id)
    assert in_the_store(settings) == 0


def test_a_report_that_is_too_large_for_a_mail_leaves_nothing(
    world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_most_attached", 1000)
    message_id = waiting(world)
    with pytest.raises(Invalid, match="MB is the most"):
        reports.attach_report(message_id)
    assert attached(message_id) == []
    assert in_the_store(settings) == 0


# --- Processes -------------------------------------------------------------------------------------------------------


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """The file that slow workers write to."""
    return tmp_path / "notes"


def begun(notes: Path) -> list[tuple[int, str]]:
    """(process, whether it may typeset) of each report that was begun."""
    found = notes.read_text().splitlines() if notes.exists() else []
    return [(int(process), may) for process, may in map(str.split, found)]


@pytest.fixture
def start_slow(start: StartCommand, settings: Settings, notes: Path) -> Callable[[float], Running]:
    """Starts a worker over the database of the test that waits so many seconds before it makes a report."""

    def start_slow(seconds: float) -> Running:
        surroundings = {
            "DATABASE_URL": settings.database_url,
            "HUB_DATA_DIR": str(settings.data_dir),
            "REDIS_URL": settings.redis_url or "",
        }
        return start("-m", "tests.jobs.slow_reports", str(notes), str(seconds), **surroundings)

    return start_slow


def kill_half_way(worker: Running, notes: Path) -> None:
    wait_until(lambda: len(begun(notes)) == 1)
    os.kill(worker.process.pid, signal.SIGKILL)
    wait_until(lambda: not worker.processes())


def test_a_report_whose_worker_was_killed_is_made_by_another_and_there_is_one_file(
    world: World, settings: Settings, start_slow: Callable[[float], Running], notes: Path
) -> None:
    export_id, before = asked(world), stored()
    assert nudge(exports.write, export_id, queue=BULK)
    kill_half_way(start_slow(60), notes)
    assert (state_of(export_id), stored()) == (S.RUNNING, before)
    grow_quiet(export_id)
    exports.resume()
    start_slow(0)
    wait_until(lambda: state_of(export_id) is S.DONE)
    assert (stored(), in_the_store(settings)) == (before + 1, 1)
    assert "Our Telecom customer 0" in text_of(content_of(db.session.get_one(ListExport, export_id).file))
    (first, _), (second, _) = begun(notes)
    assert first != second
    assert {may for _, may in begun(notes)} == {"True"}  # jobs typeset in their own process


def test_a_mails_report_whose_worker_was_killed_is_made_by_another(
    world: World, settings: Settings, start_slow: Callable[[float], Running], notes: Path
) -> None:
    message_id = waiting(world)
    assert nudge(reports.attach_report, message_id, queue=BULK)
    kill_half_way(start_slow(60), notes)
    assert attached(message_id) == []
    assert nudge(reports.attach_report, message_id, queue=BULK)
    start_slow(0)
    wait_until(lambda: bool(attached(message_id)))
    assert len(attached(message_id)) == in_the_store(settings) == 1


# --- On the command line ---------------------------------------------------------------------------------------------


def run(world: World, *words: str) -> tuple[int, str]:
    """Exit status and everything that was printed."""
    result = world.app.test_cli_runner().invoke(args=["report", *words])
    return result.exit_code, result.output


def number_of(world: World) -> str:
    return db.session.get_one(models.Customer, world.ours.customers[0]).account_number


def test_the_command_writes_a_report(world: World, tmp_path: Path) -> None:
    out = tmp_path / "report.pdf"
    words = ("--customer", number_of(world), "--organisation", "Our Telecom", "--out", str(out))
    status, printed = run(world, *words, "--as-of", "2026-01-31", "--json")
    assert (status, json.loads(printed)) == (0, {"file": str(out), "bytes": out.stat().st_size})
    assert "as of 31 Jan 2026" in text_of(out.read_bytes())
    status, printed = run(world, *words)
    assert (status, printed.strip()) == (0, f"The report of Our Telecom customer 0 is in {out}.")
    today = clock.today("UTC")
    assert f"as of {today.strftime('%-d %b %Y')}" in text_of(out.read_bytes())


def test_the_command_says_what_is_wrong(world: World, tmp_path: Path) -> None:
    out, number = tmp_path / "report.pdf", number_of(world)
    ours = ("--organisation", "Our Telecom", "--out", str(out))
    tomorrow = (clock.today("UTC") + timedelta(days=2)).isoformat()
    refused = {
        (*ours, "--customer", "nobody"): "Our Telecom has no customer with the account number 'nobody'.",
        (*ours, "--customer", number, "--as-of", tomorrow): "Choose today or a day before",
        (*ours, "--customer", number, "--as-of", "yesterday"): "does not match the format",
        ("--organisation", "Nowhere", "--customer", number, "--out", str(out)): "There is no organisation 'Nowhere'.",
        ("--customer", number, "--out", str(out)): "Name the organisation with --organisation.",
        ("--organisation", "Our Telecom", "--customer", number, "--out", f"{tmp_path}/no/x.pdf"): "No such file",
    }
    for words, told in refused.items():
        status, printed = run(world, *words)
        assert status == 2, words
        assert told in printed
        assert "Traceback" not in printed
    assert not out.exists()
    theirs = db.session.get_one(models.Customer, world.theirs.customers[0]).account_number
    assert theirs != number
    assert run(world, *ours, "--customer", theirs)[0] == 2
    assert not out.exists()

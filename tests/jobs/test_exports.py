"""Exports in the background: they hold up nobody, are written once, and only for who may."""

from collections.abc import Callable, Iterator, Sequence
from contextvars import Context
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from sqlalchemy import select, update

import models
from customerhub.core import history, spreadsheets
from customerhub.core.permissions import Actor
from jobs import exports
from models import ListExport, sqlite
from models.base import db
from models.enums import Role, TransferState
from tests.conftest import close_connections
from tests.support import factories as make
from tests.support.exports import (
    count_files,
    export_facts,
    let_lease_lapse,
    lines_of,
    request_export,
    set_values,
    state_of,
)
from tests.support.screen_table import SCREENS
from tests.support.statements import record_statements
from tests.support.two_organisations import TwoOrganisations

State = TransferState


# --- Others go on working --------------------------------------------------------------------------------------


@pytest.fixture
def departments(organisations: TwoOrganisations) -> list[int]:
    """Thirty of them, written ten at a time."""
    organisation = db.session.get_one(models.Organisation, organisations.own.id)
    created_departments = [make.DepartmentFactory(organisation=organisation, name=f"Unit {n:02}") for n in range(30)]
    db.session.commit()
    return [each.id for each in created_departments]


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheets, "CHUNK", 10)


@pytest.fixture
def impatient_database(organisations: TwoOrganisations, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Connections to SQLite that wait for nobody."""
    monkeypatch.setattr(sqlite, "BUSY_MILLISECONDS", 50)
    db.session.remove()
    close_connections(organisations.app)
    yield
    db.session.remove()
    close_connections(organisations.app)


def change_and_commit(action: Callable[[Any], Any]) -> None:
    """Change something over a connection of one's own, and commit."""

    engine = db.engine

    def run_action() -> None:
        with engine.begin() as connection:
            action(connection)

    Context().run(run_action)


def write_as_other_worker(organisations: TwoOrganisations, export_id: int) -> None:
    """Write it as another process would: with a session of its own, and nothing known of this one."""

    def run_export() -> None:
        with organisations.app.app_context():
            exports.write(export_id)

    Context().run(run_export)


class WatchedRows(list[Any]):
    """Rows that do something when they are about to be written to the file."""

    def __init__(self, rows: Sequence[Any], act: Callable[[], None]) -> None:
        super().__init__(rows)
        self._callback = act

    def __iter__(self) -> Iterator[Any]:
        self._callback()
        return super().__iter__()


def watch_export(monkeypatch: pytest.MonkeyPatch, screen: str, callback: Callable[[str], None]) -> None:
    """Have `act` called with "read" when a chunk has been read, and with "write" when it is about to be written."""
    source = exports.get_builders()[screen]

    def build_watched_export(export: ListExport, actor: Actor) -> exports.TableExport:
        listing = source(export, actor)

        def load_rows(keys: Sequence[int]) -> Sequence[Any]:
            rows = listing.load_rows(keys)
            callback("read")
            return WatchedRows(rows, lambda: callback("write"))

        return replace(listing, load_rows=load_rows)

    monkeypatch.setitem(exports.get_builders(), screen, build_watched_export)


@pytest.mark.usefixtures("small_chunks", "impatient_database")
def test_somebody_can_save_at_any_moment_of_an_export(
    organisations: TwoOrganisations, departments: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = []

    def save(moment: str) -> None:
        table = models.Department.__table__
        change_and_commit(lambda it: it.execute(update(table).where(table.c.id == departments[0]).values(active=False)))
        moments.append(moment)

    watch_export(monkeypatch, "departments", save)
    export_id = request_export(organisations)
    exports.write(export_id)
    assert export_facts(export_id)[:2] == (State.DONE, None)
    assert moments == ["read", "write"] * 4


@pytest.mark.usefixtures("small_chunks")
def test_rows_that_go_meanwhile_are_left_out_and_none_is_read_again(
    organisations: TwoOrganisations, departments: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def remove(moment: str) -> None:
        """Of the chunk that has been read, and of one that is still to come."""
        table = models.Department.__table__
        removed_rows = table.c.id.in_([departments[3], departments[27]])
        if moment == "read":
            change_and_commit(lambda it: it.execute(table.delete().where(removed_rows)))

    watch_export(monkeypatch, "departments", remove)
    export_id = request_export(organisations)
    with record_statements() as statements:
        exports.write(export_id)
    names = [line.split(",")[0] for line in lines_of(export_id)]
    assert [name for name in names if name.startswith("Unit")] == [f"Unit {n:02}" for n in range(30) if n != 27]
    reads = [text for text in statements if text.startswith("SELECT") and "FROM department" in text]
    assert len(reads) == 1 + 4, reads
    assert export_facts(export_id)[2] == len(names) - 1


def test_each_list_that_staff_see_can_be_written_by_a_job(organisations: TwoOrganisations) -> None:
    """Without a request there is nobody to tell anything, and no address to start from."""
    for screen in SCREENS:
        export_id = request_export(organisations, screen)
        exports.write(export_id)
        assert export_facts(export_id)[:2] == (State.DONE, None), screen


@pytest.mark.parametrize("unfit", ["credit_limit:from:abc", "start_date:on:yesterday", "status:is:x"])
def test_a_filter_that_does_not_fit_is_left_out(organisations: TwoOrganisations, unfit: str) -> None:
    export_id = request_export(organisations, "customers", address=f"?f={unfit}&search=ref-1")
    exports.write(export_id)
    assert export_facts(export_id) == (State.DONE, None, 1)


def test_the_file_is_named_for_the_day_it_is_in_the_organisation(organisations: TwoOrganisations) -> None:
    export_id = request_export(organisations)
    db.session.get_one(models.Organisation, organisations.own.id).timezone = "Pacific/Auckland"
    with history.act_as(Actor(None, organisations.own.id), "test"):
        db.session.commit()
    with time_machine.travel(datetime(2026, 1, 31, 13, 0, tzinfo=UTC), tick=False):
        exports.write(export_id)
    file = db.session.get_one(ListExport, export_id).file
    assert file is not None
    assert file.name == "Departments-2026-02-01.csv"


# --- Once, whoever tries -----------------------------------------------------------------------------------------


def test_an_export_that_is_being_written_is_left_to_who_writes_it(
    organisations: TwoOrganisations, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_id = request_export(organisations)
    moments = []

    def write_too(moment: str) -> None:
        moments.append(moment)
        write_as_other_worker(organisations, export_id)

    watch_export(monkeypatch, "departments", write_too)
    before = count_files()
    exports.write(export_id)
    assert (state_of(export_id), count_files(), moments) == (State.DONE, before + 1, ["read", "write"])
    exports.write(export_id)
    assert count_files() == before + 1


@pytest.mark.usefixtures("small_chunks")
def test_who_was_thought_dead_and_is_not_stores_nothing(
    organisations: TwoOrganisations, departments: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    export_id = request_export(organisations)
    takers = []

    def take_over(moment: str) -> None:
        if moment == "write" and not takers:
            takers.append(moment)
            let_lease_lapse(export_id)
            write_as_other_worker(organisations, export_id)

    watch_export(monkeypatch, "departments", take_over)
    before = count_files()
    exports.write(export_id)
    assert (takers, state_of(export_id), count_files()) == (["write"], State.DONE, before + 1)


@pytest.mark.usefixtures("small_chunks")
def test_an_export_cancelled_while_it_is_written_stops_and_stores_nothing(
    organisations: TwoOrganisations, departments: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    export_id = request_export(organisations)
    moments = []

    def cancel(moment: str) -> None:
        moments.append(moment)
        if moment == "write":
            assert exports.cancel(export_id)

    watch_export(monkeypatch, "departments", cancel)
    before = count_files()
    exports.write(export_id)
    assert (state_of(export_id), count_files(), moments) == (State.CANCELLED, before, ["read", "write"])
    assert not exports.cancel(export_id)


# --- Who may no longer -------------------------------------------------------------------------------------------


def deactivate_user(user: models.User, organisations: TwoOrganisations) -> None:
    user.active = False


def deactivate_organisation(user: models.User, organisations: TwoOrganisations) -> None:
    db.session.get_one(models.Organisation, user.organisation_id).active = False


def become_partner(user: models.User, organisations: TwoOrganisations) -> None:
    dealer = select(models.Dealer.id).where(models.Dealer.organisation_id == user.organisation_id).limit(1)
    user.role, user.dealer_id = Role.PARTNER, db.session.scalar(dealer)


def become_agent(user: models.User, organisations: TwoOrganisations) -> None:
    user.role = Role.AGENT


LOST_RIGHTS = {
    "switched off": (deactivate_user, "customers", "The account of The manager is deactivated."),
    "organisation switched off": (
        deactivate_organisation,
        "customers",
        "The account of The manager is deactivated.",
    ),
    "no exports": (become_partner, "customers", "You may not export lists."),
    "not this list": (become_agent, "users", "You may not see users."),
}


@pytest.mark.parametrize(("lose", "screen", "message"), LOST_RIGHTS.values(), ids=list(LOST_RIGHTS))
def test_who_lost_the_right_meanwhile_gets_nothing(
    organisations: TwoOrganisations, lose: Callable[[models.User, TwoOrganisations], None], screen: str, message: str
) -> None:
    export_id = request_export(organisations, screen, role=Role.MANAGER)
    with history.act_as(Actor(None, organisations.own.id), "test"):
        lose(db.session.get_one(models.User, organisations.own.users[Role.MANAGER]), organisations)
        db.session.commit()
    before = count_files()
    exports.write(export_id)
    state, problem, _ = export_facts(export_id)
    assert (state, count_files()) == (State.FAILED, before)
    assert (problem or "").startswith(message)


def test_a_visitor_who_lost_the_grant_gets_nothing(organisations: TwoOrganisations) -> None:
    export_id = request_export(organisations, "customers")
    set_values(export_id, user_id=organisations.platform_user, organisation_id=organisations.foreign.id)
    with history.act_as(Actor(None, organisations.own.id), "test"):
        db.session.get_one(models.User, organisations.platform_user).platform = False
        db.session.commit()
    exports.write(export_id)
    assert export_facts(export_id)[:2] == (State.FAILED, "Pat Platform may no longer work in this organisation.")

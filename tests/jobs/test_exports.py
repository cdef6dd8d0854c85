"""Exports in the background: they hold up nobody, are written once, and only for who may."""

from collections.abc import Callable, Iterator, Sequence
from contextvars import Context
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from sqlalchemy import event, select, update

import models
from customerhub import exporting, history
from customerhub.permissions import Actor
from jobs import exports
from models import ListExport, sqlite
from models.base import db
from models.enums import Role, TransferState
from tests import factories as make
from tests.conftest import let_go
from tests.jobs.exporting import asked, facts, files, grow_quiet, lines_of, set_on, state_of
from tests.views.screen_table import SCREENS
from tests.world import World

S = TransferState


# --- Others go on working --------------------------------------------------------------------------------------


@pytest.fixture
def departments(world: World) -> list[int]:
    """Thirty of them, written ten at a time."""
    organisation = db.session.get_one(models.Organisation, world.ours.id)
    made = [make.DepartmentFactory(organisation=organisation, name=f"Unit {n:02}") for n in range(30)]
    db.session.commit()
    return [each.id for each in made]


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "CHUNK", 10)


@pytest.fixture
def impatient(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Connections to SQLite that wait for nobody."""
    monkeypatch.setattr(sqlite, "BUSY_MILLISECONDS", 50)
    db.session.remove()
    let_go(world.app)
    yield
    db.session.remove()
    let_go(world.app)


def somebody(act: Callable[[Any], Any]) -> None:
    """Change something over a connection of one's own, and commit."""

    engine = db.engine

    def run() -> None:
        with engine.begin() as connection:
            act(connection)

    Context().run(run)


def another_worker(world: World, export_id: int) -> None:
    """Write it as another process would: with a session of its own, and nothing known of this one."""

    def run() -> None:
        with world.app.app_context():
            exports.write(export_id)

    Context().run(run)


class Watched(list[list[str]]):
    """Rows that do something when they are about to be written to the file."""

    def __init__(self, rows: list[list[str]], act: Callable[[], None]) -> None:
        super().__init__(rows)
        self._act = act

    def __iter__(self) -> Iterator[list[str]]:
        self._act()
        return super().__iter__()


def watch(monkeypatch: pytest.MonkeyPatch, screen: str, act: Callable[[str], None]) -> None:
    """Have `act` called with "read" when a chunk has been read, and with "write" when it is about to be written."""
    source = exports.SOURCES[screen]

    def watched(export: ListExport, actor: Actor) -> exports.Listing:
        listing = source(export, actor)

        def cells(keys: Sequence[int]) -> list[list[str]]:
            rows = listing.cells(keys)
            act("read")
            return Watched(rows, lambda: act("write"))

        return replace(listing, cells=cells)

    monkeypatch.setitem(exports.SOURCES, screen, watched)


@pytest.mark.usefixtures("small_chunks", "impatient")
def test_somebody_can_save_at_any_moment_of_an_export(
    world: World, departments: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = []

    def save(moment: str) -> None:
        table = models.Department.__table__
        somebody(lambda it: it.execute(update(table).where(table.c.id == departments[0]).values(active=False)))
        moments.append(moment)

    watch(monkeypatch, "departments", save)
    export_id = asked(world)
    exports.write(export_id)
    assert facts(export_id)[:2] == (S.DONE, None)
    assert moments == ["read", "write"] * 4


@pytest.mark.usefixtures("small_chunks")
def test_rows_that_go_meanwhile_are_left_out_and_none_is_read_again(
    world: World, departments: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def remove(moment: str) -> None:
        """Of the chunk that has been read, and of one that is still to come."""
        table = models.Department.__table__
        gone = table.c.id.in_([departments[3], departments[27]])
        if moment == "read":
            somebody(lambda it: it.execute(table.delete().where(gone)))

    watch(monkeypatch, "departments", remove)
    statements: list[str] = []

    def keep(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "FROM department" in statement:
            statements.append(statement)

    export_id = asked(world)
    event.listen(db.engine, "before_cursor_execute", keep)
    try:
        exports.write(export_id)
    finally:
        event.remove(db.engine, "before_cursor_execute", keep)
    names = [line.split(",")[0] for line in lines_of(export_id)]
    assert [name for name in names if name.startswith("Unit")] == [f"Unit {n:02}" for n in range(30) if n != 27]
    reads = [statement for statement in statements if statement.startswith("SELECT")]
    assert len(reads) == 1 + 4, reads
    assert facts(export_id)[2] == len(names) - 1


def test_each_list_that_staff_see_can_be_written_by_a_job(world: World) -> None:
    """Without a request there is nobody to tell anything, and no address to start from."""
    for screen in SCREENS:
        export_id = asked(world, screen)
        exports.write(export_id)
        assert facts(export_id)[:2] == (S.DONE, None), screen


@pytest.mark.parametrize("unfit", ["credit_limit:from:abc", "start_date:on:yesterday", "status:is:x"])
def test_a_filter_that_does_not_fit_is_left_out(world: World, unfit: str) -> None:
    export_id = asked(world, "customers", address=f"?f={unfit}&search=ref-1")
    exports.write(export_id)
    assert facts(export_id) == (S.DONE, None, 1)


def test_the_file_is_named_for_the_day_it_is_in_the_organisation(world: World) -> None:
    export_id = asked(world)
    db.session.get_one(models.Organisation, world.ours.id).timezone = "Pacific/Auckland"
    with history.acting(Actor(None, world.ours.id), "test"):
        db.session.commit()
    with time_machine.travel(datetime(2026, 1, 31, 13, 0, tzinfo=UTC), tick=False):
        exports.write(export_id)
    file = db.session.get_one(ListExport, export_id).file
    assert file is not None
    assert file.name == "Departments-2026-02-01.csv"


# --- Once, whoever tries -----------------------------------------------------------------------------------------


def test_an_export_that_is_being_written_is_left_to_who_writes_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_id = asked(world)
    moments = []

    def write_too(moment: str) -> None:
        moments.append(moment)
        another_worker(world, export_id)

    watch(monkeypatch, "departments", write_too)
    before = files()
    exports.write(export_id)
    assert (state_of(export_id), files(), moments) == (S.DONE, before + 1, ["read", "write"])
    exports.write(export_id)
    assert files() == before + 1


@pytest.mark.usefixtures("small_chunks")
def test_who_was_thought_dead_and_is_not_stores_nothing(
    world: World, departments: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    export_id = asked(world)
    takers = []

    def take_over(moment: str) -> None:
        if moment == "write" and not takers:
            takers.append(moment)
            grow_quiet(export_id)
            another_worker(world, export_id)

    watch(monkeypatch, "departments", take_over)
    before = files()
    exports.write(export_id)
    assert (takers, state_of(export_id), files()) == (["write"], S.DONE, before + 1)


@pytest.mark.usefixtures("small_chunks")
def test_an_export_cancelled_while_it_is_written_stops_and_stores_nothing(
    world: World, departments: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    export_id = asked(world)
    moments = []

    def cancel(moment: str) -> None:
        moments.append(moment)
        if moment == "write":
            assert exports.cancel(export_id)

    watch(monkeypatch, "departments", cancel)
    before = files()
    exports.write(export_id)
    assert (state_of(export_id), files(), moments) == (S.CANCELLED, before, ["read", "write"])
    assert not exports.cancel(export_id)


# --- Who may no longer -------------------------------------------------------------------------------------------


def switch_off(user: models.User, world: World) -> None:
    user.active = False


def switch_off_the_organisation(user: models.User, world: World) -> None:
    db.session.get_one(models.Organisation, user.organisation_id).active = False


def become_partner(user: models.User, world: World) -> None:
    dealer = select(models.Dealer.id).where(models.Dealer.organisation_id == user.organisation_id).limit(1)
    user.role, user.dealer_id = Role.PARTNER, db.session.scalar(dealer)


def become_agent(user: models.User, world: World) -> None:
    user.role = Role.AGENT


LOSSES = {
    "switched off": (switch_off, "customers", "The account of The manager is switched off."),
    "organisation switched off": (
        switch_off_the_organisation, "customers", "The account of The manager is switched off.",
    ),
    "no exports": (become_partner, "customers", "You may not export lists."),
    "not this list": (become_agent, "users", "You may not see users."),
}  # fmt: skip


@pytest.mark.parametrize(("lose", "screen", "told"), LOSSES.values(), ids=list(LOSSES))
def test_who_lost_the_right_meanwhile_gets_nothing(
    world: World, lose: Callable[[models.User, World], None], screen: str, told: str
) -> None:
    export_id = asked(world, screen, role=Role.MANAGER)
    with history.acting(Actor(None, world.ours.id), "test"):
        lose(db.session.get_one(models.User, world.ours.users[Role.MANAGER]), world)
        db.session.commit()
    before = files()
    exports.write(export_id)
    state, problem, _ = facts(export_id)
    assert (state, files()) == (S.FAILED, before)
    assert (problem or "").startswith(told)


def test_a_visitor_who_lost_the_grant_gets_nothing(world: World) -> None:
    export_id = asked(world, "customers")
    set_on(export_id, user_id=world.platform_user, organisation_id=world.theirs.id)
    with history.acting(Actor(None, world.ours.id), "test"):
        db.session.get_one(models.User, world.platform_user).platform = False
        db.session.commit()
    exports.write(export_id)
    assert facts(export_id)[:2] == (S.FAILED, "Pat Platform may no longer work in this organisation.")

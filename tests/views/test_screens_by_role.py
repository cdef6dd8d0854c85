"""Every route of every generated screen, called as each role and as a stranger: who may has the effect, who may not
changes nothing and learns nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.engine import Engine

import models
from models.base import db
from models.enums import Role
from tests import factories as make
from tests.browsing import Browser, form_of
from tests.views.screen_table import NOBODY, SCREENS, Screen, fresh
from tests.world import World
from views.admin import SCREENS as SHOWN

PEOPLE = ("stranger", "customer", "partner", "agent", "manager", "admin", "platform")


@dataclass
class Visit:
    """Somebody at a screen. `writes` are the statements of the last request that change data."""

    world: World
    endpoint: str
    screen: Screen
    browser: Browser
    person: str
    helper: Browser

    def __post_init__(self) -> None:
        self.writes: list[str] = []

    @property
    def home(self) -> str:
        return f"/admin/{self.endpoint}"

    @property
    def row(self) -> Any:
        return db.session.get_one(self.screen.model, self.key)

    @property
    def key(self) -> int:
        if self.endpoint == "exports":  # one's own
            mine = select(models.ListExport.id).where(models.ListExport.user_id == self.browser.user_id)
            return db.session.scalar(mine) or self.world.ours.row(models.ListExport)
        if self.endpoint == "history":  # on the first page, and of what everybody knows of who sees the history
            newest = select(func.max(models.History.id)).where(
                models.History.organisation_id == self.world.ours.id, models.History.table_name != "hub_user"
            )
            return db.session.scalars(newest).one()
        return self.screen.row_of(self.world.ours)

    def marker(self) -> str:
        named = getattr(self.row, "title", None) or getattr(self.row, "subject", None)
        return self.screen.marker or named or str(self.row)

    def get(self, path: str, **kwargs: Any) -> Any:
        return self._watched(self.browser.get, path, **kwargs)

    def post(self, path: str, data: Any = None) -> Any:
        return self._watched(self.browser.post, path, data=data)

    def _watched(self, call: Callable[..., Any], path: str, **kwargs: Any) -> Any:
        def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            if statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE")):
                self.writes.append(statement)

        db.session.commit()
        self.writes.clear()
        event.listen(Engine, "before_cursor_execute", note)
        try:
            return call(f"{self.home}{path}", **kwargs)
        finally:
            event.remove(Engine, "before_cursor_execute", note)


Outcome = tuple[Any, bool]  # the answer, and whether what the route is for came about


def lists(visit: Visit) -> Outcome:
    answer = visit.get(f"/?search={visit.marker()}" if visit.endpoint == "users" else visit.screen.listed)
    return answer, visit.marker() in answer.text


def shows(visit: Visit) -> Outcome:
    answer = visit.get(f"/details/?id={visit.key}")
    return answer, visit.marker() in answer.text


def opens_form(visit: Visit) -> Outcome:
    answer = visit.get(f"/edit/?id={visit.key}")
    return answer, "version" in form_of(answer.text)


def saves(visit: Visit) -> Outcome:
    path, value = f"/edit/?id={visit.key}", fresh("Changed")
    entered = visit.helper.form(visit.home + path) | {visit.screen.changed: value}
    answer = visit.post(path, entered)
    return answer, hasattr(visit.row, visit.screen.changed) and getattr(visit.row, visit.screen.changed) == value


def opens_new_form(visit: Visit) -> Outcome:
    answer = visit.get("/new/")
    return answer, "version" in form_of(answer.text)


def adds(visit: Visit) -> Outcome:
    before = count_of(visit.screen.model)
    answer = visit.post("/new/", visit.helper.form(f"{visit.home}/new/") | visit.screen.new(visit.world))
    return answer, count_of(visit.screen.model) == before + 1


def chooses_operation(visit: Visit) -> Outcome:
    name = next(iter(visit.screen.acts), "delete")
    answer = visit.post("/action/", {"rowid": str(visit.key), "action": name})
    return answer, answer.status_code == 303 and f"/operation/{name}/" in answer.location


def exports(visit: Visit) -> Outcome:
    answer = visit.get("/export/csv/")
    return answer, answer.mimetype == "text/csv" and "attachment" in answer.headers["Content-Disposition"]


def exports_at_once(visit: Visit) -> Outcome:
    answer = visit.post("/export/xlsx/")
    return answer, answer.data.startswith(b"PK")


def looks_up(visit: Visit) -> Outcome:
    answer = visit.get(f"/ajax/lookup/?name={visit.screen.lookup or 'customer.account_manager_id'}&query=o")
    return answer, answer.is_json and len(answer.json) > 0


def flask_admins_own_update(visit: Visit) -> Outcome:
    answer = visit.post("/ajax/update/", {"list_form_pk": str(visit.key), "name": "Changed"})
    return answer, bool(visit.writes)


def flask_admins_own_delete(visit: Visit) -> Outcome:
    answer = visit.post("/delete/", {"id": str(visit.key)})
    return answer, bool(visit.writes)


def count_of(model: Any) -> int:
    return db.session.query(model).count()


COMMON: dict[tuple[str, str], tuple[Callable[[Screen], frozenset[str]], Callable[[Visit], Outcome]]] = {
    ("index_view", "GET"): (lambda screen: screen.sees, lists),
    ("details_view", "GET"): (lambda screen: screen.sees, shows),
    ("edit_view", "GET"): (lambda screen: screen.edits, opens_form),
    ("edit_view", "POST"): (lambda screen: screen.edits, saves),
    ("create_view", "GET"): (lambda screen: screen.creators, opens_new_form),
    ("create_view", "POST"): (lambda screen: screen.creators, adds),
    ("action_view", "POST"): (lambda screen: first_act(screen), chooses_operation),
    ("export", "GET"): (lambda screen: screen.sees, exports),
    ("export", "POST"): (lambda screen: screen.sees, exports_at_once),
    ("ajax_lookup", "GET"): (lambda screen: screen.edits if screen.lookup else NOBODY, looks_up),
    ("ajax_update", "POST"): (lambda screen: NOBODY, flask_admins_own_update),
    ("delete_view", "POST"): (lambda screen: NOBODY, flask_admins_own_delete),
}


def first_act(screen: Screen) -> frozenset[str]:
    return next(iter(screen.acts.values())).roles if screen.acts else NOBODY


def visits(world: World, endpoint: str) -> list[Visit]:
    """Everybody at one screen."""
    known = {role.value: world.ours.users[role] for role in Role} | {"platform": world.platform_user, "stranger": None}
    helper = Browser(world.app, world.platform_user)
    if endpoint == "exports":
        for person in ("manager", "agent", "platform"):
            make_export(world, known[person])
    return [
        Visit(world, endpoint, SCREENS[endpoint], Browser(world.app, known[person]), person, helper)
        for person in PEOPLE
    ]  # fmt: skip


def make_export(world: World, user_id: int | None) -> None:
    make.ListExportFactory(organisation_id=world.ours.id, user_id=user_id)
    db.session.commit()


def judge(visit: Visit, allowed: frozenset[str], outcome: Outcome, route: str) -> None:
    answer, happened = outcome
    where = f"{visit.person} at {visit.endpoint}.{route}: {answer.status_code} {answer.location or ''}"
    assert happened == (visit.person in allowed), where
    if visit.person in allowed:
        assert answer.status_code < 400, where
        return
    assert visit.writes == [], where
    assert visit.marker() not in answer.text or visit.person in visit.screen.sees, where
    if visit.person == "stranger":
        assert answer.status_code in (302, 303), where
        assert answer.location.startswith("/sign-in"), where
    else:
        assert answer.status_code in (403, 404), where


@pytest.mark.parametrize("endpoint", SCREENS)
def test_a_screen_does_for_each_role_what_it_may_and_nothing_else(world: World, endpoint: str):
    for visit in visits(world, endpoint):
        for (view, method), (allowed, call) in COMMON.items():
            judge(visit, allowed(visit.screen), call(visit), f"{view} {method}")


@pytest.mark.parametrize("endpoint", [endpoint for endpoint, screen in SCREENS.items() if screen.acts])
def test_an_operation_is_run_by_those_who_may(world: World, endpoint: str):
    for visit in visits(world, endpoint):
        for name, act in visit.screen.acts.items():
            row = act.row(world)
            model, key = type(row), row.id
            path = f"/operation/{name}/?id={key}" + "".join(f"&id={more}" for more in act.also(world))
            answer = visit.get(path)
            judge(visit, act.roles, (answer, 'class="operation"' in answer.text), f"{name} GET")
            assert visit.writes == []
            assert not act.done(db.session.get(model, key)), "opening the page did it"
            answer = visit.post(path, act.entered(world))
            judge(visit, act.roles, (answer, act.done(db.session.get(model, key))), f"{name} POST")


def test_every_screen_and_operation_is_in_the_table(world: World):
    with world.app.test_request_context():
        views = {endpoint: (view, model) for view, model, endpoint in SHOWN}
    assert views.keys() == SCREENS.keys()
    for endpoint, (view, model) in views.items():
        assert model is SCREENS[endpoint].model
        assert {operation.name for operation in view.operations} == SCREENS[endpoint].acts.keys(), endpoint

"""Every route of every generated screen, called as each role and as a stranger: who may has the effect, who may not
changes nothing and learns nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import func, select

import models
from models.base import db
from models.enums import Role
from tests.support import factories as make
from tests.support.browser_client import Browser, parse_form
from tests.support.screen_operations import NOBODY
from tests.support.screen_rows import make_live_customer
from tests.support.screen_table import SCREENS, Screen
from tests.support.statements import record_statements
from tests.support.two_organisations import TwoOrganisations
from views.admin import SCREENS as HUB_SCREENS

PEOPLE = ("stranger", "customer", "partner", "agent", "manager", "admin", "platform")


@dataclass
class Visit:
    """Somebody at a screen. `writes` are the statements of the last request that change data."""

    organisations: TwoOrganisations
    endpoint: str
    screen: Screen
    browser: Browser
    person: str
    colleague: Browser

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
        if self.endpoint in ("exports", "operation-runs"):  # one's own
            model = self.screen.model
            own_rows = select(model.id).where(model.user_id == self.browser.user_id)
            return db.session.scalar(own_rows) or self.organisations.own.row_id(model)
        if self.endpoint == "history":  # on the first page, and of what everybody knows of who sees the history
            newest = select(func.max(models.History.id)).where(
                models.History.organisation_id == self.organisations.own.id, models.History.table_name != "hub_user"
            )
            return db.session.scalars(newest).one()
        return self.screen.row_of(self.organisations.own)

    def marker(self) -> str:
        named = getattr(self.row, "title", None) or getattr(self.row, "subject", None)
        return self.screen.marker or named or str(self.row)

    def get(self, path: str, **kwargs: Any) -> Any:
        return self._record_writes(self.browser.get, path, **kwargs)

    def post(self, path: str, data: Any = None) -> Any:
        return self._record_writes(self.browser.post, path, data=data)

    def _record_writes(self, call: Callable[..., Any], path: str, **kwargs: Any) -> Any:
        db.session.commit()
        with record_statements() as statements:
            answer = call(f"{self.home}{path}", **kwargs)
        self.writes = [text for text in statements if text.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE"))]
        return answer


FILTERS = {endpoint: [each.name for each in view.filters] for view, _, endpoint in HUB_SCREENS}
Outcome = tuple[Any, bool]  # the answer, and whether what the route is for came about


def lists_rows(visit: Visit) -> Outcome:
    answer = visit.get(f"/?search={visit.marker()}" if visit.endpoint == "users" else visit.screen.list_query)
    return answer, visit.marker() in answer.text


def asks_for_filter(visit: Visit) -> Outcome:
    name = next(iter(FILTERS[visit.endpoint]), "nothing")
    answer = visit.get(f"/filter/?name={name}")
    return answer, f'name="filter" value="{name}"' in answer.text


def shows_record(visit: Visit) -> Outcome:
    answer = visit.get(f"/details/?id={visit.key}")
    return answer, visit.marker() in answer.text


def opens_form(visit: Visit) -> Outcome:
    answer = visit.get(f"/edit/?id={visit.key}")
    return answer, "version" in parse_form(answer.text)


def saves_record(visit: Visit) -> Outcome:
    path, value = f"/edit/?id={visit.key}", visit.screen.make_edited_value()
    entered = visit.colleague.read_form(visit.home + path) | {visit.screen.edited_column: value}
    answer = visit.post(path, entered)
    return answer, hasattr(visit.row, visit.screen.edited_column) and getattr(
        visit.row, visit.screen.edited_column
    ) == value


def opens_new_form(visit: Visit) -> Outcome:
    answer = visit.get("/new/")
    return answer, "version" in parse_form(answer.text)


def adds_record(visit: Visit) -> Outcome:
    before = count_rows(visit.screen.model)
    answer = visit.post(
        "/new/", visit.colleague.read_form(f"{visit.home}/new/") | visit.screen.new_values(visit.organisations)
    )
    return answer, count_rows(visit.screen.model) == before + 1


def chooses_operation(visit: Visit) -> Outcome:
    name = next(iter(visit.screen.operations), "delete")
    answer = visit.post("/action/", {"rowid": str(visit.key), "action": name})
    return answer, answer.status_code == 303 and f"/operation/{name}/" in answer.location


def tells_what_can_be_done(visit: Visit) -> Outcome:
    answer = visit.get(f"/available/?id={visit.key}")
    return answer, answer.is_json


def exports_list(visit: Visit) -> Outcome:
    answer = visit.get("/export/csv/")
    return answer, answer.mimetype == "text/csv" and "attachment" in answer.headers["Content-Disposition"]


def exports_immediately(visit: Visit) -> Outcome:
    answer = visit.post("/export/xlsx/")
    return answer, answer.data.startswith(b"PK")


def looks_up_rows(visit: Visit) -> Outcome:
    answer = visit.get(f"/ajax/lookup/?name={visit.screen.lookup_url or 'customer.account_manager_id'}&query=o")
    return answer, answer.is_json and len(answer.json) > 0


def updates_by_flask_admin(visit: Visit) -> Outcome:
    answer = visit.post("/ajax/update/", {"list_form_pk": str(visit.key), "name": "Changed"})
    return answer, bool(visit.writes)


def deletes_by_flask_admin(visit: Visit) -> Outcome:
    answer = visit.post("/delete/", {"id": str(visit.key)})
    return answer, bool(visit.writes)


def count_rows(model: Any) -> int:
    return db.session.query(model).count()


COMMON_VIEWS: dict[tuple[str, str], tuple[Callable[[Screen], frozenset[str]], Callable[[Visit], Outcome]]] = {
    ("index_view", "GET"): (lambda screen: screen.readers, lists_rows),
    ("filter_view", "GET"): (
        lambda screen: screen.readers if FILTERS[find_endpoint(screen)] else NOBODY,
        asks_for_filter,
    ),
    ("details_view", "GET"): (lambda screen: screen.readers, shows_record),
    ("edit_view", "GET"): (lambda screen: screen.editors, opens_form),
    ("edit_view", "POST"): (lambda screen: screen.editors, saves_record),
    ("create_view", "GET"): (lambda screen: screen.creators, opens_new_form),
    ("create_view", "POST"): (lambda screen: screen.creators, adds_record),
    ("action_view", "POST"): (lambda screen: first_operation_roles(screen), chooses_operation),
    ("available_view", "GET"): (lambda screen: screen.readers, tells_what_can_be_done),
    ("export", "GET"): (lambda screen: screen.readers, exports_list),
    ("export", "POST"): (lambda screen: screen.readers, exports_immediately),
    ("ajax_lookup", "GET"): (
        lambda screen: screen.editors | screen.creators if screen.lookup_url else NOBODY,
        looks_up_rows,
    ),
    ("ajax_update", "POST"): (lambda screen: NOBODY, updates_by_flask_admin),
    ("delete_view", "POST"): (lambda screen: NOBODY, deletes_by_flask_admin),
}


def find_endpoint(screen: Screen) -> str:
    return next(endpoint for endpoint, each in SCREENS.items() if each is screen)


def first_operation_roles(screen: Screen) -> frozenset[str]:
    return next(iter(screen.operations.values())).roles if screen.operations else NOBODY


def list_visits(organisations: TwoOrganisations, endpoint: str) -> list[Visit]:
    """Everybody at one screen."""
    user_ids = {role.value: organisations.own.users[role] for role in Role} | {
        "platform": organisations.platform_user,
        "stranger": None,
    }
    helper = Browser(organisations.app, organisations.platform_user)
    if endpoint in ("contracts", "orders"):  # look-ups there offer who may enter a contract, of whom there is none
        make_live_customer(organisations, name="Olive Ltd")
        db.session.commit()
    factories = {"exports": make.ListExportFactory, "operation-runs": make.OperationRunFactory}
    if endpoint in factories:
        for person in ("manager", "agent", "platform"):
            factories[endpoint](organisation_id=organisations.own.id, user_id=user_ids[person])
        db.session.commit()
    return [
        Visit(organisations, endpoint, SCREENS[endpoint], Browser(organisations.app, user_ids[person]), person, helper)
        for person in PEOPLE
    ]


def check_outcome(visit: Visit, allowed: frozenset[str], outcome: Outcome, route: str) -> None:
    answer, happened = outcome
    where = f"{visit.person} at {visit.endpoint}.{route}: {answer.status_code} {answer.location or ''}"
    assert happened == (visit.person in allowed), where
    if visit.person in allowed:
        assert answer.status_code < 400, where
        return
    assert visit.writes == [], where
    assert visit.marker() not in answer.text or visit.person in visit.screen.readers, where
    if visit.person == "stranger":
        assert answer.status_code in (302, 303), where
        assert answer.location.startswith("/sign-in"), where
    else:
        assert answer.status_code in (403, 404), where


@pytest.mark.parametrize("endpoint", SCREENS)
@pytest.mark.slow
def test_a_screen_does_for_each_role_what_it_may_and_nothing_else(organisations: TwoOrganisations, endpoint: str):
    for visit in list_visits(organisations, endpoint):
        for (view, method), (allowed, call) in COMMON_VIEWS.items():
            check_outcome(visit, allowed(visit.screen), call(visit), f"{view} {method}")


@pytest.mark.parametrize("endpoint", [endpoint for endpoint, screen in SCREENS.items() if screen.operations])
def test_an_operation_is_run_by_those_who_may(organisations: TwoOrganisations, endpoint: str):
    for visit in list_visits(organisations, endpoint):
        for name, act in visit.screen.operations.items():
            row = act.row(organisations)
            model, key = type(row), row.id
            path = f"/operation/{name}/?id={key}" + "".join(f"&id={more}" for more in act.further_rows(organisations))
            answer = visit.get(path)
            check_outcome(visit, act.roles, (answer, 'class="operation"' in answer.text), f"{name} GET")
            assert visit.writes == []
            assert not act.is_done(db.session.get(model, key)), "opening the page did it"
            answer = visit.post(path, act.form_values(organisations))
            check_outcome(visit, act.roles, (answer, act.is_done(db.session.get(model, key))), f"{name} POST")


def test_every_screen_and_operation_is_in_the_table(organisations: TwoOrganisations):
    with organisations.app.test_request_context():
        views = {endpoint: (view, model) for view, model, endpoint in HUB_SCREENS}
    assert views.keys() == SCREENS.keys()
    for endpoint, (view, model) in views.items():
        assert model is SCREENS[endpoint].model
        assert {operation.name for operation in view.operations} == SCREENS[endpoint].operations.keys(), endpoint

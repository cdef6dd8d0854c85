"""What each person keeps for a list: the columns, and named views."""

import re
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import select

import models
from models.base import db
from models.enums import Role
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.two_organisations import TwoOrganisations


def list_headings(browser: Browser, endpoint: str = "customers") -> list[str]:
    found = re.findall(r'<th scope="col"[^>]*>(.*?)</th>', browser.get(f"/admin/{endpoint}/").text)
    return [re.sub("<[^>]+>", "", heading).strip() for heading in found]


def list_views(organisations: TwoOrganisations, role: Role = Role.ADMIN) -> list[tuple[str, str]]:
    own_views = (
        select(models.SavedView)
        .where(models.SavedView.user_id == organisations.own.users[role])
        .order_by(models.SavedView.id)
    )
    return [(view.name, view.query) for view in db.session.scalars(own_views) if not view.name.startswith("View ")]


def test_columns_are_chosen_in_an_order_and_kept(organisations: TwoOrganisations, admin: Browser, agent: Browser):
    usual = list_headings(admin)
    answer = admin.post("/admin/list/customers/columns", {"column": ["email", "name", "group"]})
    assert answer.status_code == 303
    assert list_headings(admin) == ["Email", "Name", "Group"]
    assert list_headings(agent) == usual
    assert list_headings(admin, "groups") == ["Name", "Parent", "Note"]
    admin.post("/admin/list/customers/columns", {"reset": "1"})
    assert list_headings(admin) == usual


@pytest.mark.parametrize("junk", [["nobody"], ["password_hash", "id"], ["<script>"], ["\x00"], ["x" * 5000], [""], []])
def test_columns_that_there_are_not_are_left_out(organisations: TwoOrganisations, admin: Browser, junk: list[str]):
    usual = list_headings(admin)
    assert admin.post("/admin/list/customers/columns", {"column": junk}).status_code == 303
    assert list_headings(admin) == usual
    assert admin.post("/admin/list/customers/columns", {"column": [*junk, "email", "email", *junk]}).status_code == 303
    assert list_headings(admin) == ["Email"]


def test_choosing_columns_keeps_the_filters(organisations: TwoOrganisations, admin: Browser):
    query = "f=risk%3Ais%3AHigh&sort=name&search=x"
    answer = admin.post("/admin/list/customers/columns", {"column": "name", "query": f"{query}&evil=1"})
    assert answer.location == f"/admin/customers/?{query}"


def test_a_column_that_is_gone_since_is_forgotten(organisations: TwoOrganisations, admin: Browser):
    list_preference = models.ListPreference(
        user_id=organisations.own.users[Role.ADMIN], screen="customers", columns=["gone", "email"]
    )
    db.session.add(list_preference)
    db.session.commit()
    assert list_headings(admin) == ["Email"]


def test_a_view_is_saved_shown_and_deleted(organisations: TwoOrganisations, admin: Browser, agent: Browser):
    view_values = {"name": " High  risk ", "f": "risk:is:High", "sort": "name", "desc": "1", "search": "x"}
    assert admin.post("/admin/list/customers/views", view_values).status_code == 303
    assert list_views(organisations) == [("High  risk", "f=risk%3Ais%3AHigh&search=x&sort=name&desc=1")]
    page = admin.get("/admin/customers/").text
    (url,) = re.findall(r'href="([^"]+)"[^>]*>High  risk</a>', page)
    assert "High  risk" not in agent.get("/admin/customers/").text
    view_page = admin.get(unescape(url)).text
    assert 'aria-current="page">High  risk</a>' in view_page
    (deletion,) = re.findall(r'action="(/admin/list/views/\d+/delete)"', view_page)
    assert admin.post(deletion).status_code == 303
    assert list_views(organisations) == []


def test_a_view_keeps_only_what_a_list_can_be_asked(organisations: TwoOrganisations, admin: Browser):
    queries = [
        ("name", "Mine"),
        ("f", "nobody:is:1"),
        ("f", "risk:is:High"),
        ("sort", "password_hash"),
        ("page", "7"),
        ("f", "email:has:\x00"),
        ("evil", "1"),
        ("page_size", "7"),
    ]
    assert admin.post("/admin/list/customers/views", queries).status_code == 303
    assert list_views(organisations) == [("Mine", "f=risk%3Ais%3AHigh")]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "Enter a name for the view"),
        ("   ", "Enter a name for the view"),
        ("\u200b", "Enter a name for the view"),
        ("x" * 61, "at most 60"),
        ("a\x00b", "cannot be shown"),
        ("a\x1bb", "cannot be shown"),
    ],
)
def test_a_name_that_cannot_be_is_refused(organisations: TwoOrganisations, admin: Browser, name: str, message: str):
    answer = admin.post("/admin/list/customers/views", {"name": name, "f": "risk:is:High"})
    assert answer.status_code == 303
    assert message in admin.get("/admin/customers/").text
    assert list_views(organisations) == []


def test_a_view_of_nothing_is_refused(organisations: TwoOrganisations, admin: Browser):
    admin.post("/admin/list/customers/views", {"name": "All"})
    assert "Filter or sort the list first" in admin.get("/admin/customers/").text
    assert list_views(organisations) == []


def test_a_name_is_there_once_for_each_list_and_person(organisations: TwoOrganisations, admin: Browser, agent: Browser):
    for _ in range(2):
        admin.post("/admin/list/customers/views", {"name": "Mine", "f": "risk:is:High"})
    assert "You already have a view with this name" in admin.get("/admin/customers/").text
    admin.post("/admin/list/users/views", {"name": "Mine", "f": "role:is:agent"})
    agent.post("/admin/list/customers/views", {"name": "Mine", "f": "risk:is:Low"})
    assert len(list_views(organisations)) == 2
    assert len(list_views(organisations, Role.AGENT)) == 1


def test_there_is_an_end_to_views(organisations: TwoOrganisations, admin: Browser):
    for _ in range(20):
        make.SavedViewFactory(user_id=organisations.own.users[Role.ADMIN])
    db.session.commit()
    admin.post("/admin/list/customers/views", {"name": "One more", "f": "risk:is:High"})
    assert "There can be up to 20 views" in admin.get("/admin/customers/").text
    assert list_views(organisations) == []


def test_nobody_deletes_the_view_of_somebody_else(organisations: TwoOrganisations, admin: Browser, agent: Browser):
    foreign_view = make.SavedViewFactory(user_id=organisations.foreign.users[Role.ADMIN])
    own_view = make.SavedViewFactory(user_id=organisations.own.users[Role.ADMIN])
    db.session.commit()
    for browser, view in ((admin, foreign_view), (agent, own_view), (agent, foreign_view)):
        assert browser.post(f"/admin/list/views/{view.id}/delete").status_code == 404
    assert db.session.get(models.SavedView, foreign_view.id) is not None
    assert db.session.get(models.SavedView, own_view.id) is not None


@pytest.mark.parametrize("screen", ["nobody", "sign_in", "flask_admin_index", "customers.index_view", "%00", "x" * 500])
def test_a_list_that_there_is_not(organisations: TwoOrganisations, admin: Browser, screen: str):
    for action in ("columns", "views"):
        answer = admin.post(f"/admin/list/{screen}/{action}", {"name": "Mine", "f": "a:b:c", "column": "name"})
        assert answer.status_code in (400, 404)


def test_a_list_that_one_may_not_open(organisations: TwoOrganisations, agent: Browser):
    assert agent.post("/admin/list/users/views", {"name": "Mine", "f": "role:is:agent"}).status_code == 404
    assert agent.post("/admin/list/users/columns", {"column": "email"}).status_code == 404
    assert list_views(organisations, Role.AGENT) == []


def test_preferences_go_with_their_user(organisations: TwoOrganisations, admin: Browser):
    person = make.UserFactory(organisation_id=organisations.own.id).id
    browser = Browser(organisations.app, person)
    browser.post("/admin/list/customers/columns", {"column": "name"})
    browser.post("/admin/list/customers/views", {"name": "Mine", "f": "risk:is:High"})
    assert admin.post(f"/admin/users/operation/delete/?id={person}").status_code == 303
    assert db.session.get(models.User, person) is None
    assert db.session.scalars(select(models.SavedView).where(models.SavedView.user_id == person)).all() == []


# --- Addresses that are too long ---------------------------------------------------------------------------

LONG_QUERY = [("f", f"email:has:{number}{'ü' * 190}") for number in range(20)]


def test_what_is_too_long_for_an_address_leads_to_the_whole_list(organisations: TwoOrganisations, admin: Browser):
    """A web server answers such an address with a bare error of its own, so nobody is led to one."""
    for url, data in (
        ("/admin/list/customers/views", [("name", "Long"), *LONG_QUERY]),
        ("/admin/list/customers/columns", [("column", "name"), ("query", urlencode(LONG_QUERY))]),
    ):
        answer = admin.post(url, data)
        assert (answer.status_code, answer.location) == (303, "/admin/customers/")
    assert "Too many filters for one view" in admin.get("/admin/customers/").text
    assert list_views(organisations) == []


@pytest.mark.parametrize("url", ["/admin/customers/", "/admin/groups/"])
def test_a_long_address_leads_to_the_whole_list_and_says_so(organisations: TwoOrganisations, admin: Browser, url: str):
    answer = admin.get(f"{url}?{urlencode(LONG_QUERY[:6])}")
    assert (answer.status_code, answer.location) == (303, url)
    assert "Too many filters for one address" in admin.get(url).text
    assert admin.get(f"{url}?{urlencode(LONG_QUERY[:4])}").status_code == 200


# --- Shared views --------------------------------------------------------------------------------------------


def share_view(organisations: TwoOrganisations, query: str = "f=risk%3Ais%3AHigh", **values: Any) -> models.SavedView:
    owner_id = organisations.own.users[Role.MANAGER]
    view = make.SavedViewFactory(
        user_id=owner_id, name="Ours", query=query, shared_with_id=organisations.own.id, **values
    )
    db.session.commit()
    return view


def test_a_shared_view_is_a_tab_for_all_who_may_open_the_list(
    organisations: TwoOrganisations, manager: Browser, agent: Browser
):
    saved = manager.post("/admin/list/customers/views", {"name": "Ours", "f": "risk:is:High", "shared": "1"})
    assert saved.status_code == 303
    page = agent.get("/admin/customers/?f=risk%3Ais%3AHigh").text
    assert 'aria-current="page" title="Shared by' in page
    assert "/change" not in page
    assert "Share with the organisation" not in page
    foreign_admin = Browser(organisations.app, organisations.foreign.users[Role.ADMIN])
    assert "Shared by" not in foreign_admin.get("/admin/customers/").text


def test_what_a_list_no_longer_has_is_left_out_of_a_shared_view(organisations: TwoOrganisations, agent: Browser):
    share_view(organisations, "f=gone%3Ais%3A1&f=risk%3Ais%3AHigh&sort=gone")
    page = agent.get("/admin/customers/?f=risk%3Ais%3AHigh").text
    assert 'href="/admin/customers/?f=risk%3Ais%3AHigh" aria-current="page" title="Shared by' in page
    assert "valid value" not in page


def test_a_view_is_renamed_shared_and_updated_by_its_owner(organisations: TwoOrganisations, manager: Browser):
    view = share_view(organisations)
    page = manager.get("/admin/customers/?f=risk%3Ais%3AHigh").text
    assert f'action="/admin/list/views/{view.id}/change"' in page
    manager.post(f"/admin/list/views/{view.id}/change", {"name": "Mine"})
    db.session.refresh(view)
    assert (view.name, view.shared_with_id) == ("Mine", None)
    manager.post("/admin/list/customers/views", {"view_id": str(view.id), "f": "risk:is:Low"})
    db.session.refresh(view)
    assert view.query == "f=risk%3Ais%3ALow"


def test_others_cannot_change_a_shared_view(organisations: TwoOrganisations, admin: Browser, agent: Browser):
    view = share_view(organisations)
    foreign = Browser(organisations.app, organisations.foreign.users[Role.ADMIN])
    for browser in (agent, admin, foreign):
        browser.post(f"/admin/list/views/{view.id}/change", {"name": "Taken"})
        browser.post("/admin/list/customers/views", {"view_id": str(view.id), "f": "risk:is:Low"})
        browser.post(f"/admin/list/views/{view.id}/delete")
    for browser in (agent, foreign):
        browser.post(f"/admin/list/views/{view.id}/stop-sharing")
    db.session.refresh(view)
    assert (view.name, view.query, view.shared_with_id) == ("Ours", "f=risk%3Ais%3AHigh", organisations.own.id)
    assert "Only the owner of a view can change it" in agent.get("/admin/customers/").text
    admin.post(f"/admin/list/views/{view.id}/stop-sharing")
    db.session.refresh(view)
    assert view.shared_with_id is None


def test_a_shared_view_of_a_list_that_one_may_not_open(organisations: TwoOrganisations, agent: Browser):
    view = share_view(organisations, "f=role%3Ais%3Aagent", screen="users")
    assert agent.post(f"/admin/list/views/{view.id}/stop-sharing").status_code == 404


# --- Filters that are always shown ---------------------------------------------------------------------------


def list_chips(browser: Browser, query: str = "") -> list[str]:
    page = browser.get(f"/admin/customers/{query}").text
    return re.findall(r'<summary title="(?:Filter by|Change this filter)[^"]*">([^<]*)<', page)


def test_chosen_filters_stand_above_the_list_until_used(
    organisations: TwoOrganisations, admin: Browser, agent: Browser
):
    answer = admin.post(
        "/admin/list/customers/filters", {"filter": ["start_date", "risk", "gone"], "query": "f=risk%3Ais%3AHigh"}
    )
    assert answer.location == "/admin/customers/?f=risk%3Ais%3AHigh"
    assert list_chips(admin) == ["Start", "Risk"]
    assert list_chips(admin, "?f=stage:is:New&f=risk:is:High") == ["Start", "Risk is High", "Stage is New"]
    assert list_chips(agent) == []
    assert "Clear all" not in admin.get("/admin/customers/").text
    admin.post("/admin/list/customers/filters", {"reset": "1"})
    assert list_chips(admin) == []


def test_an_unused_filter_opens_its_form_with_the_others_kept(organisations: TwoOrganisations, admin: Browser):
    admin.post("/admin/list/customers/filters", {"filter": "risk"})
    page = admin.get("/admin/customers/?f=stage%3Ais%3ANew").text
    (url,) = re.findall(r'data-source="([^"]*name=risk)"', page)
    form_page = admin.get(unescape(url)).text
    assert '<input type="hidden" name="f" value="stage:is:New">' in form_page
    assert '<input type="hidden" name="filter" value="risk">' in form_page

"""Views that their owners share with the organisation."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import models
from customerhub.core import history
from customerhub.core.errors import Conflict, HubError, Invalid, NotAllowed, NotFound
from customerhub.core.permissions import Actor
from customerhub.users import saved_views
from models.base import db
from models.enums import Role
from tests.support import factories as make


@pytest.fixture
def actors(session: Session) -> Iterator[dict[str, Actor]]:
    """Of one organisation by role, and the administrator of another."""
    organisation = make.OrganisationFactory()
    people = {
        role.value: make.UserFactory(organisation=organisation, role=role)
        for role in (Role.ADMIN, Role.MANAGER, Role.AGENT)
    }
    people["foreign"] = make.UserFactory(organisation=make.OrganisationFactory(), role=Role.ADMIN)
    session.flush()
    found = {name: Actor.from_user(person) for name, person in people.items()}
    with history.act_as(found["manager"], "list"):
        yield found


def list_history(organisation_id: int | None) -> list[tuple[str, str, dict[str, Any]]]:
    query = select(models.History).where(
        models.History.table_name == "saved_view", models.History.organisation_id == organisation_id
    )
    found = db.session.scalars(query.order_by(models.History.id))
    return [(entry.title, entry.action, entry.changes) for entry in found]


def save(actor: Actor, name: str = "High risk", is_shared: bool = True, **values: Any) -> models.SavedView:
    return saved_views.save_view(
        "customers", **{"name": name, "query": "f=risk%3Ais%3AHigh", "is_shared": is_shared, "actor": actor} | values
    )


def test_a_shared_view_is_everybodys_of_the_organisation(actors):
    view = save(actors["manager"])
    for name in ("admin", "manager", "agent"):
        assert saved_views.get_view(view.id, actor=actors[name]) is view
    with pytest.raises(NotFound):
        saved_views.get_view(view.id, actor=actors["foreign"])
    own_view = save(actors["agent"], "Mine", is_shared=False)
    with pytest.raises(NotFound):
        saved_views.get_view(own_view.id, actor=actors["admin"])


def test_agents_do_not_share(actors):
    with pytest.raises(NotAllowed):
        save(actors["agent"])
    view = save(actors["agent"], is_shared=False)
    with pytest.raises(NotAllowed):
        saved_views.change_view(view, name="High risk", is_shared=True, actor=actors["agent"])
    assert view.shared_with_id is None


def test_who_may_no_longer_share_may_still_rename_and_stop(actors):
    view = save(actors["manager"])
    with history.act_as(actors["admin"], "test"):
        actors["manager"].user.role = Role.AGENT
        db.session.flush()
    saved_views.change_view(view, name="Risky", is_shared=True, actor=actors["manager"])
    assert (view.name, view.shared_with_id) == ("Risky", actors["manager"].organisation_id)
    saved_views.change_view(view, name="Risky", is_shared=False, actor=actors["manager"])
    assert view.shared_with_id is None


@pytest.mark.parametrize("other", ["admin", "agent"])
def test_only_the_owner_changes_a_view(actors, other: str):
    view = save(actors["manager"])
    changes = [
        lambda actor: saved_views.change_view(view, name="Taken", is_shared=False, actor=actor),
        lambda actor: saved_views.change_query(view, "sort=name", actor=actor),
        lambda actor: saved_views.delete_view(view, actor=actor),
    ]
    for change in changes:
        with pytest.raises(NotAllowed):
            change(actors[other])
    assert (view.name, view.query) == ("High risk", "f=risk%3Ais%3AHigh")


def test_an_administrator_stops_what_an_owner_left_shared(actors):
    view = save(actors["manager"])
    with pytest.raises(NotAllowed):
        saved_views.stop_sharing(view, actor=actors["agent"])
    saved_views.stop_sharing(view, actor=actors["admin"])
    assert view.shared_with_id is None


def test_names_of_shared_views_are_unique_whatever_their_case(session: Session, actors):
    save(actors["manager"], "High Risk")
    save(actors["admin"], "high risk", is_shared=False)
    save(actors["foreign"], "High risk")
    session.commit()
    with pytest.raises(Conflict, match="A shared view with this name already exists"):
        save(actors["admin"], "HIGH  risk")
    session.rollback()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": " "}, "Enter a name"),
        ({"name": "x" * 61}, "at most 60"),
        ({"query": ""}, "Filter or sort"),
        ({"query": "x" * 2001}, "Too many filters"),
    ],
)
def test_a_view_has_a_name_and_shows_something(actors, values: dict[str, str], message: str):
    with pytest.raises(Invalid, match=message):
        save(actors["admin"], **values)


def test_there_is_an_end_to_shared_views(actors):
    for number in range(saved_views.MAX_VIEWS):
        save(actors["admin" if number % 2 else "manager"], f"View {number}")
    with pytest.raises(Invalid, match="up to 20 views"):
        save(actors["manager"], "One more")
    view = save(actors["manager"], "One more", is_shared=False)
    with pytest.raises(HubError, match="up to 20 views"):
        saved_views.change_view(view, name="One more", is_shared=True, actor=actors["manager"])


def test_what_others_see_of_a_view_is_in_the_history(actors):
    manager = actors["manager"]
    view = save(manager, is_shared=False)
    saved_views.change_query(view, "sort=name", actor=manager)
    assert list_history(manager.organisation_id) == []
    saved_views.change_view(view, name="Risky", is_shared=True, actor=manager)
    saved_views.change_view(view, name="Risky", is_shared=True, actor=manager)  # nothing changes
    saved_views.change_view(view, name="Very risky", is_shared=True, actor=manager)
    saved_views.change_query(view, "f=risk%3Ais%3AHigh&search=a+b", actor=manager)
    saved_views.stop_sharing(view, actor=actors["admin"])
    saved_views.stop_sharing(view, actor=actors["admin"])
    saved_views.change_view(view, name="Mine", is_shared=False, actor=manager)
    before, after = "sort=name", "f=risk:is:High&search=a b"
    assert list_history(manager.organisation_id) == [
        ("Risky", "shared", {"name": [None, "Risky"], "screen": [None, "Customers"], "query": [None, before]}),
        ("Very risky", "changed", {"name": ["Risky", "Very risky"]}),
        ("Very risky", "changed", {"query": [before, after]}),
        (
            "Very risky",
            "no longer shared",
            {"name": ["Very risky", None], "screen": ["Customers", None], "query": [after, None]},
        ),
    ]
    assert list_history(actors["foreign"].organisation_id) == []


def test_a_shared_view_that_is_added_and_deleted_is_in_the_history(actors):
    key = save(actors["manager"]).id
    saved_views.delete_view(db.session.get_one(models.SavedView, key), actor=actors["manager"])
    assert db.session.get(models.SavedView, key) is None
    found = list_history(actors["manager"].organisation_id)
    assert [(title, action) for title, action, _ in found] == [
        ("High risk", "shared"),
        ("High risk", "no longer shared"),
    ]


def test_a_view_that_is_refused_leaves_no_history(session: Session, actors):
    save(actors["manager"], "High Risk")
    session.commit()
    with pytest.raises(Conflict):
        save(actors["admin"], "HIGH  risk")
    session.rollback()
    assert len(list_history(actors["manager"].organisation_id)) == 1

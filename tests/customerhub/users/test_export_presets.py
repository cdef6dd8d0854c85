"""The columns that people keep for exports under names."""

from typing import Any

import pytest
from flask import Flask

from customerhub.core.errors import Invalid, NotAllowed
from customerhub.core.permissions import Actor
from customerhub.users.export_presets import MAX_PRESETS, delete_preset, save_preset
from models import ListPreference, User
from models.base import db
from models.enums import Role
from tests.support.races import start_concurrently
from tests.support.two_organisations import TwoOrganisations


@pytest.fixture
def agent(organisations: TwoOrganisations) -> Actor:
    return Actor.from_user(db.session.get_one(User, organisations.own.users[Role.AGENT]))


def save(actor: Actor, name: str, *columns: str) -> str:
    return save_preset("customers", name=name, columns=columns or ("name",), actor=actor)


def list_presets(actor: Actor, screen: str = "customers") -> Any:
    assert actor.id is not None
    preference = db.session.get(ListPreference, (actor.id, screen), populate_existing=True)
    return [(each["name"], each["columns"]) for each in (preference and preference.export_presets) or []]


def test_presets_are_kept_replaced_and_forgotten(organisations: TwoOrganisations, agent: Actor) -> None:
    db.session.add(ListPreference(user_id=agent.id, screen="customers", columns=["email"]))
    db.session.commit()
    assert save(agent, "  Numbers\u200b ", "reference", "account_number").startswith("Numbers")
    save(agent, "عملاء برلين", "name")
    save(agent, "NUMBERS", "risk")
    save_preset("contracts", name="Numbers", columns=["number"], actor=agent)
    assert list_presets(agent) == [("عملاء برلين", ["name"]), ("NUMBERS", ["risk"])]
    delete_preset("customers", "numbers", actor=agent)
    delete_preset("customers", "never there", actor=agent)
    assert list_presets(agent) == [("عملاء برلين", ["name"])]
    assert list_presets(agent, "contracts") == [("Numbers", ["number"])]
    assert db.session.get_one(ListPreference, (agent.id, "customers")).columns == ["email"]


@pytest.mark.parametrize(
    ("name", "columns", "message"),
    [
        ("", ["name"], "Enter a name"),
        (" \u200b ", ["name"], "Enter a name"),
        ("x" * 61, ["name"], "at most 60"),
        ("a\x00b", ["name"], "cannot be shown"),
        ("None", [], "at least one column"),
    ],
)
def test_what_cannot_be_a_preset(agent: Actor, name: str, columns: list[str], message: str) -> None:
    with pytest.raises(Invalid, match=message):
        save_preset("customers", name=name, columns=columns, actor=agent)
    db.session.rollback()
    assert list_presets(agent) == []


def test_there_is_an_end_to_presets(agent: Actor) -> None:
    for number in range(MAX_PRESETS):
        save(agent, f"Preset {number}")
    with pytest.raises(Invalid, match="up to 20 presets"):
        save(agent, "One more")
    save(agent, "Preset 3", "risk")
    assert ("Preset 3", ["risk"]) in list_presets(agent)


def test_the_system_keeps_none(organisations: TwoOrganisations) -> None:
    with pytest.raises(NotAllowed):
        save(Actor(None, organisations.own.id), "Numbers")


def test_two_windows_keep_both(organisations: TwoOrganisations, agent: Actor) -> None:
    app: Flask = organisations.app
    db.session.commit()
    save(agent, "First")
    finish = start_concurrently(app, organisations.own.users[Role.AGENT], lambda actor: save(actor, "Second"))
    db.session.commit()
    assert finish() == "Second"
    db.session.expire_all()
    assert [name for name, _ in list_presets(agent)] == ["First", "Second"]

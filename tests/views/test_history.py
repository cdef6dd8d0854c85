"""The history as each role reads it: nothing of tables whose screens they may not open."""

import pytest
from sqlalchemy import func, select

import models
from customerhub import history
from customerhub.permissions import Actor
from models.base import db
from models.enums import Role
from tests.browsing import Browser
from tests.world import World

HOME = "/admin/history/"
SECRET = "Wanda Whoever"


@pytest.fixture
def entry(world: World) -> int:
    """What history tells of the account of somebody at our first customer."""
    with history.acting(Actor(None, world.ours.id), "test"):
        person = models.User(
            organisation_id=world.ours.id, email="wanda@x.example", name=SECRET, role=Role.CUSTOMER,
            customer_id=world.ours.customers[0],
        )  # fmt: skip
        db.session.add(person)
        db.session.commit()
    return db.session.scalars(select(func.max(models.History.id)).where(models.History.title == SECRET)).one()


def pages(world: World, entry: int) -> list[str]:
    record = f"/admin/customers/details/?id={world.ours.customers[0]}&tab=history"
    return [HOME, f"{HOME}?search=Wanda", f"{HOME}?f=table:is:hub_user", f"{HOME}details/?id={entry}",
            f"{HOME}export/csv/", record]  # fmt: skip


def test_accounts_are_for_those_who_see_accounts(world: World, agent: Browser, entry: int):
    for url in pages(world, entry):
        answer = agent.get(url)
        assert answer.status_code == (404 if "details/?id" in url and "history/details" in url else 200), url
        told = answer.text.replace('value="Wanda"', "")
        assert SECRET not in told, url
        assert "wanda@x.example" not in told, url
    assert "0 changes" in agent.get(f"{HOME}?f=table:is:hub_user").text


@pytest.mark.parametrize("role", [Role.MANAGER, Role.ADMIN])
def test_those_who_do_read_all_of_it(world: World, role: Role, entry: int):
    browser = Browser(world.app, world.ours.users[role])
    for url in pages(world, entry):
        assert SECRET in browser.get(url).text, url

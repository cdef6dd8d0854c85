"""SmartSearch on every page: one customer, straight to it; several or none, the list."""

from urllib.parse import quote

import pytest

import models
from customerhub import history
from customerhub.permissions import Actor
from models.base import db
from models.enums import Role
from tests import factories as make
from tests.browsing import Browser
from tests.world import World


def found(browser: Browser, typed: str) -> str:
    answer = browser.get(f"/admin/search/?q={quote(typed)}")
    assert answer.status_code == 302
    return str(answer.location)


@pytest.mark.parametrize("typed", ["REF-1", "ref-1", " REF-1 ", "customer ref-1", "telecom REF-1 our"])
def test_one_customer_is_opened(world: World, agent: Browser, typed: str):
    assert found(agent, typed) == f"/admin/customers/details/?id={world.ours.customers[1]}"


def test_each_organisation_finds_its_own(world: World, agent: Browser):
    """Both have a customer with this reference."""
    theirs = Browser(world.app, world.theirs.users[Role.AGENT])
    assert found(agent, "REF-0") == f"/admin/customers/details/?id={world.ours.customers[0]}"
    assert found(theirs, "REF-0") == f"/admin/customers/details/?id={world.theirs.customers[0]}"
    assert found(agent, "Their Telecom customer 0") == "/admin/customers/?search=Their+Telecom+customer+0"


def test_numbers_and_addresses_lead_to_the_customer(world: World, agent: Browser):
    customer = db.session.get_one(models.Customer, world.ours.customers[2])
    with history.acting(Actor(None, world.ours.id), "test"):
        customer.contact_number, customer.email = "+49 30 4711", "einkauf@zwerge.example"
        db.session.add(models.Account(organisation_id=world.ours.id, customer_id=customer.id, number="SECOND-2"))
        db.session.commit()
    for typed in (customer.account_number, "SECOND-2", "4711", "einkauf@zwerge.example"):
        assert found(agent, typed) == f"/admin/customers/details/?id={customer.id}", typed


@pytest.mark.parametrize(
    ("typed", "target"),
    [
        ("our telecom", "/admin/customers/?search=our+telecom"),
        ("nobody", "/admin/customers/?search=nobody"),
        ("", "/admin/customers/"),
        ("   ", "/admin/customers/"),
        ("%", "/admin/customers/?search=%25"),
        ('"', "/admin/customers/?search=%22"),
        ("<script>", "/admin/customers/?search=%3Cscript%3E"),
        ("x" * 500, "/admin/customers/?search=" + "x" * 100),
    ],
)
def test_several_or_none_lead_to_the_list(world: World, agent: Browser, typed: str, target: str):
    assert found(agent, typed) == target
    assert agent.get(target).status_code == 200


def test_suggestions_are_few_and_know_their_way(world: World, agent: Browser):
    known = db.session.get_one(models.Customer, world.ours.customers[0])
    for number in range(12):
        make.CustomerFactory(
            organisation=db.session.get_one(models.Organisation, world.ours.id), name=f"Zwerg {number:02d}",
            region_id=known.region_id, status_id=known.status_id, departments=[], contacts=[],
        )  # fmt: skip
    db.session.commit()
    answer = agent.get("/admin/search/suggest?q=zwe").json
    assert [row["label"] for row in answer] == [f"Zwerg {number:02d}" for number in range(8)]
    assert agent.get(answer[0]["url"]).status_code == 200
    for typed in ("", "  ", "nobody", "%25", '"', "'", "x" * 500, "%F0%9F%9A%80"):
        assert agent.get(f"/admin/search/suggest?q={typed}").json == []

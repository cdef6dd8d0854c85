"""SmartSearch on every page: one customer, straight to it; several or none, the list."""

from urllib.parse import quote

import pytest

import models
from customerhub.core import history
from customerhub.core.permissions import Actor
from models.base import db
from models.enums import Role
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.two_organisations import TwoOrganisations


def search_target(browser: Browser, search_text: str) -> str:
    answer = browser.get(f"/admin/search/?q={quote(search_text)}")
    assert answer.status_code == 302
    return str(answer.location)


@pytest.mark.parametrize("search_text", ["REF-1", "ref-1", " REF-1 ", "customer ref-1", "telecom REF-1 our"])
def test_one_customer_is_opened(organisations: TwoOrganisations, agent: Browser, search_text: str):
    assert search_target(agent, search_text) == f"/admin/customers/details/?id={organisations.own.customers[1]}"


def test_each_organisation_finds_its_own(organisations: TwoOrganisations, agent: Browser):
    """Both have a customer with this reference."""
    foreign_browser = Browser(organisations.app, organisations.foreign.users[Role.AGENT])
    assert search_target(agent, "REF-0") == f"/admin/customers/details/?id={organisations.own.customers[0]}"
    assert (
        search_target(foreign_browser, "REF-0") == f"/admin/customers/details/?id={organisations.foreign.customers[0]}"
    )
    assert search_target(agent, "Their Telecom customer 0") == "/admin/customers/?search=Their+Telecom+customer+0"


def test_numbers_and_addresses_lead_to_the_customer(organisations: TwoOrganisations, agent: Browser):
    customer = db.session.get_one(models.Customer, organisations.own.customers[2])
    with history.act_as(Actor(None, organisations.own.id), "test"):
        customer.contact_number, customer.email = "+49 30 4711", "einkauf@zwerge.example"
        db.session.add(models.Account(organisation_id=organisations.own.id, customer_id=customer.id, number="SECOND-2"))
        db.session.commit()
    for search_text in (customer.account_number, "SECOND-2", "4711", "einkauf@zwerge.example"):
        assert search_target(agent, search_text) == f"/admin/customers/details/?id={customer.id}", search_text


@pytest.mark.parametrize(
    ("search_text", "target"),
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
def test_several_or_none_lead_to_the_list(
    organisations: TwoOrganisations, agent: Browser, search_text: str, target: str
):
    assert search_target(agent, search_text) == target
    assert agent.get(target).status_code == 200


def test_suggestions_are_few_and_know_their_way(organisations: TwoOrganisations, agent: Browser):
    customer = db.session.get_one(models.Customer, organisations.own.customers[0])
    for number in range(12):
        make.CustomerFactory(
            organisation=db.session.get_one(models.Organisation, organisations.own.id),
            name=f"Zwerg {number:02d}",
            region_id=customer.region_id,
            status_id=customer.status_id,
            departments=[],
            contacts=[],
        )
    db.session.commit()
    answer = agent.get("/admin/search/suggest?q=zwe").json
    assert [row["label"] for row in answer] == [f"Zwerg {number:02d}" for number in range(8)]
    assert agent.get(answer[0]["url"]).status_code == 200
    for search_text in ("", "  ", "nobody", "%25", '"', "'", "x" * 500, "%F0%9F%9A%80"):
        assert agent.get(f"/admin/search/suggest?q={search_text}").json == []

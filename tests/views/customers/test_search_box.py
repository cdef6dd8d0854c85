"""SmartSearch on every page: one record, straight to it; several of one kind, their list; of several kinds, all."""

import re
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import select

import models
from customerhub.core import history
from customerhub.core.permissions import Actor
from models.base import db
from models.enums import Role
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.two_organisations import TwoOrganisations, change_row


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


# --- What belongs to customers --------------------------------------------------------------------------------


@pytest.fixture
def ring(organisations: TwoOrganisations) -> TwoOrganisations:
    """A contract and an order of customer 0 with the word fibre, and a contact person of customer 2."""
    contract, order = (find_owned(organisations, model, 0) for model in (models.Contract, models.CustomerOrder))
    change_row(organisations, contract, number="WAN-7", name="Fibre ring <b>")
    change_row(organisations, order, number="PO-88", description="Fibre to the office")
    change_row(
        organisations, find_owned(organisations, models.Contact, 2), name="Søren Ångström", email="so@ring.example"
    )
    return organisations


def find_owned(organisations: TwoOrganisations, model: Any, number: int) -> Any:
    return db.session.scalars(select(model).where(model.customer_id == organisations.own.customers[number])).first()


def test_one_record_of_a_customer_is_opened(ring: TwoOrganisations, agent: Browser):
    contract, order = find_owned(ring, models.Contract, 0), find_owned(ring, models.CustomerOrder, 0)
    assert search_target(agent, "wan-7") == f"/admin/contracts/details/?id={contract.id}"
    assert search_target(agent, "fibre office") == f"/admin/orders/details/?id={order.id}"
    assert search_target(agent, "angstrom") == f"/admin/customers/details/?id={ring.own.customers[2]}"


def test_what_belongs_to_the_one_customer_that_is_found_leads_to_it(ring: TwoOrganisations, agent: Browser):
    customer = db.session.get_one(models.Customer, ring.own.customers[0])
    change_row(ring, customer, name="Fibre Works", email="info@fibre.example")
    assert search_target(agent, "fibre") == f"/admin/customers/details/?id={customer.id}"


def test_records_of_one_kind_are_their_list(ring: TwoOrganisations, agent: Browser):
    other_contract = find_owned(ring, models.Contract, 2)
    change_row(ring, other_contract, name="Second ring road", number="WAN-78")
    target = search_target(agent, "wan- ring")
    assert target == "/admin/contracts/?search=wan-+ring"
    page = agent.get(target).text
    assert "Second ring road" in page
    assert "Fibre ring" in page
    assert "2 contracts" in page


def test_records_of_several_kinds_are_shown_in_groups(ring: TwoOrganisations, agent: Browser):
    answer = agent.get("/admin/search/?q=fibre")
    assert answer.status_code == 200
    assert re.findall(r"<h2>([^<]*)</h2>", answer.text) == ["Contracts", "Orders"]
    for text in ("Fibre ring &lt;b&gt;", "WAN-7", "Fibre to the office", 'href="/admin/contracts/?search=fibre"'):
        assert text in answer.text
    foreign_browser = Browser(ring.app, ring.foreign.users[Role.AGENT])
    assert foreign_browser.get("/admin/search/?q=fibre").location == "/admin/customers/?search=fibre"


def test_suggestions_say_what_matched(ring: TwoOrganisations, agent: Browser):
    customer = db.session.get_one(models.Customer, ring.own.customers[1])
    change_row(ring, customer, vat_number="DE 123 456")
    contract = find_owned(ring, models.Contract, 0)
    owner = db.session.get_one(models.Customer, ring.own.customers[2])

    def suggest(search_text: str) -> list[tuple[str, str, str]]:
        answer = agent.get(f"/admin/search/suggest?q={search_text}").json
        return [(row["group"], row["label"], row["sub"]) for row in answer]

    found_by = f"{customer.reference} · {customer.account_number} · VAT no. DE 123 456"
    assert suggest("de123456") == [("Customers", customer.name, found_by)]
    name = db.session.get_one(models.Customer, ring.own.customers[0]).name
    assert suggest("wan-7") == [("Contracts", contract.name, f"WAN-7 · {name}")]
    assert suggest("so@ring") == [("Contact persons", "Søren Ångström", f"so@ring.example · {owner.name}")]


def test_only_staff_search(ring: TwoOrganisations):
    for role in (Role.PARTNER, Role.CUSTOMER):
        browser = Browser(ring.app, ring.own.users[role])
        for path in ("/admin/search/?q=fibre", "/admin/search/suggest?q=fibre"):
            assert browser.get(path).status_code == 403


def test_contact_persons_of_customers_that_are_found_are_no_kind_of_their_own(ring: TwoOrganisations, agent: Browser):
    for number in (1, 2):
        change_row(ring, db.session.get_one(models.Customer, ring.own.customers[number]), name=f"Ring.example {number}")
    assert search_target(agent, "ring.example") == "/admin/customers/?search=ring.example"

"""Entering contracts on their screens, and who may not."""

import re
from datetime import date

import pytest

import models
from customerhub.core import clock
from models.base import db
from models.enums import ContractStatus, Stage
from tests.support import factories as make
from tests.support.browser_client import Browser, parse_form
from tests.support.contract_pages import TERMS, add_profile, list_options, make_live_customer, newest_row, page_text
from tests.support.row_changes import changes_since, last_change_id
from tests.support.screen_rows import make_bare_customer
from tests.support.two_organisations import TwoOrganisations, own_organisation

CONTRACT, ORDER = "/admin/contracts/", "/admin/orders/"


# --- A new one ---------------------------------------------------------------------------------------------


def test_the_customer_is_chosen_first(organisations: TwoOrganisations, agent: Browser):
    for home, model in ((CONTRACT, models.Contract), (ORDER, models.CustomerOrder)):
        customer = make_live_customer(organisations)
        form = agent.read_form(f"{home}new/")
        assert "customer_id" in form
        assert not {"name", "description", "invoice_profile_id", "contract_id", "connections"} & form.keys()
        before = db.session.query(model).count()
        for wrong in ("", "abc", str(10**9), str(organisations.foreign.customers[0]), str(2**70)):
            answer = agent.post(f"{home}new/", form | {"customer_id": wrong})
            assert answer.status_code == 422, wrong
            assert "hoose" in page_text(answer.text).split("New ")[1]
        answer = agent.post(f"{home}new/", form | {"customer_id": str(customer.id)})
        assert (answer.status_code, answer.location) == (303, f"{home}new/?customer_id={customer.id}")
        page = agent.get(answer.location).text
        assert f"{customer.name}, account no. {customer.account_number}" in page_text(page)
        assert "customer_id" not in parse_form(page), "it is the customer's for good"
        assert db.session.query(model).count() == before


@pytest.mark.parametrize("home", [CONTRACT, ORDER])
def test_a_customer_of_others_or_none_is_not_there(organisations: TwoOrganisations, agent: Browser, home: str):
    for wrong in (str(organisations.foreign.customers[0]), str(10**9), "abc", "-1", "1 ", "１", str(2**70)):
        url = f"{home}new/?customer_id={wrong}"
        assert agent.get(url).status_code == agent.post(url, {"name": "A", "description": "A"}).status_code == 404, (
            wrong
        )


def test_a_contract_is_made_with_what_is_the_customers(organisations: TwoOrganisations, agent: Browser):
    customer, other = make_live_customer(organisations), make_live_customer(organisations)
    own_profiles = (
        add_profile(organisations, customer, name="Mine"),
        add_profile(organisations, customer, name="Also mine"),
    )
    add_profile(organisations, other, name="Not mine")
    url = f"{CONTRACT}new/?customer_id={customer.id}"
    page = agent.get(url).text
    assert {int(key) for key in list_options(page, "invoice_profile_id")} == {each.id for each in own_profiles}
    assert "Mine (NDA Pending)" in page
    assert "Not mine" not in page
    answer = agent.submit(url, **TERMS, invoice_profile_id=str(own_profiles[0].id))
    contract = newest_row(models.Contract)
    assert (answer.status_code, answer.location) == (303, f"{CONTRACT}details/?id={contract.id}")
    assert (contract.customer_id, contract.status, contract.number) == (customer.id, ContractStatus.DRAFT, "C100001")
    page = agent.get(answer.location).text
    assert f"{contract} was added" in page_text(page)
    for words in ("Draft", "High risk", "1,500.50 EUR", "Nordkabel", customer.name, contract.account.number, "Mine"):
        assert words in page_text(page), words
    assert "Bill style" not in page
    assert "Days, or day" not in page


def test_the_form_knows_what_is_usual(organisations: TwoOrganisations, agent: Browser):
    entity = make.BusinessEntityFactory(organisation=own_organisation(organisations))
    form = agent.read_form(
        f"{CONTRACT}new/?customer_id={make_live_customer(organisations, business_entity_id=entity.id).id}"
    )
    assert form["business_entity_id"] == [str(entity.id)]
    assert form["start_date"] == [f"{clock.get_today('UTC'):%-d %b %Y}"]


def test_the_alerts_of_the_customer_are_shown_where_a_contract_is_made(organisations: TwoOrganisations, agent: Browser):
    customer, other = make_live_customer(organisations), make_live_customer(organisations)
    for whose, text in ((customer, "Ring first"), (customer, "Never on Mondays"), (other, "Somebody else's")):
        make.AlertFactory(organisation=own_organisation(organisations), customer_id=whose.id, text=text)
    make.AlertFactory(
        organisation=own_organisation(organisations), customer_id=customer.id, text="Past", valid_until=date(2020, 1, 1)
    )
    contract = make.ContractFactory(organisation=own_organisation(organisations), customer_id=customer.id)
    for url in (
        f"{CONTRACT}new/?customer_id={customer.id}",
        f"{CONTRACT}edit/?id={contract.id}",
        f"{ORDER}new/?customer_id={customer.id}",
    ):
        page = page_text(agent.get(url).text)
        assert "Ring first" in page, url
        assert "Never on Mondays" in page, url
        assert "Somebody else" not in page
        assert "Past" not in page


def test_what_is_typed_stays_where_it_is_refused(organisations: TwoOrganisations, agent: Browser):
    customer = make_live_customer(organisations)
    profile = add_profile(organisations, customer)
    url = f"{CONTRACT}new/?customer_id={customer.id}"
    mark = last_change_id()
    answer = agent.submit(url, **TERMS, invoice_profile_id=str(profile.id), end_date="2025-01-30")
    assert answer.status_code == 422
    assert re.search(r'id="end_date-error">A contract cannot end before it starts<', answer.text)
    assert f"{customer.name}, account no." in page_text(answer.text)
    again = parse_form(answer.text)
    assert {name: again[name] for name in TERMS} == {name: [value] for name, value in TERMS.items()}
    assert again["invoice_profile_id"] == [str(profile.id)]
    assert changes_since(mark) == []
    assert agent.post(url, again | {"end_date": "2025-01-31"}).status_code == 303


def test_all_errors_are_shown_at_once(organisations: TwoOrganisations, agent: Browser):
    customer = make_live_customer(organisations)
    answer = agent.submit(
        f"{CONTRACT}new/?customer_id={customer.id}",
        name="",
        start_date="x",
        connections="-1",
        value="12,5",
        number="x" * 41,
    )
    assert answer.status_code == 422
    for field in ("name", "start_date", "connections", "value", "number", "invoice_profile_id"):
        assert f'id="{field}-error"' in answer.text, field


def test_a_profile_of_somebody_else_is_refused(organisations: TwoOrganisations, agent: Browser):
    customer, other = make_live_customer(organisations), make_live_customer(organisations)
    add_profile(organisations, customer)
    foreign = add_profile(organisations, other)
    mark = last_change_id()
    for wrong in (foreign.id, organisations.foreign.rows["invoice_profile"], 10**9, "abc"):
        url = f"{CONTRACT}new/?customer_id={customer.id}"
        answer = agent.submit(url, **TERMS, invoice_profile_id=str(wrong))
        assert answer.status_code == 422
        assert 'id="invoice_profile_id-error"' in answer.text
    assert changes_since(mark) == []


def make_blacklisted_customer(organisations: TwoOrganisations) -> models.Customer:
    customer = make_live_customer(organisations)
    make.BlacklistEntryFactory(
        organisation=own_organisation(organisations), customer_id=customer.id, reason="Fraud in 2019"
    )
    return customer


REFUSED_CUSTOMERS = {
    "not live": (
        lambda organisations: make_bare_customer(organisations, stage=Stage.PASSED),
        "is in Passed Credit Ref",
    ),
    "blacklisted": (make_blacklisted_customer, "Fraud in 2019"),
    "incomplete": (
        lambda organisations: make.CustomerFactory(
            organisation=own_organisation(organisations), stage=Stage.BILLING, departments=[]
        ),
        "are missing: departments",
    ),
}


# --- Who may not -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("why", REFUSED_CUSTOMERS)
def test_an_ineligible_customer_is_shown_before_and_refused_after(
    organisations: TwoOrganisations, agent: Browser, why: str
):
    make_one, message = REFUSED_CUSTOMERS[why]
    customer = make_one(organisations)
    profile, key = add_profile(organisations, customer), customer.id
    for home in (CONTRACT, ORDER):
        url = f"{home}new/?customer_id={key}"
        assert message in page_text(agent.get(url).text)
        mark = last_change_id()
        entered = TERMS | {"invoice_profile_id": str(profile.id), "description": "Lines", "ordered_on": "2025-01-31"}
        answer = agent.submit(url, **entered)
        assert answer.status_code == 422
        assert page_text(answer.text).count(message) == 2, "above the form, and as what stands in the way"
        assert 'value="12"' in answer.text
        assert changes_since(mark) == []
    page = page_text(agent.get(f"/admin/customers/details/?id={key}&tab=contracts").text)
    assert "No contracts yet" in page
    assert message in page
    assert "Add contract" not in page


def test_a_customer_without_a_profile_is_led_to_its_form(organisations: TwoOrganisations, agent: Browser):
    customer = make_live_customer(organisations)
    page = agent.get(f"{CONTRACT}new/?customer_id={customer.id}").text
    assert "has no invoice profile yet" in page
    assert f'href="/admin/customers/edit/?id={customer.id}#profiles"' in page

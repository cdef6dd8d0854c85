"""Quick search: a form whose result is the list of customers, and which is filled in again from it."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from models import Contract
from models.base import db
from tests.support.browser_client import Browser
from tests.support.two_organisations import TwoOrganisations, change_row, get_customer
from views.customers import quick_search
from views.customers.columns import FILTERS

FORM, FIND, LIST = "/admin/quick-search/", "/admin/quick-search/find", "/admin/customers/"


def find(browser: Browser, **controls: str | list[str]) -> str:
    answer = browser.get(FIND, query_string=controls)
    assert answer.status_code == 302
    return str(answer.location)


def list_conditions(url: str) -> list[str]:
    return parse_qs(urlsplit(url).query).get("f", [])


def test_the_form_asks_for_what_the_source_names():
    names = {item.name for item in quick_search.SEARCHED}
    assert names >= {"account_manager", "status", "billing_cycle", "payment_method", "region", "dealer"}
    assert names >= {"account_number", "any_account_number", "contract_number", "registration_number", "vat_number"}
    assert names <= {item.name for item in FILTERS}


def test_what_is_entered_is_the_address_of_the_list(organisations: TwoOrganisations, agent: Browser):
    url = find(
        agent,
        **{
            "search": "telecom",
            "risk~is": ["Low", "High"],
            "status~is": "",
            "vat_number~has": " DE:1, x ",
            "start_date~from": "2020-01-31",
            "page_size": "50",
        },
    )
    assert url.startswith(f"{LIST}?")
    assert list_conditions(url) == ["risk:is:Low,High", "vat_number:has:DE:1, x", "start_date:from:2020-01-31"]
    query = parse_qs(urlsplit(url).query)
    assert (query["search"], query["page_size"]) == (["telecom"], ["50"])


@pytest.mark.parametrize(
    "controls",
    [
        {},
        {"status~is": ""},
        {"nonsense~is": "1"},
        {"status~nonsense": "1"},
        {"status": "1"},
        {"~": "1"},
        {"f": "nonsense"},
    ],
)
def test_what_says_nothing_is_the_whole_list(organisations: TwoOrganisations, agent: Browser, controls: dict[str, str]):
    assert find(agent, **controls) == LIST


def test_modify_search_leads_back_to_the_filled_form(organisations: TwoOrganisations, agent: Browser):
    customer = get_customer(organisations)
    url = find(agent, **{"search": customer.name, "status~is": str(customer.status_id), "vat_number~has": "DE"})
    page = agent.get(f"{url}&f=email:filled:").text
    [modify] = re.findall(r'href="([^"]*)">Modify search<', page)
    assert f'href="{FORM}">New search<' in page
    form = agent.get(modify.replace("&amp;", "&")).text
    assert f'name="search" value="{customer.name}"' in form
    assert re.search(rf'name="status~is" value="{customer.status_id}" checked', form)
    assert re.search(r'name="vat_number~has"[^>]*value="DE"', form)
    assert re.search(r'name="f" value="email:filled:" checked><span>Email is not empty', form), "what it cannot ask"
    assert "Modify search" not in agent.get(LIST).text


def test_customers_are_found_by_what_belongs_to_them(organisations: TwoOrganisations, agent: Browser):
    customer = get_customer(organisations)
    contract = db.session.get_one(Contract, organisations.own.row_id(Contract))
    change_row(organisations, customer.contacts[0], name="Zoë Quick")
    names = {}
    for control, value in (
        ("contract_number~has", contract.number),
        ("any_account_number~has", customer.account_number),
        ("contact_person~has", "zoe quick"),
    ):
        page = agent.get(find(agent, **{control: value})).text
        names[control] = re.findall(r'data-label="Name"[^>]*>.*?<bdi>([^<]*)</bdi>', page)
    assert set(map(tuple, names.values())) == {(customer.name,)}

"""Changing contracts and orders on their screens, and where else they are shown."""

import re
from datetime import date
from decimal import Decimal
from html import unescape
from typing import Any

import pytest

import models
from customerhub.core import clock, history
from customerhub.core.permissions import Actor
from models.base import db
from models.enums import ContractStatus, OrderStatus, ProfileStatus, Risk, Role
from tests.support import factories as make
from tests.support.browser_client import Browser, parse_form
from tests.support.contract_pages import TERMS, add_profile, list_options, make_live_customer, newest_row, page_text
from tests.support.row_changes import changes_since, database_contents, last_change_id
from tests.support.screen_rows import make_contract, make_order
from tests.support.two_organisations import TwoOrganisations, change_row, own_organisation

CONTRACT, ORDER = "/admin/contracts/", "/admin/orders/"


# --- Changing ----------------------------------------------------------------------------------------------


def test_a_contract_stays_with_its_customer(organisations: TwoOrganisations, agent: Browser):
    contract, other = make_contract(ContractStatus.LIVE)(organisations), make_live_customer(organisations)
    foreign = add_profile(organisations, other)
    was = contract.customer_id
    url = f"{CONTRACT}edit/?id={contract.id}"
    agent.submit(url, customer_id=str(other.id), name="Renamed")
    answer = agent.submit(url, customer_id=str(other.id), invoice_profile_id=str(foreign.id))
    assert answer.status_code == 422
    saved_contract = db.session.get_one(models.Contract, contract.id)
    assert (
        saved_contract.customer_id,
        saved_contract.account.customer_id,
        saved_contract.invoice_profile.customer_id,
    ) == (was, was, was)


@pytest.mark.parametrize(
    ("home", "row", "message"),
    [
        (CONTRACT, make_contract(ContractStatus.ENDED), "The contract has ended and cannot be changed"),
        (ORDER, make_order(OrderStatus.CANCELLED), "The order is cancelled and cannot be changed"),
    ],
)
def test_what_is_over_is_not_edited(organisations: TwoOrganisations, agent: Browser, home: str, row: Any, message: str):
    ended_row = row(organisations)
    page = agent.get(f"{home}details/?id={ended_row.id}").text
    assert "/edit/" not in page.split("<main")[1]
    assert "operation/" not in page.split("<main")[1]
    url = f"{home}edit/?id={ended_row.id}"
    assert message in page_text(agent.get(url).text)
    mark = last_change_id()
    answer = agent.submit(url, connections="99")
    assert answer.status_code == 422
    assert message in page_text(answer.text)
    assert changes_since(mark) == []


def test_two_people_at_one_contract(organisations: TwoOrganisations, agent: Browser):
    contract = make_contract(ContractStatus.LIVE)(organisations)
    url = f"{CONTRACT}edit/?id={contract.id}"
    manager = Browser(organisations.app, organisations.own.users[Role.MANAGER])
    form = manager.read_form(url)
    other = add_profile(
        organisations,
        contract.customer,
        name="Other",
        status=ProfileStatus.COMPLETED,
        nda_file_id=make.StoredFileFactory(organisation=own_organisation(organisations)).id,
    )
    assert agent.submit(url, supplier="Nordkabel", invoice_profile_id=str(other.id)).status_code == 303
    answer = manager.post(url, form | {"connections": "77"})
    assert answer.status_code == 409
    assert "Nordkabel" in answer.text
    assert "Other (Profile Completed)" in answer.text
    assert manager.post(url, parse_form(answer.text)).status_code == 303
    saved_contract = db.session.get_one(models.Contract, contract.id)
    assert (saved_contract.supplier, saved_contract.connections, saved_contract.invoice_profile_id) == (
        "Nordkabel",
        77,
        other.id,
    )


def test_a_move_needs_its_day_and_keeps_why(organisations: TwoOrganisations, agent: Browser):
    contract = make_contract(ContractStatus.LIVE)(organisations)
    url = f"{CONTRACT}operation/end/?id={contract.id}"
    for day, message in (("", "Enter the end date"), ("2025-01-30", "before it starts")):
        answer = agent.submit(url, end_date=day)
        assert answer.status_code == 422
        assert message in re.search(r'id="end_date-error">([^<]*)<', answer.text)[1]
    assert agent.submit(url, end_date="2025-06-30", reason="Moved to Rome").status_code == 303
    saved_contract = db.session.get_one(models.Contract, contract.id)
    assert (saved_contract.status, saved_contract.end_date) == (ContractStatus.ENDED, date(2025, 6, 30))
    for page in (
        f"{CONTRACT}details/?id={saved_contract.id}&tab=history",
        f"/admin/customers/details/?id={saved_contract.customer_id}&tab=history",
    ):
        text = page_text(agent.get(page).text)
        assert "Moved to Rome" in text, page
        assert f"changed contract {saved_contract}" in text


def test_the_end_that_was_agreed_stays_unless_another_is_entered(organisations: TwoOrganisations, agent: Browser):
    open_ended, first, second, other = (make_contract(ContractStatus.LIVE)(organisations) for _ in range(4))
    for contract, day in ((open_ended, None), (first, 5), (second, 5), (other, 6)):
        change_row(organisations, contract, end_date=day and date(2031, 1, day))
    today = f"{clock.get_today(own_organisation(organisations).timezone):%-d %b %Y}"
    for contracts, begins_with in (
        ([open_ended], today),
        ([first], "5 Jan 2031"),
        ([first, second], "5 Jan 2031"),
        ([first, other], ""),
        ([first, open_ended], ""),
    ):
        url = f"{CONTRACT}operation/end/?" + "&".join(f"id={contract.id}" for contract in contracts)
        assert agent.read_form(url)["end_date"] == [begins_with]
    mark = last_change_id()
    assert agent.submit(url).status_code == 422
    assert changes_since(mark) == []


def test_many_are_moved_at_once_with_a_result_for_each(organisations: TwoOrganisations, agent: Browser):
    rows = [
        make_contract(status)(organisations)
        for status in (ContractStatus.LIVE, ContractStatus.PASSIVE, ContractStatus.DRAFT)
    ]
    ids = "&".join(f"id={row.id}" for row in rows)
    page = page_text(agent.get(f"{CONTRACT}operation/passive/?{ids}").text)
    assert "Already Passive" in page
    assert "It can change to Passive only from Live" in page
    agent.post(f"{CONTRACT}operation/passive/?{ids}")
    statuses = [db.session.get_one(models.Contract, row.id).status for row in rows]
    assert statuses == [ContractStatus.PASSIVE, ContractStatus.PASSIVE, ContractStatus.DRAFT]


def test_completing_the_profile_on_the_customers_form_takes_the_contract_live(
    organisations: TwoOrganisations, agent: Browser
):
    customer = make_live_customer(organisations)
    contract = make.ContractFactory(organisation=own_organisation(organisations), customer_id=customer.id)
    file = make.StoredFileFactory(organisation=own_organisation(organisations))
    with history.act_as(Actor(None, organisations.own.id), "test"):
        contract.invoice_profile.nda_file_id = file.id
        db.session.commit()
    assert agent.submit(f"/admin/customers/edit/?id={customer.id}").status_code == 303
    assert db.session.get_one(models.Contract, contract.id).status is ContractStatus.LIVE
    page = page_text(agent.get(f"{CONTRACT}details/?id={contract.id}&tab=history").text)
    assert f"Invoice profile completed: {contract.invoice_profile.name}" in page


def test_a_form_that_is_sent_twice_makes_one(organisations: TwoOrganisations, agent: Browser):
    customer = make_live_customer(organisations)
    url = f"{CONTRACT}new/?customer_id={customer.id}"
    form = agent.read_form(url) | TERMS | {"invoice_profile_id": str(add_profile(organisations, customer).id)}
    answers = [agent.post(url, form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].location == answers[1].location
    assert db.session.query(models.Contract).filter_by(customer_id=customer.id).count() == 1


def test_another_one_of_the_same_customer(organisations: TwoOrganisations, agent: Browser):
    customer = make_live_customer(organisations)
    entered = TERMS | {"invoice_profile_id": str(add_profile(organisations, customer).id), "_add_another": "1"}
    answer = agent.submit(f"{CONTRACT}new/?customer_id={customer.id}", **entered)
    assert (answer.status_code, answer.location) == (303, f"{CONTRACT}new/?customer_id={customer.id}")


# --- Orders ------------------------------------------------------------------------------------------------


def test_an_order_is_placed_on_a_contract_that_goes_on(organisations: TwoOrganisations, agent: Browser):
    contract = make_contract(ContractStatus.LIVE)(organisations)
    customer = contract.customer
    over = make.ContractFactory(
        organisation=own_organisation(organisations), customer_id=customer.id, status=ContractStatus.ENDED
    )
    link = re.search(r'href="([^"]*orders/new/[^"]*)"', agent.get(f"{CONTRACT}details/?id={contract.id}").text)
    assert link is not None
    url = unescape(link[1])
    page = agent.get(url).text
    assert list_options(page, "contract_id") == [str(contract.id)]
    assert parse_form(page)["contract_id"] == [str(contract.id)]
    answer = agent.submit(
        url, description="Ten lines", connections="10", wanted_on="2020-01-31", ordered_on="2020-01-01"
    )
    order = newest_row(models.CustomerOrder)
    assert (answer.status_code, order.contract_id, order.number) == (303, contract.id, "O100001")
    page = page_text(agent.get(f"{CONTRACT}details/?id={contract.id}").text)
    assert "Placed: 1 with 10 connections." in page
    assert "Late" in page
    for wrong in (over.id, organisations.own.rows["contract"], organisations.foreign.rows["contract"], 10**9):
        answer = agent.submit(f"{ORDER}edit/?id={order.id}", contract_id=str(wrong))
        assert answer.status_code == 422, wrong
    assert "Add order" not in page_text(agent.get(f"{CONTRACT}details/?id={over.id}").text)


def test_a_contract_of_somebody_else_is_not_taken_from_the_address(organisations: TwoOrganisations, agent: Browser):
    customer = make_live_customer(organisations)
    for other in (organisations.own.rows["contract"], organisations.foreign.rows["contract"], "abc", str(2**70)):
        form = agent.read_form(f"{ORDER}new/?customer_id={customer.id}&contract_id={other}")
        assert form["contract_id"] == [""], other


# --- The customer's page and the lists ---------------------------------------------------------------------


def test_the_customers_page_shows_contracts_orders_and_connections(organisations: TwoOrganisations, agent: Browser):
    customer = make_live_customer(organisations)
    owned = {"organisation": own_organisation(organisations), "customer_id": customer.id}
    first = make.ContractFactory(**owned, status=ContractStatus.LIVE, connections=30, business_risk=Risk.MEDIUM)
    make.ContractFactory(**owned, status=ContractStatus.LIVE, connections=12)
    make.ContractFactory(**owned, status=ContractStatus.DRAFT, connections=1)
    make.CustomerOrderFactory(**owned, contract_id=first.id, connections=5)
    page = agent.get(f"/admin/customers/details/?id={customer.id}&tab=contracts").text
    text = page_text(page)
    assert "Draft: 1 with 1 connection. Live: 2 with 42 connections." in text
    assert "Placed: 1 with 5 connections." in text
    assert f"customer_id={customer.id}" in page
    assert text.index("Add contract") < text.index("Add order")
    overview = page_text(agent.get(f"/admin/customers/details/?id={customer.id}").text)
    assert "Contracts View all Draft 1 with 1 connection Live 2 with 42 connections On order 5 connections" in overview
    assert f"{first.account.number} 0.00 {first}" in overview
    assert f"{customer.account_number} 0.00 Main account" in overview


def test_the_form_of_a_customer_shows_its_contracts_once_there_is_one(organisations: TwoOrganisations, agent: Browser):
    customer = make_live_customer(organisations)
    owned = {"organisation": own_organisation(organisations), "customer_id": customer.id}
    contract = make.ContractFactory(**owned, name="Harbour racks")
    url = f"/admin/customers/edit/?id={customer.id}"
    tab = agent.get(url).text.split('id="contracts"')[1].split('id="profiles"')[0]
    assert "Harbour racks" in tab
    assert f'href="/admin/contracts/details/?id={contract.id}"' in tab
    assert f'href="/admin/contracts/new/?customer_id={customer.id}"' in tab
    assert not re.search("<(input|select|textarea)", tab)
    assert agent.submit(url, website="www.harbour.example").status_code == 303
    assert contract.name == "Harbour racks"
    assert 'id="contracts"' not in agent.get("/admin/customers/new/").text


def test_of_many_accounts_the_summary_names_those_that_matter(organisations: TwoOrganisations, agent: Browser):
    customer = make_live_customer(organisations)
    owned = {"organisation": own_organisation(organisations), "customer_id": customer.id}
    contracts = [make.ContractFactory(**owned) for _ in range(12)]
    debt, credit = contracts[3].account, contracts[1].account
    with history.act_as(Actor(None, organisations.own.id), "test"):
        debt.balance, credit.balance = Decimal("7.50"), Decimal("-90")
        db.session.commit()
    block = (
        agent.get(f"/admin/customers/details/?id={customer.id}").text.split("<h2>Accounts")[1].split("</section>")[0]
    )
    newest_first = [each.account for each in reversed(contracts) if each.account not in (debt, credit)]
    named = [customer.main_account, credit, debt, *newest_first[:7]]
    assert re.findall("<dt>(.*?)</dt>", block) == [each.number for each in named]
    assert "10 of 13 accounts." in block
    assert f"id={customer.id}&amp;tab=contracts" in block
    assert str(contracts[3]) in block


def test_a_search_finds_by_number_name_and_customer(organisations: TwoOrganisations, agent: Browser):
    customer = make_live_customer(organisations, name="Quokka Wharf")
    owned = {"organisation": own_organisation(organisations), "customer_id": customer.id}
    contract = make.ContractFactory(**owned, number="K-77120", name="Harbour racks")
    order = make.CustomerOrderFactory(**owned, number="O-77120", description="Harbour cables")
    for home, row, others in ((CONTRACT, contract, "K00"), (ORDER, order, "O00")):
        for search_text in ("77120", "harbour", "quokka wharf", customer.account_number, customer.email):
            page = agent.get(f"{home}?search={search_text}").text
            assert re.findall(r'data-href="[^"]*id=(\d+)"', page) == [str(row.id)], (home, search_text)
            assert others not in page_text(page)


def test_a_deleted_or_foreign_contract_is_not_moved(organisations: TwoOrganisations, agent: Browser):
    before = database_contents()
    mixed = f"id={organisations.own.rows['contract']}&id={organisations.foreign.rows['contract']}"
    for act in ("passive", "live", "end"):
        url = f"{CONTRACT}operation/{act}/?{mixed}"
        assert agent.get(url).status_code == agent.post(url, {"end_date": "2026-01-01"}).status_code == 404
    assert database_contents() == before

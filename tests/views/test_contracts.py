"""The screens of contracts and orders: the customer is chosen first, and what is offered and told is the customer's."""

import re
from datetime import date
from decimal import Decimal
from html import unescape
from typing import Any

import pytest

import models
from customerhub import history
from customerhub.permissions import Actor
from models.base import db
from models.enums import ContractStatus, OrderStatus, ProfileStatus, Risk, Role, Stage
from tests import factories as make
from tests.browsing import Browser, form_of
from tests.views.screen_table import a_contract, an_order, bare_customer
from tests.views.watching import changes_since, contents, last_change
from tests.world import World

CONTRACT, ORDER = "/admin/contracts/", "/admin/orders/"
TERMS = {"name": "Lines", "start_date": "2025-01-31", "connections": "12", "value": "1,500.50", "business_risk": "Low",
         "contract_risk": "High", "supplier": "Nordkabel"}  # fmt: skip


def owner(world: World) -> models.Organisation:
    return db.session.get_one(models.Organisation, world.ours.id)


def live(world: World, **values: Any) -> models.Customer:
    return bare_customer(world, stage=Stage.BILLING, **values)


def profile_of(world: World, customer: models.Customer, **values: Any) -> models.InvoiceProfile:
    return make.InvoiceProfileFactory(organisation=owner(world), customer_id=customer.id, **values)


def newest(model: Any) -> Any:
    return db.session.query(model).order_by(model.id.desc()).first()


def offered(page: str, name: str) -> list[str]:
    """The values that a select box offers."""
    box = re.search(rf'<select[^>]*name="{name}"[^>]*>(.*?)</select>', page, re.DOTALL)
    assert box is not None, name
    return [value for value in re.findall(r'<option value="([^"]*)"', box[1]) if value]


def told(page: str) -> str:
    """The words of a page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.split("<main")[1])).split())


# --- A new one ---------------------------------------------------------------------------------------------


def test_the_customer_is_chosen_first(world: World, agent: Browser):
    for home, model in ((CONTRACT, models.Contract), (ORDER, models.CustomerOrder)):
        customer = live(world)
        form = agent.form(f"{home}new/")
        assert "customer_id" in form
        assert not {"name", "description", "invoice_profile_id", "contract_id", "connections"} & form.keys()
        before = db.session.query(model).count()
        for wrong in ("", "abc", str(10**9), str(world.theirs.customers[0]), str(2**70)):
            answer = agent.post(f"{home}new/", form | {"customer_id": wrong})
            assert answer.status_code == 422, wrong
            assert "hoose" in told(answer.text).split("New ")[1]
        answer = agent.post(f"{home}new/", form | {"customer_id": str(customer.id)})
        assert (answer.status_code, answer.location) == (303, f"{home}new/?customer_id={customer.id}")
        page = agent.get(answer.location).text
        assert f"{customer.name}, account no. {customer.account_number}" in told(page)
        assert "customer_id" not in form_of(page), "it is the customer's for good"
        assert db.session.query(model).count() == before


@pytest.mark.parametrize("home", [CONTRACT, ORDER])
def test_a_customer_of_others_or_none_is_not_there(world: World, agent: Browser, home: str):
    for wrong in (str(world.theirs.customers[0]), str(10**9), "abc", "-1", "1 ", "１", str(2**70)):
        url = f"{home}new/?customer_id={wrong}"
        assert agent.get(url).status_code == agent.post(url, {"name": "A", "description": "A"}).status_code == 404, (
            wrong
        )


def test_a_contract_is_made_with_what_is_the_customers(world: World, agent: Browser):
    customer, other = live(world), live(world)
    mine = profile_of(world, customer, name="Mine"), profile_of(world, customer, name="Also mine")
    profile_of(world, other, name="Not mine")
    url = f"{CONTRACT}new/?customer_id={customer.id}"
    page = agent.get(url).text
    assert {int(key) for key in offered(page, "invoice_profile_id")} == {each.id for each in mine}
    assert "Mine (NDA Pending)" in page
    assert "Not mine" not in page
    answer = agent.submit(url, **TERMS, invoice_profile_id=str(mine[0].id))
    made = newest(models.Contract)
    assert (answer.status_code, answer.location) == (303, f"{CONTRACT}details/?id={made.id}")
    assert (made.customer_id, made.status, made.number) == (customer.id, ContractStatus.DRAFT, "C100001")
    page = agent.get(answer.location).text
    assert f"{made} was added" in told(page)
    for words in ("Draft", "High risk", "1,500.50 EUR", "Nordkabel", customer.name, made.account.number, "Mine"):
        assert words in told(page), words
    assert "Bill style" not in page
    assert "Days, or day" not in page


def test_the_form_knows_what_is_usual(world: World, agent: Browser):
    entity = make.BusinessEntityFactory(organisation=owner(world))
    form = agent.form(f"{CONTRACT}new/?customer_id={live(world, business_entity_id=entity.id).id}")
    assert form["business_entity_id"] == [str(entity.id)]
    assert form["start_date"] == [str(make.clock.today("UTC"))]


def test_the_alerts_of_the_customer_are_shown_where_a_contract_is_made(world: World, agent: Browser):
    customer, other = live(world), live(world)
    for whose, text in ((customer, "Ring first"), (customer, "Never on Mondays"), (other, "Somebody else's")):
        make.AlertFactory(organisation=owner(world), customer_id=whose.id, text=text)
    make.AlertFactory(organisation=owner(world), customer_id=customer.id, text="Past", valid_until=date(2020, 1, 1))
    contract = make.ContractFactory(organisation=owner(world), customer_id=customer.id)
    for url in (f"{CONTRACT}new/?customer_id={customer.id}", f"{CONTRACT}edit/?id={contract.id}",
                f"{ORDER}new/?customer_id={customer.id}"):  # fmt: skip
        page = told(agent.get(url).text)
        assert "Ring first" in page, url
        assert "Never on Mondays" in page, url
        assert "Somebody else" not in page
        assert "Past" not in page


def test_what_is_typed_stays_where_it_is_refused(world: World, agent: Browser):
    customer = live(world)
    profile = profile_of(world, customer)
    url = f"{CONTRACT}new/?customer_id={customer.id}"
    mark = last_change()
    answer = agent.submit(url, **TERMS, invoice_profile_id=str(profile.id), end_date="2025-01-30")
    assert answer.status_code == 422
    assert re.search(r'id="end_date-error">A contract cannot end before it starts<', answer.text)
    assert f"{customer.name}, account no." in told(answer.text)
    again = form_of(answer.text)
    assert {name: again[name] for name in TERMS} == {name: [value] for name, value in TERMS.items()}
    assert again["invoice_profile_id"] == [str(profile.id)]
    assert changes_since(mark) == []
    assert agent.post(url, again | {"end_date": "2025-01-31"}).status_code == 303


def test_all_that_is_wrong_is_told_at_once(world: World, agent: Browser):
    customer = live(world)
    answer = agent.submit(
        f"{CONTRACT}new/?customer_id={customer.id}", name="", start_date="x", connections="-1", value="12,5",
        number="x" * 41,
    )  # fmt: skip
    assert answer.status_code == 422
    for field in ("name", "start_date", "connections", "value", "number", "invoice_profile_id"):
        assert f'id="{field}-error"' in answer.text, field


def test_a_profile_of_somebody_else_is_refused(world: World, agent: Browser):
    customer, other = live(world), live(world)
    profile_of(world, customer)
    foreign = profile_of(world, other)
    mark = last_change()
    for wrong in (foreign.id, world.theirs.rows["invoice_profile"], 10**9, "abc"):
        url = f"{CONTRACT}new/?customer_id={customer.id}"
        answer = agent.submit(url, **TERMS, invoice_profile_id=str(wrong))
        assert answer.status_code == 422
        assert 'id="invoice_profile_id-error"' in answer.text
    assert changes_since(mark) == []


# --- Who may not -------------------------------------------------------------------------------------------


def blacklisted(world: World) -> models.Customer:
    customer = live(world)
    make.BlacklistEntryFactory(organisation=owner(world), customer_id=customer.id, reason="Fraud in 2019")
    return customer


REFUSED = {
    "not live": (lambda world: bare_customer(world, stage=Stage.PASSED), "is in Passed Credit Ref"),
    "blacklisted": (blacklisted, "Fraud in 2019"),
    "incomplete": (lambda world: make.CustomerFactory(organisation=owner(world), stage=Stage.BILLING, departments=[]),
                   "are missing: departments"),
}  # fmt: skip


@pytest.mark.parametrize("why", REFUSED)
def test_who_may_have_no_contract_is_told_before_and_refused_after(world: World, agent: Browser, why: str):
    make_one, said = REFUSED[why]
    customer = make_one(world)
    profile, key = profile_of(world, customer), customer.id
    for home in (CONTRACT, ORDER):
        url = f"{home}new/?customer_id={key}"
        assert said in told(agent.get(url).text)
        mark = last_change()
        entered = TERMS | {"invoice_profile_id": str(profile.id), "description": "Lines", "ordered_on": "2025-01-31"}
        answer = agent.submit(url, **entered)
        assert answer.status_code == 422
        assert told(answer.text).count(said) == 2, "above the form, and as what stands in the way"
        assert 'value="12"' in answer.text
        assert changes_since(mark) == []
    page = told(agent.get(f"/admin/customers/details/?id={key}&tab=contracts").text)
    assert "No contracts yet" in page
    assert said in page
    assert "Add contract" not in page


def test_a_customer_without_a_profile_is_led_to_its_form(world: World, agent: Browser):
    customer = live(world)
    page = agent.get(f"{CONTRACT}new/?customer_id={customer.id}").text
    assert "has no invoice profile yet" in page
    assert f'href="/admin/customers/edit/?id={customer.id}#profiles"' in page


# --- Changing ----------------------------------------------------------------------------------------------


def test_a_contract_stays_with_its_customer(world: World, agent: Browser):
    contract, other = a_contract(ContractStatus.LIVE)(world), live(world)
    foreign = profile_of(world, other)
    was = contract.customer_id
    url = f"{CONTRACT}edit/?id={contract.id}"
    agent.submit(url, customer_id=str(other.id), name="Renamed")
    answer = agent.submit(url, customer_id=str(other.id), invoice_profile_id=str(foreign.id))
    assert answer.status_code == 422
    kept = db.session.get_one(models.Contract, contract.id)
    assert (kept.customer_id, kept.account.customer_id, kept.invoice_profile.customer_id) == (was, was, was)


@pytest.mark.parametrize(
    ("home", "row", "said"),
    [
        (CONTRACT, a_contract(ContractStatus.ENDED), "It has ended and stays as it is"),
        (ORDER, an_order(OrderStatus.CANCELLED), "It is cancelled and stays as it is"),
    ],
)
def test_what_is_over_is_not_edited(world: World, agent: Browser, home: str, row: Any, said: str):
    made = row(world)
    page = agent.get(f"{home}details/?id={made.id}").text
    assert "/edit/" not in page.split("<main")[1]
    assert "operation/" not in page.split("<main")[1]
    url = f"{home}edit/?id={made.id}"
    assert said in told(agent.get(url).text)
    mark = last_change()
    answer = agent.submit(url, connections="99")
    assert answer.status_code == 422
    assert said in told(answer.text)
    assert changes_since(mark) == []


def test_two_people_at_one_contract(world: World, agent: Browser):
    contract = a_contract(ContractStatus.LIVE)(world)
    url = f"{CONTRACT}edit/?id={contract.id}"
    manager = Browser(world.app, world.ours.users[Role.MANAGER])
    form = manager.form(url)
    other = profile_of(
        world, contract.customer, name="Other", status=ProfileStatus.COMPLETED,
        nda_file_id=make.StoredFileFactory(organisation=owner(world)).id,
    )  # fmt: skip
    assert agent.submit(url, supplier="Nordkabel", invoice_profile_id=str(other.id)).status_code == 303
    answer = manager.post(url, form | {"connections": "77"})
    assert answer.status_code == 409
    assert "Nordkabel" in answer.text
    assert "Other (Profile Completed)" in answer.text
    assert manager.post(url, form_of(answer.text)).status_code == 303
    kept = db.session.get_one(models.Contract, contract.id)
    assert (kept.supplier, kept.connections, kept.invoice_profile_id) == ("Nordkabel", 77, other.id)


def test_a_move_needs_its_day_and_keeps_why(world: World, agent: Browser):
    contract = a_contract(ContractStatus.LIVE)(world)
    url = f"{CONTRACT}operation/end/?id={contract.id}"
    for day, said in (("", "which day"), ("2025-01-30", "before it starts")):
        answer = agent.submit(url, end_date=day)
        assert answer.status_code == 422
        assert said in re.search(r'id="end_date-error">([^<]*)<', answer.text)[1]
    assert agent.submit(url, end_date="2025-06-30", reason="Moved to Rome").status_code == 303
    kept = db.session.get_one(models.Contract, contract.id)
    assert (kept.status, kept.end_date) == (ContractStatus.ENDED, date(2025, 6, 30))
    for page in (f"{CONTRACT}details/?id={kept.id}&tab=history",
                 f"/admin/customers/details/?id={kept.customer_id}&tab=history"):  # fmt: skip
        text = told(agent.get(page).text)
        assert "Moved to Rome" in text, page
        assert f"changed contract {kept}" in text


def test_many_are_moved_at_once_and_each_is_told(world: World, agent: Browser):
    rows = [a_contract(status)(world) for status in (ContractStatus.LIVE, ContractStatus.PASSIVE, ContractStatus.DRAFT)]
    ids = "&".join(f"id={row.id}" for row in rows)
    page = told(agent.get(f"{CONTRACT}operation/passive/?{ids}").text)
    assert "It is Passive already" in page
    assert "only from Live it can become Passive" in page
    agent.post(f"{CONTRACT}operation/passive/?{ids}")
    statuses = [db.session.get_one(models.Contract, row.id).status for row in rows]
    assert statuses == [ContractStatus.PASSIVE, ContractStatus.PASSIVE, ContractStatus.DRAFT]


def test_completing_the_profile_on_the_customers_form_takes_the_contract_live(world: World, agent: Browser):
    customer = live(world)
    contract = make.ContractFactory(organisation=owner(world), customer_id=customer.id)
    file = make.StoredFileFactory(organisation=owner(world))
    with history.acting(Actor(None, world.ours.id), "test"):
        contract.invoice_profile.nda_file_id = file.id
        db.session.commit()
    assert agent.submit(f"/admin/customers/edit/?id={customer.id}").status_code == 303
    assert db.session.get_one(models.Contract, contract.id).status is ContractStatus.LIVE
    page = told(agent.get(f"{CONTRACT}details/?id={contract.id}&tab=history").text)
    assert f"Its invoice profile is completed: {contract.invoice_profile.name}" in page


def test_a_form_that_is_sent_twice_makes_one(world: World, agent: Browser):
    customer = live(world)
    url = f"{CONTRACT}new/?customer_id={customer.id}"
    form = agent.form(url) | TERMS | {"invoice_profile_id": str(profile_of(world, customer).id)}
    answers = [agent.post(url, form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].location == answers[1].location
    assert db.session.query(models.Contract).filter_by(customer_id=customer.id).count() == 1


def test_another_one_of_the_same_customer(world: World, agent: Browser):
    customer = live(world)
    entered = TERMS | {"invoice_profile_id": str(profile_of(world, customer).id), "_add_another": "1"}
    answer = agent.submit(f"{CONTRACT}new/?customer_id={customer.id}", **entered)
    assert (answer.status_code, answer.location) == (303, f"{CONTRACT}new/?customer_id={customer.id}")


# --- Orders ------------------------------------------------------------------------------------------------


def test_an_order_is_placed_on_a_contract_that_goes_on(world: World, agent: Browser):
    contract = a_contract(ContractStatus.LIVE)(world)
    customer = contract.customer
    over = make.ContractFactory(organisation=owner(world), customer_id=customer.id, status=ContractStatus.ENDED)
    link = re.search(r'href="([^"]*orders/new/[^"]*)"', agent.get(f"{CONTRACT}details/?id={contract.id}").text)
    assert link is not None
    url = unescape(link[1])
    page = agent.get(url).text
    assert offered(page, "contract_id") == [str(contract.id)]
    assert form_of(page)["contract_id"] == [str(contract.id)]
    answer = agent.submit(
        url, description="Ten lines", connections="10", wanted_on="2020-01-31", ordered_on="2020-01-01"
    )
    made = newest(models.CustomerOrder)
    assert (answer.status_code, made.contract_id, made.number) == (303, contract.id, "O100001")
    page = told(agent.get(f"{CONTRACT}details/?id={contract.id}").text)
    assert "Placed: 1 with 10 connections." in page
    assert "Late" in page
    for wrong in (over.id, world.ours.rows["contract"], world.theirs.rows["contract"], 10**9):
        answer = agent.submit(f"{ORDER}edit/?id={made.id}", contract_id=str(wrong))
        assert answer.status_code == 422, wrong
    assert "Add order" not in told(agent.get(f"{CONTRACT}details/?id={over.id}").text)


def test_a_contract_of_somebody_else_is_not_taken_from_the_address(world: World, agent: Browser):
    customer = live(world)
    for other in (world.ours.rows["contract"], world.theirs.rows["contract"], "abc", str(2**70)):
        form = agent.form(f"{ORDER}new/?customer_id={customer.id}&contract_id={other}")
        assert form["contract_id"] == [""], other


# --- The customer's page and the lists ---------------------------------------------------------------------


def test_the_customers_page_tells_contracts_orders_and_connections(world: World, agent: Browser):
    customer = live(world)
    owned = {"organisation": owner(world), "customer_id": customer.id}
    first = make.ContractFactory(**owned, status=ContractStatus.LIVE, connections=30, business_risk=Risk.MEDIUM)
    make.ContractFactory(**owned, status=ContractStatus.LIVE, connections=12)
    make.ContractFactory(**owned, status=ContractStatus.DRAFT, connections=1)
    make.CustomerOrderFactory(**owned, contract_id=first.id, connections=5)
    page = agent.get(f"/admin/customers/details/?id={customer.id}&tab=contracts").text
    text = told(page)
    assert "Draft: 1 with 1 connection. Live: 2 with 42 connections." in text
    assert "Placed: 1 with 5 connections." in text
    assert f"customer_id={customer.id}" in page
    assert text.index("Add contract") < text.index("Add order")
    overview = told(agent.get(f"/admin/customers/details/?id={customer.id}").text)
    assert "Contracts View all Draft 1 with 1 connection Live 2 with 42 connections On order 5 connections" in overview
    assert f"{first.account.number} 0.00 {first}" in overview
    assert f"{customer.account_number} 0.00 Main account" in overview


def test_the_form_of_a_customer_shows_its_contracts_once_there_is_one(world: World, agent: Browser):
    customer = live(world)
    owned = {"organisation": owner(world), "customer_id": customer.id}
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


def test_of_many_accounts_the_summary_names_those_that_matter(world: World, agent: Browser):
    customer = live(world)
    owned = {"organisation": owner(world), "customer_id": customer.id}
    contracts = [make.ContractFactory(**owned) for _ in range(12)]
    debt, credit = contracts[3].account, contracts[1].account
    with history.acting(Actor(None, world.ours.id), "test"):
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


def test_a_search_finds_by_number_name_and_customer(world: World, agent: Browser):
    customer = live(world, name="Quokka Wharf")
    owned = {"organisation": owner(world), "customer_id": customer.id}
    contract = make.ContractFactory(**owned, number="K-77120", name="Harbour racks")
    order = make.CustomerOrderFactory(**owned, number="O-77120", description="Harbour cables")
    for home, row, others in ((CONTRACT, contract, "K00"), (ORDER, order, "O00")):
        for typed in ("77120", "harbour", "quokka wharf", customer.account_number, customer.email):
            page = agent.get(f"{home}?search={typed}").text
            assert re.findall(r'data-href="[^"]*id=(\d+)"', page) == [str(row.id)], (home, typed)
            assert others not in told(page)


def test_a_deleted_or_foreign_contract_is_not_moved(world: World, agent: Browser):
    before = contents()
    mixed = f"id={world.ours.rows['contract']}&id={world.theirs.rows['contract']}"
    for act in ("passive", "live", "end"):
        url = f"{CONTRACT}operation/{act}/?{mixed}"
        assert agent.get(url).status_code == agent.post(url, {"end_date": "2026-01-01"}).status_code == 404
    assert contents() == before

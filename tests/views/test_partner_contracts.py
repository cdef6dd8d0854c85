"""What partners and portal users see of contracts and orders, and the contracts that partners add."""

import re
from html import unescape
from typing import Any

import pytest

import models
from customerhub import history
from customerhub.contracts.eligibility import NOT_LIVE, NOT_NOW
from customerhub.permissions import Actor
from models.base import db
from models.enums import AlertRule, ContractStatus, OrderStatus, PortalPermission, Role, Severity, Stage
from tests import factories as make
from tests.browsing import Browser, form_of
from tests.views.screen_table import bare_customer
from tests.views.watching import changes_since, contents, last_change
from tests.world import World

TERMS = {"name": "Second site", "start_date": "2025-01-31", "connections": "15", "value": "1,200.00"}
NEW = {"profile_name": "Second site", "profile_email": "pay@customer.example"}


@pytest.fixture
def partner(world: World) -> Browser:
    return Browser(world.app, world.ours.users[Role.PARTNER])


def owner(world: World) -> models.Organisation:
    return db.session.get_one(models.Organisation, world.ours.id)


def own(world: World, **values: Any) -> models.Customer:
    """A live customer of the partner's dealer."""
    dealer = db.session.get_one(models.User, world.ours.users[Role.PARTNER]).dealer_id
    return bare_customer(world, **{"stage": Stage.BILLING, "dealer_id": dealer} | values)


def page_of(customer: models.Customer, more: str = "") -> str:
    return f"/partner/customers/{customer.id}/{more}"


def told(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.split("<main")[1])).split())


def contracts_of(customer_id: int) -> list[models.Contract]:
    return db.session.query(models.Contract).filter_by(customer_id=customer_id).order_by(models.Contract.id).all()


# --- What they see -----------------------------------------------------------------------------------------


def test_a_live_customer_has_a_summary_orders_and_contracts(world: World, partner: Browser):
    method = make.PaymentMethodFactory(organisation=owner(world), name="By pigeon")
    category = make.CatalogItemFactory(
        organisation=owner(world), type=models.enums.CatalogType.CATEGORY, name="Harbour"
    )
    customer = own(
        world, name="Quokka Wharf", registration_number="HRB 5150", registration_date=make.date(2019, 3, 4),
        payment_method_id=method.id, category_id=category.id,
    )  # fmt: skip
    owned = {"organisation": owner(world), "customer_id": customer.id}
    contract = make.ContractFactory(
        **owned, number="K-1", name="Harbour racks", status=ContractStatus.LIVE, connections=42, supplier="Secret Ltd"
    )
    make.CustomerOrderFactory(
        **owned, number="O-1", description="Cables", contract_id=contract.id, connections=7,
        status=OrderStatus.IN_PROGRESS,
    )  # fmt: skip
    page = told(partner.get(page_of(customer)).text)
    assert (
        "Summary Name Quokka Wharf Registration no. HRB 5150 Registration date 4 Mar 2019 Payment type By pigeon "
        "Category Harbour"
    ) in page
    assert "Orders In progress: 1 with 7 connections." in page
    assert "O-1 Cables 7 In progress K-1" in page
    assert "Contracts Live: 1 with 42 connections." in page
    assert "K-1 Harbour racks 42 Live" in page
    assert "Secret Ltd" not in page
    assert "Add a contract" in page


def test_who_has_none_yet_is_told_so(world: World, partner: Browser):
    page = told(partner.get(page_of(own(world))).text)
    assert "No contracts yet" in page
    assert "Nothing is ordered yet" in page


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.BILLING])
def test_who_is_not_live_has_none_of_this(world: World, partner: Browser, stage: Stage):
    customer = own(world, stage=stage)
    page = told(partner.get(page_of(customer)).text)
    assert not [word for word in ("Payment type", "Orders", "Contracts", "Add a contract") if word in page]
    answer = partner.get(page_of(customer, "contracts/new/"))
    assert NOT_LIVE in told(answer.text)
    assert 'name="name"' not in answer.text
    mark = last_change()
    assert partner.post(page_of(customer, "contracts/new/"), TERMS | NEW).status_code == 422
    assert changes_since(mark) == []


def test_nothing_of_others_is_on_the_page(world: World, partner: Browser):
    customer, other = own(world), own(world, name="Another of mine")
    for whose in (other.id, world.ours.customers[1], world.theirs.customers[0]):
        side = world.theirs if whose in world.theirs.customers else world.ours
        owned = {"organisation": db.session.get_one(models.Organisation, side.id), "customer_id": whose}
        contract = make.ContractFactory(**owned, name="Not theirs")
        make.CustomerOrderFactory(**owned, description="Not theirs", contract_id=contract.id)
    for more in ("", "contracts/new/"):
        assert "Not theirs" not in partner.get(page_of(customer, more)).text


# --- Adding ------------------------------------------------------------------------------------------------


def test_one_is_added_with_a_new_profile_and_seen_at_once(world: World, partner: Browser):
    customer = own(world)
    answer = partner.submit(page_of(customer, "contracts/new/"), **TERMS, **NEW)
    assert (answer.status_code, answer.location) == (303, page_of(customer))
    [made] = contracts_of(customer.id)
    assert (made.name, made.connections, str(made.value)) == ("Second site", 15, "1200.00")
    assert (made.status, made.invoice_profile.name) == (ContractStatus.DRAFT, "Second site")
    assert made.invoice_profile.customer_id == customer.id
    page = told(partner.get(answer.location).text)
    assert "The contract Second site was added." in page
    assert f"{made.number} Second site 15 Draft" in page
    entry = [each for each in changes_since(0) if each.table_name == "contract" and each.row_id == made.id][-1]
    assert (entry.actor_id, entry.action) == (partner.user_id, "created")


def test_one_is_added_with_a_profile_that_there_is(world: World, partner: Browser):
    customer, other = own(world), own(world)
    profile = make.InvoiceProfileFactory(organisation=owner(world), customer_id=customer.id, name="Main")
    foreign = make.InvoiceProfileFactory(organisation=owner(world), customer_id=other.id, name="Elsewhere")
    url = page_of(customer, "contracts/new/")
    page = partner.get(url).text
    assert "Main (NDA Pending)" in page
    assert "Elsewhere" not in page
    mark = last_change()
    for wrong in (foreign.id, world.theirs.rows["invoice_profile"], 10**9, "abc"):
        answer = partner.submit(url, **TERMS, invoice_profile_id=str(wrong))
        assert answer.status_code == 422
        assert 'id="invoice_profile_id-error"' in answer.text
    assert changes_since(mark) == []
    assert partner.submit(url, **TERMS, invoice_profile_id=str(profile.id)).status_code == 303
    assert [each.invoice_profile_id for each in contracts_of(customer.id)] == [profile.id]


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("name", "", "This is needed"), ("name", "x" * 201, "200 characters"), ("name", "a\x07b", "cannot be shown"),
        ("profile_name", "", "This is needed"), ("profile_name", "x" * 121, "120 characters"),
        ("profile_email", "", "This is needed"), ("profile_email", "nobody", "is not an email address"),
        ("connections", "", "This is needed"), ("connections", "-1", "Number must be"), ("connections", "x", "whole"),
        ("connections", "9" * 9, "Number must be"), ("start_date", "", "This is needed"),
        ("start_date", "30.02.2025", "Not a valid date"), ("start_date", "0001-01-01", "out of reach"),
        ("end_date", "2025-01-30", "before it starts"), ("value", "-1", "This is 0 to"),
        ("value", "12,5", "not an amount"),
    ],
)  # fmt: skip
def test_a_refusal_stands_at_its_field_and_nothing_is_lost(
    world: World, partner: Browser, field: str, text: str, said: str
):
    url = page_of(own(world), "contracts/new/")
    mark = last_change()
    answer = partner.submit(url, **TERMS | NEW | {field: text})
    assert answer.status_code == 422
    error = re.search(rf'id="{field}-error">([^<]*)<', answer.text)
    assert error is not None, "not beside the field"
    assert said in unescape(error[1])
    again = form_of(answer.text)
    assert {n: again[n] for n in TERMS | NEW if n != field} == {
        n: [v] for n, v in (TERMS | NEW).items() if n != field
    }  # fmt: skip
    assert changes_since(mark) == []
    assert partner.post(url, again | {field: (TERMS | NEW | {"end_date": ""})[field]}).status_code == 303


def test_without_any_profile_it_is_told_what_to_do(world: World, partner: Browser):
    answer = partner.submit(page_of(own(world), "contracts/new/"), **TERMS)
    assert answer.status_code == 422
    assert "give a name and an email address for a new one" in told(answer.text)


def test_a_form_that_is_sent_twice_adds_one(world: World, partner: Browser):
    customer = own(world)
    url = page_of(customer, "contracts/new/")
    form = partner.form(url) | TERMS | NEW
    assert [partner.post(url, form).status_code for _ in range(2)] == [303, 303]
    assert len(contracts_of(customer.id)) == 1
    assert partner.post(url, form | {"name": "Another"}).status_code == 422
    assert len(contracts_of(customer.id)) == 1


# --- What they are not told --------------------------------------------------------------------------------


def listed(world: World, customer: models.Customer) -> None:
    make.BlacklistEntryFactory(organisation=owner(world), customer_id=customer.id, reason="Fraud in 2019")
    make.AlertFactory(
        organisation=owner(world), customer_id=customer.id, rule=AlertRule.BLACKLISTED, severity=Severity.CRITICAL,
        text="Blacklisted: not to be approved, contracted or reinstated",
    )  # fmt: skip


def incomplete(world: World, customer: models.Customer) -> None:
    customer.departments = []


@pytest.mark.parametrize("why", [listed, incomplete])
def test_a_refusal_tells_a_partner_nothing_but_to_ask(world: World, partner: Browser, why: Any):
    with recorded(world):
        customer = own(world)
        why(world, customer)
        db.session.commit()
    url = page_of(customer, "contracts/new/")
    mark = last_change()
    answers = [partner.get(page_of(customer)), partner.get(url), partner.post(url, TERMS | NEW)]
    assert [answer.status_code for answer in answers] == [200, 200, 422]
    for answer in answers:
        text = told(answer.text)
        assert f"{NOT_NOW}." in text
        assert not [word for word in ("lacklist", "Fraud", "departments", "missing", "Add contract") if word in text]
    assert "Add a contract" not in told(answers[0].text)
    assert 'name="connections"' not in answers[1].text + answers[2].text
    assert changes_since(mark) == []


def recorded(world: World) -> Any:
    return history.acting(Actor(None, world.ours.id), "test")


def test_alerts_are_shown_where_a_contract_is_made(world: World, partner: Browser):
    customer = own(world)
    owned = {"organisation": owner(world), "customer_id": customer.id}
    make.AlertFactory(**owned, text="Ring first", severity=Severity.CRITICAL)
    make.AlertFactory(**owned, text="The balance is above the credit limit", rule=AlertRule.CREDIT_LIMIT)
    make.AlertFactory(**owned, text="Blacklisted: whoever", rule=AlertRule.BLACKLISTED)
    make.AlertFactory(**owned, text="Put away", closed_at=make.clock.now())
    make.AlertFactory(organisation=owner(world), customer_id=own(world).id, text="Somebody else's")
    page = partner.get(page_of(customer, "contracts/new/")).text
    assert re.findall(r'class="banner banner-(\w+)"', page) == ["error", "warning"]
    text = told(page)
    assert text.index("Ring first") < text.index("The balance is above")
    assert not [word for word in ("Blacklisted", "Put away", "Somebody else") if word in text]
    assert "/admin/" not in page


def test_a_customer_of_others_takes_no_contract_by_any_address(world: World, partner: Browser):
    dealer = make.DealerFactory(organisation=owner(world))
    other = Browser(world.app, make.UserFactory(organisation=owner(world), role=Role.PARTNER, dealer_id=dealer.id).id)
    mine, elsewhere = own(world), own(world, dealer_id=dealer.id)
    theirs = world.theirs.customers[0]
    before = contents()
    asked = [(partner, elsewhere.id), (partner, theirs), (other, mine.id), (other, world.ours.customers[0])]
    for browser, key in asked:
        url = f"/partner/customers/{key}/contracts/new/"
        missing = browser.get(f"/partner/customers/{10**9}/contracts/new/")
        assert browser.get(url).status_code == missing.status_code == 404
        assert browser.post(url, TERMS | NEW).status_code == 404
    for key in ("0", "-1", "x", str(2**63), str(2**70), "９"):
        assert partner.get(f"/partner/customers/{key}/contracts/new/").status_code == 404
    for page in ("contracts", "orders"):
        row = world.ours.rows["contract" if page == "contracts" else "customer_order"]
        for more in ("", "new/", f"new/?customer_id={mine.id}", f"details/?id={row}", f"edit/?id={row}", "export/csv/"):
            assert partner.get(f"/admin/{page}/{more}").status_code == 403, (page, more)
    assert contents() == before


def test_whose_dealer_is_switched_off_adds_nothing_and_still_sees(world: World, partner: Browser):
    customer = own(world)
    make.ContractFactory(organisation=owner(world), customer_id=customer.id, name="Harbour racks")
    with recorded(world):
        db.session.get_one(models.Dealer, customer.dealer_id).active = False
        db.session.commit()
    page = partner.get(page_of(customer)).text
    assert "Harbour racks" in page
    assert "Add a contract" not in page
    mark = last_change()
    url = page_of(customer, "contracts/new/")
    for answer in (partner.get(url), partner.post(url, TERMS | NEW)):
        assert answer.status_code == 403
        assert "dealer code is switched off" in answer.text
    assert changes_since(mark) == []


# --- The portal --------------------------------------------------------------------------------------------


def test_the_portal_shows_contracts_with_the_permission_and_only_ones_own(world: World):
    reader = db.session.get_one(models.User, world.ours.users[Role.CUSTOMER])
    browser = Browser(world.app, reader.id)
    key = world.ours.customers[0]
    owned = {"organisation": owner(world), "customer_id": key}
    make.ContractFactory(
        **owned, number="K-1", name="Harbour racks", connections=42, status=ContractStatus.LIVE, supplier="Secret Ltd"
    )
    make.ContractFactory(organisation=owner(world), customer_id=world.ours.customers[1], name="Not theirs")
    assert "Harbour racks" not in browser.get("/portal/").text
    for given, shown in (
        ([PortalPermission.CONTRACTS], True), ([PortalPermission.CONTRACTS, PortalPermission.DENY_ALL], False)
    ):  # fmt: skip
        with recorded(world):
            db.session.get_one(models.User, reader.id).portal_permissions = given
            db.session.commit()
        page = browser.get("/portal/").text
        assert ("K-1 Harbour racks 42 Live" in told(page)) is shown
        assert "Not theirs" not in page
        assert "Secret Ltd" not in page

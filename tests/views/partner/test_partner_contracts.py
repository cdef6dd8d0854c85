"""What partners and portal users see of contracts and orders, and the contracts that partners add."""

import re
from datetime import date
from html import unescape
from typing import Any

import pytest

import models
from customerhub.contracts.eligibility import NOT_LIVE, NOT_NOW
from customerhub.core import clock, history
from customerhub.core.permissions import Actor
from models.base import db
from models.enums import (
    AlertRule,
    ContractStatus,
    OrderStatus,
    PortalPermission,
    ProfileStatus,
    Role,
    Severity,
    Stage,
)
from tests.support import factories as make
from tests.support.browser_client import Browser, parse_form
from tests.support.row_changes import changes_since, database_contents, last_change_id
from tests.support.screen_rows import make_bare_customer
from tests.support.two_organisations import TwoOrganisations, own_organisation

TERMS = {"name": "Second site", "start_date": "2025-01-31", "connections": "15", "value": "1,200.00"}
NEW = {"profile_name": "Second site", "profile_email": "pay@customer.example"}


def make_own_customer(organisations: TwoOrganisations, **values: Any) -> models.Customer:
    """A live customer of the partner's dealer."""
    dealer = db.session.get_one(models.User, organisations.own.users[Role.PARTNER]).dealer_id
    return make_bare_customer(organisations, **{"stage": Stage.BILLING, "dealer_id": dealer} | values)


def customer_url(customer: models.Customer, more: str = "") -> str:
    return f"/partner/customers/{customer.id}/{more}"


def page_text(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.split("<main")[1])).split())


def list_contracts(customer_id: int) -> list[models.Contract]:
    return db.session.query(models.Contract).filter_by(customer_id=customer_id).order_by(models.Contract.id).all()


def test_a_contract_begins_with_the_completed_profile(
    organisations: TwoOrganisations, partner: Browser, agent: Browser
):
    customer = make_own_customer(organisations)
    form_urls = {
        partner: customer_url(customer, "contracts/new/"),
        agent: f"/admin/contracts/new/?customer_id={customer.id}",
    }
    owned = {"organisation": own_organisation(organisations), "customer_id": customer.id}
    make.InvoiceProfileFactory(**owned, name="Pending", status=ProfileStatus.NDA_PENDING)
    assert [browser.read_form(url)["invoice_profile_id"] for browser, url in form_urls.items()] == [[""], [""]]
    profile = make.InvoiceProfileFactory(**owned, name="Completed", status=ProfileStatus.COMPLETED)
    chosen = [browser.read_form(url)["invoice_profile_id"] for browser, url in form_urls.items()]
    assert chosen == [[str(profile.id)]] * 2


# --- What they see -----------------------------------------------------------------------------------------


def test_a_live_customer_has_a_summary_orders_and_contracts(organisations: TwoOrganisations, partner: Browser):
    method = make.PaymentMethodFactory(organisation=own_organisation(organisations), name="By pigeon")
    category = make.CatalogItemFactory(
        organisation=own_organisation(organisations), type=models.enums.CatalogType.CATEGORY, name="Harbour"
    )
    customer = make_own_customer(
        organisations,
        name="Quokka Wharf",
        registration_number="HRB 5150",
        registration_date=date(2019, 3, 4),
        payment_method_id=method.id,
        category_id=category.id,
    )
    owned = {"organisation": own_organisation(organisations), "customer_id": customer.id}
    contract = make.ContractFactory(
        **owned, number="K-1", name="Harbour racks", status=ContractStatus.LIVE, connections=42, supplier="Secret Ltd"
    )
    make.CustomerOrderFactory(
        **owned,
        number="O-1",
        description="Cables",
        contract_id=contract.id,
        connections=7,
        status=OrderStatus.IN_PROGRESS,
    )
    page = page_text(partner.get(customer_url(customer)).text)
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


def test_a_customer_without_contracts_shows_so(organisations: TwoOrganisations, partner: Browser):
    page = page_text(partner.get(customer_url(make_own_customer(organisations))).text)
    assert "No contracts yet" in page
    assert "No orders yet" in page


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.BILLING])
def test_who_is_not_live_has_none_of_this(organisations: TwoOrganisations, partner: Browser, stage: Stage):
    customer = make_own_customer(organisations, stage=stage)
    page = page_text(partner.get(customer_url(customer)).text)
    assert not [word for word in ("Payment type", "Orders", "Contracts", "Add a contract") if word in page]
    answer = partner.get(customer_url(customer, "contracts/new/"))
    assert NOT_LIVE in page_text(answer.text)
    assert 'name="name"' not in answer.text
    mark = last_change_id()
    assert partner.post(customer_url(customer, "contracts/new/"), TERMS | NEW).status_code == 422
    assert changes_since(mark) == []


def test_nothing_of_others_is_on_the_page(organisations: TwoOrganisations, partner: Browser):
    customer, other = make_own_customer(organisations), make_own_customer(organisations, name="Another of mine")
    for whose in (other.id, organisations.own.customers[1], organisations.foreign.customers[0]):
        side = organisations.foreign if whose in organisations.foreign.customers else organisations.own
        owned = {"organisation": db.session.get_one(models.Organisation, side.id), "customer_id": whose}
        contract = make.ContractFactory(**owned, name="Not theirs")
        make.CustomerOrderFactory(**owned, description="Not theirs", contract_id=contract.id)
    for more in ("", "contracts/new/"):
        assert "Not theirs" not in partner.get(customer_url(customer, more)).text


# --- Adding ------------------------------------------------------------------------------------------------


def test_one_is_added_with_a_new_profile_and_seen_at_once(organisations: TwoOrganisations, partner: Browser):
    customer = make_own_customer(organisations)
    answer = partner.submit(customer_url(customer, "contracts/new/"), **TERMS, **NEW)
    assert (answer.status_code, answer.location) == (303, customer_url(customer))
    [contract] = list_contracts(customer.id)
    assert (contract.name, contract.connections, str(contract.value)) == ("Second site", 15, "1200.00")
    assert (contract.status, contract.invoice_profile.name) == (ContractStatus.DRAFT, "Second site")
    assert contract.invoice_profile.customer_id == customer.id
    page = page_text(partner.get(answer.location).text)
    assert "The contract Second site was added." in page
    assert f"{contract.number} Second site 15 Draft" in page
    entry = [each for each in changes_since(0) if each.table_name == "contract" and each.row_id == contract.id][-1]
    assert (entry.actor_id, entry.action) == (partner.user_id, "created")


def test_one_is_added_with_a_profile_that_there_is(organisations: TwoOrganisations, partner: Browser):
    customer, other = make_own_customer(organisations), make_own_customer(organisations)
    profile = make.InvoiceProfileFactory(
        organisation=own_organisation(organisations), customer_id=customer.id, name="Main"
    )
    foreign = make.InvoiceProfileFactory(
        organisation=own_organisation(organisations), customer_id=other.id, name="Elsewhere"
    )
    url = customer_url(customer, "contracts/new/")
    page = partner.get(url).text
    assert "Main (NDA Pending)" in page
    assert "Elsewhere" not in page
    mark = last_change_id()
    for wrong in (foreign.id, organisations.foreign.rows["invoice_profile"], 10**9, "abc"):
        answer = partner.submit(url, **TERMS, invoice_profile_id=str(wrong))
        assert answer.status_code == 422
        assert 'id="invoice_profile_id-error"' in answer.text
    assert changes_since(mark) == []
    assert partner.submit(url, **TERMS, invoice_profile_id=str(profile.id)).status_code == 303
    assert [each.invoice_profile_id for each in list_contracts(customer.id)] == [profile.id]


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [
        ("name", "", "Required"),
        ("name", "x" * 201, "200 characters"),
        ("name", "a\x07b", "cannot be shown"),
        ("profile_name", "", "Required"),
        ("profile_name", "x" * 121, "120 characters"),
        ("profile_email", "", "Required"),
        ("profile_email", "nobody", "is not an email address"),
        ("connections", "", "Required"),
        ("connections", "-1", "Number must be"),
        ("connections", "x", "whole"),
        ("connections", "9" * 9, "Number must be"),
        ("start_date", "", "Required"),
        ("start_date", "30.02.2025", "is not a valid date"),
        ("start_date", "0001-01-01", "out of range"),
        ("end_date", "2025-01-30", "before it starts"),
        ("value", "-1", "Enter a value from 0 to"),
        ("value", "12,5", "not an amount"),
    ],
)
def test_a_refusal_stands_at_its_field_and_nothing_is_lost(
    organisations: TwoOrganisations, partner: Browser, field: str, text: str, message: str
):
    url = customer_url(make_own_customer(organisations), "contracts/new/")
    mark = last_change_id()
    answer = partner.submit(url, **TERMS | NEW | {field: text})
    assert answer.status_code == 422
    error = re.search(rf'id="{field}-error">([^<]*)<', answer.text)
    assert error is not None, "not beside the field"
    assert message in unescape(error[1])
    again = parse_form(answer.text)
    assert {n: again[n] for n in TERMS | NEW if n != field} == {n: [v] for n, v in (TERMS | NEW).items() if n != field}
    assert changes_since(mark) == []
    assert partner.post(url, again | {field: (TERMS | NEW | {"end_date": ""})[field]}).status_code == 303


def test_without_any_profile_the_page_says_what_to_do(organisations: TwoOrganisations, partner: Browser):
    answer = partner.submit(customer_url(make_own_customer(organisations), "contracts/new/"), **TERMS)
    assert answer.status_code == 422
    assert "enter a name and an email address for a new one" in page_text(answer.text)


def test_a_form_that_is_sent_twice_adds_one(organisations: TwoOrganisations, partner: Browser):
    customer = make_own_customer(organisations)
    url = customer_url(customer, "contracts/new/")
    form = partner.read_form(url) | TERMS | NEW
    assert [partner.post(url, form).status_code for _ in range(2)] == [303, 303]
    assert len(list_contracts(customer.id)) == 1
    assert partner.post(url, form | {"name": "Another"}).status_code == 422
    assert len(list_contracts(customer.id)) == 1


# --- What they are not told --------------------------------------------------------------------------------


def blacklist_customer(organisations: TwoOrganisations, customer: models.Customer) -> None:
    make.BlacklistEntryFactory(
        organisation=own_organisation(organisations), customer_id=customer.id, reason="Fraud in 2019"
    )
    make.AlertFactory(
        organisation=own_organisation(organisations),
        customer_id=customer.id,
        rule=AlertRule.BLACKLISTED,
        severity=Severity.CRITICAL,
        text="Blacklisted: not to be approved or contracted",
    )


def clear_particulars(organisations: TwoOrganisations, customer: models.Customer) -> None:
    customer.departments = []


@pytest.mark.parametrize("why", [blacklist_customer, clear_particulars])
def test_a_refusal_shows_a_partner_only_whom_to_ask(organisations: TwoOrganisations, partner: Browser, why: Any):
    with acting_system(organisations):
        customer = make_own_customer(organisations)
        why(organisations, customer)
        db.session.commit()
    url = customer_url(customer, "contracts/new/")
    mark = last_change_id()
    answers = [partner.get(customer_url(customer)), partner.get(url), partner.post(url, TERMS | NEW)]
    assert [answer.status_code for answer in answers] == [200, 200, 422]
    for answer in answers:
        text = page_text(answer.text)
        assert f"{NOT_NOW}." in text
        assert not [word for word in ("lacklist", "Fraud", "departments", "missing", "Add contract") if word in text]
    assert "Add a contract" not in page_text(answers[0].text)
    assert 'name="connections"' not in answers[1].text + answers[2].text
    assert changes_since(mark) == []


def acting_system(organisations: TwoOrganisations) -> Any:
    return history.act_as(Actor(None, organisations.own.id), "test")


def test_alerts_are_shown_where_a_contract_is_made(organisations: TwoOrganisations, partner: Browser):
    customer = make_own_customer(organisations)
    owned = {"organisation": own_organisation(organisations), "customer_id": customer.id}
    make.AlertFactory(**owned, text="Ring first", severity=Severity.CRITICAL)
    make.AlertFactory(**owned, text="The balance is above the credit limit", rule=AlertRule.CREDIT_LIMIT)
    make.AlertFactory(**owned, text="Blacklisted: whoever", rule=AlertRule.BLACKLISTED)
    make.AlertFactory(**owned, text="Put away", closed_at=clock.get_now())
    make.AlertFactory(
        organisation=own_organisation(organisations),
        customer_id=make_own_customer(organisations).id,
        text="Somebody else's",
    )
    page = partner.get(customer_url(customer, "contracts/new/")).text
    assert re.findall(r'class="banner banner-(\w+)"', page) == ["error", "warning"]
    text = page_text(page)
    assert text.index("Ring first") < text.index("The balance is above")
    assert not [word for word in ("Blacklisted", "Put away", "Somebody else") if word in text]
    assert "/admin/" not in page


def test_a_customer_of_others_takes_no_contract_by_any_address(organisations: TwoOrganisations, partner: Browser):
    dealer = make.DealerFactory(organisation=own_organisation(organisations))
    other = Browser(
        organisations.app,
        make.UserFactory(organisation=own_organisation(organisations), role=Role.PARTNER, dealer_id=dealer.id).id,
    )
    own_customer, elsewhere = make_own_customer(organisations), make_own_customer(organisations, dealer_id=dealer.id)
    foreign_customer_id = organisations.foreign.customers[0]
    before = database_contents()
    attempts = [
        (partner, elsewhere.id),
        (partner, foreign_customer_id),
        (other, own_customer.id),
        (other, organisations.own.customers[0]),
    ]
    for browser, key in attempts:
        url = f"/partner/customers/{key}/contracts/new/"
        missing = browser.get(f"/partner/customers/{10**9}/contracts/new/")
        assert browser.get(url).status_code == missing.status_code == 404
        assert browser.post(url, TERMS | NEW).status_code == 404
    for key in ("0", "-1", "x", str(2**63), str(2**70), "９"):
        assert partner.get(f"/partner/customers/{key}/contracts/new/").status_code == 404
    for page in ("contracts", "orders"):
        row = organisations.own.rows["contract" if page == "contracts" else "customer_order"]
        for more in (
            "",
            "new/",
            f"new/?customer_id={own_customer.id}",
            f"details/?id={row}",
            f"edit/?id={row}",
            "export/csv/",
        ):
            assert partner.get(f"/admin/{page}/{more}").status_code == 403, (page, more)
    assert database_contents() == before


def test_whose_dealer_is_switched_off_adds_nothing_and_still_sees(organisations: TwoOrganisations, partner: Browser):
    customer = make_own_customer(organisations)
    make.ContractFactory(organisation=own_organisation(organisations), customer_id=customer.id, name="Harbour racks")
    with acting_system(organisations):
        db.session.get_one(models.Dealer, customer.dealer_id).active = False
        db.session.commit()
    page = partner.get(customer_url(customer)).text
    assert "Harbour racks" in page
    assert "Add a contract" not in page
    mark = last_change_id()
    url = customer_url(customer, "contracts/new/")
    for answer in (partner.get(url), partner.post(url, TERMS | NEW)):
        assert answer.status_code == 403
        assert "dealer code is inactive" in answer.text
    assert changes_since(mark) == []


# --- The portal --------------------------------------------------------------------------------------------


def test_the_portal_shows_contracts_with_the_permission_and_only_ones_own(organisations: TwoOrganisations):
    reader = db.session.get_one(models.User, organisations.own.users[Role.CUSTOMER])
    browser = Browser(organisations.app, reader.id)
    key = organisations.own.customers[0]
    owned = {"organisation": own_organisation(organisations), "customer_id": key}
    make.ContractFactory(
        **owned, number="K-1", name="Harbour racks", connections=42, status=ContractStatus.LIVE, supplier="Secret Ltd"
    )
    make.ContractFactory(
        organisation=own_organisation(organisations), customer_id=organisations.own.customers[1], name="Not theirs"
    )
    assert "Harbour racks" not in browser.get("/portal/").text
    for portal_permissions, is_visible in (
        ([PortalPermission.CONTRACTS], True),
        ([PortalPermission.CONTRACTS, PortalPermission.DENY_ALL], False),
    ):
        with acting_system(organisations):
            db.session.get_one(models.User, reader.id).portal_permissions = portal_permissions
            db.session.commit()
        page = browser.get("/portal/").text
        assert ("K-1 Harbour racks 42 Live" in page_text(page)) is is_visible
        assert "Not theirs" not in page
        assert "Secret Ltd" not in page

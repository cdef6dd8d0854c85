"""Contracts and orders offer what will be accepted, and refuse the rest of an older page with the reason."""

import pytest

import models
from models.base import db
from models.enums import ContractStatus, ProfileStatus, Stage, StatusBehaviour
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.contract_pages import TERMS, add_profile, list_options, make_live_customer, page_text
from tests.support.screen_rows import make_bare_customer, make_contract
from tests.support.two_organisations import TwoOrganisations, own_organisation

CONTRACT, ORDER = "/admin/contracts/", "/admin/orders/"
LOOKUPS = {CONTRACT: "contract.customer_id", ORDER: "customer_order.customer_id"}


def lookup_ids(browser: Browser, home: str, search_text: str) -> set[int]:
    answer = browser.get(f"{home}ajax/lookup/?name={LOOKUPS[home]}&query={search_text}&limit=20")
    assert answer.status_code == 200
    return {key for key, _ in answer.json}


@pytest.mark.parametrize("home", LOOKUPS)
@pytest.mark.parametrize("search_text", ["zeb", "z", "ebra", ""])
def test_only_customers_that_may_enter_a_contract_are_offered(
    organisations: TwoOrganisations, agent: Browser, home: str, search_text: str
):
    organisation = own_organisation(organisations)
    ended = make.CustomerStatusFactory(organisation=organisation, behaviour=StatusBehaviour.NONE)
    live = make_live_customer(organisations, name="Zebra live")
    others = [make_bare_customer(organisations, name=f"Zebra {stage.value}", stage=stage) for stage in Stage]
    others = [each for each in others if each.stage is not Stage.BILLING]
    listed = make_live_customer(organisations, name="Zebra listed")
    make.BlacklistEntryFactory(organisation=organisation, customer_id=listed.id)
    dropped = make.CustomerFactory(
        organisation=organisation, name="Zebra gone", stage=Stage.BILLING, status_id=ended.id
    )
    others += [listed, dropped]
    db.session.commit()
    found = lookup_ids(agent, home, search_text)
    assert live.id in found
    assert not found & {each.id for each in others}
    assert not found & set(organisations.own.customers), "none of these is live"


@pytest.mark.parametrize("home", LOOKUPS)
def test_who_is_no_longer_eligible_is_refused_with_the_reason(
    organisations: TwoOrganisations, agent: Browser, home: str
):
    customer = make_live_customer(organisations)
    profile = add_profile(organisations, customer)
    db.session.commit()
    url = f"{home}new/?customer_id={customer.id}"
    form = agent.read_form(url)
    make.BlacklistEntryFactory(organisation=own_organisation(organisations), customer_id=customer.id)
    answer = agent.post(url, form | TERMS | {"description": "A", "invoice_profile_id": str(profile.id)})
    assert answer.status_code == 422
    assert "is blacklisted and cannot be contracted" in page_text(answer.text)


def test_a_live_contract_takes_completed_profiles_only(organisations: TwoOrganisations, agent: Browser):
    contract = make_contract(ContractStatus.LIVE)(organisations)
    customer = db.session.get_one(models.Customer, contract.customer_id)
    pending = add_profile(organisations, customer, name="Pending")
    declined = add_profile(organisations, customer, name="Declined", status=ProfileStatus.NDA_DECLINED)
    file = make.StoredFileFactory(organisation=own_organisation(organisations))
    completed = add_profile(organisations, customer, name="Other", status=ProfileStatus.COMPLETED, nda_file_id=file.id)
    db.session.commit()
    url = f"{CONTRACT}edit/?id={contract.id}"
    offered = {int(key) for key in list_options(agent.get(url).text, "invoice_profile_id")}
    assert offered == {contract.invoice_profile_id, completed.id}
    for wrong in (pending, declined):
        assert agent.submit(url, invoice_profile_id=str(wrong.id)).status_code == 422
    assert agent.submit(url, invoice_profile_id=str(completed.id)).status_code == 303


@pytest.mark.parametrize("status", [ContractStatus.DRAFT, None])
def test_a_draft_takes_any_profile(organisations: TwoOrganisations, agent: Browser, status: ContractStatus | None):
    customer = make_live_customer(organisations)
    profiles = [
        add_profile(organisations, customer, status=each)
        for each in (ProfileStatus.NDA_PENDING, ProfileStatus.NDA_DECLINED)
    ]
    url = f"{CONTRACT}new/?customer_id={customer.id}"
    if status is not None:
        owned = {"organisation": own_organisation(organisations), "customer_id": customer.id}
        contract = make.ContractFactory(**owned, status=status, invoice_profile_id=profiles[0].id)
        url = f"{CONTRACT}edit/?id={contract.id}"
    db.session.commit()
    assert {int(key) for key in list_options(agent.get(url).text, "invoice_profile_id")} == {
        each.id for each in profiles
    }


def test_an_order_goes_on_a_contract_that_has_not_ended(organisations: TwoOrganisations, agent: Browser):
    contract = make_contract(ContractStatus.LIVE)(organisations)
    owned = {"organisation": own_organisation(organisations), "customer_id": contract.customer_id}
    ended = make.ContractFactory(**owned, status=ContractStatus.ENDED, invoice_profile_id=contract.invoice_profile_id)
    db.session.commit()
    url = f"{ORDER}new/?customer_id={contract.customer_id}"
    assert list_options(agent.get(url).text, "contract_id") == [str(contract.id)]
    answer = agent.submit(url, description="A", contract_id=str(ended.id))
    assert answer.status_code == 422


def test_a_contract_is_made_live_again_only_where_that_is_accepted(organisations: TwoOrganisations, agent: Browser):
    contract = make_contract(ContractStatus.PASSIVE)(organisations)
    details, page = f"{CONTRACT}details/?id={contract.id}", f"{CONTRACT}operation/live/?id={contract.id}"
    assert "Make live again" in page_text(agent.get(details).text)
    form = agent.read_form(page)
    make.BlacklistEntryFactory(organisation=own_organisation(organisations), customer_id=contract.customer_id)
    db.session.commit()
    assert "Make live again" not in page_text(agent.get(details).text)
    reason = "is blacklisted and cannot be contracted"
    assert reason in page_text(agent.get(page).text)
    assert reason in page_text(agent.post(page, form).text)
    db.session.refresh(contract)
    assert contract.status is ContractStatus.PASSIVE

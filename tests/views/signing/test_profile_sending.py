"""The NDA of one profile that waits for it is sent from the page of its customer."""

import html

import pytest

import models
from customerhub.core import history
from customerhub.core.errors import NotFound, WrongState
from customerhub.core.permissions import Actor
from customerhub.signing import setting_up
from models.base import db
from models.enums import Role
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.contract_pages import page_text
from tests.support.signature_operations import (
    find_profile,
    is_profile_sent,
    make_customer_with_waiting_profile,
)
from tests.support.two_organisations import TwoOrganisations, own_organisation


@pytest.fixture
def customer(organisations: TwoOrganisations) -> models.Customer:
    row = make_customer_with_waiting_profile(organisations)
    db.session.commit()
    return row


def sending_url(profile: models.InvoiceProfile) -> str:
    return f"/admin/customers/operation/send-nda/?id={profile.customer_id}&profile={profile.id}"


def read_profiles(browser: Browser, customer: models.Customer) -> str:
    return html.unescape(browser.get(f"/admin/customers/details/?id={customer.id}&tab=profiles").text)


def test_the_cell_of_the_profile_leads_to_the_page_that_sends_it_once(agent: Browser, customer: models.Customer):
    profile = find_profile(customer, "Waits")
    url = sending_url(profile)
    page = read_profiles(agent, customer)
    assert page.count("NDA not sent yet") == 1
    assert f'href="{url}"' in page
    text = page_text(agent.get(url).text)
    assert "Waits Ada Admin ada@our.example" in text
    assert f"Waits {profile.name} {profile.email}" in text
    form = agent.read_form(url)
    assert form["profile_id"] == [str(profile.id)]
    answer = agent.post(url, form)
    assert (answer.status_code, answer.location.endswith("tab=profiles")) == (303, True)
    assert "The NDA of Waits is being sent to be signed." in read_profiles(agent, customer)
    assert is_profile_sent(customer)
    assert agent.post(url, form).status_code == 303, "a double click"
    stale = agent.post(url, {**form, "form_token": ["another"]})
    assert stale.status_code == 409, "a page that was opened before"
    assert db.session.query(models.Envelope).filter_by(invoice_profile_id=profile.id).count() == 1
    assert "NDA not sent yet" not in read_profiles(agent, customer)


def test_several_that_wait_are_chosen_from(organisations: TwoOrganisations, agent: Browser, customer: models.Customer):
    make.InvoiceProfileFactory(organisation=own_organisation(organisations), customer_id=customer.id, name="مكتب ثان")
    db.session.commit()
    url = f"/admin/customers/operation/send-nda/?id={customer.id}"
    assert agent.read_form(url)["profile_id"] == [""]
    assert "Choose an invoice profile" in agent.get(url).text
    sent = find_profile(customer, "Is sent")
    for wrong in ("", str(sent.id), "999999999", "x"):
        assert agent.submit(url, profile_id=wrong).status_code == 422, wrong
    chosen = find_profile(customer, "مكتب ثان")
    assert agent.submit(url, profile_id=str(chosen.id)).status_code == 303
    envelope = db.session.query(models.Envelope).filter_by(invoice_profile_id=chosen.id).one()
    assert envelope.signers[1].name == "مكتب ثان"
    assert not is_profile_sent(customer)


def test_one_whose_place_nothing_could_take_waits_again(agent: Browser, customer: models.Customer):
    """The set-up was missing when its address was changed: the voided document counts no more."""
    profile = find_profile(customer, "Is sent")
    with history.act_as(Actor(None, customer.organisation_id), "test"):
        db.session.query(models.Envelope).filter_by(invoice_profile_id=profile.id).one().is_current = False
        db.session.commit()
    assert agent.submit(sending_url(profile), profile_id=str(profile.id)).status_code == 303
    assert db.session.query(models.Envelope).filter_by(invoice_profile_id=profile.id).count() == 2


def test_what_is_missing_is_told_in_its_place(agent: Browser, admin: Browser, customer: models.Customer):
    with history.act_as(Actor(None, customer.organisation_id), "test"):
        db.session.get_one(models.Organisation, customer.organisation_id).nda_template = None
        db.session.commit()
    page = read_profiles(agent, customer)
    assert "There is no NDA template" in page
    assert "send-nda" not in page
    assert "There is no NDA template" in agent.get(sending_url(find_profile(customer, "Waits"))).text


def test_a_contract_leads_to_it_too(organisations: TwoOrganisations, agent: Browser, customer: models.Customer):
    profile = find_profile(customer, "Waits")
    contract = make.ContractFactory(
        organisation=own_organisation(organisations), customer_id=customer.id, invoice_profile_id=profile.id
    )
    db.session.commit()
    page = html.unescape(agent.get(f"/admin/contracts/details/?id={contract.id}").text)
    assert f'href="{sending_url(profile)}"' in page


def test_nobody_sends_what_is_another_organisations(organisations: TwoOrganisations, customer: models.Customer):
    other = db.session.query(models.Customer).filter(models.Customer.organisation_id != organisations.own.id).first()
    organisation = db.session.get_one(models.Organisation, other.organisation_id)
    foreign = make.InvoiceProfileFactory(organisation=organisation, customer_id=other.id)
    actor = Actor.from_user(db.session.get_one(models.User, organisations.own.users[Role.AGENT]))
    with history.act_as(actor, "test"), pytest.raises(WrongState, match="does not wait for its NDA any more"):
        setting_up.send_profile(customer, profile_id=foreign.id, actor=actor)
    with history.act_as(actor, "test"), pytest.raises(NotFound):
        setting_up.send_profile(other, profile_id=foreign.id, actor=actor)

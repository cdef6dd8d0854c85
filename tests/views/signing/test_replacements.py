"""Another address of a pending invoice profile voids its NDA when somebody has agreed to that, and not before."""

import html
from typing import Any

import pytest

import models
from customerhub.core import history
from customerhub.core.permissions import Actor
from customerhub.customers.records import save_customer
from customerhub.customers.signature_replacements import ReplacementNotAgreed
from models.base import db
from models.enums import Role
from models.signing_enums import EnvelopeStatus, SignerRole, SignerStatus, SigningRequestKind
from tests.support import factories as make
from tests.support.browser_client import Browser, parse_form
from tests.support.contract_pages import page_text
from tests.support.row_changes import changes_since, last_change_id
from tests.support.signature_operations import find_requests, set_up_signing
from tests.support.two_organisations import TwoOrganisations, own_organisation

AGREED = {"_replace": "1"}


@pytest.fixture
def envelope(organisations: TwoOrganisations) -> models.Envelope:
    """A document that waits for the client; the organisation's signatory has signed."""
    organisation = set_up_signing(organisations)
    key = organisations.own.customers[1]
    with history.act_as(Actor(None, organisation.id), "test"):
        for each in db.session.query(models.Envelope).filter_by(customer_id=key):
            db.session.delete(each)
        db.session.flush()
        for profile in db.session.query(models.InvoiceProfile).filter_by(customer_id=key):
            db.session.delete(profile)
        db.session.commit()
    profile = make.InvoiceProfileFactory(
        organisation=organisation, customer_id=key, name="Nefertari & Söhne", email="old@customer.example"
    )
    row = make.EnvelopeFactory(organisation=organisation, customer_id=key, invoice_profile_id=profile.id)
    signers: list[dict[str, Any]] = [
        {"name": "Ada Admin", "email": "ada@our.example", "status": SignerStatus.SIGNED},
        {"name": "نفرتاري", "email": "old@customer.example", "role": SignerRole.CLIENT, "position": 2},
    ]
    for values in signers:
        make.EnvelopeSignerFactory(organisation=organisation, envelope_id=row.id, **values)
    db.session.commit()
    return row


def edit_url(envelope: models.Envelope) -> str:
    return f"/admin/customers/edit/?id={envelope.customer_id}"


def change_address(browser: Browser, envelope: models.Envelope, address: str = "new@customer.example", **more: Any):
    return browser.submit(edit_url(envelope), **{"invoice_profiles-0-email": address, **more})


def list_envelopes(envelope: models.Envelope) -> list[models.Envelope]:
    db.session.expire_all()
    query = db.session.query(models.Envelope).filter_by(invoice_profile_id=envelope.invoice_profile_id)
    return query.order_by(models.Envelope.id).all()


def test_the_form_asks_what_is_voided_and_who_is_asked_instead(agent: Browser, envelope: models.Envelope):
    mark = last_change_id()
    answer = change_address(agent, envelope)
    assert answer.status_code == 422
    text = page_text(answer.text)
    assert "sent to Ada Admin (ada@our.example) and نفرتاري (old@customer.example) on" in text
    assert "Ada Admin has signed it already." in text
    assert (
        "Ada Admin (ada@our.example) and Nefertari & Söhne (new@customer.example) will be asked to sign a new one."
        in text
    )
    assert f"/admin/signatures/details/?id={envelope.id}" in answer.text
    assert changes_since(mark) == []
    assert [each.id for each in list_envelopes(envelope)] == [envelope.id]

    again = parse_form(answer.text)
    assert agent.post(edit_url(envelope), again).status_code == 422, "saving as before asks again"
    assert agent.post(edit_url(envelope), again | AGREED).status_code == 303
    old, new = list_envelopes(envelope)
    assert (old.is_current, new.is_current) == (False, True)
    assert [each.email for each in new.signers] == ["ada@our.example", "new@customer.example"]
    assert len(find_requests(old, SigningRequestKind.VOID)) == 1
    assert agent.post(edit_url(envelope), again | AGREED).status_code in {303, 409}, "a second click does no more"
    assert len(list_envelopes(envelope)) == 2


def test_what_was_agreed_is_about_what_was_shown(agent: Browser, envelope: models.Envelope):
    assert change_address(agent, envelope, **AGREED).status_code == 422, "nothing was shown"
    again = parse_form(change_address(agent, envelope).text) | AGREED
    other = agent.post(edit_url(envelope), again | {"invoice_profiles-0-email": "third@customer.example"})
    assert other.status_code == 422
    assert "third@customer.example" in page_text(other.text)
    with history.act_as(Actor(None, envelope.organisation_id), "test"):
        list_envelopes(envelope)[0].signers[1].status = SignerStatus.SIGNED
        db.session.commit()
    answer = agent.post(edit_url(envelope), again)
    assert answer.status_code == 422
    assert "Ada Admin and نفرتاري have signed it already." in page_text(answer.text)
    assert len(list_envelopes(envelope)) == 1


def test_agreement_is_kept_while_the_form_is_corrected(agent: Browser, envelope: models.Envelope):
    again = parse_form(change_address(agent, envelope).text) | AGREED
    answer = agent.post(edit_url(envelope), again | {"reference": ""})
    assert answer.status_code == 422
    corrected = parse_form(answer.text) | {"reference": "CORRECTED"}
    assert agent.post(edit_url(envelope), corrected).status_code == 303
    assert len(list_envelopes(envelope)) == 2


@pytest.mark.parametrize("address", [" OLD@customer.example ", "old@customer.example"])
def test_the_same_address_asks_nothing(agent: Browser, envelope: models.Envelope, address: str):
    assert change_address(agent, envelope, address).status_code == 303
    assert len(list_envelopes(envelope)) == 1


def test_a_wrong_address_is_refused_and_not_asked_about(agent: Browser, envelope: models.Envelope):
    answer = change_address(agent, envelope, "nobody")
    assert answer.status_code == 422
    assert "_replace" not in parse_form(answer.text)
    assert "will be voided" not in answer.text


def test_without_a_template_it_says_that_no_new_one_is_sent(agent: Browser, envelope: models.Envelope):
    with history.act_as(Actor(None, envelope.organisation_id), "test"):
        db.session.get_one(models.Organisation, envelope.organisation_id).nda_template = None
        db.session.commit()
    answer = change_address(agent, envelope)
    assert "No new one can be sent: There is no NDA template." in page_text(answer.text)
    assert agent.post(edit_url(envelope), parse_form(answer.text) | AGREED).status_code == 303
    assert [each.is_current for each in list_envelopes(envelope)] == [False]


@pytest.mark.parametrize("status", [EnvelopeStatus.VOIDED, EnvelopeStatus.EXPIRED])
def test_what_has_ended_is_not_asked_about(agent: Browser, envelope: models.Envelope, status: EnvelopeStatus):
    with history.act_as(Actor(None, envelope.organisation_id), "test"):
        list_envelopes(envelope)[0].status = status
        db.session.commit()
    assert change_address(agent, envelope).status_code == 303


def test_every_other_save_is_refused(organisations: TwoOrganisations, envelope: models.Envelope):
    """A job or a command that changes the address voids nothing that nobody has agreed to."""
    actor = Actor.from_user(db.session.get_one(models.User, organisations.own.users[Role.AGENT]))
    customer = db.session.get_one(models.Customer, envelope.customer_id)
    with history.act_as(actor, "test"):
        customer.invoice_profiles[0].email = "new@customer.example"
        with pytest.raises(ReplacementNotAgreed, match="The NDA of Nefertari & Söhne waits for signatures"):
            save_customer(customer, actor=actor)
    db.session.rollback()
    assert len(list_envelopes(envelope)) == 1


def test_nobody_else_agrees_for_another_customer(organisations: TwoOrganisations, agent: Browser, envelope: Any):
    """Two profiles: what was agreed for the one is not agreed for the other."""
    twin = make.InvoiceProfileFactory(
        organisation=own_organisation(organisations), customer_id=envelope.customer_id, name="Twin"
    )
    row = make.EnvelopeFactory(
        organisation=own_organisation(organisations), customer_id=envelope.customer_id, invoice_profile_id=twin.id
    )
    make.EnvelopeSignerFactory(organisation=own_organisation(organisations), envelope_id=row.id)
    again = parse_form(change_address(agent, envelope).text) | AGREED
    places = {again[f"invoice_profiles-{place}-name"][0]: place for place in (0, 1)}
    answer = agent.post(
        edit_url(envelope), again | {f"invoice_profiles-{places['Twin']}-email": "twin.new@customer.example"}
    )
    assert answer.status_code == 422
    assert html.unescape(answer.text).count("will be voided") == 2
    assert agent.post(edit_url(envelope), parse_form(answer.text) | AGREED).status_code == 303
    assert len(list_envelopes(envelope)) == len(list_envelopes(row)) == 2

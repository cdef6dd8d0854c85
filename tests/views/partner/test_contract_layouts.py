"""The form in which partners add contracts, as the organisation arranged those of contracts and invoice profiles."""

import re
from typing import Any

import models
from customerhub.contracts.form_layout import CONTRACT_FORM
from customerhub.core import history
from customerhub.core.permissions import Actor
from customerhub.customers.profile_form import PROFILE_FORM
from customerhub.form_layouts.layouts import CORE, FormDescription
from models.base import db
from models.enums import CustomFieldOwner, FieldRequirement, ProfileStatus
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.custom_fields import add_field
from tests.support.form_layouts import arrange
from tests.support.two_organisations import TwoOrganisations, own_organisation
from tests.views.partner.test_partner_contracts import (
    NEW,
    TERMS,
    customer_url,
    list_contracts,
    make_own_customer,
    page_text,
)


def set_up(organisations: TwoOrganisations, description: FormDescription, **changes: Any) -> None:
    with history.act_as(Actor(None, organisations.own.id), "test"):
        arrange(description, Actor(None, organisations.own.id), **changes)
        db.session.commit()


def shown_fields(browser: Browser, url: str) -> list[str]:
    return re.findall(r'data-field="([^"]+)"', browser.get(url).text)


def test_the_form_shows_and_asks_for_what_the_layouts_say(organisations: TwoOrganisations, partner: Browser):
    with history.act_as(Actor(None, organisations.own.id), "test"):
        of_contract, of_profile, _ = (
            add_field(Actor(None, organisations.own.id), name=name, owner=owner, requirement=requirement)
            for name, owner, requirement in (
                ("Class", CustomFieldOwner.CONTRACT, FieldRequirement.REQUIRED),
                ("Order no.", CustomFieldOwner.INVOICE_PROFILE, FieldRequirement.REQUIRED),
                ("Of staff", CustomFieldOwner.CONTRACT, FieldRequirement.OPTIONAL),
            )
        )
        db.session.commit()
    core = ("value", "name", "invoice_profile_id", "connections", "start_date", "end_date", "supplier")
    set_up(
        organisations, CONTRACT_FORM, places={CORE: core}, hidden={"connections"}, required={"value", "business_risk"}
    )
    url = customer_url(make_own_customer(organisations), "contracts/new/")
    profile_fields = ["profile_name", "profile_email", f"profile_{of_profile.name}"]
    expected = ["value", "name", "invoice_profile_id", *profile_fields, "start_date", "end_date", of_contract.name]
    assert shown_fields(partner, url) == expected
    terms = {"name": "Second site", "start_date": "2025-01-31", **NEW}
    refused = partner.submit(url, **terms)
    assert refused.status_code == 422
    assert "Value : Required" in page_text(refused.text)
    for missing, given in ((f"profile_{of_profile.name}", of_contract.name), (of_contract.name, of_profile.name)):
        values = {of_contract.name: "Gold", f"profile_{of_profile.name}": "PO-1"}
        refused = partner.submit(url, **terms, value="12", **{name: v for name, v in values.items() if name != missing})
        assert refused.status_code == 422, given
        assert f'id="{missing}-error"' in refused.text
    assert partner.submit(url, **terms, value="12", **values).status_code == 303
    contract = db.session.query(models.Contract).order_by(models.Contract.id.desc()).first()
    assert (contract.value, getattr(contract, of_contract.name), contract.connections) == (12, "Gold", 0)
    assert getattr(contract.invoice_profile, of_profile.name) == "PO-1"
    assert contract.business_risk is None, "partners do not see it"


def test_where_each_profile_needs_its_nda_partners_choose_one(organisations: TwoOrganisations, partner: Browser):
    set_up(organisations, PROFILE_FORM, required={"nda_file_id"})
    customer = make_own_customer(organisations)
    url = customer_url(customer, "contracts/new/")
    assert not {"profile_name", "profile_email"} & set(shown_fields(partner, url))
    count = db.session.query(models.InvoiceProfile).count()
    refused = partner.post(url, partner.read_form(url) | TERMS | NEW)
    assert refused.status_code == 422
    assert "Invoice profile : Required" in page_text(refused.text)
    assert db.session.query(models.InvoiceProfile).count() == count
    owned = {"organisation": own_organisation(organisations), "customer_id": customer.id}
    profile = make.InvoiceProfileFactory(**owned, name="Pending", status=ProfileStatus.NDA_PENDING)
    assert partner.submit(url, **TERMS, invoice_profile_id=str(profile.id)).status_code == 303
    assert [each.invoice_profile_id for each in list_contracts(customer.id)] == [profile.id]

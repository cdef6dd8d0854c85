"""The forms of customers and of sets of default values offer what will be accepted."""

from typing import Any

import pytest

import models
from models.base import db
from models.enums import CatalogType, Role, StatusBehaviour, TemplatePurpose
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.contract_pages import list_options
from tests.support.two_organisations import TwoOrganisations, change_row, get_customer, own_organisation

# The fields that choose a template, with the pages of their forms.
TEMPLATE_FIELDS = [
    ("/admin/customers/new/", "review_template_id", TemplatePurpose.REVIEW),
    ("/admin/customers/edit/?id={customer}", "review_template_id", TemplatePurpose.REVIEW),
    ("/admin/default-values/new/", "review_template_id", TemplatePurpose.REVIEW),
    ("/admin/customers/edit/?id={customer}", "compliance_documents-0-template_id", TemplatePurpose.COMPLIANCE),
]


@pytest.mark.parametrize(("url", "field", "purpose"), TEMPLATE_FIELDS)
def test_templates_are_offered_by_their_purpose(
    organisations: TwoOrganisations, admin: Browser, url: str, field: str, purpose: TemplatePurpose
):
    """All were offered, and those of another purpose refused when the customer was saved."""
    organisation = own_organisation(organisations)
    added = {
        each: make.NotificationTemplateFactory(organisation=organisation, purpose=each).id for each in TemplatePurpose
    }
    make.NotificationTemplateFactory(organisation=organisation, purpose=purpose, active=False)
    page = admin.get(url.format(customer=organisations.own.customers[0])).text
    offered = {int(key) for key in list_options(page, field)}
    assert added[purpose] in offered
    purposes = {
        each.purpose
        for each in db.session.query(models.NotificationTemplate).filter(models.NotificationTemplate.id.in_(offered))
    }
    assert purposes == {purpose}


def test_every_template_that_is_offered_is_accepted_and_others_of_an_older_page_are_not(
    organisations: TwoOrganisations, admin: Browser
):
    organisation = own_organisation(organisations)
    added = {
        each: make.NotificationTemplateFactory(organisation=organisation, purpose=each).id for each in TemplatePurpose
    }
    url = f"/admin/customers/edit/?id={organisations.own.customers[0]}"
    for field, wanted in (
        ("review_template_id", TemplatePurpose.REVIEW),
        ("compliance_documents-0-template_id", TemplatePurpose.COMPLIANCE),
    ):
        for purpose, key in added.items():
            answer = admin.submit(url, **{field: str(key)})
            assert answer.status_code == (303 if purpose is wanted else 422), (field, purpose)


# --- Sets of default values ----------------------------------------------------------------------------------


def make_set(organisations: TwoOrganisations, **values: Any) -> models.DefaultValueSet:
    return make.DefaultValueSetFactory(organisation=own_organisation(organisations), values=values)


def test_a_set_fills_in_only_what_can_be_chosen_now(organisations: TwoOrganisations, agent: Browser):
    """A region that was switched off or deleted since, a status of another behaviour and the like stay blank."""
    organisation, customer = own_organisation(organisations), get_customer(organisations)
    wrong = {
        "region_id": make.CatalogItemFactory(organisation=organisation, active=False).id,
        "category_id": make.CatalogItemFactory(organisation=organisation, type=CatalogType.SEGMENT).id,
        "segment_id": 10**9,
        "status_id": make.CustomerStatusFactory(organisation=organisation, behaviour=StatusBehaviour.NONE).id,
        "review_template_id": make.NotificationTemplateFactory(
            organisation=organisation, purpose=TemplatePurpose.RESET
        ).id,
        "account_manager_id": make.UserFactory(organisation=organisation, role=Role.AGENT, active=False).id,
        "payment_terms_id": make.PaymentTermsFactory(organisation_id=organisations.foreign.id).id,
    }
    right = {"billing_day": 15, "risk": "High", "vat_rate_id": make.VatRateFactory(organisation=organisation).id}
    key = make_set(organisations, **wrong, **right).id
    filled = agent.get(f"/admin/customers/default-values/?defaults={key}").json
    assert {name: each["value"] for name, each in filled.items()} == {name: str(value) for name, value in right.items()}
    form = agent.read_form(f"/admin/customers/new/?defaults={key}")
    assert form["region_id"] == [""]
    assert form["vat_rate_id"] == [str(right["vat_rate_id"])]
    region = db.session.get_one(models.CatalogItem, wrong["region_id"])
    change_row(organisations, region, active=True)
    assert "region_id" in agent.get(f"/admin/customers/default-values/?defaults={key}").json
    assert customer.region_id != region.id

"""A field that is fixed while its row is in use offers nothing else, and says why."""

from collections.abc import Callable
from typing import Any

import pytest

import models
from models.base import db
from models.enums import CatalogType, StatusBehaviour, TemplatePurpose
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.contract_pages import list_options
from tests.support.two_organisations import TwoOrganisations, change_row, get_customer, own_organisation


def used_template(organisations: TwoOrganisations) -> models.NotificationTemplate:
    template = make.NotificationTemplateFactory(
        organisation=own_organisation(organisations), purpose=TemplatePurpose.REVIEW
    )
    change_row(organisations, get_customer(organisations), review_template_id=template.id)
    return template


def unused_template(organisations: TwoOrganisations) -> models.NotificationTemplate:
    return make.NotificationTemplateFactory(
        organisation=own_organisation(organisations), purpose=TemplatePurpose.REVIEW
    )


def used_region(organisations: TwoOrganisations) -> models.CatalogItem:
    return db.session.get_one(models.CatalogItem, get_customer(organisations).region_id)


def unused_region(organisations: TwoOrganisations) -> models.CatalogItem:
    return make.CatalogItemFactory(organisation=own_organisation(organisations), type=CatalogType.REGION)


def last_billing_status(organisations: TwoOrganisations) -> models.CustomerStatus:
    statuses = db.session.query(models.CustomerStatus).filter_by(
        organisation_id=organisations.own.id, behaviour=StatusBehaviour.BILL
    )
    first, *others = statuses.order_by(models.CustomerStatus.id)
    for other in others:
        change_row(organisations, other, active=False)
    return first


def one_of_two_billing_statuses(organisations: TwoOrganisations) -> models.CustomerStatus:
    make.CustomerStatusFactory(organisation=own_organisation(organisations), behaviour=StatusBehaviour.BILL)
    return last_billing_status(organisations)


def organisation_with_amounts(organisations: TwoOrganisations) -> models.Organisation:
    return own_organisation(organisations)


CASES: list[tuple[str, str, Callable[[TwoOrganisations], Any], str]] = [
    ("templates", "purpose", used_template, "in use, so its purpose cannot be changed"),
    ("catalogs", "type", used_region, "in use, so it cannot be moved"),
    ("statuses", "behaviour", last_billing_status, "At least one active status must bill"),
    ("organisations", "currency", organisation_with_amounts, "The currency cannot be changed"),
]


@pytest.mark.parametrize(("endpoint", "field", "make_row", "reason"), CASES)
def test_what_is_fixed_offers_nothing_else_and_says_why(
    organisations: TwoOrganisations,
    admin: Browser,
    endpoint: str,
    field: str,
    make_row: Callable[[TwoOrganisations], Any],
    reason: str,
):
    row = make_row(organisations)
    url, value = f"/admin/{endpoint}/edit/?id={row.id}", str(getattr(row, field))
    page = admin.get(url).text
    assert list_options(page, field) == [value]
    assert reason in page
    others = {"purpose": "set password", "type": "segment", "behaviour": "none", "currency": "CHF"}
    answer = admin.submit(url, **{field: others[field]})
    assert answer.status_code == 422, "an older page"
    assert reason in answer.text
    assert admin.submit(url).status_code == 303


@pytest.mark.parametrize(
    ("endpoint", "field", "make_row", "members"),
    [
        ("templates", "purpose", unused_template, TemplatePurpose),
        ("catalogs", "type", unused_region, CatalogType),
    ],
)
def test_what_is_not_in_use_can_be_changed(
    organisations: TwoOrganisations,
    admin: Browser,
    endpoint: str,
    field: str,
    make_row: Callable[[TwoOrganisations], Any],
    members: Any,
):
    url = f"/admin/{endpoint}/edit/?id={make_row(organisations).id}"
    assert list_options(admin.get(url).text, field) == [each.value for each in members]
    assert list_options(admin.get(f"/admin/{endpoint}/new/").text, field) == [each.value for each in members]

"""What partners and customers see: their own, as far as it is open to them."""

from typing import Any

import pytest

import models
from models.base import db
from models.enums import PortalPermission, Role
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.two_organisations import TwoOrganisations, change_row

P = PortalPermission


def test_a_partner_sees_the_customers_of_their_dealer(organisations: TwoOrganisations, as_role: Any):
    other = make.DealerFactory(organisation=db.session.get_one(models.Organisation, organisations.own.id))
    change_row(organisations, db.session.get_one(models.Customer, organisations.own.customers[1]), dealer_id=other.id)
    page = as_role(Role.PARTNER).get("/partner/").text
    assert "Our Telecom customer 0" in page
    assert "Our Telecom customer 2" in page
    assert "Our Telecom customer 1" not in page
    assert "Their Telecom" not in page


def test_a_partner_of_whom_nothing_is_known_sees_an_empty_page(organisations: TwoOrganisations):
    lonely = make.UserFactory(
        organisation=db.session.get_one(models.Organisation, organisations.own.id), role=Role.PARTNER
    ).id
    db.session.commit()
    page = Browser(organisations.app, lonely).get("/partner/").text
    assert "No customers yet" in page
    assert "customer 0" not in page


@pytest.mark.parametrize(
    ("permissions", "balance", "documents"),
    [
        ([P.DASHBOARD, P.DOCUMENTS], True, True),
        ([P.DASHBOARD], True, False),
        ([P.DOCUMENTS], False, True),
        ([P.CONTRACTS], False, False),
        ([], False, False),
        ([P.DENY_ALL, P.DASHBOARD, P.DOCUMENTS], False, False),
    ],
)
def test_the_portal_shows_what_is_permitted(
    organisations: TwoOrganisations, as_role: Any, permissions: Any, balance: bool, documents: bool
):
    user = db.session.get_one(models.User, organisations.own.users[Role.CUSTOMER])
    change_row(organisations, user, portal_permissions=[each.value for each in permissions])
    page = as_role(Role.CUSTOMER).get("/portal/").text
    assert ("Balance" in page) == balance
    assert ("ISO 27001" in page) == documents


def test_a_closed_portal_says_so_and_shows_nothing(organisations: TwoOrganisations, as_role: Any):
    change_row(organisations, db.session.get_one(models.Customer, organisations.own.customers[0]), portal_access=False)
    page = as_role(Role.CUSTOMER).get("/portal/").text
    assert "Not available yet" in page
    assert "Balance" not in page
    assert "ISO 27001" not in page


def test_the_portal_holds_nobody_elses(organisations: TwoOrganisations, as_role: Any):
    change_row(
        organisations,
        db.session.get_one(models.Customer, organisations.own.customers[1]).compliance_documents[0],
        certificate="Not theirs",
    )
    page = as_role(Role.CUSTOMER).get("/portal/").text
    assert "Our Telecom customer 0" in page
    for foreign in ("Our Telecom customer 1", "Not theirs", "Their Telecom"):
        assert foreign not in page

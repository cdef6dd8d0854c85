"""What partners and customers see: their own, as far as it is open to them."""

from typing import Any

import pytest

import models
from customerhub import history
from customerhub.permissions import Actor
from models.base import db
from models.enums import PortalPermission, Role
from tests import factories as make
from tests.browsing import Browser
from tests.world import World

P = PortalPermission


def change(world: World, row: Any, **values: Any) -> None:
    with history.acting(Actor(None, world.ours.id), "test"):
        for name, value in values.items():
            setattr(row, name, value)
        db.session.commit()


def test_a_partner_sees_the_customers_of_their_dealer(world: World, as_role: Any):
    other = make.DealerFactory(organisation=db.session.get_one(models.Organisation, world.ours.id))
    change(world, db.session.get_one(models.Customer, world.ours.customers[1]), dealer_id=other.id)
    page = as_role(Role.PARTNER).get("/partner/").text
    assert "Our Telecom customer 0" in page
    assert "Our Telecom customer 2" in page
    assert "Our Telecom customer 1" not in page
    assert "Their Telecom" not in page


def test_a_partner_of_whom_nothing_is_known_sees_an_empty_page(world: World):
    lonely = make.UserFactory(organisation=db.session.get_one(models.Organisation, world.ours.id), role=Role.PARTNER).id
    db.session.commit()
    page = Browser(world.app, lonely).get("/partner/").text
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
    world: World, as_role: Any, permissions: Any, balance: bool, documents: bool
):
    user = db.session.get_one(models.User, world.ours.users[Role.CUSTOMER])
    change(world, user, portal_permissions=[each.value for each in permissions])
    page = as_role(Role.CUSTOMER).get("/portal/").text
    assert ("Balance" in page) == balance
    assert ("ISO 27001" in page) == documents


def test_a_closed_portal_says_so_and_shows_nothing(world: World, as_role: Any):
    change(world, db.session.get_one(models.Customer, world.ours.customers[0]), portal_access=False)
    page = as_role(Role.CUSTOMER).get("/portal/").text
    assert "Not open yet" in page
    assert "Balance" not in page
    assert "ISO 27001" not in page


def test_the_portal_holds_nobody_elses(world: World, as_role: Any):
    change(
        world,
        db.session.get_one(models.Customer, world.ours.customers[1]).compliance_documents[0],
        certificate="Not theirs",
    )
    page = as_role(Role.CUSTOMER).get("/portal/").text
    assert "Our Telecom customer 0" in page
    for foreign in ("Our Telecom customer 1", "Not theirs", "Their Telecom"):
        assert foreign not in page

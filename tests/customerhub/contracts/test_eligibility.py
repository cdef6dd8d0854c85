"""Who is offered where a contract or order is made is who is accepted: one rule, held against a slow one by hand."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from sqlalchemy import select

import models
from customerhub.contracts.contracts import add_contract
from customerhub.contracts.eligibility import NOT_LIVE, NOT_NOW, build_eligible_condition, refusal_reason
from customerhub.core.errors import WrongState
from customerhub.core.organisation_dates import organisation_today
from customerhub.core.permissions import Actor
from customerhub.customers.search import list_suggestions
from models.base import db
from models.enums import Role, Stage, StatusBehaviour
from tests.support import factories as make
from tests.support.two_organisations import TwoOrganisations, own_organisation

LISTINGS = ("none", "record", "identity", "registration", "ended", "removed")


def _make_customers(
    organisations: TwoOrganisations, listings: Sequence[str] = LISTINGS, **values: Any
) -> Iterator[tuple[models.Customer, bool]]:
    """(customer, whether it may enter a contract) for every combination of what decides."""
    organisation = own_organisation(organisations)
    statuses = {each: make.CustomerStatusFactory(organisation=organisation, behaviour=each) for each in StatusBehaviour}
    choices = product((Stage.BILLING, Stage.PASSED), StatusBehaviour, listings, (True, False), (True, False))
    for number, (stage, behaviour, listing, is_prospect, has_department) in enumerate(choices):
        customer = make.CustomerFactory(
            organisation=organisation,
            name=f"Zebra {number}",
            stage=stage,
            status_id=statuses[behaviour].id,
            is_prospect=is_prospect,
            identity_number=f"ID {number}",
            registration_number=f"HRB {number}",
            **values | ({} if has_department else {"departments": []}),
        )
        _list(organisations, customer, listing)
        is_listed = listing in ("record", "identity", "registration")
        is_complete = is_prospect or has_department
        is_billing = stage is Stage.BILLING and behaviour is not StatusBehaviour.NONE
        yield customer, is_billing and is_complete and not is_listed


def _list(organisations: TwoOrganisations, customer: models.Customer, listing: str) -> None:
    """Put `customer` on the blacklist, in one of the ways in which one matches or no longer does."""
    today = organisation_today(organisations.own.id)
    values: dict[str, dict[str, Any]] = {
        "record": {"customer_id": customer.id, "valid_until": today},
        "identity": {"identity_number": customer.identity_number.lower().replace(" ", "-"), "valid_until": None},
        "registration": {"registration_number": customer.registration_number},
        "ended": {"customer_id": customer.id, "valid_until": today - timedelta(days=1)},
        "removed": {"customer_id": customer.id, "removed_at": datetime(2025, 1, 1, tzinfo=UTC)},
    }
    if listing != "none":
        numbers = {"registration_number": None} | values[listing]
        make.BlacklistEntryFactory(organisation=own_organisation(organisations), **numbers)


def test_those_who_are_offered_are_those_who_are_accepted(organisations: TwoOrganisations):
    """Against the rule in plain words, for every combination; look-ups offer the same customers."""
    expected = {customer.id: may for customer, may in _make_customers(organisations)}
    assert {True, False} == set(expected.values())
    db.session.commit()
    actor = Actor.from_user(db.session.get_one(models.User, organisations.own.users[Role.AGENT]))
    condition = build_eligible_condition(organisations.own.id)
    offered = set(db.session.scalars(select(models.Customer.id).where(models.Customer.id.in_(expected), condition)))
    assert offered == {key for key, may in expected.items() if may}
    for key, may in expected.items():
        customer = db.session.get_one(models.Customer, key)
        assert (refusal_reason(customer, actor=actor) is None) is may, customer
    for search_text in ("zebra", "ZEBRA", "ebra"):
        found = list_suggestions(search_text, actor, 20, condition=condition)
        assert len(found) == 20
        assert {each.id for each in found} <= offered, search_text


@pytest.mark.parametrize("role", [Role.AGENT, Role.PARTNER])
def test_each_refusal_says_why_as_far_as_one_may_know(organisations: TwoOrganisations, role: Role):
    actor = Actor.from_user(db.session.get_one(models.User, organisations.own.users[role]))
    customers = list(_make_customers(organisations, LISTINGS[:2], dealer_id=actor.access_scope.dealer_id))
    for customer in (each for each, may in customers if not may):
        reason = refusal_reason(customer, actor=actor)
        if role is Role.PARTNER:
            assert reason == (NOT_NOW if customer.stage is Stage.BILLING else NOT_LIVE)
        elif customer.stage is not Stage.BILLING:
            assert reason == f"{NOT_LIVE}. {customer} is in {customer.stage.value}"
        else:
            assert any(words in (reason or "") for words in ("blacklisted", "cannot have contracts", "departments"))
        with pytest.raises(WrongState):
            add_contract(customer, name="A", start_date=date(2025, 1, 31), actor=actor)

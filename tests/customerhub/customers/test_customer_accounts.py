"""The accounts of a customer, and its markups per call class."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

import models
from customerhub.core import history
from customerhub.core.errors import Invalid, StillLinked
from customerhub.core.permissions import Actor
from customerhub.customers.merging import merge_customers
from customerhub.customers.records import save_customer
from models import Account, CallMarkup, Customer
from models.base import db
from models.enums import CallClass, CatalogType, Role
from tests.customerhub.conftest import actor_of
from tests.customerhub.customers.test_records import build_customer
from tests.support import factories as make
from tests.support.two_organisations import TwoOrganisations, get_customer, own_organisation


@pytest.fixture
def actor(organisations: TwoOrganisations) -> Iterator[Actor]:
    """Our agent, who acts during the test."""
    agent = actor_of(organisations, Role.AGENT)
    with history.act_as(agent, "test"):
        yield agent


def problems_of(customer: Customer, actor: Actor) -> dict[str | None, str]:
    with pytest.raises(Invalid) as error_info:
        save_customer(customer, actor=actor)
    db.session.rollback()
    return dict(error_info.value.problems)


def list_accounts(customer: Customer) -> list[tuple[str, bool, str | None]]:
    accounts = select(Account).where(Account.customer_id == customer.id).order_by(Account.id)
    return [(each.number, each.is_main, each.purpose) for each in db.session.scalars(accounts)]


def test_the_first_account_is_the_main_one(organisations: TwoOrganisations, actor: Actor):
    customer = build_customer(organisations, accounts=[Account(purpose="Lease"), Account(number="U-1"), Account()])
    save_customer(customer, actor=actor)
    number = int(customer.account_number)
    assert list_accounts(customer) == [
        (str(number), True, "Lease"),
        ("U-1", False, None),
        (str(number + 1), False, None),
    ]


@pytest.mark.parametrize(
    ("account_number", "main_number", "expected"),
    [(None, "M-1", "M-1"), ("C-1", None, "C-1"), ("C-1", "M-1", "C-1")],
)
def test_the_customer_and_its_main_account_have_one_number(
    organisations: TwoOrganisations, actor: Actor, account_number: str | None, main_number: str | None, expected: str
):
    customer = build_customer(organisations, account_number=account_number, accounts=[Account(number=main_number)])
    save_customer(customer, actor=actor)
    assert customer.account_number == expected
    assert list_accounts(customer) == [(expected, True, None)]


def test_either_number_follows_the_other(organisations: TwoOrganisations, actor: Actor):
    customer = get_customer(organisations)
    customer.accounts[0].number = "NEW-1"
    save_customer(customer, actor=actor)
    assert customer.account_number == "NEW-1"
    customer.account_number = "NEW-2"
    save_customer(customer, actor=actor)
    assert customer.accounts[0].number == "NEW-2"
    customer.accounts[0].number = None
    save_customer(customer, actor=actor)
    assert (customer.account_number, customer.accounts[0].number) == ("NEW-2", "NEW-2")


def test_an_account_has_a_type_a_purpose_and_an_entity_of_ours(organisations: TwoOrganisations, actor: Actor):
    organisation, customer = own_organisation(organisations), get_customer(organisations)
    kind = make.CatalogItemFactory(organisation=organisation, type=CatalogType.ACCOUNT_TYPE)
    entity = make.BusinessEntityFactory(organisation=organisation)
    customer.accounts.append(Account(type_id=kind.id, purpose=" Lease ", business_entity_id=entity.id))
    save_customer(customer, actor=actor)
    account = customer.accounts[-1]
    assert (account.purpose, account.type_id, account.business_entity_id) == ("Lease", kind.id, entity.id)
    assert account.number.isdigit()
    assert not account.is_main


@pytest.mark.parametrize(
    ("build_values", "field"),
    [
        (lambda foreign, own: {"type_id": own.row_id(models.CatalogItem)}, "type_id"),
        (lambda foreign, own: {"type_id": foreign.row_id(models.CatalogItem)}, "type_id"),
        (lambda foreign, own: {"business_entity_id": foreign.row_id(models.BusinessEntity)}, "business_entity_id"),
        (lambda foreign, own: {"purpose": "x" * 121}, "purpose"),
        (lambda foreign, own: {"number": "TAKEN"}, "number"),
    ],
)
def test_what_an_account_may_not_have(organisations: TwoOrganisations, actor: Actor, build_values: Any, field: str):
    make.AccountFactory(
        organisation=own_organisation(organisations), customer_id=organisations.own.customers[1], number="TAKEN"
    )
    customer = get_customer(organisations)
    customer.accounts.append(Account(**build_values(organisations.foreign, organisations.own)))
    position = len(customer.accounts) - 1
    assert list(problems_of(customer, actor)) == [f"accounts.{position}.{field}"]


def test_two_accounts_of_one_form_do_not_share_a_number(organisations: TwoOrganisations, actor: Actor):
    customer = build_customer(organisations, accounts=[Account(), Account(number="X"), Account(number="X"), Account()])
    assert problems_of(customer, actor) == {"accounts.2.number": "Another account has this number"}


def test_the_main_account_stays(organisations: TwoOrganisations, actor: Actor):
    customer = get_customer(organisations)
    customer.accounts = [each for each in customer.accounts if not each.is_main]
    assert problems_of(customer, actor) == {"accounts": "The main account cannot be removed"}


def test_an_account_in_use_stays(organisations: TwoOrganisations, actor: Actor):
    organisation, customer = own_organisation(organisations), get_customer(organisations)
    owned = {"organisation": organisation, "customer_id": customer.id}
    make.AccountFactory(**owned, number="OWES", balance=Decimal(5))
    make.AccountFactory(**owned, number="SIGNED")
    db.session.commit()
    account_id = db.session.scalar(select(Account.id).where(Account.number == "SIGNED"))
    contract = make.ContractFactory(**owned, account_id=account_id)
    db.session.commit()
    for number, message in (("OWES", "has a balance of 5.00"), ("SIGNED", f"belongs to contract {contract.number}")):
        customer = get_customer(organisations)
        customer.accounts.remove(next(each for each in customer.accounts if each.number == number))
        with pytest.raises(StillLinked, match=message):
            save_customer(customer, actor=actor)
        db.session.rollback()


# --- Markups ---------------------------------------------------------------------------------------------------------


def test_a_markup_of_nothing_is_a_markup(organisations: TwoOrganisations, actor: Actor):
    markups = [CallMarkup(call_class=CallClass.MOBILE, percent=Decimal(0))]
    customer = build_customer(organisations, call_markups=markups)
    save_customer(customer, actor=actor)
    assert db.session.scalars(select(CallMarkup.percent).where(CallMarkup.customer_id == customer.id)).all() == [0]


@pytest.mark.parametrize(
    ("percents", "field"),
    [((None,), "0.percent"), ((-101,), "0.percent"), ((1001,), "0.percent"), ((5, 6), "1.call_class")],
)
def test_a_call_class_has_one_markup_within_bounds(
    organisations: TwoOrganisations, actor: Actor, percents: tuple[int | None, ...], field: str
):
    markups = [
        CallMarkup(call_class=CallClass.MOBILE, percent=None if percent is None else Decimal(percent))
        for percent in percents
    ]
    problems = problems_of(build_customer(organisations, call_markups=markups), actor)
    assert list(problems) == [f"call_markups.{field}"]


@pytest.mark.parametrize(
    ("side", "call_class", "percent"),
    [("own", "inbound", 1001), ("own", "inbound", -101), ("foreign", "inbound", 1), ("own", "mobile", 1)],
)
def test_the_database_guards_markups(organisations: TwoOrganisations, side: str, call_class: str, percent: int):
    """Their bounds, the tenant, and that there is one for each class."""
    customer_id = getattr(organisations, side).customers[1]
    markup = CallMarkup(customer_id=customer_id, call_class=CallClass(call_class), percent=Decimal(percent))
    markup.organisation_id = organisations.own.id
    db.session.add(markup)
    with history.act_as(Actor(None, organisations.own.id), "test"), pytest.raises(IntegrityError):
        db.session.flush()
    db.session.rollback()


def test_the_history_has_markups_and_accounts(organisations: TwoOrganisations, actor: Actor):
    customer = get_customer(organisations)
    with db.session.no_autoflush:
        customer.accounts.append(Account(purpose="Lease"))
        customer.call_markups.append(CallMarkup(call_class=CallClass.PREMIUM, percent=Decimal(30)))
        save_customer(customer, actor=actor)
    entries = db.session.scalars(select(models.History).order_by(models.History.id.desc()).limit(2)).all()
    assert {entry.table_name for entry in entries} == {"account", "call_markup"}
    assert {entry.customer_id for entry in entries} == {customer.id}


def test_merging_joins_markups_and_accounts(organisations: TwoOrganisations):
    survivor, other = get_customer(organisations, 0), get_customer(organisations, 1)
    manager = actor_of(organisations, Role.MANAGER)
    with history.act_as(manager, "test"):
        other.call_markups.append(CallMarkup(call_class=CallClass.NATIONAL, percent=Decimal(7)))
        other.call_markups[0].percent = Decimal(99)
        save_customer(other, actor=manager)
        merge_customers(survivor, other, actor=manager)
    db.session.expire_all()
    assert {each.call_class: each.percent for each in survivor.call_markups} == {
        CallClass.MOBILE: Decimal("12.5"),
        CallClass.NATIONAL: Decimal(7),
    }
    assert [each.is_main for each in survivor.accounts].count(True) == 1
    assert len(survivor.accounts) >= 2

"""Organisations: what may be saved, what stays, and who may."""

from decimal import Decimal
from typing import Any

import pytest

from customerhub.core.errors import Conflict, Invalid, NotAllowed
from customerhub.core.permissions import Actor
from customerhub.setup.rows import clean_reminder_days, save_organisation
from models import Organisation, User
from models.base import db
from tests.customerhub.setup.test_setup_rows import problem_fields, refused_error
from tests.support import factories as make
from tests.support.two_organisations import TwoOrganisations


def test_organisations_that_differ_in_case_are_one(organisations: TwoOrganisations, admin: Actor):
    person = Actor.from_user(db.session.get_one(User, organisations.platform_user))
    duplicate = Organisation(name=" OUR telecom", currency="EUR", country="DE", timezone="UTC", reminder_days="30")
    error = refused_error(duplicate, person, Conflict, save_organisation)
    assert (error.field, error.message) == ("name", "This name is already in use")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("currency", "EURO"),
        ("currency", "XYZ"),
        ("currency", ""),
        ("country", "ZZ"),
        ("country", "DEU"),
        ("country", "１２"),
        ("timezone", "Europe/Nowhere"),
        ("timezone", "../../etc/passwd"),
        ("timezone", ""),
        ("reminder_days", "0"),
        ("reminder_days", "x"),
        ("reminder_days", "366"),
        ("reminder_days", ""),
        ("signatory_email", "nobody"),
        ("sender_email", "a@b.example\nBcc: c@d.example"),
        ("name", " "),
        ("nda_template", "a\x00b"),
    ],
)
def test_a_bad_value_of_an_organisation_is_shown_at_its_field(
    organisations: TwoOrganisations, admin: Actor, field: str, value: str
):
    organisation = db.session.get_one(Organisation, organisations.own.id)
    setattr(organisation, field, value)
    assert problem_fields(refused_error(organisation, admin, save=save_organisation)) == {field}


def test_codes_are_kept_in_capitals(organisations: TwoOrganisations, admin: Actor):
    organisation = make.OrganisationFactory()
    organisation.currency, organisation.country = "chf", "ch"
    save_organisation(organisation, actor=Actor(None, organisation.id))
    assert (organisation.currency, organisation.country) == ("CHF", "CH")


@pytest.mark.parametrize(("currency", "places"), [("KWD", 3), ("BHD", 3), ("JPY", 0), ("CLF", 4)])
def test_a_currency_without_cents_is_refused(organisations: TwoOrganisations, admin: Actor, currency: str, places: int):
    organisation = make.OrganisationFactory()
    organisation.currency = currency
    error = refused_error(organisation, Actor(None, organisation.id), save=save_organisation)
    assert problem_fields(error) == {"currency"}
    assert f"{currency} has {places} decimal places" in error.message


@pytest.mark.parametrize(
    "amount",
    [
        {"credit_limit": Decimal(5)},
        {"total_spend": Decimal(0)},
        {"low_usage_minimum": Decimal(1)},
        {"balance": Decimal("-0.01")},
        {"line": True},
    ],
)
def test_the_currency_stays_once_there_are_amounts(
    organisations: TwoOrganisations, admin: Actor, amount: dict[str, Any]
):
    organisation = make.OrganisationFactory()
    customer = make.CustomerFactory(organisation=organisation)
    system = Actor(None, organisation.id)
    organisation.currency = "USD"
    save_organisation(organisation, actor=system)
    for name, value in amount.items():
        if name == "line":
            make.BillingLineFactory(organisation=organisation, customer_id=customer.id)
        else:
            setattr(customer.accounts[0] if name == "balance" else customer, name, value)
    db.session.commit()
    organisation.currency = "eur"
    error = refused_error(organisation, system, save=save_organisation)
    assert (problem_fields(error), error.message) == (
        {"currency"},
        "The currency cannot be changed: there are amounts in USD",
    )
    organisation.currency, organisation.country = "usd", "us"
    save_organisation(organisation, actor=system)


def test_nobody_switches_off_the_organisation_they_work_in(organisations: TwoOrganisations, admin: Actor):
    organisation = db.session.get_one(Organisation, organisations.own.id)
    organisation.active = False
    assert refused_error(organisation, admin, NotAllowed, save_organisation)


def test_only_the_grant_platform_makes_organisations(organisations: TwoOrganisations, admin: Actor):
    assert refused_error(Organisation(name="New"), admin, NotAllowed, save_organisation)
    foreign_organisation = db.session.get_one(Organisation, organisations.foreign.id)
    foreign_organisation.name = "Ours now"
    assert refused_error(foreign_organisation, admin, NotAllowed, save_organisation)
    person = Actor.from_user(db.session.get_one(User, organisations.platform_user))
    new_organisation = Organisation(name="New", currency="EUR", country="DE", timezone="UTC", reminder_days="30")
    assert save_organisation(new_organisation, actor=person).id


@pytest.mark.parametrize(("text", "cleaned"), [("1, 7;30 , 7", "30, 7, 1"), ("365", "365")])
def test_reminder_days_are_sorted(text: str, cleaned: str):
    assert clean_reminder_days(text) == cleaned


@pytest.mark.parametrize("text", ["1,2,3,4,5,6,7,8,9,10,11,12,13", "9" * 5000, "-1", "1.5", "²"])
def test_reminder_days_that_cannot_be(text: str):
    with pytest.raises(Invalid):
        clean_reminder_days(text)

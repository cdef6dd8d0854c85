"""What a set of default values keeps, and what comes out of it."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

import models
from customerhub.core import history
from customerhub.core.errors import Conflict, Invalid, NotAllowed, NotFound
from customerhub.core.permissions import Actor
from customerhub.custom_fields.fields import remove_field, save_field
from customerhub.customers import default_values
from models import BillingLine, CallMarkup, CustomField, CustomFieldChoice
from models.base import db
from models.enums import CallClass, CustomFieldKind, EmptyOrLow, Risk, Role
from tests.customerhub.conftest import actor_of
from tests.support import factories as make
from tests.support.custom_fields import add_field
from tests.support.two_organisations import TwoOrganisations, own_organisation


@pytest.fixture
def manager(organisations: TwoOrganisations) -> Iterator[Actor]:
    """Our manager, who acts during the test."""
    actor = actor_of(organisations, Role.MANAGER)
    with history.act_as(actor, "test"):
        yield actor


def save(actor: Actor, name: str = "Offices", replaced: Any = None, **values: Any) -> models.DefaultValueSet:
    return default_values.save_value_set(name, values, replaced=replaced, actor=actor)


def read(organisations: TwoOrganisations, **values: Any) -> dict[str, Any]:
    return default_values.read_values(values, organisations.own.id)


def test_every_kind_of_value_comes_back(organisations: TwoOrganisations):
    own = organisations.own
    line = BillingLine(commodity_id=own.row_id(models.Commodity), minimum_cost=Decimal("10.00"))
    values = {
        "risk": Risk.HIGH,
        "empty_or_low": EmptyOrLow.CHARGE,
        "start_date": date(2025, 1, 31),
        "credit_limit": Decimal("1234.50"),
        "billing_day": 15,
        "portal_access": False,
        "relationship_note": "Old friends",
        "region_id": own.row_id(models.CatalogItem),
        "departments": [own.row_id(models.Department)],
        "correspondence_modes": ["email", "post"],
        "billing_lines": [line],
        "call_markups": [CallMarkup(call_class=CallClass.MOBILE, percent=Decimal("12.5"))],
    }
    region = db.session.get_one(models.CatalogItem, values["region_id"])
    expected = dict(values) if region.type.value == "region" else {k: v for k, v in values.items() if k != "region_id"}
    found = read(organisations, **default_values.encode_values(values))
    (found_line,), (found_markup,) = found.pop("billing_lines"), found.pop("call_markups")
    assert (found_line.commodity_id, found_line.minimum_cost) == (line.commodity_id, line.minimum_cost)
    assert (found_markup.call_class, found_markup.percent) == (CallClass.MOBILE, Decimal("12.5"))
    assert found == {name: value for name, value in expected.items() if name not in ("billing_lines", "call_markups")}
    assert not list(db.session.new)


def test_what_names_a_customer_is_never_part_of_a_set():
    names = ("name", "reference", "account_number", "email", "vat_number", "stage", "organisation_id", "contacts")
    assert default_values.encode_values(dict.fromkeys(names, "x")) == {}


@pytest.mark.parametrize(
    "values",
    [
        {"risk": "Extreme"},
        {"risk": ["High"]},
        {"billing_day": "15"},
        {"billing_day": True},
        {"credit_limit": "NaN"},
        {"credit_limit": "1e400"},
        {"credit_limit": None},
        {"start_date": "31/01/2025"},
        {"start_date": 5},
        {"portal_access": "yes"},
        {"relationship_note": 7},
        {"region_id": "1"},
        {"region_id": 10**12},
        {"departments": "abc"},
        {"departments": [{}, None, "1"]},
        {"correspondence_modes": ["pigeon"]},
        {"billing_lines": [{"commodity_id": 10**12, "minimum_cost": "1"}, [], "x", {}]},
        {"call_markups": {"call_class": "mobile"}},
        {"nobody": 1},
    ],
)
def test_what_is_no_value_is_left_out(organisations: TwoOrganisations, values: dict[str, Any]):
    assert read(organisations, **values) == {}


def test_rows_of_another_organisation_are_left_out(organisations: TwoOrganisations):
    foreign = organisations.foreign
    values = {
        "account_manager_id": foreign.users[Role.AGENT],
        "departments": [foreign.row_id(models.Department)],
        "billing_lines": [{"commodity_id": foreign.row_id(models.Commodity)}],
    }
    assert read(organisations, **values) == {}
    lines = [
        {"commodity_id": organisations.own.row_id(models.Commodity), "location_id": foreign.row_id(models.Location)}
    ]
    (line,) = read(organisations, billing_lines=lines)["billing_lines"]
    assert line.location_id is None


def test_a_set_is_saved_and_replaced(organisations: TwoOrganisations, manager: Actor):
    value_set = save(manager, billing_day=15, name_of_nothing=1)
    assert (value_set.values, value_set.organisation_id) == ({"billing_day": 15}, organisations.own.id)
    save(manager, replaced=value_set, billing_day=20, risk="Low")
    assert (value_set.name, value_set.values) == ("Offices", {"billing_day": 20, "risk": "Low"})


def test_what_cannot_be_saved(organisations: TwoOrganisations, manager: Actor):
    foreign_set = make.DefaultValueSetFactory(
        organisation=db.session.get_one(models.Organisation, organisations.foreign.id)
    )
    make.DefaultValueSetFactory(organisation=own_organisation(organisations), name="Offices")
    db.session.commit()
    refusals = (
        (Invalid, lambda: save(manager)),
        (Invalid, lambda: save(manager, "  ", billing_day=1)),
        (Invalid, lambda: save(manager, "x" * 121, billing_day=1)),
        (Conflict, lambda: save(manager, "OFFICES", billing_day=1)),
        (NotFound, lambda: save(manager, replaced=foreign_set, billing_day=1)),
        (NotAllowed, lambda: save(actor_of(organisations, Role.AGENT), billing_day=1)),
    )
    for kind, attempt in refusals:
        with pytest.raises(kind):
            attempt()
        db.session.rollback()


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (CustomFieldKind.TEXT, [7, "x" * 400, ["a"], "\x00"]),
        (CustomFieldKind.NUMBER, ["NaN", "1e99", "1.00001", 7, True]),
        (CustomFieldKind.DATE, ["2026-02-30", "1066-10-14", 20260131]),
        (CustomFieldKind.CHOICE, ["1", True, 999_999]),
        (CustomFieldKind.YES_NO, ["yes", 1]),
    ],
)
def test_what_a_custom_field_cannot_hold_is_left_out(
    organisations: TwoOrganisations, admin: Actor, kind: CustomFieldKind, values: list[Any]
):
    definition = add_field(admin, kind)
    for value in values:
        assert read(organisations, **{definition.name: value}) == {}


def test_a_choice_that_is_no_longer_offered_and_a_removed_field_are_left_out(
    organisations: TwoOrganisations, admin: Actor
):
    definition = add_field(admin, CustomFieldKind.CHOICE)
    values = {definition.name: definition.choices[0].id}
    assert read(organisations, **values) == values
    db.session.get_one(CustomFieldChoice, definition.choices[0].id).active = False
    field = db.session.get_one(CustomField, definition.id)
    save_field(field, actor=admin)
    assert read(organisations, **values) == {}
    other = {definition.name: definition.choices[1].id}
    assert read(organisations, **other) == other
    remove_field(field, actor=admin)
    assert read(organisations, **other) == {}

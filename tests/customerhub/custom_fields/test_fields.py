"""Setting up custom fields: what may be added, changed and removed, and that it is known at once."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from customerhub.core.errors import Conflict, Invalid, NotAllowed, NotFound, StillLinked, WrongState
from customerhub.core.permissions import Actor
from customerhub.custom_fields import fields
from customerhub.custom_fields.definitions import find_definition, list_definitions
from customerhub.custom_fields.fields import build_key, move_field, remove_field, save_field
from customerhub.custom_fields.places import CUSTOMER_TABS
from customerhub.customers.form_layout import SECTIONS
from customerhub.customers.records import save_customer
from jobs.housekeeping import delete_removed_values
from models import CustomField, CustomFieldChoice, History
from models.base import db
from models.custom_fields import VALUE_TABLES
from models.enums import CustomFieldKind, CustomFieldOwner, FieldRequirement, Role
from tests.customerhub.conftest import actor_of
from tests.support.custom_fields import add_field, get_definition
from tests.support.two_organisations import TwoOrganisations, get_customer

K, CUSTOMER = CustomFieldKind, CustomFieldOwner.CUSTOMER


def get_field(definition: Any) -> CustomField:
    return db.session.get_one(CustomField, definition.id)


def list_labels(organisation_id: int, owner: CustomFieldOwner = CUSTOMER) -> list[str]:
    return [each.label for each in list_definitions(owner, organisation_id)]


# --- Adding --------------------------------------------------------------------------------------------------------


def test_a_new_field_is_known_at_once_and_to_its_organisation_alone(organisations: TwoOrganisations, admin: Actor):
    before = list_labels(organisations.own.id)
    definition = add_field(admin, K.CHOICE, "  Contract class ", choices=("A", "B"), tab="billing")
    assert (definition.key, definition.name, definition.label) == (
        "contract_class",
        "custom_contract_class",
        "Contract class",
    )
    assert [choice.label for choice in definition.choices] == ["A", "B"]
    assert list_labels(organisations.own.id) == [*before, "Contract class"]
    assert "Contract class" not in list_labels(organisations.foreign.id)
    assert "Contract class" not in list_labels(organisations.own.id, CustomFieldOwner.CONTRACT)


@given(label=st.text(max_size=90), taken=st.sets(st.sampled_from(["field", "a", "a_2", "contract_class"])))
def test_keys_are_plain_short_and_new(label: str, taken: set[str]):
    key = build_key(label, taken)
    assert key not in taken
    assert 0 < len(key) <= 40
    assert all(character.isascii() and (character.isalnum() or character == "_") for character in key)


def test_a_label_is_used_once_until_its_field_is_removed_and_a_key_never_again(
    organisations: TwoOrganisations, admin: Actor
):
    first = add_field(admin, name="Site code")
    db.session.commit()
    with pytest.raises(Conflict):
        add_field(admin, name="SITE  cöde")
    db.session.rollback()
    remove_field(get_field(first), actor=admin)
    again = add_field(admin, name="Site code")
    assert (first.key, again.key) == ("site_code", "site_code_2")


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"tab": "addresses"}, "tab"),
        ({"owner": CustomFieldOwner.CONTRACT, "requirement": FieldRequirement.ALWAYS}, "requirement"),
        ({"kind": K.CHOICE, "choices": ()}, "choices"),
        ({"kind": K.CHOICE, "choices": ("A", "á")}, "choices.1.name"),
    ],
)
def test_what_cannot_be_a_field_is_refused_by_name(
    organisations: TwoOrganisations, admin: Actor, columns: dict[str, Any], field: str
):
    with pytest.raises(Invalid) as refused:
        add_field(admin, **{"name": "Good label", **columns})
    assert field in {name for name, _ in refused.value.problems}


def test_there_is_a_most_of_fields(organisations: TwoOrganisations, admin: Actor, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fields, "MAX_FIELDS", fields.count_fields(CUSTOMER, organisations.own.id) + 1)
    add_field(admin, name="The last")
    with pytest.raises(Invalid, match="at most"):
        add_field(admin, name="One too many")


def test_only_who_sets_up_adds_and_removes(organisations: TwoOrganisations, admin: Actor):
    definition = add_field(admin)
    manager = actor_of(organisations, Role.MANAGER)
    with pytest.raises(NotAllowed):
        add_field(manager, name="Other")
    with pytest.raises(NotAllowed):
        remove_field(get_field(definition), actor=manager)
    foreign = db.session.scalars(select(CustomField).where(CustomField.organisation_id == organisations.foreign.id))
    with pytest.raises(NotFound):
        remove_field(foreign.first(), actor=admin)


def test_the_tabs_to_choose_from_are_those_of_the_form():
    """All that hold single fields; the others are lists."""
    assert set(CUSTOMER_TABS) <= {(section.name, section.label) for section in SECTIONS}


# --- Changing ------------------------------------------------------------------------------------------------------


def set_value(organisations: TwoOrganisations, admin: Actor, definition: Any, value: Any) -> Any:
    customer = get_customer(organisations)
    setattr(customer, definition.name, value)
    save_customer(customer, actor=admin)
    db.session.commit()
    return customer


def test_a_kind_changes_only_where_nothing_is_lost(organisations: TwoOrganisations, admin: Actor):
    link, text = add_field(admin, K.LINK, "Wiki"), add_field(admin, K.TEXT, "Code")
    set_value(organisations, admin, link, "wiki.example")
    set_value(organisations, admin, text, "42")
    field = get_field(link)
    field.kind = K.TEXT
    save_field(field, actor=admin)
    assert getattr(get_customer(organisations), link.name) == "https://wiki.example"
    field = get_field(text)
    field.kind = K.NUMBER
    with pytest.raises(Invalid, match="1 customer has a value in “Code”"):
        save_field(field, actor=admin)


def test_a_field_without_values_may_become_anything(organisations: TwoOrganisations, admin: Actor):
    field = get_field(add_field(admin, K.CHOICE, "Level"))
    field.kind = K.DATE
    save_field(field, actor=admin)
    assert get_definition(field).choices == ()


def test_a_choice_in_use_stays_and_one_that_is_not_goes(organisations: TwoOrganisations, admin: Actor):
    definition = add_field(admin, K.CHOICE, "Level", choices=("A", "B"))
    set_value(organisations, admin, definition, definition.choices[0].id)
    field = get_field(definition)
    field.choices.remove(field.choices[1])
    save_field(field, actor=admin)
    db.session.commit()
    assert [each.label for each in get_definition(field).choices] == ["A"]
    field.choices.append(CustomFieldChoice(name="C"))
    field.choices.remove(field.choices[0])
    with pytest.raises(StillLinked, match="Make it inactive"):
        save_field(field, actor=admin)


def test_fields_move_among_those_of_their_owner(organisations: TwoOrganisations, admin: Actor):
    before = list_labels(organisations.own.id)
    added = [add_field(admin, name=name) for name in ("One", "Two", "Three")]
    move_field(get_field(added[2]), steps=-1, actor=admin)
    assert list_labels(organisations.own.id) == [*before, "One", "Three", "Two"]
    move_field(get_field(added[0]), steps=99, actor=admin)
    assert list_labels(organisations.own.id) == [*before, "Three", "Two", "One"]


def test_a_field_that_is_switched_off_keeps_its_values(organisations: TwoOrganisations, admin: Actor):
    definition = add_field(admin, name="Code")
    set_value(organisations, admin, definition, "X1")
    field = get_field(definition)
    field.active = False
    save_field(field, actor=admin)
    assert "Code" not in list_labels(organisations.own.id)
    field.active = True
    save_field(field, actor=admin)
    assert getattr(get_customer(organisations), definition.name) == "X1"


# --- Removing ------------------------------------------------------------------------------------------------------


def test_a_removed_field_is_gone_at_once_and_the_history_keeps_what_it_held(
    organisations: TwoOrganisations, admin: Actor
):
    definition = add_field(admin, name="Site code")
    customer = set_value(organisations, admin, definition, "Zebra 7")
    assert "zebra 7" in customer.search_text
    assert fields.count_values(get_field(definition)) == 1
    remove_field(get_field(definition), actor=admin)
    db.session.commit()
    assert "Site code" not in list_labels(organisations.own.id)
    assert getattr(get_customer(organisations), definition.name) is None
    assert delete_removed_values() == "Deleted 1 values of 1 fields"
    assert delete_removed_values() == "Nothing to delete"
    table = VALUE_TABLES[CUSTOMER]
    assert not db.session.scalar(select(func.count()).where(table.c.field_id == definition.id))
    customer = get_customer(organisations)
    assert "zebra" not in customer.search_text
    entry = db.session.scalars(
        select(History).where(History.customer_id == customer.id).order_by(History.id.desc())
    ).first()
    assert entry.changes == {definition.name: ["Zebra 7", None]}
    assert entry.reason == "The custom field “Site code” was removed"
    known = find_definition(CUSTOMER, definition.name, organisations.own.id)
    assert (known.label, known.is_in_use) == ("Site code", False)


def test_a_field_is_removed_once(organisations: TwoOrganisations, admin: Actor):
    field = get_field(add_field(admin))
    remove_field(field, actor=admin)
    with pytest.raises(WrongState):
        remove_field(field, actor=admin)
    with pytest.raises(WrongState):
        save_field(field, actor=admin)

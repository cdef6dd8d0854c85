"""Values of custom fields: set like columns, written with their row, guarded by rules and by the database."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from customerhub.core.errors import Conflict, Invalid
from customerhub.core.permissions import Actor
from customerhub.customers.deletion import delete_customer
from customerhub.customers.merging import list_differing_fields, merge_customers
from customerhub.customers.records import save_customer
from models import Contact, Contract, Customer, History
from models.base import db
from models.custom_fields import VALUE_TABLES, load_custom_values
from models.enums import CustomFieldKind, CustomFieldOwner, FieldRequirement
from tests.support.custom_fields import add_field, list_values
from tests.support.screen_rows import make_bare_customer
from tests.support.statements import record_statements
from tests.support.two_organisations import TwoOrganisations, get_customer

K = CustomFieldKind
TABLE = VALUE_TABLES[CustomFieldOwner.CUSTOMER]


def newest_changes(customer_id: int) -> dict[str, Any]:
    query = select(History).where(History.customer_id == customer_id).order_by(History.id.desc())
    return db.session.scalars(query).first().changes


def read_again(customer: Customer, name: str) -> Any:
    db.session.commit()
    db.session.expire_all()
    return getattr(customer, name)


@pytest.mark.parametrize("kind", K)
def test_a_value_of_each_kind_is_kept_changed_and_taken_away(
    organisations: TwoOrganisations, admin: Actor, kind: CustomFieldKind
):
    definition = add_field(admin, kind)
    customer, (first, second) = get_customer(organisations), list_values(definition)
    assert getattr(customer, definition.name) is None
    versions = [customer.version]
    for value in (first, second, None):
        setattr(customer, definition.name, value)
        save_customer(customer, actor=admin)
        assert read_again(customer, definition.name) == value
        versions.append(customer.version)
    assert versions == list(range(versions[0], versions[0] + 4))  # so that two who save at once notice
    text = {K.CHOICE: "Silver", K.NUMBER: "1250.1234", K.AMOUNT: "1234.50", K.DATE: "2026-01-31"}.get(kind, second)
    assert newest_changes(customer.id) == {definition.name: [text, None]}
    assert not db.session.scalar(select(func.count()).where(TABLE.c.field_id == definition.id))


def test_what_was_set_is_told_with_the_columns_in_one_entry(organisations: TwoOrganisations, admin: Actor):
    definition, customer = add_field(admin, K.AMOUNT, "Budget"), get_customer(organisations)
    count = db.session.scalar(select(func.count()).select_from(History))
    customer.website, customer.custom_budget = "https://new.example", Decimal("1234.50")
    save_customer(customer, actor=admin)
    assert db.session.scalar(select(func.count()).select_from(History)) == count + 1
    assert newest_changes(customer.id).items() >= {definition.name: [None, "1234.50"]}.items()
    assert "website" in newest_changes(customer.id)


def test_a_value_that_is_the_same_changes_nothing(organisations: TwoOrganisations, admin: Actor):
    definition, customer = add_field(admin, K.NUMBER), get_customer(organisations)
    setattr(customer, definition.name, Decimal("1.5"))
    save_customer(customer, actor=admin)
    db.session.commit()
    version = customer.version
    setattr(customer, definition.name, Decimal("1.50"))
    save_customer(customer, actor=admin)
    db.session.commit()
    assert customer.version == version


def test_what_was_set_and_taken_back_is_forgotten(organisations: TwoOrganisations, admin: Actor):
    definition, customer = add_field(admin), get_customer(organisations)
    db.session.commit()
    setattr(customer, definition.name, "lost")
    db.session.rollback()
    assert getattr(customer, definition.name) is None


def test_the_slower_of_two_is_told(organisations: TwoOrganisations, admin: Actor):
    definition, customer = add_field(admin), get_customer(organisations)
    db.session.commit()
    setattr(customer, definition.name, "mine")
    table = Customer.__table__
    db.session.connection().execute(table.update().where(table.c.id == customer.id).values(version=99))
    with pytest.raises(Conflict):
        save_customer(customer, actor=admin)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (K.TEXT, "x" * 301, "Too long"),
        (K.TEXT, "a\x00b", "cannot be shown"),
        (K.LINK, "not a link", "not a web address"),
        (K.NUMBER, Decimal(10) ** 12, "at most"),
        (K.CHOICE, 999_999, "from the list"),
    ],
)
def test_what_a_field_cannot_hold_is_refused_by_its_name(
    organisations: TwoOrganisations, admin: Actor, kind: CustomFieldKind, value: Any, message: str
):
    definition, customer = add_field(admin, kind), get_customer(organisations)
    setattr(customer, definition.name, value)
    with pytest.raises(Invalid, match=message) as refused:
        save_customer(customer, actor=admin)
    assert [name for name, _ in refused.value.problems] == [definition.name]


def test_a_choice_that_is_switched_off_stays_and_is_not_chosen_anew(organisations: TwoOrganisations, admin: Actor):
    from customerhub.custom_fields.fields import save_field
    from models import CustomField

    definition = add_field(admin, K.CHOICE, "Level")
    gold = definition.choices[0].id
    holder, other = get_customer(organisations, 0), get_customer(organisations, 1)
    holder.custom_level = gold
    save_customer(holder, actor=admin)
    field = db.session.get_one(CustomField, definition.id)
    field.choices[0].active = False
    save_field(field, actor=admin)
    holder.custom_level = gold
    save_customer(holder, actor=admin)
    other.custom_level = gold
    with pytest.raises(Invalid, match="from the list"):
        save_customer(other, actor=admin)


def test_a_required_field_is_missed_where_it_is_entered_and_nowhere_else(organisations: TwoOrganisations, admin: Actor):
    definition = add_field(admin, name="Code", requirement=FieldRequirement.REQUIRED)
    customer = get_customer(organisations)
    customer.website = "https://other.example"
    save_customer(customer, actor=admin)  # an operation that knows nothing of the field
    setattr(customer, definition.name, None)
    with pytest.raises(Invalid) as refused:
        save_customer(customer, actor=admin)
    assert refused.value.problems == [(definition.name, "Required")]


@pytest.mark.parametrize(
    ("requirement", "is_refused"), [(FieldRequirement.REQUIRED, False), (FieldRequirement.ALWAYS, True)]
)
def test_a_prospect_needs_what_is_required_of_prospects(
    organisations: TwoOrganisations, admin: Actor, requirement: FieldRequirement, is_refused: bool
):
    add_field(admin, name="Code", requirement=requirement)
    prospect = Customer(name="New", is_prospect=True, registration_number="77 88")
    prospect.contacts = [Contact(organisation_id=organisations.own.id, name="Kim")]
    if is_refused:
        with pytest.raises(Invalid, match="Required"):
            save_customer(prospect, actor=admin)
    else:
        save_customer(prospect, actor=admin)
        assert prospect.id


def test_texts_and_links_are_found_by_the_search(organisations: TwoOrganisations, admin: Actor):
    from customerhub.customers.search import build_search_condition

    add_field(admin, K.TEXT, "Nickname"), add_field(admin, K.CHOICE, "Level")
    customer = get_customer(organisations)
    customer.custom_nickname = "Großer  Bär"
    save_customer(customer, actor=admin)
    db.session.commit()
    customer.website = "https://changed.example"  # without a look at the field
    save_customer(customer, actor=admin)
    db.session.commit()
    found = db.session.scalars(select(Customer.id).where(build_search_condition("grosser bar"))).all()
    assert found == [customer.id]


def test_values_of_many_rows_are_read_by_one_statement(organisations: TwoOrganisations, admin: Actor):
    definition = add_field(admin)
    rows = [get_customer(organisations, number) for number in range(3)]
    for row in rows:
        setattr(row, definition.name, f"of {row.id}")
        save_customer(row, actor=admin)
    db.session.commit()
    rows = list(db.session.scalars(select(Customer).where(Customer.id.in_([row.id for row in rows]))))
    with record_statements() as statements:
        load_custom_values(rows)
        assert {getattr(row, definition.name) for row in rows} == {f"of {row.id}" for row in rows}
    assert len(statements) == 1


# --- Going and joining ---------------------------------------------------------------------------------------------


def test_values_go_with_their_customer_and_the_history_tells_them(organisations: TwoOrganisations, admin: Actor):
    definition = add_field(admin, K.CHOICE, "Level")
    customer = make_bare_customer(organisations)
    setattr(customer, definition.name, definition.choices[0].id)
    save_customer(customer, actor=admin)
    db.session.commit()
    key = customer.id
    delete_customer(customer, actor=admin)
    db.session.commit()
    assert not db.session.scalar(select(func.count()).where(TABLE.c.owner_id == key))
    query = select(History).where(History.table_name == "customer", History.row_id == key)
    entry = db.session.scalars(query.where(History.action == "deleted")).one()
    assert entry.changes[definition.name] == ["Gold", None]


def test_merging_keeps_what_one_has_and_asks_where_both_do(organisations: TwoOrganisations, admin: Actor):
    both, one = add_field(admin, name="Both"), add_field(admin, K.YES_NO, name="One")
    survivor, other = get_customer(organisations, 0), get_customer(organisations, 1)
    for row, text in ((survivor, "kept"), (other, "taken")):
        setattr(row, both.name, text)
    setattr(other, one.name, False)
    for row in (survivor, other):
        save_customer(row, actor=admin)
    db.session.commit()
    assert both.name in list_differing_fields(survivor, other)
    assert one.name not in list_differing_fields(survivor, other)
    merge_customers(survivor, other, fields_from_other=[both.name], actor=admin)
    assert read_again(survivor, both.name) == "taken"
    assert getattr(survivor, one.name) is False


# --- The database ----------------------------------------------------------------------------------------------------


def insert_value(organisations: TwoOrganisations, definition: Any, **columns: Any) -> None:
    key = {"owner_id": organisations.own.customers[0], "field_id": definition.id}
    values = {"organisation_id": organisations.own.id, **key, **columns}
    db.session.connection().execute(insert(TABLE), values)


def test_the_database_holds_one_value_of_the_own_organisation(organisations: TwoOrganisations, admin: Actor):
    level, rank = add_field(admin, K.CHOICE, "Level"), add_field(admin, K.CHOICE, "Rank")
    number = add_field(admin, K.NUMBER)
    db.session.commit()
    wrong = (
        (number, {}),
        (number, {"number": Decimal(1), "yes": True}),
        (number, {"text": "without a key"}),
        (level, {"choice_id": rank.choices[0].id}),
        (number, {"number": Decimal(1), "organisation_id": organisations.foreign.id}),
        (number, {"number": Decimal(1), "owner_id": organisations.foreign.customers[0]}),
    )
    for definition, columns in wrong:
        with pytest.raises(IntegrityError):
            insert_value(organisations, definition, **columns)
        db.session.rollback()
    insert_value(organisations, level, choice_id=level.choices[0].id)


def test_contracts_and_invoice_profiles_have_values_of_their_own(organisations: TwoOrganisations, admin: Actor):
    from customerhub.contracts.contracts import save_contract

    of_contract = add_field(admin, K.NUMBER, "Seats", owner=CustomFieldOwner.CONTRACT)
    of_profile = add_field(admin, K.TEXT, "Order no.", owner=CustomFieldOwner.INVOICE_PROFILE)
    contract = db.session.get_one(Contract, organisations.own.row_id(Contract))
    setattr(contract, of_contract.name, Decimal(12))
    save_contract(contract, actor=admin)
    customer = contract.customer
    profile = customer.invoice_profiles[0]
    setattr(profile, of_profile.name, "PO-1")
    save_customer(customer, actor=admin)
    db.session.commit()
    db.session.expire_all()
    assert (getattr(contract, of_contract.name), getattr(profile, of_profile.name)) == (Decimal(12), "PO-1")
    setattr(profile, of_profile.name, "x" * 301)
    with pytest.raises(Invalid) as refused:
        save_customer(customer, actor=admin)
    assert [name for name, _ in refused.value.problems] == [f"invoice_profiles.0.{of_profile.name}"]

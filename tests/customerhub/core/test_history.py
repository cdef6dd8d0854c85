"""Every change of every business row leaves who, when, before, after and from where; secrets never."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import String, Text, inspect, select, update
from sqlalchemy.exc import IntegrityError

from customerhub.core import history
from customerhub.core.history import UNTRACKED, act_as, bulk_options, record, record_event
from customerhub.core.permissions import Actor
from models import Customer, Department, History, InvoiceType, SavedView, StoredFile, User
from models.base import Base, db
from models.enums import CallClass, Role
from tests.customerhub.conftest import actor_of
from tests.support import factories as make
from tests.support.two_organisations import TwoOrganisations

TRACKED = [factory for factory in make.FACTORIES.values() if not issubclass(factory._meta.model, UNTRACKED)]


def list_entries(row: Any = None) -> list[History]:
    """The history of `row`, or all that was written since the organisations were made."""
    query = select(History).where(History.source != "test").order_by(History.id)
    if row is not None:
        query = query.where(History.table_name == row.__tablename__, History.row_id == row.id)
    return list(db.session.scalars(query))


# A column to change, where the first free text will not do, and what to.
CHANGED = {
    "attachment": ("description", "Signed"),
    "call_markup": ("call_class", CallClass.PREMIUM),
    "note": ("text", "Call again"),
    "tariff_rate": ("prefix", "999"),
    "address": ("lines", "2 Street"),
    "billing_line": ("minimum_cost", Decimal(5)),
    "task_comment": ("text", "It is so"),
    "task_file": ("note", "Credit report"),
    "custom_field": ("name", "Contract class"),
    "custom_field_choice": ("name", "Gold"),
    "form_layout": ("required", ["website"]),
    "envelope": ("end_reason", "Wrong customer"),
    "signing_settings": ("reminder_days", 5),
}


def sample_change(row: Any) -> tuple[str, Any]:
    if row.__tablename__ in CHANGED:
        return CHANGED[row.__tablename__]
    names = (
        column.key
        for column in inspect(type(row)).column_attrs
        if type(column.columns[0].type) in (String, Text) and not column.columns[0].info
    )
    name = next(name for name in names if name not in ("sha256", "colour"))
    return name, f"{getattr(row, name)[:20]} x"


@pytest.mark.parametrize("factory", TRACKED, ids=lambda factory: factory._meta.model.__tablename__)
def test_a_row_leaves_its_whole_life(session, factory):
    row = factory()
    owner = row.id if row.__tablename__ == "organisation" else row.organisation_id
    name, value = sample_change(row)
    before, after, key, table = (
        history.display_value(getattr(row, name)),
        history.display_value(value),
        row.id,
        row.__tablename__,
    )
    session.commit()
    with act_as(Actor(None, owner), "job 7"):
        setattr(row, name, value)
        session.commit()
        session.delete(row)
        session.commit()
    created_entry, changed_entry, deleted_entry = session.scalars(
        select(History).where(History.table_name == table, History.row_id == key).order_by(History.id)
    )
    assert [entry.action for entry in (created_entry, changed_entry, deleted_entry)] == [
        "created",
        "changed",
        "deleted",
    ]
    assert created_entry.changes.get(name, [None, before]) == [None, before]
    assert changed_entry.changes == {name: [before, after]}
    assert deleted_entry.changes[name] == [after, None]
    assert {entry.organisation_id for entry in (created_entry, changed_entry, deleted_entry)} == {owner}
    assert (changed_entry.source, changed_entry.actor_name, changed_entry.actor_id) == ("job 7", "system", None)


def test_every_table_is_tracked_or_known_not_to_be(session):
    covered_models = {factory._meta.model for factory in make.FACTORIES.values()} | set(UNTRACKED)
    assert {mapper.class_ for mapper in Base.registry.mappers} - covered_models == set()
    make.CustomerFactory()
    assert "account" in set(session.scalars(select(History.table_name)))


def test_who_acts_is_kept_as_they_were_called(organisations: TwoOrganisations):
    agent = actor_of(organisations, Role.AGENT)
    department = db.session.get_one(Department, organisations.own.row_id(Department))
    with act_as(agent, "screen departments"):
        department.name = "Dispatch"
        db.session.commit()
        agent.user.name = "Renamed"
        db.session.commit()
    (entry,) = list_entries(department)
    assert (entry.actor_id, entry.actor_name, entry.source) == (agent.id, "The agent", "screen departments")
    assert entry.at.tzinfo is not None
    assert (entry.title, entry.changes) == ("Dispatch", {"name": ["Sales", "Dispatch"]})


def test_saving_without_a_change_leaves_nothing(organisations: TwoOrganisations):
    customer = db.session.get_one(Customer, organisations.own.customers[0])
    with act_as(actor_of(organisations, Role.AGENT), "form"):
        customer.name = str(customer.name)
        customer.departments = list(customer.departments)
        db.session.commit()
    assert list_entries() == []


def test_an_undone_change_leaves_nothing(organisations: TwoOrganisations):
    customer = db.session.get_one(Customer, organisations.own.customers[0])
    with act_as(actor_of(organisations, Role.AGENT), "form"):
        customer.name = "Never"
        db.session.flush()
        db.session.rollback()
        with db.session.begin_nested() as savepoint:
            customer.name = "Nor this"
            db.session.flush()
            savepoint.rollback()
        db.session.commit()
    assert list_entries() == []


def test_a_value_that_was_never_read_is_known_before(organisations: TwoOrganisations):
    customer = db.session.get_one(Customer, organisations.own.customers[0])
    db.session.expire(customer)
    with act_as(actor_of(organisations, Role.AGENT), "form"):
        customer.reference = "NEW"
        db.session.commit()
    assert list_entries(customer)[0].changes == {"reference": ["REF-0", "NEW"]}


def test_choices_are_recorded_by_name(organisations: TwoOrganisations):
    customer = db.session.get_one(Customer, organisations.own.customers[0])
    manager = db.session.get_one(User, organisations.own.users[Role.MANAGER])
    with act_as(actor_of(organisations, Role.AGENT), "form"):
        customer.account_manager_id = manager.id
        customer.portal_access = False
        db.session.commit()
    changes = list_entries(customer)[0].changes
    assert changes == {"account_manager": ["The agent", "The manager"], "portal_access": [True, False]}


def test_several_choices_are_recorded_before_and_after(organisations: TwoOrganisations):
    customer = db.session.get_one(Customer, organisations.own.customers[0])
    finance = db.session.scalars(
        select(Department).where(Department.organisation_id == organisations.own.id, Department.name == "Finance")
    ).one()
    with act_as(actor_of(organisations, Role.AGENT), "form"):
        customer.departments = [*customer.departments, finance]
        db.session.commit()
        customer.departments = [finance]
        db.session.commit()
        customer.invoice_types = []
        db.session.commit()
    assert [entry.changes for entry in list_entries(customer)] == [
        {"departments": ["Sales", "Finance, Sales"]},
        {"departments": ["Finance, Sales", "Finance"]},
        {"invoice_types": [db.session.get_one(InvoiceType, organisations.own.row_id(InvoiceType)).name, None]},
    ]


def test_the_history_of_a_deleted_row_has_its_values(organisations: TwoOrganisations):
    customer = make.CustomerFactory(
        organisation_id=organisations.own.id,
        region_id=None,
        is_prospect=True,
        identity_number="ID 1",
        status_id=db.session.get_one(Customer, organisations.own.customers[0]).status_id,
        departments=[db.session.get_one(Department, organisations.own.row_id(Department))],
    )
    db.session.commit()
    key = customer.id
    with act_as(actor_of(organisations, Role.MANAGER), "form"):
        db.session.delete(db.session.get_one(Customer, key))
        db.session.commit()
    changes_by_table = {entry.table_name: entry.changes for entry in list_entries() if entry.customer_id == key}
    assert changes_by_table.keys() == {"customer", "account", "contact"}
    assert changes_by_table["customer"]["departments"] == ["Sales", None]
    assert changes_by_table["customer"]["identity_number"] == ["ID 1", None]
    assert changes_by_table["contact"]["name"] == ["Kim", None]


def test_a_part_that_is_taken_out_of_its_list_is_recorded_as_deleted(organisations: TwoOrganisations):
    customer = db.session.get_one(Customer, organisations.own.customers[0])
    contact = customer.contacts[0]
    with act_as(actor_of(organisations, Role.AGENT), "form"):
        contact.phone = "0815"
        customer.contacts.remove(contact)
        db.session.commit()
    (entry,) = list_entries()
    assert (entry.action, entry.table_name, entry.customer_id) == ("deleted", "contact", customer.id)
    assert entry.changes["name"] == ["Kim", None]


def test_a_deletion_that_the_database_refused_is_not_recorded(organisations: TwoOrganisations):
    department = db.session.get_one(Department, organisations.own.row_id(Department))
    unused = make.DepartmentFactory(organisation_id=organisations.own.id)
    db.session.commit()
    with act_as(actor_of(organisations, Role.ADMIN), "form"):
        savepoint = db.session.begin_nested()
        db.session.delete(unused)
        db.session.delete(department)
        with pytest.raises(IntegrityError):
            db.session.flush()
        savepoint.rollback()
        department.name = "Still here"
        db.session.commit()
    assert [(entry.action, entry.title) for entry in list_entries()] == [("changed", "Still here")]


def test_parts_of_a_customer_belong_to_its_history(organisations: TwoOrganisations):
    customer = db.session.get_one(Customer, organisations.own.customers[0])
    with act_as(actor_of(organisations, Role.AGENT), "form"):
        customer.contacts[0].phone = "0815"
        customer.billing_lines[0].minimum_cost = Decimal("12.50")
        db.session.commit()
    assert {
        (entry.table_name, json.dumps(entry.changes)) for entry in list_entries() if entry.customer_id == customer.id
    } == {
        ("contact", '{"phone": [null, "0815"]}'),
        ("billing_line", '{"minimum_cost": ["0", "12.50"]}'),
    }


def test_a_secret_is_never_in_it(organisations: TwoOrganisations):
    user = db.session.get_one(User, organisations.own.users[Role.AGENT])
    with act_as(actor_of(organisations, Role.ADMIN), "form"):
        for secret in ("$argon2id$first", "$argon2id$second", None):
            user.password_hash = secret
            db.session.commit()
    assert [entry.changes for entry in list_entries(user)] == [
        {"password_hash": [None, "•••"]},
        {"password_hash": ["•••", "•••"]},
        {"password_hash": ["•••", None]},
    ]
    assert "argon2" not in json.dumps([entry.changes for entry in db.session.scalars(select(History))])


def test_what_the_system_keeps_for_itself_is_not_history(organisations: TwoOrganisations):
    db.session.add(SavedView(user_id=organisations.own.users[Role.AGENT], screen="customers", name="Mine", query="a=b"))
    db.session.commit()
    assert list_entries() == []


def test_a_change_that_nobody_made_is_refused(organisations: TwoOrganisations):
    department = db.session.get_one(Department, organisations.own.row_id(Department))
    department.name = "Nobody's"
    with pytest.raises(RuntimeError, match="nobody would know"):
        db.session.flush()
    db.session.rollback()


def test_acting_ends_with_its_block(organisations: TwoOrganisations):
    department = db.session.get_one(Department, organisations.own.row_id(Department))
    with act_as(Actor(None, organisations.own.id), "outer"):
        with pytest.raises(ZeroDivisionError), act_as(Actor(None, organisations.own.id), "inner"):
            raise ZeroDivisionError
        department.name = "Outer"
        db.session.commit()
    assert [entry.source for entry in list_entries()] == ["outer"]
    assert history._actor_context.get() is None


def test_a_bulk_statement_is_refused_unless_its_author_records_it(organisations: TwoOrganisations):
    renamed = update(Department).where(Department.organisation_id == organisations.own.id).values(active=False)
    with pytest.raises(RuntimeError, match="use bulk_options"):
        db.session.execute(renamed)
    department = db.session.get_one(Department, organisations.own.row_id(Department))
    with act_as(Actor(None, organisations.own.id), "job 8"):
        db.session.execute(renamed.execution_options(**bulk_options()))
        record(
            [
                history.build_entry(
                    organisation_id=organisations.own.id,
                    action="changed",
                    table="department",
                    row_id=department.id,
                    title="Sales",
                    changes={"active": [True, False]},
                )
            ]
        )
        db.session.commit()
    assert [entry.source for entry in list_entries(department)] == ["job 8"]


def test_an_event_without_a_change_can_be_noted(organisations: TwoOrganisations):
    user = db.session.get_one(User, organisations.own.users[Role.AGENT])
    with act_as(actor_of(organisations, Role.ADMIN), "form"):
        record_event(user, "signed out everywhere", browsers=3)
        db.session.commit()
    (entry,) = list_entries(user)
    assert (entry.action, entry.changes) == ("signed out everywhere", {"browsers": [None, 3]})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        (True, True),
        (0, 0),
        ("a", "a"),
        (Role.ADMIN, "admin"),
        (["email", "post"], "email, post"),
        (Decimal("12.50"), "12.50"),
        (Decimal("1E+3"), "1000"),
        (date(2025, 1, 31), "2025-01-31"),
        ({"billing_day": 15, "risk": "Low", "region_id": 3}, "billing day: 15, risk: Low, region: 3"),
        ([], ""),
    ],
)
def test_values_are_kept_as_people_read_them(value, text):
    display_value = history.display_value(value)
    assert display_value == text
    assert type(display_value) is type(text)
    json.dumps(display_value)


def test_a_file_is_shown_by_its_name(organisations: TwoOrganisations):
    customer = db.session.get_one(Customer, organisations.own.customers[0])
    file = make.StoredFileFactory(organisation_id=organisations.own.id, name="new.pdf")
    with act_as(actor_of(organisations, Role.AGENT), "form"):
        customer.compliance_documents[0].file_id = file.id
        db.session.commit()
    (entry,) = [entry for entry in list_entries() if entry.table_name == "compliance_document"]
    assert entry.changes == {"file": ["certificate.pdf", "new.pdf"]}
    assert db.session.get(StoredFile, file.id) is not None

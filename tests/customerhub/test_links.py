"""What refers to a row, and how people are told."""

import pytest

from customerhub.links import linked_rows, plural, told
from models import CatalogItem, Customer, Department, User
from models.base import Base, db
from models.enums import Role
from tests import factories as make
from tests.world import World


@pytest.mark.parametrize(
    ("links", "text"),
    [
        ([("contact", 1)], "1 contact"),
        ([("billing_line", 2)], "2 billing lines"),
        ([("billing_line", 2), ("contact", 1)], "2 billing lines and 1 contact"),
        ([("address", 2), ("hub_user", 1), ("legal_entity", 3)], "2 addresses, 1 user and 3 legal entities"),
        ([("customer_department", 1)], "1 customer"),
        ([("commodity", 2), ("payment_terms", 2), ("tariff", 2)], "2 commodities, 2 payment terms and 2 tariffs"),
    ],
)
def test_links_are_told_in_words(links, text):
    assert told(links) == text


def test_no_table_is_told_by_a_name_that_only_programs_use():
    for table in Base.metadata.tables:
        words = told([(table, 2)])
        assert "_" not in words
        assert "hub " not in words


@pytest.mark.parametrize(
    ("noun", "several"),
    [
        ("entry", "entries"),
        ("day", "days"),
        ("status", "statuses"),
        ("tax", "taxes"),
        ("branch", "branches"),
        ("cat", "cats"),
        ("payment terms", "payment terms"),
        ("set of default values", "sets of default values"),
        ("user to bill", "users to bill"),
    ],
)
def test_plurals(noun, several):
    assert plural(noun) == several


def test_a_row_that_nothing_refers_to_has_no_links(session):
    assert linked_rows(make.DepartmentFactory()) == []


def test_everything_that_refers_to_a_customer_is_counted(world: World):
    customer = db.session.get_one(Customer, world.ours.customers[0])
    make.CustomerGroupFactory(organisation_id=world.ours.id, parent_id=customer.id)
    assert dict(linked_rows(customer)) == {
        "account": 2, "address": 1, "alert": 1, "approval_task": 1, "billing_line": 1, "compliance_document": 1,
        "contact": 1, "contract": 1, "customer_department": 1, "customer_group": 1, "customer_invoice_type": 1,
        "customer_order": 1, "hub_user": 1, "invoice_profile": 1, "legal_entity": 1, "merged_customer": 1,
        "reminder": 1, "review": 1,
    }  # fmt: skip


def test_rows_that_refer_in_several_ways_count_once(world: World):
    """One customer whose every manager is the same person."""
    person = make.UserFactory(organisation_id=world.ours.id, role=Role.MANAGER)
    make.CustomerFactory(
        organisation_id=world.ours.id,
        region_id=db.session.get_one(Customer, world.ours.customers[0]).region_id,
        status_id=db.session.get_one(Customer, world.ours.customers[0]).status_id,
        departments=[],
        responsible_manager_id=person.id,
        service_manager_id=person.id,
        account_manager_id=person.id,
    )
    assert linked_rows(person) == [("customer", 1)]


def test_links_of_one_organisation_are_not_counted_for_another(world: World):
    """Ids are unique over all organisations, so a count needs no scope; this would show if they were not."""
    ours = db.session.get_one(Department, world.ours.row(Department))
    theirs = db.session.get_one(Department, world.theirs.row(Department))
    assert dict(linked_rows(ours)) == dict(linked_rows(theirs)) == {"customer_department": 3, "billing_line": 3}


def test_people_are_found_through_their_customers(world: World):
    agent = db.session.get_one(User, world.ours.users[Role.AGENT])
    assert dict(linked_rows(agent)) == {"customer": 3, "review": 1, "task_comment": 1}


def test_a_region_in_use_is_found(world: World):
    customer = db.session.get_one(Customer, world.ours.customers[0])
    region = db.session.get_one(CatalogItem, customer.region_id)
    assert linked_rows(region) == [("customer", 3)]

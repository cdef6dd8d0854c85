"""What refers to a row, and how people are told."""

import pytest

from customerhub.core.references import describe_references, list_references, pluralize
from models import CatalogItem, Customer, Department, User
from models.base import Base, db
from models.enums import Role
from tests.support import factories as make
from tests.support.two_organisations import TwoOrganisations


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
def test_references_are_described_in_words(links, text):
    assert describe_references(links) == text


def test_no_table_is_shown_by_a_name_that_only_programs_use():
    for table in Base.metadata.tables:
        words = describe_references([(table, 2)])
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
    assert pluralize(noun) == several


def test_a_row_that_nothing_refers_to_has_no_links(session):
    assert list_references(make.DepartmentFactory()) == []


def test_everything_that_refers_to_a_customer_is_counted(organisations: TwoOrganisations):
    customer = db.session.get_one(Customer, organisations.own.customers[0])
    make.CustomerGroupFactory(organisation_id=organisations.own.id, parent_id=customer.id)
    assert dict(list_references(customer)) == {
        "account": 2,
        "address": 1,
        "alert": 1,
        "approval_task": 1,
        "attachment": 1,
        "billing_line": 1,
        "call_markup": 1,
        "compliance_document": 1,
        "contact": 1,
        "contract": 1,
        "customer_case": 1,
        "customer_department": 1,
        "customer_group": 1,
        "customer_invoice_type": 1,
        "customer_order": 1,
        "customer_tag": 1,
        "hub_user": 1,
        "invoice_profile": 1,
        "legal_entity": 1,
        "merged_customer": 1,
        "note": 1,
        "reminder": 1,
        "review": 1,
    }


def test_rows_that_refer_in_several_ways_count_once(organisations: TwoOrganisations):
    """One customer whose every manager is the same person."""
    person = make.UserFactory(organisation_id=organisations.own.id, role=Role.MANAGER)
    make.CustomerFactory(
        organisation_id=organisations.own.id,
        region_id=db.session.get_one(Customer, organisations.own.customers[0]).region_id,
        status_id=db.session.get_one(Customer, organisations.own.customers[0]).status_id,
        departments=[],
        responsible_manager_id=person.id,
        service_manager_id=person.id,
        account_manager_id=person.id,
    )
    assert list_references(person) == [("customer", 1)]


def test_links_of_one_organisation_are_not_counted_for_another(organisations: TwoOrganisations):
    """Ids are unique over all organisations, so a count needs no scope; this would show if they were not."""
    own_department = db.session.get_one(Department, organisations.own.row_id(Department))
    foreign_department = db.session.get_one(Department, organisations.foreign.row_id(Department))
    assert (
        dict(list_references(own_department))
        == dict(list_references(foreign_department))
        == {"customer_department": 3, "billing_line": 3}
    )


def test_people_are_found_through_their_customers(organisations: TwoOrganisations):
    agent = db.session.get_one(User, organisations.own.users[Role.AGENT])
    assert dict(list_references(agent)) == {
        "customer": 3,
        "note_mention": 1,
        "review": 1,
        "task_comment": 1,
        "task_file": 1,
    }


def test_a_region_in_use_is_found(organisations: TwoOrganisations):
    customer = db.session.get_one(Customer, organisations.own.customers[0])
    region = db.session.get_one(CatalogItem, customer.region_id)
    assert list_references(region) == [("customer", 3)]

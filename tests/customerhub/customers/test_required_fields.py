"""What an organisation requires: one rule for forms, operations, imports and registrations."""

from datetime import date
from typing import Any

import pytest

from customerhub.core import history
from customerhub.core.errors import Invalid
from customerhub.core.permissions import Actor
from customerhub.customers.account_managers import assign_account_managers
from customerhub.customers.form_layout import CUSTOMER_FORM, DETAILED, build_ready_draft
from customerhub.customers.importing.required_columns import EXTRA_FIELDS, NO_COLUMN_TEXT, list_required_columns
from customerhub.customers.records import save_customer, save_customer_with_outcome
from customerhub.customers.registration import register_customer
from customerhub.customers.required_fields import count_missing, list_missing_by_organisation
from customerhub.form_layouts.layouts import LayoutDraft, find_layout
from customerhub.form_layouts.required import REQUIRED_TEXT
from customerhub.form_layouts.saving import get_version, save_layout
from models import CatalogItem, Contact, CustomerGroup, User
from models.base import db
from models.enums import CatalogType, CustomerKind, Role, RowOutcome
from tests.customerhub.conftest import actor_of
from tests.customerhub.customers.conftest import ImportOrg
from tests.support.bulk_edit import make_customers
from tests.support.factories import CatalogItemFactory
from tests.support.imports import get_customer, import_and_save, import_now, list_rows, revert_import, upload_and_check
from tests.support.screen_rows import make_bare_customer
from tests.support.two_organisations import TwoOrganisations
from tests.support.workbooks import build_workbook, valid_row


def require(actor: Actor, *names: str) -> None:
    draft = find_layout(CUSTOMER_FORM, actor.organisation_id).draft
    version = get_version(CUSTOMER_FORM, actor.organisation_id)
    save_layout(CUSTOMER_FORM, LayoutDraft(draft.places, draft.hidden, frozenset(names)), version=version, actor=actor)


def missing_of(error: Any) -> list[tuple[str, str]]:
    return [(name, text) for name, text in error.value.problems if text == REQUIRED_TEXT]


def test_a_form_asks_for_it_and_an_operation_that_changes_something_else_does_not(
    organisations: TwoOrganisations, admin: Actor
):
    customer = make_bare_customer(organisations)
    require(admin, "website", "vat_number")
    customer.credit_limit = 500
    save_customer(customer, actor=admin)
    with pytest.raises(Invalid) as refusal:
        save_customer_with_outcome(customer, actor=admin, is_entered=True)
    assert missing_of(refusal) == [("vat_number", REQUIRED_TEXT), ("website", REQUIRED_TEXT)]
    customer.website, customer.vat_number = "www.example.com", "DE136695976"
    save_customer_with_outcome(customer, actor=admin, is_entered=True)
    customer.website = None
    with pytest.raises(Invalid) as refusal:
        save_customer(customer, actor=admin)
    assert missing_of(refusal) == [("website", REQUIRED_TEXT)]


def test_a_prospect_needs_no_more_until_it_is_none(organisations: TwoOrganisations, admin: Actor):
    require(admin, "website")
    prospect = make_bare_customer(organisations, is_prospect=True, registration_number="HRB 8123")
    prospect.contacts = [Contact(organisation_id=organisations.own.id, name="Ada")]
    save_customer_with_outcome(prospect, actor=admin, is_entered=True)
    prospect.is_prospect = False
    with pytest.raises(Invalid) as refusal:
        save_customer(prospect, actor=admin)
    assert missing_of(refusal) == [("website", REQUIRED_TEXT)]


def test_an_account_manager_who_is_required_is_replaced_and_not_taken_away(
    organisations: TwoOrganisations, admin: Actor
):
    customer, prospect = (
        make_bare_customer(organisations),
        make_bare_customer(organisations, is_prospect=True, registration_number="HRB 77"),
    )
    manager = db.session.get_one(User, organisations.own.users[Role.MANAGER])
    assert assign_account_managers([customer, prospect], manager=manager, actor=admin) == {}
    require(admin, "account_manager_id")
    refusals = assign_account_managers([customer, prospect], manager=None, actor=admin)
    assert refusals.keys() == {customer.id}
    assert REQUIRED_TEXT in str(refusals[customer.id])
    assert (customer.account_manager_id, prospect.account_manager_id) == (manager.id, None)


def test_partners_register_prospects_as_before(organisations: TwoOrganisations, admin: Actor):
    require(admin, *DETAILED.required)
    partner = actor_of(organisations, Role.PARTNER)
    customer = register_customer(
        CustomerKind.COMPANY, name="Newcomer", contact_name="Ada", registration_number="HRB 99", actor=partner
    )
    assert customer.is_prospect


@pytest.mark.parametrize(("kind", "is_missing"), [(CustomerKind.COMPANY, True), (CustomerKind.CONSUMER, False)])
def test_what_only_companies_have_is_asked_of_companies(
    organisations: TwoOrganisations, admin: Actor, kind: CustomerKind, is_missing: bool
):
    require(admin, "registration_date")
    own = organisations.own.id
    assert bool(list_missing_by_organisation({"kind": kind}, own)) is is_missing
    assert not list_missing_by_organisation({"kind": kind, "registration_date": date(2020, 1, 1)}, own)
    assert not list_missing_by_organisation({"kind": kind}, organisations.foreign.id)


def test_how_many_lack_it_are_those_whom_it_is_asked_of(organisations: TwoOrganisations, admin: Actor):
    names = ("website", "registration_date")
    before = count_missing(names, organisations.own.id)
    make_customers(organisations, 2)
    make_customers(organisations, 1, website="https://a.example")
    make_customers(organisations, 1, kind=CustomerKind.CONSUMER)
    make_customers(organisations, 1, is_prospect=True, registration_number="HRB 5")
    after = count_missing(names, organisations.own.id)
    assert {name: after[name] - before[name] for name in names} == {"website": 3, "registration_date": 3}


# --- Import ------------------------------------------------------------------------------------------------------


@pytest.fixture
def detailed_org(import_org: ImportOrg) -> ImportOrg:
    """Where the detailed form is in use."""
    with history.act_as(import_org.actor, "test"):
        CatalogItemFactory(organisation=import_org.organisation, type=CatalogType.CHANNEL, name="Fair, spring")
        save_layout(CUSTOMER_FORM, build_ready_draft(DETAILED), version=0, actor=import_org.actor)
        db.session.commit()
    return import_org


def build(cells: dict[str, Any], *rows: dict[str, Any]) -> Any:
    return build_workbook([row | cells for row in rows], headers=(*valid_row(), *cells))


def test_an_import_has_a_column_for_it_and_asks_it_of_new_customers(detailed_org: ImportOrg):
    (row,) = list_rows(upload_and_check(build_workbook([valid_row(1)]), detailed_org))
    assert row.outcome is RowOutcome.ERROR
    assert {(each["column"], each["reason"]) for each in row.errors} == {
        (header, REQUIRED_TEXT) for header in ("segment", "channel", "responsibleManager")
    }
    cells = {"segment": "atlantis", "Channel": "Fair, spring", "responsibleManager": detailed_org.user.name}
    import_and_save(build(cells, valid_row(1), valid_row(2)), detailed_org)
    customer = get_customer("REF2", detailed_org)
    assert (customer.segment.name, customer.channel.name) == ("Atlantis", "Fair, spring")
    assert customer.responsible_manager_id == detailed_org.user.id


def test_an_import_changes_it_and_takes_that_back(detailed_org: ImportOrg):
    cells = {"segment": "Atlantis", "channel": "Fair, spring", "responsibleManager": detailed_org.user.name}
    import_now(build(cells, valid_row(1)), detailed_org)
    with history.act_as(detailed_org.actor, "test"):
        CatalogItemFactory(organisation=detailed_org.organisation, type=CatalogType.SEGMENT, name="Lemuria")
        db.session.commit()
    import_id = import_and_save(build({"segment": "Lemuria"}, valid_row(1)), detailed_org)
    (row,) = list_rows(import_id)
    assert row.changes == {"segment": ["Atlantis", "Lemuria"]}
    assert get_customer("REF1", detailed_org).segment.name == "Lemuria"
    revert_import(import_id, detailed_org)
    assert get_customer("REF1", detailed_org).segment.name == "Atlantis"


def test_what_is_required_is_not_taken_back_with_an_import(import_org: ImportOrg):
    import_now(build_workbook([valid_row(1)]), import_org)
    with history.act_as(import_org.actor, "test"):
        require(import_org.actor, "website")
        db.session.commit()
    import_id = import_and_save(build({"website": "www.example.com"}, valid_row(1)), import_org)
    revert_import(import_id, import_org)
    assert get_customer("REF1", import_org).website == "https://www.example.com"
    (row,) = list_rows(import_id)
    assert [(each["column"], each["reason"]) for each in row.errors] == [("website", REQUIRED_TEXT)]


def test_an_import_that_changes_something_else_of_a_known_customer_is_not_stopped(import_org: ImportOrg):
    import_now(build_workbook([valid_row(1)]), import_org)
    with history.act_as(import_org.actor, "test"):
        save_layout(CUSTOMER_FORM, build_ready_draft(DETAILED), version=0, actor=import_org.actor)
        db.session.commit()
    (row,) = list_rows(upload_and_check(build_workbook([valid_row(1, risk="High")]), import_org))
    assert row.outcome is RowOutcome.CHANGED


def test_an_import_says_where_no_column_can_fill_it(import_org: ImportOrg):
    with history.act_as(import_org.actor, "test"):
        require(import_org.actor, "vat_number")
        db.session.commit()
    (row,) = list_rows(upload_and_check(build_workbook([valid_row(1)]), import_org))
    assert [each["reason"] for each in row.errors] == [NO_COLUMN_TEXT]


def test_every_other_field_has_a_column_that_reads_what_it_holds(import_org: ImportOrg):
    own = {"organisation_id": import_org.id}
    with history.act_as(import_org.actor, "test"):
        require(import_org.actor, "registration_date", "total_spend", "number_of_users", "customer_type", "group_id")
        db.session.add(CustomerGroup(**own, name="The group"))
        db.session.commit()
    cells = {
        "registrationDate": date(2020, 2, 29),
        "totalSpend": "1,234.50",
        "numberOfUsers": 12,
        "customerType": "Ltd",
        "group": "The Group",
    }
    headers = {column.header for column in list_required_columns(import_org.id)}
    assert headers == set(cells)
    (row,) = list_rows(upload_and_check(build(cells | {"customerType": "Nonsense"}, valid_row(1)), import_org))
    assert ["customerType" for _ in row.errors] == [each["column"] for each in row.errors]
    cells["customerType"] = row.errors[0]["reason"].split(": ")[1].split(", ")[0]
    import_and_save(build(cells, valid_row(1)), import_org)
    customer = get_customer("REF1", import_org)
    assert (customer.registration_date, str(customer.total_spend)[:7]) == (date(2020, 2, 29), "1234.50"[:7])
    assert (customer.number_of_users, customer.group.name) == (12, "The group")
    assert customer.customer_type is not None
    assert set(EXTRA_FIELDS) >= {"segment_id", "website", "markup"}
    assert isinstance(db.session.get_one(CatalogItem, customer.region_id), CatalogItem)

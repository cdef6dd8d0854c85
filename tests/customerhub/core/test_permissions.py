"""Who may do what, and which rows each may know of."""

from itertools import product

import pytest

from customerhub.core import history
from customerhub.core.errors import NotAllowed, NotFound
from customerhub.core.permissions import (
    ROLE_PERMISSIONS,
    Actor,
    Permission,
    require_access,
    require_permission,
    select_visible,
)
from models import Contact, Customer, Department, OrganisationRow, User
from models.base import Base, db
from models.enums import Role
from tests.support import factories as make
from tests.support.two_organisations import TwoOrganisations

P = Permission

# DOMAIN, section 1, by permission: who has it by role.
EXPECTED_PERMISSIONS: dict[Permission, set[Role]] = {
    P.STAFF_HOME: {Role.ADMIN, Role.MANAGER, Role.AGENT},
    P.CUSTOMERS_VIEW: {Role.ADMIN, Role.MANAGER, Role.AGENT},
    P.CUSTOMERS_EDIT: {Role.ADMIN, Role.MANAGER, Role.AGENT},
    P.CUSTOMERS_ASSIGN: {Role.ADMIN, Role.MANAGER},
    P.CUSTOMERS_DELETE: {Role.ADMIN, Role.MANAGER},
    P.CUSTOMERS_IMPORT: {Role.ADMIN, Role.MANAGER, Role.AGENT},
    P.CUSTOMERS_EXPORT: {Role.ADMIN, Role.MANAGER, Role.AGENT},
    P.SETUP_VIEW: {Role.ADMIN, Role.MANAGER, Role.AGENT},
    P.SETUP_EDIT: {Role.ADMIN},
    P.USERS_VIEW: {Role.ADMIN, Role.MANAGER},
    P.USERS_EDIT: {Role.ADMIN},
    P.HISTORY_VIEW: {Role.ADMIN, Role.MANAGER, Role.AGENT},
    P.OUTBOX_VIEW: {Role.ADMIN, Role.MANAGER},
    P.OUTBOX_SEND: {Role.ADMIN},
    P.TASKS_VIEW: {Role.ADMIN, Role.MANAGER, Role.AGENT},
    P.TASKS_WORK: {Role.ADMIN, Role.MANAGER, Role.AGENT},
    P.TASKS_ASSIGN: {Role.ADMIN, Role.MANAGER},
    P.TASKS_DECIDE: {Role.ADMIN, Role.MANAGER},
    P.BLACKLIST: {Role.ADMIN, Role.MANAGER},
    P.DEFAULTS_SAVE: {Role.ADMIN, Role.MANAGER},
    P.VIEWS_SHARE: {Role.ADMIN, Role.MANAGER},
    P.NOTES_EDIT: {Role.ADMIN},
    P.CASES_VIEW: {Role.ADMIN, Role.MANAGER, Role.AGENT},
    P.CASES_EDIT: {Role.ADMIN, Role.MANAGER, Role.AGENT},
    P.CUSTOMERS_MERGE: {Role.ADMIN, Role.MANAGER},
    P.CUSTOMERS_REGISTER: {Role.PARTNER},
    P.PARTICULARS_ASK: set(Role),
    P.CONTRACTS_VIEW: {Role.ADMIN, Role.MANAGER, Role.AGENT},
    P.CONTRACTS_EDIT: {Role.ADMIN, Role.MANAGER, Role.AGENT},
    P.CONTRACTS_ADD: {Role.ADMIN, Role.MANAGER, Role.AGENT, Role.PARTNER},
    P.SIGNATURES_VIEW: {Role.ADMIN, Role.MANAGER, Role.AGENT},
    P.SIGNATURES_EDIT: {Role.ADMIN, Role.MANAGER, Role.AGENT},
    P.PARTNER_PAGES: {Role.PARTNER},
    P.PORTAL: {Role.CUSTOMER},
    P.ERASE: set(),
    P.ORGANISATIONS: set(),
    P.JOBS: set(),  # of a hub that serves several organisations
}
TENANT_MODELS = [mapper.class_ for mapper in Base.registry.mappers if issubclass(mapper.class_, OrganisationRow)]


def build_user(role: Role, **values: object) -> User:
    return User(organisation_id=1, role=role, name="Kim", active=True, **values)


@pytest.mark.parametrize("permission", Permission)
def test_each_role_may_what_the_table_says(permission, organisations: TwoOrganisations):
    assert {
        role for role in Role if Actor.from_user(build_user(role)).has_permission(permission)
    } == EXPECTED_PERMISSIONS[permission]


def test_every_role_is_in_the_table():
    assert ROLE_PERMISSIONS.keys() == set(Role)


@pytest.mark.parametrize(
    ("grant", "permissions"), [("data_protection", {P.ERASE}), ("platform", {P.ORGANISATIONS, P.JOBS})]
)
def test_a_grant_gives_its_permissions_and_no_other(grant, permissions, organisations: TwoOrganisations):
    for role in Role:
        plain, granted = Actor.from_user(build_user(role)), Actor.from_user(build_user(role, **{grant: True}))
        assert {p for p in Permission if granted.has_permission(p)} - {
            p for p in Permission if plain.has_permission(p)
        } == permissions


def test_background_jobs_are_an_administrators_while_there_is_one_organisation(session):
    def who() -> set[Role]:
        return {role for role in Role if Actor.from_user(build_user(role)).has_permission(P.JOBS)}

    first = make.OrganisationFactory()
    assert who() == {Role.ADMIN}
    second = make.OrganisationFactory()
    assert who() == set()
    with history.act_as(Actor(None, second.id), "test"):
        second.active = False
        session.commit()
        assert who() == set(), "its jobs and their traces are still there"
        session.delete(second)
        session.commit()
    assert who() == {Role.ADMIN}
    assert first.active


_OF_CUSTOMERS = {
    "customer",
    "account",
    "address",
    "contact",
    "legal_entity",
    "compliance_document",
    "invoice_profile",
    "contract",
    "customer_order",
}
VISIBLE_TABLES = {Role.PARTNER: _OF_CUSTOMERS, Role.CUSTOMER: _OF_CUSTOMERS | {"billing_line", "customer_case"}}
OFFERED = {"catalog_item", "department"}


@pytest.mark.parametrize("role", Role)
def test_somebody_switched_off_may_nothing(role):
    user = build_user(role, platform=True, data_protection=True)
    user.active = False
    assert not any(Actor.from_user(user).has_permission(permission) for permission in Permission)


def test_the_system_may_everything():
    assert all(Actor(None, 1).has_permission(permission) for permission in Permission)


def test_a_refusal_says_what_may_not_be_done():
    with pytest.raises(NotAllowed, match="You may not edit set-up data"):
        require_permission(Actor.from_user(build_user(Role.AGENT)), P.SETUP_EDIT)
    require_permission(Actor.from_user(build_user(Role.ADMIN)), P.SETUP_EDIT)


def test_only_the_grant_platform_lets_choose_the_organisation():
    assert Actor.from_user(build_user(Role.ADMIN), 2).organisation_id == 1
    assert Actor.from_user(build_user(Role.ADMIN, platform=True), 2).organisation_id == 2
    assert Actor.from_user(build_user(Role.ADMIN, platform=True), None).organisation_id == 1


def test_rows_of_another_organisation_are_not_there(organisations: TwoOrganisations):
    actor = Actor(None, organisations.own.id)
    require_access(actor, db.session.get_one(Customer, organisations.own.customers[0]))
    with pytest.raises(NotFound):
        require_access(actor, db.session.get_one(Customer, organisations.foreign.customers[0]))


def test_another_partners_customer_is_not_there(organisations: TwoOrganisations):
    partner = Actor.from_user(db.session.get_one(User, organisations.own.users[Role.PARTNER]))
    customer = Actor.from_user(db.session.get_one(User, organisations.own.users[Role.CUSTOMER]))
    assign_dealer(organisations.own.customers[1])
    first, second, third = (db.session.get_one(Customer, key) for key in organisations.own.customers)
    for actor, own, others in ((partner, (first, third), (second,)), (customer, (first,), (second, third))):
        for row in own:
            require_access(actor, row)
        for row in (*others, second.contacts[0], db.session.get_one(Department, organisations.own.row_id(Department))):
            with pytest.raises(NotFound):
                require_access(actor, row)


def test_staff_know_every_row_of_their_organisation_and_no_other(organisations: TwoOrganisations):
    for side in (organisations.own, organisations.foreign):
        for role in (Role.ADMIN, Role.MANAGER, Role.AGENT):
            actor = Actor.from_user(db.session.get_one(User, side.users[role]))
            for model in TENANT_MODELS:
                organisation_ids = set(
                    db.session.scalars(select_visible(model, actor).with_only_columns(model.organisation_id))
                )
                assert organisation_ids == {side.id}, (model, role)


def test_partners_and_customers_know_only_what_hangs_on_theirs(organisations: TwoOrganisations):
    """One of our customers has another dealer; the portal user belongs to the first customer alone."""
    own_rows, foreign_rows = organisations.own, organisations.foreign
    partner = Actor.from_user(db.session.get_one(User, own_rows.users[Role.PARTNER]))
    customer = Actor.from_user(db.session.get_one(User, own_rows.users[Role.CUSTOMER]))
    assign_dealer(own_rows.customers[1])
    own = {partner: {own_rows.customers[0], own_rows.customers[2]}, customer: {own_rows.customers[0]}}
    for model, (actor, customers) in product(TENANT_MODELS, own.items()):
        rows = db.session.scalars(select_visible(model, actor)).all()
        if model.__tablename__ in OFFERED:
            assert {row.organisation_id for row in rows} == {own_rows.id}, model
            continue
        is_theirs = model.__tablename__ in VISIBLE_TABLES[actor.access_scope.role]
        assert {getattr(row, "customer_id", row.id) for row in rows} == (customers if is_theirs else set()), model
    assert not {row.id for row in db.session.scalars(select_visible(Customer, partner))} & set(foreign_rows.customers)


def assign_dealer(customer_id: int) -> None:
    customer = db.session.get_one(Customer, customer_id)
    with history.act_as(Actor(None, customer.organisation_id), "test"):
        customer.dealer_id = make.DealerFactory(organisation_id=customer.organisation_id).id
        db.session.commit()


def test_a_partner_without_a_dealer_would_know_of_nothing(organisations: TwoOrganisations):
    """The database refuses such a user; should there be one all the same, blank does not match blank."""
    lost = build_user(Role.PARTNER)
    lost.organisation_id = organisations.own.id
    assign_dealer(organisations.own.customers[0])
    make.CustomerFactory(organisation_id=organisations.own.id, **choice_values(organisations), dealer_id=None)
    assert db.session.scalars(select_visible(Customer, Actor.from_user(lost))).all() == []
    assert db.session.scalars(select_visible(Contact, Actor.from_user(lost))).all() == []


def choice_values(organisations: TwoOrganisations) -> dict[str, object]:
    customer = db.session.get_one(Customer, organisations.own.customers[0])
    return {"region_id": customer.region_id, "status_id": customer.status_id, "departments": []}

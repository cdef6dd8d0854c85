"""Who may do what, and which rows each may know of."""

from itertools import product

import pytest

from customerhub import history
from customerhub.errors import NotAllowed, NotFound
from customerhub.permissions import ROLE_PERMISSIONS, Actor, Permission, require, require_own, scope
from models import Contact, Customer, Department, OrganisationRow, User
from models.base import Base, db
from models.enums import Role
from tests import factories as make
from tests.world import World

P = Permission

# DOMAIN, section 1, by permission: who has it by role.
TABLE: dict[Permission, set[Role]] = {
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
    P.CUSTOMERS_MERGE: {Role.ADMIN, Role.MANAGER},
    P.CUSTOMERS_REGISTER: {Role.PARTNER},
    P.PARTICULARS_ASK: set(Role),
    P.CONTRACTS_VIEW: {Role.ADMIN, Role.MANAGER, Role.AGENT},
    P.CONTRACTS_EDIT: {Role.ADMIN, Role.MANAGER, Role.AGENT},
    P.CONTRACTS_ADD: {Role.ADMIN, Role.MANAGER, Role.AGENT, Role.PARTNER},
    P.PARTNER_PAGES: {Role.PARTNER},
    P.PORTAL: {Role.CUSTOMER},
    P.ERASE: set(),
    P.ORGANISATIONS: set(),
    P.JOBS: set(),  # of a hub that serves several organisations
}
TENANT_MODELS = [mapper.class_ for mapper in Base.registry.mappers if issubclass(mapper.class_, OrganisationRow)]


def person(role: Role, **values: object) -> User:
    return User(organisation_id=1, role=role, name="Kim", active=True, **values)


@pytest.mark.parametrize("permission", Permission)
def test_each_role_may_what_the_table_says(permission, world: World):
    assert {role for role in Role if Actor.of(person(role)).may(permission)} == TABLE[permission]


def test_every_role_is_in_the_table():
    assert ROLE_PERMISSIONS.keys() == set(Role)


@pytest.mark.parametrize(
    ("grant", "permissions"), [("data_protection", {P.ERASE}), ("platform", {P.ORGANISATIONS, P.JOBS})]
)
def test_a_grant_gives_its_permissions_and_no_other(grant, permissions, world: World):
    for role in Role:
        plain, granted = Actor.of(person(role)), Actor.of(person(role, **{grant: True}))
        assert {p for p in Permission if granted.may(p)} - {p for p in Permission if plain.may(p)} == permissions


def test_background_jobs_are_an_administrators_while_there_is_one_organisation(session):
    def who() -> set[Role]:
        return {role for role in Role if Actor.of(person(role)).may(P.JOBS)}

    first = make.OrganisationFactory()
    assert who() == {Role.ADMIN}
    second = make.OrganisationFactory()
    assert who() == set()
    with history.acting(Actor(None, second.id), "test"):
        second.active = False
        session.commit()
        assert who() == set(), "its jobs and their traces are still there"
        session.delete(second)
        session.commit()
    assert who() == {Role.ADMIN}
    assert first.active


_OF_CUSTOMERS = {"customer", "account", "address", "contact", "legal_entity", "compliance_document", "invoice_profile",
                 "contract", "customer_order"}  # fmt: skip
THEIRS = {Role.PARTNER: _OF_CUSTOMERS, Role.CUSTOMER: _OF_CUSTOMERS | {"billing_line"}}
OFFERED = {"catalog_item", "department"}


@pytest.mark.parametrize("role", Role)
def test_somebody_switched_off_may_nothing(role):
    user = person(role, platform=True, data_protection=True)
    user.active = False
    assert not any(Actor.of(user).may(permission) for permission in Permission)


def test_the_system_may_everything():
    assert all(Actor(None, 1).may(permission) for permission in Permission)


def test_a_refusal_says_what_may_not_be_done():
    with pytest.raises(NotAllowed, match="You may not edit set-up data"):
        require(Actor.of(person(Role.AGENT)), P.SETUP_EDIT)
    require(Actor.of(person(Role.ADMIN)), P.SETUP_EDIT)


def test_only_the_grant_platform_lets_choose_the_organisation():
    assert Actor.of(person(Role.ADMIN), 2).organisation_id == 1
    assert Actor.of(person(Role.ADMIN, platform=True), 2).organisation_id == 2
    assert Actor.of(person(Role.ADMIN, platform=True), None).organisation_id == 1


def test_rows_of_another_organisation_are_not_there(world: World):
    actor = Actor(None, world.ours.id)
    require_own(actor, db.session.get_one(Customer, world.ours.customers[0]))
    with pytest.raises(NotFound):
        require_own(actor, db.session.get_one(Customer, world.theirs.customers[0]))


def test_another_partners_customer_is_not_there(world: World):
    partner = Actor.of(db.session.get_one(User, world.ours.users[Role.PARTNER]))
    customer = Actor.of(db.session.get_one(User, world.ours.users[Role.CUSTOMER]))
    set_dealer(world.ours.customers[1])
    first, second, third = (db.session.get_one(Customer, key) for key in world.ours.customers)
    for actor, own, others in ((partner, (first, third), (second,)), (customer, (first,), (second, third))):
        for row in own:
            require_own(actor, row)
        for row in (*others, second.contacts[0], db.session.get_one(Department, world.ours.row(Department))):
            with pytest.raises(NotFound):
                require_own(actor, row)


def test_staff_know_every_row_of_their_organisation_and_no_other(world: World):
    for side in (world.ours, world.theirs):
        for role in (Role.ADMIN, Role.MANAGER, Role.AGENT):
            actor = Actor.of(db.session.get_one(User, side.users[role]))
            for model in TENANT_MODELS:
                seen = set(db.session.scalars(scope(model, actor).with_only_columns(model.organisation_id)))
                assert seen == {side.id}, (model, role)


def test_partners_and_customers_know_only_what_hangs_on_theirs(world: World):
    """One of our customers has another dealer; the portal user belongs to the first customer alone."""
    ours, theirs = world.ours, world.theirs
    partner = Actor.of(db.session.get_one(User, ours.users[Role.PARTNER]))
    customer = Actor.of(db.session.get_one(User, ours.users[Role.CUSTOMER]))
    set_dealer(ours.customers[1])
    own = {partner: {ours.customers[0], ours.customers[2]}, customer: {ours.customers[0]}}
    for model, (actor, customers) in product(TENANT_MODELS, own.items()):
        rows = db.session.scalars(scope(model, actor)).all()
        if model.__tablename__ in OFFERED:
            assert {row.organisation_id for row in rows} == {ours.id}, model
            continue
        is_theirs = model.__tablename__ in THEIRS[actor.sight.role]
        assert {getattr(row, "customer_id", row.id) for row in rows} == (customers if is_theirs else set()), model
    assert not {row.id for row in db.session.scalars(scope(Customer, partner))} & set(theirs.customers)


def set_dealer(customer_id: int) -> None:
    customer = db.session.get_one(Customer, customer_id)
    with history.acting(Actor(None, customer.organisation_id), "test"):
        customer.dealer_id = make.DealerFactory(organisation_id=customer.organisation_id).id
        db.session.commit()


def test_a_partner_without_a_dealer_would_know_of_nothing(world: World):
    """The database refuses such a user; should there be one all the same, blank does not match blank."""
    lost = person(Role.PARTNER)
    lost.organisation_id = world.ours.id
    set_dealer(world.ours.customers[0])
    make.CustomerFactory(organisation_id=world.ours.id, **choices_of(world), dealer_id=None)
    assert db.session.scalars(scope(Customer, Actor.of(lost))).all() == []
    assert db.session.scalars(scope(Contact, Actor.of(lost))).all() == []


def choices_of(world: World) -> dict[str, object]:
    known = db.session.get_one(Customer, world.ours.customers[0])
    return {"region_id": known.region_id, "status_id": known.status_id, "departments": []}

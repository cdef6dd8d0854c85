"""What follows from saving a customer: its status, who set promotional emails, and who looks after it."""

import pytest
from sqlalchemy import select

from customerhub.customers.records import assign_account_manager, delete_customer, save_customer
from customerhub.customers.statuses import put_in_status
from customerhub.errors import Invalid
from customerhub.permissions import Actor
from models import Customer, CustomerStatus, Dealer, User
from models.base import db
from models.enums import Role, StatusBehaviour
from tests import factories as make
from tests.customerhub.conftest import actor_in
from tests.customerhub.test_records import new, refused
from tests.world import World


def test_a_new_customer_starts_in_the_first_active_status_that_bills(world: World, admin: Actor):
    first = make.CustomerStatusFactory(organisation_id=world.ours.id, position=-2, active=False)
    second = make.CustomerStatusFactory(organisation_id=world.ours.id, position=-1)
    make.CustomerStatusFactory(organisation_id=world.ours.id, position=-3, behaviour=StatusBehaviour.NONE)
    assert save_customer(new(world), actor=admin).status_id == second.id != first.id


def test_without_a_status_that_bills_nobody_can_be_added(world: World, admin: Actor):
    for status in db.session.scalars(select(CustomerStatus).where(CustomerStatus.organisation_id == world.ours.id)):
        status.active = False
    db.session.commit()
    assert "Set-up, Statuses" in refused(new(world), admin)["status_id"]


def status_that(world: World, behaviour: StatusBehaviour) -> CustomerStatus:
    status: CustomerStatus = make.CustomerStatusFactory(organisation_id=world.ours.id, behaviour=behaviour)
    return status


@pytest.mark.parametrize("behaviour", StatusBehaviour)
def test_a_new_customer_starts_where_charges_are_billed_or_held_back(
    world: World, admin: Actor, behaviour: StatusBehaviour
):
    customer = new(world, status_id=status_that(world, behaviour).id)
    db.session.commit()
    if behaviour in (StatusBehaviour.BILL, StatusBehaviour.ACCRUE):
        assert save_customer(customer, actor=admin).status.behaviour is behaviour
    else:
        assert "action of its own" in refused(customer, admin)["status_id"]


@pytest.mark.parametrize("before", StatusBehaviour)
@pytest.mark.parametrize("after", StatusBehaviour)
def test_editing_moves_a_customer_between_billing_and_holding_back_only(
    world: World, admin: Actor, before: StatusBehaviour, after: StatusBehaviour
):
    customer = save_customer(new(world), actor=admin)
    put_in_status(customer, status_that(world, before))
    wanted = status_that(world, after)
    db.session.commit()
    customer.status_id = wanted.id
    if before is after or {before, after} == {StatusBehaviour.BILL, StatusBehaviour.ACCRUE}:
        save_customer(customer, actor=admin)
        assert customer.status_id == wanted.id
    else:
        assert refused(customer, admin).keys() == {"status_id"}


def test_a_blank_status_leaves_a_customer_as_it_is(world: World, admin: Actor):
    dropped = status_that(world, StatusBehaviour.NONE)
    customer = save_customer(new(world), actor=admin)
    put_in_status(customer, dropped)
    db.session.commit()
    customer.status_id = None  # type: ignore[assignment]
    save_customer(customer, actor=admin)
    assert customer.status_id == dropped.id


def test_a_status_is_ones_own(world: World, admin: Actor):
    for wrong in (world.theirs.row(CustomerStatus), 10**9):
        assert refused(new(world, status_id=wrong), admin).keys() == {"status_id"}


def test_promotional_emails_keep_who_allowed_them_and_when(world: World, admin: Actor):
    customer = save_customer(new(world, promotional_emails=True), actor=admin)
    db.session.commit()
    since = customer.promotional_set_at
    assert (since is not None, customer.promotional_set_by_id) == (True, admin.id)
    save_customer(customer, actor=actor_in(world, Role.AGENT))
    assert (customer.promotional_set_at, customer.promotional_set_by_id) == (since, admin.id)
    agent = actor_in(world, Role.AGENT)
    customer.promotional_emails = False
    save_customer(customer, actor=agent)
    db.session.commit()
    assert since is not None
    assert customer.promotional_set_at is not None
    assert customer.promotional_set_at > since
    assert customer.promotional_set_by_id == agent.id


def test_nobody_set_promotional_emails_that_were_never_on(world: World, admin: Actor):
    for asked in ({}, {"promotional_emails": False}):
        customer = save_customer(new(world, **asked), actor=admin)
        assert (customer.promotional_set_at, customer.promotional_set_by_id) == (None, None)
        delete_customer(customer, actor=admin)


def test_somebody_from_another_organisation_may_set_promotional_emails(world: World, admin: Actor):
    """A person with the grant platform works in an organisation that is not their own."""
    person = db.session.get_one(User, world.platform_user)
    visitor = Actor.of(person, world.theirs.id)
    customer = db.session.get_one(Customer, world.theirs.customers[0])
    customer.promotional_emails = True
    save_customer(customer, actor=visitor)
    db.session.commit()
    assert customer.promotional_set_at is not None


def test_a_note_on_the_relationship_means_there_is_one(world: World, admin: Actor):
    assert save_customer(new(world, relationship_note=" Since 1990 "), actor=admin).existing_relationship


def test_an_account_manager_is_assigned_and_taken_away(world: World, admin: Actor):
    customer = save_customer(new(world), actor=admin)
    agent = db.session.get_one(User, world.ours.users[Role.AGENT])
    assign_account_manager(customer, manager=agent, actor=admin)
    assert customer.account_manager_id == agent.id
    assign_account_manager(customer, manager=None, actor=admin)
    assert customer.account_manager_id is None


def test_only_staff_are_assigned(world: World, admin: Actor):
    customer = save_customer(new(world), actor=admin)
    db.session.commit()
    for wrong in (world.ours.users[Role.PARTNER], world.theirs.users[Role.AGENT]):
        with pytest.raises(Invalid):
            assign_account_manager(customer, manager=db.session.get_one(User, wrong), actor=admin)
        db.session.rollback()
    assert customer.account_manager_id is None


def test_assigning_asks_nothing_of_the_other_managers(world: World, admin: Actor):
    agent = db.session.get_one(User, world.ours.users[Role.AGENT])
    former = make.UserFactory(organisation_id=world.ours.id, role=Role.AGENT)
    customer = save_customer(new(world, service_manager_id=former.id), actor=admin)
    former.role, former.dealer_id = Role.PARTNER, world.ours.row(Dealer)
    db.session.commit()
    assign_account_manager(customer, manager=agent, actor=admin)
    assert customer.account_manager_id == agent.id
    db.session.commit()
    assert refused(customer, admin).keys() == {"service_manager_id"}

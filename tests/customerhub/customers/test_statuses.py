"""What follows from saving a customer: its status, who set promotional emails, and who looks after it."""

import pytest
from sqlalchemy import select

from customerhub.core.errors import Invalid
from customerhub.core.permissions import Actor
from customerhub.customers.account_managers import assign_account_manager
from customerhub.customers.deletion import delete_customer
from customerhub.customers.records import save_customer
from customerhub.customers.statuses import set_status
from models import Customer, CustomerStatus, Dealer, User
from models.base import db
from models.enums import Role, StatusBehaviour
from tests.customerhub.conftest import actor_of
from tests.customerhub.customers.test_records import build_customer, refused_problems
from tests.support import factories as make
from tests.support.two_organisations import TwoOrganisations


def test_a_new_customer_starts_in_the_first_active_status_that_bills(organisations: TwoOrganisations, admin: Actor):
    first = make.CustomerStatusFactory(organisation_id=organisations.own.id, position=-2, active=False)
    second = make.CustomerStatusFactory(organisation_id=organisations.own.id, position=-1)
    make.CustomerStatusFactory(organisation_id=organisations.own.id, position=-3, behaviour=StatusBehaviour.NONE)
    assert save_customer(build_customer(organisations), actor=admin).status_id == second.id != first.id


def test_without_a_status_that_bills_nobody_can_be_added(organisations: TwoOrganisations, admin: Actor):
    for status in db.session.scalars(
        select(CustomerStatus).where(CustomerStatus.organisation_id == organisations.own.id)
    ):
        status.active = False
    db.session.commit()
    assert "Set-up, Statuses" in refused_problems(build_customer(organisations), admin)["status_id"]


def add_status(organisations: TwoOrganisations, behaviour: StatusBehaviour) -> CustomerStatus:
    status: CustomerStatus = make.CustomerStatusFactory(organisation_id=organisations.own.id, behaviour=behaviour)
    return status


@pytest.mark.parametrize("behaviour", StatusBehaviour)
def test_a_new_customer_starts_where_charges_are_billed_or_held_back(
    organisations: TwoOrganisations, admin: Actor, behaviour: StatusBehaviour
):
    customer = build_customer(organisations, status_id=add_status(organisations, behaviour).id)
    db.session.commit()
    if behaviour in (StatusBehaviour.BILL, StatusBehaviour.ACCRUE):
        assert save_customer(customer, actor=admin).status.behaviour is behaviour
    else:
        assert "cannot be chosen when editing" in refused_problems(customer, admin)["status_id"]


@pytest.mark.parametrize("before", StatusBehaviour)
@pytest.mark.parametrize("after", StatusBehaviour)
def test_editing_moves_a_customer_between_billing_and_holding_back_only(
    organisations: TwoOrganisations, admin: Actor, before: StatusBehaviour, after: StatusBehaviour
):
    customer = save_customer(build_customer(organisations), actor=admin)
    set_status(customer, add_status(organisations, before))
    new_status = add_status(organisations, after)
    db.session.commit()
    customer.status_id = new_status.id
    if before is after or {before, after} == {StatusBehaviour.BILL, StatusBehaviour.ACCRUE}:
        save_customer(customer, actor=admin)
        assert customer.status_id == new_status.id
    else:
        assert refused_problems(customer, admin).keys() == {"status_id"}


def test_a_blank_status_leaves_a_customer_as_it_is(organisations: TwoOrganisations, admin: Actor):
    dropped = add_status(organisations, StatusBehaviour.NONE)
    customer = save_customer(build_customer(organisations), actor=admin)
    set_status(customer, dropped)
    db.session.commit()
    customer.status_id = None
    save_customer(customer, actor=admin)
    assert customer.status_id == dropped.id


def test_a_status_is_ones_own(organisations: TwoOrganisations, admin: Actor):
    for wrong in (organisations.foreign.row_id(CustomerStatus), 10**9):
        assert refused_problems(build_customer(organisations, status_id=wrong), admin).keys() == {"status_id"}


def test_promotional_emails_keep_who_allowed_them_and_when(organisations: TwoOrganisations, admin: Actor):
    customer = save_customer(build_customer(organisations, promotional_emails=True), actor=admin)
    db.session.commit()
    since = customer.promotional_set_at
    assert (since is not None, customer.promotional_set_by_id) == (True, admin.id)
    save_customer(customer, actor=actor_of(organisations, Role.AGENT))
    assert (customer.promotional_set_at, customer.promotional_set_by_id) == (since, admin.id)
    agent = actor_of(organisations, Role.AGENT)
    customer.promotional_emails = False
    save_customer(customer, actor=agent)
    db.session.commit()
    assert since is not None
    assert customer.promotional_set_at is not None
    assert customer.promotional_set_at > since
    assert customer.promotional_set_by_id == agent.id


def test_nobody_set_promotional_emails_that_were_never_on(organisations: TwoOrganisations, admin: Actor):
    for values in ({}, {"promotional_emails": False}):
        customer = save_customer(build_customer(organisations, **values), actor=admin)
        assert (customer.promotional_set_at, customer.promotional_set_by_id) == (None, None)
        delete_customer(customer, actor=admin)


def test_somebody_from_another_organisation_may_set_promotional_emails(organisations: TwoOrganisations, admin: Actor):
    """A person with the grant platform works in an organisation that is not their own."""
    person = db.session.get_one(User, organisations.platform_user)
    visitor = Actor.from_user(person, organisations.foreign.id)
    customer = db.session.get_one(Customer, organisations.foreign.customers[0])
    customer.promotional_emails = True
    save_customer(customer, actor=visitor)
    db.session.commit()
    assert customer.promotional_set_at is not None


def test_a_note_on_the_relationship_means_there_is_one(organisations: TwoOrganisations, admin: Actor):
    assert save_customer(
        build_customer(organisations, relationship_note=" Since 1990 "), actor=admin
    ).existing_relationship


def test_an_account_manager_is_assigned_and_taken_away(organisations: TwoOrganisations, admin: Actor):
    customer = save_customer(build_customer(organisations), actor=admin)
    agent = db.session.get_one(User, organisations.own.users[Role.AGENT])
    assign_account_manager(customer, manager=agent, actor=admin)
    assert customer.account_manager_id == agent.id
    assign_account_manager(customer, manager=None, actor=admin)
    assert customer.account_manager_id is None


def test_only_staff_are_assigned(organisations: TwoOrganisations, admin: Actor):
    customer = save_customer(build_customer(organisations), actor=admin)
    db.session.commit()
    for wrong in (organisations.own.users[Role.PARTNER], organisations.foreign.users[Role.AGENT]):
        with pytest.raises(Invalid):
            assign_account_manager(customer, manager=db.session.get_one(User, wrong), actor=admin)
        db.session.rollback()
    assert customer.account_manager_id is None


def test_assigning_asks_nothing_of_the_other_managers(organisations: TwoOrganisations, admin: Actor):
    agent = db.session.get_one(User, organisations.own.users[Role.AGENT])
    former = make.UserFactory(organisation_id=organisations.own.id, role=Role.AGENT)
    customer = save_customer(build_customer(organisations, service_manager_id=former.id), actor=admin)
    former.role, former.dealer_id = Role.PARTNER, organisations.own.row_id(Dealer)
    db.session.commit()
    assign_account_manager(customer, manager=agent, actor=admin)
    assert customer.account_manager_id == agent.id
    db.session.commit()
    assert refused_problems(customer, admin).keys() == {"service_manager_id"}

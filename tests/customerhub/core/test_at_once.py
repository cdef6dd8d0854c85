"""Two transactions that would each be right alone: the second waits for the first and sees what it did."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from customerhub.core import history
from customerhub.core.errors import Invalid, StillLinked, WrongState
from customerhub.core.permissions import Actor
from customerhub.customers.deletion import delete_customer, delete_customers
from customerhub.customers.records import save_customer
from customerhub.setup.rows import delete_row, save_row
from models import Customer, CustomerStatus, User
from models.base import db
from models.enums import Role
from tests.customerhub.conftest import actor_of
from tests.customerhub.customers.test_records import build_customer
from tests.support import factories as make
from tests.support.races import wait_until_blocked
from tests.support.two_organisations import TwoOrganisations


def start_concurrently(
    organisations: TwoOrganisations, action: Callable[[Actor], Any]
) -> tuple[ThreadPoolExecutor, Future[Any]]:
    """`act` of another administrator, begun in a transaction of its own, and by now waiting for this one."""

    def run_action() -> None:
        with organisations.app.app_context():
            actor = actor_of(organisations, Role.ADMIN)
            with history.act_as(actor, "test"):
                action(actor)
                db.session.commit()

    pool = ThreadPoolExecutor(1)
    future = pool.submit(run_action)
    wait_until_blocked(future)
    return pool, future


def assert_refused(pool: ThreadPoolExecutor, future: Future[Any], kind: type[Exception], message: str) -> None:
    with pool, pytest.raises(kind, match=message):
        future.result(20)
    db.session.expire_all()


def test_a_customer_who_is_given_a_portal_user_meanwhile_is_not_deleted(organisations: TwoOrganisations, admin: Actor):
    customer = save_customer(build_customer(organisations), actor=admin)
    db.session.commit()
    key = customer.id
    user = make.UserFactory(organisation_id=organisations.own.id, role=Role.CUSTOMER, customer_id=key)
    pool, future = start_concurrently(
        organisations, lambda actor: delete_customer(db.session.get_one(Customer, key), actor=actor)
    )
    db.session.commit()
    assert_refused(pool, future, StillLinked, "1 user")
    assert db.session.get(Customer, key) is not None
    assert db.session.get(User, user.id) is not None


def test_of_many_that_are_deleted_the_one_with_a_new_portal_user_stays(organisations: TwoOrganisations, admin: Actor):
    """Deleting waits for whoever adds something to one of them, sees it, and deletes the others."""
    different = [{"reference": f"D{n}", "name": f"Name {n}", "email": f"d{n}@x.example"} for n in range(3)]
    keys = [save_customer(build_customer(organisations, **values), actor=admin).id for values in different]
    db.session.commit()
    make.UserFactory(organisation_id=organisations.own.id, role=Role.CUSTOMER, customer_id=keys[1])
    refusals: dict[int, Any] = {}

    def delete_all(actor: Actor) -> None:
        customers = [db.session.get_one(Customer, key) for key in reversed(keys)]
        refusals.update(delete_customers(customers, actor=actor))

    pool, future = start_concurrently(organisations, delete_all)
    db.session.commit()
    with pool:
        future.result(20)
    db.session.expire_all()
    assert {key: type(error) for key, error in refusals.items()} == {keys[1]: StillLinked}
    assert "1 user" in refusals[keys[1]].message
    assert [key for key in keys if db.session.get(Customer, key) is not None] == [keys[1]]


@pytest.mark.parametrize("is_deleted", [True, False])
def test_of_the_last_two_statuses_that_bill_one_stays(organisations: TwoOrganisations, admin: Actor, is_deleted: bool):
    first, second = (make.CustomerStatusFactory(organisation_id=organisations.own.id) for _ in range(2))
    for status in db.session.query(CustomerStatus).filter(CustomerStatus.organisation_id == organisations.own.id):
        status.active = status in (first, second)
    db.session.commit()
    keys = first.id, second.id

    def take_away(key: int, actor: Actor) -> None:
        status = db.session.get_one(CustomerStatus, key)
        if is_deleted:
            delete_row(status, actor=actor)
        else:
            status.active = False
            save_row(status, actor=actor)

    take_away(keys[0], admin)
    pool, future = start_concurrently(organisations, lambda actor: take_away(keys[1], actor))
    db.session.commit()
    assert_refused(pool, future, WrongState if is_deleted else Invalid, "must bill")
    assert db.session.get_one(CustomerStatus, keys[1]).active

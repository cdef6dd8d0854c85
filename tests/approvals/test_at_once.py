"""Two who decide at the same moment: one does, the other hears of it."""

import threading
from contextlib import suppress
from threading import Barrier, BrokenBarrierError

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import NoResultFound

from customerhub import clock
from customerhub.approvals import blacklist, decisions, particulars, stages, tasks
from customerhub.approvals.moves import move_customer
from customerhub.customers import alerts, registration
from customerhub.customers.events import begun
from customerhub.customers.merging import find_survivor, merge_customers
from customerhub.customers.records import save_customer
from customerhub.errors import Conflict, NotFound, WrongState
from models import Account, Alert, ApprovalTask, Customer
from models.base import db
from models.enums import AlertRule, CustomerKind, Stage, TaskAssignment, TaskKind
from tests.approvals.conftest import acting, entries_of, moved
from tests.approvals.racing import begin, meanwhile
from views.operation import run_each
from views.task_operations import MOVES, OPERATIONS

BY_NAME = {operation.name: operation for operation in OPERATIONS}
MOVE = {operation.name: operation for operation in MOVES}


def second(office, app, act):
    """`act` of the administrator, while this transaction is still open; what came of it."""
    return meanwhile(app, office.admin.id, act)


def test_two_ask_for_the_same(office, app):
    customer = office.customer()
    key = customer.id
    blacklist.request_blacklisting(customer, reason="Fraud", actor=office.manager)
    other = second(
        office, app,
        lambda a: blacklist.request_blacklisting(db.session.get_one(Customer, key), reason="Fraud", actor=a),
    )  # fmt: skip
    db.session.commit()
    with pytest.raises(Conflict, match=r"\(blacklist\) is asked for already"):
        other()


def test_two_claim(office, app):
    task = office.task(office.customer())
    key = task.id
    tasks.claim_task(task, actor=office.agent)
    other = second(office, app, lambda a: tasks.claim_task(db.session.get_one(ApprovalTask, key), actor=a))
    db.session.commit()
    with pytest.raises(WrongState, match="Already taken"):
        other()
    db.session.refresh(task)
    assert task.assignee_id == office.agent.id


@pytest.mark.parametrize("theirs", ["pass", "fail"])
def test_two_move(office, app, theirs):
    customer = office.customer()
    key = customer.id
    office.move(customer, "pass")

    def act(actor):
        move_customer(db.session.get_one(Customer, key), stages.BY_NAME[theirs], comment="Because", actor=actor)

    other = second(office, app, act)
    db.session.commit()
    with pytest.raises((Conflict, WrongState)):
        other()
    db.session.refresh(customer)
    assert (customer.stage, len(moved(customer))) == (Stage.PASSED, 1)


def test_two_approve_one_update(office, app):
    customer = office.customer()
    with acting(office.partner):
        values = {"website": "www.example.com"}
        task = particulars.propose_update(customer, values=values, actor=office.partner)
        db.session.commit()
    key, before = task.id, len(entries_of(customer.id))
    decisions.approve_task(task, actor=office.manager)
    other = second(office, app, lambda a: decisions.approve_task(db.session.get_one(ApprovalTask, key), actor=a))
    db.session.commit()
    with pytest.raises((Conflict, WrongState)):
        other()
    assert len(entries_of(customer.id)) == before + 1


@pytest.mark.parametrize("other_way_round", [True, False])
def test_two_merge_the_same_two(office, app, other_way_round):
    first, other = office.customer(), office.customer()
    keys = (first.id, other.id)
    merge_customers(first, other, actor=office.manager)

    def act(actor):
        rows = [db.session.get_one(Customer, key) for key in keys]
        survivor, goes = reversed(rows) if other_way_round else rows
        merge_customers(survivor, goes, actor=actor)

    outcome = second(office, app, act)
    db.session.commit()
    with pytest.raises((NotFound, NoResultFound)):  # the latter where it was gone before it was even read
        outcome()
    assert list(db.session.scalars(select(Customer.id))) == [keys[0]]
    assert find_survivor(keys[1], actor=office.manager) == keys[0]
    assert db.session.scalar(select(func.count(Account.id))) == 2


def test_the_daily_rules_and_a_save_raise_one_alert(office, app):
    customer = office.customer()
    customer.credit_limit, customer.accounts[0].balance = 5, 10
    db.session.commit()
    save_customer(customer, actor=office.system)
    today = clock.today()
    other = second(office, app, lambda a: alerts.review_all(a.organisation_id, as_of=today))
    db.session.commit()
    assert other() == (0, 0)
    rules = list(db.session.scalars(select(Alert.rule).where(Alert.closed_at.is_(None))))
    assert rules == [AlertRule.CREDIT_LIMIT]
    assert len(entries_of(customer.id, "alert")) == 1


@pytest.mark.parametrize("way", list(TaskAssignment)[1:])
def test_registrations_at_once_are_handed_out_evenly(office, app, way):
    office.organisation.task_assignment = way

    def register(number):
        def act(actor):
            told = {"name": f"Prospect {number}", "contact_name": "Kim", "registration_number": f"AT ONCE {number}"}
            registration.register_customer(CustomerKind.COMPANY, **told, actor=actor)

        return act

    key = office.partner.id
    db.session.commit()  # nobody waits for this transaction
    for each in [begin(app, key, register(number)) for number in range(8)]:
        each.result(60)
    counted = select(ApprovalTask.assignee_id, func.count()).group_by(ApprovalTask.assignee_id)
    assert dict(db.session.execute(counted).all()) == {office.agent.id: 4, office.other_agent.id: 4}


def renamed(office, key, name="Renamed again"):
    customer = db.session.get_one(Customer, key)
    customer.name = name
    save_customer(customer, actor=office)


def live_and_renamed(office):
    """The key of a live customer that the agent has renamed, and of its open re-check."""
    customer = office.customer(Stage.BILLING)
    with acting(office.agent):
        renamed(office.agent, customer.id, "Renamed")
        db.session.commit()
    return customer.id, office.task(customer, TaskKind.RECHECK).id


def test_a_fact_that_changes_while_its_re_check_is_approved_is_checked_too(office, app):
    """Whoever changed it first changes it again: nothing but that is new of the task."""
    owned, key = live_and_renamed(office)
    decisions.approve_task(db.session.get_one(ApprovalTask, key), actor=office.manager)
    other = meanwhile(app, office.agent.id, lambda a: renamed(a, owned))
    db.session.commit()
    other()
    again = office.task(db.session.get_one(Customer, owned), TaskKind.RECHECK)
    assert (again.is_open, again.id > key, again.requester_id) == (True, True, office.agent.id)
    assert again.proposal == {"was": {"name": "Renamed"}}


def test_a_re_check_is_not_approved_while_its_fact_changes(office, app):
    owned, key = live_and_renamed(office)
    if db.engine.dialect.name == "sqlite":
        pytest.skip("on SQLite nobody else writes meanwhile")
    started = db.session.get_one(ApprovalTask, key)
    assert started.is_open
    other = meanwhile(app, office.agent.id, lambda a: renamed(a, owned))
    other()
    with pytest.raises(WrongState, match="somebody else changed this task in the meantime"):
        decisions.approve_task(started, actor=office.manager)
    db.session.rollback()
    assert db.session.get_one(ApprovalTask, key).is_open


@pytest.mark.parametrize("operation", ["pass", "claim", "assign"])
def test_many_are_ticked_as_customers_and_as_tasks_at_once(office, app, operation):
    """The tasks have come in another order than their customers. Neither of the two who have ticked them all waits for
    the other for ever.
    """
    customers = [office.customer() for _ in range(2)]
    db.session.delete(office.task(customers[0]))
    db.session.flush()
    begun(customers[0], actor=office.partner)
    db.session.commit()
    asked = sorted((office.task(customer) for customer in customers), key=lambda task: task.id)
    assert [task.customer_id for task in asked] == [customer.id for customer in reversed(customers)]
    both, seen = Barrier(2), threading.local()

    def wait_at_the_second(_row):
        """Each goes on to the second row only when the other has done the first, unless they wait for that."""
        seen.rows = getattr(seen, "rows", 0) + 1
        if seen.rows == 2:
            with suppress(BrokenBarrierError):
                both.wait(2)
        return ""

    keys = [task.id for task in asked]

    def approve(actor):
        rows = [db.session.get_one(ApprovalTask, key) for key in keys]
        return run_each(BY_NAME["approve"], rows, {"billing_reference": "B"}, actor, wait_at_the_second)

    other = begin(app, office.admin.id, approve)
    rows, act = (customers, MOVE["pass"]) if operation == "pass" else (asked, BY_NAME[operation])
    with acting(office.manager):
        if act.together:
            refused = tasks.assign_tasks(list(reversed(rows)), assignee_id=office.agent.id, actor=office.manager)
            done = [task.id not in refused for task in rows]
        else:
            done = [result["ok"] for result in run_each(act, rows, {}, office.manager, wait_at_the_second)]
        db.session.commit()
    assert len(done) == len(other.result(40)) == 2
    db.session.expire_all()
    assert {customer.stage for customer in customers} <= {Stage.PASSED, Stage.BILLING}

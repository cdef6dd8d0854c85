"""Two who decide at the same moment: one does, the other hears of it."""

import re
import threading
from contextlib import suppress
from threading import Barrier, BrokenBarrierError

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import NoResultFound

from customerhub.approvals import assignment, blacklist, stages, tasks
from customerhub.approvals.transitions import change_stage
from customerhub.core import clock
from customerhub.core.errors import Conflict, NotFound, WrongState
from customerhub.customers import alerts, approval_decisions, change_requests, registration
from customerhub.customers.merging import find_survivor_id, merge_customers
from customerhub.customers.records import save_customer
from models import Account, Alert, ApprovalTask, Customer, History
from models.base import db
from models.enums import AlertRule, CustomerKind, Stage, TaskAssignment, TaskKind, TaskState
from tests.customerhub.approvals.conftest import acting, list_history, stage_entries
from tests.support.races import start_action, start_concurrently
from views.approvals.operations import OPERATIONS
from views.approvals.stage_operations import STAGE_OPERATIONS
from views.framework.operation import run_operation

OPERATIONS_BY_NAME = {operation.name: operation for operation in OPERATIONS}
MOVE_OPERATION = {operation.name: operation for operation in STAGE_OPERATIONS}


def run_as_administrator(approval_org, app, action):
    """`act` of the administrator, while this transaction is still open; what came of it."""
    return start_concurrently(app, approval_org.admin.id, action)


def test_two_ask_for_the_same(approval_org, app):
    customer = approval_org.make_customer()
    key = customer.id
    blacklist.request_blacklisting(customer, reason="Fraud", actor=approval_org.manager)
    other = run_as_administrator(
        approval_org,
        app,
        lambda a: blacklist.request_blacklisting(db.session.get_one(Customer, key), reason="Fraud", actor=a),
    )
    db.session.commit()
    with pytest.raises(Conflict, match=r"\(blacklist\) is already open"):
        other()


def test_two_claim(approval_org, app):
    task = approval_org.task_of(approval_org.make_customer())
    key = task.id
    assignment.claim_task(task, actor=approval_org.agent)
    other = run_as_administrator(
        approval_org, app, lambda a: assignment.claim_task(db.session.get_one(ApprovalTask, key), actor=a)
    )
    db.session.commit()
    with pytest.raises(WrongState, match=r"Already assigned to agent|Changed by another user in the meantime"):
        other()
    db.session.refresh(task)
    assert task.assignee_id == approval_org.agent.id


@pytest.mark.parametrize("other_move", ["pass", "fail"])
def test_two_move(approval_org, app, other_move):
    customer = approval_org.make_customer()
    key = customer.id
    approval_org.move_customer(customer, "pass")

    def act(actor):
        change_stage(
            db.session.get_one(Customer, key), stages.STAGES.get_transition(other_move), comment="Because", actor=actor
        )

    other = run_as_administrator(approval_org, app, act)
    db.session.commit()
    with pytest.raises((Conflict, WrongState)):
        other()
    db.session.refresh(customer)
    assert (customer.stage, len(stage_entries(customer))) == (Stage.PASSED, 1)


def test_two_approve_one_update(approval_org, app):
    customer = approval_org.make_customer()
    with acting(approval_org.partner):
        values = {"website": "www.example.com"}
        task = change_requests.propose_update(customer, values=values, actor=approval_org.partner)
        db.session.commit()
    key, before = task.id, len(list_history(customer.id))
    approval_decisions.approve_task(task, actor=approval_org.manager)
    other = run_as_administrator(
        approval_org, app, lambda a: approval_decisions.approve_task(db.session.get_one(ApprovalTask, key), actor=a)
    )
    db.session.commit()
    with pytest.raises((Conflict, WrongState)):
        other()
    assert len(list_history(customer.id)) == before + 1


@pytest.mark.parametrize("other_way_round", [True, False])
def test_two_merge_the_same_two(approval_org, app, other_way_round):
    first, other = approval_org.make_customer(), approval_org.make_customer()
    keys = (first.id, other.id)
    merge_customers(first, other, actor=approval_org.manager)

    def act(actor):
        rows = [db.session.get_one(Customer, key) for key in keys]
        survivor, goes = reversed(rows) if other_way_round else rows
        merge_customers(survivor, goes, actor=actor)

    outcome = run_as_administrator(approval_org, app, act)
    db.session.commit()
    with pytest.raises((NotFound, NoResultFound)):  # the latter where it was gone before it was even read
        outcome()
    assert list(db.session.scalars(select(Customer.id))) == [keys[0]]
    assert find_survivor_id(keys[1], actor=approval_org.manager) == keys[0]
    assert db.session.scalar(select(func.count(Account.id))) == 2


def test_the_daily_rules_and_a_save_raise_one_alert(approval_org, app):
    customer = approval_org.make_customer()
    customer.credit_limit, customer.accounts[0].balance = 5, 10
    db.session.commit()
    save_customer(customer, actor=approval_org.system)
    today = clock.get_today()
    other = run_as_administrator(approval_org, app, lambda a: alerts.refresh_all_alerts(a.organisation_id, as_of=today))
    db.session.commit()
    assert other() == (0, 0)
    rules = list(db.session.scalars(select(Alert.rule).where(Alert.closed_at.is_(None))))
    assert rules == [AlertRule.CREDIT_LIMIT]
    assert len(list_history(customer.id, "alert")) == 1


@pytest.mark.parametrize("way", list(TaskAssignment)[1:])
def test_registrations_at_once_are_handed_out_evenly(approval_org, app, way):
    approval_org.organisation.task_assignment = way

    def register(number):
        def act(actor):
            values = {"name": f"Prospect {number}", "contact_name": "Kim", "registration_number": f"AT ONCE {number}"}
            registration.register_customer(CustomerKind.COMPANY, **values, actor=actor)

        return act

    key = approval_org.partner.id
    db.session.commit()  # nobody waits for this transaction
    for each in [start_action(app, key, register(number)) for number in range(8)]:
        each.result(60)
    counted = select(ApprovalTask.assignee_id, func.count()).group_by(ApprovalTask.assignee_id)
    assert dict(db.session.execute(counted).all()) == {approval_org.agent.id: 4, approval_org.other_agent.id: 4}


def rename_customer(approval_org, key, name="Renamed again"):
    customer = db.session.get_one(Customer, key)
    customer.name = name
    save_customer(customer, actor=approval_org)


def make_renamed_live_customer(approval_org):
    """The key of a live customer that the agent has renamed, and of its open re-check."""
    customer = approval_org.make_customer(Stage.BILLING)
    with acting(approval_org.agent):
        rename_customer(approval_org.agent, customer.id, "Renamed")
        db.session.commit()
    return customer.id, approval_org.task_of(customer, TaskKind.RECHECK).id


def test_a_fact_that_changes_while_its_re_check_is_approved_is_checked_too(approval_org, app):
    """Whoever changed it first changes it again: nothing but that is new of the task."""
    owned, key = make_renamed_live_customer(approval_org)
    approval_decisions.approve_task(db.session.get_one(ApprovalTask, key), actor=approval_org.manager)
    other = start_concurrently(app, approval_org.agent.id, lambda a: rename_customer(a, owned))
    db.session.commit()
    other()
    again = approval_org.task_of(db.session.get_one(Customer, owned), TaskKind.RECHECK)
    assert (again.is_open, again.id > key, again.requester_id) == (True, True, approval_org.agent.id)
    assert again.proposal == {"was": {"name": "Renamed"}}


def test_a_re_check_is_not_approved_while_its_fact_changes(approval_org, app):
    owned, key = make_renamed_live_customer(approval_org)
    if db.engine.dialect.name == "sqlite":
        pytest.skip("on SQLite nobody else writes meanwhile")
    started = db.session.get_one(ApprovalTask, key)
    assert started.is_open
    other = start_concurrently(app, approval_org.agent.id, lambda a: rename_customer(a, owned))
    other()
    with pytest.raises(WrongState, match="Changed by another user in the meantime"):
        approval_decisions.approve_task(started, actor=approval_org.manager)
    db.session.rollback()
    assert db.session.get_one(ApprovalTask, key).is_open


@pytest.mark.parametrize("operation", ["decline", "withdraw", "fail", "pass"])
def test_of_many_rows_those_are_refused_that_somebody_else_has_done_meanwhile(approval_org, app, operation):
    """Two have ticked two rows each, one of which is the same: whoever comes second does the other one alone."""
    is_withdrawn = operation == "withdraw"
    customers = [approval_org.make_customer() for _ in range(3)]
    if is_withdrawn:
        for customer in customers:
            blacklist.request_blacklisting(customer, reason="Fraud", actor=approval_org.manager)
        db.session.commit()
    task_keys = [
        approval_org.task_of(customer, TaskKind.BLACKLIST if is_withdrawn else TaskKind.ONBOARDING).id
        for customer in customers
    ]
    chosen = MOVE_OPERATION.get(operation) or OPERATIONS_BY_NAME[operation]
    model, keys = (
        (Customer, [each.id for each in customers]) if operation in MOVE_OPERATION else (ApprovalTask, task_keys)
    )

    def run(actor, ids):
        rows = [db.session.get_one(model, key) for key in ids]
        return [result["text"] for result in run_operation(chosen, rows, {"comment": "Because"}, actor, lambda _: "")]

    with acting(approval_org.manager):
        assert run(approval_org.manager, keys[:2]) == ["", ""]
        other = run_as_administrator(approval_org, app, lambda actor: run(actor, keys[1:]))
        db.session.commit()
    refusal, success = other()
    assert re.match("Already|Changed by another user|Another user changed|The stage is", refusal)
    assert success == ""
    db.session.expire_all()
    states = [db.session.get_one(ApprovalTask, key).state for key in task_keys]
    stages_now = [db.session.get_one(Customer, each.id).stage for each in customers]
    expected = {"decline": Stage.FAILED, "fail": Stage.FAILED, "pass": Stage.PASSED, "withdraw": Stage.NEW}
    assert stages_now == [expected[operation]] * 3
    assert states == [{"pass": TaskState.OPEN, "withdraw": TaskState.WITHDRAWN}.get(operation, TaskState.DECLINED)] * 3
    entries = db.session.scalars(select(History).where(History.action == "changed", History.reason == "Because"))
    assert len(list(entries)) == (0 if is_withdrawn else 3)


def make_customers_with_reversed_tasks(approval_org):
    """Two customers, and their tasks, of which that of the second came first."""
    customers = [approval_org.make_customer() for _ in range(2)]
    db.session.delete(approval_org.task_of(customers[0]))
    db.session.flush()
    tasks.open_task(TaskKind.ONBOARDING, actor=approval_org.partner, subject=customers[0].name, customer=customers[0])
    db.session.commit()
    sorted_tasks = sorted((approval_org.task_of(customer) for customer in customers), key=lambda task: task.id)
    assert [task.customer_id for task in sorted_tasks] == [customer.id for customer in reversed(customers)]
    return customers, sorted_tasks


@pytest.mark.parametrize("operation", ["pass", "claim", "assign"])
def test_many_are_ticked_as_customers_and_as_tasks_at_once(approval_org, app, operation):
    """The tasks have come in another order than their customers. Neither of the two who have ticked them all waits for
    the other for ever.
    """
    customers, sorted_tasks = make_customers_with_reversed_tasks(approval_org)
    both, progress = Barrier(2), threading.local()

    def wait_at_the_second(_row):
        """Each goes on to the second row only when the other has done the first, unless they wait for that."""
        progress.rows = getattr(progress, "rows", 0) + 1
        if progress.rows == 2:
            with suppress(BrokenBarrierError):
                both.wait(2)
        return ""

    keys = [task.id for task in sorted_tasks]

    def approve(actor):
        rows = [db.session.get_one(ApprovalTask, key) for key in keys]
        references = {key: {"billing_reference": f"B {key}"} for key in keys}
        return run_operation(OPERATIONS_BY_NAME["approve"], rows, {}, actor, wait_at_the_second, references)

    other = start_action(app, approval_org.admin.id, approve)
    rows, act = (
        (customers, MOVE_OPERATION["pass"]) if operation == "pass" else (sorted_tasks, OPERATIONS_BY_NAME[operation])
    )
    with acting(approval_org.manager):
        if act.all_or_none:
            refusals = assignment.assign_tasks(
                list(reversed(rows)), assignee_id=approval_org.agent.id, actor=approval_org.manager
            )
            done = [task.id not in refusals for task in rows]
        else:
            done = [result["ok"] for result in run_operation(act, rows, {}, approval_org.manager, wait_at_the_second)]
        db.session.commit()
    assert len(done) == len(other.result(40)) == 2
    db.session.expire_all()
    assert {customer.stage for customer in customers} <= {Stage.PASSED, Stage.BILLING}

"""The board: the registrations by stage, with counts and revenue, in as many statements for many as for few."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from customerhub.approvals import task_board
from customerhub.core import clock
from models import ApprovalTask
from models.base import db
from models.enums import Stage, TaskKind, TaskState
from tests.support import factories as make
from tests.support.approval_tasks import make_onboarding
from tests.support.statements import record_statements
from tests.support.two_organisations import TwoOrganisations, change_row, own_organisation


def load(organisations: TwoOrganisations, **limits: int) -> dict[Stage, task_board.StageTasks]:
    query = select(ApprovalTask).where(ApprovalTask.organisation_id == organisations.own.id)
    since = clock.get_now() - timedelta(days=30)
    return task_board.load_stage_tasks(
        query, decided_since=since, limits={Stage[name]: limit for name, limit in limits.items()}
    )


@pytest.fixture
def board(organisations: TwoOrganisations) -> TwoOrganisations:
    """Without the task that every organisation of the tests has."""
    task = db.session.get_one(ApprovalTask, organisations.own.row_id(ApprovalTask))
    change_row(organisations, task, state=TaskState.WITHDRAWN, decided_at=clock.get_now() - timedelta(days=90))
    return organisations


def test_open_tasks_stand_in_the_stage_of_their_customer(board: TwoOrganisations):
    tasks = {stage: make_onboarding(board, stage) for stage in (Stage.NEW, Stage.REFERRED, Stage.PASSED)}
    for amount, task in zip(("100.10", "200.20", "300.30"), tasks.values(), strict=True):
        change_row(board, task.customer, estimated_monthly_revenue=Decimal(amount))
    second = make_onboarding(board, Stage.NEW)
    found = load(board)
    assert {stage: each.count for stage, each in found.items()} == {
        Stage.NEW: 2,
        Stage.REFERRED: 1,
        Stage.PASSED: 1,
        Stage.FAILED: 0,
        Stage.BILLING: 0,
    }
    assert [task.id for task in found[Stage.NEW].tasks] == [tasks[Stage.NEW].id, second.id]
    assert [found[stage].revenue for stage in tasks] == [Decimal("100.10"), Decimal("200.20"), Decimal("300.30")]


def test_what_was_decided_is_there_for_a_while_and_once(board: TwoOrganisations):
    now = clock.get_now()
    decided = {"state": TaskState.DECLINED, "decided_at": now - timedelta(days=2)}
    old = make_onboarding(board, Stage.FAILED, state=TaskState.DECLINED, decided_at=now - timedelta(days=31))
    failed = make_onboarding(board, Stage.FAILED, **decided)
    make.ApprovalTaskFactory(organisation=own_organisation(board), customer_id=failed.customer_id, **decided)
    live = make_onboarding(board, Stage.BILLING, state=TaskState.APPROVED, decided_at=now)
    make_onboarding(board, Stage.NEW, kind=TaskKind.PARTICULARS)
    found = load(board)
    assert {stage: each.count for stage, each in found.items() if each.count} == {Stage.FAILED: 1, Stage.BILLING: 1}
    assert [task.id for task in found[Stage.BILLING].tasks] == [live.id]
    assert old.id not in [task.id for task in found[Stage.FAILED].tasks]


def test_of_many_the_first_are_read_and_all_are_counted(board: TwoOrganisations):
    today = clock.get_today("UTC")
    late = [make_onboarding(board, due_on=today - timedelta(days=number)) for number in range(5)]
    with record_statements() as few:
        load(board, NEW=3)
    for _ in range(20):
        make_onboarding(board, Stage.PASSED)
    db.session.expire_all()
    with record_statements() as many:
        found = load(board, NEW=3)
        for each in found.values():
            assert all(task.customer and task.customer.status.name for task in each.tasks)
    assert (found[Stage.NEW].count, [task.id for task in found[Stage.NEW].tasks]) == (
        5,
        [late[4].id, late[3].id, late[2].id],
    )
    assert (found[Stage.PASSED].count, len(found[Stage.PASSED].tasks)) == (20, task_board.PAGE_SIZE)
    assert len(few) == len(many) == 2


def test_other_organisations_and_filters_are_left_out(board: TwoOrganisations):
    make_onboarding(board)
    query = select(ApprovalTask).where(
        ApprovalTask.organisation_id == board.own.id, ApprovalTask.assignee_id.is_not(None)
    )
    found = task_board.load_stage_tasks(query, decided_since=clock.get_now())
    assert sum(each.count for each in found.values()) == 0

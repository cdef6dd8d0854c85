"""What imports have to do with approval: stages of new rows, and names that change after a check."""

import pytest
from sqlalchemy import select

from customerhub.approvals import assignment, stages, tasks, transitions
from customerhub.core import history
from customerhub.core.permissions import Actor
from customerhub.customers import approval_decisions
from models import ApprovalTask, History
from models.base import db
from models.enums import ApprovalPolicy, Role, Stage, TaskKind, TaskState
from tests.support.imports import get_customer, import_and_save, import_now, list_history, revert_import
from tests.support.people import make_user
from tests.support.workbooks import build_workbook, valid_row


def list_tasks(row, kind):
    query = select(ApprovalTask).where(ApprovalTask.customer_id == row.id, ApprovalTask.kind == kind)
    return list(db.session.scalars(query.order_by(ApprovalTask.id)))


@pytest.fixture
def strict_org(import_org):
    """An organisation in which every new customer needs approval."""
    with history.act_as(import_org.actor, "test"):
        import_org.organisation.approval_policy = ApprovalPolicy.ALL
        db.session.commit()
    return import_org


@pytest.fixture
def manager(import_org):
    return Actor.from_user(make_user(import_org.organisation, Role.MANAGER))


def test_where_partners_alone_need_approval_imported_customers_are_live(import_org):
    import_now(build_workbook([valid_row(1)]), import_org)
    imported_customer = get_customer("REF1", import_org)
    assert (imported_customer.stage, list_tasks(imported_customer, TaskKind.ONBOARDING)) == (Stage.BILLING, [])


def test_where_all_need_approval_each_imported_customer_waits_for_it(strict_org):
    import_now(build_workbook([valid_row(number) for number in (1, 2)]), strict_org)
    for reference in ("REF1", "REF2"):
        imported_customer = get_customer(reference, strict_org)
        [task] = list_tasks(imported_customer, TaskKind.ONBOARDING)
        assert (imported_customer.stage, task.state, task.requester_id) == (
            Stage.NEW,
            TaskState.OPEN,
            strict_org.user.id,
        )
        assert (task.subject, task.assignee_id, task.version) == (imported_customer.name, None, 1)
        task_entries = db.session.scalars(select(History).where(History.table_name == "approval_task")).all()
        assert {entry.action for entry in task_entries} == {"created"}
        assert list_history(imported_customer.id)[0].changes["stage"] == [None, "New"]


def test_who_imported_them_does_not_decide_and_others_do(strict_org, manager):
    import_now(build_workbook([valid_row(1)]), strict_org)
    imported_customer = get_customer("REF1", strict_org)
    with history.act_as(manager, "test"):
        transitions.change_stage(imported_customer, stages.PASS, actor=manager)
        with pytest.raises(tasks.NotAllowed, match="cannot decide your own request"):
            transitions.change_stage(imported_customer, stages.MAKE_LIVE, billing_reference="B", actor=strict_org.actor)


def test_a_new_name_for_a_live_customer_is_checked_again_by_one_task(import_org):
    import_now(build_workbook([valid_row(1), valid_row(2)]), import_org)
    import_now(build_workbook([valid_row(1, name="Uno"), valid_row(2, risk="High")]), import_org)
    import_now(build_workbook([valid_row(1, name="Eins")]), import_org)
    renamed = get_customer("REF1", import_org)
    [task] = list_tasks(renamed, TaskKind.RECHECK)
    assert (renamed.stage, task.state, task.requester_id) == (Stage.BILLING, TaskState.OPEN, import_org.user.id)
    assert [each.text for each in task.comments] == ["Changed while live: name changed"] * 2
    assert task.proposal == {"was": {"name": valid_row(1)["name"]}}  # when it was checked last
    assert list_tasks(get_customer("REF2", import_org), TaskKind.RECHECK) == []


def test_the_history_has_what_an_import_said_of_a_task(import_org):
    """The first change makes the task, the second adds to it: one comment each."""
    import_now(build_workbook([valid_row(1)]), import_org)
    for name in ("Uno", "Eins"):
        import_now(build_workbook([valid_row(1, name=name)]), import_org)
    [task] = list_tasks(get_customer("REF1", import_org), TaskKind.RECHECK)
    entries = db.session.scalars(select(History).where(History.table_name == "task_comment").order_by(History.id))
    assert [(entry.action, entry.row_id, entry.changes, entry.actor_id) for entry in entries] == [
        ("created", each.id, {"user": [None, str(import_org.user)], "text": [None, each.text]}, import_org.user.id)
        for each in task.comments
    ]
    assert len(task.comments) == 2


def test_a_new_name_by_somebody_else_takes_the_check_from_them(import_org, manager):
    import_now(build_workbook([valid_row(1)]), import_org)
    import_now(build_workbook([valid_row(1, name="Uno")]), import_org)
    [task] = list_tasks(get_customer("REF1", import_org), TaskKind.RECHECK)
    with history.act_as(manager, "test"):
        assignment.claim_task(task, actor=manager)
        db.session.commit()
    import_org.user = manager.user
    import_now(build_workbook([valid_row(1, name="Eins")]), import_org)
    db.session.refresh(task)
    assert (task.assignee_id, tasks.list_requesters(task)) == (None, {task.requester_id, manager.id})


def test_a_new_name_is_checked_although_the_last_check_has_just_ended(import_org, manager):
    import_now(build_workbook([valid_row(1)]), import_org)
    import_now(build_workbook([valid_row(1, name="Uno")]), import_org)
    renamed = get_customer("REF1", import_org)
    [task] = list_tasks(renamed, TaskKind.RECHECK)
    with history.act_as(manager, "test"):
        approval_decisions.approve_task(task, actor=manager)
        db.session.commit()
    import_now(build_workbook([valid_row(1, name="Eins")]), import_org)
    first, second = list_tasks(renamed, TaskKind.RECHECK)
    assert (first.state, second.state) == (TaskState.APPROVED, TaskState.OPEN)
    assert second.proposal == {"was": {"name": "Uno"}}


def test_a_new_name_for_a_checked_customer_has_it_checked_anew(strict_org, manager):
    import_now(build_workbook([valid_row(1)]), strict_org)
    imported_customer = get_customer("REF1", strict_org)
    with history.act_as(manager, "test"):
        transitions.change_stage(imported_customer, stages.PASS, actor=manager)
        db.session.commit()
    import_now(build_workbook([valid_row(1, name="Uno")]), strict_org)
    db.session.refresh(imported_customer)
    [task] = list_tasks(imported_customer, TaskKind.ONBOARDING)
    stage_entry = [entry for entry in list_history(imported_customer.id) if "stage" in entry.changes][-1]
    assert (imported_customer.stage, task.state) == (Stage.NEW, TaskState.OPEN)
    assert [each.text for each in task.comments] == ["Returned for credit check: name changed"]
    assert (stage_entry.changes, stage_entry.reason) == (
        {"stage": ["Passed Credit Ref", "New"]},
        "Returned for credit check: name changed",
    )


def test_who_takes_an_import_back_takes_its_tasks_along(strict_org):
    import_id = import_and_save(build_workbook([valid_row(1)]), strict_org)
    assert db.session.scalars(select(ApprovalTask)).all() != []
    revert_import(import_id, strict_org)
    assert db.session.scalars(select(ApprovalTask)).all() == []

"""What imports have to do with approval: stages of new rows, and names that change after a check."""

import pytest
from sqlalchemy import select

from customerhub import history
from customerhub.approvals import decisions, moves, stages, tasks
from customerhub.permissions import Actor
from models import ApprovalTask, History
from models.base import db
from models.enums import ApprovalPolicy, Role, Stage, TaskKind, TaskState
from tests.customers.importing import customer, history_of, import_now, reverted, saved
from tests.customers.workbooks import good_row, written
from tests.people import make_user


def tasks_of(row, kind):
    query = select(ApprovalTask).where(ApprovalTask.customer_id == row.id, ApprovalTask.kind == kind)
    return list(db.session.scalars(query.order_by(ApprovalTask.id)))


@pytest.fixture
def strict(house):
    """An organisation in which every new customer needs approval."""
    with history.acting(house.actor, "test"):
        house.organisation.approval_policy = ApprovalPolicy.ALL
        db.session.commit()
    return house


@pytest.fixture
def manager(house):
    return Actor.of(make_user(house.organisation, Role.MANAGER))


def test_where_partners_alone_need_approval_imported_customers_are_live(house):
    import_now(written([good_row(1)]), house)
    made = customer("REF1", house)
    assert (made.stage, tasks_of(made, TaskKind.ONBOARDING)) == (Stage.BILLING, [])


def test_where_all_need_approval_each_imported_customer_waits_for_it(strict):
    import_now(written([good_row(number) for number in (1, 2)]), strict)
    for reference in ("REF1", "REF2"):
        made = customer(reference, strict)
        [task] = tasks_of(made, TaskKind.ONBOARDING)
        assert (made.stage, task.state, task.requester_id) == (Stage.NEW, TaskState.OPEN, strict.user.id)
        assert (task.subject, task.assignee_id, task.version) == (made.name, None, 1)
        told = db.session.scalars(select(History).where(History.table_name == "approval_task")).all()
        assert {entry.action for entry in told} == {"created"}
        assert history_of(made.id)[0].changes["stage"] == [None, "New"]


def test_who_imported_them_does_not_decide_and_others_do(strict, manager):
    import_now(written([good_row(1)]), strict)
    made = customer("REF1", strict)
    with history.acting(manager, "test"):
        moves.move_customer(made, stages.BY_NAME["pass"], actor=manager)
        with pytest.raises(tasks.NotAllowed, match="nobody decides their own request"):
            moves.move_customer(made, stages.BY_NAME["bill"], billing_reference="B", actor=strict.actor)


def test_a_new_name_for_a_live_customer_is_checked_again_by_one_task(house):
    import_now(written([good_row(1), good_row(2)]), house)
    import_now(written([good_row(1, name="Uno"), good_row(2, risk="High")]), house)
    import_now(written([good_row(1, name="Eins")]), house)
    renamed = customer("REF1", house)
    [task] = tasks_of(renamed, TaskKind.RECHECK)
    assert (renamed.stage, task.state, task.requester_id) == (Stage.BILLING, TaskState.OPEN, house.user.id)
    assert [each.text for each in task.comments] == ["Changed while live: name changed"] * 2
    assert task.proposal == {"was": {"name": good_row(1)["name"]}}  # when it was checked last
    assert tasks_of(customer("REF2", house), TaskKind.RECHECK) == []


def test_a_new_name_by_somebody_else_takes_the_check_from_them(house, manager):
    import_now(written([good_row(1)]), house)
    import_now(written([good_row(1, name="Uno")]), house)
    [task] = tasks_of(customer("REF1", house), TaskKind.RECHECK)
    with history.acting(manager, "test"):
        tasks.claim_task(task, actor=manager)
        db.session.commit()
    house.user = manager.user
    import_now(written([good_row(1, name="Eins")]), house)
    db.session.refresh(task)
    assert (task.assignee_id, tasks.askers(task)) == (None, {task.requester_id, manager.id})


def test_a_new_name_is_checked_although_the_last_check_has_just_ended(house, manager):
    import_now(written([good_row(1)]), house)
    import_now(written([good_row(1, name="Uno")]), house)
    renamed = customer("REF1", house)
    [task] = tasks_of(renamed, TaskKind.RECHECK)
    with history.acting(manager, "test"):
        decisions.approve_task(task, actor=manager)
        db.session.commit()
    import_now(written([good_row(1, name="Eins")]), house)
    first, second = tasks_of(renamed, TaskKind.RECHECK)
    assert (first.state, second.state) == (TaskState.APPROVED, TaskState.OPEN)
    assert second.proposal == {"was": {"name": "Uno"}}


def test_a_new_name_for_a_checked_customer_has_it_checked_anew(strict, manager):
    import_now(written([good_row(1)]), strict)
    made = customer("REF1", strict)
    with history.acting(manager, "test"):
        moves.move_customer(made, stages.BY_NAME["pass"], actor=manager)
        db.session.commit()
    import_now(written([good_row(1, name="Uno")]), strict)
    db.session.refresh(made)
    [task] = tasks_of(made, TaskKind.ONBOARDING)
    told = [entry for entry in history_of(made.id) if "stage" in entry.changes][-1]
    assert (made.stage, task.state) == (Stage.NEW, TaskState.OPEN)
    assert [each.text for each in task.comments] == ["Back to be checked: name changed"]
    assert (told.changes, told.reason) == (
        {"stage": ["Passed Credit Ref", "New"]}, "Back to be checked: name changed",
    )  # fmt: skip


def test_who_takes_an_import_back_takes_its_tasks_along(strict):
    import_id = saved(written([good_row(1)]), strict)
    assert db.session.scalars(select(ApprovalTask)).all() != []
    reverted(import_id, strict)
    assert db.session.scalars(select(ApprovalTask)).all() == []

"""Many tasks that are approved at once: each has an outcome of its own."""

from sqlalchemy import text

from customerhub.approvals.transitions import StageDetails
from customerhub.customers import approval_decisions
from models import ApprovalTask, BlacklistEntry, Customer
from models.base import db
from models.enums import Stage, TaskState
from tests.customerhub.approvals.conftest import acting, list_history, list_mails


def approve(tasks, actor, reference=None):
    """Approve all; `reference` and its task's number is the billing reference of each."""
    details = {task.id: StageDetails(billing_reference=f"{reference}{task.id}") for task in tasks} if reference else {}
    with acting(actor):
        return approval_decisions.approve_tasks(tasks, actor=actor, comment="All is well", details_by_task=details)


def test_each_is_approved_or_refused_for_its_own_reason(approval_org):
    customers = [approval_org.make_customer(Stage.PASSED) for _ in range(3)]
    listed = customers[1]
    db.session.add(BlacklistEntry(organisation_id=approval_org.id, name="x", reason="Fraud", customer_id=listed.id))
    db.session.commit()
    tasks = [approval_org.task_of(customer) for customer in customers]
    refusals = approve(tasks, approval_org.manager, "B-")
    assert {key: error.message for key, error in refusals.items()} == {
        tasks[1].id: f"{listed} is blacklisted and cannot be approved: Fraud"
    }
    assert [customer.stage for customer in customers] == [Stage.BILLING, Stage.PASSED, Stage.BILLING]
    assert [task.state for task in tasks] == [TaskState.APPROVED, TaskState.OPEN, TaskState.APPROVED]
    assert [customer.billing_reference for customer in customers] == [f"B-{tasks[0].id}", None, f"B-{tasks[2].id}"]
    changed = [entry for entry in list_history(customers[0].id) if entry.changes.get("stage", [None])[-1] == "Billing"]
    assert [entry.reason for entry in changed] == ["All is well"]
    assert list_history(listed.id)[-1].changes["stage"][-1] != "Billing"
    assert len([mail for mail in list_mails() if mail.subject.endswith(": approved")]) == 2


def test_what_was_changed_meanwhile_is_refused_and_the_others_are_not(approval_org):
    customers = [approval_org.make_customer(Stage.PASSED) for _ in range(3)]
    tasks = [approval_org.task_of(customer) for customer in customers]
    rows = [*customers, *tasks]
    assert all(row.version for row in rows)  # read, and then changed behind the session's back
    connection = db.session.connection()
    connection.execute(text(f"UPDATE customer SET version = version + 1 WHERE id = {customers[0].id}"))
    connection.execute(text(f"UPDATE approval_task SET version = version + 1 WHERE id = {tasks[1].id}"))
    refusals = approve(tasks, approval_org.manager, "B-")
    assert {key: error.message for key, error in refusals.items()} == {
        tasks[0].id: "Another user changed this record in the meantime",
        tasks[1].id: "Changed by another user in the meantime",
    }
    db.session.commit()
    db.session.expire_all()
    stages = [db.session.get_one(Customer, customer.id).stage for customer in customers]
    assert stages == [Stage.PASSED, Stage.PASSED, Stage.BILLING]
    assert db.session.get_one(ApprovalTask, tasks[2].id).state is TaskState.APPROVED

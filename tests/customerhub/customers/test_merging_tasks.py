"""What becomes of approval tasks, requests and alerts when two customers are merged."""

import pytest
from sqlalchemy import select

from customerhub.approvals import assignment, tasks
from customerhub.core.errors import Conflict, NotAllowed
from customerhub.customers import approval_decisions, change_requests
from customerhub.customers.records import save_customer
from models import Alert, ApprovalTask
from models.base import db
from models.enums import ApprovalPolicy, Stage, TaskKind, TaskState
from tests.customerhub.approvals.conftest import acting, list_mails
from tests.support.merging import merge_records


@pytest.mark.parametrize("stays", list(Stage))
@pytest.mark.parametrize("goes", list(Stage))
def test_a_task_goes_on_only_where_there_is_something_to_decide(approval_org, stays, goes):
    survivor, other = approval_org.make_customer(stays), approval_org.make_customer(goes)
    for customer in (survivor, other):
        if customer.stage is Stage.BILLING:
            customer.name = f"{customer.name} renamed"
            save_customer(customer, actor=approval_org.system)
    merge_records(approval_org, survivor, other)
    found = db.session.scalars(select(ApprovalTask).where(ApprovalTask.state == TaskState.OPEN)).all()
    kinds = {
        Stage.NEW: TaskKind.ONBOARDING,
        Stage.REFERRED: TaskKind.ONBOARDING,
        Stage.PASSED: TaskKind.ONBOARDING,
        Stage.BILLING: TaskKind.RECHECK,
    }
    assert survivor.stage is stays
    assert [task.kind for task in found] == ([kinds[stays]] if stays in kinds else [])
    assert not any(task.waits_for_requester for task in db.session.scalars(select(ApprovalTask)) if not task.is_open)
    if stays in (Stage.NEW, Stage.REFERRED):
        approval_org.move_customer(survivor, "pass")


def test_an_update_asked_for_the_other_is_decided_by_what_is_there_now(approval_org):
    survivor, other = approval_org.make_customer(website="https://a.example.com"), approval_org.make_customer()
    with acting(approval_org.partner):
        task = change_requests.propose_update(other, values={"website": "b.example.com"}, actor=approval_org.partner)
    merge_records(approval_org, survivor, other)
    assert task.customer_id == survivor.id
    with pytest.raises(Conflict, match="website"):
        approval_decisions.approve_task(task, actor=approval_org.manager)


@pytest.mark.parametrize("own_stays", [True, False])
@pytest.mark.parametrize("stage", [Stage.NEW, Stage.FAILED])
def test_nobody_comes_to_decide_their_own_request_by_a_merge(approval_org, own_stays, stage):
    """The manager made one of the two, a partner the other; whichever stays, somebody else decides."""
    approval_org.organisation.approval_policy = ApprovalPolicy.ALL
    own, others = approval_org.make_customer(by=approval_org.manager), approval_org.make_customer()
    survivor, other = (own, others) if own_stays else (others, own)
    if stage is Stage.FAILED:
        approval_org.move_customer(survivor, "fail", by=approval_org.admin)
    merge_records(approval_org, survivor, other)
    move = "refer" if stage is Stage.FAILED else "pass"
    with pytest.raises(NotAllowed, match="cannot decide your own request"):
        approval_org.move_customer(survivor, move)
    db.session.rollback()
    approval_org.move_customer(survivor, move, by=approval_org.admin)
    task = approval_org.task_of(survivor)
    assert task.is_open
    with pytest.raises(NotAllowed, match="cannot decide your own request"):
        assignment.claim_task(task, actor=approval_org.manager)


def test_of_two_re_checks_that_become_one_neither_who_asked_decides(approval_org):
    survivor, other = (approval_org.make_customer(Stage.BILLING) for _ in range(2))
    for customer, actor in ((survivor, approval_org.agent), (other, approval_org.other_agent)):
        with acting(actor):
            customer.name = f"Renamed by {actor.name}"
            save_customer(customer, actor=actor)
    recheck = approval_org.task_of(survivor, TaskKind.RECHECK)
    with acting(approval_org.manager):
        assignment.assign_tasks([recheck], assignee_id=approval_org.other_agent.id, actor=approval_org.manager)
    merge_records(approval_org, survivor, other)
    assert (recheck.is_open, recheck.assignee_id) == (True, None)
    for actor in (approval_org.agent, approval_org.other_agent):
        with pytest.raises(NotAllowed, match="cannot decide your own request"):
            approval_decisions.approve_task(recheck, actor=actor)
    approval_decisions.approve_task(recheck, actor=approval_org.manager)


def test_a_merge_of_live_customers_changes_nothing_of_what_was_decided(approval_org):
    survivor, other = approval_org.make_customer(Stage.BILLING), approval_org.make_customer(by=approval_org.agent)
    done = approval_org.task_of(survivor)
    before = done.version
    merge_records(approval_org, survivor, other)
    assert (done.version, tasks.list_requesters(done)) == (before, {approval_org.partner.id})


def test_requesters_are_notified_that_their_request_ends(approval_org):
    survivor, other = approval_org.make_customer(), approval_org.make_customer()
    for customer, site in ((survivor, "a"), (other, "b")):
        with acting(approval_org.partner):
            change_requests.propose_update(
                customer, values={"website": f"www.{site}.example"}, actor=approval_org.partner
            )
    survivor.name, other.name = "Stays", "Goes"
    db.session.commit()
    merge_records(approval_org, survivor, other)
    [mail] = list_mails(approval_org.partner.user)
    assert mail.subject.endswith(": withdrawn")
    assert f"/partner/customers/{survivor.id}/" in mail.text_body
    assert mail.customer_id == survivor.id


def test_alerts_move_and_rules_are_asked_again(approval_org):
    survivor, other = approval_org.make_customer(), approval_org.make_customer(credit_limit=5)
    other.accounts[0].balance = 10
    db.session.add(Alert(organisation_id=approval_org.id, customer_id=other.id, text="Ask first"))
    save_customer(other, actor=approval_org.system)
    merge_records(approval_org, survivor, other, fields_from_other=["credit_limit"])
    texts = set(db.session.scalars(select(Alert.text).where(Alert.customer_id == survivor.id)))
    assert texts == {"Ask first", "The balance is above the credit limit"}

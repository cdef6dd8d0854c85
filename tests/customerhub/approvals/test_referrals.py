"""Tasks that are handed to another manager, and questions to the requester."""

import pytest

from customerhub.approvals import assignment, candidates, referrals, tasks
from customerhub.core.errors import Invalid, NotAllowed, NotFound, WrongState
from customerhub.core.permissions import Actor
from customerhub.customers import change_requests
from models.base import db
from models.enums import ApprovalPolicy, Role, Stage, TaskKind, TaskState
from tests.customerhub.approvals.conftest import acting, list_mails, make_approval_org, stage_entries
from tests.support.people import make_user


def add_person(approval_org, role):
    return Actor.from_user(make_user(approval_org.organisation, role))


def make_claimed_task(approval_org, stage=Stage.NEW, *, by=None):
    task = approval_org.task_of(approval_org.make_customer(stage, by=by))
    if task.is_open:
        assignment.assign_tasks([task], assignee_id=approval_org.agent.id, actor=approval_org.manager)
    return task


@pytest.mark.parametrize(
    ("stage", "then"),
    [
        (Stage.NEW, Stage.REFERRED),
        (Stage.REFERRED, Stage.REFERRED),
        (Stage.FAILED, Stage.REFERRED),
        (Stage.PASSED, Stage.PASSED),
    ],
)
def test_another_manager_takes_over_and_the_stage_says_so(approval_org, stage, then):
    task = make_claimed_task(approval_org, stage)
    actor = approval_org.agent if task.is_open else approval_org.manager
    waits, told = task.waits_for_requester, len(list_mails(approval_org.partner.user))
    moves = len(stage_entries(task.customer))
    with acting(actor):
        referrals.refer_task(task, assignee_id=approval_org.admin.id, comment=" Too large for me ", actor=actor)
    db.session.commit()
    assert (task.assignee_id, task.is_open, task.customer.stage) == (approval_org.admin.id, True, then)
    assert task.comments[-1].text == "Too large for me"
    assert task.waits_for_requester is waits, "the requester is asked nothing by it"
    assert len(list_mails(approval_org.partner.user)) == told
    assert len(stage_entries(task.customer)) == moves + (stage is not then)
    [mail] = list_mails(approval_org.admin.user)
    assert (mail.subject, "Too large for me" in mail.text_body) == (f"Referred to you: {task.subject}", True)


def test_a_task_is_referred_to_others_who_decide(approval_org):
    task = make_claimed_task(approval_org)
    other_manager = add_person(approval_org, Role.MANAGER)
    names = [user.id for user in candidates.list_managers(task, approval_org.manager)]
    assert sorted(names) == sorted([approval_org.admin.id, other_manager.id])
    stranger = make_approval_org("Another").manager
    for assignee in (approval_org.manager, approval_org.other_agent, approval_org.partner, stranger):
        with pytest.raises(Invalid) as error_info:
            referrals.refer_task(task, assignee_id=assignee.id, comment="Look", actor=approval_org.manager)
        assert error_info.value.field == "assignee_id"
    with pytest.raises(Invalid, match="Enter a reason"):
        referrals.refer_task(task, assignee_id=other_manager.id, comment=" ", actor=approval_org.manager)
    for actor, refusal in ((approval_org.other_agent, NotAllowed), (stranger, NotFound)):
        with pytest.raises(refusal):
            referrals.refer_task(task, assignee_id=other_manager.id, comment="Look", actor=actor)
    assert (task.assignee_id, task.customer.stage) == (approval_org.agent.id, Stage.NEW)


def test_a_requester_is_not_referred_to(approval_org):
    requester = add_person(approval_org, Role.MANAGER)
    task = make_claimed_task(approval_org)
    tasks.add_requesters(task, [requester.id])
    assert requester.id not in [user.id for user in candidates.list_managers(task, approval_org.manager)]
    with pytest.raises(Invalid, match="is a requester"):
        referrals.refer_task(task, assignee_id=requester.id, comment="Look", actor=approval_org.manager)


def test_what_is_over_is_not_referred(approval_org):
    live = make_claimed_task(approval_org, Stage.BILLING)
    with pytest.raises(WrongState, match="Already approved"):
        referrals.refer_task(live, assignee_id=approval_org.admin.id, comment="Look", actor=approval_org.manager)


@pytest.mark.parametrize(
    ("stage", "then"),
    [
        (Stage.NEW, Stage.REFERRED),
        (Stage.REFERRED, Stage.REFERRED),
        (Stage.FAILED, Stage.REFERRED),
        (Stage.PASSED, Stage.PASSED),
    ],
)
def test_the_partner_is_asked_and_answers(approval_org, stage, then):
    task = make_claimed_task(approval_org, stage)
    told = len(list_mails(approval_org.partner.user))
    with acting(approval_org.manager):
        referrals.request_information(task, question="Who signs?", actor=approval_org.manager)
    db.session.commit()
    assert (task.customer.stage, task.is_open, task.waits_for_requester) == (then, True, True)
    [mail] = list_mails(approval_org.partner.user)[told:]
    assert mail.subject == f"Your answer is required: {task.subject}"
    assert "Who signs?" in mail.text_body
    assert approval_org.manager.name not in mail.text_body, "partners are told no names of ours"
    assert f"/partner/customers/{task.customer_id}/" in mail.text_body
    referrals.answer_task(task, answer="Both directors", actor=approval_org.partner)
    assert ([each.text for each in task.comments][-2:], task.waits_for_requester) == (
        ["Who signs?", "Both directors"],
        False,
    )
    assert (task.customer.stage, task.state) == (then, TaskState.OPEN)


def test_a_colleague_who_asked_for_it_answers_on_the_task(approval_org):
    approval_org.organisation.approval_policy = ApprovalPolicy.ALL
    task = make_claimed_task(approval_org, by=approval_org.other_agent)
    with acting(approval_org.agent):
        referrals.request_information(task, question="Who signs?", actor=approval_org.agent)
    [mail] = list_mails(approval_org.other_agent.user)
    assert f"/admin/tasks/details/?id={task.id}" in mail.text_body
    for actor in (approval_org.agent, approval_org.manager):
        with pytest.raises(NotAllowed, match="Only the requester"):
            referrals.answer_task(task, answer="Berlin", actor=actor)
    task.customer.dealer_id = approval_org.partner.access_scope.dealer_id
    with pytest.raises(WrongState, match=referrals.NO_QUESTION):  # it was not asked of the partner
        referrals.answer_task(task, answer="Berlin", actor=approval_org.partner)
    referrals.answer_task(task, answer="Both", actor=approval_org.other_agent)
    assert not task.waits_for_requester
    assert [mail.subject for mail in list_mails(approval_org.agent.user)][-1] == f"{task.subject}: answered"


def test_a_question_needs_somebody_who_can_answer(approval_org):
    manager = approval_org.manager
    task = make_claimed_task(approval_org)
    with pytest.raises(Invalid, match="Enter a question"):
        referrals.request_information(task, question="", actor=manager)
    with pytest.raises(NotAllowed):
        referrals.request_information(task, question="Who?", actor=approval_org.other_agent)
    approval_org.partner.user.active = False
    with pytest.raises(WrongState, match="is deactivated"):
        referrals.request_information(task, question="Who?", actor=manager)
    approval_org.partner.user.active = True
    task.customer.dealer_id = make_user(approval_org.organisation, Role.PARTNER).dealer_id
    with pytest.raises(WrongState, match="no longer has access"):
        referrals.request_information(task, question="Who?", actor=manager)
    task.requester_id = task.requester = None
    with pytest.raises(WrongState, match="no requester"):
        referrals.request_information(task, question="Who?", actor=manager)
    assert (task.customer.stage, task.waits_for_requester) == (Stage.NEW, False)


def test_a_change_that_a_partner_requests_is_asked_about_without_a_stage(approval_org):
    customer = approval_org.make_customer(Stage.BILLING)
    with acting(approval_org.partner):
        values = {"website": "https://new.example"}
        change_requests.propose_update(customer, values=values, comment=None, actor=approval_org.partner)
    task = approval_org.task_of(customer, TaskKind.PARTICULARS)
    referrals.request_information(task, question="Is it theirs?", actor=approval_org.manager)
    assert (customer.stage, task.waits_for_requester) == (Stage.BILLING, True)
    referrals.answer_task(task, answer="It is", actor=approval_org.partner)
    assert not task.waits_for_requester

"""Who gets a task, who may work on it, and who is told."""

from datetime import date, timedelta

import pytest

from customerhub.approvals import assignment, blacklist, referrals, tasks
from customerhub.core import clock
from customerhub.core.capped_counts import MOST_COUNTED
from customerhub.core.errors import Conflict, Invalid, NotAllowed, NotFound, WrongState
from customerhub.core.permissions import Actor
from customerhub.customers import approval_decisions
from customerhub.customers.records import save_customer
from customerhub.users.accounts import save_user
from models import ApprovalTask
from models.base import db
from models.enums import ApprovalPolicy, Role, Stage, TaskAssignment, TaskKind, TaskState
from tests.customerhub.approvals.conftest import acting, count_waiting, list_history, list_mails, make_approval_org
from tests.support.people import make_user

A = TaskAssignment


@pytest.fixture
def make_assigning_org(approval_org):
    """An organisation with a way to assign its tasks; the maker of customers is the partner."""

    def set_assignment(way):
        approval_org.organisation.task_assignment = way
        db.session.commit()
        return approval_org

    return set_assignment


def open_tasks(approval_org, number, by=None):
    return [approval_org.task_of(approval_org.make_customer(by=by)) for _ in range(number)]


# --- Opened ------------------------------------------------------------------------------------------------------


def test_a_task_is_due_after_the_days_of_the_organisation(approval_org):
    approval_org.organisation.task_days, approval_org.organisation.timezone = 5, "Pacific/Kiritimati"
    task = approval_org.task_of(approval_org.make_customer())
    assert task.due_on == clock.get_today("Pacific/Kiritimati") + timedelta(days=5)
    assert (task.requester_id, task.assignee_id, task.is_open) == (approval_org.partner.id, None, True)


def test_one_of_a_kind_is_open_at_a_time(approval_org):
    customer = approval_org.make_customer()
    with pytest.raises(Conflict, match="is already open"):
        tasks.open_task(TaskKind.ONBOARDING, actor=approval_org.admin, subject="x", customer=customer)
    blacklist.request_blacklisting(customer, reason="Fraud", actor=approval_org.agent)
    with pytest.raises(Conflict, match="is already open"):
        blacklist.request_blacklisting(customer, reason="Fraud", actor=approval_org.manager)


def test_agents_get_tasks_by_turns(make_assigning_org):
    approval_org = make_assigning_org(A.IN_TURN)
    third = make_user(approval_org.organisation, Role.AGENT, name="Third")
    make_user(approval_org.organisation, Role.AGENT, active=False)
    make_user(make_approval_org("Another Telecom").organisation, Role.AGENT)
    agents = [approval_org.agent.id, approval_org.other_agent.id, third.id]
    assert [task.assignee_id for task in open_tasks(approval_org, 7)] == (agents * 3)[:7]


def test_whoever_has_fewest_gets_the_next(make_assigning_org):
    approval_org = make_assigning_org(A.LEAST_OPEN)
    first, second, third = open_tasks(approval_org, 3)
    assert [task.assignee_id for task in (first, second, third)] == [
        approval_org.agent.id,
        approval_org.other_agent.id,
        approval_org.agent.id,
    ]
    approval_decisions.decline_task(first, comment="No", actor=approval_org.manager)
    approval_decisions.decline_task(third, comment="No", actor=approval_org.manager)
    assert [task.assignee_id for task in open_tasks(approval_org, 2)] == [approval_org.agent.id, approval_org.agent.id]


@pytest.mark.parametrize("way", [A.IN_TURN, A.LEAST_OPEN])
def test_who_asks_never_gets_it(make_assigning_org, way):
    approval_org = make_assigning_org(way)
    approval_org.organisation.approval_policy = ApprovalPolicy.ALL
    assert {task.assignee_id for task in open_tasks(approval_org, 4, by=approval_org.agent)} == {
        approval_org.other_agent.id
    }
    approval_org.other_agent.user.active = False
    assert {task.assignee_id for task in open_tasks(approval_org, 2, by=approval_org.agent)} == {None}


@pytest.mark.parametrize("way", [A.IN_TURN, A.LEAST_OPEN])
def test_agents_get_nothing_that_only_managers_decide(make_assigning_org, way):
    approval_org = make_assigning_org(way)
    task = blacklist.request_blacklisting(approval_org.make_customer(), reason="Fraud", actor=approval_org.manager)
    assert task.assignee_id is None


def test_automatic_assignment_names_the_hub_as_assigner(make_assigning_org):
    approval_org = make_assigning_org(A.IN_TURN)
    approval_org.make_customer()
    [mail] = list_mails(approval_org.agent.user)
    assert "The system assigned to you:" in mail.text_body
    assert approval_org.partner.name not in mail.text_body


# --- Claimed, released, assigned ---------------------------------------------------------------------------------


def test_who_claims_has_it_until_it_is_released(approval_org):
    [task] = open_tasks(approval_org, 1)
    assignment.claim_task(task, actor=approval_org.agent)
    for actor, message in (
        (approval_org.agent, "Already assigned to you"),
        (approval_org.manager, "Already assigned to agent 2"),
    ):
        with pytest.raises(WrongState, match=message):
            assignment.claim_task(task, actor=actor)
    with pytest.raises(NotAllowed):
        assignment.release_task(task, actor=approval_org.other_agent)
    assignment.release_task(task, actor=approval_org.agent)
    with pytest.raises(WrongState, match="Not assigned"):
        assignment.release_task(task, actor=approval_org.manager)
    assignment.claim_task(task, actor=approval_org.other_agent)
    assignment.release_task(task, actor=approval_org.manager)
    assert task.assignee_id is None


def test_nobody_claims_what_is_not_theirs_to_decide(approval_org):
    approval_org.organisation.approval_policy = ApprovalPolicy.ALL
    own = approval_org.task_of(approval_org.make_customer(by=approval_org.agent))
    listing = blacklist.request_blacklisting(
        approval_org.make_customer(), reason="Fraud", actor=approval_org.other_agent
    )
    for task, message in ((own, "cannot decide your own request"), (listing, "blacklist")):
        with pytest.raises(NotAllowed, match=message):
            assignment.claim_task(task, actor=approval_org.agent)
    assignment.claim_task(listing, actor=approval_org.manager)
    with pytest.raises(NotAllowed):
        assignment.claim_task(own, actor=approval_org.partner)
    with pytest.raises(NotFound):
        assignment.claim_task(own, actor=make_approval_org("Another Telecom").agent)
    approval_decisions.decline_task(own, comment="No", actor=approval_org.manager)
    with pytest.raises(WrongState, match="Already declined"):
        assignment.claim_task(own, actor=approval_org.other_agent)


@pytest.mark.parametrize(
    ("change", "remaining_kinds"),
    [
        ({"active": False}, ()),
        ({"role": Role.AGENT}, ("onboarding",)),
        ({"role": Role.ADMIN}, ("onboarding", "blacklist")),
        ({"name": "Somebody"}, ("onboarding", "blacklist")),
    ],
)
def test_what_somebody_can_no_longer_decide_goes_back_to_the_queue(approval_org, change, remaining_kinds):
    manager = Actor.from_user(make_user(approval_org.organisation, Role.MANAGER))
    open_tasks = [approval_org.task_of(approval_org.make_customer())]
    open_tasks.append(
        blacklist.request_blacklisting(approval_org.make_customer(), reason="Fraud", actor=approval_org.agent)
    )
    done = approval_org.task_of(approval_org.make_customer())
    assignment.assign_tasks([*open_tasks, done], assignee_id=manager.id, actor=approval_org.manager)
    approval_decisions.decline_task(done, comment="No", actor=approval_org.manager)
    db.session.commit()
    for name, value in change.items():
        setattr(manager.user, name, value)
    save_user(manager.user, actor=approval_org.admin)
    db.session.commit()
    assert [task.kind.value for task in open_tasks if task.assignee_id == manager.id] == list(remaining_kinds)
    assert {task.assignee_id for task in open_tasks} <= {None, manager.id}
    assert done.assignee_id == manager.id  # what is decided tells who did
    assert count_waiting(approval_org.manager) == (0, 3)  # one was nobody's before


def test_one_mail_lists_all_that_was_assigned(approval_org):
    several = open_tasks(approval_org, 25)
    several[0].due_on = None
    assert assignment.assign_tasks(several, assignee_id=approval_org.agent.id, actor=approval_org.manager) == {}
    db.session.commit()
    [mail] = list_mails(approval_org.agent.user)
    assert mail.subject == "Approval required: 25 tasks"
    assert "and 5 more" in mail.text_body
    assert assignment.assign_tasks(several, assignee_id=approval_org.agent.id, actor=approval_org.manager) == {}
    assert len(list_mails(approval_org.agent.user)) == 1  # nothing changed
    assignment.assign_tasks(several[:1], assignee_id=None, actor=approval_org.manager)
    assignment.assign_tasks(several[:1], assignee_id=approval_org.agent.id, actor=approval_org.manager)
    assert [mail.subject for mail in list_mails(approval_org.agent.user)][1:] == [
        f"Approval required: {several[0].subject}"
    ]
    assignment.assign_tasks(several[:2], assignee_id=approval_org.manager.id, actor=approval_org.manager)
    assert list_mails(approval_org.manager.user) == []  # they know


def test_assigning_returns_what_could_not_be_assigned(approval_org):
    approval_org.organisation.approval_policy = ApprovalPolicy.ALL
    free, own, closed = (
        open_tasks(approval_org, 1)[0],
        approval_org.task_of(approval_org.make_customer(by=approval_org.agent)),
        open_tasks(approval_org, 1)[0],
    )
    approval_decisions.decline_task(closed, comment="No", actor=approval_org.manager)
    listing = blacklist.request_blacklisting(approval_org.make_customer(), reason="Fraud", actor=approval_org.manager)
    refusals = assignment.assign_tasks(
        [closed, free, listing, own], assignee_id=approval_org.agent.id, actor=approval_org.manager
    )
    assert refusals.keys() == {own.id, closed.id, listing.id}
    assert "is a requester and cannot decide this request" in refusals[own.id]
    assert "manager" in refusals[listing.id]
    assert (free.assignee_id, own.assignee_id, listing.assignee_id) == (approval_org.agent.id, None, None)


def test_only_working_staff_get_tasks(approval_org):
    [task] = open_tasks(approval_org, 1)
    inactive_agent = make_user(approval_org.organisation, Role.AGENT, active=False)
    for person in (approval_org.partner.id, inactive_agent.id, make_approval_org("Another Telecom").agent.id, 10**6):
        with pytest.raises(Invalid) as error_info:
            assignment.assign_tasks([task], assignee_id=person, actor=approval_org.manager)
        assert error_info.value.field == "assignee_id"
    with pytest.raises(NotAllowed):
        assignment.assign_tasks([task], assignee_id=approval_org.agent.id, actor=approval_org.agent)


def test_the_due_date_is_the_managers(approval_org):
    [task] = open_tasks(approval_org, 1)
    assignment.set_due_date(task, due_on=date(2031, 2, 3), actor=approval_org.manager)
    with pytest.raises(NotAllowed):
        assignment.set_due_date(task, due_on=None, actor=approval_org.agent)
    assert task.due_on == date(2031, 2, 3)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_a_task_is_not_due_on_a_day_that_is_past(approval_org, zone):
    approval_org.organisation.timezone = zone
    [task] = open_tasks(approval_org, 1)
    today, before = clock.get_today(zone), task.due_on
    for wrong in (today - timedelta(days=1), date(1, 1, 1), date(2200, 1, 1), date.max):
        with pytest.raises(Invalid) as error_info:
            assignment.set_due_date(task, due_on=wrong, actor=approval_org.manager)
        assert (error_info.value.field, task.due_on) == ("due_on", before)
    for right in (today, date(2199, 12, 31), None):
        assignment.set_due_date(task, due_on=right, actor=approval_org.manager)
        assert task.due_on == right


# --- Decided, withdrawn, talked about ----------------------------------------------------------------------------


def test_onboarding_is_approved_step_by_step_and_declined_as_failed(approval_org):
    customer = approval_org.make_customer()
    task = approval_org.task_of(customer)
    approval_decisions.approve_task(task, actor=approval_org.manager, credit_reference="CR")
    assert (customer.stage, task.is_open) == (Stage.PASSED, True)
    with pytest.raises(WrongState):
        approval_decisions.decline_task(task, comment="No", actor=approval_org.manager)
    approval_decisions.approve_task(task, actor=approval_org.manager, billing_reference="B")
    assert (customer.stage, task.state, task.decided_by_id) == (
        Stage.BILLING,
        TaskState.APPROVED,
        approval_org.manager.id,
    )
    with pytest.raises(WrongState, match="Already approved"):
        approval_decisions.approve_task(task, actor=approval_org.manager)
    other = approval_org.make_customer()
    with pytest.raises(Invalid, match="Enter a reason"):
        approval_decisions.decline_task(approval_org.task_of(other), comment=" ", actor=approval_org.manager)
    approval_decisions.decline_task(approval_org.task_of(other), comment="No", actor=approval_org.manager)
    assert other.stage is Stage.FAILED


def make_recheck(approval_org, by):
    """A live customer whose name was changed, and the task to check it again."""
    customer = approval_org.make_customer(Stage.BILLING)
    customer.name = "Renamed"
    with acting(by):
        save_customer(customer, actor=by)
    return customer, approval_org.task_of(customer, TaskKind.RECHECK)


@pytest.mark.parametrize("decide", [approval_decisions.approve_task, approval_decisions.decline_task])
def test_a_re_check_is_decided_and_the_customer_stays_live(approval_org, decide):
    customer, task = make_recheck(approval_org, approval_org.agent)
    before = len(list_history(customer.id))
    decide(task, comment="Seen", actor=approval_org.manager)
    assert (customer.stage, task.is_open) == (Stage.BILLING, False)
    assert len(list_history(customer.id)) == before


def test_nobody_who_changed_the_facts_decides_the_re_check_or_makes_it_go_away(approval_org):
    customer, task = make_recheck(approval_org, approval_org.agent)
    assignment.assign_tasks([task], assignee_id=approval_org.other_agent.id, actor=approval_org.manager)
    customer.registration_number = "HRB 77777"
    with acting(approval_org.other_agent):
        save_customer(customer, actor=approval_org.other_agent)
    customer.name = "Renamed again"
    with acting(approval_org.manager):
        save_customer(customer, actor=approval_org.manager)
    assert task.assignee_id is None
    for actor in (approval_org.agent, approval_org.other_agent, approval_org.manager):
        with pytest.raises(NotAllowed, match="cannot decide your own request"):
            approval_decisions.approve_task(task, actor=actor)
        with pytest.raises(NotAllowed, match="cannot decide your own request"):
            assignment.claim_task(task, actor=actor)
        with pytest.raises(WrongState, match="cannot be withdrawn"):
            tasks.withdraw_task(task, actor=actor)
    approval_decisions.approve_task(task, actor=approval_org.admin)
    assert not task.is_open


def test_requests_are_withdrawn_by_who_asked_or_a_manager(approval_org):
    customer = approval_org.make_customer()
    with pytest.raises(WrongState, match="cannot be withdrawn"):
        tasks.withdraw_task(approval_org.task_of(customer), actor=approval_org.manager)
    for actor in (approval_org.agent, approval_org.manager):
        task = blacklist.request_blacklisting(customer, reason="Fraud", actor=approval_org.agent)
        with pytest.raises(NotAllowed):
            tasks.withdraw_task(task, actor=approval_org.other_agent)
        tasks.withdraw_task(task, comment="A mistake", actor=actor)
        assert (task.state, task.comments[-1].text) == (TaskState.WITHDRAWN, "A mistake")
        with pytest.raises(WrongState, match="Already withdrawn"):
            tasks.withdraw_task(task, actor=actor)


def test_everybody_of_the_staff_comments_also_when_it_is_decided(approval_org):
    [task] = open_tasks(approval_org, 1)
    approval_decisions.decline_task(task, comment="No", actor=approval_org.manager)
    tasks.comment_task(task, comment=" A line\r\nand another ", actor=approval_org.agent)
    assert [(each.text, each.user_id) for each in task.comments] == [
        ("No", approval_org.manager.id),
        ("A line\nand another", approval_org.agent.id),
    ]
    for comment in ("", " ", "x" * 2001, "\x00"):
        with pytest.raises(Invalid) as error_info:
            tasks.comment_task(task, comment=comment, actor=approval_org.agent)
        assert error_info.value.field == "comment"
    with pytest.raises(NotAllowed):
        tasks.comment_task(task, comment="x", actor=approval_org.partner)


def test_a_partner_answers_what_was_asked_once(approval_org):
    customer = approval_org.make_customer()
    task = approval_org.task_of(customer)
    with pytest.raises(WrongState, match="There is no open question"):
        referrals.answer_task(task, answer="Berlin", actor=approval_org.partner)
    assignment.assign_tasks([task], assignee_id=approval_org.agent.id, actor=approval_org.manager)
    approval_org.move_customer(customer, "refer")
    mail_count = len(list_mails(approval_org.agent.user))
    other = Actor.from_user(make_user(approval_org.organisation, Role.PARTNER))
    for actor, refusal in (
        (other, NotFound),
        (make_approval_org("Another").partner, NotFound),
        (approval_org.agent, NotAllowed),
    ):
        with pytest.raises(refusal):
            referrals.answer_task(task, answer="Berlin", actor=actor)
    with pytest.raises(Invalid) as error_info:
        referrals.answer_task(task, answer=" ", actor=approval_org.partner)
    assert error_info.value.field == "answer"
    referrals.answer_task(task, answer="Berlin", actor=approval_org.partner)
    assert (task.comments[-1].text, task.comments[-1].user_id) == ("Berlin", approval_org.partner.id)
    [letter] = list_mails(approval_org.agent.user)[mail_count:]
    assert letter.subject == f"{customer.name}: answered"
    assert "Berlin" in letter.text_body
    with pytest.raises(WrongState, match="There is no open question"):
        referrals.answer_task(task, answer="Berlin", actor=approval_org.partner)


def test_what_waits_is_counted(approval_org):
    several = open_tasks(approval_org, 3)
    assignment.claim_task(several[0], actor=approval_org.agent)
    approval_decisions.decline_task(several[1], comment="No", actor=approval_org.manager)
    assert (
        count_waiting(approval_org.agent),
        count_waiting(approval_org.manager),
    ) == (
        (1, 2),
        (0, 2),
    )
    assert count_waiting(make_approval_org("Another Telecom").agent) == (0, 0)
    for _ in range(MOST_COUNTED + 5):
        db.session.add(ApprovalTask(organisation_id=approval_org.id, kind=TaskKind.BLACKLIST, subject="x"))
    db.session.flush()
    assert count_waiting(approval_org.agent)[1] == MOST_COUNTED + 1


def test_who_has_claimed_meanwhile_is_seen(approval_org):
    [task] = open_tasks(approval_org, 1)
    db.session.commit()
    table = ApprovalTask.__table__
    claim_statement = table.update().where(table.c.id == task.id)
    assert task.assignee_id is None  # read before the other one writes
    db.session.connection().execute(
        claim_statement.values(assignee_id=approval_org.manager.id, version=table.c.version + 1)
    )
    with pytest.raises(WrongState, match="Changed by another user in the meantime"):
        assignment.claim_task(task, actor=approval_org.agent)

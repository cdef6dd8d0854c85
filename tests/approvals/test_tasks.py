"""Who gets a task, who may work on it, and who is told."""

from datetime import date, timedelta

import pytest

from customerhub import clock
from customerhub.approvals import blacklist, decisions, tasks
from customerhub.customers.records import save_customer
from customerhub.errors import Conflict, Invalid, NotAllowed, NotFound, WrongState
from customerhub.permissions import Actor
from customerhub.users.accounts import save_user
from models import ApprovalTask
from models.base import db
from models.enums import ApprovalPolicy, Role, Stage, TaskAssignment, TaskKind, TaskState
from tests.approvals.conftest import acting, entries_of, mails, make_office
from tests.people import make_user

A = TaskAssignment


@pytest.fixture
def handing_out(office):
    """An office that hands tasks out as it is told; the maker of customers is the partner."""

    def hand_out(way):
        office.organisation.task_assignment = way
        db.session.commit()
        return office

    return hand_out


def open_some(office, number, by=None):
    return [office.task(office.customer(by=by)) for _ in range(number)]


# --- Opened ------------------------------------------------------------------------------------------------------


def test_a_task_is_due_after_the_days_of_the_organisation(office):
    office.organisation.task_days, office.organisation.timezone = 5, "Pacific/Kiritimati"
    task = office.task(office.customer())
    assert task.due_on == clock.today("Pacific/Kiritimati") + timedelta(days=5)
    assert (task.requester_id, task.assignee_id, task.is_open) == (office.partner.id, None, True)


def test_one_of_a_kind_is_open_at_a_time(office):
    customer = office.customer()
    with pytest.raises(Conflict, match="asked for already"):
        tasks.open_task(TaskKind.ONBOARDING, actor=office.admin, subject="x", customer=customer)
    blacklist.request_blacklisting(customer, reason="Fraud", actor=office.agent)
    with pytest.raises(Conflict, match="asked for already"):
        blacklist.request_blacklisting(customer, reason="Fraud", actor=office.manager)


def test_agents_get_tasks_by_turns(handing_out):
    office = handing_out(A.IN_TURN)
    third = make_user(office.organisation, Role.AGENT, name="Third")
    make_user(office.organisation, Role.AGENT, active=False)
    make_user(make_office("Another Telecom").organisation, Role.AGENT)
    agents = [office.agent.id, office.other_agent.id, third.id]
    assert [task.assignee_id for task in open_some(office, 7)] == (agents * 3)[:7]


def test_whoever_has_fewest_gets_the_next(handing_out):
    office = handing_out(A.LEAST_OPEN)
    first, second, third = open_some(office, 3)
    assert [task.assignee_id for task in (first, second, third)] == [
        office.agent.id, office.other_agent.id, office.agent.id,
    ]  # fmt: skip
    decisions.decline_task(first, comment="No", actor=office.manager)
    decisions.decline_task(third, comment="No", actor=office.manager)
    assert [task.assignee_id for task in open_some(office, 2)] == [office.agent.id, office.agent.id]


@pytest.mark.parametrize("way", [A.IN_TURN, A.LEAST_OPEN])
def test_who_asks_never_gets_it(handing_out, way):
    office = handing_out(way)
    office.organisation.approval_policy = ApprovalPolicy.ALL
    assert {task.assignee_id for task in open_some(office, 4, by=office.agent)} == {office.other_agent.id}
    office.other_agent.user.active = False
    assert {task.assignee_id for task in open_some(office, 2, by=office.agent)} == {None}


@pytest.mark.parametrize("way", [A.IN_TURN, A.LEAST_OPEN])
def test_agents_get_nothing_that_only_managers_decide(handing_out, way):
    office = handing_out(way)
    task = blacklist.request_blacklisting(office.customer(), reason="Fraud", actor=office.manager)
    assert task.assignee_id is None


def test_what_comes_by_turns_is_told_as_coming_from_the_hub(handing_out):
    office = handing_out(A.IN_TURN)
    office.customer()
    [mail] = mails(office.agent.user)
    assert "The hub gave you:" in mail.text_body
    assert office.partner.name not in mail.text_body


# --- Claimed, released, assigned ---------------------------------------------------------------------------------


def test_who_claims_has_it_until_it_is_released(office):
    [task] = open_some(office, 1)
    tasks.claim_task(task, actor=office.agent)
    for actor, told in ((office.agent, "yours already"), (office.manager, "Already taken by agent 2")):
        with pytest.raises(WrongState, match=told):
            tasks.claim_task(task, actor=actor)
    with pytest.raises(NotAllowed):
        tasks.release_task(task, actor=office.other_agent)
    tasks.release_task(task, actor=office.agent)
    with pytest.raises(WrongState, match="Nobody has it"):
        tasks.release_task(task, actor=office.manager)
    tasks.claim_task(task, actor=office.other_agent)
    tasks.release_task(task, actor=office.manager)
    assert task.assignee_id is None


def test_nobody_claims_what_is_not_theirs_to_decide(office):
    office.organisation.approval_policy = ApprovalPolicy.ALL
    own = office.task(office.customer(by=office.agent))
    listing = blacklist.request_blacklisting(office.customer(), reason="Fraud", actor=office.other_agent)
    for task, told in ((own, "nobody decides their own request"), (listing, "blacklist")):
        with pytest.raises(NotAllowed, match=told):
            tasks.claim_task(task, actor=office.agent)
    tasks.claim_task(listing, actor=office.manager)
    with pytest.raises(NotAllowed):
        tasks.claim_task(own, actor=office.partner)
    with pytest.raises(NotFound):
        tasks.claim_task(own, actor=make_office("Another Telecom").agent)
    decisions.decline_task(own, comment="No", actor=office.manager)
    with pytest.raises(WrongState, match="declined already"):
        tasks.claim_task(own, actor=office.other_agent)


@pytest.mark.parametrize(("change", "kept"), [
    ({"active": False}, ()), ({"role": Role.AGENT}, ("onboarding",)),
    ({"role": Role.ADMIN}, ("onboarding", "blacklist")), ({"name": "Somebody"}, ("onboarding", "blacklist")),
])  # fmt: skip
def test_what_somebody_can_no_longer_decide_goes_back_to_the_queue(office, change, kept):
    manager = Actor.of(make_user(office.organisation, Role.MANAGER))
    asked = [office.task(office.customer())]
    asked.append(blacklist.request_blacklisting(office.customer(), reason="Fraud", actor=office.agent))
    done = office.task(office.customer())
    tasks.assign_tasks([*asked, done], assignee_id=manager.id, actor=office.manager)
    decisions.decline_task(done, comment="No", actor=office.manager)
    db.session.commit()
    for name, value in change.items():
        setattr(manager.user, name, value)
    save_user(manager.user, actor=office.admin)
    db.session.commit()
    assert [task.kind.value for task in asked if task.assignee_id == manager.id] == list(kept)
    assert {task.assignee_id for task in asked} <= {None, manager.id}
    assert done.assignee_id == manager.id  # what is decided tells who did
    assert tasks.waiting(office.manager) == (0, 3 - len(kept))  # one was nobody's before


def test_one_mail_tells_of_all_that_was_assigned(office):
    several = open_some(office, 25)
    several[0].due_on = None
    assert tasks.assign_tasks(several, assignee_id=office.agent.id, actor=office.manager) == {}
    db.session.commit()
    [mail] = mails(office.agent.user)
    assert mail.subject == "For you to decide: 25 tasks"
    assert "and 5 more" in mail.text_body
    assert tasks.assign_tasks(several, assignee_id=office.agent.id, actor=office.manager) == {}
    assert len(mails(office.agent.user)) == 1  # nothing changed
    tasks.assign_tasks(several[:1], assignee_id=None, actor=office.manager)
    tasks.assign_tasks(several[:1], assignee_id=office.agent.id, actor=office.manager)
    assert [mail.subject for mail in mails(office.agent.user)][1:] == [f"For you to decide: {several[0].subject}"]
    tasks.assign_tasks(several[:2], assignee_id=office.manager.id, actor=office.manager)
    assert mails(office.manager.user) == []  # they know


def test_assigning_tells_what_could_not_be_given(office):
    office.organisation.approval_policy = ApprovalPolicy.ALL
    free, own, closed = open_some(office, 1)[0], office.task(office.customer(by=office.agent)), open_some(office, 1)[0]
    decisions.decline_task(closed, comment="No", actor=office.manager)
    listing = blacklist.request_blacklisting(office.customer(), reason="Fraud", actor=office.manager)
    refused = tasks.assign_tasks([closed, free, listing, own], assignee_id=office.agent.id, actor=office.manager)
    assert refused.keys() == {own.id, closed.id, listing.id}
    assert "nobody decides their own request" in refused[own.id]
    assert "manager" in refused[listing.id]
    assert (free.assignee_id, own.assignee_id, listing.assignee_id) == (office.agent.id, None, None)


def test_only_working_staff_get_tasks(office):
    [task] = open_some(office, 1)
    gone = make_user(office.organisation, Role.AGENT, active=False)
    for person in (office.partner.id, gone.id, make_office("Another Telecom").agent.id, 10**6):
        with pytest.raises(Invalid) as refused:
            tasks.assign_tasks([task], assignee_id=person, actor=office.manager)
        assert refused.value.field == "assignee_id"
    with pytest.raises(NotAllowed):
        tasks.assign_tasks([task], assignee_id=office.agent.id, actor=office.agent)


def test_the_due_date_is_the_managers(office):
    [task] = open_some(office, 1)
    tasks.set_due_date(task, due_on=date(2031, 2, 3), actor=office.manager)
    with pytest.raises(NotAllowed):
        tasks.set_due_date(task, due_on=None, actor=office.agent)
    assert task.due_on == date(2031, 2, 3)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_a_task_is_not_due_on_a_day_that_is_past(office, zone):
    office.organisation.timezone = zone
    [task] = open_some(office, 1)
    today, before = clock.today(zone), task.due_on
    for wrong in (today - timedelta(days=1), date(1, 1, 1), date(2200, 1, 1), date.max):
        with pytest.raises(Invalid) as refused:
            tasks.set_due_date(task, due_on=wrong, actor=office.manager)
        assert (refused.value.field, task.due_on) == ("due_on", before)
    for right in (today, date(2199, 12, 31), None):
        tasks.set_due_date(task, due_on=right, actor=office.manager)
        assert task.due_on == right


# --- Decided, withdrawn, talked about ----------------------------------------------------------------------------


def test_onboarding_is_approved_step_by_step_and_declined_as_failed(office):
    customer = office.customer()
    task = office.task(customer)
    decisions.approve_task(task, actor=office.manager, credit_reference="CR")
    assert (customer.stage, task.is_open) == (Stage.PASSED, True)
    with pytest.raises(WrongState):
        decisions.decline_task(task, comment="No", actor=office.manager)
    decisions.approve_task(task, actor=office.manager, billing_reference="B")
    assert (customer.stage, task.state, task.decided_by_id) == (Stage.BILLING, TaskState.APPROVED, office.manager.id)
    with pytest.raises(WrongState, match="approved already"):
        decisions.approve_task(task, actor=office.manager)
    other = office.customer()
    with pytest.raises(Invalid, match="Say why"):
        decisions.decline_task(office.task(other), comment=" ", actor=office.manager)
    decisions.decline_task(office.task(other), comment="No", actor=office.manager)
    assert other.stage is Stage.FAILED


def rechecked(office, by):
    """A live customer whose name was changed, and the task to check it again."""
    customer = office.customer(Stage.BILLING)
    customer.name = "Renamed"
    with acting(by):
        save_customer(customer, actor=by)
    return customer, office.task(customer, TaskKind.RECHECK)


@pytest.mark.parametrize("decide", [decisions.approve_task, decisions.decline_task])
def test_a_re_check_is_decided_and_the_customer_stays_live(office, decide):
    customer, task = rechecked(office, office.agent)
    before = len(entries_of(customer.id))
    decide(task, comment="Seen", actor=office.manager)
    assert (customer.stage, task.is_open) == (Stage.BILLING, False)
    assert len(entries_of(customer.id)) == before


def test_nobody_who_changed_the_facts_decides_the_re_check_or_makes_it_go_away(office):
    customer, task = rechecked(office, office.agent)
    tasks.assign_tasks([task], assignee_id=office.other_agent.id, actor=office.manager)
    customer.registration_number = "HRB 77777"
    with acting(office.other_agent):
        save_customer(customer, actor=office.other_agent)
    customer.name = "Renamed again"
    with acting(office.manager):
        save_customer(customer, actor=office.manager)
    assert task.assignee_id is None
    for actor in (office.agent, office.other_agent, office.manager):
        with pytest.raises(NotAllowed, match="nobody decides their own request"):
            decisions.approve_task(task, actor=actor)
        with pytest.raises(NotAllowed, match="nobody decides their own request"):
            tasks.claim_task(task, actor=actor)
        with pytest.raises(WrongState, match="cannot be withdrawn"):
            tasks.withdraw_task(task, actor=actor)
    decisions.approve_task(task, actor=office.admin)
    assert not task.is_open


def test_requests_are_withdrawn_by_who_asked_or_a_manager(office):
    customer = office.customer()
    with pytest.raises(WrongState, match="cannot be withdrawn"):
        tasks.withdraw_task(office.task(customer), actor=office.manager)
    for actor in (office.agent, office.manager):
        task = blacklist.request_blacklisting(customer, reason="Fraud", actor=office.agent)
        with pytest.raises(NotAllowed):
            tasks.withdraw_task(task, actor=office.other_agent)
        tasks.withdraw_task(task, comment="A mistake", actor=actor)
        assert (task.state, task.comments[-1].text) == (TaskState.WITHDRAWN, "A mistake")
        with pytest.raises(WrongState, match="withdrawn already"):
            tasks.withdraw_task(task, actor=actor)


def test_everybody_of_the_staff_comments_also_when_it_is_decided(office):
    [task] = open_some(office, 1)
    decisions.decline_task(task, comment="No", actor=office.manager)
    tasks.comment_task(task, comment=" A line\r\nand another ", actor=office.agent)
    assert [(each.text, each.user_id) for each in task.comments] == [
        ("No", office.manager.id), ("A line\nand another", office.agent.id),
    ]  # fmt: skip
    for comment in ("", " ", "x" * 2001, "\x00"):
        with pytest.raises(Invalid) as refused:
            tasks.comment_task(task, comment=comment, actor=office.agent)
        assert refused.value.field == "comment"
    with pytest.raises(NotAllowed):
        tasks.comment_task(task, comment="x", actor=office.partner)


def test_a_partner_answers_what_was_asked_once(office):
    customer = office.customer()
    task = office.task(customer)
    with pytest.raises(WrongState, match="Nothing is asked"):
        tasks.answer_task(task, answer="Berlin", actor=office.partner)
    tasks.assign_tasks([task], assignee_id=office.agent.id, actor=office.manager)
    office.move(customer, "refer")
    told = len(mails(office.agent.user))
    other = Actor.of(make_user(office.organisation, Role.PARTNER))
    for actor, refusal in ((other, NotFound), (make_office("Another").partner, NotFound), (office.agent, NotAllowed)):
        with pytest.raises(refusal):
            tasks.answer_task(task, answer="Berlin", actor=actor)
    with pytest.raises(Invalid) as refused:
        tasks.answer_task(task, answer=" ", actor=office.partner)
    assert refused.value.field == "answer"
    tasks.answer_task(task, answer="Berlin", actor=office.partner)
    assert (task.comments[-1].text, task.comments[-1].user_id) == ("Berlin", office.partner.id)
    [letter] = mails(office.agent.user)[told:]
    assert letter.subject == f"{customer.name}: answered"
    assert "Berlin" in letter.text_body
    with pytest.raises(WrongState, match="Nothing is asked"):
        tasks.answer_task(task, answer="Berlin", actor=office.partner)


def test_what_waits_is_counted(office):
    several = open_some(office, 3)
    tasks.claim_task(several[0], actor=office.agent)
    decisions.decline_task(several[1], comment="No", actor=office.manager)
    assert (tasks.waiting(office.agent), tasks.waiting(office.manager)) == ((1, 1), (0, 1))
    assert tasks.waiting(make_office("Another Telecom").agent) == (0, 0)
    for _ in range(tasks.MOST_COUNTED + 5):
        db.session.add(ApprovalTask(organisation_id=office.id, kind=TaskKind.BLACKLIST, subject="x"))
    db.session.flush()
    assert tasks.waiting(office.agent)[1] == tasks.MOST_COUNTED + 1


def test_who_has_claimed_meanwhile_is_seen(office):
    [task] = open_some(office, 1)
    db.session.commit()
    table = ApprovalTask.__table__
    taken = table.update().where(table.c.id == task.id)
    assert task.assignee_id is None  # read before the other one writes
    db.session.connection().execute(taken.values(assignee_id=office.manager.id, version=table.c.version + 1))
    with pytest.raises(WrongState, match="Already taken: somebody else changed this task"):
        tasks.claim_task(task, actor=office.agent)

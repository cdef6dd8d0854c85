"""The table of moves, and what goes with each of them."""

from decimal import Decimal
from itertools import product

import pytest

from customerhub.approvals import assignment, stages, tasks, transitions
from customerhub.approvals.stages import STAGES, StageTransition
from customerhub.core.errors import Conflict, Invalid, NotAllowed, NotFound, WrongState
from customerhub.core.permissions import Actor
from customerhub.customers.records import save_customer
from customerhub.customers.statuses import get_default_status
from models import Customer
from models.base import db
from models.enums import ApprovalPolicy, Role, Stage, TaskKind, TaskState
from tests.customerhub.approvals.conftest import (
    acting,
    build_prospect,
    list_history,
    list_mails,
    make_approval_org,
    stage_entries,
)
from tests.support.people import make_user

S = Stage
# DOMAIN, section 4: Passed is the only way to Billing, and there is no way from Billing.
EXPECTED_MOVES = {
    (S.NEW, "pass"): S.PASSED,
    (S.NEW, "refer"): S.REFERRED,
    (S.NEW, "fail"): S.FAILED,
    (S.REFERRED, "pass"): S.PASSED,
    (S.REFERRED, "fail"): S.FAILED,
    (S.FAILED, "refer"): S.REFERRED,
    (S.PASSED, "bill"): S.BILLING,
}
OPEN_STAGES = {S.NEW, S.REFERRED, S.PASSED}


def test_the_table_is_the_domains() -> None:
    assert {
        (before, move.name): move.to_state for move in STAGES.choices for before in move.from_states
    } == EXPECTED_MOVES
    for stage in Stage:
        available = STAGES.list_available(Customer(stage=stage), Actor(None, 0))
        assert {move.to_state for move in available} == {
            after for (before, _), after in EXPECTED_MOVES.items() if before is stage
        }


@pytest.mark.parametrize(("stage", "name"), list(product(Stage, [move.name for move in STAGES.choices])), ids=str)
def test_every_stage_and_every_move(approval_org, stage, name):
    customer = approval_org.make_customer(stage)
    before = len(stage_entries(customer))
    after = EXPECTED_MOVES.get((stage, name))
    if after is None:
        with pytest.raises(WrongState):
            approval_org.move_customer(customer, name)
        db.session.rollback()
        assert (customer.stage, len(stage_entries(customer))) == (stage, before)
        return
    approval_org.move_customer(customer, name)
    db.session.commit()
    assert customer.stage is after
    assert len(stage_entries(customer)) == before + 1
    assert approval_org.task_of(customer).is_open is (after in OPEN_STAGES)


def test_a_move_that_nobody_has_listed_is_refused(approval_org):
    customer = approval_org.make_customer()
    short = StageTransition("live", frozenset({S.NEW}), S.BILLING, label="Live")
    same_name = StageTransition("pass", frozenset({S.NEW}), S.BILLING, label="Pass")
    for move in (short, same_name, stages.FALL_BACK):
        with pytest.raises(WrongState, match="This step does not exist"):
            transitions.change_stage(customer, move, actor=approval_org.manager)


def test_each_move_says_who_when_and_why_once(approval_org):
    customer = approval_org.make_customer()
    approval_org.move_customer(customer, "refer", comment=" Which branch?\r\nBerlin? ")
    approval_org.move_customer(customer, "fail", comment="No answer")
    approval_org.move_customer(customer, "refer", comment="It came")
    approval_org.move_customer(customer, "pass", comment=None, credit_reference="CR 7")
    approval_org.move_customer(customer, "bill", by=approval_org.admin)
    db.session.commit()
    entries_seen = [(entry.changes["stage"], entry.reason, entry.actor_name) for entry in stage_entries(customer)]
    assert entries_seen == [
        (["New", "Referred"], "Which branch?\nBerlin?", "manager 1"),
        (["Referred", "Failed Credit Ref"], "No answer", "manager 1"),
        (["Failed Credit Ref", "Referred"], "It came", "manager 1"),
        (["Referred", "Passed Credit Ref"], None, "manager 1"),
        (["Passed Credit Ref", "Billing"], None, "admin 0"),
    ]
    assert stage_entries(customer)[3].changes["credit_reference"] == [None, "CR 7"]
    assert all(entry.at is not None for entry in stage_entries(customer))
    comments = [comment.text for comment in approval_org.task_of(customer).comments]
    assert comments == ["Which branch?\nBerlin?", "No answer", "It came"]


@pytest.mark.parametrize("name", ["refer", "fail"])
@pytest.mark.parametrize("comment", [None, "", " \n\t ", "\u200b"])
def test_who_refers_or_fails_says_why(approval_org, name, comment):
    customer = approval_org.make_customer()
    with pytest.raises(Invalid) as error_info:
        approval_org.move_customer(customer, name, comment=comment)
    assert error_info.value.field == "comment"
    assert customer.stage is S.NEW


@pytest.mark.parametrize(
    ("details", "field"),
    [
        ({"billing_reference": "B" * 61}, "billing_reference"),
        ({"billing_reference": "B\x00"}, "billing_reference"),
        ({"credit_reference": "C" * 61}, "credit_reference"),
        ({"estimated_monthly_revenue": Decimal("-0.01")}, "estimated_monthly_revenue"),
        ({"estimated_monthly_revenue": Decimal("NaN")}, "estimated_monthly_revenue"),
        ({"estimated_monthly_revenue": Decimal("Infinity")}, "estimated_monthly_revenue"),
        ({"estimated_monthly_revenue": Decimal("1e40")}, "estimated_monthly_revenue"),
        ({"comment": "x" * 2001}, "comment"),
        ({"billing_reference": None}, "billing_reference"),
        ({"billing_reference": "  "}, "billing_reference"),
    ],
)
def test_an_unusable_detail_is_refused_with_its_field(approval_org, details, field):
    customer = approval_org.make_customer(S.PASSED)
    with pytest.raises(Invalid) as error_info:
        approval_org.move_customer(customer, "bill", **details)
    db.session.commit()
    db.session.refresh(customer)
    assert error_info.value.field == field
    assert (customer.stage, customer.credit_reference, customer.billing_reference) == (S.PASSED, None, None)


def test_references_and_revenue_are_kept_and_blank_leaves_them(approval_org):
    customer = approval_org.make_customer()
    approval_org.move_customer(
        customer, "pass", credit_reference=" CR 1 ", billing_reference="B 1", estimated_monthly_revenue=Decimal("9.99")
    )
    approval_org.move_customer(
        customer, "bill", credit_reference="", billing_reference=None, estimated_monthly_revenue=None
    )
    db.session.commit()
    assert (customer.credit_reference, customer.billing_reference) == ("CR 1", "B 1")
    assert (customer.stage, customer.estimated_monthly_revenue) == (S.BILLING, Decimal("9.99"))
    zero = approval_org.make_customer()
    approval_org.move_customer(zero, "pass", estimated_monthly_revenue=Decimal(0))
    assert zero.estimated_monthly_revenue == 0


def test_a_record_that_somebody_else_moved_is_left_alone(approval_org):
    customer = approval_org.make_customer()
    table = Customer.__table__
    other = table.update().where(table.c.id == customer.id).values(version=table.c.version + 1)
    db.session.connection().execute(other)
    with pytest.raises(Conflict, match="in the meantime"):
        approval_org.move_customer(customer, "pass")
    db.session.rollback()
    assert customer.stage is S.NEW


def test_who_asked_decides_nothing_of_it(approval_org):
    customer = approval_org.make_customer(by=approval_org.manager, stage=S.BILLING)
    assert tasks.find_latest_task(customer, TaskKind.ONBOARDING) is None  # live at once: nobody has to approve it
    approval_org.organisation.approval_policy = ApprovalPolicy.ALL
    own_customer = approval_org.make_customer(by=approval_org.manager)
    for name in ("pass", "refer", "fail"):
        with pytest.raises(NotAllowed, match="cannot decide your own request"):
            approval_org.move_customer(own_customer, name)
    approval_org.move_customer(own_customer, "pass", by=approval_org.admin)


def test_an_agent_moves_what_is_assigned_to_them(approval_org):
    customer = approval_org.make_customer()
    with pytest.raises(NotAllowed, match="Claim the task first"):
        approval_org.move_customer(customer, "pass", by=approval_org.agent)
    with acting(approval_org.agent):
        assignment.claim_task(approval_org.task_of(customer), actor=approval_org.agent)
    with pytest.raises(NotAllowed, match="Claim the task first"):
        approval_org.move_customer(customer, "pass", by=approval_org.other_agent)
    approval_org.move_customer(customer, "pass", by=approval_org.agent)
    assert customer.stage is S.PASSED


def test_partners_and_strangers_move_nothing(approval_org):
    customer = approval_org.make_customer()
    with pytest.raises(NotAllowed):
        approval_org.move_customer(customer, "pass", by=approval_org.partner)
    with pytest.raises(NotFound):
        approval_org.move_customer(customer, "pass", by=make_approval_org("Another Telecom").manager)
    inactive_manager = Actor.from_user(make_user(approval_org.organisation, Role.MANAGER, active=False))
    with pytest.raises(NotAllowed):
        approval_org.move_customer(customer, "pass", by=inactive_manager)


def test_without_a_task_a_manager_decides_who_did_not_make_the_record(approval_org):
    """Such as a customer that came from another system."""
    customer = build_prospect(
        approval_org, stage=S.NEW, account_number="X1", status_id=get_default_status(approval_org.id).id
    )
    with acting(approval_org.manager):
        db.session.add(customer)
        db.session.commit()
    for actor, message in ((approval_org.manager, "own request"), (approval_org.agent, "Ask a manager")):
        with pytest.raises(NotAllowed, match=message):
            approval_org.move_customer(customer, "pass", by=actor)
    approval_org.move_customer(customer, "pass", by=approval_org.admin)
    assert customer.stage is S.PASSED


def test_a_stage_is_not_edited(approval_org):
    customer = approval_org.make_customer()
    for stage in (S.BILLING, S.PASSED, S.FAILED):
        customer.stage = stage
        with acting(approval_org.admin), pytest.raises(WrongState, match="stage of a customer cannot be edited"):
            save_customer(customer, actor=approval_org.admin)
        db.session.rollback()
    new = build_prospect(approval_org, stage=S.PASSED)
    approval_org.organisation.approval_policy = ApprovalPolicy.ALL
    with acting(approval_org.admin):
        assert save_customer(new, actor=approval_org.admin).stage is S.NEW


# --- Facts of the credit check -----------------------------------------------------------------------------------

CREDIT_CHECK_FACTS = {"name": "Renamed", "identity_number": "ID 5", "registration_number": "HRB 99999"}


@pytest.mark.parametrize("fact", CREDIT_CHECK_FACTS)
def test_a_fact_that_changes_after_the_check_sends_back(approval_org, fact):
    customer = approval_org.make_customer(S.PASSED)
    task = approval_org.task_of(customer)
    setattr(customer, fact, CREDIT_CHECK_FACTS[fact])
    customer.website = "https://www.example.com"
    with acting(approval_org.agent):
        save_customer(customer, actor=approval_org.agent)
        db.session.commit()
    last_entry = stage_entries(customer)[-1]
    reason = f"Returned for credit check: {fact.replace('_', ' ')} changed"
    assert (customer.stage, last_entry.changes["stage"], last_entry.reason) == (
        S.NEW,
        ["Passed Credit Ref", "New"],
        reason,
    )
    assert (task.is_open, [each.text for each in task.comments]) == (True, [reason])
    assert (len(stage_entries(customer)), list_history(customer.id, "approval_task")[0].action) == (2, "created")


def test_a_fact_that_a_query_wrote_before_the_save_is_noticed(approval_org):
    passed, live, same = (
        approval_org.make_customer(S.PASSED),
        approval_org.make_customer(S.BILLING),
        approval_org.make_customer(S.BILLING),
    )
    name = same.name
    for customer, change in ((passed, "Renamed"), (live, "Renamed"), (same, "For a moment")):
        customer.name = change
        db.session.flush()
    same.name = name
    for customer in (passed, live, same):
        with acting(approval_org.agent):
            save_customer(customer, actor=approval_org.agent)
    assert (passed.stage, live.stage) == (S.NEW, S.BILLING)
    assert tasks.find_open_task(live, TaskKind.RECHECK) is not None
    assert tasks.find_open_task(same, TaskKind.RECHECK) is None
    db.session.commit()
    live.website = "www.example.com"
    save_customer(live, actor=approval_org.system)
    assert len(approval_org.task_of(live, TaskKind.RECHECK).comments) == 1


def test_a_fact_that_was_dealt_with_is_nobody_elses_change(approval_org):
    """Two save one record in one transaction, as a merge or a job may: the second has changed nothing of it."""
    customer = approval_org.make_customer(S.BILLING)
    with acting(approval_org.agent):
        customer.name = "Renamed"
        save_customer(customer, actor=approval_org.agent)
    with acting(approval_org.manager):
        customer.website = "www.example.com"
        save_customer(customer, actor=approval_org.manager)
        customer.name = "Renamed again"
        db.session.flush()
        save_customer(customer, actor=approval_org.manager)
    task = approval_org.task_of(customer, TaskKind.RECHECK)
    assert [(each.user_id, each.text) for each in task.comments] == [
        (approval_org.agent.id, "Changed while live: name changed"),
        (approval_org.manager.id, "Changed while live: name changed"),
    ]


@pytest.mark.parametrize("stage", [S.NEW, S.REFERRED, S.FAILED])
def test_before_the_check_facts_are_amended_freely(approval_org, stage):
    customer = approval_org.make_customer(stage)
    before = len(stage_entries(customer))
    customer.name = "Renamed"
    with acting(approval_org.agent):
        save_customer(customer, actor=approval_org.agent)
    assert (customer.stage, len(stage_entries(customer))) == (stage, before)


def test_what_the_check_does_not_rest_on_changes_nothing(approval_org):
    for stage in (S.PASSED, S.BILLING):
        customer = approval_org.make_customer(stage)
        customer.website, customer.email = "https://www.example.com", "info@customer.example"
        with acting(approval_org.agent):
            save_customer(customer, actor=approval_org.agent)
        assert (customer.stage, tasks.find_open_task(customer, TaskKind.RECHECK)) == (stage, None)


def test_a_checked_customer_without_a_task_gets_one_when_it_goes_back(approval_org):
    customer = build_prospect(approval_org, stage=S.PASSED)
    save_as_system(approval_org, customer)
    customer.name = "Renamed"
    with acting(approval_org.agent):
        save_customer(customer, actor=approval_org.agent)
    task = approval_org.task_of(customer)
    assert (customer.stage, task.is_open, task.requester_id) == (S.NEW, True, approval_org.agent.id)


def save_as_system(approval_org, customer):
    save_customer(customer, actor=approval_org.system)
    db.session.commit()
    assert tasks.find_latest_task(customer, TaskKind.ONBOARDING) is None


def test_a_live_customer_stays_live_and_is_checked_again_once(approval_org):
    customer = approval_org.make_customer(S.BILLING, name="Before")
    for name in ("Renamed", "Renamed again"):
        customer.name = name
        with acting(approval_org.agent):
            save_customer(customer, actor=approval_org.agent)
            db.session.commit()
    task = approval_org.task_of(customer, TaskKind.RECHECK)
    assert (customer.stage, task.is_open, task.requester_id) == (S.BILLING, True, approval_org.agent.id)
    assert [each.text for each in task.comments] == ["Changed while live: name changed"] * 2
    assert task.proposal == {"was": {"name": "Before"}}  # when it was checked last
    assert len([e for e in list_history(customer.id, "approval_task") if e.title.endswith("re-check")]) == 1


# --- Who is told -------------------------------------------------------------------------------------------------


def test_the_partner_is_notified_each_time_once(approval_org):
    customer = approval_org.make_customer()
    approval_org.move_customer(customer, "refer", comment="Which <branch>?")
    approval_org.move_customer(customer, "pass")
    customer.name = "Renamed"
    with acting(approval_org.manager):
        save_customer(customer, actor=approval_org.manager)
    approval_org.move_customer(customer, "refer", comment="And now?")
    approval_org.move_customer(customer, "fail", comment="No")
    approval_org.move_customer(customer, "refer", comment="Well")
    approval_org.move_customer(customer, "pass")
    approval_org.move_customer(customer, "bill")
    db.session.commit()
    subjects = [mail.subject.split(": ")[1] for mail in list_mails(approval_org.partner.user)]
    assert subjects == ["Referred", "Referred", "declined", "Referred", "approved"]
    first = list_mails(approval_org.partner.user)[0]
    assert "Which <branch>?" in first.text_body
    assert "Which &lt;branch&gt;?" in first.html_body
    assert f"/partner/customers/{customer.id}/" in first.text_body
    assert len({mail.reason_key for mail in list_mails()}) == len(list_mails())


def test_a_partner_whose_customer_it_is_no_longer_is_sent_nothing(approval_org):
    customer = approval_org.make_customer()
    approval_org.move_customer(customer, "refer", comment="Who signs?")
    customer.dealer_id = make_user(approval_org.organisation, Role.PARTNER).dealer_id
    db.session.commit()
    approval_org.move_customer(customer, "fail", comment="Debts")
    assert [mail.subject.split(": ")[1] for mail in list_mails(approval_org.partner.user)] == ["Referred"]


@pytest.mark.parametrize("next_move", ["pass", "fail"])
def test_nothing_is_asked_of_the_partner_any_more_once_it_moves_on(approval_org, next_move):
    customer = approval_org.make_customer()
    approval_org.move_customer(customer, "refer")
    assert approval_org.task_of(customer).waits_for_requester
    approval_org.move_customer(customer, next_move)
    assert not approval_org.task_of(customer).waits_for_requester


def test_somebody_switched_off_is_sent_nothing(approval_org):
    customer = approval_org.make_customer()
    approval_org.partner.user.active = False
    approval_org.move_customer(customer, "refer")
    approval_org.move_customer(customer, "fail")
    assert list_mails() == []
    assert approval_org.task_of(customer).state is TaskState.DECLINED

"""The table of moves, and what goes with each of them."""

from decimal import Decimal
from itertools import product

import pytest

from customerhub.approvals import moves, stages, tasks
from customerhub.approvals.stages import MOVES, Move
from customerhub.customers.records import save_customer, usual_status
from customerhub.errors import Conflict, Invalid, NotAllowed, NotFound, WrongState
from customerhub.permissions import Actor
from models import Customer
from models.base import db
from models.enums import ApprovalPolicy, Role, Stage, TaskKind, TaskState
from tests.approvals.conftest import acting, entries_of, mails, make_office, moved, prospect
from tests.people import make_user

S = Stage
# DOMAIN, section 4: Passed is the only way to Billing, and there is no way from Billing.
ARROWS = {
    (S.NEW, "pass"): S.PASSED, (S.NEW, "refer"): S.REFERRED, (S.NEW, "fail"): S.FAILED,
    (S.REFERRED, "pass"): S.PASSED, (S.REFERRED, "fail"): S.FAILED, (S.FAILED, "refer"): S.REFERRED,
    (S.PASSED, "bill"): S.BILLING,
}  # fmt: skip
OPEN = {S.NEW, S.REFERRED, S.PASSED}


def test_the_table_is_the_domains() -> None:
    assert {(before, move.name): move.after for move in MOVES for before in move.before} == ARROWS
    for stage in Stage:
        assert stages.next_stages(stage) == {after for (before, _), after in ARROWS.items() if before is stage}


@pytest.mark.parametrize(("stage", "name"), list(product(Stage, stages.BY_NAME)), ids=str)
def test_every_stage_and_every_move(office, stage, name):
    customer = office.customer(stage)
    before = len(moved(customer))
    after = ARROWS.get((stage, name))
    if after is None:
        with pytest.raises(WrongState):
            office.move(customer, name)
        db.session.rollback()
        assert (customer.stage, len(moved(customer))) == (stage, before)
        return
    office.move(customer, name)
    db.session.commit()
    assert customer.stage is after
    assert len(moved(customer)) == before + 1
    assert office.task(customer).is_open is (after in OPEN)


def test_a_move_that_nobody_has_listed_is_refused(office):
    customer = office.customer()
    short = Move("live", "Live", frozenset({S.NEW}), S.BILLING, "")
    same_name = Move("pass", "Pass", frozenset({S.NEW}), S.BILLING, "")
    for move in (short, same_name):
        with pytest.raises(WrongState, match="no such move"):
            moves.move_customer(customer, move, actor=office.manager)


def test_each_move_says_who_when_and_why_once(office):
    customer = office.customer()
    office.move(customer, "refer", comment=" Which office?\r\nBerlin? ")
    office.move(customer, "fail", comment="No answer")
    office.move(customer, "refer", comment="It came")
    office.move(customer, "pass", comment=None, credit_reference="CR 7")
    office.move(customer, "bill", by=office.admin)
    db.session.commit()
    told = [(entry.changes["stage"], entry.reason, entry.actor_name) for entry in moved(customer)]
    assert told == [
        (["New", "Referred"], "Which office?\nBerlin?", "manager 1"),
        (["Referred", "Failed Credit Ref"], "No answer", "manager 1"),
        (["Failed Credit Ref", "Referred"], "It came", "manager 1"),
        (["Referred", "Passed Credit Ref"], None, "manager 1"),
        (["Passed Credit Ref", "Billing"], None, "admin 0"),
    ]
    assert moved(customer)[3].changes["credit_reference"] == [None, "CR 7"]
    assert all(entry.at is not None for entry in moved(customer))
    said = [comment.text for comment in office.task(customer).comments]
    assert said == ["Which office?\nBerlin?", "No answer", "It came"]


@pytest.mark.parametrize("name", ["refer", "fail"])
@pytest.mark.parametrize("comment", [None, "", " \n\t ", "\u200b"])
def test_who_refers_or_fails_says_why(office, name, comment):
    customer = office.customer()
    with pytest.raises(Invalid) as refused:
        office.move(customer, name, comment=comment)
    assert refused.value.field == "comment"
    assert customer.stage is S.NEW


@pytest.mark.parametrize(
    ("told", "field"),
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
def test_what_cannot_be_told_is_refused_with_its_field(office, told, field):
    customer = office.customer(S.PASSED)
    with pytest.raises(Invalid) as refused:
        office.move(customer, "bill", **told)
    db.session.commit()
    db.session.refresh(customer)
    assert refused.value.field == field
    assert (customer.stage, customer.credit_reference, customer.billing_reference) == (S.PASSED, None, None)


def test_references_and_revenue_are_kept_and_blank_leaves_them(office):
    customer = office.customer()
    office.move(
        customer, "pass", credit_reference=" CR 1 ", billing_reference="B 1", estimated_monthly_revenue=Decimal("9.99")
    )
    office.move(customer, "bill", credit_reference="", billing_reference=None, estimated_monthly_revenue=None)
    db.session.commit()
    assert (customer.credit_reference, customer.billing_reference) == ("CR 1", "B 1")
    assert (customer.stage, customer.estimated_monthly_revenue) == (S.BILLING, Decimal("9.99"))
    zero = office.customer()
    office.move(zero, "pass", estimated_monthly_revenue=Decimal(0))
    assert zero.estimated_monthly_revenue == 0


def test_a_record_that_somebody_else_moved_is_left_alone(office):
    customer = office.customer()
    table = Customer.__table__
    other = table.update().where(table.c.id == customer.id).values(version=table.c.version + 1)
    db.session.connection().execute(other)
    with pytest.raises(Conflict, match="in the meantime"):
        office.move(customer, "pass")
    db.session.rollback()
    assert customer.stage is S.NEW


def test_who_asked_decides_nothing_of_it(office):
    customer = office.customer(by=office.manager, stage=S.BILLING)
    assert tasks.find_latest(customer, TaskKind.ONBOARDING) is None  # live at once: nobody has to approve it
    office.organisation.approval_policy = ApprovalPolicy.ALL
    asked = office.customer(by=office.manager)
    for name in ("pass", "refer", "fail"):
        with pytest.raises(NotAllowed, match="nobody decides their own request"):
            office.move(asked, name)
    office.move(asked, "pass", by=office.admin)


def test_an_agent_moves_what_is_assigned_to_them(office):
    customer = office.customer()
    with pytest.raises(NotAllowed, match="Claim the task first"):
        office.move(customer, "pass", by=office.agent)
    with acting(office.agent):
        tasks.claim_task(office.task(customer), actor=office.agent)
    with pytest.raises(NotAllowed, match="Claim the task first"):
        office.move(customer, "pass", by=office.other_agent)
    office.move(customer, "pass", by=office.agent)
    assert customer.stage is S.PASSED


def test_partners_and_strangers_move_nothing(office):
    customer = office.customer()
    with pytest.raises(NotAllowed):
        office.move(customer, "pass", by=office.partner)
    with pytest.raises(NotFound):
        office.move(customer, "pass", by=make_office("Another Telecom").manager)
    gone = Actor.of(make_user(office.organisation, Role.MANAGER, active=False))
    with pytest.raises(NotAllowed):
        office.move(customer, "pass", by=gone)


def test_without_a_task_a_manager_decides_who_did_not_make_the_record(office):
    """Such as a customer that came from another system."""
    customer = prospect(office, stage=S.NEW, account_number="X1", status_id=usual_status(office.id).id)
    with acting(office.manager):
        db.session.add(customer)
        db.session.commit()
    for actor, told in ((office.manager, "own request"), (office.agent, "Ask a manager")):
        with pytest.raises(NotAllowed, match=told):
            office.move(customer, "pass", by=actor)
    office.move(customer, "pass", by=office.admin)
    assert customer.stage is S.PASSED


def test_a_stage_is_not_edited(office):
    customer = office.customer()
    for stage in (S.BILLING, S.PASSED, S.FAILED):
        customer.stage = stage
        with acting(office.admin), pytest.raises(WrongState, match="by its moves"):
            save_customer(customer, actor=office.admin)
        db.session.rollback()
    new = prospect(office, stage=S.PASSED)
    office.organisation.approval_policy = ApprovalPolicy.ALL
    with acting(office.admin):
        assert save_customer(new, actor=office.admin).stage is S.NEW


# --- Facts of the credit check -----------------------------------------------------------------------------------

FACTS = {"name": "Renamed", "identity_number": "ID 5", "registration_number": "HRB 99999"}


@pytest.mark.parametrize("fact", FACTS)
def test_a_fact_that_changes_after_the_check_sends_back(office, fact):
    customer = office.customer(S.PASSED)
    task = office.task(customer)
    setattr(customer, fact, FACTS[fact])
    customer.website = "https://www.example.com"
    with acting(office.agent):
        save_customer(customer, actor=office.agent)
        db.session.commit()
    told = moved(customer)[-1]
    reason = f"Back to be checked: {fact.replace('_', ' ')} changed"
    assert (customer.stage, told.changes["stage"], told.reason) == (S.NEW, ["Passed Credit Ref", "New"], reason)
    assert (task.is_open, [each.text for each in task.comments]) == (True, [reason])
    assert (len(moved(customer)), entries_of(customer.id, "approval_task")[0].action) == (2, "created")


def test_a_fact_that_a_query_wrote_before_the_save_is_noticed(office):
    passed, live, same = office.customer(S.PASSED), office.customer(S.BILLING), office.customer(S.BILLING)
    name = same.name
    for customer, change in ((passed, "Renamed"), (live, "Renamed"), (same, "For a moment")):
        customer.name = change
        db.session.flush()
    same.name = name
    for customer in (passed, live, same):
        with acting(office.agent):
            save_customer(customer, actor=office.agent)
    assert (passed.stage, live.stage) == (S.NEW, S.BILLING)
    assert tasks.find_open(live, TaskKind.RECHECK) is not None
    assert tasks.find_open(same, TaskKind.RECHECK) is None
    db.session.commit()
    live.website = "www.example.com"
    save_customer(live, actor=office.system)
    assert len(office.task(live, TaskKind.RECHECK).comments) == 1


def test_a_fact_that_was_dealt_with_is_nobody_elses_change(office):
    """Two save one record in one transaction, as a merge or a job may: the second has changed nothing of it."""
    customer = office.customer(S.BILLING)
    with acting(office.agent):
        customer.name = "Renamed"
        save_customer(customer, actor=office.agent)
    with acting(office.manager):
        customer.website = "www.example.com"
        save_customer(customer, actor=office.manager)
        customer.name = "Renamed again"
        db.session.flush()
        save_customer(customer, actor=office.manager)
    task = office.task(customer, TaskKind.RECHECK)
    assert [(each.user_id, each.text) for each in task.comments] == [
        (office.agent.id, "Changed while live: name changed"), (office.manager.id, "Changed while live: name changed"),
    ]  # fmt: skip


@pytest.mark.parametrize("stage", [S.NEW, S.REFERRED, S.FAILED])
def test_before_the_check_facts_are_amended_freely(office, stage):
    customer = office.customer(stage)
    before = len(moved(customer))
    customer.name = "Renamed"
    with acting(office.agent):
        save_customer(customer, actor=office.agent)
    assert (customer.stage, len(moved(customer))) == (stage, before)


def test_what_the_check_does_not_rest_on_changes_nothing(office):
    for stage in (S.PASSED, S.BILLING):
        customer = office.customer(stage)
        customer.website, customer.email = "https://www.example.com", "info@customer.example"
        with acting(office.agent):
            save_customer(customer, actor=office.agent)
        assert (customer.stage, tasks.find_open(customer, TaskKind.RECHECK)) == (stage, None)


def test_a_checked_customer_without_a_task_gets_one_when_it_goes_back(office):
    customer = prospect(office, stage=S.PASSED)
    save_record_of_the_system(office, customer)
    customer.name = "Renamed"
    with acting(office.agent):
        save_customer(customer, actor=office.agent)
    task = office.task(customer)
    assert (customer.stage, task.is_open, task.requester_id) == (S.NEW, True, office.agent.id)


def save_record_of_the_system(office, customer):
    save_customer(customer, actor=office.system)
    db.session.commit()
    assert tasks.find_latest(customer, TaskKind.ONBOARDING) is None


def test_a_live_customer_stays_live_and_is_checked_again_once(office):
    customer = office.customer(S.BILLING, name="Before")
    for name in ("Renamed", "Renamed again"):
        customer.name = name
        with acting(office.agent):
            save_customer(customer, actor=office.agent)
            db.session.commit()
    task = office.task(customer, TaskKind.RECHECK)
    assert (customer.stage, task.is_open, task.requester_id) == (S.BILLING, True, office.agent.id)
    assert [each.text for each in task.comments] == ["Changed while live: name changed"] * 2
    assert task.proposal == {"was": {"name": "Before"}}  # when it was checked last
    assert len([e for e in entries_of(customer.id, "approval_task") if e.title.endswith("re-check")]) == 1


# --- Who is told -------------------------------------------------------------------------------------------------


def test_the_partner_is_told_each_time_once(office):
    customer = office.customer()
    office.move(customer, "refer", comment="Which <office>?")
    office.move(customer, "pass")
    customer.name = "Renamed"
    with acting(office.manager):
        save_customer(customer, actor=office.manager)
    office.move(customer, "refer", comment="And now?")
    office.move(customer, "fail", comment="No")
    office.move(customer, "refer", comment="Well")
    office.move(customer, "pass")
    office.move(customer, "bill")
    db.session.commit()
    subjects = [mail.subject.split(": ")[1] for mail in mails(office.partner.user)]
    assert subjects == ["Referred", "Referred", "declined", "Referred", "approved"]
    first = mails(office.partner.user)[0]
    assert "Which <office>?" in first.text_body
    assert "Which &lt;office&gt;?" in first.html_body
    assert f"/partner/customers/{customer.id}/" in first.text_body
    assert len({mail.reason_key for mail in mails()}) == len(mails())


def test_a_partner_whose_customer_it_is_no_longer_is_sent_nothing(office):
    customer = office.customer()
    office.move(customer, "refer", comment="Who signs?")
    customer.dealer_id = make_user(office.organisation, Role.PARTNER).dealer_id
    db.session.commit()
    office.move(customer, "fail", comment="Debts")
    assert [mail.subject.split(": ")[1] for mail in mails(office.partner.user)] == ["Referred"]


@pytest.mark.parametrize("next_move", ["pass", "fail"])
def test_nothing_is_asked_of_the_partner_any_more_once_it_moves_on(office, next_move):
    customer = office.customer()
    office.move(customer, "refer")
    assert office.task(customer).waits_for_requester
    office.move(customer, next_move)
    assert not office.task(customer).waits_for_requester


def test_somebody_switched_off_is_sent_nothing(office):
    customer = office.customer()
    office.partner.user.active = False
    office.move(customer, "refer")
    office.move(customer, "fail")
    assert mails() == []
    assert office.task(customer).state is TaskState.DECLINED

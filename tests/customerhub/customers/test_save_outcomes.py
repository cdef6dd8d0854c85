"""What a save says happened beside the record."""

from typing import Any

from sqlalchemy import select

from customerhub.core.permissions import Actor
from customerhub.customers.after_save import RequestedCheck, SaveOutcome
from customerhub.customers.records import save_customer_with_outcome
from models import Customer, OutboxMessage, User
from models.base import db
from models.enums import ApprovalPolicy, Stage, TaskAssignment, TaskKind
from tests.customerhub.approvals.conftest import ApprovalOrg, acting, build_prospect


def save(customer: Customer, actor: Actor, **values: Any) -> SaveOutcome:
    for name, value in values.items():
        setattr(customer, name, value)
    with acting(actor):
        outcome = save_customer_with_outcome(customer, actor=actor)
        db.session.commit()
    return outcome


def test_a_customer_that_needs_nothing_says_nothing(approval_org: ApprovalOrg):
    customer = build_prospect(approval_org)
    assert save(customer, approval_org.agent) == SaveOutcome(customer, Stage.BILLING)
    assert save(customer, approval_org.agent, website="www.example.com") == SaveOutcome(customer, Stage.BILLING)


def test_a_first_portal_user_is_named_by_the_address_that_was_invited(approval_org: ApprovalOrg):
    customer = build_prospect(approval_org)
    outcome = save(customer, approval_org.agent, email="first@customer.example, second@customer.example")
    assert outcome.portal_user_email == "first@customer.example"
    assert db.session.scalar(select(User.email).where(User.customer_id == customer.id)) == "first@customer.example"
    assert db.session.scalar(select(OutboxMessage.recipient).where(OutboxMessage.customer_id == customer.id)) == (
        "first@customer.example"
    )
    assert save(customer, approval_org.agent, website="www.example.com").portal_user_email is None
    other = build_prospect(approval_org)
    assert save(other, approval_org.agent, email="first@customer.example").portal_user_email is None, "it is taken"


def test_a_new_customer_says_who_has_its_approval(approval_org: ApprovalOrg):
    approval_org.organisation.approval_policy = ApprovalPolicy.ALL
    customer = build_prospect(approval_org)
    outcome = save(customer, approval_org.agent)
    assert outcome == SaveOutcome(customer, Stage.NEW, check=RequestedCheck(TaskKind.ONBOARDING, True, None))
    approval_org.organisation.task_assignment = TaskAssignment.LEAST_OPEN
    check = save(build_prospect(approval_org), approval_org.agent).check
    assert check is not None
    assert check.assignee_name == approval_org.other_agent.name


def test_a_changed_fact_of_the_check_says_what_it_moved_and_asked_for(approval_org: ApprovalOrg):
    passed = approval_org.make_customer(Stage.PASSED)
    outcome = save(passed, approval_org.agent, name="Renamed")
    assignee = db.session.get(User, approval_org.task_of(passed).assignee_id or 0)
    check = RequestedCheck(TaskKind.ONBOARDING, False, assignee.name if assignee else None)
    assert outcome == SaveOutcome(passed, Stage.NEW, Stage.PASSED, check)
    live = approval_org.make_customer(Stage.BILLING)
    for name, is_new in (("Renamed live", True), ("Renamed again", False)):
        outcome = save(live, approval_org.agent, name=name)
        assert outcome == SaveOutcome(live, Stage.BILLING, check=RequestedCheck(TaskKind.RECHECK, is_new, None))

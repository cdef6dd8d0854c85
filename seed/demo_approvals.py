"""What waits for decisions in the demo: tasks in every stage, a question to the partner, a blacklisted customer."""

from datetime import timedelta
from decimal import Decimal
from io import BytesIO

from sqlalchemy import select

from customerhub.approvals import assignment, blacklist, stages, task_files, tasks, transitions
from customerhub.core import history, storage
from customerhub.core.organisation_dates import organisation_today
from customerhub.core.permissions import Actor
from customerhub.customers import alerts, approval_decisions, change_requests
from customerhub.customers.registration import register_customer
from models import ApprovalTask, Customer, User
from models.base import db
from models.enums import CustomerKind, CustomerType, Severity, Stage, TaskKind, TaskState

REGISTRATION_NUMBER = "HRB 990017"  # the customer that the partner registered; where it is there, all of this is


def seed_approvals(organisation_id: int, *, manager: User, agent: User, partner: User) -> None:
    """Give the customers of the demo their tasks, references, alerts and the blacklist, once. The caller commits."""
    registered_filter = (
        Customer.organisation_id == organisation_id,
        Customer.registration_number == REGISTRATION_NUMBER,
    )
    if db.session.scalar(select(Customer.id).where(*registered_filter).limit(1)):
        return
    manager_actor, agent_actor, partner_actor = (Actor(person, organisation_id) for person in (manager, agent, partner))
    customers = list(
        db.session.scalars(select(Customer).where(Customer.organisation_id == organisation_id).order_by(Customer.id))
    )
    with history.act_as(agent_actor, "demo"):
        _give_references(customers)
        _open_onboarding(customers, agent_actor)
        _attach_report(organisation_id, agent_actor)
        _add_warnings(customers, manager_actor, agent_actor)
    _register_partner_customer(partner_actor, agent_actor)
    partner_customers = [customer for customer in customers if customer.dealer_id == partner.dealer_id]
    with history.act_as(partner_actor, "demo"):
        values = {"contact_number": "+49 30 5550 1170", "website": "https://www.aurora.example"}
        for customer in partner_customers[:1]:
            change_requests.propose_update(
                customer, values=values, comment="They have moved to a new office", actor=partner_actor
            )


def _give_references(customers: list[Customer]) -> None:
    for number, customer in enumerate(customers, 1):
        if customer.stage in (Stage.PASSED, Stage.BILLING):
            customer.credit_reference = f"CR-{4100 + number * 7}"
            customer.estimated_monthly_revenue = Decimal(180 + number * 45)
        if customer.stage is Stage.BILLING:
            customer.billing_reference = f"B-{70000 + number * 11}"
    db.session.flush()


def _open_onboarding(customers: list[Customer], agent_actor: Actor) -> None:
    """A task behind everybody who is not live yet: the agent has every other one, and is late with the first."""
    system = Actor(None, agent_actor.organisation_id)
    not_live = [customer for customer in customers if customer.stage is not Stage.BILLING]
    for number, customer in enumerate(not_live):
        task = tasks.find_open_task(customer, TaskKind.ONBOARDING) or tasks.open_task(
            TaskKind.ONBOARDING, actor=system, subject=customer.name, customer=customer
        )
        if customer.stage is Stage.FAILED:
            tasks.close_task(
                task, TaskState.DECLINED, comment="Two unpaid invoices at another supplier", actor=agent_actor
            )
        elif number % 2 == 0:
            assignment.claim_task(task, actor=agent_actor)
    for customer in [each for each in customers if each.stage is Stage.BILLING][:3]:  # went live lately
        task = tasks.open_task(TaskKind.ONBOARDING, actor=system, subject=customer.name, customer=customer)
        tasks.close_task(task, TaskState.APPROVED, comment=None, actor=agent_actor)
    overdue_task = db.session.scalars(
        select(ApprovalTask)
        .where(
            ApprovalTask.organisation_id == agent_actor.organisation_id,
            ApprovalTask.assignee_id == agent_actor.id,
            ApprovalTask.state == TaskState.OPEN,
        )
        .order_by(ApprovalTask.id)
    ).first()
    if overdue_task is not None:
        overdue_task.due_on = organisation_today(agent_actor.organisation_id) - timedelta(days=3)
    db.session.flush()


def _attach_report(organisation_id: int, agent_actor: Actor) -> None:
    """The report of the last credit check, beside the decision that is next."""
    task = db.session.scalars(
        select(ApprovalTask)
        .join(Customer, Customer.id == ApprovalTask.customer_id)
        .where(ApprovalTask.organisation_id == organisation_id, Customer.stage == Stage.PASSED)
        .order_by(ApprovalTask.id.desc())
    ).first()
    if task is None or task.customer is None:
        return
    report = f"Credit report\n{task.customer.name}\nNo entries. Recommended limit: 5,000.00\n"
    file = storage.store_file(
        BytesIO(report.encode()),
        "credit report.txt",
        "text/plain",
        organisation_id=organisation_id,
        actor=agent_actor,
    )
    task_files.attach_file(task, file, note="Creditsafe", actor=agent_actor)


def _add_warnings(customers: list[Customer], manager_actor: Actor, agent_actor: Actor) -> None:
    """One customer is blacklisted, one is asked to be, and of one people must know something."""
    not_live = [customer for customer in customers if customer.stage is not Stage.BILLING]
    live = [customer for customer in customers if customer.stage is Stage.BILLING]
    if not not_live or not live:
        return
    blacklisted_customer = not_live[-1]
    task = blacklist.request_blacklisting(
        blacklisted_customer, reason="Ordered under a false address", actor=agent_actor
    )
    with history.act_as(manager_actor, "demo"):
        approval_decisions.approve_task(task, comment="Confirmed with the landlord", actor=manager_actor)
    blacklist.request_blacklisting(live[-1], reason="Four returned direct debits since spring", actor=agent_actor)
    alerts.raise_alert(
        live[0],
        text="Deliver to the back gate only: the front is under repair",
        severity=Severity.INFO,
        valid_until=organisation_today(agent_actor.organisation_id) + timedelta(days=60),
        actor=agent_actor,
    )


def _register_partner_customer(partner_actor: Actor, agent_actor: Actor) -> None:
    """The partner has registered a company, and the agent asks something back."""
    with history.act_as(partner_actor, "demo"):
        customer = register_customer(
            CustomerKind.COMPANY,
            name="Sandbank Surf & Sail GmbH",
            registration_number=REGISTRATION_NUMBER,
            customer_type=CustomerType.PRIVATE_LIMITED,
            contact_name="Jonas Petersen",
            email="office@sandbank.example",
            contact_number="+49 4651 990 170",
            address="Strandweg 3",
            postal_code="25980",
            city="Sylt",
            country="DE",
            comment="They want to start next month.",
            actor=partner_actor,
        )
    task = tasks.find_open_task(customer, TaskKind.ONBOARDING)
    assert task is not None
    with history.act_as(agent_actor, "demo"):
        assignment.claim_task(task, actor=agent_actor)
        question = "Who signs for the company? The register names two directors."
        transitions.change_stage(customer, stages.REFER, comment=question, actor=agent_actor)

"""What waits for decisions in the demo: tasks in every stage, a question to the partner, a blacklisted customer."""

from datetime import timedelta
from decimal import Decimal

from sqlalchemy import select

from customerhub import clock, history
from customerhub.approvals import blacklist, decisions, moves, particulars, stages, tasks
from customerhub.customers import alerts
from customerhub.customers.registration import register_customer
from customerhub.permissions import Actor
from models import ApprovalTask, Customer, User
from models.base import db
from models.enums import CustomerKind, CustomerType, Severity, Stage, TaskKind, TaskState

REGISTERED = "HRB 990017"  # the customer that the partner registered; where it is there, all of this is


def seed_approvals(organisation_id: int, *, manager: User, agent: User, partner: User) -> None:
    """Give the customers of the demo their tasks, references, alerts and the blacklist, once. The caller commits."""
    known = (Customer.organisation_id == organisation_id, Customer.registration_number == REGISTERED)
    if db.session.scalar(select(Customer.id).where(*known).limit(1)):
        return
    boss, worker, dealer = (Actor(person, organisation_id) for person in (manager, agent, partner))
    customers = list(
        db.session.scalars(select(Customer).where(Customer.organisation_id == organisation_id).order_by(Customer.id))
    )
    with history.acting(worker, "demo"):
        _give_references(customers)
        _open_onboarding(customers, worker)
        _warn(customers, boss, worker)
    _register(dealer, worker)
    own = [customer for customer in customers if customer.dealer_id == partner.dealer_id]
    with history.acting(dealer, "demo"):
        values = {"contact_number": "+49 30 5550 1170", "website": "https://www.aurora.example"}
        for customer in own[:1]:
            particulars.propose_update(customer, values=values, comment="They have moved to a new office", actor=dealer)


def _give_references(customers: list[Customer]) -> None:
    for number, customer in enumerate(customers, 1):
        if customer.stage in (Stage.PASSED, Stage.BILLING):
            customer.credit_reference = f"CR-{4100 + number * 7}"
            customer.estimated_monthly_revenue = Decimal(180 + number * 45)
        if customer.stage is Stage.BILLING:
            customer.billing_reference = f"B-{70000 + number * 11}"
    db.session.flush()


def _open_onboarding(customers: list[Customer], worker: Actor) -> None:
    """A task behind everybody who is not live yet: the agent has every other one, and is late with the first."""
    system = Actor(None, worker.organisation_id)
    not_live = [customer for customer in customers if customer.stage is not Stage.BILLING]
    for number, customer in enumerate(not_live):
        task = tasks.find_open(customer, TaskKind.ONBOARDING) or tasks.open_task(
            TaskKind.ONBOARDING, actor=system, subject=customer.name, customer=customer
        )
        if customer.stage is Stage.FAILED:
            tasks.close(task, TaskState.DECLINED, comment="Two unpaid invoices at another supplier", actor=worker)
        elif number % 2 == 0:
            tasks.claim_task(task, actor=worker)
    late = db.session.scalars(
        select(ApprovalTask)
        .where(ApprovalTask.organisation_id == worker.organisation_id, ApprovalTask.assignee_id == worker.id,
               ApprovalTask.state == TaskState.OPEN)
        .order_by(ApprovalTask.id)
    ).first()  # fmt: skip
    if late is not None:
        late.due_on = clock.today() - timedelta(days=3)
    db.session.flush()


def _warn(customers: list[Customer], boss: Actor, worker: Actor) -> None:
    """One customer is blacklisted, one is asked to be, and of one people must know something."""
    waiting = [customer for customer in customers if customer.stage is not Stage.BILLING]
    live = [customer for customer in customers if customer.stage is Stage.BILLING]
    if not waiting or not live:
        return
    listed = waiting[-1]
    task = blacklist.request_blacklisting(listed, reason="Ordered under a false address", actor=worker)
    with history.acting(boss, "demo"):
        decisions.approve_task(task, comment="Confirmed with the landlord", actor=boss)
    blacklist.request_blacklisting(live[-1], reason="Four returned direct debits since spring", actor=worker)
    alerts.raise_alert(
        live[0], text="Deliver to the back gate only: the front is under repair", severity=Severity.INFO,
        valid_until=clock.today() + timedelta(days=60), actor=worker,
    )  # fmt: skip


def _register(dealer: Actor, worker: Actor) -> None:
    """The partner has registered a company, and the agent asks something back."""
    with history.acting(dealer, "demo"):
        customer = register_customer(
            CustomerKind.COMPANY, name="Sandbank Surf & Sail GmbH", registration_number=REGISTERED,
            customer_type=CustomerType.PRIVATE_LIMITED, contact_name="Jonas Petersen",
            email="office@sandbank.example", contact_number="+49 4651 990 170", address="Strandweg 3",
            postal_code="25980", city="Sylt", country="DE", comment="They want to start next month.", actor=dealer,
        )  # fmt: skip
    task = tasks.find_open(customer, TaskKind.ONBOARDING)
    assert task is not None
    with history.acting(worker, "demo"):
        tasks.claim_task(task, actor=worker)
        question = "Who signs for the company? The register names two directors."
        moves.move_customer(customer, stages.BY_NAME["refer"], comment=question, actor=worker)

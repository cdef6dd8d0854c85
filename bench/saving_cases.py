"""What saving and approving is measured by: four cases over one organisation, each through the door of every screen.

`begin` is what was there before, a session that knows the actor; `save` is what is counted and timed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any, Final

from sqlalchemy import select, update

from customerhub.core import clock, history
from customerhub.core.permissions import Actor
from customerhub.customers.records import save_customer, save_record
from models import (
    Address,
    ApprovalTask,
    BillingLine,
    CatalogItem,
    Commodity,
    ComplianceDocument,
    Contact,
    Customer,
    Dealer,
    Department,
    NotificationTemplate,
    Organisation,
    User,
)
from models.base import db
from models.enums import AddressKind, ApprovalPolicy, CatalogType, Risk, Role, Stage, TaskKind, TemplatePurpose
from seed.reference import seed_reference
from views.approvals.operations import OPERATIONS
from views.approvals.tasks import TaskView
from views.framework.operation import run_operation

MANY: Final = 100
APPROVE: Final = next(operation for operation in OPERATIONS if operation.name == "approve")
DECISION: Final = {"comment": "All papers are in order"}
_numbers = count(1)


@dataclass(frozen=True)
class SavingData:
    """The rows that the cases need, by their ids. `tasks` wait for approval: their customers have passed the check."""

    organisation: int
    manager: int
    department: int
    region: int
    template: int
    commodity: int
    customer: int
    tasks: Sequence[int]


@dataclass(frozen=True)
class SavingCase:
    """One act. `save` gets what `begin` returned and leaves the changes flushed; nobody commits."""

    name: str
    begin: Callable[[SavingData], Any]
    save: Callable[[Any, Actor], None]


def fill_organisation(waiting_count: int = MANY) -> SavingData:
    """An organisation that approves every new customer, with people, one live customer and some that wait. Commits."""
    organisation = Organisation(name="Saving", approval_policy=ApprovalPolicy.ALL)
    with history.act_as(Actor(None, 0), "bench"):
        db.session.add(organisation)
        db.session.flush()
        seed_reference(organisation)
        key = organisation.id
        dealer = Dealer(organisation_id=key, code="D1", name="Dealer")
        commodity = Commodity(organisation_id=key, name="Voice", unit="minute")
        db.session.add_all([dealer, commodity])
        db.session.flush()
        manager, partner = _add_people(key, dealer.id)
        region = select(CatalogItem.id).where(
            CatalogItem.organisation_id == key, CatalogItem.type == CatalogType.REGION
        )
        template = select(NotificationTemplate.id).where(
            NotificationTemplate.organisation_id == key, NotificationTemplate.purpose == TemplatePurpose.COMPLIANCE
        )
        department = select(Department.id).where(Department.organisation_id == key)
        data = SavingData(
            organisation=key,
            manager=manager.id,
            department=db.session.scalars(department.limit(1)).one(),
            region=db.session.scalars(region.limit(1)).one(),
            template=db.session.scalars(template.limit(1)).one(),
            commodity=commodity.id,
            customer=0,
            tasks=(),
        )
        live = build_customer(data)
        live.stage = Stage.BILLING
        save_record(live, actor=Actor(None, key))
        tasks = _add_waiting_tasks(data, partner, waiting_count)
        db.session.commit()
    return SavingData(**vars(data) | {"customer": live.id, "tasks": tasks})


def _add_people(organisation_id: int, dealer_id: int) -> tuple[User, User]:
    people = [
        User(
            organisation_id=organisation_id,
            email=f"{role.value}{next(_numbers)}@saving.example",
            name=role.value,
            role=role,
        )
        for role in (Role.MANAGER, Role.PARTNER)
    ]
    people[1].dealer_id = dealer_id
    db.session.add_all(people)
    db.session.flush()
    return people[0], people[1]


def _add_waiting_tasks(data: SavingData, partner: User, number: int) -> list[int]:
    """Customers that a partner has registered and that have passed the credit check: the ids of their tasks."""
    for _ in range(number):
        save_record(build_customer(data, dealer_id=partner.dealer_id), actor=Actor.from_user(partner))
    waiting = Customer.organisation_id == data.organisation, Customer.stage == Stage.NEW
    db.session.execute(
        update(Customer).where(*waiting).values(stage=Stage.PASSED), execution_options=history.bulk_options()
    )
    query = select(ApprovalTask.id).where(
        ApprovalTask.organisation_id == data.organisation, ApprovalTask.kind == TaskKind.ONBOARDING
    )
    return list(db.session.scalars(query.order_by(ApprovalTask.id)))


def build_customer(data: SavingData, **values: Any) -> Customer:
    """A new customer with an address, three contacts, two documents and two billing lines, as a form has filled it."""
    number, today = next(_numbers), clock.get_today()
    return Customer(
        organisation_id=data.organisation,
        name=f"Customer {number}",
        reference=f"REF-{number}",
        email=f"office@customer{number}.example",
        registration_number=f"HRB {number}",
        region_id=data.region,
        start_date=today,
        risk=Risk.LOW,
        departments=[db.session.get_one(Department, data.department)],
        addresses=[Address(kind=AddressKind.REGISTERED, lines="1 High Street", country="DE")],
        contacts=[Contact(name=f"Person {each}", email=f"p{each}@customer{number}.example") for each in range(3)],
        compliance_documents=[
            ComplianceDocument(
                certificate=f"Certificate {each}",
                expiry_date=today + timedelta(days=100),
                reviewer_email="reviewer@saving.example",
                template_id=data.template,
            )
            for each in range(2)
        ],
        billing_lines=[
            BillingLine(
                commodity_id=data.commodity,
                minimum_cost=Decimal(each),
                cost_per_unit=Decimal("1.25"),
            )
            for each in range(2)
        ],
        **values,
    )


def _save_new(customer: Customer, actor: Actor) -> None:
    save_customer(customer, actor=actor)


def _save_edited(customer_id: int, actor: Actor) -> None:
    customer = db.session.get_one(Customer, customer_id)
    customer.website = "https://www.customer.example"
    save_customer(customer, actor=actor)


def _approve(task_ids: Sequence[int], actor: Actor) -> None:
    query = select(ApprovalTask).where(ApprovalTask.id.in_(task_ids)).options(*TaskView.load_options)
    rows = list(db.session.scalars(query))
    references = {row.id: {"billing_reference": f"B-{row.id}"} for row in rows}
    results = run_operation(APPROVE, rows, DECISION, actor, str, references)
    assert all(result["ok"] for result in results), results


CASES: Final = (
    SavingCase("new: 3 contacts, 2 documents, 2 billing lines", build_customer, _save_new),
    SavingCase("edit of one field", lambda data: data.customer, _save_edited),
    SavingCase("one approval", lambda data: data.tasks[:1], _approve),
    SavingCase(f"{MANY} approvals at once", lambda data: data.tasks, _approve),
)

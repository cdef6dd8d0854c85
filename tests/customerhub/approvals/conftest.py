"""An organisation with people in every role, and customers in any stage."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import scoped_session

from customerhub.approvals import stages, tasks, transitions
from customerhub.core import history
from customerhub.core.permissions import Actor
from customerhub.customers.records import save_record
from customerhub.work.work_list import count_own_work
from models import ApprovalTask, Contact, Customer, CustomerStatus, History, Organisation, OutboxMessage, User
from models.base import db
from models.enums import Role, Stage, StatusBehaviour, TaskKind
from tests.support.people import make_organisation, make_user
from tests.support.two_organisations import filled_database, organisations

__all__ = ["filled_database", "organisations"]  # fixtures made elsewhere

# The moves that lead from New to each stage.
STAGE_PATHS: dict[Stage, tuple[str, ...]] = {
    Stage.NEW: (),
    Stage.REFERRED: ("refer",),
    Stage.FAILED: ("fail",),
    Stage.PASSED: ("pass",),
    Stage.BILLING: ("pass", "bill"),
}


@dataclass
class ApprovalOrg:
    """An organisation. `partner` registers, `agent` and `other_agent` work, `manager` and `admin` decide."""

    organisation: Organisation
    admin: Actor
    manager: Actor
    agent: Actor
    other_agent: Actor
    partner: Actor

    @property
    def id(self) -> int:
        return self.organisation.id

    @property
    def system(self) -> Actor:
        return Actor(None, self.organisation.id)

    def make_customer(self, stage: Stage = Stage.NEW, *, by: Actor | None = None, **values: Any) -> Customer:
        """A prospect that a partner registered, or `by` made, brought to `stage` by the manager."""
        customer = build_prospect(self, **values)
        with history.act_as(by or self.partner, "test"):
            save_record(customer, actor=by or self.partner)
        if customer.stage is not stage:
            for name in STAGE_PATHS[stage]:
                self.move_customer(customer, name)
        db.session.commit()
        return customer

    def move_customer(self, customer: Customer, name: str, *, by: Actor | None = None, **details: Any) -> None:
        actor = by or self.manager
        defaults = {"comment": "Because"} if name in ("refer", "fail") else {}
        defaults |= {"billing_reference": "B-1"} if name == "bill" else {}
        with history.act_as(actor, "test"):
            transitions.change_stage(customer, stages.STAGES.get_transition(name), actor=actor, **(defaults | details))

    def task_of(self, customer: Customer, kind: TaskKind = TaskKind.ONBOARDING) -> ApprovalTask:
        found = tasks.find_latest_task(customer, kind)
        assert found is not None
        return found


def build_prospect(approval_org: ApprovalOrg, **values: Any) -> Customer:
    number = next(_numbers)
    defaults: dict[str, Any] = {
        "name": f"Prospect {number}",
        "registration_number": f"HRB {number}",
        "is_prospect": True,
    }
    defaults |= {"dealer_id": approval_org.partner.access_scope.dealer_id} | values
    contacts = [Contact(organisation_id=approval_org.id, name="Kim")]
    return Customer(organisation_id=approval_org.id, contacts=contacts, **defaults)


_numbers = iter(range(1, 10**9))


def make_approval_org(name: str = "Example Telecom") -> ApprovalOrg:
    organisation = make_organisation(name)
    with history.act_as(Actor(None, organisation.id), "test"):
        db.session.add(CustomerStatus(organisation_id=organisation.id, name="Active", behaviour=StatusBehaviour.BILL))
        db.session.flush()
    roles = (Role.ADMIN, Role.MANAGER, Role.AGENT, Role.AGENT, Role.PARTNER)
    people = [Actor.from_user(make_user(organisation, role, name=f"{role.value} {n}")) for n, role in enumerate(roles)]
    db.session.commit()
    return ApprovalOrg(organisation, *people)


@pytest.fixture
def approval_org(app: Any, session: scoped_session[Any]) -> Iterator[ApprovalOrg]:
    """Somebody of the system acts, unless a test says otherwise."""
    organisation = make_approval_org()
    with history.act_as(organisation.system, "test"):
        yield organisation


def count_waiting(actor):
    """How many open tasks are the actor's, and how many there are, as the menu counts them."""
    work = count_own_work(actor, today=date(2025, 1, 31))
    return work.tasks, work.open_tasks


def acting(actor: Actor) -> Any:
    return history.act_as(actor, "test")


def list_history(customer_id: int, table: str = "customer") -> list[History]:
    """What the history tells of a customer in one table, the oldest first."""
    query = select(History).where(History.table_name == table, History.customer_id == customer_id)
    return list(db.session.scalars(query.order_by(History.id)))


def stage_entries(customer: Customer) -> list[History]:
    """The entries that tell of a stage, without that of the beginning."""
    return [entry for entry in list_history(customer.id) if "stage" in entry.changes and entry.action == "changed"]


def list_mails(recipient: User | None = None) -> list[OutboxMessage]:
    query = select(OutboxMessage).order_by(OutboxMessage.id)
    messages = list(db.session.scalars(query))
    return [mail for mail in messages if recipient is None or mail.recipient == recipient.email]

"""An organisation with people in every role, and customers in any stage."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import scoped_session

from customerhub import history
from customerhub.approvals import moves, stages, tasks
from customerhub.customers.records import save_record
from customerhub.permissions import Actor
from models import ApprovalTask, Contact, Customer, CustomerStatus, History, Organisation, OutboxMessage, User
from models.base import db
from models.enums import Role, Stage, StatusBehaviour, TaskKind
from tests.people import make_organisation, make_user
from tests.world import filled, world

__all__ = ["filled", "world"]  # fixtures made elsewhere

# The moves that lead from New to each stage.
WAYS: dict[Stage, tuple[str, ...]] = {
    Stage.NEW: (),
    Stage.REFERRED: ("refer",),
    Stage.FAILED: ("fail",),
    Stage.PASSED: ("pass",),
    Stage.BILLING: ("pass", "bill"),
}


@dataclass
class Office:
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

    def customer(self, stage: Stage = Stage.NEW, *, by: Actor | None = None, **values: Any) -> Customer:
        """A prospect that a partner registered, or `by` made, brought to `stage` by the manager."""
        made = prospect(self, **values)
        with history.acting(by or self.partner, "test"):
            save_record(made, actor=by or self.partner)
        if made.stage is not stage:
            for name in WAYS[stage]:
                self.move(made, name)
        db.session.commit()
        return made

    def move(self, customer: Customer, name: str, *, by: Actor | None = None, **told: Any) -> None:
        actor = by or self.manager
        given = {"comment": "Because"} if stages.BY_NAME[name].asks else {}
        given |= {"billing_reference": "B-1"} if name == "bill" else {}
        with history.acting(actor, "test"):
            moves.move_customer(customer, stages.BY_NAME[name], actor=actor, **(given | told))

    def task(self, customer: Customer, kind: TaskKind = TaskKind.ONBOARDING) -> ApprovalTask:
        found = tasks.find_latest(customer, kind)
        assert found is not None
        return found


def prospect(office: Office, **values: Any) -> Customer:
    number = next(_numbers)
    given: dict[str, Any] = {"name": f"Prospect {number}", "registration_number": f"HRB {number}", "is_prospect": True}
    given |= {"dealer_id": office.partner.sight.dealer_id} | values
    contacts = [Contact(organisation_id=office.id, name="Kim")]
    return Customer(organisation_id=office.id, contacts=contacts, **given)


_numbers = iter(range(1, 10**9))


def make_office(name: str = "Example Telecom") -> Office:
    organisation = make_organisation(name)
    with history.acting(Actor(None, organisation.id), "test"):
        db.session.add(CustomerStatus(organisation_id=organisation.id, name="Active", behaviour=StatusBehaviour.BILL))
        db.session.flush()
    roles = (Role.ADMIN, Role.MANAGER, Role.AGENT, Role.AGENT, Role.PARTNER)
    people = [Actor.of(make_user(organisation, role, name=f"{role.value} {n}")) for n, role in enumerate(roles)]
    db.session.commit()
    return Office(organisation, *people)


@pytest.fixture
def office(app: Any, session: scoped_session[Any]) -> Iterator[Office]:
    """Somebody of the system acts, unless a test says otherwise."""
    made = make_office()
    with history.acting(made.system, "test"):
        yield made


@contextmanager
def counted(engine: Any) -> Iterator[list[str]]:
    """The statements that are run within the block."""
    statements: list[str] = []

    def keep(*told: Any) -> None:
        statements.append(told[2])

    event.listen(engine, "before_cursor_execute", keep)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", keep)


def acting(actor: Actor) -> Any:
    return history.acting(actor, "test")


def entries_of(customer_id: int, table: str = "customer") -> list[History]:
    """What the history tells of a customer in one table, the oldest first."""
    query = select(History).where(History.table_name == table, History.customer_id == customer_id)
    return list(db.session.scalars(query.order_by(History.id)))


def moved(customer: Customer) -> list[History]:
    """The entries that tell of a stage, without that of the beginning."""
    return [entry for entry in entries_of(customer.id) if "stage" in entry.changes and entry.action == "changed"]


def mails(recipient: User | None = None) -> list[OutboxMessage]:
    query = select(OutboxMessage).order_by(OutboxMessage.id)
    found = list(db.session.scalars(query))
    return [mail for mail in found if recipient is None or mail.recipient == recipient.email]

"""The queue that is measured: as many approval tasks as customers, one in forty of them open."""

from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select

from customerhub.core import clock, history
from models import ApprovalTask, Customer, Organisation, User
from models.base import db
from models.enums import Role, TaskKind, TaskState

ONE_OPEN_IN = 40
CHUNK = 5_000
CLOSED = (TaskState.APPROVED, TaskState.APPROVED, TaskState.DECLINED, TaskState.WITHDRAWN)
KINDS = (TaskKind.ONBOARDING, TaskKind.PARTICULARS, TaskKind.ONBOARDING, TaskKind.RECHECK)


def fill_tasks(organisation: Organisation) -> None:
    """A task for each customer of an organisation, in the order of the customers. Commits."""
    agents = list(
        db.session.scalars(
            select(User.id).where(User.organisation_id == organisation.id, User.role != Role.CUSTOMER).order_by(User.id)
        )
    )
    query = select(Customer.id, Customer.name).where(Customer.organisation_id == organisation.id).order_by(Customer.id)
    rows = db.session.execute(query).all()
    for first in range(0, len(rows), CHUNK):
        values = [
            _task(number, key, name, organisation.id, agents)
            for number, (key, name) in enumerate(rows[first : first + CHUNK], first)
        ]
        db.session.execute(insert(ApprovalTask), values, execution_options=history.bulk_options())
    db.session.commit()


def _task(number: int, customer_id: int, name: str, organisation_id: int, agents: list[int]) -> dict[str, Any]:
    is_open = number % ONE_OPEN_IN == 0
    at = clock.get_now() - timedelta(minutes=number)
    return {
        "organisation_id": organisation_id,
        "kind": KINDS[number % len(KINDS)],
        "customer_id": customer_id,
        "subject": name,
        "assignee_id": None if number % 3 == 0 else agents[number % len(agents)],
        "state": TaskState.OPEN if is_open else CLOSED[number % len(CLOSED)],
        "due_on": at.date() + timedelta(days=3),
        "proposal": {},
        "waits_for_requester": False,
        "decided_at": None if is_open else at,
        "created_at": at,
    }

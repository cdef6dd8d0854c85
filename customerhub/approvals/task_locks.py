"""Tasks that are kept as they are while something about them is decided or changed."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, update

from customerhub.approvals.tasks import CHANGED_MEANWHILE
from customerhub.core import history
from customerhub.core.database import ROW_CHANGED_MEANWHILE
from customerhub.core.errors import Conflict, WrongState
from customerhub.core.many_rows import lock_rows
from models import ApprovalTask, Customer
from models.base import db
from models.enums import TaskState


@dataclass(frozen=True)
class ChangedRows:
    """What somebody else has changed, or deleted, since it was read, by id. Whoever writes it is refused."""

    task_ids: frozenset[int] = frozenset()
    customer_ids: frozenset[int] = frozenset()

    def require_task_unchanged(self, task: ApprovalTask) -> None:
        if task.id in self.task_ids:
            raise WrongState(CHANGED_MEANWHILE)

    def require_customer_unchanged(self, customer: Customer) -> None:
        if customer.id in self.customer_ids:
            raise Conflict(ROW_CHANGED_MEANWHILE)


def lock_customers_and_tasks(customers: Sequence[Customer], tasks: Sequence[ApprovalTask]) -> ChangedRows:
    """Keep these customers, and the tasks about them, as they are until the transaction ends; which of them were
    changed before.

    Customers first, then tasks, both in the order of the customers: whoever takes one after the other in that of
    `lock_order_of` never waits for one who waits for them. One by itself is written in the version that was read,
    without a look at it before.
    """
    if len(customers) < 2 and len(tasks) < 2:
        return ChangedRows()
    return ChangedRows(customer_ids=lock_rows(customers), task_ids=lock_rows(tasks))


def bump_version(tasks: Sequence[ApprovalTask]) -> list[ApprovalTask]:
    """Have whoever decides one of these at this moment look at it again. Returns those that are still open."""
    ids = [task.id for task in tasks]
    statement = (
        update(ApprovalTask)
        .where(ApprovalTask.id.in_(ids), ApprovalTask.state == TaskState.OPEN)
        .values(version=ApprovalTask.version + 1)
        .execution_options(synchronize_session=False, **history.bulk_options())
    )
    with db.session.no_autoflush:
        open_ids = set(db.session.scalars(statement.returning(ApprovalTask.id)))
        query = select(ApprovalTask).where(ApprovalTask.id.in_(ids)).execution_options(populate_existing=True)
        return [task for task in db.session.scalars(query) if task.id in open_ids]

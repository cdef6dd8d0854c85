"""The registrations that wait for approval, and those decided lately, by the stage of their customers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Select, and_, exists, func, or_, select
from sqlalchemy.orm import aliased, joinedload

from customerhub.approvals.stages import UNDECIDED_STAGES
from models import ApprovalTask, Customer
from models.base import db
from models.enums import Stage, TaskKind, TaskState

DECIDED_STAGES: Final = (Stage.FAILED, Stage.BILLING)
PAGE_SIZE: Final = 20  # tasks of a stage that are read at first


@dataclass
class StageTasks:
    """The onboarding of customers in one stage: how many there are, their estimated revenue, and the first of them."""

    count: int = 0
    revenue: Decimal = Decimal(0)
    tasks: list[ApprovalTask] = field(default_factory=list)


def load_stage_tasks(
    query: Select[Any], *, decided_since: datetime, limits: Mapping[Stage, int] | None = None
) -> dict[Stage, StageTasks]:
    """The onboarding tasks that `query` finds, by stage: the open ones, and of failed and live customers those decided
    since then. The first are due first, or were decided last; `limits` says of how many where it is not PAGE_SIZE.

    Takes two statements, however many there are.
    """
    customer = aliased(Customer)
    tasks = query.order_by(None).join(customer, customer.id == ApprovalTask.customer_id)
    tasks = tasks.where(ApprovalTask.kind == TaskKind.ONBOARDING, _is_on_board(customer, decided_since))
    totals = tasks.with_only_columns(
        customer.stage, func.count(), func.sum(customer.estimated_monthly_revenue), maintain_column_froms=True
    ).group_by(customer.stage)
    board = {stage: StageTasks() for stage in Stage}
    for stage, count, revenue in db.session.execute(totals):
        board[stage] = StageTasks(count, revenue or Decimal(0))
    if any(each.count for each in board.values()):
        for task in db.session.scalars(_select_first(tasks, customer, limits or {})):
            assert task.customer is not None
            board[task.customer.stage].tasks.append(task)
    return board


def _is_on_board(customer: Any, decided_since: datetime) -> Any:
    later = aliased(ApprovalTask)
    is_superseded = exists().where(
        later.customer_id == ApprovalTask.customer_id, later.kind == ApprovalTask.kind, later.id > ApprovalTask.id
    )
    return or_(
        and_(ApprovalTask.state == TaskState.OPEN, customer.stage.in_(UNDECIDED_STAGES[TaskKind.ONBOARDING])),
        and_(
            ApprovalTask.state != TaskState.OPEN,
            ApprovalTask.decided_at >= decided_since,
            customer.stage.in_(DECIDED_STAGES),
            ~is_superseded,
        ),
    )


def _select_first(tasks: Select[Any], customer: Any, limits: Mapping[Stage, int]) -> Select[Any]:
    """The first tasks of each stage with what a card shows of them."""
    order = (ApprovalTask.decided_at.desc(), ApprovalTask.due_on.is_(None), ApprovalTask.due_on, ApprovalTask.id)
    place = func.row_number().over(partition_by=customer.stage, order_by=order).label("place")
    ranked = tasks.with_only_columns(
        ApprovalTask.id, customer.stage.label("stage"), place, maintain_column_froms=True
    ).subquery()
    is_first = or_(*(and_(ranked.c.stage == stage, ranked.c.place <= limits.get(stage, PAGE_SIZE)) for stage in Stage))
    return (
        select(ApprovalTask)
        .join(ranked, ranked.c.id == ApprovalTask.id)
        .where(is_first)
        .order_by(ranked.c.place)
        .options(
            joinedload(ApprovalTask.customer).joinedload(Customer.status),
            joinedload(ApprovalTask.assignee),
            joinedload(ApprovalTask.requester),
        )
    )

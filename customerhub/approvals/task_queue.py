"""The queue of approval tasks: who gets the next one, and how many wait."""

from datetime import date
from typing import Any

from sqlalchemy import ScalarSelect, Select, and_, func, or_, select, true

from customerhub.core.capped_counts import count_capped
from customerhub.core.permissions import Actor, select_visible
from models import ApprovalTask, Organisation, User
from models.base import db
from models.enums import Role, TaskAssignment, TaskState


def find_next_assignee_id(organisation: Organisation, actor: Actor) -> int | None:
    """The agent who gets the next task, where the organisation hands them out by itself; never the one who asks."""
    if organisation.task_assignment is TaskAssignment.BY_HAND:
        return None
    in_turn = organisation.task_assignment is TaskAssignment.IN_TURN
    load = func.max(ApprovalTask.id) if in_turn else func.count(ApprovalTask.id)
    task_conditions = [ApprovalTask.organisation_id == organisation.id, ApprovalTask.assignee_id == User.id]
    task_conditions += [] if in_turn else [ApprovalTask.state == TaskState.OPEN]
    agent_conditions = (User.organisation_id == organisation.id, User.role == Role.AGENT, User.active)
    agent_id: int | None = db.session.scalar(
        select(User.id)
        .outerjoin(ApprovalTask, and_(*task_conditions))
        .where(*agent_conditions, User.id != (actor.id or 0))
        .group_by(User.id)
        .order_by(func.coalesce(load, 0), User.id)
        .limit(1)
    )
    return agent_id


def select_own_tasks(actor: Actor) -> Select[Any]:
    """The open tasks of `actor`."""
    return _select_open_tasks(actor).where(ApprovalTask.assignee_id == actor.id)


def select_others_late_tasks(actor: Actor, *, today: date) -> Select[Any]:
    """The open tasks that were due before `today` and that are others' or nobody's."""
    is_others = or_(ApprovalTask.assignee_id != actor.id, ApprovalTask.assignee_id.is_(None))
    return _select_open_tasks(actor).where(is_others, ApprovalTask.due_on < today)


def _select_open_tasks(actor: Actor) -> Select[Any]:
    return select_visible(ApprovalTask, actor).where(ApprovalTask.state == TaskState.OPEN)


def select_waiting_counts(actor: Actor) -> tuple[ScalarSelect[int], ScalarSelect[int]]:
    """How many open tasks are `actor`'s, and how many there are, as parts of a query."""
    own = ApprovalTask.assignee_id == actor.id
    is_open = ApprovalTask.organisation_id == actor.organisation_id, ApprovalTask.state == TaskState.OPEN
    own_count, open_count = (count_capped(select(ApprovalTask.id).where(*is_open, which)) for which in (own, true()))
    return own_count, open_count

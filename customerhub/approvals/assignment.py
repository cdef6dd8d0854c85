"""Who works on approval tasks, and until when: claimed, given, given back."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import or_, select

from customerhub.approvals import mails
from customerhub.approvals.tasks import (
    CHANGED_MEANWHILE,
    MANAGER_KINDS,
    list_requesters,
    require_open,
    require_worker,
    saving_task,
)
from customerhub.core.errors import HubError, Invalid, NotAllowed, WrongState, raise_refusal
from customerhub.core.locking import lock_order_of
from customerhub.core.many_rows import lock_accepted, write_changes
from customerhub.core.organisation_dates import organisation_today
from customerhub.core.permissions import STAFF, Actor, Permission, require_access, require_permission
from customerhub.core.validation import check_not_past
from models import ApprovalTask, User
from models.base import db
from models.enums import TaskState


def claim_task(task: ApprovalTask, *, actor: Actor) -> None:
    """Take an open task that nobody has. Of two who try, one gets it and the other is told that it is taken."""
    raise_refusal(claim_tasks([task], actor=actor))


def claim_tasks(tasks: Sequence[ApprovalTask], *, actor: Actor) -> dict[int, HubError]:
    """As `claim_task`, of many at once: returns why not, by the id of each task that is left as it is."""
    return _change_tasks(tasks, lambda task: check_claim(task, actor), actor, assignee_id=actor.id)


def check_claim(task: ApprovalTask, actor: Actor) -> None:
    """Raises WrongState or NotAllowed, saying why, where `actor` cannot claim `task` now."""
    require_open(task)
    if task.assignee_id is not None and task.assignee_id == actor.id:
        raise WrongState("Already assigned to you")
    if task.assignee_id is not None:
        raise WrongState(f"Already assigned to {task.assignee}")
    require_worker(task, actor)


def release_task(task: ApprovalTask, *, actor: Actor) -> None:
    """Give a task back to the queue: one's own, or anybody's as a manager."""
    raise_refusal(release_tasks([task], actor=actor))


def release_tasks(tasks: Sequence[ApprovalTask], *, actor: Actor) -> dict[int, HubError]:
    """As `release_task`, of many at once: returns why not, by the id of each task that is left as it is."""
    require_permission(actor, Permission.TASKS_WORK)
    return _change_tasks(tasks, lambda task: check_release(task, actor), actor, assignee_id=None)


def check_release(task: ApprovalTask, actor: Actor) -> None:
    """Raises WrongState or NotAllowed, saying why, where `actor` cannot give `task` back now."""
    require_open(task)
    if task.assignee_id is None:
        raise WrongState("Not assigned")
    if task.assignee_id != actor.id and not actor.has_permission(Permission.TASKS_ASSIGN):
        raise NotAllowed(f"Assigned to {task.assignee}")


def assign_tasks(tasks: Sequence[ApprovalTask], *, assignee_id: int | None, actor: Actor) -> dict[int, str]:
    """Give open tasks to one of the staff, who is told by one mail, or to nobody.

    Returns why it could not be done, by the id of each task it could not be done to; the others are given.
    """
    require_permission(actor, Permission.TASKS_ASSIGN)
    for task in tasks:
        require_access(actor, task)
    assignee = get_assignable_user(assignee_id, actor) if assignee_id is not None else None
    previous_ids = {task.id: task.assignee_id for task in tasks}
    refusals = _change_tasks(tasks, lambda task: _check_assignment(task, assignee), actor, assignee_id=assignee_id)
    assigned_tasks = [
        task
        for task in sorted(tasks, key=lock_order_of)
        if task.id not in refusals and previous_ids[task.id] != assignee_id
    ]
    if assignee is not None and assignee.id != actor.id and assigned_tasks:
        mails.notify_assignee(assigned_tasks, assigner=actor)
    return {key: error.message for key, error in refusals.items()}


def check_assignee(task: ApprovalTask, assignee: User) -> None:
    """Raises NotAllowed, saying why, where `task` cannot be given to `assignee`."""
    if assignee.id in list_requesters(task):
        raise NotAllowed(f"{assignee} is a requester and cannot decide this request")
    if task.kind in MANAGER_KINDS and not Actor.from_user(assignee).has_permission(Permission.BLACKLIST):
        raise NotAllowed(f"{assignee} cannot decide blacklist requests. Assign it to a manager")


def _check_assignment(task: ApprovalTask, assignee: User | None) -> None:
    require_open(task)
    if assignee is not None:
        check_assignee(task, assignee)


def set_due_date(task: ApprovalTask, *, due_on: date | None, actor: Actor) -> None:
    """Say until when it is to be decided, if at all."""
    raise_refusal(set_due_dates([task], due_on=due_on, actor=actor))


def set_due_dates(tasks: Sequence[ApprovalTask], *, due_on: date | None, actor: Actor) -> dict[int, HubError]:
    """As `set_due_date`, of many at once: returns why not, by the id of each task that is left as it is."""
    require_permission(actor, Permission.TASKS_ASSIGN)
    today = organisation_today(actor.organisation_id)

    def check(task: ApprovalTask) -> None:
        require_open(task)
        check_not_past(due_on, "due_on", today=today)

    return _change_tasks(tasks, check, actor, due_on=due_on)


def _change_tasks(
    tasks: Sequence[ApprovalTask], check: Callable[[ApprovalTask], None], actor: Actor, **values: Any
) -> dict[int, HubError]:
    """Give `values` to each of these tasks that `check` does not refuse. Returns why not, by the id of the others."""

    def check_task(task: ApprovalTask) -> None:
        require_access(actor, task)
        check(task)

    accepted, refusals = lock_accepted(tasks, check_task, WrongState(CHANGED_MEANWHILE))
    with saving_task():
        for task in accepted:
            for name, value in values.items():
                setattr(task, name, value)
        write_changes(accepted)
    return refusals


def get_assignable_user(user_id: int, actor: Actor) -> User:
    """One of the active staff of the actor's organisation. Raises Invalid with the field `assignee_id` for others."""
    user = db.session.get(User, user_id)
    if user is None or user.organisation_id != actor.organisation_id or not user.active or user.role not in STAFF:
        raise Invalid("Choose a staff member", "assignee_id")
    return user


def release_undecidable_tasks(users: Sequence[User]) -> None:
    """The open tasks that `users` have and can no longer decide go back to the queue, for anybody to claim."""
    decider_ids = [user.id for user in users if user.active and user.role in STAFF]
    manager_ids = [user.id for user in users if Actor.from_user(user).has_permission(Permission.BLACKLIST)]
    other_ids = {user.id for user in users} - {*manager_ids}
    if not other_ids:
        return
    is_undecidable = or_(ApprovalTask.assignee_id.not_in(decider_ids), ApprovalTask.kind.in_(MANAGER_KINDS))
    query = select(ApprovalTask).where(
        ApprovalTask.assignee_id.in_(other_ids), ApprovalTask.state == TaskState.OPEN, is_undecidable
    )
    with saving_task():
        tasks = db.session.scalars(query.order_by(ApprovalTask.customer_id, ApprovalTask.id)).all()
        for task in tasks:
            task.assignee_id = None
        write_changes(tasks)

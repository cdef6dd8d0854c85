"""Whom tasks may be given to."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import select

from customerhub.approvals.assignment import check_assignee
from customerhub.approvals.referrals import check_manager
from customerhub.core.errors import NotAllowed
from customerhub.core.permissions import STAFF, Actor
from models import ApprovalTask, User
from models.base import db
from models.keys import fold_text


def count_assignable_tasks(tasks: Sequence[ApprovalTask], actor: Actor) -> list[tuple[User, int]]:
    """The staff of the actor's organisation to whom at least one of `tasks` may be given, by name, with how many."""
    counts = [(user, sum(_is_allowed(check_assignee, task, user) for task in tasks)) for user in _list_staff(actor)]
    return sorted(((user, count) for user, count in counts if count), key=lambda each: fold_text(each[0].name))


def list_managers(task: ApprovalTask, actor: Actor) -> list[User]:
    """The managers, other than `actor`, to whom `task` may be referred, by name."""
    managers = [user for user in _list_staff(actor) if _is_allowed(check_manager, task, user, actor)]
    return sorted(managers, key=lambda user: fold_text(user.name))


def _list_staff(actor: Actor) -> list[User]:
    staff = select(User).where(User.organisation_id == actor.organisation_id, User.role.in_(STAFF), User.active)
    return list(db.session.scalars(staff))


def _is_allowed(check: Callable[..., None], *args: Any) -> bool:
    try:
        check(*args)
    except NotAllowed:
        return False
    return True

"""Whom tasks may be given to."""

from collections.abc import Sequence

from sqlalchemy import select

from customerhub.approvals.assignment import check_assignee
from customerhub.core.errors import NotAllowed
from customerhub.core.permissions import STAFF, Actor
from models import ApprovalTask, User
from models.base import db
from models.keys import fold_text


def count_assignable_tasks(tasks: Sequence[ApprovalTask], actor: Actor) -> list[tuple[User, int]]:
    """The staff of the actor's organisation to whom at least one of `tasks` may be given, by name, with how many."""
    staff = select(User).where(User.organisation_id == actor.organisation_id, User.role.in_(STAFF), User.active)
    counts = [(user, sum(_can_be_given(task, user) for task in tasks)) for user in db.session.scalars(staff)]
    return sorted(((user, count) for user, count in counts if count), key=lambda each: fold_text(each[0].name))


def _can_be_given(task: ApprovalTask, user: User) -> bool:
    try:
        check_assignee(task, user)
    except NotAllowed:
        return False
    return True

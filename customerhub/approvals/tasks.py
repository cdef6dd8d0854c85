"""Approval tasks: asked for, assigned or claimed, talked about, closed.

Of two who change one task at the same time one succeeds, by the version of the row, and the other is told.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

from sqlalchemy import and_, case, func, select, update

from customerhub import clock
from customerhub.approvals import letters
from customerhub.contention import lock_order
from customerhub.customers.alerts import today
from customerhub.customers.rules import check_upcoming, clean_text
from customerhub.database import saving
from customerhub.errors import Conflict, HubError, Invalid, NotAllowed, WrongState
from customerhub.history import recorded
from customerhub.permissions import STAFF, Actor, Permission, require, require_own
from models import ApprovalTask, Customer, Organisation, TaskComment, User
from models.base import db
from models.enums import Role, TaskAssignment, TaskKind, TaskState

LONGEST_COMMENT = 2000
MOST_COUNTED = 99
OWN_REQUEST = "You asked for this yourself, and nobody decides their own request"
ASKED_ALREADY = "A decision of this kind ({}) is asked for already"
# In the proposal of a task: who else asks for it, or has changed what is to be checked again; what that was, by column.
CHANGED_BY = "changed_by"
WAS = "was"
OF_MANAGERS = (TaskKind.BLACKLIST, TaskKind.REMOVAL)  # who may not decide about the blacklist cannot work on it
MANAGERS_DECIDE = "A manager decides about the blacklist"
# What only decisions end: who asked cannot make it go away.
LASTING = {
    TaskKind.ONBOARDING: "Onboarding cannot be withdrawn: fail it or delete the customer",
    TaskKind.RECHECK: "A re-check cannot be withdrawn: somebody has to decide it",
}


def open_task(
    kind: TaskKind,
    *,
    actor: Actor,
    subject: str,
    customer: Customer | None = None,
    proposal: dict[str, Any] | None = None,
    comment: str | None = None,
) -> ApprovalTask:
    """Ask for a decision. Raises Conflict where one of this kind is asked for already."""
    organisation = db.session.get_one(Organisation, actor.organisation_id)
    if customer is not None and find_open(customer, kind) is not None:
        raise Conflict(ASKED_ALREADY.format(kind.value))
    task = ApprovalTask(
        organisation_id=organisation.id,
        kind=kind,
        customer=customer,
        subject=subject[:200],
        requester_id=actor.id,
        due_on=clock.today(organisation.timezone) + timedelta(days=organisation.task_days),
        proposal=proposal or {},
        assignee_id=_whose_turn(organisation, actor) if kind not in OF_MANAGERS else None,
    )
    try:
        with saving():
            db.session.add(task)
    except Conflict as error:  # of two who ask at the same time one comes first
        raise Conflict(ASKED_ALREADY.format(kind.value)) from error
    if comment:
        say(task, comment, actor=actor)
    if task.assignee_id is not None:
        letters.assigned([task])
    return task


def find_open(customer: Customer, kind: TaskKind) -> ApprovalTask | None:
    """The task of this kind that is open for a customer."""
    found = find_latest(customer, kind)
    return found if found is not None and found.is_open else None


def find_latest(customer: Customer, kind: TaskKind) -> ApprovalTask | None:
    """The task of this kind that is open for a customer, else the one that was opened last."""
    if customer.id is None:
        return None
    return db.session.scalars(
        select(ApprovalTask)
        .where(ApprovalTask.customer_id == customer.id, ApprovalTask.kind == kind)
        .order_by(case((ApprovalTask.state == TaskState.OPEN, 0), else_=1), ApprovalTask.id.desc())
        .limit(1)
    ).first()


def of_kind(customer: Customer, kind: TaskKind) -> list[ApprovalTask]:
    """Every task of this kind that there has been for a customer, the first first."""
    asked = select(ApprovalTask).where(ApprovalTask.customer_id == customer.id, ApprovalTask.kind == kind)
    return list(db.session.scalars(asked.order_by(ApprovalTask.id)))


def latest_of(customers: Sequence[Customer], kind: TaskKind) -> dict[int, ApprovalTask]:
    """As `find_latest`, for many customers at once: by the id of each that has one."""
    if not customers:
        return {}
    asked = select(ApprovalTask).where(
        ApprovalTask.customer_id.in_([customer.id for customer in customers]), ApprovalTask.kind == kind
    )
    found = db.session.scalars(
        asked.order_by(case((ApprovalTask.state == TaskState.OPEN, 1), else_=0), ApprovalTask.id)
    )
    return {task.customer_id: task for task in found if task.customer_id is not None}


def _whose_turn(organisation: Organisation, actor: Actor) -> int | None:
    """The agent who gets the next task, where the organisation hands them out by itself; never the one who asks."""
    if organisation.task_assignment is TaskAssignment.BY_HAND:
        return None
    in_turn = organisation.task_assignment is TaskAssignment.IN_TURN
    load = func.max(ApprovalTask.id) if in_turn else func.count(ApprovalTask.id)
    theirs = [ApprovalTask.organisation_id == organisation.id, ApprovalTask.assignee_id == User.id]
    theirs += [] if in_turn else [ApprovalTask.state == TaskState.OPEN]
    agents = (User.organisation_id == organisation.id, User.role == Role.AGENT, User.active)
    found: int | None = db.session.scalar(
        select(User.id)
        .outerjoin(ApprovalTask, and_(*theirs))
        .where(*agents, User.id != (actor.id or 0))
        .group_by(User.id)
        .order_by(func.coalesce(load, 0), User.id)
        .limit(1)
    )
    return found


# --- Who works on it ---------------------------------------------------------------------------------------------


def claim_task(task: ApprovalTask, *, actor: Actor) -> None:
    """Take an open task that nobody has. Of two who try, one gets it and the other is told that it is taken."""
    require_own(actor, task)
    check_claim(task, actor)
    with _changing():
        task.assignee_id = actor.id


def check_claim(task: ApprovalTask, actor: Actor) -> None:
    """Raises WrongState or NotAllowed, saying why, where `actor` cannot claim `task` now."""
    require_open(task)
    if task.assignee_id is not None and task.assignee_id == actor.id:
        raise WrongState("It is yours already")
    if task.assignee_id is not None:
        raise WrongState(f"Already taken by {task.assignee}")
    require_worker(task, actor)


def release_task(task: ApprovalTask, *, actor: Actor) -> None:
    """Give a task back to the queue: one's own, or anybody's as a manager."""
    require(actor, Permission.TASKS_WORK)
    require_own(actor, task)
    check_release(task, actor)
    with _changing():
        task.assignee_id = None


def check_release(task: ApprovalTask, actor: Actor) -> None:
    """Raises WrongState or NotAllowed, saying why, where `actor` cannot give `task` back now."""
    require_open(task)
    if task.assignee_id is None:
        raise WrongState("Nobody has it")
    if task.assignee_id != actor.id and not actor.may(Permission.TASKS_ASSIGN):
        raise NotAllowed(f"{task.assignee} has it")


def assign_tasks(tasks: Sequence[ApprovalTask], *, assignee_id: int | None, actor: Actor) -> dict[int, str]:
    """Give open tasks to one of the staff, who is told by one mail, or to nobody.

    Returns why it could not be done, by the id of each task it could not be done to; the others are given.
    """
    require(actor, Permission.TASKS_ASSIGN)
    for task in tasks:
        require_own(actor, task)
    assignee = _worker(assignee_id, actor) if assignee_id is not None else None
    given, refused = [], {}
    for task in sorted(tasks, key=lock_order):
        key, before = task.id, task.assignee_id
        try:
            with db.session.begin_nested():
                _assign(task, assignee)
        except HubError as error:
            refused[key] = error.message
            continue
        if before != assignee_id:
            given.append(task)
    if assignee is not None and assignee.id != actor.id and given:
        letters.assigned(given, giver=actor)
    return refused


def _assign(task: ApprovalTask, assignee: User | None) -> None:
    require_open(task)
    if assignee is not None and assignee.id in askers(task):
        raise NotAllowed(f"{assignee} asked for it, and nobody decides their own request")
    if assignee is not None and task.kind in OF_MANAGERS and not Actor.of(assignee).may(Permission.BLACKLIST):
        raise NotAllowed(f"{assignee} may not decide about the blacklist: give it to a manager")
    with _changing():
        task.assignee_id = assignee.id if assignee is not None else None


def set_due_date(task: ApprovalTask, *, due_on: date | None, actor: Actor) -> None:
    """Say until when it is to be decided, if at all."""
    require(actor, Permission.TASKS_ASSIGN)
    require_own(actor, task)
    require_open(task)
    check_upcoming(due_on, "due_on", today=today(task.organisation_id))
    with _changing():
        task.due_on = due_on


def _worker(user_id: int, actor: Actor) -> User:
    found = db.session.get(User, user_id)
    if found is None or found.organisation_id != actor.organisation_id or not found.active or found.role not in STAFF:
        raise Invalid("Choose one of the staff", "assignee_id")
    return found


def give_back(user: User) -> None:
    """The open tasks that `user` has and can no longer decide go back to the queue, for anybody to claim."""
    asked = select(ApprovalTask).where(ApprovalTask.assignee_id == user.id, ApprovalTask.state == TaskState.OPEN)
    if user.active and user.role in STAFF:
        if Actor.of(user).may(Permission.BLACKLIST):
            return
        asked = asked.where(ApprovalTask.kind.in_(OF_MANAGERS))
    with _changing():
        for task in db.session.scalars(asked.order_by(ApprovalTask.customer_id, ApprovalTask.id)):
            task.assignee_id = None


@contextmanager
def _changing() -> Iterator[None]:
    try:
        with saving():
            yield
    except Conflict as error:
        raise WrongState("Already taken: somebody else changed this task in the meantime") from error


# --- What is said of it, and its end -----------------------------------------------------------------------------


def comment_task(task: ApprovalTask, *, comment: str, actor: Actor) -> None:
    """Say something about a task, open or closed."""
    require(actor, Permission.TASKS_WORK)
    require_own(actor, task)
    say(task, needed(comment), actor=actor)


def answer_task(task: ApprovalTask, *, answer: str, actor: Actor) -> None:
    """Answer what was asked back of a referred customer: for the partner whose customer it is."""
    require(actor, Permission.PARTNER_PAGES)
    require_own(actor, task)
    require_open(task)
    if not task.waits_for_requester:
        raise WrongState("Nothing is asked of you")
    said = needed(answer, "answer")
    with _changing():
        task.waits_for_requester = False
    say(task, said, actor=actor)
    letters.replied(task, said, actor=actor)


def needed(comment: str | None, field: str = "comment") -> str:
    """A comment tidied. Raises Invalid where it says nothing or too much."""
    said = tidied(comment, field)
    if said is None:
        raise Invalid("Say why", field)
    return said


def tidied(
    text: str | None, field: str = "comment", *, longest: int = LONGEST_COMMENT, lines: bool = True
) -> str | None:
    """`text` trimmed; None where it says nothing. Raises Invalid with the field where it is too long or no text."""
    try:
        return clean_text(text or "", longest=longest, lines=lines)
    except Invalid as error:
        raise Invalid(error.message, field) from error


def say(task: ApprovalTask, text: str, *, actor: Actor) -> None:
    """Add what `actor` said to the talk about a task."""
    with saving():
        db.session.add(TaskComment(organisation_id=task.organisation_id, task_id=task.id, user_id=actor.id, text=text))


def close(task: ApprovalTask, outcome: TaskState, *, comment: str | None, actor: Actor) -> None:
    """Settle an open task and tell who asked for it. The right to do so is checked before."""
    require_open(task)
    with _changing():
        task.state = outcome
        task.decided_at = clock.now()
        task.decided_by_id = actor.id
        task.waits_for_requester = False
    if comment:
        say(task, comment, actor=actor)
    letters.answered(task, outcome.value, comment=comment, actor=actor)


def touch(tasks: Sequence[ApprovalTask]) -> list[ApprovalTask]:
    """Have whoever decides one of these at this moment look at it again. Returns those that are still open."""
    ids = [task.id for task in tasks]
    statement = (
        update(ApprovalTask)
        .where(ApprovalTask.id.in_(ids), ApprovalTask.state == TaskState.OPEN)
        .values(version=ApprovalTask.version + 1)
        .execution_options(synchronize_session=False, **recorded())
    )
    with db.session.no_autoflush:
        still = set(db.session.scalars(statement.returning(ApprovalTask.id)))
        again = select(ApprovalTask).where(ApprovalTask.id.in_(ids)).execution_options(populate_existing=True)
        return [task for task in db.session.scalars(again) if task.id in still]


def reopen(task: ApprovalTask) -> None:
    """Take a closed task up again, for who asked for it then."""
    with _changing():
        task.state = TaskState.OPEN
        task.decided_at = None
        task.decided_by_id = None
        if task.assignee_id in askers(task):
            task.assignee_id = None


def withdraw_task(task: ApprovalTask, *, comment: str | None = None, actor: Actor) -> None:
    """Take a request back: one's own, or anybody's as a manager. What the hub itself asks for lasts until decided."""
    require_own(actor, task)
    check_withdrawal(task, actor)
    close(task, TaskState.WITHDRAWN, comment=tidied(comment), actor=actor)


def check_withdrawal(task: ApprovalTask, actor: Actor) -> None:
    """Raises WrongState or NotAllowed, saying why, where `actor` cannot take the request back now."""
    require_open(task)
    if task.kind in LASTING:
        raise WrongState(LASTING[task.kind])
    if task.requester_id != actor.id and not actor.may(Permission.TASKS_DECIDE):
        raise NotAllowed("It is not your request")


def require_open(task: ApprovalTask) -> None:
    if not task.is_open:
        raise WrongState(f"This was {task.state.value} already")


def require_decider(task: ApprovalTask, actor: Actor) -> None:
    """Raises NotAllowed unless `actor` may decide `task`: not their own request, and as a manager or its assignee."""
    require_worker(task, actor)
    if task.assignee_id != actor.id and not actor.may(Permission.TASKS_DECIDE):
        raise NotAllowed("Claim the task first, or ask a manager to decide it")


def require_worker(task: ApprovalTask, actor: Actor) -> None:
    """Raises NotAllowed unless `task` may be `actor`'s to decide: not their own request, and none of managers alone."""
    require(actor, Permission.TASKS_WORK)
    if actor.id is not None and actor.id in askers(task):
        raise NotAllowed(OWN_REQUEST)
    if task.kind in OF_MANAGERS and not actor.may(Permission.BLACKLIST):
        raise NotAllowed(MANAGERS_DECIDE)


def askers(task: ApprovalTask) -> set[int]:
    """Whose request a task is; of a re-check, everybody who changed what is to be checked."""
    return {*task.proposal.get(CHANGED_BY, ()), *([task.requester_id] if task.requester_id is not None else ())}


def join(task: ApprovalTask, people: Collection[int]) -> None:
    """Make a task the request of these people too: none of them decides it from here on."""
    others = askers(task).union(people) - {task.requester_id}
    if others:
        task.proposal = {**task.proposal, CHANGED_BY: sorted(others)}
    if task.is_open and task.assignee_id in others:
        task.assignee_id = None


def waiting(actor: Actor) -> tuple[int, int]:
    """How many open tasks are `actor`'s, and how many are nobody's; beyond MOST_COUNTED only that there are more."""
    own = ApprovalTask.assignee_id == actor.id
    free = ApprovalTask.assignee_id.is_(None)
    counts = (
        select(func.count())
        .select_from(
            select(ApprovalTask.id)
            .where(ApprovalTask.organisation_id == actor.organisation_id, which, ApprovalTask.state == TaskState.OPEN)
            .limit(MOST_COUNTED + 1)
            .subquery()
        )
        .scalar_subquery()
        for which in (own, free)
    )
    mine, nobodys = db.session.execute(select(*counts)).one()
    return mine, nobodys

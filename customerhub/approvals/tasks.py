"""Approval tasks: asked for, assigned or claimed, talked about, closed.

Of two who change one task at the same time one succeeds, by the version of the row, and the other is told.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import case, insert, select

from customerhub.approvals import mails
from customerhub.approvals.task_queue import find_next_assignee_id
from customerhub.core import clock, history
from customerhub.core.database import save_changes
from customerhub.core.errors import Conflict, HubError, Invalid, NotAllowed, WrongState, raise_refusal
from customerhub.core.many_rows import add_rows, lock_accepted, split_refused, write_changes
from customerhub.core.permissions import Actor, Permission, require_access, require_permission
from customerhub.core.preloading import preload_references
from customerhub.core.validation import clean_text
from models import ApprovalTask, Customer, Organisation, TaskComment
from models.base import db
from models.enums import TaskKind, TaskState

LONGEST_COMMENT = 2000
REQUIRED_TEXTS = {"answer": "Enter an answer", "question": "Enter a question"}
OWN_REQUEST = "You cannot decide your own request"
CHANGED_MEANWHILE = "Changed by another user in the meantime"
ALREADY_REQUESTED = "A request of this kind ({}) is already open"
# In the proposal of a task: who else asks for it, or has changed what is to be checked again; what that was, by column.
CHANGED_BY = "changed_by"
PREVIOUS_VALUES = "was"
MANAGER_KINDS = (TaskKind.BLACKLIST, TaskKind.REMOVAL)  # who may not decide about the blacklist cannot work on it
MANAGERS_DECIDE = "Only managers can decide blacklist requests"
# What only decisions end: who asked cannot make it go away.
NOT_WITHDRAWABLE = {
    TaskKind.ONBOARDING: "Onboarding cannot be withdrawn. Fail the credit check or delete the customer",
    TaskKind.RECHECK: "A re-check cannot be withdrawn. Approve or decline it",
}


def open_task(
    kind: TaskKind,
    *,
    actor: Actor,
    subject: str,
    customer: Customer | None = None,
    proposal: dict[str, Any] | None = None,
    comment: str | None = None,
    is_first: bool = False,
) -> ApprovalTask:
    """Ask for a decision. Raises Conflict where one of this kind is asked for already; of a customer that was made just
    now nothing `is_first` asked for.
    """
    organisation = db.session.get_one(Organisation, actor.organisation_id)
    if customer is not None and not is_first and find_open_task(customer, kind) is not None:
        raise Conflict(ALREADY_REQUESTED.format(kind.value))
    task = _build_task(kind, organisation, subject, customer, proposal, actor)
    task.assignee_id = find_next_assignee_id(organisation, actor) if kind not in MANAGER_KINDS else None
    _add_tasks(kind, [task])
    if comment:
        add_comment(task, comment, actor=actor)
    if task.assignee_id is not None:
        mails.notify_assignee([task])
    return task


def open_tasks(
    kind: TaskKind, customers: Sequence[Customer], *, proposal: dict[str, Any], comment: str, actor: Actor
) -> tuple[list[ApprovalTask], dict[int, HubError]]:
    """As `open_task`, about many customers, for managers: of any other kind who gets a task may depend on who got the
    one before. The tasks, and why not, by the id of each customer without one.

    Raises Conflict where somebody else asks for one of them at the same moment.
    """
    organisation = db.session.get_one(Organisation, actor.organisation_id)
    latest_tasks = find_latest_tasks(customers, kind)

    def build(customer: Customer) -> ApprovalTask:
        latest_task = latest_tasks.get(customer.id)
        if latest_task is not None and latest_task.is_open:
            raise Conflict(ALREADY_REQUESTED.format(kind.value))
        return _build_task(kind, organisation, customer.name, customer, proposal, actor)

    tasks, refusals = split_refused(customers, build)
    _add_tasks(kind, tasks)
    add_comments([(task.id, comment) for task in tasks], actor=actor)
    return tasks, refusals


def _build_task(
    kind: TaskKind,
    organisation: Organisation,
    subject: str,
    customer: Customer | None,
    proposal: dict[str, Any] | None,
    actor: Actor,
) -> ApprovalTask:
    """One that nobody has yet."""
    return ApprovalTask(
        organisation_id=organisation.id,
        kind=kind,
        customer_id=customer.id if customer is not None else None,
        subject=subject[:200],
        requester_id=actor.id,
        due_on=clock.get_today(organisation.timezone) + timedelta(days=organisation.task_days),
        proposal=proposal or {},
        assignee_id=None,
    )


def _add_tasks(kind: TaskKind, tasks: Sequence[ApprovalTask]) -> None:
    try:
        with save_changes():
            add_rows(tasks, "customer_id")
    except Conflict as error:  # of two who ask at the same time one comes first
        raise Conflict(ALREADY_REQUESTED.format(kind.value)) from error


def find_open_task(customer: Customer, kind: TaskKind) -> ApprovalTask | None:
    """The task of this kind that is open for a customer."""
    task = find_latest_task(customer, kind)
    return task if task is not None and task.is_open else None


def find_latest_task(customer: Customer, kind: TaskKind) -> ApprovalTask | None:
    """The task of this kind that is open for a customer, else the one that was opened last."""
    if customer.id is None:
        return None
    return db.session.scalars(
        select(ApprovalTask)
        .where(ApprovalTask.customer_id == customer.id, ApprovalTask.kind == kind)
        .order_by(case((ApprovalTask.state == TaskState.OPEN, 0), else_=1), ApprovalTask.id.desc())
        .limit(1)
    ).first()


def list_tasks(customer: Customer, kind: TaskKind) -> list[ApprovalTask]:
    """Every task of this kind that there has been for a customer, the first first."""
    query = select(ApprovalTask).where(ApprovalTask.customer_id == customer.id, ApprovalTask.kind == kind)
    return list(db.session.scalars(query.order_by(ApprovalTask.id)))


def find_latest_tasks(customers: Sequence[Customer], kind: TaskKind) -> dict[int, ApprovalTask]:
    """As `find_latest_task`, for many customers at once: by the id of each that has one."""
    if not customers:
        return {}
    query = select(ApprovalTask).where(
        ApprovalTask.customer_id.in_([customer.id for customer in customers]), ApprovalTask.kind == kind
    )
    found = db.session.scalars(
        query.order_by(case((ApprovalTask.state == TaskState.OPEN, 1), else_=0), ApprovalTask.id)
    )
    return {task.customer_id: task for task in found if task.customer_id is not None}


# --- What is said of it, and its end -----------------------------------------------------------------------------


@contextmanager
def saving_task() -> Iterator[None]:
    """As `save_changes`, of tasks: raises WrongState where somebody else has changed one."""
    try:
        with save_changes():
            yield
    except Conflict as error:
        raise WrongState(CHANGED_MEANWHILE) from error


def comment_task(task: ApprovalTask, *, comment: str, actor: Actor) -> None:
    """Say something about a task, open or closed."""
    require_permission(actor, Permission.TASKS_WORK)
    require_access(actor, task)
    add_comment(task, require_comment(comment), actor=actor)


def require_comment(comment: str | None, field: str = "comment") -> str:
    """A comment tidied. Raises Invalid where it says nothing or too much."""
    cleaned_comment = clean_comment(comment, field)
    if cleaned_comment is None:
        raise Invalid(REQUIRED_TEXTS.get(field, "Enter a reason"), field)
    return cleaned_comment


def clean_comment(
    text: str | None, field: str = "comment", *, longest: int = LONGEST_COMMENT, lines: bool = True
) -> str | None:
    """`text` trimmed; None where it says nothing. Raises Invalid with the field where it is too long or no text."""
    try:
        return clean_text(text or "", max_length=longest, multiline=lines)
    except Invalid as error:
        raise Invalid(error.message, field) from error


def add_comment(task: ApprovalTask, text: str, *, actor: Actor) -> None:
    """Add what `actor` said to the talk about a task."""
    add_comments([(task.id, text)], actor=actor)


def add_comments(texts: Sequence[tuple[int, str]], *, actor: Actor) -> None:
    """As `add_comment`, of many tasks: the id of each and what was said to it."""
    if not texts:
        return
    common_values = {"organisation_id": actor.organisation_id, "user_id": actor.id, "created_at": clock.get_now()}
    rows = [{"task_id": key, "text": text, **common_values} for key, text in texts]
    with save_changes():
        statement = insert(TaskComment).returning(TaskComment.id, TaskComment.text)
        comments = db.session.execute(statement, rows, execution_options=history.bulk_options()).all()
    author = {"user": [None, str(actor.user)]} if actor.user else {}
    history.record(
        history.build_entry(
            organisation_id=actor.organisation_id,
            action="created",
            table="task_comment",
            row_id=comment.id,
            title=comment.text,
            changes=author | {"text": [None, comment.text]},
        )
        for comment in comments
    )


def close_task(task: ApprovalTask, outcome: TaskState, *, comment: str | None, actor: Actor) -> None:
    """Settle an open task and tell who asked for it. The right to do so is checked before."""
    close_tasks([(task, outcome)], comment=comment, actor=actor)


def close_tasks(outcomes: Sequence[tuple[ApprovalTask, TaskState]], *, comment: str | None, actor: Actor) -> None:
    """As `close_task`, for many at once, each with its own outcome. Raises WrongState where one is not open."""
    for task, _ in outcomes:
        require_open(task)
    decided_at = clock.get_now()
    with history.written_together():
        with saving_task():
            for task, outcome in outcomes:
                task.state = outcome
                task.decided_at = decided_at
                task.decided_by_id = actor.id
                task.waits_for_requester = False
            write_changes([task for task, _ in outcomes])
        if comment:
            add_comments([(task.id, comment) for task, _ in outcomes], actor=actor)
        mails.notify_requesters([(task, outcome.value) for task, outcome in outcomes], comment=comment, actor=actor)


def continue_tasks(waiting_by_task: Sequence[tuple[ApprovalTask, bool]], *, comment: str | None, actor: Actor) -> None:
    """Something has moved on and these tasks are not decided by it: each tells whether it now waits for who asked.

    One that was closed is taken up again, for who asked for it then.
    """
    with saving_task():
        for task, is_waiting in waiting_by_task:
            if not task.is_open:
                _reopen_task(task)
            task.waits_for_requester = is_waiting
        write_changes([task for task, _ in waiting_by_task])
    if comment:
        add_comments([(task.id, comment) for task, _ in waiting_by_task], actor=actor)


def _reopen_task(task: ApprovalTask) -> None:
    task.state = TaskState.OPEN
    task.decided_at = None
    task.decided_by_id = None
    if task.assignee_id in list_requesters(task):
        task.assignee_id = None


def withdraw_task(task: ApprovalTask, *, comment: str | None = None, actor: Actor) -> None:
    """Take a request back: one's own, or anybody's as a manager. What the hub itself asks for lasts until decided."""
    raise_refusal(withdraw_tasks([task], comment=comment, actor=actor))


def withdraw_tasks(tasks: Sequence[ApprovalTask], *, comment: str | None = None, actor: Actor) -> dict[int, HubError]:
    """As `withdraw_task`, of many at once: returns why not, by the id of each task that is left as it is."""

    def check(task: ApprovalTask) -> None:
        require_access(actor, task)
        check_withdrawal(task, actor)
        clean_comment(comment)

    references = preload_references(tasks, names=("customer", "requester"))  # kept until they are told
    accepted, refusals = lock_accepted(tasks, check, WrongState(CHANGED_MEANWHILE))
    if accepted:
        outcomes = [(task, TaskState.WITHDRAWN) for task in accepted]
        close_tasks(outcomes, comment=clean_comment(comment), actor=actor)
    del references
    return refusals


def check_withdrawal(task: ApprovalTask, actor: Actor) -> None:
    """Raises WrongState or NotAllowed, saying why, where `actor` cannot take the request back now."""
    require_open(task)
    if task.kind in NOT_WITHDRAWABLE:
        raise WrongState(NOT_WITHDRAWABLE[task.kind])
    if task.requester_id != actor.id and not actor.has_permission(Permission.TASKS_DECIDE):
        raise NotAllowed("You can withdraw only your own requests")


def require_open(task: ApprovalTask) -> None:
    if not task.is_open:
        raise WrongState(f"Already {task.state.value}")


def require_decider(task: ApprovalTask, actor: Actor) -> None:
    """Raises NotAllowed unless `actor` may decide `task`: not their own request, and as a manager or its assignee."""
    require_worker(task, actor)
    if task.assignee_id != actor.id and not actor.has_permission(Permission.TASKS_DECIDE):
        raise NotAllowed("Claim the task first, or ask a manager to decide it")


def require_worker(task: ApprovalTask, actor: Actor) -> None:
    """Raises NotAllowed unless `task` may be `actor`'s to decide: not their own request, and none of managers alone."""
    require_permission(actor, Permission.TASKS_WORK)
    if actor.id is not None and actor.id in list_requesters(task):
        raise NotAllowed(OWN_REQUEST)
    if task.kind in MANAGER_KINDS and not actor.has_permission(Permission.BLACKLIST):
        raise NotAllowed(MANAGERS_DECIDE)


def list_requesters(task: ApprovalTask) -> set[int]:
    """Whose request a task is; of a re-check, everybody who changed what is to be checked."""
    return {*task.proposal.get(CHANGED_BY, ()), *([task.requester_id] if task.requester_id is not None else ())}


def add_requesters(task: ApprovalTask, user_ids: Collection[int]) -> None:
    """Make a task the request of these people too: none of them decides it from here on."""
    other_ids = list_requesters(task).union(user_ids) - {task.requester_id}
    if other_ids:
        task.proposal = {**task.proposal, CHANGED_BY: sorted(other_ids)}
    if task.is_open and task.assignee_id in other_ids:
        task.assignee_id = None

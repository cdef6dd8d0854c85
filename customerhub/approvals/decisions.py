"""Approving and declining, whatever a task is about."""

from typing import Any, Final

from customerhub.approvals import blacklist, moves, particulars, stages, tasks
from customerhub.customers import events
from customerhub.permissions import Actor, require_own
from models import ApprovalTask
from models.enums import TaskKind, TaskState

FAIL: Final = stages.BY_NAME["fail"]


def check_approval(task: ApprovalTask, actor: Actor) -> None:
    """Raises WrongState or NotAllowed, saying why, where `actor` cannot approve `task` now."""
    tasks.require_open(task)
    tasks.require_decider(task, actor)
    if task.kind is TaskKind.ONBOARDING and task.customer is not None:
        moves.onward(task.customer.stage)


def check_declining(task: ApprovalTask, actor: Actor) -> None:
    """As `check_approval`, for a no. Whoever has passed the credit check cannot fail it any more."""
    tasks.require_open(task)
    tasks.require_decider(task, actor)
    if task.kind is TaskKind.ONBOARDING and task.customer is not None:
        stages.require_move(FAIL, task.customer.stage)


def approve_task(task: ApprovalTask, *, comment: str | None = None, actor: Actor, **told: Any) -> None:
    """Say yes: the change is made and the task closed.

    Onboarding goes one step on: the credit check is passed, or, once it is, the customer goes live with its billing
    reference; `told` are the references and revenue that go with that. Raises NotAllowed for one's own request,
    Conflict where the record has moved on, WrongState where the task is closed or the step cannot be made.
    """
    require_own(actor, task)
    check_approval(task, actor)
    if task.kind is TaskKind.ONBOARDING:
        assert task.customer is not None
        move = moves.onward(task.customer.stage)
        moves.move_customer(task.customer, move, comment=comment, **told, actor=actor)
        return
    said = tasks.tidied(comment)
    if task.kind is TaskKind.RECHECK:
        assert task.customer is not None
        blacklist.refuse_blacklisted(task.customer, "approved")
    elif task.kind is TaskKind.PARTICULARS:
        particulars.apply(task, comment=said, actor=actor)
    elif task.kind is TaskKind.BLACKLIST:
        blacklist.enter(task)
    elif task.kind is TaskKind.REMOVAL:
        for customer in blacklist.lift(task):
            events.relieved(customer, actor=actor)
    tasks.close(task, TaskState.APPROVED, comment=said, actor=actor)


def decline_task(task: ApprovalTask, *, comment: str, actor: Actor) -> None:
    """Say no, and why: nothing changes but the task. Of onboarding it is the credit check that is failed."""
    require_own(actor, task)
    check_declining(task, actor)
    if task.kind is TaskKind.ONBOARDING:
        assert task.customer is not None
        moves.move_customer(task.customer, FAIL, comment=comment, actor=actor)
        return
    tasks.close(task, TaskState.DECLINED, comment=tasks.needed(comment), actor=actor)

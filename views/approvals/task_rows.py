"""What can be done to a task on its row in the list."""

from typing import Any

from customerhub.approvals import assignment, stages
from customerhub.core.permissions import Actor, Permission
from customerhub.customers import approval_decisions
from models import ApprovalTask
from models.enums import TaskKind
from views.framework.columns import Cell
from views.framework.operation import refusal_reason

# (operation, button, icon) of the decisions; of the first ones one at most is possible.
DECISIONS = (("pass", "Pass", ""), ("bill", "Make live", ""), ("approve", "Approve", ""), ("decline", "Decline", "ban"))
DELETION = ("delete", "Delete", "trash")


def build_buttons(task: ApprovalTask, actor: Actor, url_of: Any) -> list[dict[str, Any]]:
    """The decisions that `actor` can make of `task`, and deleting its customer; `url_of(operation, task)` is the
    address of an operation.

    Whether anything is linked to the customer only the page of the deletion tells.
    """
    names = [each for each in DECISIONS if _can_decide(each[0], task, actor)]
    can_delete = actor.has_permission(Permission.CUSTOMERS_DELETE)
    if can_delete and refusal_reason(approval_decisions.check_deletion, task) is None:
        names.append(DELETION)
    return [
        {"label": label, "name": f"{label}: {task.subject}", "icon": icon, "url": url_of(operation, task)}
        for operation, label, icon in names
    ]


def _can_decide(operation: str, task: ApprovalTask, actor: Actor) -> bool:
    if operation == "decline":
        return refusal_reason(approval_decisions.check_declining, task, actor) is None
    if operation == "approve":
        is_onboarding = task.kind is TaskKind.ONBOARDING
        return not is_onboarding and refusal_reason(approval_decisions.check_approval, task, actor) is None
    transition = stages.PASS if operation == "pass" else stages.MAKE_LIVE
    return refusal_reason(approval_decisions.check_step, task, transition, actor) is None


def build_assignee_cell(task: ApprovalTask, actor: Actor, url_of: Any) -> Cell:
    """Who has a task, with the way to give it to somebody or to take it."""
    name = task.assignee.name if task.assignee else None
    if not task.is_open:
        return name
    if actor.has_permission(Permission.TASKS_ASSIGN):
        link = {"text": "Reassign" if name else "Assign", "url": url_of("assign", task)}
        return [name, link] if name else link
    if refusal_reason(assignment.check_claim, task, actor) is None:
        return {"text": "Claim", "url": url_of("claim", task)}
    return name

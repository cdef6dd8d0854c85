"""What is shown beside a decision before it is made."""

from collections.abc import Sequence
from typing import Any

from customerhub.approvals import transitions
from customerhub.core.permissions import Actor
from models import ApprovalTask, Customer
from models.enums import TaskKind
from views.approvals.task_record import build_files_table, list_facts
from views.framework.display import changes_of
from views.framework.labels import member_label


def preview_approval(tasks_to_approve: Sequence[Any], _values: dict[str, Any], actor: Actor) -> list[dict[str, Any]]:
    """What approving each of these does; of one, what the decision rests on too."""
    rows = []
    for task in tasks_to_approve:
        if task.kind is TaskKind.ONBOARDING:
            next_stage = transitions.next_transition(task.customer, actor).to_state
            effect = f"{member_label(task.customer.stage)} becomes {member_label(next_stage)}"
        elif task.kind is TaskKind.PARTICULARS:
            effect = "; ".join(
                f"{label}: {seen or 'blank'} becomes {wanted or 'blank'}"
                for label, seen, wanted in changes_of(Customer.__tablename__, task.proposal)
            )
        else:
            effect = task.proposal.get("reason") or "The customer stays live"
        rows.append([task.subject, member_label(task.kind), effect])
    columns = [{"label": "Customer"}, {"label": "Request"}, {"label": "Effect of approval"}]
    effects = [{"title": "Effects", "columns": columns, "rows": rows}]
    return effects + (_list_grounds(tasks_to_approve[0]) if len(tasks_to_approve) == 1 else [])


def preview_step(tasks_to_approve: Sequence[Any], _values: dict[str, Any], _actor: Actor) -> list[dict[str, Any]]:
    """Of one decision what it rests on; what becomes of many their button says."""
    return _list_grounds(tasks_to_approve[0]) if len(tasks_to_approve) == 1 else []


def _list_grounds(task: ApprovalTask) -> list[dict[str, Any]]:
    """The facts of the customer and what is attached, beside the decision."""
    files = build_files_table(task) | {"beside": True}
    if task.customer is None:
        return [files]
    facts = [[label, value] for label, value in list_facts(task.customer) if value is not None and value != ""]
    columns = [{"label": "Fact"}, {"label": "Value", "whole": True}]
    return [files, {"title": "Customer", "columns": columns, "rows": facts}]

"""The operations on approval tasks, each as one declaration."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from werkzeug.datastructures import FileStorage
from wtforms import Form

from customerhub.approvals import assignment, referrals, stages, task_files, tasks
from customerhub.approvals.candidates import count_assignable_tasks, list_managers
from customerhub.approvals.stages import StageTransition
from customerhub.core.errors import HubError, raise_refusal
from customerhub.core.permissions import Actor, Permission
from customerhub.customers import approval_decisions
from customerhub.customers.deletion import deletion_refusal_reasons
from models import ApprovalTask
from models.enums import Stage, TaskKind
from views.approvals.decision_preview import preview_approval, preview_step
from views.approvals.forms import (
    AnswerForm,
    CommentForm,
    CreditDecisionForm,
    CreditForm,
    DueForm,
    FileForm,
    QuestionForm,
    ReasonForm,
    RequiredCommentForm,
    comment_field,
    find_billing_form,
)
from views.approvals.stage_operations import build_details, initial_row_values
from views.framework.operation import Operation, refusal_check, refusal_reason
from views.framework.row_fields import ExplicitRowField
from views.framework.uploads import store_upload

_open_only = refusal_check(lambda task, _actor: tasks.require_open(task))


def _find_approval_form(task: ApprovalTask) -> type[Form] | None:
    """Onboarding asks for the reference of its next step."""
    if task.kind is not TaskKind.ONBOARDING or task.customer is None:
        return None
    return find_billing_form(task.customer) if task.customer.stage is Stage.PASSED else CreditForm


def _initial_row_values(task: ApprovalTask) -> dict[str, Any]:
    return initial_row_values(task.customer)


def _build_decision_form(rows: Sequence[ApprovalTask], _actor: Actor) -> type[Form]:
    """Of one credit check the report is asked for too."""
    is_credit_check = len(rows) == 1 and _find_approval_form(rows[0]) is CreditForm
    return CreditDecisionForm if is_credit_check else CommentForm


def _approve(task: ApprovalTask, *, report: FileStorage | None = None, actor: Actor, **values: Any) -> None:
    approval_decisions.approve_task(task, actor=actor, **values)
    if report is not None:
        _attach_file(task, file=report, note="Credit report", actor=actor)


def _attach_file(task: ApprovalTask, *, file: FileStorage, note: str | None, actor: Actor) -> None:
    task_files.attach_file(task, store_upload(file), note=note, actor=actor)


def _approve_tasks(tasks_to_approve: Sequence[ApprovalTask], **values: Any) -> dict[int, HubError]:
    details = build_details(values.pop("values_by_id"))
    return approval_decisions.approve_tasks(tasks_to_approve, details_by_task=details, **values)


def _build_assign_form(rows: Sequence[Any], actor: Actor) -> type[Form]:
    """Whom these tasks can be given to, and of several how many of them, where it is not all."""
    choices = [
        (user.id, user.name if count == len(rows) else f"{user.name} ({count} of {len(rows)} tasks)")
        for user, count in count_assignable_tasks(rows, actor)
    ]
    assignee = ExplicitRowField("Assignee", choices=choices, none_label="Unassigned")
    return type("AssignForm", (Form,), {"assignee_id": assignee})


def _build_refer_form(rows: Sequence[Any], actor: Actor) -> type[Form]:
    """The managers to whom one task can be handed on."""
    choices = [(user.id, user.name) for user in list_managers(rows[0], actor)]
    fields = {"assignee_id": ExplicitRowField("Manager", choices=choices), "comment": comment_field(required=True)}
    return type("ReferForm", (Form,), fields)


def _set_due_dates(
    tasks_to_change: Sequence[ApprovalTask], *, due_on: date | None, no_due_date: bool, actor: Actor
) -> dict[int, HubError]:
    return assignment.set_due_dates(tasks_to_change, due_on=None if no_due_date else due_on, actor=actor)


def _decision_version(task: ApprovalTask) -> str:
    """The decision is made on the customer as it is now: its facts and its stage."""
    return f"{task.version}.{task.customer.version if task.customer is not None else 0}"


def _delete_customers(tasks_to_delete: Sequence[ApprovalTask], *, actor: Actor) -> dict[int, HubError]:
    return approval_decisions.delete_registrations(tasks_to_delete, actor=actor)


def _list_deletion_refusals(rows: Sequence[ApprovalTask], _actor: Actor) -> dict[int, str]:
    customers = [task.customer for task in rows if task.customer is not None]
    reasons = deletion_refusal_reasons(customers)
    return {task.id: reasons[task.customer_id] for task in rows if task.customer_id in reasons}


def _step_operation(transition: StageTransition, button: str, past_tense: str) -> Operation:
    """One step of onboarding, of one customer or of many with the reference of each."""
    return replace(
        APPROVE,
        name=transition.name,
        label=transition.label or transition.name,
        past_tense=past_tense,
        button=button,
        unavailable_reason=lambda task, actor: refusal_reason(approval_decisions.check_step, task, transition, actor),
        explanation=transition.explanation,
        preview=preview_step,
        icon="flag",
    )


APPROVE = Operation(
    name="approve",
    label="Approve",
    past_tense="approved",
    permission=Permission.TASKS_WORK,
    run=_approve,
    run_many=_approve_tasks,
    can_run_many=approval_decisions.are_approved_together,
    unavailable_reason=refusal_check(approval_decisions.check_approval),
    form=_build_decision_form,
    row_form=_find_approval_form,
    initial_row_values=_initial_row_values,
    preview=preview_approval,
    row_version=_decision_version,
    explanation="An update is applied exactly as requested. Onboarding moves to the next stage: credit check passed, "
    "or, with a billing reference, live.",
    icon="ok",
)

OPERATIONS = (
    _step_operation(stages.PASS, "Pass {}", "passed"),
    _step_operation(stages.MAKE_LIVE, "Make {} live", "made live"),
    APPROVE,
    Operation(
        name="claim",
        label="Claim",
        past_tense="claimed",
        permission=Permission.TASKS_WORK,
        run=assignment.claim_task,
        run_many=assignment.claim_tasks,
        unavailable_reason=refusal_check(assignment.check_claim),
        explanation="The task is assigned to you. Other users can no longer claim it.",
        icon="user-plus",
    ),
    Operation(
        name="refer",
        label="Refer",
        past_tense="referred",
        permission=Permission.TASKS_WORK,
        run=referrals.refer_task,
        unavailable_reason=refusal_check(referrals.check_referral),
        form=_build_refer_form,
        row_version=_decision_version,
        bulk=False,
        explanation="Another manager takes over the task and is notified by email. A new customer becomes Referred.",
        icon="right",
    ),
    Operation(
        name="question",
        label="Request information",
        past_tense="sent back with a question",
        permission=Permission.TASKS_WORK,
        run=referrals.request_information,
        unavailable_reason=refusal_check(referrals.check_question),
        form=QuestionForm,
        row_version=_decision_version,
        bulk=False,
        explanation="The requester is asked by email and answers on their page. A new customer becomes Referred.",
        icon="mail",
    ),
    Operation(
        name="answer",
        label="Answer",
        past_tense="answered",
        permission=Permission.TASKS_WORK,
        run=referrals.answer_task,
        unavailable_reason=refusal_check(referrals.check_answer),
        form=AnswerForm,
        bulk=False,
        explanation="Your answer to the open question.",
        icon="mail",
    ),
    Operation(
        name="decline",
        label="Decline",
        past_tense="declined",
        permission=Permission.TASKS_WORK,
        run=approval_decisions.decline_task,
        run_many=approval_decisions.decline_tasks,
        unavailable_reason=refusal_check(approval_decisions.check_declining),
        form=ReasonForm,
        row_version=_decision_version,
        explanation="The requested changes are not made and the requester is notified of the reason. For onboarding, "
        "the credit check is set to failed.",
        icon="ban",
        danger=True,
    ),
    Operation(
        name="assign",
        label="Assign",
        past_tense="assigned",
        permission=Permission.TASKS_ASSIGN,
        run=assignment.assign_tasks,
        unavailable_reason=_open_only,
        form=_build_assign_form,
        all_or_none=True,
        explanation="The assignee receives one email about all selected tasks.",
        icon="user",
    ),
    Operation(
        name="release",
        label="Release",
        past_tense="released",
        permission=Permission.TASKS_WORK,
        run=assignment.release_task,
        run_many=assignment.release_tasks,
        unavailable_reason=refusal_check(assignment.check_release),
        explanation="The task returns to the queue and can be claimed again.",
        icon="undo",
    ),
    Operation(
        name="due",
        label="Set due date",
        past_tense="rescheduled",
        permission=Permission.TASKS_ASSIGN,
        run=lambda task, **values: raise_refusal(_set_due_dates([task], **values)),
        run_many=_set_due_dates,
        unavailable_reason=_open_only,
        form=DueForm,
        explanation="Date by which the task should be decided.",
        icon="calendar",
    ),
    Operation(
        name="comment",
        label="Comment",
        past_tense="commented on",
        permission=Permission.TASKS_WORK,
        run=tasks.comment_task,
        form=RequiredCommentForm,
        bulk=False,
        explanation="Visible to all users with access to the task and to the requesting partner.",
        icon="edit",
    ),
    Operation(
        name="withdraw",
        label="Withdraw",
        past_tense="withdrawn",
        permission=Permission.TASKS_WORK,
        run=tasks.withdraw_task,
        run_many=tasks.withdraw_tasks,
        unavailable_reason=refusal_check(tasks.check_withdrawal),
        form=CommentForm,
        explanation="The request is withdrawn. No changes are made.",
        icon="close",
        danger=True,
    ),
    Operation(
        name="attach",
        label="Attach a file",
        past_tense="updated with a file",
        permission=Permission.TASKS_WORK,
        run=_attach_file,
        form=FileForm,
        bulk=False,
        explanation="For example the report of a credit check. Kept with the task, for staff only.",
        icon="file",
    ),
    Operation(
        name="delete",
        label="Delete",
        past_tense="deleted",
        permission=Permission.CUSTOMERS_DELETE,
        run=lambda task, actor: raise_refusal(_delete_customers([task], actor=actor)),
        run_many=_delete_customers,
        unavailable_reason=refusal_check(lambda task, _actor: approval_decisions.check_deletion(task)),
        unavailable_reasons=_list_deletion_refusals,
        explanation="The customer is deleted with the details of its record and its tasks. The history is kept.",
        icon="trash",
        danger=True,
        deletes_rows=True,
    ),
)

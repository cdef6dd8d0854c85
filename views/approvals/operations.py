"""The operations on approval tasks, and the stage transitions of customers, each as one declaration."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from flask import g
from wtforms import BooleanField, Form, StringField, TextAreaField
from wtforms.validators import Length, Optional

from customerhub.approvals import assignment, tasks, transitions
from customerhub.approvals.candidates import count_assignable_tasks
from customerhub.approvals.stages import STAGES, StageTransition
from customerhub.core.errors import HubError, raise_refusal
from customerhub.core.permissions import Actor, Permission
from customerhub.customers import approval_decisions
from models import ApprovalTask, Customer
from models.enums import Stage, TaskKind
from views.framework.date_field import DateField
from views.framework.display import changes_of
from views.framework.fields import AmountField
from views.framework.forms import RequiredMarker, clean_input
from views.framework.labels import member_label
from views.framework.operation import Operation, refusal_check, refusal_reason
from views.framework.operation_forms import begin_with_shared
from views.framework.row_fields import ExplicitRowField

P = Permission
MAX_REVENUE = transitions.MOST_REVENUE
COMMENT_HINT = "The requester, including a partner, will see this comment."


def comment_field(label: str = "Comment", *, required: bool = False) -> Any:
    validators = [Optional(), Length(max=tasks.LONGEST_COMMENT), *([RequiredMarker()] if required else [])]
    return TextAreaField(label, validators, filters=[clean_input], description=COMMENT_HINT)


def _reference_field(label: str) -> Any:
    return StringField(label, [Optional(), Length(max=60)], filters=[clean_input])


class CreditForm(Form):
    """What belongs to a customer that passes the credit check."""

    credit_reference = _reference_field("Credit reference")
    estimated_monthly_revenue = AmountField("Estimated monthly revenue", [Optional()], decimals=2, limit=MAX_REVENUE)


class BillingForm(Form):
    """What belongs to a customer that goes live."""

    billing_reference = _reference_field("Billing reference")
    estimated_monthly_revenue = AmountField("Estimated monthly revenue", [Optional()], decimals=2, limit=MAX_REVENUE)


class CommentForm(Form):
    comment = comment_field()


class ReasonForm(Form):
    comment = comment_field("Reason", required=True)


class RequiredCommentForm(Form):
    comment = comment_field(required=True)


class DueForm(Form):
    due_on = DateField("Due on", [Optional()], render_kw={"data-show-when": "no_due_date="})
    no_due_date = BooleanField("No due date")

    def validate(self, extra_validators: Any = None) -> bool:
        """Blank is no answer: of several tasks it would take away what each has."""
        is_valid = super().validate(extra_validators)
        if self.due_on.data is None and not self.due_on.errors and not self.no_due_date.data:
            self.due_on.errors = ["Enter a date, or choose “No due date”"]
            return False
        return bool(is_valid)


FORMS: dict[str, type[Form]] = {"refer": ReasonForm, "fail": ReasonForm}
ROW_FORMS: dict[str, type[Form]] = {"pass": CreditForm, "bill": BillingForm}


# --- On customers ------------------------------------------------------------------------------------------------


def _initial_row_values(customer: Customer | None) -> dict[str, Any]:
    """The references and revenue that a customer has."""
    if customer is None:
        return {}
    names = ("credit_reference", "billing_reference", "estimated_monthly_revenue")
    return {name: getattr(customer, name) for name in names}


def _onboarding_contexts(customers: Sequence[Customer]) -> dict[int, transitions.OnboardingContext]:
    """What stands behind these customers; looked up once a request."""
    contexts: dict[int, transitions.OnboardingContext] = g.setdefault("onboarding_contexts", {})
    contexts |= transitions.load_onboarding_contexts(
        [customer for customer in customers if customer.id not in contexts]
    )
    return contexts


def _build_details(values_by_id: Mapping[int, dict[str, Any]]) -> dict[int, transitions.StageDetails]:
    """What was entered for each row by itself."""
    return {key: transitions.StageDetails(**values) for key, values in values_by_id.items()}


def _transition_operation(transition: StageTransition) -> Operation:
    def run(customer: Customer, *, actor: Actor, **values: Any) -> None:
        transitions.change_stage(customer, transition, actor=actor, **values)

    def run_many(customers: Sequence[Customer], **values: Any) -> dict[int, HubError]:
        details = _build_details(values.pop("values_by_id"))
        return transitions.change_stages(customers, transition, details_by_customer=details, **values)

    def unavailable(customers: Sequence[Customer], actor: Actor) -> dict[int, str]:
        contexts = _onboarding_contexts(customers)
        refusals = {
            row.id: refusal_reason(transitions.check_transition, transition, row, contexts[row.id], actor)
            for row in customers
        }
        return {key: reason for key, reason in refusals.items() if reason is not None}

    return Operation(
        name=transition.name,
        label=transition.label or transition.name,
        permission=P.TASKS_WORK,
        run=run,
        run_many=run_many,
        explanation=transition.explanation,
        form=FORMS.get(transition.name, CommentForm),
        row_form=lambda _customer: ROW_FORMS.get(transition.name),
        initial_row_values=_initial_row_values,
        unavailable_reasons=unavailable,
        icon="flag",
        danger=transition.name == "fail",
    )


STAGE_OPERATIONS = tuple(_transition_operation(each) for each in STAGES.choices)


# --- On tasks ----------------------------------------------------------------------------------------------------


_open_only = refusal_check(lambda task, _actor: tasks.require_open(task))


def _find_approval_form(task: ApprovalTask) -> type[Form] | None:
    """Onboarding asks for the reference of its next step."""
    if task.kind is not TaskKind.ONBOARDING or task.customer is None:
        return None
    return BillingForm if task.customer.stage is Stage.PASSED else CreditForm


def _approve_tasks(tasks_to_approve: Sequence[ApprovalTask], **values: Any) -> dict[int, HubError]:
    details = _build_details(values.pop("values_by_id"))
    return approval_decisions.approve_tasks(tasks_to_approve, details_by_task=details, **values)


def _build_assign_form(rows: Sequence[Any], actor: Actor) -> type[Form]:
    """Whom these tasks can be given to, and of several how many of them, where it is not all."""
    choices = [
        (user.id, user.name if count == len(rows) else f"{user.name} ({count} of {len(rows)} tasks)")
        for user, count in count_assignable_tasks(rows, actor)
    ]
    assignee = ExplicitRowField("Assignee", choices=choices, none_label="Unassigned")
    return type("AssignForm", (Form,), {"assignee_id": assignee})


def _set_due_dates(
    tasks_to_change: Sequence[ApprovalTask], *, due_on: date | None, no_due_date: bool, actor: Actor
) -> dict[int, HubError]:
    return assignment.set_due_dates(tasks_to_change, due_on=None if no_due_date else due_on, actor=actor)


def _preview(tasks_to_approve: Sequence[Any], _values: dict[str, Any], actor: Actor) -> list[dict[str, Any]]:
    """What approving each of these does."""
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
    return [{"title": "Effects", "columns": columns, "rows": rows}]


def _decision_version(task: ApprovalTask) -> str:
    """The decision is made on the customer as it is now: its facts and its stage."""
    return f"{task.version}.{task.customer.version if task.customer is not None else 0}"


OPERATIONS = (
    Operation(
        name="claim",
        label="Claim",
        past_tense="claimed",
        permission=P.TASKS_WORK,
        run=assignment.claim_task,
        run_many=assignment.claim_tasks,
        unavailable_reason=refusal_check(assignment.check_claim),
        explanation="The task is assigned to you. Other users can no longer claim it.",
        icon="user-plus",
    ),
    Operation(
        name="approve",
        label="Approve",
        past_tense="approved",
        permission=P.TASKS_WORK,
        run=approval_decisions.approve_task,
        run_many=_approve_tasks,
        can_run_many=approval_decisions.are_approved_together,
        unavailable_reason=refusal_check(approval_decisions.check_approval),
        form=CommentForm,
        row_form=_find_approval_form,
        initial_row_values=lambda task: _initial_row_values(task.customer),
        preview=_preview,
        row_version=_decision_version,
        explanation="An update is applied exactly as requested. Onboarding moves to the next stage: credit check "
        "passed "
        "or, with a billing reference, live.",
        icon="ok",
    ),
    Operation(
        name="decline",
        label="Decline",
        past_tense="declined",
        permission=P.TASKS_WORK,
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
        permission=P.TASKS_ASSIGN,
        run=assignment.assign_tasks,
        unavailable_reason=_open_only,
        form=_build_assign_form,
        initial_values=begin_with_shared(assignee_id="assignee_id"),
        all_or_none=True,
        explanation="The assignee receives one email about all selected tasks.",
        icon="user",
    ),
    Operation(
        name="release",
        label="Release",
        past_tense="released",
        permission=P.TASKS_WORK,
        run=assignment.release_task,
        run_many=assignment.release_tasks,
        unavailable_reason=refusal_check(assignment.check_release),
        explanation="The task returns to the queue and can be claimed again.",
        icon="undo",
    ),
    Operation(
        name="due",
        label="Set due date",
        permission=P.TASKS_ASSIGN,
        run=lambda task, **values: raise_refusal(_set_due_dates([task], **values)),
        run_many=_set_due_dates,
        unavailable_reason=_open_only,
        form=DueForm,
        initial_values=begin_with_shared(due_on="due_on"),
        explanation="Date by which the task should be decided.",
        icon="calendar",
    ),
    Operation(
        name="comment",
        label="Comment",
        permission=P.TASKS_WORK,
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
        permission=P.TASKS_WORK,
        run=tasks.withdraw_task,
        run_many=tasks.withdraw_tasks,
        unavailable_reason=refusal_check(tasks.check_withdrawal),
        form=CommentForm,
        explanation="The request is withdrawn. No changes are made.",
        icon="close",
        danger=True,
    ),
)

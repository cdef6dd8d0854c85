"""What can be done to approval tasks, and the moves of customers from stage to stage, each as one declaration."""

from collections.abc import Sequence
from typing import Any

from flask import g
from wtforms import DateField, Form, StringField, TextAreaField
from wtforms.validators import Length, Optional

from customerhub.approvals import decisions, moves, stages, tasks
from customerhub.approvals.stages import Move
from customerhub.permissions import Actor, Permission
from models import ApprovalTask, Customer, User
from models.enums import Stage, TaskKind
from views.choices import Source
from views.fields import AmountField, RowField
from views.forms import Particular, clean_input
from views.operation import Operation, as_asked, refusal
from views.showing import changes_of
from views.words import word

P = Permission
LIMIT = moves.MOST_REVENUE
READ_BY = "Whoever asked reads this, be it a partner."


def comment(label: str = "Comment", *, needed: bool = False) -> Any:
    checks = [Optional(), Length(max=tasks.LONGEST_COMMENT), *([Particular()] if needed else [])]
    return TextAreaField(label, checks, filters=[clean_input], description=READ_BY)


def _reference(label: str) -> Any:
    return StringField(label, [Optional(), Length(max=60)], filters=[clean_input])


class CommentForm(Form):
    comment = comment()


class WhyForm(Form):
    comment = comment("Why", needed=True)


class SayForm(Form):
    comment = comment(needed=True)


class AssignForm(Form):
    assignee_id = RowField("Assignee", source=Source(User, staff_only=True), blank="Nobody")


class DueForm(Form):
    due_on = DateField("Due on", [Optional()])


class CreditForm(Form):
    credit_reference = _reference("Credit reference")
    estimated_monthly_revenue = AmountField("Estimated monthly revenue", [Optional()], decimals=2, limit=LIMIT)
    comment = comment()


class BillingForm(Form):
    billing_reference = _reference("Billing reference")
    estimated_monthly_revenue = AmountField("Estimated monthly revenue", [Optional()], decimals=2, limit=LIMIT)
    comment = comment()


class ApprovalForm(Form):
    credit_reference = _reference("Credit reference")
    billing_reference = _reference("Billing reference")
    estimated_monthly_revenue = AmountField("Estimated monthly revenue", [Optional()], decimals=2, limit=LIMIT)
    comment = comment()


FORMS: dict[str, type[Form]] = {"pass": CreditForm, "bill": BillingForm, "refer": WhyForm, "fail": WhyForm}


# --- On customers ------------------------------------------------------------------------------------------------


def _known(rows: Sequence[Any], _actor: Actor) -> dict[str, Any]:
    """Of a single customer, the references and revenue that it has."""
    customer = rows[0] if len(rows) == 1 else None
    if isinstance(customer, ApprovalTask):
        customer = customer.customer
    if customer is None:
        return {}
    names = ("credit_reference", "billing_reference", "estimated_monthly_revenue")
    return {name: getattr(customer, name) for name in names}


def _behind(customers: Sequence[Customer]) -> dict[int, moves.Behind]:
    """What stands behind these customers; looked up once a request."""
    known: dict[int, moves.Behind] = g.setdefault("behind", {})
    known |= moves.behind([customer for customer in customers if customer.id not in known])
    return known


def _move(move: Move) -> Operation:
    def run(customer: Customer, *, actor: Actor, **told: Any) -> None:
        moves.move_customer(customer, move, actor=actor, **told)

    def unavailable(customers: Sequence[Customer], actor: Actor) -> dict[int, str]:
        stands = _behind(customers)
        asked = {row.id: refusal(moves.check_move, move, row, stands[row.id], actor) for row in customers}
        return {key: reason for key, reason in asked.items() if reason is not None}

    return Operation(
        name=move.name,
        label=move.label,
        permission=P.TASKS_WORK,
        run=run,
        explain=move.explain,
        form=FORMS[move.name],
        first=_known,
        unavailable=unavailable,
        icon="flag",
        danger=move.name == "fail",
    )


MOVES = tuple(_move(move) for move in stages.MOVES)


# --- On tasks ----------------------------------------------------------------------------------------------------


_open_only = as_asked(lambda task, _actor: tasks.require_open(task))


def _approval_form(rows: Sequence[Any], _actor: Actor) -> type[Form]:
    """Onboarding asks for the reference of its next step, of both where the rows are at different ones."""
    stages_met = {task.customer.stage for task in rows if task.kind is TaskKind.ONBOARDING}
    if not stages_met:
        return CommentForm
    if Stage.PASSED not in stages_met:
        return CreditForm
    return BillingForm if stages_met == {Stage.PASSED} else ApprovalForm


def _preview(rows: Sequence[Any], _values: dict[str, Any], _actor: Actor) -> list[dict[str, Any]]:
    """What approving each of these does."""
    told = []
    for task in rows:
        if task.kind is TaskKind.ONBOARDING:
            stage = task.customer.stage
            what = f"{stage.value} becomes {moves.onward(stage).after.value}"
        elif task.kind is TaskKind.PARTICULARS:
            what = "; ".join(
                f"{label}: {seen or 'blank'} becomes {wanted or 'blank'}"
                for label, seen, wanted in changes_of(Customer.__tablename__, task.proposal)
            )
        else:
            what = task.proposal.get("reason") or "The customer stays live"
        told.append([task.subject, word(task.kind), what])
    columns = [{"label": "Customer"}, {"label": "Request"}, {"label": "What approving does"}]
    return [{"title": "What happens", "columns": columns, "rows": told}]


def _seen(task: ApprovalTask) -> str:
    """Whoever decides has also seen the customer as it is: its facts, and how far it has got."""
    return f"{task.version}.{task.customer.version if task.customer is not None else 0}"


OPERATIONS = (
    Operation(
        name="claim", label="Claim", permission=P.TASKS_WORK, run=tasks.claim_task,
        available=as_asked(tasks.check_claim),
        explain="The task is yours to work on. Nobody else can claim it then.", icon="user-plus",
    ),
    Operation(
        name="approve", label="Approve", permission=P.TASKS_WORK, run=decisions.approve_task,
        available=as_asked(decisions.check_approval), form=_approval_form, first=_known, preview=_preview, seen=_seen,
        explain="An update is applied exactly as asked for. Onboarding goes one step on: the credit check is passed, "
        "or, with a billing reference, the customer goes live.", icon="ok",
    ),
    Operation(
        name="decline", label="Decline", permission=P.TASKS_WORK, run=decisions.decline_task,
        available=as_asked(decisions.check_declining), form=WhyForm, seen=_seen,
        explain="Nothing changes, and whoever asked is told why. Of onboarding the credit check is failed.",
        icon="ban", danger=True,
    ),
    Operation(
        name="assign", label="Assign", permission=P.TASKS_ASSIGN, run=tasks.assign_tasks, available=_open_only,
        form=AssignForm, together=True, explain="The chosen person gets one mail about all of them.", icon="user",
    ),
    Operation(
        name="release", label="Release", permission=P.TASKS_WORK, run=tasks.release_task,
        available=as_asked(tasks.check_release),
        explain="The task goes back to the queue, for anybody to claim.", icon="undo",
    ),
    Operation(
        name="due", label="Set due date", permission=P.TASKS_ASSIGN, run=tasks.set_due_date, available=_open_only,
        form=DueForm, first=lambda rows, _actor: {"due_on": rows[0].due_on} if len(rows) == 1 else {},
        explain="The day by which it is to be decided.", icon="calendar",
    ),
    Operation(
        name="comment", label="Comment", permission=P.TASKS_WORK, run=tasks.comment_task, form=SayForm, bulk=False,
        explain="Everybody who can open the task reads it, and the partner who asked.", icon="edit",
    ),
    Operation(
        name="withdraw", label="Withdraw", permission=P.TASKS_WORK, run=tasks.withdraw_task,
        available=as_asked(tasks.check_withdrawal), form=CommentForm,
        explain="The request is taken back, and nothing changes.", icon="close", danger=True,
    ),
)  # fmt: skip

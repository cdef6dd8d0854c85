"""How approval tasks look in lists."""

from typing import Any

from flask import url_for
from sqlalchemy.orm import joinedload

from models import ApprovalTask, Customer
from models.enums import TaskKind, TaskState
from views.columns import Cell, Column, amount, day, local_date, stage_chip
from views.customer_form import today
from views.words import word

KIND_TONES = {TaskKind.BLACKLIST: "red", TaskKind.REMOVAL: "amber", TaskKind.PARTICULARS: "blue",
              TaskKind.RECHECK: "amber"}  # fmt: skip
STATE_TONES = {TaskState.OPEN: "blue", TaskState.APPROVED: "green", TaskState.DECLINED: "red",
               TaskState.WITHDRAWN: "grey"}  # fmt: skip


def kind_chip(task: ApprovalTask) -> dict[str, Any]:
    return {"chip": word(task.kind), "tone": KIND_TONES.get(task.kind, "neutral")}


def state_chip(task: ApprovalTask) -> dict[str, Any]:
    return {"chip": word(task.state), "tone": STATE_TONES[task.state]}


def is_overdue(task: ApprovalTask) -> bool:
    return task.is_open and task.due_on is not None and task.due_on < today()


def due_cell(task: ApprovalTask) -> Cell:
    if is_overdue(task) and task.due_on is not None:
        return [day(task.due_on), {"chip": f"{days((today() - task.due_on).days)} late", "tone": "red"}]
    return day(task.due_on) if task.due_on else None


def days(count: int) -> str:
    return f"{count} day{'' if count == 1 else 's'}"


def age(task: ApprovalTask) -> str:
    """How long a task has been open, or was."""
    count = ((local_date(task.decided_at) if task.decided_at else today()) - local_date(task.created_at)).days
    return "today" if count <= 0 else days(count)


def _name(task: ApprovalTask) -> Cell:
    return {"text": task.subject, "url": url_for("tasks.details_view", id=task.id)}


def _told_references(task: ApprovalTask) -> list[str]:
    """What tells of the customer's credit check, and where billing keeps it."""
    told = [task.customer.credit_reference, task.customer.billing_reference] if task.customer else []
    return [text for text in told if text]


def _references(task: ApprovalTask) -> Cell:
    told = _told_references(task)
    return {"text": told[0], "sub": ", ".join(told[1:])} if told else None


def _of_customer(name: str) -> Any:
    return lambda task: getattr(task.customer, name) if task.customer else None


def _dealer_code(customer: Customer | None) -> str | None:
    return customer.dealer.code if customer is not None and customer.dealer is not None else None


def _type(task: ApprovalTask) -> Cell:
    if task.customer is None:
        return None
    return {"text": word(task.customer.kind), "sub": str(task.customer.category or "")}


def _type_text(task: ApprovalTask) -> str | None:
    if task.customer is None:
        return None
    return ", ".join(filter(None, (word(task.customer.kind), str(task.customer.category or ""))))


def _created(task: ApprovalTask) -> Cell:
    return {"text": day(local_date(task.created_at)), "sub": age(task)}


COLUMNS = (
    Column("subject", "Name", _name, load=(joinedload(ApprovalTask.customer),), text=lambda task: task.subject),
    Column("account_number", "Customer no.", _of_customer("account_number"), folds="{}", early=True),
    Column("kind", "Request", kind_chip, sort=ApprovalTask.kind),
    Column("stage", "Stage", lambda task: stage_chip(task.customer.stage) if task.customer else None, folds="{}"),
    Column("dealer", "Dealer", lambda task: _dealer_code(task.customer), folds="{}", early=True,
           load=(joinedload(ApprovalTask.customer).joinedload(Customer.dealer),)),
    Column("type", "Type", _type, load=(joinedload(ApprovalTask.customer).joinedload(Customer.category),),
           text=_type_text, folds="{}", early=True),
    Column("references", "Credit, billing ref", _references, text=lambda task: ", ".join(_told_references(task)),
           folds="{}", early=True),
    Column("credit_reference", "Credit ref", _of_customer("credit_reference"), usual=False),
    Column("billing_reference", "Billing ref", _of_customer("billing_reference"), usual=False),
    Column("revenue", "Per month", lambda task: amount(task.customer.estimated_monthly_revenue)
           if task.customer else None, align="right", folds="{} a month"),
    Column("created_at", "Created", _created, sort=ApprovalTask.id, folds="since {}"),
    Column("age", "Age", age, align="right", usual=False),
    Column("assignee", "Assignee", lambda task: task.assignee.name if task.assignee else None,
           load=(joinedload(ApprovalTask.assignee),)),
    Column("due_on", "Due", due_cell, sort=(ApprovalTask.due_on, ApprovalTask.id),
           text=lambda task: day(task.due_on) if task.due_on else None),
    Column("state", "State", state_chip, usual=False),
    Column("requester", "Asked for by", lambda task: task.requester.name if task.requester else "System", usual=False,
           load=(joinedload(ApprovalTask.requester),)),
)  # fmt: skip

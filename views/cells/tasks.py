"""How approval tasks look in lists."""

from typing import Any

from flask import url_for
from sqlalchemy.orm import joinedload

from customerhub.core.spreadsheets import CellKind
from models import ApprovalTask, CatalogItem, Customer, Dealer, User
from models.enums import TaskKind, TaskState
from views.framework.chips import stage_chip
from views.framework.columns import Cell, Column
from views.framework.exported import Exported, Related
from views.framework.formatting import format_amount, format_date, get_today, local_date
from views.framework.labels import member_label

KIND_TONES = {
    TaskKind.BLACKLIST: "red",
    TaskKind.REMOVAL: "amber",
    TaskKind.PARTICULARS: "blue",
    TaskKind.RECHECK: "amber",
}
STATE_TONES = {
    TaskState.OPEN: "blue",
    TaskState.APPROVED: "green",
    TaskState.DECLINED: "red",
    TaskState.WITHDRAWN: "grey",
}


def kind_chip(task: ApprovalTask) -> dict[str, Any]:
    return {"chip": member_label(task.kind), "tone": KIND_TONES.get(task.kind, "neutral")}


def state_chip(task: ApprovalTask) -> dict[str, Any]:
    return {"chip": member_label(task.state), "tone": STATE_TONES[task.state]}


def is_overdue(task: ApprovalTask) -> bool:
    return task.is_open and task.due_on is not None and task.due_on < get_today()


def due_cell(task: ApprovalTask) -> Cell:
    if is_overdue(task) and task.due_on is not None:
        return [
            format_date(task.due_on),
            {"chip": f"{format_days((get_today() - task.due_on).days)} late", "tone": "red"},
        ]
    return format_date(task.due_on) if task.due_on else None


def format_days(count: int) -> str:
    return f"{count} day{'' if count == 1 else 's'}"


def format_age(task: ApprovalTask) -> str:
    """How long a task has been open, or was."""
    count = ((local_date(task.decided_at) if task.decided_at else get_today()) - local_date(task.created_at)).days
    return "today" if count <= 0 else format_days(count)


def _name_cell(task: ApprovalTask) -> Cell:
    return {"text": task.subject, "url": url_for("tasks.details_view", id=task.id)}


def _customer_attribute(name: str) -> Any:
    return lambda task: getattr(task.customer, name) if task.customer else None


def _dealer_code(customer: Customer | None) -> str | None:
    return customer.dealer.code if customer is not None and customer.dealer is not None else None


def _type_cell(task: ApprovalTask) -> Cell:
    if task.customer is None:
        return None
    return {"text": member_label(task.customer.kind), "sub": str(task.customer.category or "")}


def _type_text(task: ApprovalTask) -> str | None:
    if task.customer is None:
        return None
    return ", ".join(filter(None, (member_label(task.customer.kind), str(task.customer.category or ""))))


def _due_text(task: ApprovalTask) -> str | None:
    """The day, and where that is over how late it is: a folded column has no room for a chip."""
    if not task.due_on:
        return None
    late = f", {format_days((get_today() - task.due_on).days)} late" if is_overdue(task) else ""
    return f"{format_date(task.due_on)}{late}"


def _created_cell(task: ApprovalTask) -> Cell:
    return {"text": format_date(local_date(task.created_at)), "sub": format_age(task)}


COLUMNS = (
    Column(
        "subject",
        "Name",
        _name_cell,
        load_options=(joinedload(ApprovalTask.customer),),
        export_text=lambda task: task.subject,
        export=Exported(ApprovalTask.subject),
    ),
    Column(
        "account_number",
        "Customer no.",
        _customer_attribute("account_number"),
        collapsed_format="{}",
        collapse_below=860,
        export=Exported(Related(ApprovalTask.customer, Customer.account_number)),
    ),
    Column(
        "kind",
        "Request",
        kind_chip,
        sort=ApprovalTask.kind,
        collapsed_format="{}",
        collapse_first=True,
        export=Exported(ApprovalTask.kind, render=member_label),
    ),
    Column(
        "stage",
        "Stage",
        lambda task: stage_chip(task.customer.stage) if task.customer else None,
        collapsed_format="{}",
        collapse_first=True,
        export=Exported(Related(ApprovalTask.customer, Customer.stage), render=member_label),
    ),
    Column(
        "dealer",
        "Dealer code",
        lambda task: _dealer_code(task.customer),
        collapsed_format="{}",
        collapse_below=1060,
        load_options=(joinedload(ApprovalTask.customer).joinedload(Customer.dealer),),
        export=Exported(Related(ApprovalTask.customer, Customer.dealer, Dealer.code)),
    ),
    Column(
        "type",
        "Type, category",
        _type_cell,
        load_options=(joinedload(ApprovalTask.customer).joinedload(Customer.category),),
        export_text=_type_text,
        export=Exported(
            Related(ApprovalTask.customer, Customer.kind),
            Related(ApprovalTask.customer, Customer.category, CatalogItem.name),
            render=lambda kind, category: ", ".join(filter(None, (member_label(kind), category))),
        ),
        collapsed_format="{}",
        collapse_below=1060,
    ),
    Column(
        "credit_reference",
        "Credit ref",
        _customer_attribute("credit_reference"),
        collapsed_format="{}",
        collapse_below=860,
        export=Exported(Related(ApprovalTask.customer, Customer.credit_reference)),
    ),
    Column(
        "billing_reference",
        "Billing ref",
        _customer_attribute("billing_reference"),
        collapsed_format="{}",
        collapse_below=860,
        export=Exported(Related(ApprovalTask.customer, Customer.billing_reference)),
    ),
    Column(
        "revenue",
        "Est. monthly revenue",
        lambda task: format_amount(task.customer.estimated_monthly_revenue) if task.customer else None,
        align="right",
        collapsed_format="{} a month",
        collapse_below=860,
        export=Exported(Related(ApprovalTask.customer, Customer.estimated_monthly_revenue), kind=CellKind.AMOUNT),
    ),
    Column(
        "created_at",
        "Created",
        _created_cell,
        sort=ApprovalTask.id,
        collapsed_format="since {}",
        collapse_below=1060,
        export=Exported(ApprovalTask.created_at, kind=CellKind.DATE, render=local_date),
    ),
    Column("age", "Age", format_age, align="right", default_visible=False),
    Column(
        "due_on",
        "Due",
        due_cell,
        sort=(ApprovalTask.due_on, ApprovalTask.id),
        collapsed_format="due {}",
        collapse_first=True,
        export_text=_due_text,
        export=Exported(ApprovalTask.due_on, kind=CellKind.DATE),
    ),
    Column(
        "assignee",
        "Assignee",
        lambda task: task.assignee.name if task.assignee else None,
        load_options=(joinedload(ApprovalTask.assignee),),
        export=Exported(Related(ApprovalTask.assignee, User.name)),
    ),
    Column(
        "state", "State", state_chip, default_visible=False, export=Exported(ApprovalTask.state, render=member_label)
    ),
    Column(
        "requester",
        "Requested by",
        lambda task: task.requester.name if task.requester else "System",
        default_visible=False,
        load_options=(joinedload(ApprovalTask.requester),),
        export=Exported(Related(ApprovalTask.requester, User.name), render=lambda name: name or "System"),
    ),
)

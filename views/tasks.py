"""Approval tasks: one queue of everything that has to be decided."""

from typing import Any

from flask import redirect, request, url_for
from flask_admin import expose
from sqlalchemy import Select
from sqlalchemy.orm import joinedload

from customerhub.approvals import particulars
from customerhub.customers.search import found_ids
from customerhub.permissions import Permission, scope
from models import ApprovalTask, Customer, User
from models.enums import TaskKind, TaskState
from views.base import Answer, HubModelView
from views.choices import Source
from views.columns import Column, Filter, amount, day, moment, stage_chip
from views.customer_cells import customer_link
from views.customer_form import today
from views.editing import DetailsPage
from views.forms import label_of
from views.listing import ListArgs
from views.task_operations import OPERATIONS
from views.words import sentence, word

KIND_TONES = {TaskKind.BLACKLIST: "red", TaskKind.REMOVAL: "amber", TaskKind.PARTICULARS: "blue",
              TaskKind.RECHECK: "amber"}  # fmt: skip
STATE_TONES = {TaskState.OPEN: "blue", TaskState.APPROVED: "green", TaskState.DECLINED: "red",
               TaskState.WITHDRAWN: "grey"}  # fmt: skip
OPEN = ("state", "is", TaskState.OPEN.value)


def kind_chip(task: ApprovalTask) -> dict[str, Any]:
    return {"chip": word(task.kind), "tone": KIND_TONES.get(task.kind, "neutral")}


def due_cell(task: ApprovalTask) -> Any:
    if task.due_on is None:
        return None
    if task.is_open and task.due_on < today():
        return {"chip": f"overdue since {day(task.due_on)}", "tone": "red"}
    return day(task.due_on)


def age(task: ApprovalTask) -> str:
    """How long a task has been open, or was."""
    days = ((task.decided_at.date() if task.decided_at else today()) - task.created_at.date()).days
    return "today" if days <= 0 else f"{days} day{'' if days == 1 else 's'}"


def name_cell(task: ApprovalTask) -> Any:
    return {"text": task.subject, "url": url_for("tasks.details_view", id=task.id)}


def _of_customer(name: str) -> Any:
    return lambda task: getattr(task.customer, name) if task.customer else None


def _dealer_code(customer: Customer | None) -> str | None:
    return customer.dealer.code if customer is not None and customer.dealer is not None else None


def _type(task: ApprovalTask) -> Any:
    if task.customer is None:
        return None
    return {"text": word(task.customer.kind), "sub": str(task.customer.category or "")}


def _created(task: ApprovalTask) -> Any:
    return {"text": day(task.created_at.date()), "sub": age(task)}


COLUMNS = (
    Column("account_number", "Customer no.", _of_customer("account_number"), load=(joinedload(ApprovalTask.customer),)),
    Column("subject", "Name", name_cell, text=lambda task: task.subject),
    Column("kind", "Request", kind_chip, sort=ApprovalTask.kind),
    Column("stage", "Stage", lambda task: stage_chip(task.customer.stage) if task.customer else None),
    Column("dealer", "Dealer", lambda task: _dealer_code(task.customer),
           load=(joinedload(ApprovalTask.customer).joinedload(Customer.dealer),)),
    Column("type", "Type, category", _type, load=(joinedload(ApprovalTask.customer).joinedload(Customer.category),)),
    Column("credit_reference", "Credit ref", _of_customer("credit_reference")),
    Column("billing_reference", "Billing ref", _of_customer("billing_reference")),
    Column("revenue", "Revenue / month", lambda task: amount(task.customer.estimated_monthly_revenue)
           if task.customer else None, align="right"),
    Column("created_at", "Created", _created, sort=ApprovalTask.id, align="right"),
    Column("age", "Age", age, align="right", usual=False),
    Column("assignee", "Assignee", lambda task: task.assignee.name if task.assignee else None,
           load=(joinedload(ApprovalTask.assignee),)),
    Column("due_on", "Due", due_cell, sort=(ApprovalTask.due_on, ApprovalTask.id)),
    Column("state", "State", lambda task: {"chip": word(task.state), "tone": STATE_TONES[task.state]}, usual=False),
    Column("requester", "Asked for by", lambda task: task.requester.name if task.requester else "System", usual=False,
           load=(joinedload(ApprovalTask.requester),)),
)  # fmt: skip


class TaskView(HubModelView):
    noun = "task"
    title = "Approval tasks"
    intro = "Everything that has to be decided: new customers, changes of particulars, the blacklist."
    empty_text = "Tasks come by themselves: when a partner registers a customer, or somebody asks for a change."
    columns = COLUMNS
    filters = (
        Filter("state", "State", ApprovalTask.state, "select", members=TaskState, nullable=False),
        Filter("kind", "Request", ApprovalTask.kind, "select", members=TaskKind, nullable=False),
        Filter("assignee", "Assignee", ApprovalTask.assignee_id, "select", source=Source(User, staff_only=True)),
        Filter("due_on", "Due", ApprovalTask.due_on, "date"),
        Filter("waits", "Waits for the partner", ApprovalTask.waits_for_requester, "yes"),
    )
    searched = (ApprovalTask.subject,)
    search_hint = "Search by customer: name, reference, account no."
    usual_order = (ApprovalTask.due_on, ApprovalTask.id)
    load = (joinedload(ApprovalTask.customer), joinedload(ApprovalTask.assignee))
    operations = OPERATIONS
    view_permission = Permission.TASKS_VIEW
    edit_permission = None

    def found(self, query: Select[Any], args: ListArgs) -> Select[Any]:
        """Tasks are found by what their customers are found by."""
        if not args.search:
            return query
        customers = found_ids(scope(Customer, self.actor), args.search)
        return query.where(ApprovalTask.customer_id.in_(customers))

    @expose("/")
    def index_view(self) -> Answer:
        """The queue; without a wish the open tasks."""
        if not request.args:
            return redirect(self._tab_urls()["open"])
        return super().index_view()

    @expose("/mine/")
    def mine(self) -> Answer:
        """The open tasks of whoever asks."""
        return redirect(self._tab_urls()["mine"])

    def _tab_urls(self) -> dict[str, str]:
        home = url_for("tasks.index_view")
        tabs = {
            "mine": ListArgs(filters=(OPEN, ("assignee", "is", str(self.actor.id)))),
            "free": ListArgs(filters=(OPEN, ("assignee", "blank", ""))),
            "open": ListArgs(filters=(OPEN,)),
            "done": ListArgs(filters=(("state", "not", TaskState.OPEN.value),), sort="created_at", descending=True),
        }
        return {name: home + args.query() for name, args in tabs.items()}

    def list_tabs(self, kept: Any, args: ListArgs) -> list[dict[str, Any]]:
        here = url_for("tasks.index_view") + args.query()
        labels = {"mine": "My tasks", "free": "Unassigned", "open": "All open", "done": "Done"}
        own = [
            {"label": labels[name], "url": url, "active": url == here, "delete_url": None}
            for name, url in self._tab_urls().items()
        ]
        return own + kept.tabs(self.endpoint, args.query())[1:]

    # --- One task ------------------------------------------------------------------------------------------

    def fill_header(self, page: DetailsPage, row: ApprovalTask) -> None:
        page.title = row.subject
        page.chips = [
            {"label": word(row.kind), "tone": KIND_TONES.get(row.kind, "neutral")},
            {"label": word(row.state), "tone": STATE_TONES[row.state]},
        ]
        page.meta = [
            ("Asked for by", row.requester.name if row.requester else "System"),
            ("Created", moment(row.created_at)),
            ("Assignee", row.assignee.name if row.assignee else "Nobody"),
            ("Due", due_cell(row)),
        ]
        if row.waits_for_requester:
            page.banners.append({"kind": "info", "text": "This waits for an answer of the partner."})
        if row.is_open and row.kind is TaskKind.PARTICULARS and row.customer and particulars.moved_on(row):
            names = ", ".join(label_of(name) for name in particulars.moved_on(row))
            text = f"The record has changed since this was asked for ({names}), so it can only be declined."
            page.banners.append({"kind": "warning", "text": text})

    def fill_details(self, page: DetailsPage, row: ApprovalTask, _tab: str) -> None:
        page.tables = _proposed(row)
        if row.customer is not None:
            page.sections.append({"title": "Customer", "items": _customer_items(row.customer), "edit_url": None})
        page.timeline = _talk(row)
        if row.decided_at is not None:
            who = row.decided_by.name if row.decided_by else "System"
            items = [("Outcome", word(row.state)), ("Decided by", who), ("When", moment(row.decided_at))]
            page.sections.insert(0, {"title": "Decision", "items": items, "edit_url": None})


def _customer_items(customer: Customer) -> list[tuple[str, Any]]:
    return [
        ("Name", customer_link(customer)),
        ("Customer no.", customer.account_number),
        ("Stage", stage_chip(customer.stage)),
        ("Kind", word(customer.kind)),
        ("Identity number", customer.identity_number),
        ("Registration number", customer.registration_number),
        ("VAT number", customer.vat_number),
        ("Dealer", str(customer.dealer or "") or None),
        ("Category", str(customer.category or "") or None),
        ("Credit reference", customer.credit_reference),
        ("Billing reference", customer.billing_reference),
        ("Monthly revenue", amount(customer.estimated_monthly_revenue)),
    ]


def _proposed(task: ApprovalTask) -> list[dict[str, Any]]:
    """What is asked for, old and new side by side."""
    if task.kind is TaskKind.PARTICULARS:
        rows = [[label_of(name), seen, {"text": wanted}] for name, (seen, wanted) in task.proposal.items()]
        return [
            {"title": "Asked for", "columns": [{"label": "Field"}, {"label": "Now"}, {"label": "New"}], "rows": rows}
        ]
    if not task.proposal:
        return []
    rows = [[sentence(name.replace("_", " ")), value] for name, value in task.proposal.items() if value]
    return [{"title": "Asked for", "columns": [{"label": "What"}, {"label": "Value"}], "rows": rows}]


def _talk(task: ApprovalTask) -> list[dict[str, Any]]:
    return [
        {
            "day": day(each.created_at.date()),
            "when": moment(each.created_at),
            "time": moment(each.created_at).rpartition(", ")[2],
            "who": each.user.name if each.user else "System",
            "what": "said",
            "text": each.text,
        }
        for each in reversed(task.comments)
    ]

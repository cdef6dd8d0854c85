"""Approval tasks: one queue of everything that has to be decided."""

from typing import Any

from flask import redirect, request, url_for
from flask_admin import expose
from sqlalchemy import Select, or_
from sqlalchemy.orm import joinedload

from customerhub.customers.search import found_ids
from customerhub.permissions import Permission, scope
from models import ApprovalTask, Customer, User
from models.enums import TaskKind, TaskState
from views import task_page
from views.base import Answer, HubModelView
from views.choices import Source
from views.columns import Filter
from views.editing import DetailsPage
from views.listing import ListArgs
from views.task_cells import COLUMNS
from views.task_operations import OPERATIONS

OPEN = ("state", "is", TaskState.OPEN.value)


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
        """Tasks are found by what their customers are found by, and by the name they were asked for under."""
        if not args.search:
            return query
        customers = found_ids(scope(Customer, self.actor), args.search)
        return query.where(or_(ApprovalTask.customer_id.in_(customers), self.find(args.search)))

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

    def row_actions(self, row: ApprovalTask) -> list[dict[str, Any]]:
        """What can be done; the step that brings it on stands out."""
        actions = super().row_actions(row)
        onward = [action for action in actions if action["label"] in ("Claim", "Approve")]
        for action in onward[-1:]:
            action["primary"] = True
        return actions

    def fill_header(self, page: DetailsPage, row: ApprovalTask) -> None:
        task_page.header(page, row)

    def fill_details(self, page: DetailsPage, row: ApprovalTask, _tab: str) -> None:
        task_page.fill(page, row)

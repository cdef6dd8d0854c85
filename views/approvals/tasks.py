"""Approval tasks: one queue of everything that has to be decided."""

from typing import Any

from flask import redirect, request, url_for
from flask_admin import expose
from sqlalchemy import Select, or_
from sqlalchemy.orm import joinedload

from customerhub.core.permissions import Permission, select_visible
from customerhub.customers.choice_rules import STAFF_ONLY
from customerhub.customers.search import select_matching_ids
from models import ApprovalTask, Customer, User
from models.enums import TaskKind, TaskState
from views.approvals import task_record
from views.approvals.operations import OPERATIONS
from views.cells.tasks import COLUMNS
from views.framework.choices import Source
from views.framework.edit_page import DetailsPage
from views.framework.filters import Filter
from views.framework.list_page import ListArgs
from views.framework.list_preferences import ListSettings
from views.framework.model_view import HubModelView
from views.framework.screen import ViewResponse

OPEN_FILTER = ("state", "is", TaskState.OPEN.value)


class TaskView(HubModelView):
    noun = "task"
    title = "Approval tasks"
    intro = "New customers, change requests and blacklist requests to be decided."
    empty_text = "Tasks are created automatically when a partner registers a customer or a change is requested."
    columns = COLUMNS
    filters = (
        Filter("state", "State", ApprovalTask.state, "select", members=TaskState, nullable=False),
        Filter("kind", "Request", ApprovalTask.kind, "select", members=TaskKind, nullable=False),
        Filter("assignee", "Assignee", ApprovalTask.assignee_id, "select", source=Source(User, STAFF_ONLY)),
        Filter("due_on", "Due", ApprovalTask.due_on, "date"),
        Filter("waits", "Waiting for partner", ApprovalTask.waits_for_requester, "yes"),
    )
    search_columns = (ApprovalTask.subject,)
    search_hint = "Search by customer: name, reference, account no."
    default_order = (ApprovalTask.due_on, ApprovalTask.id)
    load_options = (
        joinedload(ApprovalTask.customer),
        joinedload(ApprovalTask.assignee),
        joinedload(ApprovalTask.requester),
    )
    operations = OPERATIONS
    view_permission = Permission.TASKS_VIEW
    edit_permission = None

    def apply_search(self, query: Select[Any], args: ListArgs) -> Select[Any]:
        """Tasks are found by what their customers are found by, and by the name they were asked for under."""
        if not args.search:
            return query
        customers = select_matching_ids(select_visible(Customer, self.actor), args.search)
        return query.where(or_(ApprovalTask.customer_id.in_(customers), self.search_condition(args.search)))

    @expose("/")
    def index_view(self) -> ViewResponse:
        """The queue; without a wish the open tasks."""
        if not request.args:
            return redirect(self._tab_urls()["open"])
        return super().index_view()

    @expose("/mine/")
    def my_tasks(self) -> ViewResponse:
        """The open tasks of the user."""
        return redirect(self._tab_urls()["mine"])

    def _tab_urls(self) -> dict[str, str]:
        list_url = url_for("tasks.index_view")
        tabs = {
            "mine": ListArgs(filters=(OPEN_FILTER, ("assignee", "is", str(self.actor.id)))),
            "free": ListArgs(filters=(OPEN_FILTER, ("assignee", "blank", ""))),
            "open": ListArgs(filters=(OPEN_FILTER,)),
            "done": ListArgs(filters=(("state", "not", TaskState.OPEN.value),), sort="created_at", descending=True),
        }
        return {name: list_url + args.query_string() for name, args in tabs.items()}

    def list_tabs(self, settings: ListSettings, args: ListArgs) -> list[dict[str, Any]]:
        current_url = url_for("tasks.index_view") + args.query_string()
        labels = {"mine": "My tasks", "free": "Unassigned", "open": "All open", "done": "Done"}
        task_tabs = [
            {"label": labels[name], "url": url, "active": url == current_url} for name, url in self._tab_urls().items()
        ]
        return task_tabs + settings.view_tabs(self.endpoint, args.query_string())[1:]

    # --- One task ------------------------------------------------------------------------------------------

    def row_actions(self, row: ApprovalTask) -> list[dict[str, Any]]:
        """What can be done; the step that brings it on stands out."""
        actions = super().row_actions(row)
        next_actions = [action for action in actions if action["label"] in ("Claim", "Approve")]
        for action in next_actions[-1:]:
            action["primary"] = True
        return actions

    def fill_header(self, page: DetailsPage, row: ApprovalTask) -> None:
        task_record.fill_header(page, row)

    def fill_details(self, page: DetailsPage, row: ApprovalTask, _tab: str) -> None:
        task_record.fill_details(page, row)

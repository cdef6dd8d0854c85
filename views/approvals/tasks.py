"""Approval tasks: one queue of everything that has to be decided."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flask import current_app, redirect, request, url_for
from flask_admin import expose
from sqlalchemy import Select, or_
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from customerhub.approvals import task_board
from customerhub.core.permissions import Permission, select_visible
from customerhub.customers.choice_rules import STAFF_ONLY
from customerhub.customers.search import select_matching_ids
from models import ApprovalTask, Customer, User
from models.enums import TaskKind, TaskState
from views.approvals import board, task_record, task_rows
from views.approvals.operations import OPERATIONS
from views.cells.tasks import COLUMNS
from views.framework import list_page, list_preferences
from views.framework.choices import Source
from views.framework.columns import Column
from views.framework.edit_page import DetailsPage
from views.framework.filters import Filter
from views.framework.list_page import ListArgs, ListPage
from views.framework.list_preferences import ListSettings
from views.framework.model_view import HubModelView
from views.framework.operation import OperationPage
from views.framework.screen import ViewResponse

LAYOUT_COOKIE, BOARD = "hub_tasks_layout", "board"
YEAR_SECONDS = 365 * 24 * 3600
NOT_ON_BOARD = ("state", "kind")  # a board has the stages of one kind of task
NEXT_LABELS = ("Claim", "Approve", "Pass credit check", "Make live", "Answer")
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
        Filter("waits", "Waiting for requester", ApprovalTask.waits_for_requester, "yes"),
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
        """The queue; without a wish the open tasks. It is shown as a list or as a board, as this browser did last."""
        if not request.args:
            return redirect(self._tab_urls()["open"])
        if request.cookies.get(LAYOUT_COOKIE) == BOARD and not list_page.is_filter_form():
            return self._render_board(self.parse_list_args(request.args))
        return super().index_view()

    @expose("/layout/", methods=("POST",))
    def choose_layout(self) -> Response:
        """Show the queue as a list or as a board from now on."""
        response = redirect(self._list_url(), 303)
        layout = BOARD if request.form.get("layout") == BOARD else ""
        response.set_cookie(
            LAYOUT_COOKIE,
            layout,
            max_age=YEAR_SECONDS if layout else 0,
            path=url_for("tasks.index_view"),
            secure=current_app.config["SESSION_COOKIE_SECURE"],
            httponly=True,
            samesite="Lax",
        )
        return response

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

    # --- Rows and cards ------------------------------------------------------------------------------------

    def _row_url(self, back: str) -> Callable[[str, ApprovalTask], str]:
        """The addresses of operations on one row, which lead back to the list; of none of them that of the row."""

        def url_of(operation: str, task: ApprovalTask) -> str:
            if not operation:
                return self.url_of(task)
            return f"{self.operation_url(operation, [task.id], back)}&from=list"

        return url_of

    def _build_list_page(
        self, args: ListArgs, settings: ListSettings, visible_columns: list[Column], rows: list[Any], *counts: Any
    ) -> ListPage:
        page = super()._build_list_page(args, settings, visible_columns, rows, *counts)
        url_of = self._row_url(args.query_string(page=args.page))
        names = [column.name for column in visible_columns]
        for task, row in zip(rows, page.rows, strict=True):
            row["buttons"] = task_rows.build_buttons(task, self.actor, url_of)
            if "assignee" in names:
                row["cells"][names.index("assignee")] = task_rows.build_assignee_cell(task, self.actor, url_of)
        page.layout = self._describe_layout("", args)
        return page

    def _describe_layout(self, current: str, args: ListArgs) -> dict[str, Any]:
        choices = [("", "List", "list"), (BOARD, "Board", "columns")]
        url = url_for("tasks.choose_layout")
        return {"url": url, "back": args.query_string(), "current": current, "choices": choices}

    def _render_board(self, args: ListArgs) -> ViewResponse:
        filters = tuple(each for each in args.filters if each[0] not in NOT_ON_BOARD)
        query, filter_errors = self.filtered_query(replace(args, filters=filters))
        list_page.flash_filter_errors(filter_errors)
        found = task_board.load_stage_tasks(
            query, decided_since=board.get_start(), limits=board.get_limits(request.args)
        )
        query_string = args.query_string()
        settings = list_preferences.load_settings(self)
        page = self._build_list_page(args, settings, [], [], sum(each.count for each in found.values()), False)
        page.subtitle = "New customers by stage. Other requests are in the list."
        page.layout, page.columns_url = self._describe_layout(BOARD, args), None
        page.chips = [each for each in page.chips if each["name"] not in NOT_ON_BOARD]
        columns = board.build_columns(found, self.actor, self._row_url(query_string), query_string)
        return self.render("approvals/board.html", page=page, columns=columns)

    def _build_operation_page(self, *args: Any) -> OperationPage:
        """From a row or a card back to the list or board, not to the record."""
        page = super()._build_operation_page(*args)
        if request.args.get("from") == "list":
            page.back_url = self._list_url()
        return page

    # --- One task ------------------------------------------------------------------------------------------

    def row_actions(self, row: ApprovalTask) -> list[dict[str, Any]]:
        """What can be done; the step that brings it on stands out."""
        actions = super().row_actions(row)
        if row.kind is TaskKind.ONBOARDING:  # which is approved by its next step
            actions = [action for action in actions if action["label"] != "Approve"]
        next_actions = [action for action in actions if action["label"] in NEXT_LABELS]
        for action in next_actions[:1]:
            action["primary"] = True
        return actions

    def fill_header(self, page: DetailsPage, row: ApprovalTask) -> None:
        task_record.fill_header(page, row)

    def fill_details(self, page: DetailsPage, row: ApprovalTask, _tab: str) -> None:
        task_record.fill_details(page, row)

"""Cases: what customers ask for, who takes care of it, and the conversation about it."""

from typing import Any

from flask import flash, redirect, request, url_for
from flask_admin import expose
from sqlalchemy.orm import joinedload

from customerhub.cases import cases
from customerhub.cases.conversation import MAX_TEXT_LENGTH, list_notes, write_note
from customerhub.core.errors import HubError
from customerhub.core.permissions import Permission
from customerhub.core.spreadsheets import CellKind
from customerhub.customers.choice_rules import STAFF_ONLY
from models import Customer, CustomerCase, User
from models.base import db
from models.enums import CaseStatus
from views.cases.operations import OPERATIONS
from views.cells.cases import status_chip, subject_cell
from views.cells.customer_part_view import CUSTOMER_FIELD, CustomerPartView
from views.cells.customers import CustomerFilter, customer_link
from views.cells.rich_text import render_text
from views.framework.choices import Source
from views.framework.columns import Column
from views.framework.edit_page import DetailsPage
from views.framework.exported import Exported, Related
from views.framework.filters import Filter
from views.framework.formatting import format_datetime
from views.framework.labels import member_label
from views.framework.list_page import ListArgs
from views.framework.list_preferences import ListSettings
from views.framework.panel import Panel
from views.framework.screen import ViewResponse
from views.http import form_tokens

SCREEN = "cases"
TAB = "cases"
_NOT_CLOSED = ("status", "not", CaseStatus.CLOSED.value)


class CaseView(CustomerPartView):
    noun = "case"
    title = "Cases"
    intro = "What customers ask for, from staff and from the portal."
    empty_text = "Cases are opened here, on the page of a customer, or by customers in the portal."
    customer_tab = TAB
    columns = (
        Column("subject", "Subject", subject_cell, sort=CustomerCase.subject, export=Exported(CustomerCase.subject)),
        Column(
            "number",
            "Number",
            lambda row: row.number,
            sort=CustomerCase.id,
            collapsed_format="{}",
            export=Exported(CustomerCase.number),
        ),
        Column(
            "customer",
            "Customer",
            lambda row: customer_link(row.customer),
            export_text=lambda row: row.customer.name,
            export=Exported(Related(CustomerCase.customer, Customer.name)),
        ),
        Column(
            "status",
            "Status",
            status_chip,
            sort=CustomerCase.status,
            export=Exported(CustomerCase.status, render=member_label),
        ),
        Column(
            "assignee",
            "Assignee",
            lambda row: row.assignee.name if row.assignee else None,
            load_options=(joinedload(CustomerCase.assignee),),
            export=Exported(Related(CustomerCase.assignee, User.name)),
        ),
        Column(
            "requester",
            "Opened by",
            lambda row: row.requester.name if row.requester else "System",
            load_options=(joinedload(CustomerCase.requester),),
            export=Exported(Related(CustomerCase.requester, User.name), render=lambda name: name or "System"),
            collapsed_format="by {}",
        ),
        Column(
            "created_at",
            "Opened",
            lambda row: format_datetime(row.created_at),
            sort=CustomerCase.id,
            export=Exported(CustomerCase.created_at, kind=CellKind.MOMENT),
            collapsed_format="{}",
        ),
        Column(
            "replied_at",
            "Last reply",
            lambda row: format_datetime(row.replied_at) or None,
            sort=(CustomerCase.replied_at, CustomerCase.id),
            export=Exported(CustomerCase.replied_at, kind=CellKind.MOMENT),
            collapsed_format="last reply {}",
        ),
        Column(
            "closed_at",
            "Closed",
            lambda row: format_datetime(row.closed_at) or None,
            sort=(CustomerCase.closed_at, CustomerCase.id),
            default_visible=False,
            export=Exported(CustomerCase.closed_at, kind=CellKind.MOMENT),
        ),
    )
    filters = (
        Filter("status", "Status", CustomerCase.status, "select", members=CaseStatus, nullable=False),
        Filter("assignee", "Assignee", CustomerCase.assignee_id, "select", source=Source(User, STAFF_ONLY)),
        CustomerFilter("customer", "Customer", CustomerCase.customer_id, nullable=False),
        Filter("subject", "Subject", CustomerCase.subject, nullable=False),
        Filter("created_at", "Opened", CustomerCase.created_at, "date", nullable=False),
        Filter("replied_at", "Last reply", CustomerCase.replied_at, "date"),
        Filter("closed_at", "Closed", CustomerCase.closed_at, "date"),
    )
    search_columns = (CustomerCase.number, CustomerCase.subject)
    search_hint = "Number, subject, customer"
    default_order = (CustomerCase.id.desc(),)
    load_options = (joinedload(CustomerCase.customer).joinedload(Customer.status),)
    details_load_options = (joinedload(CustomerCase.assignee), joinedload(CustomerCase.requester))
    fields = (CUSTOMER_FIELD, "subject", "assignee_id")
    operations = OPERATIONS
    view_permission = Permission.CASES_VIEW
    edit_permission = Permission.CASES_EDIT
    save = staticmethod(cases.save_case)

    # --- List ----------------------------------------------------------------------------------------------

    @expose("/")
    def index_view(self) -> ViewResponse:
        """The list; without a wish the cases that are not closed."""
        if not request.args:
            return redirect(self._tab_urls()["open"])
        return super().index_view()

    @expose("/mine/")
    def my_cases(self) -> ViewResponse:
        """The cases of the user that are not closed."""
        return redirect(self._tab_urls()["mine"])

    def _tab_urls(self) -> dict[str, str]:
        list_url = url_for(f"{SCREEN}.index_view")
        closed = ("status", "is", CaseStatus.CLOSED.value)
        tabs = {
            "mine": ListArgs(filters=(_NOT_CLOSED, ("assignee", "is", str(self.actor.id)))),
            "free": ListArgs(filters=(_NOT_CLOSED, ("assignee", "blank", ""))),
            "open": ListArgs(filters=(_NOT_CLOSED,)),
            "closed": ListArgs(filters=(closed,), sort="created_at", descending=True),
        }
        return {name: list_url + args.query_string() for name, args in tabs.items()}

    def list_tabs(self, settings: ListSettings, args: ListArgs) -> list[dict[str, Any]]:
        current_url = url_for(f"{SCREEN}.index_view") + args.query_string()
        labels = {"mine": "My cases", "free": "Unassigned", "open": "All open", "closed": "Closed"}
        tabs = [
            {"label": labels[name], "url": url, "active": url == current_url, "delete_url": None}
            for name, url in self._tab_urls().items()
        ]
        return tabs + settings.view_tabs(self.endpoint, args.query_string())[1:]

    # --- One case ------------------------------------------------------------------------------------------

    def fill_header(self, page: DetailsPage, row: CustomerCase) -> None:
        chip = status_chip(row)
        page.chips = [{"label": chip["chip"], "tone": chip["tone"]}]
        page.meta = [
            ("Customer", customer_link(row.customer)),
            ("Assignee", row.assignee.name if row.assignee else "Unassigned"),
            ("Opened by", row.requester.name if row.requester else "System"),
            ("Opened", format_datetime(row.created_at)),
            *([("Closed", format_datetime(row.closed_at))] if row.closed_at else []),
        ]

    def fill_details(self, page: DetailsPage, row: CustomerCase, _tab: str) -> None:
        entries = [
            {
                "id": note.id,
                "who": note.user.name if note.user else "System",
                "when": format_datetime(note.created_at),
                "text": render_text(note.text),
                "is_visible": note.is_visible,
                "is_from_customer": note.user is not None and note.user.customer_id is not None,
            }
            for note in list_notes(row, actor=self.actor)
        ]
        reply_url = url_for(f"{SCREEN}.write_case_note", id=row.id) if self.may_edit() else None
        values = {"entries": entries, "reply_url": reply_url, "max_length": MAX_TEXT_LENGTH, "portal": False}
        page.panel = Panel("cases/conversation.html", values)
        page.scripts = ["js/form.js"]

    @expose("/note/", methods=("POST",))
    def write_case_note(self) -> ViewResponse:
        """Add what was written on the page of a case."""
        duplicate = form_tokens.claim_token()
        row = self.get_one(request.args.get("id", ""))
        address = self.url_of(row)
        if duplicate is not None and duplicate.is_same:
            return duplicate.redirect_again(address)
        is_visible = request.form.get("visible") == "1"
        try:
            note = write_note(row, text=request.form.get("text", ""), is_visible=is_visible, actor=self.actor)
            address = f"{address}#note-{note.id}"
            form_tokens.set_redirect(address)
            db.session.commit()
        except HubError as error:
            db.session.rollback()
            flash(error.message, "error")
        return redirect(address, 303)

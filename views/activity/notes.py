"""Notes and their follow-ups: a list across customers, and the form of one."""

from typing import Any

from flask import abort, flash, jsonify, redirect, request, url_for
from flask_admin import expose
from sqlalchemy.orm import joinedload, selectinload
from werkzeug.wrappers import Response

from customerhub.activity import follow_ups, notes
from customerhub.activity.mentions import search_colleagues, see_mention
from customerhub.core.errors import HubError
from customerhub.core.permissions import Permission
from customerhub.core.spreadsheets import CellKind
from customerhub.customers.choice_rules import STAFF_ONLY
from models import Customer, Note, NoteMention, User
from models.base import db
from views.cells.assignment import build_assign_form
from views.cells.customer_part_view import CUSTOMER_FIELD, CustomerPartView
from views.cells.customers import CustomerFilter, customer_link
from views.cells.notes import describe_state, due_cell, render_note, state_chip
from views.framework.choices import Source
from views.framework.columns import Column
from views.framework.edit_page import DetailsPage, EditPage
from views.framework.exported import Exported, Related
from views.framework.filters import Filter, LinkFilter
from views.framework.formatting import format_date, format_datetime, local_date
from views.framework.forms import build_form
from views.framework.list_page import ListArgs
from views.framework.list_preferences import ListSettings
from views.framework.operation import Operation, refusal_check
from views.framework.screen import ViewResponse
from views.http.urls import parse_id, path_to

MOST_SUGGESTED = 8  # colleagues offered for a mention
SCREEN = "notes"
TAB = "activity"
FIELDS = (CUSTOMER_FIELD, "text", "follow_up_on", "assignee_id")
FIELD_ARGS: dict[str, dict[str, Any]] = {
    **CustomerPartView.field_args,
    "text": {
        "description": "Type @ to mention a colleague, who is notified.",
        "render_kw": {"rows": 3},
    },
    "follow_up_on": {"description": "Leave blank if there is nothing to do."},
    "assignee_id": {
        "source": Source(User, STAFF_ONLY),
        "screen": SCREEN,
        "description": "Who follows up; you by default.",
    },
}
NoteForm = build_form(Note, FIELDS, args=FIELD_ARGS, name="NoteForm")
_OPEN = (("follow_up_on", "filled", ""), ("done_at", "blank", ""))
_DUE = (("follow_up_on", "in", "until_today"), ("done_at", "blank", ""))


def offer_mentions(form: Any) -> None:
    """Have the text of a note's form suggest colleagues after an @."""
    form["text"].render_kw = {**(form["text"].render_kw or {}), "data-mentions": url_for(f"{SCREEN}.list_colleagues")}


class NoteView(CustomerPartView):
    noun = "note"
    title = "Notes and follow-ups"
    intro = "What colleagues noted about customers, and what is to be followed up."
    empty_text = "Write notes on the Activity tab of a customer."
    customer_tab = TAB
    columns = (
        Column("text", "Note", str, export=Exported(Note.text), no_truncate=True),
        Column(
            "customer",
            "Customer",
            lambda row: customer_link(row.customer),
            export_text=lambda row: row.customer.name,
            export=Exported(Related(Note.customer, Customer.name)),
        ),
        Column(
            "follow_up_on",
            "Follow up on",
            lambda row: format_date(row.follow_up_on) or None,
            sort=(Note.follow_up_on, Note.id),
            export=Exported(Note.follow_up_on, kind=CellKind.DATE),
        ),
        Column(
            "assignee",
            "Assignee",
            lambda row: row.assignee.name if row.assignee else None,
            load_options=(joinedload(Note.assignee),),
            export=Exported(Related(Note.assignee, User.name)),
        ),
        Column(
            "state",
            "State",
            state_chip,
            export=Exported(Note.follow_up_on, Note.done_at, render=describe_state),
        ),
        Column(
            "author",
            "Author",
            lambda row: row.author.name if row.author else "System",
            load_options=(joinedload(Note.author),),
            export=Exported(Related(Note.author, User.name), render=lambda name: name or "System"),
            collapsed_format="by {}",
        ),
        Column(
            "created_at",
            "Created",
            lambda row: format_date(local_date(row.created_at)),
            sort=Note.id,
            export=Exported(Note.created_at, kind=CellKind.DATE, render=local_date),
            collapsed_format="on {}",
        ),
    )
    filters = (
        CustomerFilter("customer", "Customer", Note.customer_id, nullable=False),
        Filter("follow_up_on", "Follow up on", Note.follow_up_on, "date"),
        Filter("assignee", "Assignee", Note.assignee_id, "select", source=Source(User, STAFF_ONLY)),
        Filter("author", "Author", Note.author_id, "select", source=Source(User, STAFF_ONLY)),
        Filter("done_at", "Done", Note.done_at, "date"),
        LinkFilter(
            "unread_by",
            "Unread mention of",
            NoteMention.user_id,
            "select",
            source=Source(User, STAFF_ONLY),
            row_key=NoteMention.note_id,
            condition=NoteMention.seen_at.is_(None),
            model=Note,
        ),
        Filter("created_at", "Created", Note.created_at, "date", nullable=False),
    )
    search_columns = (Note.text,)
    search_hint = "Text, customer"
    default_order = (Note.id.desc(),)
    load_options = (joinedload(Note.customer).joinedload(Customer.status),)
    details_load_options = (
        joinedload(Note.author),
        joinedload(Note.assignee),
        joinedload(Note.done_by),
        selectinload(Note.mentions).joinedload(NoteMention.user),
    )
    fields = FIELDS
    field_args = FIELD_ARGS
    operations = (
        Operation(
            name="done",
            label="Mark as done",
            past_tense="done",
            permission=Permission.CUSTOMERS_EDIT,
            run=follow_ups.complete_follow_up,
            run_many=follow_ups.complete_follow_ups,
            unavailable_reason=refusal_check(lambda note, _actor: follow_ups.check_completion(note)),
            explanation="The follow-up is no longer listed as open.",
            icon="ok",
        ),
        Operation(
            name="reopen",
            label="Mark as not done",
            past_tense="open again",
            permission=Permission.CUSTOMERS_EDIT,
            run=follow_ups.reopen_follow_up,
            run_many=follow_ups.reopen_follow_ups,
            unavailable_reason=refusal_check(lambda note, _actor: follow_ups.check_reopening(note)),
            explanation="The follow-up is listed as open again.",
            icon="undo",
        ),
        Operation(
            name="assign",
            label="Assign",
            past_tense="assigned",
            permission=Permission.CUSTOMERS_EDIT,
            run=follow_ups.assign_follow_up,
            run_many=follow_ups.assign_follow_ups,
            unavailable_reason=refusal_check(lambda note, _actor: follow_ups.check_completion(note)),
            form=build_assign_form,
            explanation="The assignee receives one email about all selected follow-ups.",
            icon="user",
        ),
        Operation(
            name="delete",
            label="Delete",
            past_tense="deleted",
            permission=Permission.CUSTOMERS_EDIT,
            run=notes.delete_note,
            run_many=notes.delete_notes,
            unavailable_reason=refusal_check(notes.check_editing),
            explanation="The note is deleted. Its text is kept in the history of the customer.",
            icon="trash",
            danger=True,
            deletes_rows=True,
        ),
    )
    view_permission = Permission.CUSTOMERS_VIEW
    edit_permission = Permission.CUSTOMERS_EDIT
    save = staticmethod(notes.save_note)

    # --- List ----------------------------------------------------------------------------------------------

    @expose("/due/")
    def due_follow_ups(self) -> ViewResponse:
        """The open follow-ups of the user that are due today or late, the most overdue first."""
        return redirect(self._tab_urls()["due"])

    @expose("/mine/")
    def my_follow_ups(self) -> ViewResponse:
        """The open follow-ups of the user, the first to be done first."""
        return redirect(self._tab_urls()["mine"])

    def _tab_urls(self) -> dict[str, str]:
        list_url = url_for(f"{SCREEN}.index_view")
        tabs = {
            "all": ListArgs(),
            "due": ListArgs(filters=(*_DUE, ("assignee", "is", str(self.actor.id))), sort="follow_up_on"),
            "mine": ListArgs(filters=(*_OPEN, ("assignee", "is", str(self.actor.id))), sort="follow_up_on"),
            "free": ListArgs(filters=(*_OPEN, ("assignee", "blank", "")), sort="follow_up_on"),
            "open": ListArgs(filters=_OPEN, sort="follow_up_on"),
        }
        return {name: list_url + args.query_string() for name, args in tabs.items()}

    def list_tabs(self, settings: ListSettings, args: ListArgs) -> list[dict[str, Any]]:
        current_url = url_for(f"{SCREEN}.index_view") + args.query_string()
        labels = {"all": "All notes", "due": "Due", "mine": "My follow-ups", "free": "Unassigned", "open": "All open"}
        tabs = [
            {"label": labels[name], "url": url, "active": url == current_url, "delete_url": None}
            for name, url in self._tab_urls().items()
        ]
        return tabs + settings.view_tabs(self.endpoint, args.query_string())[1:]

    # --- Form ----------------------------------------------------------------------------------------------

    def _after_save(self, row: Note) -> Response:
        if "_add_another" in request.form or "_continue" in request.form:
            return super()._after_save(row)
        return redirect(f"{self.build_tab_url(row.customer_id)}#note-{row.id}", 303)

    def _edit_page(self, form: Any, row: Any) -> EditPage:
        page = super()._edit_page(form, row)
        offer_mentions(form)
        page.scripts = ["js/mentions.js"]
        return page

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> ViewResponse:
        """The form of one's own note, or of any for who may edit those of others."""
        self._refuse_others_note(request.args.get("id", ""))
        return super().edit_view()

    @expose("/operation/<operation>/", methods=("GET", "POST"))
    def operation_view(self, operation: str) -> ViewResponse:
        """As of every screen; who may not delete a note does not get the page that would."""
        ids = request.args.getlist("id")
        if operation == "delete" and len(ids) == 1:
            self._refuse_others_note(ids[0])
        return super().operation_view(operation)

    def _refuse_others_note(self, key: str) -> None:
        """Ends the request with 403 where the note is one that the user may see and not change."""
        note_id = parse_id(key)
        note = db.session.get(Note, note_id) if note_id is not None else None
        if note is not None and note.organisation_id == self.actor.organisation_id and not self._may_change(note):
            abort(403)

    def _may_change(self, note: Note) -> bool:
        return refusal_check(notes.check_editing)(note, self.actor) is None

    @expose("/colleagues/")
    def list_colleagues(self) -> Any:
        """[{name, email, word}] of the staff who can be mentioned by what is being typed; `word` is what is put into
        the text.
        """
        if not self.may_edit():
            abort(403)
        text = request.args.get("query", "").strip()[:100]
        found = search_colleagues(text, MOST_SUGGESTED, actor=self.actor)
        names = [each.name.casefold() for each in found]
        return jsonify(
            [
                {
                    "name": each.name,
                    "email": each.email,
                    "word": each.name if names.count(each.name.casefold()) == 1 else each.email,
                }
                for each in found
            ]
        )

    # --- From other pages ----------------------------------------------------------------------------------

    @expose("/follow-up/", methods=("POST",))
    def change_follow_up(self) -> ViewResponse:
        """Mark a follow-up as done, or as not done, from the page of its customer."""
        note = self.get_one(request.form.get("id", ""))
        change = follow_ups.reopen_follow_up if "reopen" in request.form else follow_ups.complete_follow_up
        address = f"{self.build_tab_url(note.customer_id)}#note-{note.id}"
        try:
            change(note, actor=self.actor)
            db.session.commit()
        except HubError as error:
            db.session.rollback()
            flash(error.message, "warning")
        return redirect(address, 303)

    @expose("/mention/", methods=("POST",))
    def open_mention(self) -> ViewResponse:
        """From the bell to the note that mentions the user, which they have seen then."""
        mention_id = parse_id(request.form.get("id", ""))
        if mention_id is None:
            abort(404)
        note = see_mention(mention_id, actor=self.actor)
        db.session.commit()
        return redirect(path_to(f"{SCREEN}.details_view", note.id), 303)

    # --- Details -------------------------------------------------------------------------------------------

    def row_actions(self, row: Note) -> list[dict[str, Any]]:
        actions = super().row_actions(row)
        return actions if self._may_change(row) else [each for each in actions if each["label"] != "Edit"]

    def fill_header(self, page: DetailsPage, row: Note) -> None:
        page.title = "Note"
        chip = state_chip(row)
        page.chips = [{"label": chip["chip"], "tone": chip["tone"]}] if chip else []
        page.meta = [
            ("Customer", customer_link(row.customer)),
            ("Author", row.author.name if row.author else "System"),
            ("Created", format_datetime(row.created_at)),
        ]

    def fill_details(self, page: DetailsPage, row: Note, _tab: str) -> None:
        page.sections.append({"title": "Note", "text": render_note(row)})
        if row.follow_up_on is not None:
            items = [
                ("Follow up on", due_cell(row)),
                ("Assignee", row.assignee.name if row.assignee else "Unassigned"),
                ("Done", format_datetime(row.done_at) or None),
                ("Done by", row.done_by.name if row.done_by else None),
            ]
            page.sections.append({"title": "Follow-up", "items": items, "edit_url": None})

"""Creating, editing and showing one row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import abort, flash, g, redirect, request, url_for
from flask_admin import expose
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response
from wtforms import Form

from customerhub.core.errors import HubError
from customerhub.core.permissions import Permission
from models import StoredFile
from models.base import db
from views.framework import choices, edit_conflicts, timeline, uploads
from views.framework.custom_form_fields import find_form_class, load_row_values
from views.framework.display import display_value, label_for, table_of
from views.framework.eager_loading import load_relations
from views.framework.edit_conflicts import build_entered_table, list_entered_values
from views.framework.form_binding import (
    attach_errors,
    count_errors,
    fields_of,
    fill_row,
    keep_pending_files,
    submitted_data,
)
from views.framework.form_layouts import fill_hidden_fields, leave_out_fields, mark_required_fields
from views.framework.form_parts import FieldPair, FormText
from views.framework.formatting import format_datetime
from views.framework.forms import Inline
from views.framework.operation_page import OperationMixin
from views.framework.paging import Pager
from views.framework.panel import Panel
from views.framework.row_fields import LookupField
from views.framework.screen import ViewResponse
from views.http import form_tokens


@dataclass
class EditPage:
    """What templates/screens/edit.html shows."""

    title: str
    form: Form
    subtitle: str | None = None
    main: Sequence[str | FieldPair | FormText] = ()
    columns: int | None = None
    tabs: list[dict[str, Any]] = field(default_factory=list)
    submit_label: str = "Save"
    cancel_url: str | None = None
    more_submits: list[tuple[str, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    conflict: dict[str, Any] | None = None
    default_values: dict[str, Any] | None = None
    tables: list[dict[str, Any]] = field(default_factory=list)
    is_new: bool = False
    banners: list[dict[str, Any]] = field(default_factory=list)
    live: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # by the section in which it stands
    tab_tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    hidden_fields: list[tuple[str, str]] = field(default_factory=list)
    preview: Any = None
    scripts: Sequence[str] = ()


@dataclass
class DetailsPage:
    """What templates/screens/details.html shows."""

    title: str
    subtitle: str | None = None
    chips: list[dict[str, Any]] = field(default_factory=list)
    meta: list[tuple[str, Any]] = field(default_factory=list)
    actions: list[dict[str, Any]] = field(default_factory=list)
    banners: list[dict[str, Any]] = field(default_factory=list)
    tabs: list[dict[str, Any]] = field(default_factory=list)
    sections: list[dict[str, Any]] = field(default_factory=list)
    summary: list[dict[str, Any]] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)
    timeline: list[dict[str, Any]] | None = None
    frame: dict[str, str] | None = None
    preview: Any = None
    panel: Panel | None = None
    scripts: Sequence[str] = ()
    pager: Pager | None = None
    facts: Any = None


class EditMixin(OperationMixin):
    """The create, edit and details pages of a HubModelView."""

    field_pairs: Sequence[FieldPair] = ()
    record_tabs: Mapping[str, str] = {}  # the tab of the record that shows what a tab of the form holds

    # --- Create and edit -----------------------------------------------------------------------------------

    @property
    def _create_form_class(self) -> type[Form]:
        """What Flask-Admin made of the declared fields, with the custom fields of the organisation at work and without
        those that it hides.
        """
        form_class: Any = self.extend_form_class(self._declared_form_class)
        return leave_out_fields(form_class, self.hidden_fields)

    @_create_form_class.setter
    def _create_form_class(self, form_class: type[Form]) -> None:
        self._declared_form_class = form_class

    _edit_form_class = _create_form_class

    def extend_form_class(self, form_class: type[Form]) -> type[Form]:
        """`form_class` with the custom fields of the organisation at work."""
        return find_form_class(form_class, self.model, self.inlines)

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> ViewResponse:
        if not self.can_create:
            abort(403)
        duplicate = form_tokens.claim_token() if request.method == "POST" else None
        if duplicate is not None and duplicate.is_same:
            return duplicate.redirect_again(url_for(f"{self.endpoint}.index_view"))
        form = self._create_form_class(submitted_data(self._form_classes()), data=self.initial_values())
        page = self._edit_page(form, None)
        if request.method == "POST":
            row = self.new_row()
            fill_hidden_fields(row, self.hidden_fields, self.initial_values())
            response = self._save(form, row, page, duplicate)
            if response is not None:
                return response
        return self._render_form(page)

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> ViewResponse:
        duplicate = form_tokens.claim_token() if request.method == "POST" and self.can_edit else None
        if duplicate is not None and duplicate.is_same:
            return duplicate.redirect_again(url_for(f"{self.endpoint}.index_view"))
        try:
            row = self.get_one(key := request.args.get("id", ""))
        except NotFound:
            return self._render_deleted(key)
        if not self.can_edit:
            abort(403)
        shown_inlines = self.list_shown_inlines()
        for inline in shown_inlines:
            load_relations(getattr(row, inline.name), StoredFile)
        load_row_values(row, shown_inlines)
        form = self._edit_form_class(submitted_data(self._form_classes()), obj=row)
        page = self._edit_page(form, row)
        if request.method != "POST":
            form["original"].data = edit_conflicts.serialize_form(form)
        else:
            page.conflict = self._find_conflict(form, row)
            response = self._save(form, row, page, duplicate)
            if response is not None:
                return response
        return self._render_form(page)

    def _render_deleted(self, key: str) -> ViewResponse:
        """What somebody typed into the form of a row that was deleted while they did; 404 for any other."""
        entry = timeline.find_deletion(self.model, key, self.actor) if request.method == "POST" else None
        if entry is None or not self.can_edit:
            abort(404)
        form = self._edit_form_class(submitted_data(self._form_classes()))
        choices.preload([*choices.sources_of_form(type(form)), *self.choice_sources])
        g.crumb = entry.title
        page = DetailsPage(title=f"{entry.title} was deleted")
        message = (
            f"{timeline.describe_actor(entry)} deleted this record on {format_datetime(entry.at)}. Nothing was saved. "
            "Your entries are shown below."
        )
        page.banners = [{"kind": "error", "text": message}]
        page.sections = [{"title": "Your entries", "items": list_entered_values(form, self.all_fields())}]
        page.tables = [build_entered_table(form[inline.name]) for inline in self.list_shown_inlines()]
        return self.render(self.details_template, page=page), 404

    def new_row(self) -> Any:
        """The row that the form of a new one fills."""
        return self.model(organisation_id=self.actor.organisation_id)

    def initial_values(self) -> dict[str, Any]:
        """What the form of a new row begins with, beside the defaults of its columns."""
        return {}

    def _is_valid(self, form: Form, row: Any) -> bool:
        """Whether every field can be read. Where one cannot, the rules are asked about the others too."""
        if form.validate():
            return True
        self._check_rules(form, row)
        return False

    def _check_rules(self, form: Form, row: Any) -> None:
        """Try the operation on the sound fields and undo it: people want to hear of all that is wrong at once."""
        try:
            with db.session.no_autoflush:
                fill_row(form, row, store_files=False)
                self.save_entered(row)
        except HubError as error:
            attach_errors(form, error, keep_existing=True)
        db.session.rollback()

    def _save(
        self, form: Form, row: Any, page: EditPage, duplicate: form_tokens.DuplicateSubmission | None
    ) -> Response | None:
        """Fill `row` from the form, save it with the screen's operation, commit and lead on.

        None where it is refused, and the form is to be shown again with all that was typed.
        """
        if not self._is_valid(form, row) or page.conflict is not None:
            return None
        if duplicate is not None:
            page.errors.append(form_tokens.SAVED_WITH_OTHER_ENTRIES)
            return None
        try:
            with db.session.no_autoflush:
                replaced_file_ids = fill_row(form, row)
                outcome = self.save_entered(row)
                uploads.delete_unreferenced(replaced_file_ids)
            response = self._after_save(row)
            form_tokens.set_redirect(response.location or "")
            db.session.commit()
        except HubError as error:
            db.session.rollback()
            self.show_refusal(form, page, error)
            return None
        sentences = [f"{row} was {'added' if page.is_new else 'saved'}.", *self.describe_outcome(outcome)]
        flash(" ".join(sentences), "success")
        return response

    def show_refusal(self, form: Form, page: EditPage, error: HubError) -> None:
        """Have the form say why it was not saved."""
        page.errors += attach_errors(form, error, self.model)

    def save_entered(self, row: Any) -> Any:
        """Save a row all of which was in the form, with the screen's operation; what that returns."""
        return type(self).save(row, actor=self.actor)

    def describe_outcome(self, _outcome: Any) -> list[str]:
        """What else happened when a row was saved, in sentences; `outcome` is what the screen's operation returned."""
        return []

    def _after_save(self, row: Any) -> Response:
        if "_add_another" in request.form:
            return redirect(url_for(f"{self.endpoint}.create_view"), 303)
        if "_continue" in request.form:
            return redirect(url_for(f"{self.endpoint}.edit_view", id=row.id), 303)
        tab = self.record_tabs.get(request.form.get(form_tokens.TAB_FIELD, ""))
        return redirect(self.url_of(row) + (f"&tab={tab}" if tab else ""), 303)

    def _find_conflict(self, form: Form, row: Any) -> dict[str, Any] | None:
        """Where somebody saved `row` after this form was opened: who, when, and what differs."""
        stored_form = self._edit_form_class(None, obj=row)
        if not edit_conflicts.is_stale(form, stored_form, row.version):
            return None
        changes = edit_conflicts.merge_changes(form, stored_form, row.version)
        who, when = timeline.describe_last_change(row)
        return {"who": who, "when": when, "changes": changes}

    def _edit_page(self, form: Form, row: Any) -> EditPage:
        choices.preload([*choices.sources_of_form(type(form)), *self.choice_sources])
        is_new = row is None
        g.crumb = f"New {self.noun}" if is_new else str(row)
        mark_required_fields(form, self.required_fields)
        return EditPage(
            title=f"New {self.noun}" if is_new else f"Edit {row}",
            form=form,
            main=self.fields,
            cancel_url=url_for(f"{self.endpoint}.index_view") if is_new else self.url_of(row),
            more_submits=[("_add_another", "Save and add another")]
            if is_new
            else [("_continue", "Save and continue editing")],
            is_new=is_new,
            banners=self.form_banners(),
        )

    def form_banners(self) -> list[dict[str, Any]]:
        """What people must know before they fill in this form."""
        return []

    def form_tabs(self, _page: EditPage) -> Sequence[tuple[str, str, Sequence[str]]]:
        """(name, label, fields) of each tab of the form."""
        return self.tabs

    def _pair_fields(self, names: Sequence[str]) -> list[str | FieldPair]:
        """`names` with each pair in the place of its first field."""
        pairs_by_name = {pair.names[0]: pair for pair in self.field_pairs}
        second_names = {pair.names[1] for pair in self.field_pairs}
        return [pairs_by_name.get(name, name) for name in names if name not in second_names]

    def _render_form(self, page: EditPage) -> ViewResponse:
        self._build_tabs(page)
        if request.method == "POST":
            keep_pending_files(page.form)
        page.form.errors  # noqa: B018  (collected before the template asks field by field)
        status = 422 if request.method == "POST" else 200
        return self.render(self.edit_template, page=page), 409 if page.conflict else status

    def _build_tabs(self, page: EditPage) -> None:
        page.tabs = [
            {
                "name": name,
                "label": label,
                "fields": self._pair_fields(names),
                "note": None,
                "error_count": count_errors(page.form, names),
                "marked_field": next(
                    (page.form[each] for each in names if hasattr(page.form[each], "required_when")), None
                ),
                "live": page.live.get(name, ()),
                "tables": page.tab_tables.get(name),
            }
            for name, label, names in self.form_tabs(page)
        ]

    # --- Details -------------------------------------------------------------------------------------------

    @expose("/details/")
    def details_view(self) -> ViewResponse:
        row = self.get_one(request.args.get("id", ""), self.details_load_options)
        tab = request.args.get("tab", "")
        g.crumb = str(row)
        page = DetailsPage(title=str(row), actions=self.row_actions(row), facts=self.load_facts(row))
        page.tabs = self.details_tabs(page, row, tab)
        self.fill_header(page, row)
        if tab == "history" and self.actor.has_permission(Permission.HISTORY_VIEW):
            page.timeline, page.pager = timeline.list_row_entries(row)
        else:
            self.fill_details(page, row, tab)
        return self.render(self.details_template, page=page, row=row)

    def load_facts(self, _row: Any) -> Any:
        """What several parts of the details page need to know of the row, asked for once."""
        return None

    def details_tabs(self, _page: DetailsPage, row: Any, active: str) -> list[dict[str, Any]]:
        tabs = [("", "Overview")]
        if self.actor.has_permission(Permission.HISTORY_VIEW):
            tabs.append(("history", "History"))
        return [
            {
                "name": name,
                "label": label,
                "active": name == active,
                "url": url_for(f"{self.endpoint}.details_view", id=row.id, tab=name or None),
            }
            for name, label in tabs
        ]

    def fill_header(self, page: DetailsPage, row: Any) -> None:
        """What stands above every tab of the record."""

    def fill_details(self, page: DetailsPage, row: Any, _tab: str) -> None:
        """The overview: the fields of the form in sections, its lists as tables."""
        inlines = {inline.name: inline for inline in self.inlines}
        edit = url_for(f"{self.endpoint}.edit_view", id=row.id) if self.can_edit else None
        groups = [("Details", self.fields), *((label, names) for _, label, names in self.tabs)]
        for label, names in groups:
            items = [(label_for(type(row), name), display_value(row, name)) for name in names if name not in inlines]
            if items:
                page.sections.append({"title": label, "items": items, "edit_url": edit})
        page.tables += [table_of(row, inline) for inline in self.inlines]

    def row_actions(self, row: Any) -> list[dict[str, Any]]:
        """What the details page offers: edit first, then every operation that is possible now."""
        actions = []
        if self.can_edit:
            url = url_for(f"{self.endpoint}.edit_view", id=row.id)
            actions.append({"label": "Edit", "url": url, "icon": "edit", "primary": True, "key": "edit"})
        for operation in self.available_operations(row):
            url = self.operation_url(operation.name, [row.id])
            actions.append({"label": operation.label, "url": url, "icon": operation.icon, "danger": operation.danger})
        return actions

    def lookup_sources(self) -> dict[str, Any]:
        """The rows that each look-up field of this screen's forms chooses from, by the field's look-up name."""
        fields = (unbound for kind in self._form_classes() for _, unbound in fields_of(kind, LookupField))
        return {unbound.kwargs["lookup"]: unbound.kwargs["source"] for unbound in fields}

    def _form_classes(self) -> list[type[Form]]:
        own = self._edit_form_class
        parts = [getattr(own, inline.name).kwargs["form_class"] for inline in self.list_shown_inlines()]
        return [own, *parts]

    def list_shown_inlines(self) -> list[Inline]:
        """The lists of rows that the form shows."""
        return [inline for inline in self.inlines if inline.name not in self.hidden_fields]

"""Making, changing and showing one row."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import abort, flash, g, redirect, request, url_for
from flask_admin import expose
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response
from wtforms import Form

from customerhub.errors import HubError
from customerhub.permissions import Permission
from models import StoredFile
from models.base import db
from views import choices, files, merging, once, timeline
from views.columns import moment
from views.fields import LookupField
from views.filling import errors_in, fields_of, fill, hold_files, submitted, tell
from views.loading import with_choices
from views.showing import label_for, shown, table_of
from views.typed import table_typed_into, typed_into


@dataclass
class EditPage:
    """What templates/edit.html shows."""

    title: str
    form: Form
    subtitle: str | None = None
    main: Sequence[str] = ()
    columns: int | None = None
    tabs: list[dict[str, Any]] = field(default_factory=list)
    submit_label: str = "Save"
    cancel_url: str | None = None
    more_submits: list[tuple[str, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    conflict: dict[str, Any] | None = None
    load_default: dict[str, Any] | None = None
    tables: list[dict[str, Any]] = field(default_factory=list)
    is_new: bool = False
    banners: list[dict[str, Any]] = field(default_factory=list)
    live: dict[str, dict[str, Any]] = field(default_factory=dict)
    tab_tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    keep: list[tuple[str, str]] = field(default_factory=list)
    preview: Any = None


@dataclass
class DetailsPage:
    """What templates/details.html shows."""

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
    pager: dict[str, Any] | None = None


class Editing:
    """The create, edit and details pages of a HubModelView."""

    # --- Create and edit -----------------------------------------------------------------------------------

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self: Any) -> Any:
        if not self.can_create:
            abort(403)
        sent = once.claim() if request.method == "POST" else None
        if sent is not None and sent.is_same:
            return sent.lead_on(url_for(f"{self.endpoint}.index_view"))
        form = self._create_form_class(submitted(self._form_classes()), data=self.first_values())
        page = self._edit_page(form, None)
        if request.method == "POST":
            answer = self._save(form, self.new_row(), page, sent)
            if answer is not None:
                return answer
        return self._show_form(page)

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self: Any) -> Any:
        sent = once.claim() if request.method == "POST" and self.can_edit else None
        if sent is not None and sent.is_same:
            return sent.lead_on(url_for(f"{self.endpoint}.index_view"))
        key = request.args.get("id", "")
        try:
            row = self.get_one(key)
        except NotFound:
            return self._deleted_meanwhile(key)
        if not self.can_edit:
            abort(403)
        for inline in self.inlines:
            with_choices(getattr(row, inline.name), StoredFile)
        form = self._edit_form_class(submitted(self._form_classes()), obj=row)
        page = self._edit_page(form, row)
        if request.method == "GET":
            form["original"].data = merging.snapshot(form)
        else:
            page.conflict = self._conflict(form, row)
            answer = self._save(form, row, page, sent)
            if answer is not None:
                return answer
        return self._show_form(page)

    def _deleted_meanwhile(self: Any, key: str) -> Any:
        """What somebody typed into the form of a row that was deleted while they did; 404 for any other."""
        entry = timeline.last_of_gone(self.model, key, self.actor) if request.method == "POST" else None
        if entry is None or not self.can_edit:
            abort(404)
        form = self._edit_form_class(submitted(self._form_classes()))
        choices.read([*choices.of_form(type(form)), *self.needs])
        g.crumb = entry.title
        page = DetailsPage(title=f"{entry.title} was deleted")
        told = f"{timeline.who(entry)} deleted it {moment(entry.at)}. Nothing was saved. Below is what you entered."
        page.banners = [{"kind": "error", "text": told}]
        page.sections = [{"title": "What you entered", "items": typed_into(form, self.all_fields())}]
        page.tables = [table_typed_into(form[inline.name]) for inline in self.inlines]
        return self.render(self.details_template, page=page), 404

    def new_row(self: Any) -> Any:
        """The row that the form of a new one fills."""
        return self.model(organisation_id=self.actor.organisation_id)

    def first_values(self) -> dict[str, Any]:
        """What the form of a new row begins with, beside the defaults of its columns."""
        return {}

    def _validated(self: Any, form: Form, row: Any) -> bool:
        """Whether every field can be read. Where one cannot, the rules are asked about the others too."""
        if form.validate():
            return True
        self._ask_rules(form, row)
        return False

    def _ask_rules(self: Any, form: Form, row: Any) -> None:
        """Try the operation on the sound fields and undo it: people want to hear of all that is wrong at once."""
        try:
            with db.session.no_autoflush:
                fill(form, row, files=False)
                type(self).save(row, actor=self.actor)
        except HubError as error:
            tell(form, error, beside=True)
        db.session.rollback()

    def _save(self: Any, form: Form, row: Any, page: EditPage, sent: once.Sent | None) -> Response | None:
        """Fill `row` from the form, save it with the screen's operation, commit and lead on.

        None where it is refused, and the form is to be shown again with all that was typed.
        """
        if not self._validated(form, row) or page.conflict is not None:
            return None
        if sent is not None:
            page.errors.append(once.OTHERWISE)
            return None
        try:
            with db.session.no_autoflush:
                replaced = fill(form, row)
                type(self).save(row, actor=self.actor)
                files.forget(replaced)
            answer: Response = self._after_save(row)
            once.lead_to(answer.location or "")
            db.session.commit()
        except HubError as error:
            db.session.rollback()
            page.errors += tell(form, error)
            return None
        flash(f"{row} was {'added' if page.is_new else 'saved'}.", "success")
        return answer

    def _after_save(self: Any, row: Any) -> Response:
        if "_add_another" in request.form:
            return redirect(url_for(f"{self.endpoint}.create_view"), 303)
        if "_continue" in request.form:
            return redirect(url_for(f"{self.endpoint}.edit_view", id=row.id), 303)
        return redirect(self.url_of(row), 303)

    def _conflict(self: Any, form: Form, row: Any) -> dict[str, Any] | None:
        """Where somebody saved `row` after this form was opened: who, when, and what differs."""
        theirs = self._edit_form_class(None, obj=row)
        if not merging.is_stale(form, theirs, row.version):
            return None
        changes = merging.merge(form, theirs, row.version)
        who, when = timeline.last_change(row)
        return {"who": who, "when": when, "changes": changes}

    def _edit_page(self: Any, form: Form, row: Any) -> EditPage:
        choices.read([*choices.of_form(type(form)), *self.needs])
        is_new = row is None
        g.crumb = f"New {self.noun}" if is_new else str(row)
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

    def form_tabs(self: Any, _page: EditPage) -> Sequence[tuple[str, str, Sequence[str]]]:
        """(name, label, fields) of each tab of the form."""
        tabs: Sequence[tuple[str, str, Sequence[str]]] = self.tabs
        return tabs

    def _show_form(self: Any, page: EditPage) -> Any:
        page.tabs = [
            {
                "name": name,
                "label": label,
                "fields": names,
                "note": None,
                "error_count": errors_in(page.form, names),
                "live": page.live.get(name),
                "tables": page.tab_tables.get(name),
            }
            for name, label, names in self.form_tabs(page)
        ]
        if request.method == "POST":
            hold_files(page.form)
        page.form.errors  # noqa: B018  (collected before the template asks field by field)
        status = 422 if request.method == "POST" else 200
        if page.conflict:
            status = 409
        return self.render(self.edit_template, page=page), status

    # --- Details -------------------------------------------------------------------------------------------

    @expose("/details/")
    def details_view(self: Any) -> Any:
        row = self.get_one(request.args.get("id", ""))
        tab = request.args.get("tab", "")
        g.crumb = str(row)
        page = DetailsPage(title=str(row), actions=self.row_actions(row), tabs=self.details_tabs(row, tab))
        self.fill_header(page, row)
        if tab == "history" and self.actor.may(Permission.HISTORY_VIEW):
            page.timeline, page.pager = timeline.of_row(row, request.args.get("page", 0, type=int))
        else:
            self.fill_details(page, row, tab)
        return self.render(self.details_template, page=page, row=row)

    def details_tabs(self: Any, row: Any, active: str) -> list[dict[str, Any]]:
        tabs = [("", "Overview")]
        if self.actor.may(Permission.HISTORY_VIEW):
            tabs.append(("history", "History"))
        return [
            {"name": name, "label": label, "active": name == active,
             "url": url_for(f"{self.endpoint}.details_view", id=row.id, tab=name or None)}
            for name, label in tabs
        ]  # fmt: skip

    def fill_header(self, page: DetailsPage, row: Any) -> None:
        """What stands above every tab of the record."""

    def fill_details(self: Any, page: DetailsPage, row: Any, _tab: str) -> None:
        """The overview: the fields of the form in sections, its lists as tables."""
        inlines = {inline.name: inline for inline in self.inlines}
        edit = url_for(f"{self.endpoint}.edit_view", id=row.id) if self.can_edit else None
        groups = [("Details", self.fields), *((label, names) for _, label, names in self.tabs)]
        for label, names in groups:
            items = [(label_for(type(row), name), shown(row, name)) for name in names if name not in inlines]
            if items:
                page.sections.append({"title": label, "items": items, "edit_url": edit})
        page.tables += [table_of(row, inline) for inline in self.inlines]

    def row_actions(self: Any, row: Any) -> list[dict[str, Any]]:
        """What the details page offers: edit first, then every operation that is possible now."""
        actions = []
        if self.can_edit:
            url = url_for(f"{self.endpoint}.edit_view", id=row.id)
            actions.append({"label": "Edit", "url": url, "icon": "edit", "primary": True})
        for operation in self.possible_operations(row):
            url = self.operation_url(operation.name, [row.id])
            actions.append({"label": operation.label, "url": url, "icon": operation.icon, "danger": operation.danger})
        return actions

    def lookup_sources(self: Any) -> dict[str, Any]:
        """The rows that each look-up field of this screen's forms chooses from, by the field's look-up name."""
        fields = (unbound for kind in self._form_classes() for _, unbound in fields_of(kind, LookupField))
        return {unbound.kwargs["lookup"]: unbound.kwargs["source"] for unbound in fields}

    def _form_classes(self: Any) -> list[Any]:
        own = self._edit_form_class
        parts = [getattr(own, inline.name).kwargs["form_class"] for inline in self.inlines]
        return [own, *parts]

"""Making, changing and showing one row."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import abort, flash, g, redirect, request, url_for
from flask_admin import expose
from werkzeug.wrappers import Response
from wtforms import Form

from customerhub.errors import HubError, Invalid
from customerhub.permissions import Permission
from models import StoredFile
from models.base import db
from views import choices, timeline
from views.fields import LookupField, UploadField
from views.forms import shown_value
from views.inline_list import InlineList
from views.loading import with_choices
from views.showing import label_for, noun_of, shown, table_of
from views.words import sentence

HIDDEN = ("version", "original")


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
    pager: dict[str, Any] | None = None


class Editing:
    """The create, edit and details pages of a HubModelView."""

    # --- Create and edit -----------------------------------------------------------------------------------

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self: Any) -> Any:
        if not self.can_create:
            abort(403)
        form = self._create_form_class(submitted(), data=self.first_values())
        page = self._edit_page(form, None)
        if request.method == "POST" and self._validated(form):
            row = self.new_row()
            if self._save(form, row, page):
                flash(f"{row} was added.", "success")
                return self._after_save(row)
        return self._show_form(page)

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self: Any) -> Any:
        row = self.get_one(request.args.get("id", ""))
        if not self.can_edit:
            abort(403)
        for inline in self.inlines:
            with_choices(getattr(row, inline.name), StoredFile)
        form = self._edit_form_class(submitted(), obj=row)
        if request.method == "GET":
            form["original"].data = snapshot(form)
        page = self._edit_page(form, row)
        if request.method == "POST" and self._validated(form):
            page.conflict = self._merge(form, row)
            if page.conflict is None and self._save(form, row, page):
                flash(f"{row} was saved.", "success")
                return self._after_save(row)
        return self._show_form(page)

    def new_row(self: Any) -> Any:
        """The row that the form of a new one fills."""
        return self.model(organisation_id=self.actor.organisation_id)

    def first_values(self) -> dict[str, Any]:
        """What the form of a new row begins with, beside the defaults of its columns."""
        return {}

    def _validated(self, form: Form) -> bool:
        return bool(form.validate())

    def _save(self: Any, form: Form, row: Any, page: EditPage) -> bool:
        """Fill `row` from the form, save it with the screen's operation and commit; on a refusal keep all typed."""
        try:
            with db.session.no_autoflush:
                for name, entry in form._fields.items():
                    if name not in HIDDEN:
                        entry.populate_obj(row, name)
                type(self).save(row, actor=self.actor)
            db.session.commit()
        except HubError as error:
            db.session.rollback()
            tell(form, page, error)
            return False
        return True

    def _after_save(self: Any, row: Any) -> Response:
        if "_add_another" in request.form:
            return redirect(url_for(f"{self.endpoint}.create_view"), 303)
        if "_continue" in request.form:
            return redirect(url_for(f"{self.endpoint}.edit_view", id=row.id), 303)
        return redirect(self.url_of(row), 303)

    def _merge(self: Any, form: Form, row: Any) -> dict[str, Any] | None:
        """Where somebody saved `row` after this form was opened: who, when, and both values of what differs.

        What only they changed is taken over into the form, so that saving again loses neither side.
        """
        stale = [part for entry in form if isinstance(entry, InlineList) for part in entry.stale()]
        if form["version"].data == row.version and not stale:
            return None
        theirs = self._edit_form_class(None, obj=row)
        was = original(form)
        changes = []
        for name, entry in form._fields.items():
            if name in HIDDEN or isinstance(entry, (InlineList, UploadField)):
                continue
            now_theirs, mine = canonical(theirs[name]), canonical(entry)
            if now_theirs == mine:
                continue
            if mine == was.get(name):
                entry.data, entry.raw_data = theirs[name].data, None
                changes.append((entry.label.text, readable(theirs[name]), "left as it was; theirs is kept"))
            elif now_theirs != was.get(name):
                changes.append((entry.label.text, readable(theirs[name]), readable(entry)))
        changes += [(sentence(noun_of(part.__tablename__)), str(part), "see below") for part in stale]
        form["version"].data, form["original"].data = row.version, snapshot(theirs)
        for entry in form:
            if isinstance(entry, InlineList):
                entry.take_versions()
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

    def _show_form(self: Any, page: EditPage) -> Any:
        page.tabs = [
            {
                "name": name,
                "label": label,
                "fields": names,
                "note": None,
                "error_count": errors_in(page.form, names),
                "live": page.live.get(name),
            }
            for name, label, names in self.tabs
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
        for operation in self.all_operations():
            if operation.removes or operation.available(row, self.actor) is None:
                url = self.operation_url(operation.name, [row.id])
                actions.append(
                    {"label": operation.label, "url": url, "icon": operation.icon, "danger": operation.danger}
                )
        return actions

    def lookup_sources(self: Any) -> dict[str, Any]:
        """The rows that each look-up field of this screen's forms chooses from, by the field's look-up name."""
        found: dict[str, Any] = {}
        for form_class in self._form_classes():
            for name in dir(form_class):
                unbound: Any = getattr(form_class, name, None)
                if getattr(unbound, "field_class", None) is LookupField:
                    found[unbound.kwargs["lookup"]] = unbound.kwargs["source"]
        return found

    def _form_classes(self: Any) -> list[Any]:
        own = self._edit_form_class
        parts = [getattr(own, inline.name).kwargs["form_class"] for inline in self.inlines]
        return [own, *parts]


def submitted() -> Any:
    """What was posted, files among it; None on GET."""
    if request.method != "POST":
        return None
    posted: Any = request.form.copy()
    posted.update(request.files)
    return posted


def hold_files(form: Form) -> None:
    """Keep what was uploaded with a form that is refused, and nothing else."""
    db.session.rollback()
    for entry in form:
        if isinstance(entry, InlineList):
            entry.hold_files()
        elif isinstance(entry, UploadField):
            entry.hold()


def canonical(entry: Any) -> Any:
    """A field's data as plain text, to be compared."""
    data = entry.data
    return sorted(map(str, data)) if isinstance(data, list) else shown_value(data)


def readable(entry: Any) -> str:
    """A field's data as people read it."""
    return entry.shown() if hasattr(entry, "shown") else shown_value(entry.data)


def snapshot(form: Form) -> str:
    """Every plain field of `form` as it was opened."""
    kept = {
        name: canonical(entry)
        for name, entry in form._fields.items()
        if name not in HIDDEN and not isinstance(entry, (InlineList, UploadField))
    }
    return json.dumps(kept, separators=(",", ":"))


def original(form: Form) -> dict[str, Any]:
    try:
        kept = json.loads(form["original"].data or "{}")
    except ValueError:
        return {}
    return kept if isinstance(kept, dict) else {}


def tell(form: Form, page: EditPage, error: HubError) -> None:
    """Put the refusal beside the fields at fault, and above the form what belongs to none."""
    problems = error.problems if isinstance(error, Invalid) else [(error.field, error.message)]
    for name, message in problems or [(None, error.message)]:
        if name in form._fields:
            entry: Any = form[name]
            entry.errors = [*entry.errors, message]
        else:
            page.errors.append(message)


def errors_in(form: Form, names: Sequence[str]) -> int:
    return sum(
        len(form[name].errors) if isinstance(form[name], InlineList) else bool(form[name].errors) for name in names
    )

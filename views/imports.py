"""Imports: upload a workbook of customers, look at what would become of each row, confirm, and perhaps revert."""

import io
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast

from flask import current_app, flash, g, jsonify, redirect, request, send_file, url_for
from flask_admin import expose
from wtforms import FileField, Form

from customerhub import clock, storage
from customerhub.customers.importing import runs
from customerhub.customers.importing.columns import COLUMNS
from customerhub.customers.importing.template import write_template
from customerhub.errors import HubError, Invalid
from customerhub.exporting import CONTENT_TYPES
from customerhub.permissions import Actor, Permission
from customerhub.transaction import after_commit
from jobs import imports
from jobs.queue import BULK, nudge
from models import CustomerImport
from models.base import db
from models.enums import TransferState
from views import import_preview
from views.base import HubModelView
from views.columns import Column, Filter, moment
from views.operation import Operation
from views.words import word

S = TransferState
TONES = {
    S.QUEUED: "neutral",
    S.CHECKING: "blue",
    S.READY: "amber",
    S.SAVING: "blue",
    S.RUNNING: "blue",
    S.DONE: "green",
    S.FAILED: "red",
    S.CANCELLED: "grey",
    S.REVERTED: "grey",
}
UNDER_WAY = (S.QUEUED, S.CHECKING, S.SAVING, S.RUNNING)
DOING = {
    S.QUEUED: "Waiting to be checked",
    S.CHECKING: "Checking every row",
    S.SAVING: "Saving",
    S.RUNNING: "Taking it back",
}


class UploadForm(Form):
    file = FileField("Excel file", render_kw={"accept": ".xlsx", "required": True})


def _revert(imported: CustomerImport, *, actor: Actor) -> None:
    runs.revert_import(imported, actor=actor)
    import_id = imported.id
    after_commit(lambda: nudge(imports.revert, import_id, queue=BULK))


def _why_not_reverted(imported: CustomerImport, _actor: Actor) -> str | None:
    return None if imported.state is S.DONE else "was not saved, or is reverted already"


REVERT = Operation(
    name="revert",
    label="Revert",
    permission=Permission.CUSTOMERS_IMPORT,
    run=_revert,
    available=_why_not_reverted,
    explain="New customers are deleted and changed cells get back what they held before, as far as nobody has changed "
    "them since. Portal users who never signed in go with them. What cannot be taken back is listed row by row.",
    icon="undo",
    danger=True,
    bulk=False,
)


class ImportView(HubModelView):
    noun = "import"
    title = "Imports"
    intro = "Workbooks of customers. Nothing is saved before somebody has looked at it and confirmed."
    empty_text = "Download the template, fill it in and upload it. Every row is checked before anything is saved."
    columns = (
        Column("file_name", "File", lambda row: row.file_name, sort=CustomerImport.file_name),
        Column("state", "State", lambda row: {"chip": word(row.state), "tone": TONES[row.state]}),
        Column("new", "New", lambda row: f"{row.new_rows:,}", align="right"),
        Column("changed", "Changed", lambda row: f"{row.changed_rows:,}", align="right"),
        Column("unchanged", "Unchanged", lambda row: f"{row.unchanged_rows:,}", align="right"),
        Column("error", "In error", lambda row: f"{row.error_rows:,}", align="right"),
        Column("created_at", "Uploaded", lambda row: moment(row.created_at), sort=CustomerImport.id),
    )
    filters = (Filter("state", "State", CustomerImport.state, "select", members=TransferState, nullable=False),)
    searched = (CustomerImport.file_name,)
    search_hint = "Search by file name"
    usual_order = (CustomerImport.id.desc(),)
    operations = (REVERT,)
    view_permission = Permission.CUSTOMERS_IMPORT
    edit_permission = None

    def menu_actions(self, args: Any) -> list[dict[str, Any]]:
        add = {"label": "Import a file", "url": url_for("imports.upload"), "icon": "upload", "primary": True}
        template = {"label": "Download template", "url": url_for("imports.template"), "icon": "download"}
        return [add, template, *super().menu_actions(args)]

    def _empty(self, plain: bool) -> dict[str, Any]:
        empty = super()._empty(plain)
        if plain:
            empty["action"] = {"label": "Import a file", "url": url_for("imports.upload")}
        return empty

    # --- Upload --------------------------------------------------------------------------------------------

    @expose("/upload/", methods=("GET", "POST"))
    def upload(self) -> Any:
        g.crumb = "Import a file"
        form = UploadForm(request.files if request.method == "POST" else None)
        if request.method == "POST":
            try:
                imported = self._start(form)
            except HubError as error:
                db.session.rollback()
                form["file"].errors = [error.message]
            else:
                return redirect(self.url_of(imported), 303)
        page = {
            "title": "Import customers",
            "subtitle": "From an Excel file. You see what becomes of each row before anything is saved.",
            "upload": {
                "form": form,
                "template_url": url_for("imports.template"),
                "columns": [
                    [column.header, "yes" if column.needed else "", column.explained, column.example]
                    for column in COLUMNS
                ],
            },
            "cancel_url": url_for("imports.index_view"),
        }
        return self.render("import_preview.html", page=page), 422 if request.method == "POST" else 200

    def _start(self, form: UploadForm) -> CustomerImport:
        given = form["file"].data
        if not given or not given.filename:
            raise Invalid("Choose an Excel file first", "file")
        stored = storage.store(
            cast(BinaryIO, given.stream),
            given.filename,
            given.mimetype,
            organisation_id=self.actor.organisation_id,
            actor=self.actor,
        )
        imported = runs.start_import(stored, actor=self.actor)
        db.session.commit()
        nudge(imports.check, imported.id, queue=BULK)
        return imported

    @expose("/template/")
    def template(self) -> Any:
        """An empty workbook with drop-downs and a sheet that explains each column."""
        file = io.BytesIO()
        write_template(file, actor=self.actor, max_rows=current_app.config["HUB"].max_import_rows)
        file.seek(0)
        return send_file(file, CONTENT_TYPES["xlsx"], as_attachment=True, download_name="customers-template.xlsx")

    # --- One import ----------------------------------------------------------------------------------------

    @expose("/details/")
    def details_view(self) -> Any:
        imported = self.get_one(request.args.get("id", ""))
        g.crumb = imported.file_name
        if request.args.get("as") == "json":
            return jsonify(progress(imported))
        if imported.state in UNDER_WAY:
            page = {
                "title": f"Import {imported.file_name}",
                "subtitle": DOING[imported.state],
                **progress(imported),
                "poll_url": self.url_of(imported) + "&as=json",
                "cancel_url": url_for("imports.cancel_view", id=imported.id)
                if imported.state in runs.NOT_YET_SAVED
                else None,
            }
            return self.render("progress.html", page=page)
        page = import_preview.page_of(imported, request.args, self.url_of(imported))
        return self.render("import_preview.html", page=page)

    @expose("/confirm/", methods=("POST",))
    def confirm_view(self) -> Any:
        imported = self.get_one(request.args.get("id", ""))
        seen = request.args.get("seen", type=int)
        good_rows_only = request.form.get("action") == "good"
        try:
            runs.confirm_import(imported, good_rows_only=good_rows_only, actor=self.actor, seen_version=seen)
        except HubError as error:
            db.session.rollback()
            flash(error.message, "error")
        else:
            db.session.commit()
            nudge(imports.save, imported.id, queue=BULK)
        return redirect(self.url_of(imported), 303)

    @expose("/cancel/", methods=("POST",))
    def cancel_view(self) -> Any:
        imported = self.get_one(request.args.get("id", ""))
        try:
            runs.cancel_import(imported, actor=self.actor)
        except HubError as error:
            db.session.rollback()
            flash(error.message, "error")
        else:
            db.session.commit()
            flash("The import was cancelled. Nothing was saved.", "info")
        return redirect(self.url_of(imported), 303)

    @expose("/errors/")
    def errors_view(self) -> Any:
        """The rows in error as a workbook with a column of reasons."""
        imported = self.get_one(request.args.get("id", ""))
        file = io.BytesIO()
        runs.write_errors(imported, file)
        file.seek(0)
        name = f"{Path(imported.file_name).stem}-errors.xlsx"
        return send_file(file, CONTENT_TYPES["xlsx"], as_attachment=True, download_name=name)


def progress(imported: CustomerImport) -> dict[str, Any]:
    """How far an import is. A preview that is ready counts as done: the page that waits for it shows it then."""
    done = imported.done_rows
    if imported.state in (S.SAVING, S.RUNNING):
        done = imports.done_rows(imported.id) or 0
    rate = left = ""
    if imported.started_at and done and imported.state in UNDER_WAY:
        speed = done / max((clock.now() - imported.started_at).total_seconds(), 0.1)
        rate = f"{speed:,.0f} rows a second"
        if imported.total_rows and imported.total_rows > done:
            left = f"about {timedelta(seconds=round((imported.total_rows - done) / speed))} left"
    state = "queued" if imported.state is S.QUEUED else "running" if imported.state in UNDER_WAY else "done"
    return {
        "state": state,
        "done": done,
        "total": imported.total_rows,
        "rate_text": rate,
        "left_text": left,
        "problems": [["So far", f"{imported.error_rows:,} rows in error"]] if imported.error_rows else [],
    }

"""Imports: upload a workbook of customers, preview each row, confirm, and revert."""

import io
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast

from flask import current_app, flash, g, jsonify, redirect, request, send_file, url_for
from flask_admin import expose
from wtforms import FileField, Form

from customerhub.core import clock, storage
from customerhub.core.errors import HubError, Invalid
from customerhub.core.permissions import Actor, Permission
from customerhub.core.spreadsheets import CONTENT_TYPES, CellKind
from customerhub.core.transaction import after_commit
from customerhub.customers.importing import transitions
from customerhub.customers.importing.account_columns import ACCOUNT_COLUMNS, ACCOUNTS_SHEET
from customerhub.customers.importing.custom_columns import load_columns
from jobs import imports
from jobs.queue import BULK, try_enqueue
from models import CustomerImport, Organisation
from models.base import db
from models.enums import TransferState
from views.customers import import_preview
from views.framework.columns import Column
from views.framework.exported import Exported
from views.framework.filters import Filter
from views.framework.formatting import format_datetime
from views.framework.labels import member_label
from views.framework.model_view import HubModelView
from views.framework.operation import Operation

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
ACTIVE_STATES = (S.QUEUED, S.CHECKING, S.SAVING, S.RUNNING)
PROGRESS_TEXTS = {
    S.QUEUED: "Waiting to be checked",
    S.CHECKING: "Checking rows",
    S.SAVING: "Saving",
    S.RUNNING: "Reverting",
}


class UploadForm(Form):
    file = FileField("Excel file", render_kw={"accept": ".xlsx", "required": True})


def _revert(imported: CustomerImport, *, actor: Actor) -> None:
    transitions.revert_import(imported, actor=actor)
    import_id = imported.id
    after_commit(lambda: try_enqueue(imports.revert, import_id, queue=BULK))


def _revert_refusal(imported: CustomerImport, _actor: Actor) -> str | None:
    return None if imported.state is S.DONE else "Not saved or already reverted"


REVERT = Operation(
    name="revert",
    label="Revert",
    past_tense="reverted",
    permission=Permission.CUSTOMERS_IMPORT,
    run=_revert,
    unavailable_reason=_revert_refusal,
    explanation="New customers and accounts are deleted and changed values are restored, unless they have been changed "
    "since. Portal users without a sign-in are deleted too. Rows that cannot be reverted are listed.",
    icon="undo",
    danger=True,
    bulk=False,
)


class ImportView(HubModelView):
    noun = "import"
    title = "Imports"
    intro = "Customers from Excel files. Nothing is saved until the import is confirmed."
    empty_text = "Download the template, fill it in and upload it. Every row is checked before anything is saved."
    columns = (
        Column(
            "file_name",
            "File",
            lambda row: row.file_name,
            sort=CustomerImport.file_name,
            export=Exported(CustomerImport.file_name),
        ),
        Column(
            "state",
            "State",
            lambda row: {"chip": member_label(row.state), "tone": TONES[row.state]},
            export=Exported(CustomerImport.state, render=member_label),
        ),
        Column(
            "new",
            "New",
            lambda row: f"{row.new_rows:,}",
            align="right",
            export=Exported(CustomerImport.new_rows, kind=CellKind.COUNT),
        ),
        Column(
            "changed",
            "Changed",
            lambda row: f"{row.changed_rows:,}",
            align="right",
            export=Exported(CustomerImport.changed_rows, kind=CellKind.COUNT),
        ),
        Column(
            "unchanged",
            "Unchanged",
            lambda row: f"{row.unchanged_rows:,}",
            align="right",
            export=Exported(CustomerImport.unchanged_rows, kind=CellKind.COUNT),
        ),
        Column(
            "error",
            "With errors",
            lambda row: f"{row.error_rows:,}",
            align="right",
            export=Exported(CustomerImport.error_rows, kind=CellKind.COUNT),
        ),
        Column(
            "created_at",
            "Uploaded",
            lambda row: format_datetime(row.created_at),
            sort=CustomerImport.id,
            export=Exported(CustomerImport.created_at, kind=CellKind.MOMENT),
        ),
    )
    filters = (Filter("state", "State", CustomerImport.state, "select", members=TransferState, nullable=False),)
    search_columns = (CustomerImport.file_name,)
    search_hint = "Search by file name"
    default_order = (CustomerImport.id.desc(),)
    operations = (REVERT,)
    view_permission = Permission.CUSTOMERS_IMPORT
    edit_permission = None

    def menu_actions(self, args: Any) -> list[dict[str, Any]]:
        add = {"label": "Import a file", "url": url_for("imports.upload"), "icon": "upload", "primary": True}
        template = {"label": "Download template", "url": url_for("imports.template"), "icon": "download"}
        return [add, template, *super().menu_actions(args)]

    def _empty_state(self, is_unfiltered: bool) -> dict[str, Any]:
        empty = super()._empty_state(is_unfiltered)
        if is_unfiltered:
            empty["action"] = {"label": "Import a file", "url": url_for("imports.upload")}
        return empty

    # --- Upload --------------------------------------------------------------------------------------------

    @expose("/upload/", methods=("GET", "POST"))
    def upload(self) -> Any:
        g.crumb = "Import a file"
        form = UploadForm(request.files if request.method == "POST" else None)
        if request.method == "POST":
            try:
                imported = self._start_import(form)
            except HubError as error:
                db.session.rollback()
                form["file"].errors = [error.message]
            else:
                return redirect(self.url_of(imported), 303)
        organisation = db.session.get_one(Organisation, self.actor.organisation_id)
        page = {
            "title": "Import customers",
            "subtitle": (
                f"Customers of {organisation.name}, from an Excel file. "
                "The result of each row is shown before anything is saved."
            ),
            "upload": {
                "form": form,
                "template_url": url_for("imports.template"),
                "sheets": _explain_sheets(organisation),
            },
            "cancel_url": url_for("imports.index_view"),
        }
        return self.render("customers/import_preview.html", page=page), 422 if request.method == "POST" else 200

    def _start_import(self, form: UploadForm) -> CustomerImport:
        uploaded_file = form["file"].data
        if not uploaded_file or not uploaded_file.filename:
            raise Invalid("Choose an Excel file first", "file")
        stored_file = storage.store_file(
            cast(BinaryIO, uploaded_file.stream),
            uploaded_file.filename,
            uploaded_file.mimetype,
            organisation_id=self.actor.organisation_id,
            actor=self.actor,
        )
        imported = transitions.start_import(stored_file, actor=self.actor)
        db.session.commit()
        try_enqueue(imports.check, imported.id, queue=BULK)
        return imported

    @expose("/template/")
    def template(self) -> Any:
        """An empty workbook with drop-downs and a sheet that explains each column."""
        from customerhub.customers.importing.template import write_template  # openpyxl takes long to import

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
            return jsonify(build_progress(imported))
        if imported.state in ACTIVE_STATES:
            page = {
                "title": f"Import {imported.file_name}",
                "subtitle": PROGRESS_TEXTS[imported.state],
                **build_progress(imported),
                "poll_url": self.url_of(imported) + "&as=json",
                "cancel_url": url_for("imports.cancel_view", id=imported.id)
                if imported.state in transitions.CANCEL.from_states
                else None,
            }
            return self.render("screens/progress.html", page=page)
        page = import_preview.build_page(imported, request.args, self.url_of(imported))
        return self.render("customers/import_preview.html", page=page)

    @expose("/confirm/", methods=("POST",))
    def confirm_view(self) -> Any:
        imported = self.get_one(request.args.get("id", ""))
        seen_version = request.args.get("seen", type=int)
        good_rows_only = request.form.get("action") == "good"
        try:
            transitions.confirm_import(
                imported, good_rows_only=good_rows_only, actor=self.actor, seen_version=seen_version
            )
        except HubError as error:
            db.session.rollback()
            flash(error.message, "error")
        else:
            db.session.commit()
            try_enqueue(imports.save, imported.id, queue=BULK)
        return redirect(self.url_of(imported), 303)

    @expose("/cancel/", methods=("POST",))
    def cancel_view(self) -> Any:
        imported = self.get_one(request.args.get("id", ""))
        try:
            transitions.cancel_import(imported, actor=self.actor)
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
        transitions.write_errors_workbook(imported, file)
        file.seek(0)
        name = f"{Path(imported.file_name).stem}-errors.xlsx"
        return send_file(file, CONTENT_TYPES["xlsx"], as_attachment=True, download_name=name)


def _explain_sheets(organisation: Organisation) -> list[tuple[str, list[list[str]]]]:
    """(title, rows) of a table of the columns of each sheet."""
    sheets = (
        ("Columns of the file", load_columns(organisation.id)),
        (f"Columns of the sheet “{ACCOUNTS_SHEET}”, for further accounts of customers", ACCOUNT_COLUMNS),
    )
    return [
        (
            title,
            [
                [
                    column.header,
                    "yes" if column.is_required else "",
                    column.explanation,
                    column.format_example(organisation.date_format),
                ]
                for column in columns.columns
            ],
        )
        for title, columns in sheets
    ]


def build_progress(imported: CustomerImport) -> dict[str, Any]:
    """How far an import is. A preview that is ready counts as done: the page that waits for it shows it then."""
    done = imported.done_rows
    if imported.state in (S.SAVING, S.RUNNING):
        done = imports.done_rows(imported.id) or 0
    rate_text = time_left = ""
    if imported.started_at and done and imported.state in ACTIVE_STATES:
        speed = done / max((clock.get_now() - imported.started_at).total_seconds(), 0.1)
        rate_text = f"{speed:,.0f} rows a second"
        if imported.total_rows and imported.total_rows > done:
            time_left = f"about {timedelta(seconds=round((imported.total_rows - done) / speed))} left"
    state = "running" if imported.state in ACTIVE_STATES else "done"
    if imported.state is S.QUEUED:
        state = "queued"
    return {
        "state": state,
        "done": done,
        "total": imported.total_rows,
        "rate_text": rate_text,
        "left_text": time_left,
        "problems": [["So far", f"{imported.error_rows:,} rows with errors"]] if imported.error_rows else [],
    }

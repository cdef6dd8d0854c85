"""Exports: large lists, and documents such as customers' reports, that a job writes to a file."""

from datetime import timedelta
from typing import Any

from flask import abort, flash, g, jsonify, redirect, request, send_file, url_for
from flask_admin import expose
from sqlalchemy import Select
from sqlalchemy.orm import joinedload

from customerhub.core import clock, storage
from customerhub.core.permissions import Permission
from customerhub.core.spreadsheets import CellKind
from customerhub.reports.performance_report import FORMAT
from customerhub.signing.downloads import ARCHIVE, ARCHIVE_FORMAT
from customerhub.signing.setting_up import PREVIEW
from jobs import exports
from models import ListExport
from models.enums import TransferState
from views.framework.columns import Column
from views.framework.exported import Exported
from views.framework.filters import Filter
from views.framework.formatting import format_datetime
from views.framework.labels import member_label
from views.framework.model_view import HubModelView
from views.framework.uploads import format_size
from views.http.urls import path_to

TONES = {
    TransferState.QUEUED: "neutral",
    TransferState.RUNNING: "blue",
    TransferState.DONE: "green",
    TransferState.FAILED: "red",
    TransferState.CANCELLED: "grey",
}
KINDS = {"csv": "CSV", "xlsx": "Excel", FORMAT: "PDF", ARCHIVE_FORMAT: "ZIP"}
UNCOUNTED = (FORMAT, ARCHIVE_FORMAT)  # what has no rows


def is_report(export: ListExport) -> bool:
    """Whether it is a document such as a customer's report, not a list."""
    return export.format == FORMAT


def is_list(export: ListExport) -> bool:
    return export.format not in UNCOUNTED


class ExportView(HubModelView):
    noun = "export"
    title = "Exports"
    intro = "Large lists, customer reports and signed PDFs exported to a file."
    empty_text = (
        "Short lists are downloaded immediately. Long lists and reports are created in the background and listed here."
    )
    columns = (
        Column(
            "title",
            "Export",
            lambda row: row.title,
            export=Exported(ListExport.title),
        ),
        Column(
            "format",
            "Kind",
            lambda row: KINDS[row.format],
            export=Exported(ListExport.format, render=KINDS.__getitem__),
        ),
        Column(
            "state",
            "State",
            lambda row: {"chip": member_label(row.state), "tone": TONES[row.state]},
            export=Exported(ListExport.state, render=member_label),
        ),
        Column(
            "rows",
            "Rows",
            lambda row: f"{row.done_rows:,}" if is_list(row) else None,
            align="right",
            export=Exported(
                ListExport.done_rows,
                ListExport.format,
                kind=CellKind.COUNT,
                render=lambda count, kind: None if kind in UNCOUNTED else count,
            ),
        ),
        Column(
            "created_at",
            "Requested",
            lambda row: format_datetime(row.created_at),
            sort=ListExport.id,
            export=Exported(ListExport.created_at, kind=CellKind.MOMENT),
        ),
    )
    filters = (Filter("format", "Kind", ListExport.format, nullable=False),)
    default_order = (ListExport.id.desc(),)
    load_options = (joinedload(ListExport.file),)
    view_permission = Permission.CUSTOMERS_EXPORT
    edit_permission = None

    def base_query(self) -> Select[Any]:
        """One's own: a list shows what its owner may see."""
        return super().base_query().where(ListExport.user_id == self.actor.id)

    @expose("/details/")
    def details_view(self) -> Any:
        export = self.get_one(request.args.get("id", ""))
        if request.args.get("as") == "json":
            return jsonify(build_progress(export))
        g.crumb = export.title
        page = {
            "title": f"Export {export.title.lower()}" if is_list(export) else export.title,
            **build_progress(export),
            "poll_url": url_for("exports.details_view", id=export.id) + "&as=json",
            "cancel_url": url_for("exports.cancel_view", id=export.id),
            "result": self._result(export),
        }
        return self.render("screens/progress.html", page=page)

    def _result(self, export: ListExport) -> dict[str, Any] | None:
        back_action = self._back_action(export)
        if export.state is TransferState.DONE and export.file is not None:
            url = url_for("exports.download", id=export.id)
            size = format_size(export.file.size)
            text = f"PDF, {size}" if is_report(export) else f"{export.done_rows:,} {_name_contents(export)}, {size}"
            text += f". {export.problem}." if export.problem else ""
            return {"text": text, "actions": [{"label": "Download", "url": url, "icon": "download"}, back_action]}
        if export.state is TransferState.FAILED:
            return {"text": export.problem or "Export failed.", "actions": [back_action]}
        if export.state is TransferState.CANCELLED:
            return {"text": "Cancelled. No file was created.", "actions": [back_action]}
        return None

    def _back_action(self, export: ListExport) -> dict[str, str]:
        """To where it was asked for."""
        if export.screen == ARCHIVE:
            return {"label": "Back to document signatures", "url": url_for("signatures.index_view")}
        if export.screen == PREVIEW:
            url = path_to("organisations.details_view", export.organisation_id)
            return {"label": "Back to the organisation", "url": url}
        if is_report(export):
            return {"label": "Back to the customer", "url": path_to("customers.details_view", export.query["customer"])}
        return {"label": "Back to the list", "url": url_for(f"{export.screen}.index_view") + export.query["address"]}

    @expose("/cancel/", methods=("POST",))
    def cancel_view(self) -> Any:
        export = self.get_one(request.args.get("id", ""))
        if not exports.cancel(export.id):
            flash("Already finished.", "info")
        return redirect(url_for("exports.details_view", id=export.id), 303)

    @expose("/file/")
    def download(self) -> Any:
        export = self.get_one(request.args.get("id", ""))
        if export.file is None:
            abort(404)
        return send_file(
            storage.open_file(export.file),
            mimetype=export.file.content_type,
            as_attachment=True,
            download_name=export.file.name,
            max_age=0,
        )


def _name_contents(export: ListExport) -> str:
    """What is counted in it."""
    if is_list(export):
        return "rows"
    return "PDF" if export.done_rows == 1 else "PDFs"


def build_progress(export: ListExport) -> dict[str, Any]:
    """How far an export is: state, rows done and in all, rows a second and the time left in words."""
    rate_text = time_left = ""
    if is_report(export):
        rate_text = "document" if export.screen == PREVIEW else "report"
    elif export.state is TransferState.RUNNING and export.started_at and export.done_rows:
        seconds = max((clock.get_now() - export.started_at).total_seconds(), 0.1)
        speed = export.done_rows / seconds
        rate_text = f"{speed:,.0f} {_name_contents(export)} a second"
        if export.total_rows:
            time_left = f"about {timedelta(seconds=round((export.total_rows - export.done_rows) / speed))} left"
    return {
        "state": export.state.value,
        "done": export.done_rows,
        "total": 1 if is_report(export) else export.total_rows,
        "rate_text": rate_text,
        "left_text": time_left,
        "problems": [],
    }

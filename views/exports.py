"""Exports: large lists, and customers' reports, that a job writes to a file."""

from datetime import timedelta
from typing import Any

from flask import abort, flash, g, jsonify, redirect, request, send_file, url_for
from flask_admin import expose
from sqlalchemy import Select
from sqlalchemy.orm import joinedload

from customerhub import clock, storage
from customerhub.notifications.report import FORMAT
from customerhub.permissions import Permission
from jobs import exports
from models import ListExport
from models.enums import TransferState
from views.base import HubModelView
from views.columns import Column, Filter, moment
from views.files import size_text
from views.paths import path_to
from views.words import word

TONES = {
    TransferState.QUEUED: "neutral",
    TransferState.RUNNING: "blue",
    TransferState.DONE: "green",
    TransferState.FAILED: "red",
    TransferState.CANCELLED: "grey",
}
KINDS = {"csv": "CSV", "xlsx": "Excel", FORMAT: "PDF"}


def is_report(export: ListExport) -> bool:
    """Whether it is a customer's report, not a list."""
    return export.format == FORMAT


class ExportView(HubModelView):
    noun = "export"
    title = "Exports"
    intro = "Large lists and customers' reports that you had written to a file."
    empty_text = (
        "Short lists are downloaded at once. Long ones, and reports, are written in the background and wait here."
    )
    columns = (
        Column("title", "Export", lambda row: row.title),
        Column("format", "Kind", lambda row: KINDS[row.format]),
        Column("state", "State", lambda row: {"chip": word(row.state), "tone": TONES[row.state]}),
        Column("rows", "Rows", lambda row: None if is_report(row) else f"{row.done_rows:,}", align="right"),
        Column("created_at", "Asked for", lambda row: moment(row.created_at), sort=ListExport.id),
    )
    filters = (Filter("format", "Kind", ListExport.format, nullable=False),)
    usual_order = (ListExport.id.desc(),)
    load = (joinedload(ListExport.file),)
    view_permission = Permission.CUSTOMERS_EXPORT
    edit_permission = None

    def rows(self) -> Select[Any]:
        """One's own: a list shows what its owner may see."""
        return super().rows().where(ListExport.user_id == self.actor.id)

    @expose("/details/")
    def details_view(self) -> Any:
        export = self.get_one(request.args.get("id", ""))
        if request.args.get("as") == "json":
            return jsonify(progress(export))
        g.crumb = export.title
        page = {
            "title": export.title if is_report(export) else f"Export {export.title.lower()}",
            **progress(export),
            "poll_url": url_for("exports.details_view", id=export.id) + "&as=json",
            "cancel_url": url_for("exports.cancel_view", id=export.id),
            "result": self._result(export),
        }
        return self.render("progress.html", page=page)

    def _result(self, export: ListExport) -> dict[str, Any] | None:
        back = self._back(export)
        if export.state is TransferState.DONE and export.file is not None:
            url = url_for("exports.download", id=export.id)
            size = size_text(export.file.size)
            text = f"PDF, {size}" if is_report(export) else f"{export.done_rows:,} rows, {size}"
            return {"text": text, "actions": [{"label": "Download", "url": url, "icon": "download"}, back]}
        if export.state is TransferState.FAILED:
            return {"text": export.problem or "It failed.", "actions": [back]}
        if export.state is TransferState.CANCELLED:
            return {"text": "You cancelled it. Nothing was written.", "actions": [back]}
        return None

    def _back(self, export: ListExport) -> dict[str, str]:
        """To where it was asked for."""
        if is_report(export):
            return {"label": "Back to the customer", "url": path_to("customers.details_view", export.query["customer"])}
        return {"label": "Back to the list", "url": url_for(f"{export.screen}.index_view") + export.query["address"]}

    @expose("/cancel/", methods=("POST",))
    def cancel_view(self) -> Any:
        export = self.get_one(request.args.get("id", ""))
        if not exports.cancel(export.id):
            flash("It was over already.", "info")
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


def progress(export: ListExport) -> dict[str, Any]:
    """How far an export is: state, rows done and in all, rows a second and the time left in words."""
    rate = left = ""
    if is_report(export):
        rate = "report"
    elif export.state is TransferState.RUNNING and export.started_at and export.done_rows:
        seconds = max((clock.now() - export.started_at).total_seconds(), 0.1)
        speed = export.done_rows / seconds
        rate = f"{speed:,.0f} rows a second"
        if export.total_rows:
            left = f"about {timedelta(seconds=round((export.total_rows - export.done_rows) / speed))} left"
    return {
        "state": export.state.value,
        "done": export.done_rows,
        "total": 1 if is_report(export) else export.total_rows,
        "rate_text": rate,
        "left_text": left,
        "problems": [],
    }

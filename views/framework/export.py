"""A list as a file: as filtered, with the chosen columns. A large one is written by a job."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

from flask import Response, abort, flash, g, redirect, request, url_for
from flask_admin import expose
from flask_login import current_user
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from customerhub.core import clock
from customerhub.core.permissions import Actor, require_permission
from customerhub.core.spreadsheets import CONTENT_TYPES, ExtraSheet, SheetColumn, split_into_chunks, write_table
from jobs import exports
from jobs.queue import BULK, try_enqueue
from models import ListExport, Organisation
from models.base import db
from views.framework import export_choice, list_page, list_preferences
from views.framework.columns import Column
from views.framework.export_choice import NO_COLUMN, NO_ROW, parse_keys, render_choice, require_export
from views.framework.exported import ExportReader
from views.framework.formatting import current_formats
from views.framework.screen import Screen, ViewResponse
from views.http import form_tokens

MAX_ROWS = 1_000_000
CUT_TEXT = "The list has more than {0:,} rows: only the first {0:,} are in the file. Filter the list to export the rest"


class ExportMixin(Screen):
    """The export of a HubModelView."""

    @expose("/export/<export_type>/", methods=("GET", "POST"))
    def export(self, export_type: str) -> ViewResponse:
        """The columns and rows that the request names as a file; where it names none, those that the list shows. A file
        that takes long is begun by a form only.
        """
        if export_type not in CONTENT_TYPES:
            abort(404)
        require_export(self)
        args = self.parse_list_args(request.args)
        columns = self._list_chosen_columns()
        ticked_keys = parse_keys(request.values.getlist("id"))
        takes_ticked = request.values.get("rows") == "ticked"
        if not columns or (takes_ticked and not ticked_keys):
            flash(NO_ROW if columns else NO_COLUMN, "error")
            return render_choice(self, args, ticked_keys, [column.name for column in columns]), 422
        keys, filter_errors = self.list_row_ids(
            args, export_choice.DIRECT_ROWS + 1, ticked_keys if takes_ticked else None
        )
        if len(keys) <= export_choice.DIRECT_ROWS or takes_ticked:
            list_page.flash_filter_errors(filter_errors)
            return self._file_response(export_type, self._build_table(columns, keys))
        if request.method != "POST":
            return render_choice(self, args, ticked_keys, [column.name for column in columns])
        return self._enqueue_export(export_type, args, columns)

    def _list_chosen_columns(self) -> list[Column]:
        """The columns that the request names, in the order of the list; those that it shows where it says nothing."""
        settings = list_preferences.load_settings(self)
        if not {"column", "chosen"} & {*request.values}:
            return settings.visible_columns(self.columns)
        names = {*request.values.getlist("column")}
        return [column for column in settings.order_columns(self.columns) if column.name in names]

    def _file_response(self, kind: str, table: exports.TableExport) -> Response:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"list.{kind}"
            chunks = list(split_into_chunks(table.keys))
            rows = (row for keys in chunks for row in table.load_rows(keys))
            extra_sheets = [
                ExtraSheet(each.name, each.columns, [row for keys in chunks for row in each.load_rows(keys)])
                for each in (table.dependent_tables if kind != "csv" else ())
            ]
            write_table(path, kind, table.columns, rows, table.formats, extra_sheets)
            body = path.read_bytes()
        name = f"{self.endpoint}-{clock.get_today(current_formats().zone)}.{kind}"
        return Response(
            body,
            content_type=CONTENT_TYPES[kind],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    def _enqueue_export(self, kind: str, args: list_page.ListArgs, columns: list[Column]) -> BaseResponse:
        duplicate = form_tokens.claim_token()
        if duplicate is not None and duplicate.is_same:
            return duplicate.redirect_again(url_for("exports.index_view"))
        export = ListExport(
            organisation_id=self.actor.organisation_id,
            user_id=current_user.id,
            screen=self.endpoint,
            title=self.title,
            format=kind,
            query={"address": args.query_string(), "columns": [column.name for column in columns]},
        )
        db.session.add(export)
        db.session.flush()
        url = url_for("exports.details_view", id=export.id)
        form_tokens.set_redirect(url)
        db.session.commit()
        try_enqueue(exports.write, export.id, queue=BULK)
        return redirect(url, 303)

    def build_table_export(self, export: ListExport, actor: Actor) -> exports.TableExport:
        """The list that `export` asks for, as `actor` may see it. Runs in a worker, without a request.

        Raises NotAllowed where `actor` may not see it.
        """
        from views.framework.formatting import use_formats

        require_permission(actor, self.view_permission)
        g.actor = actor
        use_formats(db.session.get_one(Organisation, actor.organisation_id))
        parameters = MultiDict(_parse_query(export.query["address"]))
        args = self.parse_list_args(parameters)
        columns = list_preferences.ListSettings(export.query["columns"]).visible_columns(self.columns)
        keys, _ = self.list_row_ids(args, MAX_ROWS + 1)
        table = self._build_table(columns, keys[:MAX_ROWS])
        return replace(table, notice=CUT_TEXT.format(MAX_ROWS)) if len(keys) > MAX_ROWS else table

    def _build_table(self, columns: Sequence[Column], keys: Sequence[int]) -> exports.TableExport:
        """The rows with these keys, in these columns."""
        declared = [column.get_export() for column in columns]
        options = [*self.load_options, *(option for column in columns for option in column.load_options)]
        return exports.TableExport(
            columns=[SheetColumn(column.label, each.kind) for column, each in zip(columns, declared, strict=True)],
            keys=keys,
            load_rows=ExportReader(self.base_query(), self.model, declared, options).read_rows,
            formats=current_formats().sheet_formats,
            dependent_tables=self.list_dependent_tables(columns),
        )

    def list_dependent_tables(self, columns: Sequence[Column]) -> Sequence[exports.DependentTable]:
        """What a workbook of these columns has on sheets of its own."""
        return ()


def _parse_query(address: str) -> list[tuple[str, str]]:
    return parse_qsl(address.removeprefix("?"))

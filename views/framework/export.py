"""A list as a file: as filtered, with the chosen columns. A large one is written by a job."""

import io
from collections.abc import Iterator, Sequence
from functools import partial
from urllib.parse import parse_qsl

from flask import Response, abort, g, redirect, request, url_for
from flask_admin import expose
from flask_login import current_user
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from customerhub.core import clock
from customerhub.core.permissions import Actor, Permission, require_permission
from customerhub.core.references import pluralize
from customerhub.core.spreadsheets import CONTENT_TYPES, split_into_chunks, write_csv, write_workbook
from jobs import exports
from jobs.queue import BULK, try_enqueue
from models import ListExport, Organisation
from models.base import db
from views.framework import list_page, list_preferences
from views.framework.columns import Column
from views.framework.formatting import current_formats
from views.framework.operation import OperationPage
from views.framework.screen import Screen, ViewResponse

DIRECT_ROWS = 5000  # rows that are written while the browser waits
MAX_ROWS = 1_000_000
CUT_TEXT = "The list has more than {0:,} rows: only the first {0:,} are in the file. Filter the list to export the rest"


class ExportMixin(Screen):
    """The export of a HubModelView."""

    @expose("/export/<export_type>/", methods=("GET", "POST"))
    def export(self, export_type: str) -> ViewResponse:
        if export_type not in CONTENT_TYPES:
            abort(404)
        if not self.actor.has_permission(Permission.CUSTOMERS_EXPORT):
            abort(403)
        args = list_page.parse_list_args(request.args, self.columns, self.filters, list_page.PAGE_SIZES[0])
        columns = list_preferences.load_settings(current_user.id, self.endpoint).visible_columns(self.columns)
        keys, filter_errors = self._row_ids(args, DIRECT_ROWS + 1)
        list_page.flash_filter_errors(filter_errors)
        if len(keys) <= DIRECT_ROWS:
            return self._file_response(export_type, columns, self._iterate_cells(keys, columns))
        if request.method == "POST":
            return self._enqueue_export(export_type, args, columns)
        page = OperationPage(
            title=f"Export {pluralize(self.noun)}",
            explanation=f"The list has more than {DIRECT_ROWS:,} rows, so the file is created in the background. "
            "You can continue working. Find the file under Exports.",
            button="Start export",
            back_url=url_for(f"{self.endpoint}.index_view") + args.query_string(),
        )
        return self.render("screens/operation.html", page=page)

    def _file_response(self, kind: str, columns: list[Column], rows: Iterator[list[str]]) -> Response:
        headings = [column.label for column in columns]
        body: str | bytes
        if kind == "csv":
            text = io.StringIO(newline="")
            write_csv(text, headings, rows)
            body = text.getvalue()
        else:
            binary = io.BytesIO()
            write_workbook(binary, headings, numeric_positions(columns), rows)
            body = binary.getvalue()
        name = f"{self.endpoint}-{clock.get_today(current_formats().zone)}.{kind}"
        return Response(
            body,
            content_type=CONTENT_TYPES[kind],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    def _enqueue_export(self, kind: str, args: list_page.ListArgs, columns: list[Column]) -> BaseResponse:
        export = ListExport(
            organisation_id=self.actor.organisation_id,
            user_id=current_user.id,
            screen=self.endpoint,
            title=self.title,
            format=kind,
            query={"address": args.query_string(), "columns": [column.name for column in columns]},
        )
        db.session.add(export)
        db.session.commit()
        try_enqueue(exports.write, export.id, queue=BULK)
        return redirect(url_for("exports.details_view", id=export.id), 303)

    def build_table_export(self, export: ListExport, actor: Actor) -> exports.TableExport:
        """The list that `export` asks for, as `actor` may see it. Runs in a worker, without a request.

        Raises NotAllowed where `actor` may not see it.
        """
        from views.framework.formatting import use_formats

        require_permission(actor, self.view_permission)
        g.actor = actor
        use_formats(db.session.get_one(Organisation, actor.organisation_id))
        parameters = MultiDict(_parse_query(export.query["address"]))
        args = list_page.parse_list_args(parameters, self.columns, self.filters, list_page.PAGE_SIZES[0])
        columns = list_preferences.ListSettings(export.query["columns"], []).visible_columns(self.columns)
        keys, _ = self._row_ids(args, MAX_ROWS + 1)
        is_cut = len(keys) > MAX_ROWS
        headings = [column.label for column in columns]
        return exports.TableExport(
            headings,
            numeric_positions(columns),
            keys[:MAX_ROWS],
            partial(self._read_cells, columns=columns),
            notice=CUT_TEXT.format(MAX_ROWS) if is_cut else None,
        )

    def _row_ids(self, args: list_page.ListArgs, limit: int) -> tuple[list[int], list[str]]:
        """The keys of the rows of the list, in its order, and what is to be said of filters that do not fit."""
        order = list_page.order_of(args, self.columns, self.default_order, self.model)
        rows_query, filter_errors = self.filtered_query(args)
        query = rows_query.with_only_columns(self.model.id, maintain_column_froms=True)
        return list(db.session.scalars(query.order_by(*order).limit(limit))), filter_errors

    def _iterate_cells(self, keys: list[int], columns: list[Column]) -> Iterator[list[str]]:
        """The cells of the rows with these keys, of which few are in memory at a time."""
        for chunk in split_into_chunks(keys):
            yield from self._read_cells(chunk, columns=columns)

    def _read_cells(self, keys: Sequence[int], *, columns: list[Column]) -> list[list[str]]:
        """The cells of the rows with these keys, in this order; a row that is gone is left out."""
        load_options = [*self.load_options, *(option for column in columns for option in column.load_options)]
        query = self.base_query().where(self.model.id.in_(keys)).options(*load_options)
        by_key = {row.id: row for row in db.session.scalars(query).unique()}
        cells = [[column.format_export(by_key[key]) for column in columns] for key in keys if key in by_key]
        for row in by_key.values():
            db.session.expunge(row)
        return cells


def numeric_positions(columns: list[Column]) -> set[int]:
    """The positions of the columns that hold numbers."""
    return {place for place, column in enumerate(columns) if column.align == "right"}


def _parse_query(address: str) -> list[tuple[str, str]]:
    return parse_qsl(address.removeprefix("?"))

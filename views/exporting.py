"""A list as a file: as filtered, with the chosen columns. A large one is written by a job."""

import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from flask import Response, abort, g, redirect, request, url_for
from flask_admin import expose
from flask_login import current_user
from werkzeug.datastructures import MultiDict

from customerhub import clock
from customerhub.exporting import CONTENT_TYPES, write_csv, write_workbook
from customerhub.links import plural
from customerhub.permissions import Actor, Permission
from jobs import exports
from jobs.queue import BULK, nudge
from models import ListExport, Organisation
from models.base import db
from views import listing, preferences
from views.columns import Column
from views.operation import OperationPage

CHUNK = 1000
AT_ONCE = 5000  # rows that are written while the browser waits
MOST_ROWS = 1_000_000


class Exporting:
    """The export of a HubModelView."""

    @expose("/export/<export_type>/", methods=("GET", "POST"))
    def export(self: Any, export_type: str) -> Any:
        if export_type not in CONTENT_TYPES:
            abort(404)
        if not self.actor.may(Permission.CUSTOMERS_EXPORT):
            abort(403)
        args = listing.read_args(request.args, self.columns, self.filters, listing.PAGE_SIZES[0])
        columns = preferences.of(current_user.id, self.endpoint).columns_of(self.columns)
        keys = self._keys(args, AT_ONCE + 1)
        if len(keys) <= AT_ONCE:
            return self._attachment(export_type, columns, self._cells(keys, columns))
        if request.method == "POST":
            return self._start_export(export_type, args, columns)
        page = OperationPage(
            title=f"Export {plural(self.noun)}",
            explain=f"The list has more than {AT_ONCE:,} rows, so the file is written in the background. "
            "You can go on working; it waits for you under Exports.",
            button="Write the file",
            back_url=url_for(f"{self.endpoint}.index_view") + args.query(),
        )
        return self.render("operation.html", page=page)

    def _attachment(self: Any, kind: str, columns: list[Column], rows: Iterator[list[str]]) -> Response:
        headings = [column.label for column in columns]
        body: str | bytes
        if kind == "csv":
            text = io.StringIO(newline="")
            write_csv(text, headings, rows)
            body = text.getvalue()
        else:
            binary = io.BytesIO()
            write_workbook(binary, headings, numbers_among(columns), rows)
            body = binary.getvalue()
        name = f"{self.endpoint}-{clock.today()}.{kind}"
        return Response(
            body,
            content_type=CONTENT_TYPES[kind],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    def _start_export(self: Any, kind: str, args: listing.ListArgs, columns: list[Column]) -> Any:
        export = ListExport(
            organisation_id=self.actor.organisation_id,
            user_id=current_user.id,
            screen=self.endpoint,
            title=self.title,
            format=kind,
            query={"address": args.query(), "columns": [column.name for column in columns]},
        )
        db.session.add(export)
        db.session.commit()
        nudge(exports.write, export.id, queue=BULK)
        return redirect(url_for("exports.details_view", id=export.id), 303)

    def listing_for_job(self: Any, export: ListExport, actor: Actor) -> exports.Listing:
        """The list that `export` asks for, as `actor` may see it. Runs in a worker, without a request."""
        from views.frame import use_formats

        g.actor = actor
        use_formats(db.session.get_one(Organisation, actor.organisation_id))
        given = MultiDict(_pairs(export.query["address"]))
        args = listing.read_args(given, self.columns, self.filters, listing.PAGE_SIZES[0])
        columns = preferences.Kept(export.query["columns"], []).columns_of(self.columns)
        keys = self._keys(args, MOST_ROWS)
        headings = [column.label for column in columns]
        return exports.Listing(headings, numbers_among(columns), len(keys), self._cells(keys, columns))

    def _keys(self: Any, args: listing.ListArgs, most: int) -> list[int]:
        """The keys of the rows of the list, in its order."""
        order = listing.order_of(args, self.columns, self.usual_order, self.model)
        query = self.list_query(args).with_only_columns(self.model.id, maintain_column_froms=True)
        return list(db.session.scalars(query.order_by(*order).limit(most)))

    def _cells(self: Any, keys: list[int], columns: list[Column]) -> Iterator[list[str]]:
        """The cells of the rows with these keys, read in chunks."""
        load = [*self.load, *(option for column in columns for option in column.load)]
        for start in range(0, len(keys), CHUNK):
            chunk = keys[start : start + CHUNK]
            query = self.rows().where(self.model.id.in_(chunk)).options(*load)
            by_key = {row.id: row for row in db.session.scalars(query).unique()}
            for key in chunk:
                if key in by_key:
                    yield [column.exported(by_key[key]) for column in columns]
            for row in by_key.values():
                db.session.expunge(row)


def numbers_among(columns: list[Column]) -> set[int]:
    """The positions of the columns that hold numbers."""
    return {place for place, column in enumerate(columns) if column.align == "right"}


def _pairs(address: str) -> list[tuple[str, str]]:
    return parse_qsl(address.removeprefix("?"))

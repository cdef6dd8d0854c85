"""A list as a file: as filtered, with the chosen columns. A large one is written by a job."""

import io
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from flask import Response, abort, g, redirect, request, url_for
from flask_admin import expose
from flask_login import current_user
from werkzeug.datastructures import MultiDict

from customerhub import clock
from customerhub.exporting import CONTENT_TYPES, in_chunks, write_csv, write_workbook
from customerhub.links import plural
from customerhub.permissions import Actor, Permission, require
from jobs import exports
from jobs.queue import BULK, nudge
from models import ListExport, Organisation
from models.base import db
from views import listing, preferences
from views.columns import Column, formats
from views.operation import OperationPage

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
        keys, unfit = self._keys(args, AT_ONCE + 1)
        listing.say(unfit)
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
        name = f"{self.endpoint}-{clock.today(formats().zone)}.{kind}"
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
        """The list that `export` asks for, as `actor` may see it. Runs in a worker, without a request.

        Raises NotAllowed where `actor` may not see it.
        """
        from views.frame import use_formats

        require(actor, self.view_permission)
        g.actor = actor
        use_formats(db.session.get_one(Organisation, actor.organisation_id))
        given = MultiDict(_pairs(export.query["address"]))
        args = listing.read_args(given, self.columns, self.filters, listing.PAGE_SIZES[0])
        columns = preferences.Kept(export.query["columns"], []).columns_of(self.columns)
        keys, _ = self._keys(args, MOST_ROWS)
        headings = [column.label for column in columns]
        return exports.Listing(headings, numbers_among(columns), keys, partial(self._cells_of, columns=columns))

    def _keys(self: Any, args: listing.ListArgs, most: int) -> tuple[list[int], list[str]]:
        """The keys of the rows of the list, in its order, and what is to be said of filters that do not fit."""
        order = listing.order_of(args, self.columns, self.usual_order, self.model)
        found, unfit = self.list_query(args)
        query = found.with_only_columns(self.model.id, maintain_column_froms=True)
        return list(db.session.scalars(query.order_by(*order).limit(most))), unfit

    def _cells(self: Any, keys: list[int], columns: list[Column]) -> Iterator[list[str]]:
        """The cells of the rows with these keys, of which few are in memory at a time."""
        for chunk in in_chunks(keys):
            yield from self._cells_of(chunk, columns=columns)

    def _cells_of(self: Any, keys: Sequence[int], *, columns: list[Column]) -> list[list[str]]:
        """The cells of the rows with these keys, in this order; a row that is gone is left out."""
        load = [*self.load, *(option for column in columns for option in column.load)]
        query = self.rows().where(self.model.id.in_(keys)).options(*load)
        by_key = {row.id: row for row in db.session.scalars(query).unique()}
        cells = [[column.exported(by_key[key]) for column in columns] for key in keys if key in by_key]
        for row in by_key.values():
            db.session.expunge(row)
        return cells


def numbers_among(columns: list[Column]) -> set[int]:
    """The positions of the columns that hold numbers."""
    return {place for place, column in enumerate(columns) if column.align == "right"}


def _pairs(address: str) -> list[tuple[str, str]]:
    return parse_qsl(address.removeprefix("?"))

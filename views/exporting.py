"""A list as a file: as filtered, with the chosen columns, formulas made harmless."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

import xlsxwriter
from flask import Response, abort, request, stream_with_context
from flask_admin import expose
from flask_login import current_user
from sqlalchemy import select

from customerhub import clock
from customerhub.permissions import Permission
from models.base import db
from views import listing, preferences
from views.columns import Column, plain

CHUNK = 1000
MOST_ROWS = 200_000
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class Exporting:
    """The export of a HubModelView."""

    @expose("/export/<export_type>/")
    def export(self: Any, export_type: str) -> Any:
        if export_type not in ("csv", "xlsx"):
            abort(404)
        if not self.actor.may(Permission.CUSTOMERS_EXPORT):
            abort(403)
        args = listing.read_args(request.args, self.columns, self.filters, listing.PAGE_SIZES[0])
        columns = preferences.of(current_user.id, self.endpoint).columns_of(self.columns)
        rows = self._exported(args, columns)
        name = f"{self.endpoint}-{clock.today()}.{export_type}"
        if export_type == "csv":
            return _attachment(stream_with_context(as_csv(columns, rows)), name, "text/csv; charset=utf-8")
        return _attachment(as_workbook(columns, rows), name, XLSX_TYPE)

    def _exported(self: Any, args: listing.ListArgs, columns: list[Column]) -> Iterator[list[str]]:
        """The cells of every row of the list, read in chunks by key."""
        order = listing.order_of(args, self.columns, self.usual_order, self.model)
        query = self.list_query(args).with_only_columns(self.model.id, maintain_column_froms=True)
        keys = list(db.session.scalars(query.order_by(*order).limit(MOST_ROWS)))
        load = [*self.load, *(option for column in columns for option in column.load)]
        for start in range(0, len(keys), CHUNK):
            chunk = keys[start : start + CHUNK]
            found = db.session.scalars(
                select(self.model).where(self.model.id.in_(chunk)).options(*load)
            ).unique()
            by_key = {row.id: row for row in found}
            for key in chunk:
                if key in by_key:
                    yield [plain(column.value(by_key[key])) for column in columns]
            db.session.expunge_all()


def harmless(text: str) -> str:
    """`text` such that no spreadsheet takes it for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", ""))
    except ValueError:
        return False
    return True


def as_csv(columns: Iterable[Column], rows: Iterable[list[str]]) -> Iterator[str]:
    """The lines of a CSV file, with a byte order mark so that Excel reads accents."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write("\ufeff")
    writer.writerow([column.label for column in columns])
    for number, row in enumerate(rows, 1):
        writer.writerow([harmless(text) for text in row])
        if number % CHUNK == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def as_workbook(columns: list[Column], rows: Iterable[list[str]]) -> bytes:
    """The bytes of an Excel workbook; every cell is text or a number, never a formula or a link."""
    buffer = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "constant_memory": True}
    with xlsxwriter.Workbook(buffer, options) as book:
        sheet = book.add_worksheet()
        bold = book.add_format({"bold": True})
        for number, column in enumerate(columns):
            sheet.write_string(0, number, column.label, bold)
            sheet.set_column(number, number, 18)
        sheet.freeze_panes(1, 0)
        for line, row in enumerate(rows, 1):
            for number, text in enumerate(row):
                if columns[number].align == "right" and text and _is_number(text):
                    sheet.write_number(line, number, float(text.replace(",", "")))
                else:
                    sheet.write_string(line, number, text)
    return buffer.getvalue()


def _attachment(body: Any, name: str, content_type: str) -> Response:
    return Response(
        body, content_type=content_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )

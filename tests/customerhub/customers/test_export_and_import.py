"""Our own output comes back in: the list of customers is exported, imported again, and nothing has changed."""

import csv
import io
from datetime import date, datetime

import openpyxl
import pytest
import xlsxwriter
from flask import current_app
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from customerhub.core import history
from customerhub.core.dates import DATE_PATTERNS
from customerhub.core.spreadsheets import write_csv_table, write_workbook
from customerhub.customers.importing.columns import HEADERS as IMPORT_HEADERS
from customerhub.customers.importing.columns import STANDARD_COLUMNS, CellType
from jobs import exports
from models import Address, Department, ListExport, Organisation
from models.base import db
from models.enums import DateFormat, ListSeparator
from tests.customerhub.customers.test_import_property import delete_customers
from tests.support.imports import import_now, list_customers
from tests.support.workbooks import build_workbook, valid_row
from views.customers.columns import COLUMNS as LIST_COLUMNS
from views.customers.columns import list_import_columns

# The column of the list that shows what each column of an import fills.
LIST_LABELS = {
    column.header: next(
        (label for label, header in STANDARD_COLUMNS.other_headers.items() if header == column.header),
        next(
            (each.label for each in LIST_COLUMNS if "".join(each.label.split()).casefold() == column.header.casefold()),
            None,
        ),
    )
    for column in STANDARD_COLUMNS.columns
}
DAY_LABELS = {LIST_LABELS[column.header] for column in STANDARD_COLUMNS.columns if column.cell_type is CellType.DATE}
ODD_DEPARTMENTS = ("=Cost; centre", "Sales, EMEA", "'Quoted'", "+1;-2")


def test_the_list_of_customers_has_every_column_that_an_import_takes():
    labels = {column.label for column in LIST_COLUMNS}
    assert {header: label for header, label in LIST_LABELS.items() if label not in labels} == {}


def test_the_columns_for_an_import_are_those_and_no_others(import_org):
    names = list_import_columns(LIST_COLUMNS, import_org.id)
    labels = {column.name: column.label for column in LIST_COLUMNS}
    assert sorted(labels[name] for name in names) == sorted(LIST_LABELS.values())
    import_now(build_workbook([valid_row(1)]), import_org)
    result = import_now(export_workbook(import_org, names), import_org)
    assert (result.counts.unchanged, result.errors, result.ignored_columns) == (1, [], [])


def build_export(import_org, columns=()):
    """The export of these columns, or of all."""
    names = list(columns) or [column.name for column in LIST_COLUMNS]
    export = ListExport(screen="customers", query={"address": "?", "columns": names})
    with current_app.test_request_context():
        return exports.get_builders()["customers"](export, import_org.actor)


def export_workbook(import_org, columns=()):
    file = io.BytesIO()
    table = build_export(import_org, columns)
    write_workbook(file, table.columns, table.load_rows(table.keys), table.formats)
    db.session.rollback()
    return io.BytesIO(file.getvalue())


def export_csv(import_org):
    file = io.StringIO(newline="")
    table = build_export(import_org)
    write_csv_table(file, table.columns, table.load_rows(table.keys), table.formats)
    db.session.rollback()
    return file.getvalue()


def open_as_spreadsheet(text, date_format, separator, *, as_text):
    """A CSV file opened by a spreadsheet of the organisation's country and saved as a workbook.

    Either all columns were opened as text, or the spreadsheet made dates of those of days. A reference of which it
    makes a date is refused, in words: no file of text can hold the two apart.
    """
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"strings_to_formulas": False, "strings_to_urls": False})
    day_format = book.add_format({"num_format": "d-mmm-yy"})
    sheet = book.add_worksheet()
    source = io.StringIO(text.removeprefix("\ufeff"), newline="")
    headings, *lines = csv.reader(source, delimiter=separator.character)
    sheet.write_row(0, 0, headings)
    for line, row in enumerate(lines, 1):
        for place, (heading, cell) in enumerate(zip(headings, row, strict=True)):
            day = find_date(cell, date_format) if heading in DAY_LABELS and not as_text else None
            if day is None:
                sheet.write_string(line, place, cell)
            else:
                sheet.write_datetime(line, place, day, day_format)
    book.close()
    return io.BytesIO(file.getvalue())


def find_date(text, date_format):
    try:
        return datetime.strptime(text, DATE_PATTERNS[date_format])  # noqa: DTZ007
    except ValueError:
        return None


def change_nothing(file, import_org):
    """Import `file`, and see that it says of each customer that nothing has changed."""
    count = len(list_customers(import_org))
    result = import_now(file, import_org, good_rows_only=True)
    assert (result.errors, result.counts.unchanged, result.counts.total) == ([], count, count)


def set_up(import_org, date_format, separator=ListSeparator.COMMA):
    with history.act_as(import_org.actor, "test"):
        known = set(db.session.scalars(select(Department.name)))
        for name in ODD_DEPARTMENTS:
            if name not in known:
                db.session.add(Department(organisation_id=import_org.id, name=name))
        organisation = db.session.get_one(Organisation, import_org.id)
        organisation.date_format, organisation.list_separator = date_format, separator
        db.session.commit()


def set_address(import_org, parts):
    """The mailing address of each customer in four parts, as the form has it."""
    with history.act_as(import_org.actor, "test"):
        values = dict(zip(("lines", "postal_code", "city", "country"), parts, strict=True))
        quietly = history.bulk_options() | {"synchronize_session": False}
        db.session.execute(update(Address).values(**values), execution_options=quietly)
        db.session.commit()


# --- Any customers -----------------------------------------------------------------------------------------------

signs = st.sampled_from([*"=+-@|%;,'\" 1a0é", "\u4eba", "\U0001f680", ";=", "_x0041_", "\\"])
one_line = st.lists(signs, min_size=1, max_size=8).map("".join).filter(lambda text: text.strip(" ") == text)
paragraphs = st.lists(one_line, min_size=1, max_size=3).map("\n".join)
references = st.sampled_from(
    [
        "00042",
        "42",
        "TRUE",
        "2025-01-31",
        "03/04/2025",
        "-5",
        "+49 30",
        "=1+1",
        "'=1",
        "1,234",
        "a;=b",
        "0x1F",
        "1E",
        "#N/A",
    ]
)
days = st.dates(date(1900, 1, 1), date(2199, 12, 31))
year_ends = st.sampled_from([(None, None), (31, 12), (29, 2), (1, 1)])
rows = st.fixed_dictionaries(
    {
        "reference": references,
        "name": one_line,
        "address": st.none() | paragraphs,
        "contactNumber": st.none() | st.sampled_from(["+49 30 1234567", "00042", "030;44", "-12", "(030) 1/2"]),
        "email": st.sampled_from(["a@b.example", "a@b.example, c@d.example", "+x@b.example", "=1@b.example"]),
        "reviewStartDate": days,
        "reviewFrequency": st.integers(1, 12),
        "reviewerEmail": st.none() | st.just("-r@hub.example"),
        "notificationMessage": st.none() | st.just("Customer review"),
        "creditCheckCompany": st.none() | one_line,
        "risk": st.sampled_from(["Low", "Medium", "High"]),
        "relationshipNote": st.none() | paragraphs,
        "startDate": days,
        "regionName": st.sampled_from(["Europe", "South America"]),
        "department": st.lists(
            st.sampled_from(["Sales", "Operations", *ODD_DEPARTMENTS]), min_size=1, max_size=4, unique=True
        ).map(", ".join),
        "markupMobile": st.none() | st.sampled_from(["-100", "0", "12.3456", "1000"]),
    }
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    drawn_rows=st.lists(rows, min_size=1, max_size=4, unique_by=lambda row: row["reference"].casefold()),
    year_end=year_ends,
    date_format=st.sampled_from(DateFormat),
    separator=st.sampled_from(ListSeparator),
    address=st.sampled_from([None, ("=1 Street; =2", "00042", "Berlin", "DE"), ("a\nb", None, "-x", None)]),
)
def test_what_is_exported_and_imported_again_changes_nothing(
    import_org, drawn_rows, year_end, date_format, separator, address
):
    delete_customers()
    set_up(import_org, date_format, separator)
    year_end_cells = dict(zip(("financialEndDay", "financialEndMonth"), year_end, strict=True))
    # Written as a workbook that keeps texts that look masked, as our own do.
    file = build_workbook([row | year_end_cells for row in drawn_rows], headers=STANDARD_COLUMNS.headers)
    result = import_now(file, import_org, good_rows_only=True)
    assert (result.counts.new, result.errors) == (len(drawn_rows), [])
    if address:
        set_address(import_org, address)
    change_nothing(export_workbook(import_org, list_import_columns(LIST_COLUMNS, import_org.id)), import_org)
    text = export_csv(import_org)
    change_nothing(open_as_spreadsheet(text, date_format, separator, as_text=True), import_org)
    change_nothing(open_as_spreadsheet(text, date_format, separator, as_text=False), import_org)


@pytest.mark.parametrize("date_format", DateFormat)
def test_a_changed_cell_of_an_export_is_that_change_and_no_other(import_org, date_format):
    set_up(import_org, date_format)
    import_now(build_workbook([valid_row(1), valid_row(2, startDate=date(2025, 4, 3))]), import_org)
    book = openpyxl.load_workbook(export_workbook(import_org))
    (heading,) = (cell for cell in book.active[1] if cell.value == LIST_LABELS["startDate"])
    cell = book.active.cell(3, heading.column)
    assert (cell.value, cell.is_date) == (datetime(2025, 4, 3), True)  # noqa: DTZ001
    cell.value = datetime(2025, 5, 6)  # noqa: DTZ001
    file = io.BytesIO()
    book.save(file)
    result = import_now(io.BytesIO(file.getvalue()), import_org)
    assert (result.counts.changed, result.counts.unchanged, result.errors) == (1, 1, [])
    assert {each.start_date for each in list_customers(import_org)} == {date(2020, 2, 29), date(2025, 5, 6)}


def test_a_column_of_the_list_is_ignored_where_the_column_of_the_import_is_there_too(import_org):
    headers = [*IMPORT_HEADERS, "Start", "Region"]
    file = build_workbook([valid_row(1) | {"Start": date(1999, 1, 1), "Region": "Nowhere"}], headers=headers)
    result = import_now(file, import_org)
    assert (result.counts.new, result.ignored_columns) == (1, ["Start", "Region"])


def test_an_export_may_be_large_in_the_names_of_departments(import_org):
    """Names with separators in them are found in whatever order they stand."""
    set_up(import_org, DateFormat.ISO)
    row = valid_row(1, department="Operations; Sales, EMEA\n=Cost; centre, Sales")
    assert import_now(build_workbook([row]), import_org).errors == []
    (customer,) = list_customers(import_org)
    assert {each.name for each in customer.departments} == {"Operations", "Sales, EMEA", "=Cost; centre", "Sales"}

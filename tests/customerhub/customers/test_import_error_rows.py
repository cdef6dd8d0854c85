"""The workbook of the rows in error: every cell is read again as what it was, whatever kind of cell it was."""

import io
from datetime import date, datetime, time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customerhub.core.xlsx.sheet import BadCell, FormattedNumber, PercentNumber
from customerhub.core.xlsx.table import open_table
from customerhub.customers.importing import transitions
from customerhub.customers.importing.checking import RowChecker, store_cells
from customerhub.customers.importing.columns import ERROR_COLUMNS, HEADERS, STANDARD_COLUMNS
from customerhub.customers.importing.errors_workbook import ErrorsWorkbook
from models import Organisation
from models.base import db
from models.enums import DateFormat
from tests.support.imports import get_import, import_now, list_rows, upload_and_check
from tests.support.workbooks import HEADER_ROW, build_raw_workbook, xml_row, xml_valid_row

FORMAT_CODES = (
    "dd/mm/yyyy",
    "dd.mm.yyyy hh:mm",
    "hh:mm:ss",
    "00000",
    '"K-"00000',
    "000\\-00",
    '00"7"',
    "#,##0.00",
    "#",
    "0.00%",
)
STYLES = (
    f'<numFmts count="{len(FORMAT_CODES)}">'
    + "".join(
        f'<numFmt numFmtId="{number}" formatCode="{code.replace(chr(34), "&quot;")}"/>'
        for number, code in enumerate(FORMAT_CODES, 164)
    )
    + f'</numFmts><cellXfs count="{len(FORMAT_CODES) + 1}"><xf numFmtId="0"/>'
    + "".join(f'<xf numFmtId="{number}"/>' for number, _ in enumerate(FORMAT_CODES, 164))
    + "</cellXfs>"
)
STYLE = {code: number for number, code in enumerate(FORMAT_CODES, 1)}
EPOCHS = {False: "", True: '<workbookPr date1904="1"/>'}


def number_cell(stored: str, code: str | None = None) -> str:
    return f'<c r="{{r}}" s="{STYLE[code] if code else 0}"><v>{stored}</v></c>'


def open_rows(file):
    return open_table(
        file, names=STANDARD_COLUMNS.headers, key_column="reference", silent_names=ERROR_COLUMNS, max_rows=100
    )


def check_rows(file, organisation_id):
    """(rows as they are checked, whether dates count from 1904)."""
    with open_rows(file) as table:
        table.count_rows(100)
        checker = RowChecker(organisation_id, from_1904=table.from_1904)
        return [row for rows in checker.check_rows(table.read_rows()) for row in rows], table.from_1904


def write_errors(rows, from_1904, date_format):
    file = io.BytesIO()
    with ErrorsWorkbook(file, date_format, from_1904=from_1904) as workbook:
        for row in rows:
            errors = [{"column": problem.column, "reason": problem.reason} for problem in row.problems]
            workbook.add_row(row.number, store_cells(row, from_1904=from_1904), errors)
    return io.BytesIO(file.getvalue())


def meaning_of(row):
    """What is read of a row. The reason of a cell without a value names the error that it holds: any will do."""
    bad_headers = {
        header for header, cell in zip(STANDARD_COLUMNS.headers, row.cells, strict=True) if isinstance(cell, BadCell)
    }
    problems = {(problem.column, "" if problem.column in bad_headers else problem.reason) for problem in row.problems}
    return row.values, problems


def give_back(file, import_org, date_format=DateFormat.SPOKEN):
    """(the rows of `file`, the same rows as they are read from the workbook of rows in error)."""
    rows, from_1904 = check_rows(file, import_org.id)
    again, _ = check_rows(write_errors(rows, from_1904, date_format), import_org.id)
    return rows, again


# --- Examples ----------------------------------------------------------------------------------------------------

EXAMPLES = [
    ("startDate", number_cell("45688.572916667", "dd.mm.yyyy hh:mm"), datetime(2025, 1, 31, 13, 45)),  # noqa: DTZ001
    ("startDate", number_cell("45688", "dd/mm/yyyy"), date(2025, 1, 31)),
    ("startDate", number_cell("0.75", "hh:mm:ss"), time(18)),
    ("startDate", number_cell("1.5", "dd.mm.yyyy hh:mm"), datetime(1900, 1, 1, 12)),  # noqa: DTZ001
    ("startDate", number_cell("45688"), 45688),
    ("reference", number_cell("42", "00000"), FormattedNumber(42, "00042")),
    ("reference", number_cell("42", '"K-"00000'), FormattedNumber(42, "K-00042")),
    ("reference", number_cell("4211", "000\\-00"), FormattedNumber(4211, "042-11")),
    ("reference", number_cell("42", '00"7"'), FormattedNumber(42, "427")),
    ("reference", number_cell("45688", "dd/mm/yyyy"), date(2025, 1, 31)),
    ("reference", '<c r="{r}" t="b"><v>1</v></c>', True),
    ("contactNumber", number_cell("49301234567890123"), 49301234567890123),
    ("contactNumber", number_cell("0.30000000000000004"), 0.30000000000000004),
    ("contactNumber", number_cell("1e300"), int(1e300)),
    ("contactNumber", number_cell("0.125", "0.00%"), PercentNumber(0.125)),
    ("markupMobile", number_cell("0.07", "0.00%"), PercentNumber(0.07)),
    ("markupMobile", number_cell("1", "0.00%"), PercentNumber(1)),
    ("reference", "_x005F_x0041_", "_x0041_"),
    ("reference", "=1+1", "=1+1"),
    ("reference", "#N/A", "#N/A"),
    ("reference", " 007 ", " 007 "),
    ("relationshipNote", "one\ntwo", "one\ntwo"),
    ("email", '<c r="{r}" t="e"><v>#REF!</v></c>', BadCell("The cell contains the Excel error #REF!")),
]


@pytest.mark.parametrize(("header", "xml", "expected"), EXAMPLES)
@pytest.mark.parametrize("date_format", [DateFormat.SPOKEN, DateFormat.MONTH_DAY_YEAR])
def test_a_cell_comes_back_as_it_was(import_org, header, xml, expected, date_format):
    cells = {"risk": "none of them"} | {header: xml}
    headers = STANDARD_COLUMNS.headers
    file = build_raw_workbook(xml_row(1, headers) + xml_valid_row(2, headers=headers, **cells), styles=STYLES)
    (row,), (again,) = give_back(file, import_org, date_format)
    for cell in (row.cells[headers.index(header)], again.cells[headers.index(header)]):
        assert (cell, type(cell)) == (expected, type(expected))
    assert meaning_of(again) == meaning_of(row)


@pytest.mark.parametrize("code", [None, "dd/mm/yyyy", "dd.mm.yyyy hh:mm", "00000"])
def test_a_day_of_a_workbook_from_1904_stays_that_day(import_org, code):
    cells = {"risk": "none of them", "startDate": number_cell("44226", code)}
    file = build_raw_workbook(HEADER_ROW + xml_valid_row(2, **cells), styles=STYLES, book=EPOCHS[True])
    (row,), (again,) = give_back(file, import_org)
    assert row.values["start_date"] == again.values["start_date"] == date(2025, 1, 31)


def test_what_excel_refused_is_not_taken_as_a_text_the_second_time(import_org):
    """A date in place of a reference comes back as a date: as a text it would make a new customer."""
    cells = {"reference": number_cell("45688", "dd/mm/yyyy"), "email": '<c r="{r}"><f>A1</f></c>'}
    file = build_raw_workbook(HEADER_ROW + xml_valid_row(2, **cells), styles=STYLES)
    import_id = upload_and_check(file, import_org)
    errors = io.BytesIO()
    transitions.write_errors_workbook(get_import(import_id, import_org), errors)
    again = import_now(io.BytesIO(errors.getvalue()), import_org, good_rows_only=True)
    assert {error.column for error in again.errors} == {"reference", "email"}
    assert again.counts.new == 0


def test_cells_are_kept_in_the_database_as_they_were(import_org):
    """The same through the screen: the rows are kept between the check and the download."""
    rows = [
        xml_row(number, [*["x"] * 2, *[None] * 3, xml, *[None] * 4, "none"])
        for number, xml in enumerate(
            (number_cell("45688.572916667", "dd.mm.yyyy hh:mm"), number_cell("42", "00000"), number_cell("1e300")), 2
        )
    ]
    import_id = upload_and_check(build_raw_workbook(HEADER_ROW + "".join(rows), styles=STYLES), import_org)
    assert len(list_rows(import_id)) == 3
    errors = io.BytesIO()
    transitions.write_errors_workbook(get_import(import_id, import_org), errors)
    found, _ = check_rows(io.BytesIO(errors.getvalue()), import_org.id)
    assert [row.cells[HEADERS.index("reviewStartDate")] for row in found] == [
        datetime(2025, 1, 31, 13, 45),  # noqa: DTZ001
        FormattedNumber(42, "00042"),
        int(1e300),
    ]


# --- Any cells ---------------------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="<&\ufffe\uffff"), max_size=12)
numbers = st.one_of(
    st.integers(0, 60_000).map(str),
    st.integers(-(10**20), 10**20).map(str),
    st.floats(0, 60_000).map(repr),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)
cells = st.one_of(
    st.none(),
    texts.filter(lambda text: not text.startswith("<")),
    st.sampled_from(["'+49 30 1234", "4.93012E+11", "_x000D_", "1,5", "31/01/2025", "2025-01-31", "x\ny", "TRUE"]),
    st.builds(number_cell, numbers, st.sampled_from([None, *FORMAT_CODES])),
    st.builds(number_cell, st.integers(20_000, 60_000).map(str), st.sampled_from([None, *FORMAT_CODES])),
    st.sampled_from(['<c r="{r}" t="b"><v>1</v></c>', '<c r="{r}" t="b"><v>0</v></c>']),
    st.sampled_from(['<c r="{r}" t="e"><v>#N/A</v></c>', '<c r="{r}"><f>A1</f></c>']),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.fixed_dictionaries(dict.fromkeys(HEADERS, cells)), min_size=1, max_size=3),
    from_1904=st.booleans(),
    date_format=st.sampled_from(DateFormat),
)
def test_any_rows_are_read_again_as_what_they_were(import_org, rows, from_1904, date_format):
    organisation = db.session.get_one(Organisation, import_org.id)
    organisation.date_format = date_format
    with db.session.no_autoflush:
        xml = "".join(
            xml_row(number, [row[header] for header in HEADERS]) for number, row in enumerate(rows, 2)
        ) + xml_valid_row(9)
        file = build_raw_workbook(HEADER_ROW + xml, styles=STYLES, book=EPOCHS[from_1904])
        found, again = give_back(file, import_org, date_format)
    assert [meaning_of(row) for row in again] == [meaning_of(row) for row in found]
    db.session.rollback()


@pytest.mark.parametrize("stored", ["1e+40", "1e+300", "-1e+40", "9e+39"])
def test_a_long_number_keeps_the_digits_that_its_cell_shows(import_org, stored):
    row = dict.fromkeys(HEADERS) | {"startDate": number_cell(stored, "00000")}
    xml = xml_row(2, [row[header] for header in HEADERS]) + xml_valid_row(9)
    file = build_raw_workbook(HEADER_ROW + xml, styles=STYLES, book=EPOCHS[False])
    found, again = give_back(file, import_org, DateFormat.DAY_MONTH_YEAR)
    assert [meaning_of(row) for row in again] == [meaning_of(row) for row in found]

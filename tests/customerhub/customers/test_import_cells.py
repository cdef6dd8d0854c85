"""Reading the workbook: every kind of cell, header and row."""

import contextlib
import io
import zipfile
from datetime import date, datetime
from datetime import time as time_of_day

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from python_calamine import CalamineWorkbook

from customerhub.core.xlsx import shared_strings
from customerhub.core.xlsx.sheet import NO_RESULT, BadCell, format_cell
from customerhub.core.xlsx.table import open_table
from customerhub.customers.importing.columns import HEADERS
from tests.customerhub.customers.reading import ROWS, list_parts, read_cell, read_rows, refusal_message
from tests.support.workbooks import HEADER_ROW, NAMESPACE, build_raw_workbook, column_letters, xml_row, xml_valid_row
from tests.support.workbooks import build_zip as zip_of

CELLS = [
    # what the cell is, its XML, what is read
    ("inline text", '<c r="{r}" t="inlineStr"><is><t>Alfreds</t></is></c>', "Alfreds"),
    ("outer spaces stay for the rules to trim", "  Alfreds  ", "  Alfreds  "),
    ("only spaces", " \n\t ", None),
    ("empty text", '<c r="{r}" t="inlineStr"><is><t></t></is></c>', None),
    ("no content", '<c r="{r}" s="1"/>', None),
    ("runs", '<c r="{r}" t="inlineStr"><is><r><t>Al</t></r><r><rPr><b/></rPr><t>freds</t></r></is></c>', "Alfreds"),
    ("reading aid", '<c r="{r}" t="inlineStr"><is><t>東京</t><rPh><t>トウキョウ</t></rPh></is></c>', "東京"),
    ("escaped line break", '<c r="{r}" t="inlineStr"><is><t>a_x000D_b</t></is></c>', "a\rb"),
    ("escaped underscore", '<c r="{r}" t="inlineStr"><is><t>_x005F_x000D_</t></is></c>', "_x000D_"),
    ("escaped half of a pair", '<c r="{r}" t="inlineStr"><is><t>a_xD83D_</t></is></c>', "a\ufffd"),
    ("escaped pair", '<c r="{r}" t="inlineStr"><is><t>_xD83D__xDE00_</t></is></c>', "😀"),
    ("comment inside", '<c r="{r}"><!-- seven --><v>7</v></c>', 7),
    ("CDATA", '<c r="{r}" t="inlineStr"><is><t><![CDATA[A & B]]></t></is></c>', "A & B"),
    ("whole number", '<c r="{r}"><v>7</v></c>', 7),
    ("number said so", '<c r="{r}" t="n"><v>007</v></c>', 7),
    ("text of digits", "007", "007"),
    ("telephone number", '<c r="{r}"><v>442071234567</v></c>', 442071234567),
    ("in powers of ten", '<c r="{r}"><v>4.42071234567E11</v></c>', 442071234567),
    ("more digits than a float has", '<c r="{r}"><v>12345678901234567890</v></c>', 12345678901234567890),
    ("trailing zero", '<c r="{r}"><v>7.0</v></c>', 7),
    ("fraction", '<c r="{r}"><v>0.1</v></c>', 0.1),
    ("fraction as Excel stores it", '<c r="{r}"><v>1234.0999999999999</v></c>', 1234.1),
    ("negative", '<c r="{r}"><v>-5</v></c>', -5),
    ("no number", '<c r="{r}"><v>NaN</v></c>', BadCell("“NaN” is not a number")),
    ("beyond floats", '<c r="{r}"><v>1e999</v></c>', BadCell("“1e999” is not a number")),
    ("Python's underscores", '<c r="{r}"><v>1_000</v></c>', BadCell("“1_000” is not a number")),
    ("date", '<c r="{r}" s="1"><v>45688</v></c>', date(2025, 1, 31)),
    ("date in a format of its own", '<c r="{r}" s="2"><v>45688</v></c>', date(2025, 1, 31)),
    ("date with a time", '<c r="{r}" s="3"><v>45688.5</v></c>', datetime(2025, 1, 31, 12)),  # noqa: DTZ001
    ("time alone", '<c r="{r}" s="3"><v>0.25</v></c>', time_of_day(6)),
    ("first of March 1900", '<c r="{r}" s="1"><v>61</v></c>', date(1900, 3, 1)),
    ("first of January 1900", '<c r="{r}" s="1"><v>1</v></c>', date(1900, 1, 1)),
    ("last date", '<c r="{r}" s="1"><v>2958465</v></c>', date(9999, 12, 31)),
    ("beyond dates", '<c r="{r}" s="1"><v>2958466</v></c>', BadCell("2958466 is not a date")),
    ("negative date", '<c r="{r}" s="1"><v>-1</v></c>', BadCell("-1 is not a date")),
    ("date as text", '<c r="{r}" t="d"><v>2025-01-31</v></c>', date(2025, 1, 31)),
    ("date as text with midnight", '<c r="{r}" t="d"><v>2025-01-31T00:00:00</v></c>', date(2025, 1, 31)),
    ("date as text with a zone", '<c r="{r}" t="d"><v>2025-01-31T00:00:00.000Z</v></c>', date(2025, 1, 31)),
    ("date as text with a fraction", '<c r="{r}" t="d"><v>2025-01-31T00:00:00.000</v></c>', date(2025, 1, 31)),
    (
        "date as text with a time",
        '<c r="{r}" t="d"><v>2025-01-31T13:45:30</v></c>',
        datetime(2025, 1, 31, 13, 45, 30),  # noqa: DTZ001
    ),
    (
        "date as text in another zone",
        '<c r="{r}" t="d"><v>2025-01-31T23:30:00+02:00</v></c>',
        datetime(2025, 1, 31, 23, 30),  # noqa: DTZ001
    ),
    ("time as text", '<c r="{r}" t="d"><v>13:45:30</v></c>', time_of_day(13, 45, 30)),
    ("no date as text", '<c r="{r}" t="d"><v>2025-02-30</v></c>', BadCell("“2025-02-30” is not a date")),
    ("true", '<c r="{r}" t="b"><v>1</v></c>', True),
    ("false", '<c r="{r}" t="b"><v>0</v></c>', False),
    (
        "formula before an inline text",
        '<c r="{r}" t="inlineStr"><f>CONCATENATE("a","b")</f><is><t>ab</t></is></c>',
        "ab",
    ),
    ("Excel error", '<c r="{r}" t="e"><v>#N/A</v></c>', BadCell("The cell contains the Excel error #N/A")),
    ("text that looks like an error", "#N/A", "#N/A"),
    ("text that looks like a formula", "=1+1", "=1+1"),
    ("formula with a number", '<c r="{r}"><f>6+1</f><v>7</v></c>', 7),
    ("formula with a text", '<c r="{r}" t="str"><f>A1</f><v>Alfreds</v></c>', "Alfreds"),
    ("formula with a date", '<c r="{r}" s="1"><f>TODAY()</f><v>45688</v></c>', date(2025, 1, 31)),
    ("formula with an empty text", '<c r="{r}" t="str"><f>""</f><v></v></c>', None),
    (
        "formula with an error",
        '<c r="{r}" t="e"><f>1/0</f><v>#DIV/0!</v></c>',
        BadCell("The cell contains the Excel error #DIV/0!"),
    ),
    ("formula with an empty result", '<c r="{r}"><f>A1</f><v/></c>', NO_RESULT),
    ("formula with a result of nothing", '<c r="{r}"><f>A1</f><v></v></c>', NO_RESULT),
    ("formula without a result", '<c r="{r}"><f>A1</f></c>', NO_RESULT),
    ("text formula without a result", '<c r="{r}" t="str"><f>A1</f></c>', NO_RESULT),
    ("shared formula without a result", '<c r="{r}"><f t="shared" si="0"/></c>', NO_RESULT),
    ("the result stands first", '<c r="{r}"><v>7</v><f>6+1</f></c>', 7),
]


@pytest.mark.parametrize(("xml", "expected"), [cell[1:] for cell in CELLS], ids=[cell[0] for cell in CELLS])
def test_each_kind_of_cell_is_read(xml, expected):
    cell_read = read_cell("relationshipNote", xml)
    assert cell_read == expected
    assert type(cell_read) is type(expected)


def test_a_shared_text_is_found_by_its_number():
    shared = ["<si><t>first</t></si>", "<si><r><t>se</t></r><r><t>cond</t></r></si>", "<si/>"]
    xml = '<c r="{r}" t="s"><v>%d</v></c>'
    assert read_cell("name", xml % 0, shared=shared) == "first"
    assert read_cell("name", xml % 1, shared=shared) == "second"
    assert read_cell("name", xml % 2, shared=shared) is None
    assert read_cell("name", '<c r="{r}" t="s"/>', shared=shared) is None


@pytest.mark.parametrize("number", ["3", "-1", "x", "1.0"])
def test_a_shared_text_that_is_not_there_is_refused(number):
    file = build_raw_workbook(
        HEADER_ROW + xml_valid_row(2, name=f'<c r="{{r}}" t="s"><v>{number}</v></c>'), shared=["<si><t>a</t></si>"]
    )
    assert "refers to a missing text" in refusal_message(file)


def test_shared_texts_beyond_those_kept_in_memory_are_the_same(monkeypatch):
    monkeypatch.setattr(shared_strings, "MAX_CHARACTERS_IN_MEMORY", 20)
    texts = [f"Zürich {number} 東京" for number in range(50)]
    pieces = [b"<sst>", *(f"<si><t>{text}</t></si>".encode() for text in texts), b"</sst>"]
    with contextlib.closing(shared_strings.SharedStrings(pieces)) as strings:
        assert len(strings) == 50
        assert [strings[number] for number in range(50)] == texts
        for missing in (50, -1):
            with pytest.raises(IndexError):
                strings[missing]


def test_dates_that_count_from_1904():
    cell = read_cell("startDate", '<c r="{r}" s="1"><v>44226</v></c>', book='<workbookPr date1904="1"/>')
    assert cell == date(2025, 1, 31)


@pytest.mark.parametrize(
    ("code", "is_date"),
    [
        ("dd/mm/yyyy", True),
        ("[$-409]d\\-mmm\\-yy;@", True),
        ("h:mm", True),
        ("[h]:mm:ss", True),
        ("yyyy", True),
        ("0.00", False),
        ('#,##0.00\\ "days"', False),
        ("General", False),
        ("[Red]0.00", False),
        ("@", False),
        ('"day" 0', False),
        ("0.00E+00", False),
        ("_-* #,##0_-", False),
        ("0%", False),
        ("[$€-407]0", False),
    ],
)
def test_the_number_format_distinguishes_dates_from_numbers(code, is_date):
    styles = (
        f'<numFmts count="1"><numFmt numFmtId="170" formatCode="{code.replace(chr(34), "&quot;")}"/></numFmts>'
        '<cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="170"/></cellXfs>'
    )
    cell = read_cell("startDate", '<c r="{r}" s="1"><v>45688</v></c>', styles=styles)
    assert isinstance(cell, date) is is_date


def test_header_names_in_any_case_order_and_spacing_and_unknown_ones():
    headers = ["  RISK ", "Region Name", "NAME", "notes (ignore)", "reference", "START\ndate", "Notes (ignore)", ""]
    file = build_raw_workbook(
        xml_row(1, headers) + xml_row(2, ["Low", "Europe", "A", "x", "R", "2020-01-01", "y", "z"])
    )
    with open_table(file, names=HEADERS, key_column="reference", max_rows=ROWS) as table:
        assert table.ignored_columns == ["notes (ignore)", "Notes (ignore)"]
    file.seek(0)
    assert read_rows(file) == [
        (2, {"risk": "Low", "regionName": "Europe", "name": "A", "reference": "R", "startDate": "2020-01-01"})
    ]


def test_row_numbers_are_those_of_excel_whatever_is_blank():
    blank = '<row r="2"/><row r="3" spans="1:3"><c r="A3" s="1"/></row>'
    header = xml_row(5, HEADERS)
    styled = '<c r="{r}" s="1"/>'
    rows = [xml_valid_row(9), xml_row(10, [" ", None, "  "]), xml_valid_row(12, address=styled), xml_row(1000, [" "])]
    file = build_raw_workbook(blank + header + "".join(rows))
    with open_table(file, names=HEADERS, key_column="reference", max_rows=ROWS) as table:
        assert [number for number, _ in table.read_rows()] == [9, 12]


def test_a_row_with_something_in_unknown_columns_only_is_blank():
    file = build_raw_workbook(xml_row(1, [*HEADERS, "Notes"]) + xml_valid_row(2) + xml_row(3, [None] * 17 + ["x"]))
    assert [number for number, _ in read_rows(file)] == [2]


def test_rows_and_cells_without_references_count_on():
    cells = "".join(f'<c t="inlineStr"><is><t>{header}</t></is></c>' for header in HEADERS)
    file = build_raw_workbook(
        f'<row>{cells}</row><row><c t="inlineStr"><is><t>A</t></is></c><c r="C2"><v>1</v></c><c><v>2</v></c></row>'
        '<row r="7"><c><v>3</v></c></row><row><c><v>4</v></c></row>'
    )
    assert read_rows(file) == [
        (2, {"name": "A", "address": 1, "contactNumber": 2}),
        (7, {"name": 3}),
        (8, {"name": 4}),
    ]


@pytest.mark.parametrize(
    ("rows", "expected_message"),
    [
        (xml_valid_row(3) + xml_valid_row(2), "row 2 does not follow row 3"),
        (xml_valid_row(2) + xml_valid_row(2), "row 2 does not follow row 2"),
        ('<row r="x"/>', "it has an invalid row number “x”"),
        ('<row r="0"/>', "row 0"),
        ('<row r="-1"/>', "it has an invalid row number “-1”"),
        ('<row r="1048577"/>', "row 1,048,577"),
        ('<row r="99999999999999"/>', "it has an invalid row number “9999999999”"),
        ('<row r="2"><c r="XFE2"><v>1</v></c></row>', "an invalid column “XFE”"),
        ('<row r="2"><c r="ABCD2"><v>1</v></c></row>', "an invalid column “ABCD”"),
        ('<row r="2"><c r="$A2"><v>1</v></c></row>', "an invalid column “$A”"),
        ('<row r="10"><c r="A9"><v>1</v></c></row>', "an invalid column “”"),
        ('<row r="2"><c r="A2" t="quantum"><v>1</v></c></row>', "of an unknown type “quantum”"),
    ],
)
def test_a_sheet_that_excel_would_not_open_is_refused(rows, expected_message):
    message = refusal_message(build_raw_workbook(HEADER_ROW + rows))
    assert "The file is damaged" in message
    assert expected_message in message


def test_a_workbook_with_a_prefix_for_its_namespace():
    xml = (
        f'<?xml version="1.0"?><x:worksheet xmlns:x="{NAMESPACE}"><x:sheetData><x:row r="1">'
        '<x:c r="A1" t="inlineStr"><x:is><x:t>name</x:t></x:is></x:c>'
        '<x:c r="B1" t="inlineStr"><x:is><x:t>reference</x:t></x:is></x:c></x:row>'
        '<x:row r="2"><x:c r="A2"><x:v>7</x:v></x:c><x:c r="B2"><x:f>A1</x:f></x:c></x:row></x:sheetData>'
        "</x:worksheet>"
    )
    assert read_rows(build_raw_workbook(xml)) == [(2, {"name": 7, "reference": NO_RESULT})]


def test_a_workbook_of_the_strict_kind():
    """Excel's "Strict Open XML Spreadsheet" has the same names in other namespaces."""
    file = build_raw_workbook(HEADER_ROW + xml_valid_row(2))
    strict = {
        name: data.replace(
            b"http://schemas.openxmlformats.org/spreadsheetml/2006/main",
            b"http://purl.oclc.org/ooxml/spreadsheetml/main",
        ).replace(
            b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
            b"http://purl.oclc.org/ooxml/officeDocument/relationships",
        )
        for name, data in list_parts(file).items()
    }
    assert [number for number, _ in read_rows(zip_of(strict))] == [2]


def test_a_sheet_in_another_encoding():
    xml = f'<?xml version="1.0" encoding="UTF-16"?><worksheet xmlns="{NAMESPACE}"><sheetData>' + (
        HEADER_ROW + xml_valid_row(2, name="Zürich") + "</sheetData></worksheet>"
    )
    file = build_raw_workbook("", more={"xl/worksheets/sheet1.xml": xml.encode("utf-16")})
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(file, "a") as package:
        package.writestr("xl/worksheets/sheet1.xml", xml.encode("utf-16"))
    assert read_rows(file)[0][1]["name"] == "Zürich"


# --- Against other readers -------------------------------------------------------------------------------------

values = st.one_of(
    st.none(),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=30).filter(
        lambda text: not text.startswith("=") and "_x" not in text
    ),
    st.integers(-(10**14), 10**14),
    st.floats(-1e9, 1e9, allow_nan=False).map(lambda number: round(number, 6)),
    st.dates(date(1900, 3, 1), date(2199, 12, 31)),
    st.datetimes(datetime(1900, 3, 1), datetime(2199, 12, 31)).map(lambda moment: moment.replace(microsecond=0)),  # noqa: DTZ001
    st.booleans(),
)


def expected_cell(cell):
    """A cell of another reader in our terms."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    if isinstance(cell, datetime) and cell.time() == time_of_day():
        return cell.date()
    return cell.replace("\r\n", "\n") if isinstance(cell, str) else cell


@given(st.lists(st.lists(values, min_size=1, max_size=17), min_size=1, max_size=5))
def test_every_cell_is_what_openpyxl_and_calamine_read(rows):
    book = Workbook()
    book.active.append(HEADERS)
    for row in rows:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    file.seek(0)
    with open_table(file, names=HEADERS, key_column="reference", max_rows=ROWS) as table:
        own_rows = dict(table.read_rows())
    openpyxl_rows = list(load_workbook(file).active.iter_rows(min_row=2, max_col=17, values_only=True))
    file.seek(0)
    calamine_rows = CalamineWorkbook.from_filelike(file).get_sheet_by_index(0).to_python()[1:]
    for place, row in enumerate(openpyxl_rows):
        expected = [expected_cell(cell) for cell in row] + [None] * (17 - len(row))
        cells_read = own_rows.get(place + 2, [None] * 17)
        assert cells_read == expected
        beside = [expected_cell(cell) for cell in calamine_rows[place]] if place < len(calamine_rows) else []
        assert [cell_result(cell) for cell in cells_read[: len(beside)]] == [cell_result(cell) for cell in beside]


def cell_result(cell):
    return cell if cell is None or isinstance(cell, BadCell) else format_cell(cell)


def test_letters_of_columns():
    assert [column_letters(index) for index in (0, 25, 26, 16_383)] == ["A", "Z", "AA", "XFD"]

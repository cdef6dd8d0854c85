"""Workbooks of customers for tests: written cell by cell, down to the XML where no library writes such a thing."""

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from xml.sax.saxutils import escape

import xlsxwriter

from customerhub.customers.importing.columns import HEADERS

NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
STYLES = (
    '<numFmts count="1"><numFmt numFmtId="164" formatCode="dd/mm/yyyy;@"/></numFmts>'
    '<cellXfs count="4"><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="22"/></cellXfs>'
)


def valid_row(number: int = 1, **cells: Any) -> dict[str, Any]:
    """A row without fault; `cells` take the place of its own."""
    return {
        "name": f"Customer {number}",
        "reference": f"REF{number}",
        "address": f"{number} High Street, London",
        "contactNumber": f"020 7946 {number:04d}",
        "email": f"accounts{number}@customer.example",
        "reviewStartDate": date(2026, 1, 31),
        "reviewFrequency": "3 Months",
        "reviewerEmail": "reviewer@hub.example",
        "notificationMessage": "Customer review",
        "creditCheckCompany": "Experian",
        "risk": "Low",
        "financialEndDay": 31,
        "financialEndMonth": 12,
        "relationshipNote": None,
        "startDate": date(2020, 2, 29),
        "regionName": "Europe",
        "department": "Sales",
    } | cells


def build_workbook(
    rows: Sequence[Mapping[str, Any]],
    *,
    headers: Sequence[str] = HEADERS,
    first: int = 0,
    hidden_rows: Sequence[int] = (),
    hidden_columns: Sequence[str] = (),
) -> io.BytesIO:
    """A workbook with `rows` under `headers`, which begin `first` rows below the top. `hidden_rows` are numbers as
    Excel shows them.
    """
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"strings_to_formulas": False, "strings_to_urls": False})
    day = book.add_format({"num_format": "dd/mm/yyyy"})
    sheet = book.add_worksheet("customers")
    sheet.write_row(first, 0, headers)
    for line, row in enumerate(rows, first + 1):
        for place, header in enumerate(headers):
            cell = row.get(header)
            if isinstance(cell, date):
                sheet.write_datetime(line, place, cell, day)
            elif cell is not None:
                sheet.write(line, place, cell)
    for number in hidden_rows:
        sheet.set_row(number - 1, None, None, {"hidden": True})
    for header in hidden_columns:
        place = headers.index(header)
        sheet.set_column(place, place, None, None, {"hidden": True})
    book.close()
    file.seek(0)
    return file


def build_raw_workbook(
    sheet: str,
    *,
    shared: Sequence[str] | None = None,
    sheets: Mapping[str, str] | None = None,
    book: str = "",
    styles: str = STYLES,
    more: Mapping[str, bytes] | None = None,
    states: Mapping[str, str] | None = None,
    after_sheets: str = "",
) -> io.BytesIO:
    """A workbook from the XML of its rows. `sheets` are further ones by name, `shared` the XML of shared strings."""
    every = {"customers": sheet, **(sheets or {})}
    parts: dict[str, str] = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="r1" Type="{RELATIONS}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{NAMESPACE}">{styles}</styleSheet>',
    }
    sheet_elements, relationships = "", f'<Relationship Id="st" Type="{RELATIONS}/styles" Target="styles.xml"/>'
    for number, (name, rows) in enumerate(every.items(), 1):
        state = (states or {}).get(name, "visible")
        sheet_elements += f'<sheet name="{name}" sheetId="{number}" state="{state}" r:id="s{number}"/>'
        target = f"worksheets/sheet{number}.xml"
        relationships += f'<Relationship Id="s{number}" Type="{RELATIONS}/worksheet" Target="{target}"/>'
        parts[f"xl/{target}"] = (
            rows
            if rows.startswith(("<?", "<!"))
            else (f'<worksheet xmlns="{NAMESPACE}"><sheetData>{rows}</sheetData></worksheet>')
        )
    if shared is not None:
        relationships += f'<Relationship Id="ss" Type="{RELATIONS}/sharedStrings" Target="sharedStrings.xml"/>'
        parts["xl/sharedStrings.xml"] = f'<sst xmlns="{NAMESPACE}">{"".join(shared)}</sst>'
    parts["xl/workbook.xml"] = (
        f'<workbook xmlns="{NAMESPACE}" xmlns:r="{RELATIONS}">{book}'
        f"<sheets>{sheet_elements}</sheets>{after_sheets}</workbook>"
    )
    parts["xl/_rels/workbook.xml.rels"] = f'<Relationships xmlns="{PACKAGE}">{relationships}</Relationships>'
    return build_zip({name: text.encode() for name, text in parts.items()} | dict(more or {}))


def build_zip(parts: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as package:
        for name, data in parts.items():
            package.writestr(name, data)
    file.seek(0)
    return file


def to_zip64(file: io.BytesIO) -> io.BytesIO:
    """The same zip file with its directory told in the larger numbers alone, as programs do that write streams."""
    data = file.getvalue()
    at = data.rindex(b"PK\x05\x06")
    parts, size, offset = struct.unpack_from("<HLL", data, at + 10)
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, parts, parts, size, offset)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return io.BytesIO(data[:at] + record + locator + end)


def column_letters(index: int) -> str:
    return xlsxwriter.utility.xl_col_to_name(index)


def xml_row(number: int, cells: Sequence[str | None]) -> str:
    """A row of cells, each the text of an inline string, or XML with {r} for its reference; None leaves it out."""
    inner = ""
    for index, cell in enumerate(cells):
        if cell is None:
            continue
        reference = f"{column_letters(index)}{number}"
        if cell.startswith("<c"):
            inner += cell.replace("{r}", reference)
        else:
            inner += f'<c r="{reference}" t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>'
    return f'<row r="{number}">{inner}</row>'


HEADER_ROW = xml_row(1, HEADERS)


def xml_valid_row(number: int, *, headers: Sequence[str] = HEADERS, **cells: str | None) -> str:
    """The XML of a good row in line `number`, under `headers`; `cells` take the place of its own."""
    texts = {name: None if cell is None else str(cell) for name, cell in valid_row(number).items()} | cells
    return xml_row(number, [texts.get(header) for header in headers])


def build_single_cell_workbook(header: str, cell: str | None) -> io.BytesIO:
    """A workbook of one good row but for the cell under `header`, given as in `xml_row`."""
    return build_raw_workbook(HEADER_ROW + xml_valid_row(2, **{header: cell}))

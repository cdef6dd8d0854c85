"""Reading the workbook: which sheet, and every kind of file that is refused."""

import contextlib
import io
import struct
import time
import tracemalloc
import zipfile

import pytest

from customerhub.customers.importing import zipped
from customerhub.customers.importing.columns import HEADERS
from customerhub.customers.importing.workbook import Unusable, open_table
from tests.customers.reading import ROWS, parts_of, read, refusal
from tests.customers.workbooks import (
    HEADER_ROW,
    NAMESPACE,
    good_row,
    one_cell,
    raw,
    row_of,
    written,
    xml_row,
)
from tests.customers.workbooks import zipped as zip_of

# --- Which sheet -----------------------------------------------------------------------------------------------


def test_the_sheet_with_the_header_is_found_among_others():
    sheets = {"explanations": xml_row(1, ["Column", "Needed"]), "empty": "", "hidden": HEADER_ROW + row_of(5)}
    assert [number for number, _ in read(raw(HEADER_ROW + row_of(2), sheets=sheets, states={"hidden": "hidden"}))] == [
        2
    ]


def test_two_sheets_of_customers_are_refused():
    message = refusal(raw(HEADER_ROW + row_of(2), sheets={"more": HEADER_ROW + row_of(2)}))
    assert "Both “customers” and “more”" in message


@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
def test_a_hidden_sheet_is_not_imported(state):
    message = refusal(raw(HEADER_ROW + row_of(2), states={"customers": state}))
    assert "no visible sheet" in message


def test_no_sheet_with_the_header():
    assert "“customers” does not name the columns: “reference”" in refusal(
        raw(xml_row(1, ["name", "risk"]) + row_of(2))
    )
    assert "no visible sheet" in refusal(raw(""))
    assert "has no rows below its header" in refusal(raw(HEADER_ROW))
    assert "has no rows below its header" in refusal(raw(HEADER_ROW + '<row r="2"><c r="A2" s="1"/></row>'))


def test_a_column_that_is_there_twice_is_refused():
    assert "The column “email” is there twice" in refusal(raw(xml_row(1, [*HEADERS, "E-mail", " EMAIL "]) + row_of(2)))


def test_the_widest_sheet():
    headers = [*HEADERS, *(f"column {index}" for index in range(17, 16_384))]
    file = raw(xml_row(1, headers) + "".join(xml_row(line, ["x"] * 16_384) for line in range(2, 5)))
    begin = time.monotonic()
    with open_table(file, names=HEADERS, needed="reference", max_rows=ROWS) as table:
        assert len(table.ignored) == 51
        assert table.ignored[-1] == "and 16,317 more"
        assert len(list(table.rows())) == 3
    assert time.monotonic() - begin < 5


# --- Files that are refused ------------------------------------------------------------------------------------

OLE = bytes.fromhex("d0cf11e0a1b11ae1")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "The file is empty"),
        (b"name,reference\nA,B\n", "This is not an Excel file"),
        (b"%PDF-1.7 ...", "This is not an Excel file"),
        (b"PK\x05\x06" + b"\0" * 18, "This is not an Excel file"),
        (b"PK\x03\x04 and nothing more", "The file is damaged: its end is missing"),
        (OLE + b"\0" * 600, "old Excel (.xls)"),
        (OLE + b"\0" * 131_060 + "EncryptedPackage".encode("utf-16-le") + b"\0" * 99, "The file is encrypted"),
        (zip_of({"word/document.xml": b"<w/>"}).getvalue(), "This is not an Excel file"),
        (zip_of({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet"}).getvalue(), "not an Excel file"),
        (zip_of({}).getvalue(), "This is not an Excel file"),
    ],
    ids=["empty", "csv", "pdf", "empty zip", "cut zip", "xls", "encrypted", "word", "ods", "empty package"],
)
def test_what_is_no_workbook_is_told(content, told):
    assert told in refusal(io.BytesIO(content))


def test_a_binary_workbook_is_told():
    parts = parts_of(raw(HEADER_ROW))
    parts["_rels/.rels"] = parts["_rels/.rels"].replace(b"workbook.xml", b"workbook.bin")
    assert "binary workbook (.xlsb)" in refusal(zip_of(parts))


def test_a_workbook_cut_anywhere_is_refused_and_never_crashes():
    whole = written([good_row(number) for number in range(20)]).getvalue()
    for length in range(0, len(whole), 97):
        refusal(io.BytesIO(whole[:length]))


def test_a_workbook_with_any_byte_changed_is_read_or_refused():
    whole = written([good_row(number) for number in range(20)]).getvalue()
    for place in range(0, len(whole), 41):
        broken = bytearray(whole)
        broken[place] ^= 0xFF
        with contextlib.suppress(Unusable):
            assert len(read(io.BytesIO(bytes(broken)))) == 20


@pytest.mark.parametrize("name", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/_rels/workbook.xml.rels"])
def test_a_missing_or_empty_part_is_refused(name):
    parts = parts_of(raw(HEADER_ROW + row_of(2)))
    refusal(zip_of(parts | {name: b""}))
    refusal(zip_of(parts | {name: b"<a><b></a>"}))
    refusal(zip_of({key: value for key, value in parts.items() if key != name}))


def test_an_encrypted_part_is_refused():
    data = bytearray(raw(HEADER_ROW + row_of(2)).getvalue())
    place = data.rfind(b"PK\x01\x02")
    data[place + 8] |= 1
    assert "encrypted" in refusal(io.BytesIO(bytes(data)))


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_packing_that_cannot_be_read_in_pieces_is_refused(compression):
    assert "packed in a way" in refusal(zip_of(parts_of(raw(HEADER_ROW + row_of(2))), compression))


def test_a_zip_bomb_is_refused_before_it_is_unpacked():
    parts = parts_of(raw(HEADER_ROW + row_of(2)))
    bomb = zip_of(parts | {"xl/media/big.bin": b"\0" * (80 * 1024 * 1024)})
    tracemalloc.start()
    begin = time.monotonic()
    message = refusal(bomb)
    assert time.monotonic() - begin < 1
    assert tracemalloc.get_traced_memory()[1] < 3 * 1024 * 1024
    tracemalloc.stop()
    assert "would unpack to 80 MB" in message


def test_a_zip_bomb_that_lies_about_its_size_is_unpacked_no_further_than_it_says():
    data = bytearray(
        zip_of(parts_of(raw(HEADER_ROW + row_of(2))) | {"xl/sharedStrings.xml": b" " * 50_000_000}).getvalue()
    )
    place = data.rfind(b"xl/sharedStrings.xml") - 46
    assert data[place : place + 4] == b"PK\x01\x02"
    struct.pack_into("<L", data, place + 24, 1000)
    package = zipped.Package(io.BytesIO(bytes(data)), most_bytes=10_000_000)
    pieces = []
    with pytest.raises(Unusable, match="cannot be unpacked"):
        pieces.extend(package.stream("xl/sharedStrings.xml"))
    assert sum(map(len, pieces)) <= 1000


def test_a_directory_of_very_many_parts_is_refused():
    parts = {f"xl/part{number}.xml": b"" for number in range(2_001)}
    assert "more than 2,000 parts" in refusal(zip_of(parts))


def test_an_entity_that_grows_is_refused():
    lol = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    xml = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "lol">{lol}]><worksheet xmlns="{NAMESPACE}"><sheetData>'
    file = raw(xml + xml_row(1, HEADERS) + '<row r="2"><c r="A2" t="str"><v>&l9;</v></c></row></sheetData></worksheet>')
    assert "document type" in refusal(file)


def test_an_entity_that_reads_files_is_refused(tmp_path):
    (tmp_path / "secret").write_text("secret")
    for where in ("sheet", "shared"):
        xml = (
            f'<?xml version="1.0"?><!-- {"x" * 200_000} --><!DOCTYPE x [<!ENTITY e SYSTEM "file://{tmp_path}/secret">]>'
        )
        body = f'<worksheet xmlns="{NAMESPACE}"><sheetData>{HEADER_ROW}{row_of(2)}</sheetData></worksheet>'
        file = raw(xml + body) if where == "sheet" else raw(HEADER_ROW + row_of(2), shared=[])
        if where == "shared":
            parts = parts_of(file)
            parts["xl/sharedStrings.xml"] = f"{xml}<sst><si><t>&e;</t></si></sst>".encode()
            file = zip_of(parts)
        assert "document type" in refusal(file)


def test_an_undefined_entity_is_refused():
    refusal(raw(HEADER_ROW + '<row r="2"><c r="A2" t="str"><v>&nothing;</v></c></row>'))


@pytest.mark.parametrize(
    "monster",
    [
        '<row r="2">' + '<c r="A2"><v>1</v></c>' * 300_000,
        '<row r="2"><c r="A2" t="str"><v>' + "x" * 6_000_000,
        "<deep>" * 900_000,
    ],
    ids=["endless row", "endless text", "endless depth"],
)
def test_an_element_without_end_is_refused(monster):
    file = raw(HEADER_ROW + row_of(2, reference="a") + monster)
    assert "The file is damaged" in refusal(file)


def test_a_text_longer_than_excel_allows_is_refused():
    assert "more than 32,767 characters" in refusal(one_cell("name", "x" * 32_768))
    assert len(read(one_cell("name", "x" * 32_767))[0][1]["name"]) == 32_767


# --- How many rows ---------------------------------------------------------------------------------------------


def test_one_row_more_than_allowed_is_refused():
    rows = [good_row(number) for number in range(11)]
    assert len(read(written(rows[:10]), max_rows=10)) == 10
    assert "more than 10 rows" in refusal(written(rows), max_rows=10)


def test_blank_rows_do_not_count_towards_the_limit():
    blank = "".join(f'<row r="{line}"><c r="A{line}" s="1"/></row>' for line in range(20, 2000))
    file = raw(HEADER_ROW + "".join(row_of(line) for line in range(2, 12)) + blank)
    assert len(read(file, max_rows=10)) == 10


@pytest.mark.slow
def test_200_000_rows_are_refused_quickly_and_in_little_memory():
    name = '<c r="A%d" t="inlineStr"><is><t>Customer %d of the long list</t></is></c>'
    row = f'<row r="%d">{name}<c r="B%d"><v>%d</v></c></row>'
    file = raw(HEADER_ROW + "".join(row % (line, line, line, line, line) for line in range(2, 200_002)))
    tracemalloc.start()
    begin = time.monotonic()
    message = refusal(file, max_rows=50_000)
    seconds = time.monotonic() - begin
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "more than 50,000 rows" in message
    assert seconds < 60  # with every allocation traced
    assert peak < 25 * 1024 * 1024

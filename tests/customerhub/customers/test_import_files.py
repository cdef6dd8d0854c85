"""Reading the workbook: which sheet, and every kind of file that is refused."""

import contextlib
import io
import struct
import time
import tracemalloc
import zipfile

import pytest

from customerhub.core.xlsx import package
from customerhub.core.xlsx.package import UnusableFile
from customerhub.core.xlsx.table import open_table
from customerhub.customers.importing.columns import HEADERS
from tests.customerhub.customers.reading import ROWS, list_parts, read_rows, refusal_message
from tests.support.workbooks import (
    HEADER_ROW,
    NAMESPACE,
    build_raw_workbook,
    build_single_cell_workbook,
    build_workbook,
    valid_row,
    xml_row,
    xml_valid_row,
)
from tests.support.workbooks import build_zip as zip_of

# --- Which sheet -----------------------------------------------------------------------------------------------


def test_the_sheet_with_the_header_is_found_among_others():
    sheets = {"explanations": xml_row(1, ["Column", "Needed"]), "empty": "", "hidden": HEADER_ROW + xml_valid_row(5)}
    assert [
        number
        for number, _ in read_rows(
            build_raw_workbook(HEADER_ROW + xml_valid_row(2), sheets=sheets, states={"hidden": "hidden"})
        )
    ] == [2]


def test_two_sheets_of_customers_are_refused():
    message = refusal_message(
        build_raw_workbook(HEADER_ROW + xml_valid_row(2), sheets={"more": HEADER_ROW + xml_valid_row(2)})
    )
    assert "Both “customers” and “more”" in message


@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
def test_a_hidden_sheet_is_not_imported(state):
    message = refusal_message(build_raw_workbook(HEADER_ROW + xml_valid_row(2), states={"customers": state}))
    assert "no visible sheet" in message


def test_no_sheet_with_the_header():
    assert "“customers” does not contain the column names: “reference”" in refusal_message(
        build_raw_workbook(xml_row(1, ["name", "risk"]) + xml_valid_row(2))
    )
    assert "no visible sheet" in refusal_message(build_raw_workbook(""))
    assert "has no rows below its header" in refusal_message(build_raw_workbook(HEADER_ROW))
    assert "has no rows below its header" in refusal_message(
        build_raw_workbook(HEADER_ROW + '<row r="2"><c r="A2" s="1"/></row>')
    )


def test_a_column_that_is_there_twice_is_refused():
    assert "The column “email” appears twice" in refusal_message(
        build_raw_workbook(xml_row(1, [*HEADERS, "E-mail", " EMAIL "]) + xml_valid_row(2))
    )


def test_the_widest_sheet():
    headers = [*HEADERS, *(f"column {index}" for index in range(17, 16_384))]
    file = build_raw_workbook(xml_row(1, headers) + "".join(xml_row(line, ["x"] * 16_384) for line in range(2, 5)))
    begin = time.thread_time()
    with open_table(file, names=HEADERS, key_column="reference", max_rows=ROWS) as table:
        assert len(table.ignored_columns) == 51
        assert table.ignored_columns[-1] == "and 16,317 more"
        assert len(list(table.read_rows())) == 3
    assert time.thread_time() - begin < 5


# --- Files that are refused ------------------------------------------------------------------------------------

OLE = bytes.fromhex("d0cf11e0a1b11ae1")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "The file is empty"),
        (b"name,reference\nA,B\n", "This is not an Excel file"),
        (b"%PDF-1.7 ...", "This is not an Excel file"),
        (b"PK\x05\x06" + b"\0" * 18, "This is not an Excel file"),
        (b"PK\x03\x04 and nothing more", "The file is damaged: its end is missing"),
        (OLE + b"\0" * 600, "old Excel file (.xls)"),
        (OLE + b"\0" * 131_060 + "EncryptedPackage".encode("utf-16-le") + b"\0" * 99, "The file is encrypted"),
        (zip_of({"word/document.xml": b"<w/>"}).getvalue(), "This is not an Excel file"),
        (zip_of({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet"}).getvalue(), "not an Excel file"),
        (zip_of({}).getvalue(), "This is not an Excel file"),
    ],
    ids=["empty", "csv", "pdf", "empty zip", "cut zip", "xls", "encrypted", "word", "ods", "empty package"],
)
def test_what_is_no_workbook_is_refused(content, message):
    assert message in refusal_message(io.BytesIO(content))


def test_a_binary_workbook_is_refused_by_name():
    parts = list_parts(build_raw_workbook(HEADER_ROW))
    parts["_rels/.rels"] = parts["_rels/.rels"].replace(b"workbook.xml", b"workbook.bin")
    assert "binary workbook (.xlsb)" in refusal_message(zip_of(parts))


def test_a_workbook_cut_anywhere_is_refused_and_never_crashes():
    whole = build_workbook([valid_row(number) for number in range(20)]).getvalue()
    for length in range(0, len(whole), 97):
        refusal_message(io.BytesIO(whole[:length]))


def test_a_workbook_with_any_byte_changed_is_read_or_refused():
    whole = build_workbook([valid_row(number) for number in range(20)]).getvalue()
    for place in range(0, len(whole), 41):
        broken = bytearray(whole)
        broken[place] ^= 0xFF
        with contextlib.suppress(UnusableFile):
            assert len(read_rows(io.BytesIO(bytes(broken)))) == 20


@pytest.mark.parametrize("name", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/_rels/workbook.xml.rels"])
def test_a_missing_or_empty_part_is_refused(name):
    parts = list_parts(build_raw_workbook(HEADER_ROW + xml_valid_row(2)))
    refusal_message(zip_of(parts | {name: b""}))
    refusal_message(zip_of(parts | {name: b"<a><b></a>"}))
    refusal_message(zip_of({key: value for key, value in parts.items() if key != name}))


def test_an_encrypted_part_is_refused():
    data = bytearray(build_raw_workbook(HEADER_ROW + xml_valid_row(2)).getvalue())
    place = data.rfind(b"PK\x01\x02")
    data[place + 8] |= 1
    assert "encrypted" in refusal_message(io.BytesIO(bytes(data)))


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_packing_that_cannot_be_read_in_pieces_is_refused(compression):
    assert "unsupported compression method" in refusal_message(
        zip_of(list_parts(build_raw_workbook(HEADER_ROW + xml_valid_row(2))), compression)
    )


def test_a_zip_bomb_is_refused_before_it_is_unpacked():
    parts = list_parts(build_raw_workbook(HEADER_ROW + xml_valid_row(2)))
    bomb = zip_of(parts | {"xl/media/big.bin": b"\0" * (80 * 1024 * 1024)})
    tracemalloc.start()
    begin = time.thread_time()
    message = refusal_message(bomb)
    assert time.thread_time() - begin < 1
    assert tracemalloc.get_traced_memory()[1] < 3 * 1024 * 1024
    tracemalloc.stop()
    assert "would unpack to 80 MB" in message


def test_a_zip_bomb_that_lies_about_its_size_is_unpacked_no_further_than_it_says():
    data = bytearray(
        zip_of(
            list_parts(build_raw_workbook(HEADER_ROW + xml_valid_row(2))) | {"xl/sharedStrings.xml": b" " * 50_000_000}
        ).getvalue()
    )
    place = data.rfind(b"xl/sharedStrings.xml") - 46
    assert data[place : place + 4] == b"PK\x01\x02"
    struct.pack_into("<L", data, place + 24, 1000)
    opened_package = package.Package(io.BytesIO(bytes(data)), max_bytes=10_000_000)
    pieces = []
    with pytest.raises(UnusableFile, match="cannot be unpacked"):
        pieces.extend(opened_package.stream("xl/sharedStrings.xml"))
    assert sum(map(len, pieces)) <= 1000


def test_a_directory_of_very_many_parts_is_refused():
    parts = {f"xl/part{number}.xml": b"" for number in range(2_001)}
    assert "more than 2,000 parts" in refusal_message(zip_of(parts))


def test_an_entity_that_grows_is_refused():
    lol = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    xml = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "lol">{lol}]><worksheet xmlns="{NAMESPACE}"><sheetData>'
    file = build_raw_workbook(
        xml + xml_row(1, HEADERS) + '<row r="2"><c r="A2" t="str"><v>&l9;</v></c></row></sheetData></worksheet>'
    )
    assert "document type" in refusal_message(file)


def test_an_entity_that_reads_files_is_refused(tmp_path):
    (tmp_path / "secret").write_text("secret")
    for where in ("sheet", "shared"):
        xml = (
            f'<?xml version="1.0"?><!-- {"x" * 200_000} --><!DOCTYPE x [<!ENTITY e SYSTEM "file://{tmp_path}/secret">]>'
        )
        body = f'<worksheet xmlns="{NAMESPACE}"><sheetData>{HEADER_ROW}{xml_valid_row(2)}</sheetData></worksheet>'
        file = (
            build_raw_workbook(xml + body)
            if where == "sheet"
            else build_raw_workbook(HEADER_ROW + xml_valid_row(2), shared=[])
        )
        if where == "shared":
            parts = list_parts(file)
            parts["xl/sharedStrings.xml"] = f"{xml}<sst><si><t>&e;</t></si></sst>".encode()
            file = zip_of(parts)
        assert "document type" in refusal_message(file)


def test_an_undefined_entity_is_refused():
    refusal_message(build_raw_workbook(HEADER_ROW + '<row r="2"><c r="A2" t="str"><v>&nothing;</v></c></row>'))


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
    file = build_raw_workbook(HEADER_ROW + xml_valid_row(2, reference="a") + monster)
    assert "The file is damaged" in refusal_message(file)


def test_a_text_longer_than_excel_allows_is_refused():
    assert "more than 32,767 characters" in refusal_message(build_single_cell_workbook("name", "x" * 32_768))
    assert len(read_rows(build_single_cell_workbook("name", "x" * 32_767))[0][1]["name"]) == 32_767


# --- How many rows ---------------------------------------------------------------------------------------------


def test_one_row_more_than_allowed_is_refused():
    rows = [valid_row(number) for number in range(11)]
    assert len(read_rows(build_workbook(rows[:10]), max_rows=10)) == 10
    assert "more than 10 rows" in refusal_message(build_workbook(rows), max_rows=10)


def test_blank_rows_do_not_count_towards_the_limit():
    blank = "".join(f'<row r="{line}"><c r="A{line}" s="1"/></row>' for line in range(20, 2000))
    file = build_raw_workbook(HEADER_ROW + "".join(xml_valid_row(line) for line in range(2, 12)) + blank)
    assert len(read_rows(file, max_rows=10)) == 10


@pytest.mark.slow
def test_200_000_rows_are_refused_quickly_and_in_little_memory():
    name = '<c r="A%d" t="inlineStr"><is><t>Customer %d of the long list</t></is></c>'
    row = f'<row r="%d">{name}<c r="B%d"><v>%d</v></c></row>'
    file = build_raw_workbook(HEADER_ROW + "".join(row % (line, line, line, line, line) for line in range(2, 200_002)))
    tracemalloc.start()
    begin = time.thread_time()
    message = refusal_message(file, max_rows=50_000)
    seconds = time.thread_time() - begin
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "more than 50,000 rows" in message
    assert seconds < 60  # with every allocation traced
    assert peak < 25 * 1024 * 1024

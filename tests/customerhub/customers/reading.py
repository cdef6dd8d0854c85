"""Shorthands for tests of reading workbooks."""

import zipfile

import pytest

from customerhub.core.xlsx.table import UnusableFile, open_table
from customerhub.customers.importing.columns import HEADERS
from tests.support.workbooks import HEADER_ROW, build_raw_workbook, xml_valid_row

ROWS = 1000


def read_rows(file, max_rows=ROWS):
    """(row number, cells by header) of every row."""
    with open_table(file, names=HEADERS, key_column="reference", max_rows=max_rows) as table:
        table.count_rows(max_rows)
        return [
            (number, {header: cell for header, cell in zip(HEADERS, cells, strict=True) if cell is not None})
            for number, cells in table.read_rows()
        ]


def read_cell(header, xml, **more):
    """What is read from one cell, given as XML."""
    rows = read_rows(build_raw_workbook(HEADER_ROW + xml_valid_row(2, **{header: xml}), **more))
    assert len(rows) == 1
    return rows[0][1].get(header)


def refusal_message(file, max_rows=ROWS):
    with pytest.raises(UnusableFile) as error_info:
        read_rows(file, max_rows)
    assert error_info.value.field == "file"
    return error_info.value.message


def list_parts(file):
    with zipfile.ZipFile(file) as package:
        return {info.filename: package.read(info) for info in package.infolist()}

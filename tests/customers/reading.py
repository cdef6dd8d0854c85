"""Shorthands for tests of reading workbooks."""

import zipfile

import pytest

from customerhub.customers.importing.columns import HEADERS
from customerhub.customers.importing.workbook import Unusable, open_table
from tests.customers.workbooks import (
    HEADER_ROW,
    raw,
    row_of,
)

ROWS = 1000


def read(file, max_rows=ROWS):
    """(row number, cells by header) of every row."""
    with open_table(file, names=HEADERS, needed="reference", max_rows=max_rows) as table:
        table.count_rows(max_rows)
        return [
            (number, {header: cell for header, cell in zip(HEADERS, cells, strict=True) if cell is not None})
            for number, cells in table.rows()
        ]


def the_cell(header, xml, **more):
    """What is read from one cell, given as XML."""
    rows = read(raw(HEADER_ROW + row_of(2, **{header: xml}), **more))
    assert len(rows) == 1
    return rows[0][1].get(header)


def refusal(file, max_rows=ROWS):
    with pytest.raises(Unusable) as refused:
        read(file, max_rows)
    assert refused.value.field == "file"
    return refused.value.message


def parts_of(file):
    with zipfile.ZipFile(file) as package:
        return {info.filename: package.read(info) for info in package.infolist()}

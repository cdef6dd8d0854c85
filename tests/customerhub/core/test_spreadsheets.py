"""Lists as files: no cell is a formula, nothing else is changed, and cells are what they hold."""

import csv
import io
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customerhub.core.csv_masking import mask_column, mask_formulas, unmask_formulas
from customerhub.core.dates import EXCEL_DATE_FORMATS
from customerhub.core.spreadsheets import (
    CellKind,
    SheetColumn,
    SheetFormats,
    ValueCache,
    keep_apostrophe,
    write_csv,
    write_csv_table,
    write_workbook,
)
from models.enums import DateFormat, ListSeparator


def written_cells(*cells: str) -> list[str]:
    """The cells of one row as another program reads them from the file."""
    file = io.StringIO(newline="")
    write_csv(file, ["Heading"], [list(cells)])
    text = file.getvalue()
    assert text.startswith("\ufeffHeading\r\n")
    (row,) = csv.reader(io.StringIO(text.partition("\r\n")[2], newline=""))
    return row


@pytest.mark.parametrize(
    "text",
    [
        "-5",
        "-1,234.50",
        "0.00",
        "1.5",
        "",
        "plain",
        "2026-11-28",
        "a=b",
        "x|y",
        "50 %",
        "O'Neil",
        "a,b",
        'a "b"',
        " =1",
    ],
)
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    assert written_cells("first", text) == ["first", text]


def test_an_amount_that_begins_a_line_is_masked() -> None:
    """To a program that separates by semicolons, -1,5+A1 is one cell and a formula."""
    assert written_cells("-1", "5+A1") == ["'-1", "5+A1"]
    file = io.StringIO(newline="")
    formats = SheetFormats(DateFormat.DAY_DOT_MONTH, ZoneInfo("Europe/Berlin"))
    columns = [SheetColumn("Balance", CellKind.AMOUNT), SheetColumn("Note", CellKind.TEXT)]
    write_csv_table(file, columns, [(Decimal(-1), "5+A1"), (Decimal(1), "b")], formats)
    assert [line.split(",") for line in file.getvalue().split("\r\n")[1:3]] == [["'-1.00", "5+A1"], ["1.00", "b"]]


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1+1",
        "-1+1",
        "@SUM(A1)",
        "+49 89 123456",
        "-",
        "--5",
        "-5 EUR",
        "%0A",
        "|x",
        "+1|2",
        "=cmd|' /C calc'!A0",
    ],
)
def test_what_could_be_a_formula_gets_an_apostrophe_and_keeps_its_text(text: str) -> None:
    assert written_cells(text) == [f"'{text}"]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a;=1+1", "a;'=1+1"),
        ("a;;=1+1;-2", "a;;'=1+1;'-2"),
        ('a;"=1+1"', 'a;\'"=1+1"'),
        ('a;"";=1', 'a;"";\'=1'),
        ("a\n=1+1", "a\n'=1+1"),
        ("a\r\n+49 30", "a\r\n'+49 30"),
        ("\t=1+1", "'\t'=1+1"),
        ("\r=1+1", "'\r'=1+1"),
        ("\n=1+1", "'\n'=1+1"),
        ("'=1+1", "''=1+1"),
        ("a;'=1+1", "a;''=1+1"),
        ("Main St. 5; Berlin", "Main St. 5; Berlin"),
        ("one\n\ntwo", "one\n\ntwo"),
        ("'s-Hertogenbosch", "'s-Hertogenbosch"),
        ("a;'b", "a;'b"),
    ],
)
def test_no_part_of_a_cell_becomes_a_formula_where_something_else_separates_cells(text: str, written: str) -> None:
    assert written_cells(text) == [written]
    assert unmask_formulas(written) == text


def is_formula(cell: str) -> bool:
    """Whether a spreadsheet takes a cell for a formula; a plain amount is a number to all of them."""
    return cell[:1] in tuple("=+-@") and not re.fullmatch(r"-[0-9,.]+", cell)


# What decides between text and formula, far more often than chance would bring it.
signs = st.sampled_from([*"=+-@|%;,\"'\t\r\n 1a,", ';"', '";', '"\n', "\r\n", ';"";'])
texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    st.lists(signs, max_size=8).map("".join),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(texts, min_size=3, max_size=3), min_size=1, max_size=4), st.sampled_from(ListSeparator))
def test_any_texts_stay_in_their_cells_and_are_no_formulas(rows: list[list[str]], written_with: ListSeparator) -> None:
    """By what the file is separated with the cells are what was written; by others no cell that arises is a formula."""
    file = io.StringIO(newline="")
    write_csv(file, ["One", "Two", "Three"], rows, written_with)
    text = file.getvalue().removeprefix("\ufeff")
    _, *cells = csv.reader(io.StringIO(text, newline=""), delimiter=written_with.character)
    assert [[unmask_formulas(cell) for cell in row] for row in cells] == rows
    for separator in ",;\t":
        # A program may end a line at each line break, also within quotes that it does not see as such.
        for other_cells in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            assert not any(is_formula(cell) for cell in other_cells), (separator, other_cells)


@given(texts)
def test_a_masked_text_is_read_as_it_was(text: str) -> None:
    assert unmask_formulas(mask_formulas(text)) == text
    assert unmask_formulas(keep_apostrophe(text)) == text


@given(st.lists(texts, max_size=5))
def test_a_column_is_masked_as_each_of_its_texts_is(column: list[str]) -> None:
    assert list(mask_column(column)) == [mask_formulas(text) for text in column]


# --- Typed cells ------------------------------------------------------------------------------------------------

COLUMNS = [SheetColumn(kind.name, kind) for kind in CellKind]
TYPED_ROW = [
    "00042",
    date(2025, 1, 31),
    datetime(2025, 1, 31, 23, 30, tzinfo=UTC),
    Decimal("-1234.50"),
    Decimal("0.125000"),
    Decimal("19.0000"),
    Decimal("12.5000"),
    1234,
    True,
]


def read_workbook(rows: list[list[Any]], date_format: DateFormat) -> Any:
    file = io.BytesIO()
    write_workbook(file, COLUMNS, rows, SheetFormats(date_format, ZoneInfo("Europe/Berlin")))
    return openpyxl.load_workbook(io.BytesIO(file.getvalue())).active


@pytest.mark.parametrize("date_format", DateFormat)
def test_a_workbook_has_typed_cells(date_format: DateFormat) -> None:
    cells = read_workbook([TYPED_ROW], date_format)[2]
    assert [cell.value for cell in cells] == [
        "00042",
        datetime(2025, 1, 31),  # noqa: DTZ001
        datetime(2025, 2, 1, 0, 30),  # noqa: DTZ001
        -1234.5,
        0.125,
        0.19,
        12.5,
        1234,
        True,
    ]
    day_format = EXCEL_DATE_FORMATS[date_format]
    assert [cell.number_format for cell in cells] == [
        "@",
        day_format,
        f"{day_format} hh:mm",
        "#,##0.00",
        "#,##0.00####",
        "0.00##%",
        "General",
        "#,##0",
        "General",
    ]
    assert [cell.data_type for cell in cells] == ["s", "d", "d", "n", "n", "n", "n", "n", "b"]


@pytest.mark.parametrize("rows", [[], [TYPED_ROW, TYPED_ROW]])
def test_the_headings_of_a_workbook_stay_in_sight_and_filter_all_rows(rows: list[list[Any]]) -> None:
    sheet = read_workbook(rows, DateFormat.ISO)
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", f"A1:I{1 + len(rows)}")
    assert not any(row.hidden for row in sheet.row_dimensions.values())


@pytest.mark.parametrize(("separator", "line"), [("comma", 'a;b,"c,d"'), ("semicolon", '"a;b";c,d')])
def test_a_csv_file_is_separated_as_the_organisation_does(separator: str, line: str) -> None:
    file = io.StringIO(newline="")
    formats = SheetFormats(DateFormat.ISO, list_separator=ListSeparator(separator))
    write_csv_table(file, [SheetColumn("One"), SheetColumn("Two")], [("a;b", "c,d")], formats)
    assert file.getvalue().splitlines()[1] == line


def test_a_csv_file_has_the_same_as_people_read_it() -> None:
    file = io.StringIO(newline="")
    formats = SheetFormats(DateFormat.DAY_DOT_MONTH, ZoneInfo("Europe/Berlin"))
    write_csv_table(file, COLUMNS, [TYPED_ROW, [None] * len(COLUMNS)], formats)
    _, row, blank = csv.reader(io.StringIO(file.getvalue(), newline=""))
    assert row == ["00042", "31.01.2025", "01.02.2025, 00:30", "-1,234.50", "0.125", "19 %", "12.5", "1,234", "Yes"]
    assert set(blank) == {""}


@pytest.mark.parametrize("day", [date(1900, 1, 1), date(1900, 2, 28), date(1900, 3, 1), date(2199, 12, 31)])
def test_the_first_and_last_days_are_dates(day: date) -> None:
    cell = read_workbook([[None, day, *[None] * (len(COLUMNS) - 2)]], DateFormat.ISO)["B2"]
    assert cell.value.date() == day


def test_more_values_than_are_remembered_are_right() -> None:
    cache = ValueCache(lambda value: value * 2)
    assert [cache[number] for number in range(50_000)] == [number * 2 for number in range(50_000)]
    assert len(cache) <= 20_000

"""Lists as CSV and Excel files: cells made harmless, written in constant memory."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, TextIO

import xlsxwriter
from defusedcsv import csv

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

CHUNK: Final = 1000  # rows that are read at a time

_MASKED_HERE: Final = re.compile(r"[\t\r\n]|(?=[=+\-@|%])[^|]*\|")


def split_into_chunks(keys: Sequence[int]) -> Iterator[Sequence[int]]:
    """`keys` as they are to be read: some at a time."""
    for start in range(0, len(keys), CHUNK):
        yield keys[start : start + CHUNK]


def is_number(text: str) -> bool:
    """Whether `text` is a plain amount, such as -1,234.50."""
    return text.replace(",", "").replace(".", "", 1).removeprefix("-").isdecimal() and text.isascii()


def write_csv(target: TextIO, headings: Iterable[str], rows: Iterable[list[str]]) -> None:
    """Write a CSV file, with a byte order mark so that Excel reads accents.

    What a spreadsheet could take for a formula gets an apostrophe in front: +49 89 123 does, -1,234.50 does not.
    """
    writer = csv.writer(target)
    target.write("\ufeff")
    writer.writerow(headings)
    for row in rows:
        writer.writerow([_mask(text) for text in row])


def _mask(text: str) -> str:
    """`text` with an apostrophe where defusedcsv would set none (it looks past no tab or line break) or would change
    more than that (each "|").
    """
    return f"'{text}" if _MASKED_HERE.match(text) else text


def write_workbook(target: BinaryIO, headings: list[str], numbers: set[int], rows: Iterable[list[str]]) -> None:
    """Write an Excel workbook. The columns whose positions are in `numbers` hold numbers, all others text."""
    options = {"strings_to_formulas": False, "strings_to_urls": False, "constant_memory": True}
    with xlsxwriter.Workbook(target, options) as workbook:
        sheet = workbook.add_worksheet()
        bold = workbook.add_format({"bold": True})
        for column_index, heading in enumerate(headings):
            sheet.write_string(0, column_index, heading, bold)
            sheet.set_column(column_index, column_index, 18)
        sheet.freeze_panes(1, 0)
        for row_index, row in enumerate(rows, 1):
            for column_index, text in enumerate(row):
                if column_index in numbers and is_number(text):
                    sheet.write_number(row_index, column_index, float(text.replace(",", "")))
                else:
                    sheet.write_string(row_index, column_index, text)


def write_file(path: Path, kind: str, headings: list[str], numbers: set[int], rows: Iterable[list[str]]) -> None:
    """Write a list to `path` as `kind`, csv or xlsx."""
    if kind == "csv":
        with path.open("w", encoding="utf-8", newline="") as text:
            write_csv(text, headings, rows)
    else:
        with path.open("wb") as binary:
            write_workbook(binary, headings, numbers, rows)

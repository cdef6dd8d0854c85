"""Lists as files: cells made harmless, written in constant memory."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, TextIO

import xlsxwriter

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

CHUNK: Final = 1000  # rows that are read at a time


def in_chunks(keys: Sequence[int]) -> Iterator[Sequence[int]]:
    """`keys` as they are to be read: some at a time."""
    for start in range(0, len(keys), CHUNK):
        yield keys[start : start + CHUNK]


def harmless(text: str) -> str:
    """`text` such that no spreadsheet takes it for a formula: one that could be gets an apostrophe in front."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") and not is_number(text) else text


def is_number(text: str) -> bool:
    """Whether `text` is a plain amount, such as -1,234.50."""
    return text.replace(",", "").replace(".", "", 1).removeprefix("-").isdecimal() and text.isascii()


def write_csv(target: TextIO, headings: Iterable[str], rows: Iterable[list[str]]) -> None:
    """Write a CSV file, with a byte order mark so that Excel reads accents."""
    writer = csv.writer(target)
    target.write("\ufeff")
    writer.writerow(headings)
    for row in rows:
        writer.writerow([harmless(text) for text in row])


def write_workbook(target: BinaryIO, headings: list[str], numbers: set[int], rows: Iterable[list[str]]) -> None:
    """Write an Excel workbook. The columns whose positions are in `numbers` hold numbers, all others text."""
    options = {"strings_to_formulas": False, "strings_to_urls": False, "constant_memory": True}
    with xlsxwriter.Workbook(target, options) as book:
        sheet = book.add_worksheet()
        bold = book.add_format({"bold": True})
        for place, heading in enumerate(headings):
            sheet.write_string(0, place, heading, bold)
            sheet.set_column(place, place, 18)
        sheet.freeze_panes(1, 0)
        for line, row in enumerate(rows, 1):
            for place, text in enumerate(row):
                if place in numbers and is_number(text):
                    sheet.write_number(line, place, float(text.replace(",", "")))
                else:
                    sheet.write_string(line, place, text)


def write_file(path: Path, kind: str, headings: list[str], numbers: set[int], rows: Iterable[list[str]]) -> None:
    """Write a list to `path` as `kind`, csv or xlsx."""
    if kind == "csv":
        with path.open("w", encoding="utf-8", newline="") as text:
            write_csv(text, headings, rows)
    else:
        with path.open("wb") as binary:
            write_workbook(binary, headings, numbers, rows)

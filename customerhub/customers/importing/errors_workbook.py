"""The rows in error as a workbook: what was in them, and why they were refused, ready to be mended and sent again."""

from collections.abc import Collection, Mapping
from typing import IO, Any

import xlsxwriter

from customerhub.customers.importing.columns import COLUMNS, HEADERS, OWN

REASON_WIDTH = 60


class ErrorsWorkbook:
    """Written row by row into `file`; memory does not grow with it. Complete once it is closed."""

    def __init__(self, file: IO[bytes]) -> None:
        self._book = xlsxwriter.Workbook(
            file, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        )
        self._text = self._book.add_format({"num_format": "@", "valign": "top"})
        self._bad = self._book.add_format({"num_format": "@", "valign": "top", "bg_color": "#FDE0DD"})
        self._reason = self._book.add_format({"text_wrap": True, "valign": "top", "font_color": "#9C0006"})
        self._head = self._book.add_format({"bold": True, "bottom": 1})
        self._sheet = self._book.add_worksheet("customers")
        self._line = 0
        self._begin()

    def _begin(self) -> None:
        self._sheet.set_column(0, 0, REASON_WIDTH)
        self._sheet.set_column(1, 1, 6)
        for place, column in enumerate(COLUMNS, 2):
            self._sheet.set_column(place, place, column.width, self._text)
        self._sheet.freeze_panes(1, 0)
        for place, header in enumerate((*OWN, *HEADERS)):
            self._sheet.write_string(0, place, header, self._head)

    def add(self, number: int, cells: Mapping[str, str], errors: Collection[Mapping[str, str]]) -> None:
        """One row: its number in the file, its cells as text by header, and {column, reason} of what is wrong."""
        self._line += 1
        reasons = "\n".join(f"{error['column']}: {error['reason']}" for error in errors)
        self._sheet.write_string(self._line, 0, reasons[:32_000], self._reason)
        self._sheet.write_number(self._line, 1, number)
        wrong = {error["column"] for error in errors}
        for place, header in enumerate(HEADERS, 2):
            cell = cells.get(header, "")
            style = self._bad if header in wrong else self._text
            if cell:
                self._sheet.write_string(self._line, place, cell[:32_767], style)
            elif header in wrong:
                self._sheet.write_blank(self._line, place, None, style)

    def close(self) -> None:
        self._book.close()

    def __enter__(self) -> "ErrorsWorkbook":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

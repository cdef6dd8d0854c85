"""The rows in error as a workbook: what was in them, and why they were refused, ready to be mended and sent again."""

from collections.abc import Collection, Mapping
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter

from customerhub.customers.importing.columns import COLUMNS, HEADERS, OWN

REASON_WIDTH = 60
LONGEST = 32_767  # characters that a cell of Excel holds
HEAD = {"font": Font(bold=True), "border": Border(bottom=Side(style="thin"))}
TOP = Alignment(vertical="top")
GOOD = {"alignment": TOP, "number_format": "@"}
BAD = {**GOOD, "fill": PatternFill("solid", fgColor="FDE0DD")}
REASON = {"alignment": Alignment(vertical="top", wrap_text=True), "font": Font(color="9C0006")}


class ErrorsWorkbook:
    """Written row by row into `file`; memory does not grow with it. Complete once it is closed."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._book = Workbook(write_only=True)
        self._sheet: Any = self._book.create_sheet("customers")
        self._sheet.freeze_panes = "A2"
        widths = [REASON_WIDTH, 6, *(column.width for column in COLUMNS)]
        for place, width in enumerate(widths, 1):
            self._sheet.column_dimensions[get_column_letter(place)].width = width
        self._sheet.append([self._cell(header, HEAD) for header in (*OWN, *HEADERS)])

    def add(self, number: int, cells: Mapping[str, str], errors: Collection[Mapping[str, str]]) -> None:
        """One row: its number in the file, its cells as text by header, and {column, reason} of what is wrong."""
        reasons = "\n".join(f"{error['column']}: {error['reason']}" for error in errors)
        wrong = {error["column"] for error in errors}
        given = [self._cell(cells.get(header, ""), BAD if header in wrong else GOOD) for header in HEADERS]
        self._sheet.append([self._cell(reasons, REASON), number, *given])

    def _cell(self, text: str, style: Mapping[str, Any]) -> Any:
        """A cell that is text whatever it holds: never a formula, never an error value."""
        cell = WriteOnlyCell(self._sheet)
        if text:
            cell.value = ILLEGAL_CHARACTERS_RE.sub("\ufffd", text)[:LONGEST]
            cell.data_type = "s"
        for name, value in style.items():
            setattr(cell, name, value)
        return cell

    def close(self) -> None:
        self._book.save(self._file)

    def __enter__(self) -> "ErrorsWorkbook":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

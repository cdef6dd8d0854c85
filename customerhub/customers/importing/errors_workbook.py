"""The rows in error as a workbook: their cells and errors, ready to be corrected and uploaded again."""

from collections.abc import Collection, Mapping
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter

from customerhub.customers.importing.columns import COLUMNS, ERROR_COLUMNS, HEADERS

REASON_WIDTH = 60
MAX_CELL_LENGTH = 32_767  # characters that a cell of Excel holds
HEADER_STYLE = {"font": Font(bold=True), "border": Border(bottom=Side(style="thin"))}
TOP_ALIGNMENT = Alignment(vertical="top")
VALID_STYLE = {"alignment": TOP_ALIGNMENT, "number_format": "@"}
ERROR_STYLE = {**VALID_STYLE, "fill": PatternFill("solid", fgColor="FDE0DD")}
REASON_STYLE = {"alignment": Alignment(vertical="top", wrap_text=True), "font": Font(color="9C0006")}


class ErrorsWorkbook:
    """Written row by row into `file`; memory does not grow with it. Complete once it is closed."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._workbook = Workbook(write_only=True)
        self._sheet: Any = self._workbook.create_sheet("customers")
        self._sheet.freeze_panes = "A2"
        widths = [REASON_WIDTH, 6, *(column.width for column in COLUMNS)]
        for column_number, width in enumerate(widths, 1):
            self._sheet.column_dimensions[get_column_letter(column_number)].width = width
        self._sheet.append([self._build_cell(header, HEADER_STYLE) for header in (*ERROR_COLUMNS, *HEADERS)])

    def add_row(self, number: int, cells: Mapping[str, str], errors: Collection[Mapping[str, str]]) -> None:
        """One row: its number in the file, its cells as text by header, and {column, reason} of what is wrong."""
        reasons = "\n".join(f"{error['column']}: {error['reason']}" for error in errors)
        error_columns = {error["column"] for error in errors}
        row_cells = [
            self._build_cell(cells.get(header, ""), ERROR_STYLE if header in error_columns else VALID_STYLE)
            for header in HEADERS
        ]
        self._sheet.append([self._build_cell(reasons, REASON_STYLE), number, *row_cells])

    def _build_cell(self, text: str, style: Mapping[str, Any]) -> Any:
        """A cell that is text whatever it holds: never a formula, never an error value."""
        cell = WriteOnlyCell(self._sheet)
        if text:
            cell.value = ILLEGAL_CHARACTERS_RE.sub("\ufffd", text)[:MAX_CELL_LENGTH]
            cell.data_type = "s"
        for name, value in style.items():
            setattr(cell, name, value)
        return cell

    def close(self) -> None:
        self._workbook.save(self._file)

    def __enter__(self) -> "ErrorsWorkbook":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

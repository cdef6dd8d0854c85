"""The rows in error as a workbook: their cells as they were, and their errors, to be corrected and uploaded again."""

from collections.abc import Collection, Mapping
from datetime import date, datetime, time, timedelta
from typing import IO, Any, Final

import xlsxwriter

from customerhub.core.dates import EXCEL_DATE_FORMATS
from customerhub.core.xlsx.sheet import BadCell, Cell, FormattedNumber, PercentNumber
from customerhub.customers.importing.account_columns import ACCOUNT_COLUMNS, ACCOUNTS_SHEET
from customerhub.customers.importing.columns import ERROR_COLUMNS, STANDARD_COLUMNS, ImportColumns
from customerhub.customers.importing.stored_cells import StoredCell, find_number_format, restore_cell
from models.enums import DateFormat

REASON_WIDTH: Final = 60
ROW_NUMBER_WIDTH: Final = 6
MAX_CELL_LENGTH: Final = 32_767  # characters that a cell of Excel holds
MAX_NUMBER_FORMATS: Final = 1_000  # Excel opens no workbook with very many
EXACT_LIMIT: Final = 10**15  # up to here each whole number survives writing
LONGEST_NUMBER: Final = 10**40  # from here on a cell holds a number with its exponent
FIRST_YEAR: Final = 1900  # of what Excel shows as a date
FIRST_DAY: Final = date(FIRST_YEAR, 1, 1)
TIME_FORMAT: Final = "hh:mm:ss"

HEADER_STYLE: Final = {"bold": True, "bottom": 1}
VALID_STYLE: Final = {"valign": "top"}
ERROR_STYLE: Final = {"valign": "top", "bg_color": "#FDE0DD"}
REASON_STYLE: Final = {"valign": "top", "text_wrap": True, "font_color": "#9C0006"}
TEXT_FORMAT: Final = "@"
PERCENT_FORMAT: Final = "0.00##%"

_EXCEL_ERRORS: Final = frozenset({"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"})


class ErrorsWorkbook:
    """Written row by row into `file`; memory does not grow with it. Complete once it is closed.

    Each cell is read again as it was read before: a date is a date with its time, a number a number, and what Excel
    could not give a value is an error. Days are shown in `date_format`, and count `from_1904` where they did before.
    """

    def __init__(
        self,
        file: IO[bytes],
        date_format: DateFormat,
        columns: ImportColumns = STANDARD_COLUMNS,
        *,
        from_1904: bool = False,
    ) -> None:
        options = {
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "constant_memory": True,
            "date_1904": from_1904,
        }
        self._workbook = xlsxwriter.Workbook(file, options)
        self._formats: dict[tuple[str, bool], Any] = {}
        self._day_format = EXCEL_DATE_FORMATS[date_format]
        self._header_format = self._workbook.add_format(HEADER_STYLE)
        self._reason_format = self._workbook.add_format(REASON_STYLE)
        self._begin_sheet("customers", columns)
        self._is_at_accounts = False

    def _begin_sheet(self, name: str, columns: ImportColumns) -> None:
        """The sheet `name`, to which rows are added from now on."""
        self._headers = columns.headers
        self._sheet = self._workbook.add_worksheet(name)
        self._sheet.freeze_panes(1, 0)
        for index, width in enumerate((REASON_WIDTH, ROW_NUMBER_WIDTH, *(column.width for column in columns.columns))):
            self._sheet.set_column(index, index, width)
        for index, header in enumerate((*ERROR_COLUMNS, *self._headers)):
            self._sheet.write_string(0, index, header, self._header_format)
        self._row_index = 0

    def add_row(
        self,
        number: int,
        cells: Mapping[str, StoredCell],
        errors: Collection[Mapping[str, str]],
        *,
        is_account: bool = False,
    ) -> None:
        """One row: its number in the file, its cells by header, and {column, reason} of what is wrong. Rows of the
        sheet of accounts come behind all others.
        """
        if is_account and not self._is_at_accounts:
            self._begin_sheet(ACCOUNTS_SHEET, ACCOUNT_COLUMNS)
            self._is_at_accounts = True
        self._row_index += 1
        reasons = "\n".join(f"{error['column']}: {error['reason']}" for error in errors)
        self._sheet.write_string(self._row_index, 0, reasons[:MAX_CELL_LENGTH], self._reason_format)
        self._sheet.write_number(self._row_index, 1, number)
        error_columns = {error["column"] for error in errors}
        for index, header in enumerate(self._headers, len(ERROR_COLUMNS)):
            self._write_cell(index, restore_cell(cells.get(header)), header in error_columns)

    def _write_cell(self, index: int, cell: Cell, is_error: bool) -> None:
        place = (self._row_index, index)
        if cell is None:
            self._sheet.write_blank(*place, None, self._get_format(TEXT_FORMAT, is_error))
        elif isinstance(cell, str):
            self._write_text(index, cell, is_error)
        elif isinstance(cell, bool):
            self._sheet.write_boolean(*place, cell, self._get_format("General", is_error))
        elif isinstance(cell, BadCell):
            # Never blank: a blank cell would be taken for one that nobody filled in.
            error = cell.stored if cell.stored in _EXCEL_ERRORS else "#N/A"
            self._sheet.write_formula(*place, "=NA()", self._get_format("General", is_error), error)
        elif isinstance(cell, PercentNumber):
            self._write_number(index, float(cell), self._get_format(PERCENT_FORMAT, is_error))
        elif isinstance(cell, (int, float)):
            self._write_number(index, cell, self._get_format("General", is_error))
        elif isinstance(cell, FormattedNumber):
            self._write_formatted_number(index, cell, is_error)
        else:
            self._write_moment(index, cell, is_error)

    def _write_text(self, index: int, text: str, is_error: bool) -> None:
        text_format = self._get_format(TEXT_FORMAT, is_error)
        self._sheet.write_string(self._row_index, index, text[:MAX_CELL_LENGTH], text_format)

    def _write_number(self, index: int, number: float, cell_format: Any) -> None:
        """A number with all its digits, although xlsxwriter, like Excel, keeps 16: as the result of a formula."""
        if abs(number) < EXACT_LIMIT and float(f"{number:.16G}") == number:
            self._sheet.write_number(self._row_index, index, number, cell_format)
            return
        result = number if abs(number) < LONGEST_NUMBER else float(number)
        self._sheet.write_formula(self._row_index, index, f"={result}", cell_format, result)

    def _write_formatted_number(self, index: int, number: FormattedNumber, is_error: bool) -> None:
        # As a text it would be refused in other words than the number.
        if number.value >= LONGEST_NUMBER and number.text == str(number.value):
            self._write_number(index, number.value, self._get_format("General", is_error))
            return
        code = find_number_format(number)
        if code is None or (len(self._formats) >= MAX_NUMBER_FORMATS and (code, is_error) not in self._formats):
            self._write_text(index, number.text, is_error)
        else:
            self._write_number(index, number.value, self._get_format(code, is_error))

    def _write_moment(self, index: int, moment: date | time, is_error: bool) -> None:
        if isinstance(moment, time):
            code = TIME_FORMAT
        elif moment.year < FIRST_YEAR:
            self._write_text(index, moment.isoformat(), is_error)
            return
        else:
            code = f"{self._day_format} {TIME_FORMAT}" if isinstance(moment, datetime) else self._day_format
        cell_format = self._get_format(code, is_error)
        if isinstance(moment, datetime) and moment.date() == FIRST_DAY:  # xlsxwriter takes it for a time alone
            since_midnight = timedelta(hours=moment.hour, minutes=moment.minute, seconds=moment.second)
            self._sheet.write_number(self._row_index, index, 1 + since_midnight / timedelta(days=1), cell_format)
        else:
            self._sheet.write_datetime(self._row_index, index, moment, cell_format)

    def _get_format(self, code: str, is_error: bool) -> Any:
        """The format of cells that show a value by `code`, made once."""
        if (code, is_error) not in self._formats:
            style = ERROR_STYLE if is_error else VALID_STYLE
            self._formats[code, is_error] = self._workbook.add_format({**style, "num_format": code})
        return self._formats[code, is_error]

    def close(self) -> None:
        self._workbook.close()

    def __enter__(self) -> "ErrorsWorkbook":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

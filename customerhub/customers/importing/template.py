"""The empty workbook to fill in, with drop-downs of the organisation's set-up and a sheet that explains each column."""

from typing import IO, Any, Final

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from customerhub.core.dates import EXCEL_DATE_FORMATS, describe_date_examples
from customerhub.core.organisation_dates import organisation_date_format
from customerhub.core.permissions import Actor, Permission, require_permission
from customerhub.customers.importing.account_columns import ACCOUNT_COLUMNS, ACCOUNTS_SHEET, load_account_lookups
from customerhub.customers.importing.columns import CellType, Column, ImportColumns
from customerhub.customers.importing.custom_columns import load_columns, load_own_lookups
from customerhub.customers.importing.errors_workbook import MAX_CELL_LENGTH
from customerhub.customers.importing.lookups import Lookup, load_lookups
from customerhub.customers.rules import FREQUENCY_NAMES
from models.enums import DateFormat, Risk

UNDERLINE_BORDER: Final = Border(bottom=Side(style="thin"))
WRAP_ALIGNMENT: Final = Alignment(wrap_text=True, vertical="top")
FIXED_CHOICES: Final = {
    "risk": [risk.value for risk in Risk],
    "review_frequency": list(FREQUENCY_NAMES),
}
NOTES: Final = (
    "One row is one customer. Fill in the sheet “customers” and upload this file under Customers, Import.",
    "A row with a known reference updates that customer; any other row creates a new one.",
    f"One row of the sheet “{ACCOUNTS_SHEET}” is one further account of a customer. The sheet may stay empty.",
    "Empty cells do not delete values. The order of the columns does not matter; other columns are ignored.",
    "Dates: as Excel dates, or written {example}.",
    "Nothing is saved until you have reviewed and confirmed the changes.",
)


def write_template(file: IO[bytes], *, actor: Actor, max_rows: int) -> None:
    """Write the template for the organisation of `actor` into `file`, with drop-downs in `max_rows` rows."""
    require_permission(actor, Permission.CUSTOMERS_IMPORT)
    columns = load_columns(actor.organisation_id)
    lookups = load_lookups(actor.organisation_id) | load_own_lookups(actor.organisation_id)
    account_lookups = load_account_lookups(actor.organisation_id)
    workbook = Workbook()
    sheet: Any = workbook.active
    sheet.title = "customers"
    accounts_sheet = workbook.create_sheet(ACCOUNTS_SHEET)
    date_format = organisation_date_format(actor.organisation_id)
    explanations = _Explanations(workbook.create_sheet("explanations"), date_format)
    explanations.add_table("Column", columns, lookups)
    explanations.add_table(f"Column of the sheet “{ACCOUNTS_SHEET}”", ACCOUNT_COLUMNS, account_lookups)
    choices_sheet = workbook.create_sheet("choices")
    choices_sheet.sheet_state = "hidden"
    lists = _DropDowns(choices_sheet, max_rows)
    _write_sheet(sheet, columns, lookups, lists, date_format)
    _write_sheet(accounts_sheet, ACCOUNT_COLUMNS, account_lookups, lists, date_format)
    workbook.save(file)


def _write_sheet(
    sheet: Any, columns: ImportColumns, lookups: dict[str, Lookup], lists: "_DropDowns", date_format: DateFormat
) -> None:
    """The header of a sheet to fill in, with the drop-downs of its columns."""
    for column_number, column in enumerate(columns.columns, 1):
        header_cell = sheet.cell(1, column_number, column.header)
        header_cell.font, header_cell.border = Font(bold=True), UNDERLINE_BORDER
        header_cell.fill = PatternFill("solid", fgColor="DCE6F7" if column.is_required else "F2F2F2")
        header_cell.comment = Comment(column.explanation, "Customer Hub", width=280)
        dimensions = sheet.column_dimensions[get_column_letter(column_number)]
        dimensions.width = column.width
        dimensions.number_format = EXCEL_DATE_FORMATS[date_format] if column.cell_type is CellType.DATE else "@"
        if choices := _list_choices(column, lookups):
            lists.add(sheet, column_number, column, choices)
    sheet.freeze_panes = "C2"


def _list_choices(column: Column, lookups: dict[str, Lookup]) -> list[str]:
    """What a cell of `column` can be chosen from; nothing where anything may be written."""
    if column.field in lookups:
        return lookups[column.field].choices
    return FIXED_CHOICES.get(column.field, [])


class _DropDowns:
    """The lists that cells are chosen from: a column a list on a sheet of their own, used in `max_rows` rows."""

    def __init__(self, choices_sheet: Any, max_rows: int) -> None:
        self._choices_sheet = choices_sheet
        self._max_rows = max_rows
        self._list_count = 0

    def add(self, sheet: Any, column_number: int, column: Column, choices: list[str]) -> None:
        """Put the choices on the sheet of lists and a drop-down into the column."""
        self._list_count += 1
        for row_number, choice in enumerate([column.header, *choices], 1):
            _write_text(self._choices_sheet, row_number, self._list_count, choice)
        list_letters, letters = get_column_letter(self._list_count), get_column_letter(column_number)
        validation = DataValidation(
            type="list",
            formula1=f"choices!${list_letters}$2:${list_letters}${len(choices) + 1}",
            # Several departments stand in one cell, and 3 is as good as "3 Months": more than the listed may be typed.
            showErrorMessage=column.cell_type is CellType.NAME or column.field == "risk",
            errorTitle=column.header,
            error="Choose a value from the list.",
            allow_blank=True,
        )
        validation.add(f"{letters}2:{letters}{self._max_rows + 1}")
        sheet.add_data_validation(validation)


class _Explanations:
    """The sheet that says what goes into each column."""

    def __init__(self, sheet: Any, date_format: DateFormat) -> None:
        self._sheet = sheet
        self._date_format = date_format
        example = describe_date_examples(date_format)
        for row_number, note in enumerate(NOTES, 1):
            _write_text(sheet, row_number, 1, note.format(example=example))
        self._row_number = len(NOTES) + 2

    def add_table(self, title: str, columns: ImportColumns, lookups: dict[str, Lookup]) -> None:
        """A table of `columns`, below what there is."""
        titles = ((title, 22), ("Required", 10), ("Content", 60), ("Example", 30))
        for column_number, (heading, width) in enumerate(titles, 1):
            self._sheet.column_dimensions[get_column_letter(column_number)].width = width
            header_cell = _write_text(self._sheet, self._row_number, column_number, heading)
            header_cell.font, header_cell.border = Font(bold=True), UNDERLINE_BORDER
        for column in columns.columns:
            self._row_number += 1
            for column_number, text in enumerate(self._describe(column, lookups), 1):
                _write_text(self._sheet, self._row_number, column_number, text).alignment = WRAP_ALIGNMENT
        self._row_number += 2

    def _describe(self, column: Column, lookups: dict[str, Lookup]) -> tuple[str, ...]:
        choices = _list_choices(column, lookups)
        choices_text = f": {', '.join(choices)}" if column.field in lookups and choices else ""
        return (
            column.header,
            "yes" if column.is_required else "",
            f"{column.explanation}{choices_text}",
            column.format_example(self._date_format),
        )


def _write_text(sheet: Any, row_number: int, column_number: int, text: str) -> Any:
    """A cell that is text whatever it holds, such as a name that begins with an equals sign."""
    cell = sheet.cell(row_number, column_number, ILLEGAL_CHARACTERS_RE.sub("", text)[:MAX_CELL_LENGTH])
    cell.data_type = "s"
    return cell

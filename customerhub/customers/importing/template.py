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
    "Empty cells do not delete values. The order of the columns does not matter; other columns are ignored.",
    "Dates: as Excel dates, or written {example}.",
    "Nothing is saved until you have reviewed and confirmed the changes.",
)


def write_template(file: IO[bytes], *, actor: Actor, max_rows: int) -> None:
    """Write the template for the organisation of `actor` into `file`, with drop-downs in `max_rows` rows."""
    require_permission(actor, Permission.CUSTOMERS_IMPORT)
    columns = load_columns(actor.organisation_id)
    lookups = load_lookups(actor.organisation_id) | load_own_lookups(actor.organisation_id)
    workbook = Workbook()
    sheet: Any = workbook.active
    sheet.title = "customers"
    date_format = organisation_date_format(actor.organisation_id)
    _write_explanations(workbook.create_sheet("explanations"), columns, lookups, date_format)
    choices_sheet = workbook.create_sheet("choices")
    choices_sheet.sheet_state = "hidden"
    for column_number, column in enumerate(columns.columns, 1):
        header_cell = sheet.cell(1, column_number, column.header)
        header_cell.font, header_cell.border = Font(bold=True), UNDERLINE_BORDER
        header_cell.fill = PatternFill("solid", fgColor="DCE6F7" if column.is_required else "F2F2F2")
        header_cell.comment = Comment(column.explanation, "Customer Hub", width=280)
        dimensions = sheet.column_dimensions[get_column_letter(column_number)]
        dimensions.width = column.width
        dimensions.number_format = EXCEL_DATE_FORMATS[date_format] if column.cell_type is CellType.DATE else "@"
        if choices := _list_choices(column, lookups):
            _add_drop_down(choices_sheet, sheet, column_number, column, choices, max_rows)
    sheet.freeze_panes = "C2"
    workbook.save(file)


def _list_choices(column: Column, lookups: dict[str, Lookup]) -> list[str]:
    """What a cell of `column` can be chosen from; nothing where anything may be written."""
    if column.field in lookups:
        return lookups[column.field].choices
    return FIXED_CHOICES.get(column.field, [])


def _add_drop_down(
    choices_sheet: Any, sheet: Any, column_number: int, column: Column, choices: list[str], max_rows: int
) -> None:
    """Put the choices on the sheet of lists and a drop-down into the column."""
    for row_number, choice in enumerate([column.header, *choices], 1):
        _write_text(choices_sheet, row_number, column_number, choice)
    letters = get_column_letter(column_number)
    validation = DataValidation(
        type="list",
        formula1=f"choices!${letters}$2:${letters}${len(choices) + 1}",
        # Several departments stand in one cell, and 3 is as good as "3 Months": more than the listed may be typed.
        showErrorMessage=column.cell_type is CellType.NAME or column.field == "risk",
        errorTitle=column.header,
        error="Choose a value from the list.",
        allow_blank=True,
    )
    validation.add(f"{letters}2:{letters}{max_rows + 1}")
    sheet.add_data_validation(validation)


def _write_explanations(
    sheet: Any, columns: ImportColumns, lookups: dict[str, Lookup], date_format: DateFormat
) -> None:
    """The sheet that says what goes into each column."""
    example = describe_date_examples(date_format)
    for row_number, note in enumerate(NOTES, 1):
        _write_text(sheet, row_number, 1, note.format(example=example))
    header_row = len(NOTES) + 2
    for column_number, (title, width) in enumerate(
        (("Column", 22), ("Required", 10), ("Content", 60), ("Example", 30)), 1
    ):
        sheet.column_dimensions[get_column_letter(column_number)].width = width
        header_cell = _write_text(sheet, header_row, column_number, title)
        header_cell.font, header_cell.border = Font(bold=True), UNDERLINE_BORDER
    for row_number, column in enumerate(columns.columns, header_row + 1):
        choices = _list_choices(column, lookups)
        choices_text = f": {', '.join(choices)}" if column.field in lookups and choices else ""
        cells = (
            column.header,
            "yes" if column.is_required else "",
            f"{column.explanation}{choices_text}",
            column.format_example(date_format),
        )
        for column_number, text in enumerate(cells, 1):
            _write_text(sheet, row_number, column_number, text).alignment = WRAP_ALIGNMENT


def _write_text(sheet: Any, row_number: int, column_number: int, text: str) -> Any:
    """A cell that is text whatever it holds, such as a name that begins with an equals sign."""
    cell = sheet.cell(row_number, column_number, ILLEGAL_CHARACTERS_RE.sub("", text)[:MAX_CELL_LENGTH])
    cell.data_type = "s"
    return cell

"""The empty workbook to fill in, with drop-downs of the organisation's set-up and a sheet that explains each column."""

from typing import IO, Any, Final

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from customerhub.customers.importing.columns import COLUMNS, Column, Reads
from customerhub.customers.importing.errors_workbook import LONGEST
from customerhub.customers.importing.names import Names, load_names
from customerhub.permissions import Actor, Permission, require
from models.enums import Risk

UNDERLINED: Final = Border(bottom=Side(style="thin"))
WRAPPED: Final = Alignment(wrap_text=True, vertical="top")
FIXED_CHOICES: Final = {
    "risk": [risk.value for risk in Risk],
    "review_frequency": ["1 Month", *(f"{months} Months" for months in range(2, 13))],
}
NOTES: Final = (
    "One row is one customer. Fill in the sheet “customers” and upload this file under Customers, Import.",
    "A row whose reference is known changes that customer; any other row makes a new one.",
    "An empty cell never takes a value away. The order of the columns does not matter; further columns are ignored.",
    "Dates: as Excel dates, or written 31/01/2025 or 2025-01-31.",
    "Nothing is saved before you have seen what would change and confirmed it.",
)


def write_template(file: IO[bytes], *, actor: Actor, max_rows: int) -> None:
    """Write the template for the organisation of `actor` into `file`, with drop-downs in `max_rows` rows."""
    require(actor, Permission.CUSTOMERS_IMPORT)
    names = load_names(actor.organisation_id)
    book = Workbook()
    sheet: Any = book.active
    sheet.title = "customers"
    _explain(book.create_sheet("explanations"), names)
    lists = book.create_sheet("choices")
    lists.sheet_state = "hidden"
    for place, column in enumerate(COLUMNS, 1):
        head = sheet.cell(1, place, column.header)
        head.font, head.border = Font(bold=True), UNDERLINED
        head.fill = PatternFill("solid", fgColor="DCE6F7" if column.needed else "F2F2F2")
        head.comment = Comment(column.explained, "Customer Hub", width=280)
        whole = sheet.column_dimensions[get_column_letter(place)]
        whole.width = column.width
        whole.number_format = "dd/mm/yyyy" if column.reads is Reads.DATE else "@"
        if choices := _choices(column, names):
            _offer(lists, sheet, place, column, choices, max_rows)
    sheet.freeze_panes = "C2"
    book.save(file)


def _choices(column: Column, names: dict[str, Names]) -> list[str]:
    """What a cell of `column` can be chosen from; nothing where anything may be written."""
    if column.field in names:
        return names[column.field].choices
    return FIXED_CHOICES.get(column.field, [])


def _offer(lists: Any, sheet: Any, place: int, column: Column, choices: list[str], max_rows: int) -> None:
    """Put the choices on the sheet of lists and a drop-down into the column."""
    for line, choice in enumerate([column.header, *choices], 1):
        _write(lists, line, place, choice)
    letters = get_column_letter(place)
    offered = DataValidation(
        type="list",
        formula1=f"choices!${letters}$2:${letters}${len(choices) + 1}",
        # Several departments stand in one cell, and 3 is as good as "3 Months": more than the listed may be typed.
        showErrorMessage=column.reads is Reads.NAME or column.field == "risk",
        errorTitle=column.header,
        error="Choose one of the list.",
        allow_blank=True,
    )
    offered.add(f"{letters}2:{letters}{max_rows + 1}")
    sheet.add_data_validation(offered)


def _explain(sheet: Any, names: dict[str, Names]) -> None:
    """The sheet that says what goes into each column."""
    for line, note in enumerate(NOTES, 1):
        _write(sheet, line, 1, note)
    first = len(NOTES) + 2
    for place, (title, width) in enumerate(
        (("Column", 22), ("Needed", 10), ("What goes in it", 60), ("Example", 30)), 1
    ):
        sheet.column_dimensions[get_column_letter(place)].width = width
        head = _write(sheet, first, place, title)
        head.font, head.border = Font(bold=True), UNDERLINED
    for line, column in enumerate(COLUMNS, first + 1):
        choices = _choices(column, names)
        named = f": {', '.join(choices)}" if column.field in names and choices else ""
        cells = (column.header, "yes" if column.needed else "", f"{column.explained}{named}", column.example)
        for place, text in enumerate(cells, 1):
            _write(sheet, line, place, text).alignment = WRAPPED


def _write(sheet: Any, line: int, place: int, text: str) -> Any:
    """A cell that is text whatever it holds, such as a name that begins with an equals sign."""
    cell = sheet.cell(line, place, ILLEGAL_CHARACTERS_RE.sub("", text)[:LONGEST])
    cell.data_type = "s"
    return cell

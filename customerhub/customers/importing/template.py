"""The empty workbook to fill in, with drop-downs of the organisation's set-up and a sheet that explains each column."""

from typing import IO, Any, Final

import xlsxwriter

from customerhub.customers.importing.columns import COLUMNS, Column, Reads
from customerhub.customers.importing.names import Names, load_names
from customerhub.permissions import Actor, Permission, require
from models.enums import Risk

FILE_NAME: Final = "customers.xlsx"
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
    book = xlsxwriter.Workbook(file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet("customers")
    _explain(book, names)
    lists = book.add_worksheet("choices")
    lists.hide()
    text = book.add_format({"num_format": "@"})
    day = book.add_format({"num_format": "dd/mm/yyyy"})
    for place, column in enumerate(COLUMNS):
        head = book.add_format({"bold": True, "bottom": 1, "bg_color": "#DCE6F7" if column.needed else "#F2F2F2"})
        sheet.set_column(place, place, column.width, day if column.reads is Reads.DATE else text)
        sheet.write_string(0, place, column.header, head)
        sheet.write_comment(0, place, column.explained, {"x_scale": 2})
        if choices := _choices(column, names):
            _offer(lists, sheet, place, column, choices, max_rows)
    sheet.freeze_panes(1, 2)
    book.close()


def _choices(column: Column, names: dict[str, Names]) -> list[str]:
    """What a cell of `column` can be chosen from; nothing where anything may be written."""
    if column.field in names:
        return names[column.field].choices
    return FIXED_CHOICES.get(column.field, [])


def _offer(lists: Any, sheet: Any, place: int, column: Column, choices: list[str], max_rows: int) -> None:
    """Put the choices on the sheet of lists and a drop-down into the column."""
    lists.write_string(0, place, column.header)
    for line, choice in enumerate(choices, 1):
        lists.write_string(line, place, choice)
    letters = xlsxwriter.utility.xl_col_to_name(place, col_abs=True)
    sheet.data_validation(
        1,
        place,
        max_rows,
        place,
        {
            "validate": "list",
            "source": f"=choices!{letters}$2:{letters}${len(choices) + 1}",
            # Several departments stand in one cell, and 3 is as good as "3 Months": more than the listed may be typed.
            "show_error": column.reads is Reads.NAME or column.field == "risk",
            "error_title": column.header,
            "error_message": "Choose one of the list.",
        },
    )


def _explain(book: Any, names: dict[str, Names]) -> None:
    """The sheet that says what goes into each column."""
    sheet = book.add_worksheet("explanations")
    head = book.add_format({"bold": True, "bottom": 1})
    wrapped = book.add_format({"text_wrap": True, "valign": "top"})
    for place, (title, width) in enumerate((("Column", 22), ("Needed", 10), ("What goes in it", 60), ("Example", 30))):
        sheet.set_column(place, place, width)
        sheet.write_string(len(NOTES) + 1, place, title, head)
    for line, note in enumerate(NOTES):
        sheet.write_string(line, 0, note)
    for line, column in enumerate(COLUMNS, len(NOTES) + 2):
        choices = _choices(column, names)
        explained = (
            f"{column.explained}: {', '.join(choices)}" if column.field in names and choices else column.explained
        )
        cells = (column.header, "yes" if column.needed else "", explained, column.example)
        for place, cell in enumerate(cells):
            sheet.write_string(line, place, cell[:32_767], wrapped)

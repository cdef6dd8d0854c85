"""What each column of the workbook means: one line a column, from which reading, template and help are made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum, auto
from typing import Any, Final

from customerhub.core import validation
from customerhub.core.dates import format_date
from customerhub.core.xlsx.table import normalise_header
from customerhub.customers import rules
from customerhub.customers.records import CLEANERS
from models.enums import CallClass, DateFormat


class CellType(Enum):
    """How the cells of a column are read."""

    TEXT = auto()  # `clean` takes a text; a number stands for what its cell shows
    IDENTIFIER = auto()  # the same, but Excel must not have made a date, TRUE or a rounded number of what was typed
    NUMBER = auto()  # `clean` takes a text; a number stands for its digits, whatever its cell shows beside them
    DATE = auto()  # a date, or Excel's serial number, or a text as the organisation writes dates
    PERCENT = auto()  # `clean` takes a text; a cell that shows 12 % stands for 12, as one that shows 12 does
    NAME = auto()  # the name of one set-up row
    NAMES = auto()  # the names of several, comma separated


@dataclass(frozen=True)
class Column:
    """A column of the workbook.

    `field` is what it fills: a column of the customer, `address`, `departments`, `tags` or a markup. `history_field` is
    the name of it in the history, `list_label` the one in the list of customers and its exports, where that is no
    spelling of the header; `example` writes a date as 2025-01-31. `is_cacheable` where many rows hold the same few
    values.
    """

    header: str
    field: str
    explanation: str
    example: str
    cell_type: CellType = CellType.TEXT
    clean: Callable[[str], Any] = str
    history_field: str = ""
    list_label: str = ""
    is_required: bool = False
    is_cacheable: bool = False
    width: int = 20

    @property
    def history_name(self) -> str:
        return self.history_field or self.field

    def format_example(self, date_format: DateFormat) -> str:
        """The example as an organisation that writes dates in `date_format` writes it."""
        if self.cell_type is CellType.DATE:
            return format_date(date.fromisoformat(self.example), date_format)
        return self.example


def _clean_address(text: str) -> str | None:
    return validation.clean_text(text, max_length=validation.MAX_LENGTHS["address"], multiline=True)


COLUMNS: Final = (
    Column(
        "name",
        "name",
        "The customer's name",
        "Alfreds Futterkiste",
        cell_type=CellType.IDENTIFIER,
        clean=CLEANERS["name"],
        is_required=True,
        width=32,
    ),
    Column(
        "reference",
        "reference",
        "Your unique short code of the customer. A row with a known reference updates that customer; any other row "
        "creates a new one. 7 and 007 are different references",
        "ALFKI",
        cell_type=CellType.IDENTIFIER,
        clean=CLEANERS["reference"],
        is_required=True,
        width=14,
    ),
    Column(
        "address",
        "address",
        "The full mailing address",
        "Obere Str. 57, 12209 Berlin",
        clean=_clean_address,
        width=36,
    ),
    Column(
        "contactNumber",
        "contact_number",
        "Telephone",
        "+49 30 0074321",
        cell_type=CellType.IDENTIFIER,
        clean=CLEANERS["contact_number"],
    ),
    Column(
        "email",
        "email",
        "One email address, or several separated with commas",
        "accounts@alfreds.example",
        clean=CLEANERS["email"],
        is_required=True,
        width=32,
    ),
    Column(
        "reviewStartDate",
        "review_start_date",
        "The date of the first review. Requires reviewFrequency",
        "2026-01-31",
        CellType.DATE,
        is_cacheable=True,
        width=16,
    ),
    Column(
        "reviewFrequency",
        "review_frequency",
        "Months between reviews, 1 to 12. Requires reviewStartDate",
        "3 Months",
        cell_type=CellType.NUMBER,
        clean=rules.clean_frequency,
        is_cacheable=True,
        width=16,
    ),
    Column(
        "reviewerEmail",
        "reviewer_email",
        "The email address for review reminders",
        "reviewer@hub.example",
        clean=CLEANERS["reviewer_email"],
        is_cacheable=True,
        width=26,
    ),
    Column(
        "notificationMessage",
        "review_template_id",
        "The name of the notification template for reviews",
        "Customer review",
        CellType.NAME,
        history_field="review_template",
        list_label="Review template",
        is_cacheable=True,
    ),
    Column(
        "creditCheckCompany",
        "credit_check_company",
        "The company that checked the credit",
        "Experian",
        clean=CLEANERS["credit_check_company"],
        is_cacheable=True,
    ),
    Column(
        "risk",
        "risk",
        "Low, Medium or High",
        "Low",
        clean=rules.clean_risk,
        is_required=True,
        is_cacheable=True,
        width=10,
    ),
    Column(
        "financialEndDay",
        "year_end_day",
        "The last day of the financial year, 1 to 31. Requires financialEndMonth",
        "31",
        list_label="Financial year end: day",
        cell_type=CellType.NUMBER,
        clean=rules.clean_day_of_month,
        is_cacheable=True,
        width=16,
    ),
    Column(
        "financialEndMonth",
        "year_end_month",
        "The last month of the financial year, as a number or a name",
        "12",
        list_label="Financial year end: month",
        cell_type=CellType.NUMBER,
        clean=rules.clean_month,
        is_cacheable=True,
        width=18,
    ),
    Column(
        "relationshipNote",
        "relationship_note",
        "Details of an existing relationship",
        "Customer since 1996",
        clean=CLEANERS["relationship_note"],
        is_cacheable=True,
        width=32,
    ),
    Column(
        "startDate",
        "start_date",
        "The start date of the customer relationship",
        "2025-01-31",
        CellType.DATE,
        list_label="Start",
        is_required=True,
        is_cacheable=True,
        width=16,
    ),
    Column(
        "regionName",
        "region_id",
        "The name of a region in your set-up",
        "Europe",
        CellType.NAME,
        history_field="region",
        list_label="Region",
        is_required=True,
        is_cacheable=True,
    ),
    Column(
        "department",
        "departments",
        "One department in your set-up, or several separated with commas. Replaces the customer's current departments",
        "Sales, Operations",
        CellType.NAMES,
        list_label="Departments",
        is_required=True,
        is_cacheable=True,
        width=24,
    ),
)

# The markup of each class of calls. A class that is given no markup keeps the one it has.
MARKUP_CLASSES: Final = {f"markup_{each.name.lower()}": each for each in CallClass}
MARKUP_COLUMNS: Final = tuple(
    Column(
        f"markup{each.value.title().replace(' ', '')}",
        field,
        f"The markup in percent on the cost of calls of the class {each.value}, -100 to 1000",
        "12.5",
        CellType.PERCENT,
        clean=rules.clean_markup,
        width=18,
    )
    for field, each in MARKUP_CLASSES.items()
)

HEADERS: Final = tuple(column.header for column in COLUMNS)
COLUMNS_BY_FIELD: Final = {column.field: column for column in COLUMNS}
KEY_COLUMN: Final = "reference"  # without this column no row can be told from another
ERROR_COLUMNS: Final = ("reason", "row")  # what the workbook of the rows in error has beside these

# Of an organisation that has tags.
TAGS_COLUMN: Final = Column(
    "tags",
    "tags",
    "One tag in your set-up, or several separated with commas. Replaces the customer's current tags",
    "Key account, Trade fair",
    CellType.NAMES,
    is_cacheable=True,
    width=24,
)

# The columns that fill a table of pairs.
LINKED_FIELDS: Final = ("departments", "tags")
# The columns of the customer's own table that an import fills.
CUSTOMER_FIELDS: Final = tuple(column.field for column in COLUMNS if column.field not in ("address", *LINKED_FIELDS))


class ImportColumns:
    """The columns of a workbook, in order. `other_headers` maps what the list of customers calls some of them to their
    headers.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = tuple(columns)
        self.headers = tuple(column.header for column in columns)
        self.by_field = {column.field: column for column in columns}
        self.other_headers = {column.list_label: column.header for column in columns if column.list_label}
        headers = self.other_headers | {header: header for header in self.headers}
        fields = {column.header: column.field for column in columns}
        self._fields_by_heading = {normalise_header(name): fields[header] for name, header in headers.items()}

    def header_of(self, field: str | None) -> str:
        """The header of `field`, for error messages."""
        return self.by_field[field].header if field in self.by_field else (field or "")

    def find_field(self, heading: str) -> str | None:
        """What a column with this heading fills; None where an import ignores it."""
        return self._fields_by_heading.get(normalise_header(heading))

    @property
    def header_names(self) -> dict[str, Any]:
        """How `open_table` knows the columns."""
        return {
            "names": self.headers,
            "key_column": KEY_COLUMN,
            "silent_names": ERROR_COLUMNS,
            "other_names": self.other_headers,
        }


STANDARD_COLUMNS: Final = ImportColumns((*COLUMNS, *MARKUP_COLUMNS))  # of an organisation that has no fields of its own

"""What each column of the workbook means: one line a column, from which reading, template and help are made."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from customerhub.customers import rules
from customerhub.customers.records import CLEANERS


class Reads(Enum):
    """How the cells of a column are read."""

    TEXT = auto()  # `clean` takes a text; a number stands for its digits
    DATE = auto()  # a date, or Excel's serial number, or a text that `clean` takes
    NAME = auto()  # the name of one set-up row
    NAMES = auto()  # the names of several, comma separated


@dataclass(frozen=True)
class Column:
    """A column of the workbook.

    `field` is what it fills: a column of the customer, or `address` or `departments`. `recorded` is the name of it in
    the history. `repeats` where many rows hold the same few values.
    """

    header: str
    field: str
    explained: str
    example: str
    reads: Reads = Reads.TEXT
    clean: Callable[[str], Any] = str
    recorded: str = ""
    needed: bool = False
    repeats: bool = False
    width: int = 20

    @property
    def history_name(self) -> str:
        return self.recorded or self.field


def _address(text: str) -> str | None:
    return rules.clean_text(text, longest=rules.LONGEST["address"], lines=True)


COLUMNS: Final = (
    Column(
        "name",
        "name",
        "The customer's name",
        "Alfreds Futterkiste",
        clean=CLEANERS["name"],
        needed=True,
        width=32,
    ),
    Column(
        "reference",
        "reference",
        "Your short code, different for each customer. A row whose reference is known changes that customer; any other "
        "row makes a new one. 7 and 007 are different references",
        "ALFKI",
        clean=CLEANERS["reference"],
        needed=True,
        width=14,
    ),
    Column(
        "address",
        "address",
        "The mailing address, whole",
        "Obere Str. 57, 12209 Berlin",
        clean=_address,
        width=36,
    ),
    Column("contactNumber", "contact_number", "Telephone", "+49 30 0074321", clean=CLEANERS["contact_number"]),
    Column(
        "email",
        "email",
        "One email address, or several with commas between them",
        "accounts@alfreds.example",
        clean=CLEANERS["email"],
        needed=True,
        width=32,
    ),
    Column(
        "reviewStartDate",
        "review_start_date",
        "The day of the first review. Needs a reviewFrequency",
        "31/01/2026",
        Reads.DATE,
        rules.clean_date,
        repeats=True,
        width=16,
    ),
    Column(
        "reviewFrequency",
        "review_frequency",
        "Months between reviews, 1 to 12. Needs a reviewStartDate",
        "3 Months",
        clean=rules.clean_frequency,
        repeats=True,
        width=16,
    ),
    Column(
        "reviewerEmail",
        "reviewer_email",
        "Who is told that a review is due",
        "reviewer@hub.example",
        clean=CLEANERS["reviewer_email"],
        repeats=True,
        width=26,
    ),
    Column(
        "notificationMessage",
        "review_template_id",
        "The notification template for reviews, by its name",
        "Customer review",
        Reads.NAME,
        recorded="review_template",
        repeats=True,
    ),
    Column(
        "creditCheckCompany",
        "credit_check_company",
        "Who checked the credit",
        "Experian",
        clean=CLEANERS["credit_check_company"],
        repeats=True,
    ),
    Column(
        "risk",
        "risk",
        "Low, Medium or High",
        "Low",
        clean=rules.clean_risk,
        needed=True,
        repeats=True,
        width=10,
    ),
    Column(
        "financialEndDay",
        "year_end_day",
        "The day on which the financial year ends, 1 to 31. Needs a financialEndMonth",
        "31",
        clean=rules.clean_day_of_month,
        repeats=True,
        width=16,
    ),
    Column(
        "financialEndMonth",
        "year_end_month",
        "The month in which the financial year ends, as a number or a name",
        "12",
        clean=rules.clean_month,
        repeats=True,
        width=18,
    ),
    Column(
        "relationshipNote",
        "relationship_note",
        "What there is to know of an existing relationship",
        "Customer since 1996",
        clean=CLEANERS["relationship_note"],
        repeats=True,
        width=32,
    ),
    Column(
        "startDate",
        "start_date",
        "The day on which they became a customer",
        "31/01/2025",
        Reads.DATE,
        rules.clean_date,
        needed=True,
        repeats=True,
        width=16,
    ),
    Column(
        "regionName",
        "region_id",
        "A region of your set-up, by its name",
        "Europe",
        Reads.NAME,
        recorded="region",
        needed=True,
        repeats=True,
    ),
    Column(
        "department",
        "departments",
        "One department of your set-up, or several with commas between them: they replace those the customer has",
        "Sales, Operations",
        Reads.NAMES,
        needed=True,
        repeats=True,
        width=24,
    ),
)

HEADERS: Final = tuple(column.header for column in COLUMNS)
BY_FIELD: Final = {column.field: column for column in COLUMNS}
NEEDED: Final = "reference"  # without this column no row can be told from another
OWN: Final = ("reason", "row")  # what the workbook of the rows in error has beside these

# The columns of the customer's own table that an import fills.
FIELDS: Final = tuple(column.field for column in COLUMNS if column.field not in ("address", "departments"))


def header_of(field: str | None) -> str:
    """The header over `field`, for telling where something is wrong."""
    return BY_FIELD[field].header if field in BY_FIELD else (field or "")

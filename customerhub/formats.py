"""How an organisation writes dates."""

from datetime import date
from typing import Final

from models.enums import DateFormat

DATE_PATTERNS: Final = {
    DateFormat.DAY_MONTH_YEAR: "%d/%m/%Y",
    DateFormat.DAY_DOT_MONTH: "%d.%m.%Y",
    DateFormat.MONTH_DAY_YEAR: "%m/%d/%Y",
    DateFormat.ISO: "%Y-%m-%d",
    DateFormat.SPOKEN: "%-d %b %Y",
}


def written(day: date, form: DateFormat) -> str:
    """`day` as an organisation that chose `form` writes it."""
    return day.strftime(DATE_PATTERNS[form])

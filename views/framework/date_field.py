"""The field of a day: typed as the organisation writes dates, or picked from a calendar."""

from datetime import date
from typing import Any

from wtforms import Field
from wtforms.widgets import TextInput

from customerhub.core.dates import EXCEL_DATE_FORMATS, parse_date
from customerhub.core.errors import Invalid
from views.framework.formatting import current_formats, format_date


class DateField(Field):
    """A day in the organisation's format; 2025-01-31 is read everywhere. Its data is the date."""

    widget = TextInput()

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        try:
            self.data = read_date(valuelist[0])
        except Invalid as error:
            self.data = None
            raise ValueError(error.message) from None

    def _value(self) -> str:
        return str(self.raw_data[0]) if self.raw_data else format_date(self.data)

    def display_text(self) -> str:
        return format_date(self.data)


def read_date(text: str) -> date | None:
    """The day that somebody typed, None for a blank text. Raises Invalid with how to write it."""
    return parse_date(text, current_formats().date_format)


def describe_pattern() -> str:
    """How the organisation writes dates: "dd/mm/yyyy". The calendar writes what is picked in the same way."""
    return EXCEL_DATE_FORMATS[current_formats().date_format]


def date_attributes(**more: Any) -> dict[str, Any]:
    """The attributes of a box that a day is typed into."""
    pattern = describe_pattern()
    return {"type": "text", "autocomplete": "off", "placeholder": pattern, "data-date": pattern, **more}

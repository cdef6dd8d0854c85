"""The rules of one value, by name."""

import pytest

from customerhub.core import validation
from customerhub.core.dates import parse_date
from customerhub.core.errors import Invalid
from customerhub.customers import rules
from models.enums import DateFormat

CLEANERS = {
    "text": lambda text: validation.clean_text(text, max_length=40),
    "lines": lambda text: validation.clean_text(text, max_length=40, multiline=True),
    "email": validation.clean_email,
    "emails": validation.clean_emails,
    "website": validation.clean_website,
    "date": lambda text: parse_date(text, DateFormat.SPOKEN),
    "frequency": rules.clean_frequency,
    "risk": rules.clean_risk,
    "day of month": rules.clean_day_of_month,
    "month": rules.clean_month,
}


def refusal_message(cleaner, text):
    with pytest.raises(Invalid) as error_info:
        cleaner(text)
    return error_info.value.message

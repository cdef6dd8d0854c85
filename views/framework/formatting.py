"""Dates, times, amounts and percentages as the organisation writes them."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from flask import g, request
from flask_login import current_user

from customerhub.core import clock, money
from customerhub.core.dates import DATE_PATTERNS
from customerhub.core.spreadsheets import SheetFormats
from models import Organisation
from models.base import db
from models.enums import DateFormat, ListSeparator
from views.http.actor import current_actor


@dataclass
class DisplayFormats:
    """How the organisation of this request writes dates and money."""

    date_format: DateFormat = DateFormat.SPOKEN
    currency: str = "EUR"
    zone: Any = field(default=None)
    list_separator: ListSeparator = ListSeparator.COMMA

    @property
    def date_pattern(self) -> str:
        return DATE_PATTERNS[self.date_format]

    @property
    def sheet_formats(self) -> SheetFormats:
        """The same, for files."""
        return SheetFormats(self.date_format, self.zone, self.list_separator)


def current_formats() -> DisplayFormats:
    return g.get("formats") or DisplayFormats()


def format_date(value: date | None) -> str:
    """A date in the organisation's format."""
    return value.strftime(current_formats().date_pattern) if value else ""


def local_date(value: datetime) -> date:
    """The day of a moment in the organisation's time zone."""
    return clock.day_of(value, current_formats().zone)


def format_datetime(value: datetime | None) -> str:
    """A moment in the organisation's time zone and format."""
    if value is None:
        return ""
    return current_formats().sheet_formats.format_moment(value)


def format_amount(value: Decimal | None) -> str:
    """An amount with its thousands separated, without the currency."""
    return money.format_amount(value)


def format_percent(value: Decimal | None) -> str:
    return money.format_percent(value)


def get_today() -> date:
    zone = current_formats().zone
    return clock.get_today(str(zone)) if zone else clock.get_today()


def _current_organisation() -> Organisation | None:
    """The organisation this request works in, read once."""
    if "organisation" not in g:
        g.organisation = db.session.get(Organisation, current_actor().organisation_id)
    organisation: Organisation | None = g.organisation
    return organisation


def set_formats() -> None:
    """Dates, money and times of this request are written as its organisation does."""
    if request.endpoint == "static" or not current_user.is_authenticated:
        return
    organisation = _current_organisation()
    if organisation is not None:
        use_formats(organisation)


def use_formats(organisation: Organisation) -> None:
    """Write dates, money and times as `organisation` does, until the request or job ends."""
    g.formats = DisplayFormats(
        organisation.date_format, organisation.currency, ZoneInfo(organisation.timezone), organisation.list_separator
    )

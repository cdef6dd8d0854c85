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
from models import Organisation
from models.base import db
from views.http.actor import current_actor


@dataclass
class DisplayFormats:
    """How the organisation of this request writes dates and money."""

    date_pattern: str = "%-d %b %Y"
    currency: str = "EUR"
    zone: Any = field(default=None)


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
    local = value.astimezone(current_formats().zone) if current_formats().zone else value
    return f"{local.strftime(current_formats().date_pattern)}, {local:%H:%M}"


def format_amount(value: Decimal | None) -> str:
    """An amount with its thousands separated, without the currency."""
    return money.format_amount(value)


def format_percent(value: Decimal | None) -> str:
    return "" if value is None else f"{value.normalize():f} %"


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
        DATE_PATTERNS[organisation.date_format], organisation.currency, ZoneInfo(organisation.timezone)
    )

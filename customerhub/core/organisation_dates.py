"""What an organisation decides about dates: its day, by its time zone, and how it writes them."""

from datetime import date

from customerhub.core import clock
from models import (
    Organisation,
)
from models.base import db
from models.enums import DateFormat


def organisation_today(organisation_id: int) -> date:
    """The day it is now for an organisation."""
    return clock.get_today(db.session.get_one(Organisation, organisation_id).timezone)


def organisation_date_format(organisation_id: int) -> DateFormat:
    """How an organisation writes dates."""
    return db.session.get_one(Organisation, organisation_id).date_format

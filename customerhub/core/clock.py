"""The current time, for the business; only the tables stamp their new rows themselves.

Whatever depends on the date takes it as an argument.
"""

from datetime import UTC, date, datetime, tzinfo
from zoneinfo import ZoneInfo


def get_now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def get_today(timezone: str | tzinfo | None = None) -> date:
    """The date it is now in `timezone`, such as an organisation's; in UTC where none is given."""
    return day_of(get_now(), timezone)


def day_of(moment: datetime, timezone: str | tzinfo | None = None) -> date:
    """The date that it was at `moment` in `timezone`; in UTC where none is given."""
    zone = ZoneInfo(timezone) if isinstance(timezone, str) else timezone
    return moment.astimezone(zone or UTC).date()

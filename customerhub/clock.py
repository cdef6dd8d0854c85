"""The only place that asks what time it is. Whatever depends on the date takes it as an argument."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def today(timezone: str = "UTC") -> date:
    """The date it is now in `timezone`, such as an organisation's."""
    return datetime.now(ZoneInfo(timezone)).date()

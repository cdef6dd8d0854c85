"""Moments as DocuSign writes them: UTC, seven digits after the second, so that their order is that of the text."""

from datetime import UTC, datetime, timedelta
from sqlite3 import Connection


def format_moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


def parse_moment(text: str) -> datetime:
    """The moment that a request names; without an offset it is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(_shorten_fraction(text.strip()))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _shorten_fraction(text: str) -> str:
    """Without the seventh digit of a second, which is one more than Python takes."""
    head, dot, tail = text.partition(".")
    if not dot:
        return text
    digits = len(tail) - len(tail.lstrip("0123456789"))
    return f"{head}.{tail[: min(digits, 6)]}{tail[digits:]}"


def get_now(db: Connection) -> datetime:
    """The sandbox's time. It can be set forward, so that nobody has to wait for an expiry."""
    offset = db.execute("SELECT clock_offset_seconds FROM account").fetchone()[0]
    return datetime.now(UTC) + timedelta(seconds=offset)


def get_moment(db: Connection) -> str:
    return format_moment(get_now(db))

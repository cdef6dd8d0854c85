"""Whether the mail server is there: what came of the last try, so that one that is away is left alone for a while."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select, update

from customerhub.core.database import insert_new
from customerhub.mail.delivery import executor_of
from customerhub.mail.outbox import MAX_ANSWER_LENGTH, clean_header
from models import MailOutage
from models.base import db

BACKOFF = timedelta(seconds=45)  # how long a server that was away is left alone by all but the schedule


def record_outage(server: str, reason: str, *, now: datetime, connection: Connection | None = None) -> None:
    """Keep that `server` did not answer just now, and why."""
    error_text = clean_header(reason, max_length=MAX_ANSWER_LENGTH)
    executor_of(connection).execute(
        insert_new(MailOutage).values(server=server, since=now, tried_at=now, error=error_text)
    )
    executor_of(connection).execute(
        update(MailOutage).where(MailOutage.server == server).values(tried_at=now, error=error_text)
    )


def clear_outage(server: str, *, connection: Connection | None = None) -> None:
    """Keep that `server` answers."""
    executor_of(connection).execute(delete(MailOutage).where(MailOutage.server == server))


def find_outage(server: str) -> MailOutage | None:
    """The outage of `server`; None where it answered when it was last asked."""
    return db.session.scalar(
        select(MailOutage).where(MailOutage.server == server).execution_options(populate_existing=True)
    )


def in_backoff(server: str, *, now: datetime) -> bool:
    """Whether `server` was away a moment ago, so that only the schedule is to ask it again."""
    outage = find_outage(server)
    return outage is not None and outage.tried_at > now - BACKOFF

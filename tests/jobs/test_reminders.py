"""The hourly look at all reminders: every active organisation, by its own day; one that fails stops no other."""

from datetime import UTC, date, datetime

import pytest
import time_machine
from rq.timeouts import JobTimeoutException
from sqlalchemy import select, text

from customerhub.core.job_runs import IncompleteRun
from jobs.per_organisation import organisation_ids
from jobs.reminders import remind
from models import Reminder
from models.base import db
from tests.support.reminder_data import make_reminder_org
from tests.support.slow_jobs import slow_statements

DAY = date(2026, 6, 1)


@pytest.fixture
def noon():
    """Noon in London on a day in June: it is the next day in Kiribati already."""
    with time_machine.travel(datetime(2026, 6, 1, 11, tzinfo=UTC), tick=False):
        yield


def test_every_organisation_is_reminded_by_its_own_day(session, noon):
    london, kiribati, closed = make_reminder_org("London"), make_reminder_org("Kiribati"), make_reminder_org("Closed")
    london.change_row(london.organisation, timezone="Europe/London")
    kiribati.change_row(kiribati.organisation, timezone="Pacific/Kiritimati")
    closed.change_row(closed.organisation, active=False)
    tomorrow = date(2026, 6, 2)
    for book in (london, kiribati, closed):
        for day in (DAY, tomorrow):
            book.make_customer(start=day, frequency=12)
    db.session.commit()
    assert remind() == "3 reminders planned"
    found = db.session.execute(select(Reminder.organisation_id, Reminder.due_on, Reminder.as_of)).all()
    assert set(found) == {(london.id, DAY, DAY), (kiribati.id, DAY, tomorrow), (kiribati.id, tomorrow, tomorrow)}
    assert closed.id not in organisation_ids()
    assert remind() == "0 reminders planned"


def test_one_that_fails_stops_no_other(session, noon):
    """A time zone that there is not, written past every check."""
    broken, whole = make_reminder_org("Broken"), make_reminder_org("Whole")
    for book in (broken, whole):
        book.make_customer(start=DAY)
    db.session.commit()
    db.session.execute(text("UPDATE organisation SET timezone = 'Nowhere/At_all' WHERE id = :id"), {"id": broken.id})
    db.session.commit()
    with pytest.raises(IncompleteRun, match="1 reminders planned; failed for 1 organisations"):
        remind()
    assert set(db.session.scalars(select(Reminder.organisation_id))) == {whole.id}


def test_a_job_that_took_too_long_ends_at_once(session, noon):
    """It does not go on with the next organisation, for which RQ would kill it a minute later."""
    books = [make_reminder_org("Slow"), make_reminder_org("Next")]
    for book in books:
        book.make_customer(start=DAY)
    db.session.commit()
    with pytest.raises(JobTimeoutException), slow_statements("INSERT INTO reminder"):
        remind()
    db.session.rollback()
    assert db.session.scalars(select(Reminder)).all() == []
    assert remind() == "2 reminders planned"

"""The hourly look at all reminders: every active organisation, by its own day; one that fails stops no other."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from rq.timeouts import JobTimeoutException
from sqlalchemy import func, insert, select, text

from customerhub.core.job_runs import IncompleteRun
from jobs.per_organisation import organisation_ids
from jobs.reminders import remind
from models import OutboxMessage, Reminder
from models.base import db
from models.enums import OutboxState, ReminderKind
from tests.support.reminder_data import ReminderOrg, make_reminder_org
from tests.support.slow_jobs import slow_statements
from tests.support.statements import watch_statements

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


MANY = 4_500  # more than are looked at in two transactions


def fill_with_obsolete_reminders(book: ReminderOrg) -> None:
    """Many reminders of reviews that wait in the outbox, each of which a later review made needless."""
    customer = book.make_customer(start=DAY)
    db.session.flush()
    common = {"organisation_id": book.id, "customer_id": customer.id}
    at = datetime(2026, 1, 1, tzinfo=UTC)
    message = {"purpose": "review", "recipient": "a@hub.example", "subject": "Review", "text_body": "", "html_body": ""}
    rows = [
        common | message | {"reason_key": f"old {number}", "state": OutboxState.WAITING, "created_at": at, "why": "due"}
        for number in range(MANY)
    ]
    ids = db.session.scalars(insert(OutboxMessage).returning(OutboxMessage.id), rows).all()
    reminders = [
        common
        | {"kind": ReminderKind.REVIEW, "due_on": date(2000, 1, 1) + timedelta(days=number), "created_at": at}
        | {"as_of": DAY, "message_id": key}
        for number, key in enumerate(ids)
    ]
    db.session.execute(insert(Reminder), reminders)
    db.session.commit()


def count_messages(state: OutboxState) -> int:
    return db.session.scalar(select(func.count()).where(OutboxMessage.state == state)) or 0


def test_an_interrupted_withdrawal_keeps_what_is_done(session, noon):
    """Many reminders that nobody needs any more are withdrawn some at a time, and the next run goes on."""
    book = make_reminder_org("Long")
    fill_with_obsolete_reminders(book)
    withdrawals = []

    def interrupt(statement: str, _parameters: object) -> None:
        if statement.startswith("UPDATE outbox_message"):
            withdrawals.append(statement)
            if len(withdrawals) > 6:  # four reasons to withdraw of each chunk
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), watch_statements(interrupt):
        remind()
    db.session.rollback()
    first_count = count_messages(OutboxState.CANCELLED)
    assert 0 < first_count < MANY / 2
    remind()
    # the last of them is the latest, and the one of today is new
    assert count_messages(OutboxState.CANCELLED) == MANY


def test_the_planner_knows_of_many_new_reminders(session, noon):
    """PostgreSQL counts the rows of a table by itself only some time after they are there."""
    if db.engine.dialect.name != "postgresql":
        pytest.skip("SQLite plans without counting")
    book = make_reminder_org("Fresh")
    for _ in range(600):
        book.make_customer(start=DAY)
    db.session.commit()
    db.session.execute(text("UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE relname = 'reminder'"))
    db.session.commit()
    remind()
    known_count = db.session.scalar(text("SELECT reltuples FROM pg_class WHERE relname = 'reminder'"))
    assert known_count >= 200

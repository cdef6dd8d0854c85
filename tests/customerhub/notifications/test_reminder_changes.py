"""Reminders whose reason changes while they are planned, or wait for the mail server."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from customerhub.core import clock, history
from customerhub.core.errors import Invalid
from customerhub.notifications import reminders
from customerhub.notifications.due import list_due_reminders
from models import OutboxMessage, Reminder
from models.base import db
from models.enums import OutboxState, TemplatePurpose
from tests.support import factories as make
from tests.support.reminder_data import make_reminder_org

DAY = date(2026, 3, 31)


def plan_late(reminder_org, *rows_and_values):
    """Plan what was found on DAY, after somebody has changed these rows; the messages."""
    db.session.commit()
    found = [due for due in list_due_reminders(reminder_org.organisation, as_of=DAY) if due.obstacle is None]
    for row, values in rows_and_values:
        reminder_org.change_row(row, **values)
    count = reminders.plan_reminders(reminder_org.organisation, found, as_of=DAY)
    db.session.commit()
    messages = db.session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)).all()
    assert count == len(messages) == len(reminder_org.list_planned())
    return messages


# --- What changes while it is planned ------------------------------------------------------------------------------


def test_what_is_no_longer_due_when_it_is_planned_is_left_out(reminder_org):
    moved, dropped, renewed = (reminder_org.make_customer(start=DAY if number < 2 else None) for number in range(3))
    document = reminder_org.make_document(renewed, DAY + timedelta(days=5))
    kept_customer = reminder_org.make_customer(start=DAY, name="Kept")
    messages = plan_late(
        reminder_org,
        (moved, {"review_start_date": date(2026, 6, 1)}),
        (dropped, {"status_id": reminder_org.dropped.id}),
        (document, {"expiry_date": date(2027, 3, 31)}),
    )
    assert [each.customer_id for each in messages] == [kept_customer.id]
    assert reminder_org.run_reminders(DAY).planned == 0


def test_it_goes_to_whom_it_would_go_when_it_is_planned(reminder_org):
    customer = reminder_org.make_customer(start=DAY)
    [message] = plan_late(reminder_org, (customer, {"reviewer_email": "new@hub.example"}))
    assert message.recipient == "new@hub.example"


def test_a_template_that_is_switched_off_meanwhile_is_not_used_and_stops_no_other(reminder_org):
    document = reminder_org.make_document(reminder_org.make_customer(start=DAY), DAY)
    [message] = plan_late(reminder_org, (reminder_org.templates[TemplatePurpose.REVIEW], {"active": False}))
    assert message.subject.startswith(document.certificate)
    assert dict(reminder_org.run_reminders(DAY).not_sent) == {"There is no template for “review due”": 1}


# --- Plans that change ---------------------------------------------------------------------------------------------


def test_by_a_new_plan_nothing_is_due_that_a_review_of_the_old_one_has_done(reminder_org):
    customer = reminder_org.make_customer(start=date(2025, 1, 1), frequency=2)
    reminder_org.run_reminders("2025-11-01")
    make.ReviewFactory(
        organisation=reminder_org.organisation,
        customer_id=customer.id,
        due_on=date(2025, 11, 1),
        done_on=date(2025, 11, 10),
    )
    reminder_org.change_row(customer, review_frequency=3)  # by which one was due on 1 October
    assert [reminder_org.run_reminders(day).planned for day in ("2025-11-15", "2025-12-31", "2026-01-01")] == [0, 0, 1]
    assert reminder_org.list_planned()[-1] == ("review", customer.id, "2026-01-01", 0)


@pytest.mark.parametrize("day", [date.min, date(1899, 12, 31), date(2200, 1, 1), date.max])
def test_a_day_out_of_reach_is_refused(reminder_org, day):
    reminder_org.make_document(reminder_org.make_customer(), DAY)
    with pytest.raises(Invalid, match=f"The year {day.year} is out of range: 1900 to 2199"):
        reminder_org.run_reminders(day, dry_run=True)


def message_summaries(reminder_org):
    """(days before, state, what is told of it) of each message, in the order of the planning."""
    db.session.expire_all()
    rows = db.session.scalars(
        select(Reminder).where(Reminder.organisation_id == reminder_org.id).order_by(Reminder.id)
    ).all()
    return [(row.days_before, row.message.state, row.message.last_error) for row in rows]


# --- What waits while the mail server is away ----------------------------------------------------------------------


def test_of_what_waits_only_the_most_urgent_is_sent(reminder_org):
    customer = reminder_org.make_customer(start=None)
    for expiry in (DAY, DAY + timedelta(days=200)):
        reminder_org.make_document(customer, expiry)
    for ahead in (30, 14, 7):
        reminder_org.run_reminders(DAY - timedelta(days=ahead))
    followed = "Replaced by a more urgent reminder"
    assert message_summaries(reminder_org) == [
        (30, OutboxState.CANCELLED, followed),
        (14, OutboxState.CANCELLED, followed),
        (7, OutboxState.WAITING, None),
    ]
    assert reminder_org.run_reminders(DAY - timedelta(days=7)).planned == 0


def test_what_waits_for_a_document_that_is_removed_is_not_sent(reminder_org):
    customer = reminder_org.make_customer(start=None)
    removed_document, _kept_document = (reminder_org.make_document(customer, DAY) for _ in range(2))
    reminder_org.run_reminders(DAY)
    with history.act_as(reminder_org.system, "test"):
        db.session.delete(removed_document)
        db.session.commit()
    reminder_org.run_reminders(DAY)
    assert message_summaries(reminder_org) == [
        (0, OutboxState.CANCELLED, "The document was removed"),
        (0, OutboxState.WAITING, None),
    ]


def test_what_waits_for_a_review_that_is_done_is_not_sent(reminder_org):
    done, late, older = (reminder_org.make_customer(start=DAY) for _ in range(3))
    reminder_org.run_reminders(DAY)
    for customer, due_on in ((done, DAY), (late, date(2025, 12, 31)), (older, None)):
        make.ReviewFactory(organisation=reminder_org.organisation, customer_id=customer.id, due_on=due_on, done_on=DAY)
    reminder_org.run_reminders(DAY)
    assert [state for _, state, _ in message_summaries(reminder_org)] == [
        OutboxState.CANCELLED,
        OutboxState.WAITING,
        OutboxState.WAITING,
    ]
    assert message_summaries(reminder_org)[0][2] == "The review was done"


def test_of_reviews_only_the_reminder_of_the_latest_waits(reminder_org):
    reminder_org.make_customer(start=DAY, frequency=1)
    for day in (DAY, date(2026, 4, 30), date(2026, 5, 31)):
        reminder_org.run_reminders(day)
    followed = "Replaced by the reminder of the next review"
    assert message_summaries(reminder_org) == [
        (0, OutboxState.CANCELLED, followed),
        (0, OutboxState.CANCELLED, followed),
        (0, OutboxState.WAITING, None),
    ]


def test_a_replay_of_an_earlier_day_is_sent_whatever_came_after_that_day(reminder_org):
    customer = reminder_org.make_customer(start=DAY, frequency=1)
    make.ReviewFactory(
        organisation=reminder_org.organisation,
        customer_id=customer.id,
        due_on=date(2026, 5, 31),
        done_on=date(2026, 6, 1),
    )
    for day in (date(2026, 4, 30), DAY, DAY):
        reminder_org.run_reminders(day)
    assert message_summaries(reminder_org) == [(0, OutboxState.WAITING, None)] * 2


@pytest.mark.parametrize("state", [OutboxState.SENT, OutboxState.HELD, OutboxState.FAILED, "in hand"])
def test_what_does_not_wait_any_more_is_left_as_it_is(reminder_org, state):
    reminder_org.make_customer(start=DAY, frequency=1)
    reminder_org.run_reminders(DAY)
    message = db.session.scalars(select(OutboxMessage)).one()
    if state == "in hand":
        message.claimed_until = clock.get_now() + timedelta(minutes=5)
    else:
        message.state, message.next_attempt_at = state, None
    before = message.state
    reminder_org.run_reminders("2026-04-30")
    assert message_summaries(reminder_org) == [(0, before, None), (0, OutboxState.WAITING, None)]


def test_what_waits_in_another_organisation_is_left_to_its_own_runs(session):
    own_org, foreign_org = make_reminder_org(), make_reminder_org("Their Telecom")
    for reminder_org in (own_org, foreign_org):
        document = reminder_org.make_document(reminder_org.make_customer(start=None), DAY)
        reminder_org.run_reminders(DAY)
        with history.act_as(reminder_org.system, "test"):
            db.session.delete(document)
            db.session.commit()
    own_org.run_reminders(DAY)
    assert [message_summaries(reminder_org)[0][1] for reminder_org in (own_org, foreign_org)] == [
        OutboxState.CANCELLED,
        OutboxState.WAITING,
    ]


def test_a_dry_run_cancels_nothing(reminder_org):
    reminder_org.make_customer(start=DAY, frequency=1)
    for day in (DAY, date(2026, 4, 30)):
        reminder_org.run_reminders(day, dry_run=day != DAY)
    assert message_summaries(reminder_org) == [(0, OutboxState.WAITING, None)]

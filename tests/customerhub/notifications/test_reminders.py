"""Reminders of reviews and documents: which are due, once each."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from customerhub.core import history
from customerhub.core.permissions import Actor
from customerhub.mail import outbox
from customerhub.notifications.due import find_crossed_threshold, parse_thresholds
from jobs.reminders import CHUNK
from models import History, OutboxMessage, Reminder
from models.base import db
from models.enums import OutboxState, TemplatePurpose
from tests.support import factories as make
from tests.support.people import make_user
from tests.support.reminder_data import REVIEWER, make_reminder_org

DAYS = st.integers(1, 365)


# --- Which threshold -----------------------------------------------------------------------------------------------


def test_thresholds_are_those_of_the_organisation_and_the_day_itself():
    assert parse_thresholds("30, 14, 7, 1") == (30, 14, 7, 1, 0)
    assert parse_thresholds("7") == (7, 0)


@given(st.sets(DAYS, min_size=1, max_size=6), st.integers(-400, 400))
def test_the_most_urgent_threshold_by_walking_over_the_days(days, left):
    """Walk towards the day and note each threshold that is met on the way."""
    expiry = date(2026, 1, 31)
    as_of, met = expiry - timedelta(days=left), None
    for ahead in range(400, left - 1, -1):
        if ahead in days or ahead == 0:
            met = ahead
    assert find_crossed_threshold(expiry, as_of, (*days, 0)) == met


# --- Reviews -------------------------------------------------------------------------------------------------------


def test_a_review_is_reminded_of_on_its_day_and_not_before(reminder_org):
    customer = reminder_org.make_customer()
    assert reminder_org.run_reminders("2025-01-30").planned == 0
    assert reminder_org.run_reminders("2025-01-31").planned == 1
    message = db.session.scalars(select(OutboxMessage)).one()
    assert (message.recipient, message.subject, message.state) == (
        REVIEWER,
        f"Review of {customer.name}",
        OutboxState.WAITING,
    )
    assert "It is due on 31 Jan 2025." in message.text_body
    assert (message.why, message.customer_id) == ("A review is due on 31 Jan 2025", customer.id)
    assert [reminder_org.run_reminders(day).planned for day in ("2025-01-31", "2025-02-01", "2025-04-29")] == [0, 0, 0]
    assert reminder_org.run_reminders("2025-05-02").planned == 1  # two days of downtime
    assert reminder_org.list_planned()[-1] == ("review", customer.id, "2025-04-30", 0)
    last = db.session.scalars(select(OutboxMessage).order_by(OutboxMessage.id.desc())).first()
    assert last.why == "A review was due on 30 Apr 2025"


def test_a_start_in_the_past_does_not_flood(reminder_org):
    customer = reminder_org.make_customer(start=date(2015, 3, 31), frequency=1)
    assert reminder_org.run_reminders("2026-03-15").planned == 1
    assert reminder_org.list_planned() == [("review", customer.id, "2026-02-28", 0)]


def test_the_ends_of_months_are_counted_from_the_start(reminder_org):
    customer = reminder_org.make_customer(start=date(2025, 1, 31), frequency=1)
    day = date(2025, 1, 31)
    while day < date(2025, 6, 1):
        reminder_org.run_reminders(day)
        day += timedelta(days=1)
    dates = [due for _, key, due, _ in reminder_org.list_planned() if key == customer.id]
    assert dates == ["2025-01-31", "2025-02-28", "2025-03-31", "2025-04-30", "2025-05-31"]


def test_a_review_that_was_done_before_is_not_reminded_of(reminder_org):
    customer = reminder_org.make_customer()
    make.ReviewFactory(organisation=reminder_org.organisation, customer_id=customer.id, due_on=date(2025, 4, 30))
    assert reminder_org.run_reminders("2025-01-31").planned == 1
    assert reminder_org.run_reminders("2025-05-01").planned == 0
    assert reminder_org.run_reminders("2025-07-31").planned == 1


def test_a_day_in_the_past_can_be_replayed(reminder_org):
    """Each due date has its own reminder, in whatever order the days are run."""
    customer = reminder_org.make_customer()
    assert [
        reminder_org.run_reminders(day).planned for day in ("2025-08-01", "2025-05-15", "2025-08-02", "2025-05-16")
    ] == [1, 1, 0, 0]
    assert [due for _, key, due, _ in reminder_org.list_planned() if key == customer.id] == ["2025-07-31", "2025-04-30"]


# --- Documents -----------------------------------------------------------------------------------------------------


def test_each_threshold_is_reminded_of_once(reminder_org):
    customer = reminder_org.make_customer(start=None)
    document = reminder_org.make_document(customer, date(2026, 3, 31))
    days = {}
    for ahead in range(40, -6, -1):
        day = date(2026, 3, 31) - timedelta(days=ahead)
        if reminder_org.run_reminders(day).planned:
            days[ahead] = reminder_org.list_planned()[-1][3]
    assert days == {30: 30, 14: 14, 7: 7, 1: 1, 0: 0}
    assert {key for _, key, _, _ in reminder_org.list_planned()} == {document.id}
    assert db.session.scalars(select(OutboxMessage.why).order_by(OutboxMessage.id)).all() == [
        *(f"ISO 27001 expires on 31 Mar 2026: {ahead} days before" for ahead in (30, 14, 7)),
        "ISO 27001 expires on 31 Mar 2026: 1 day before",
        "ISO 27001 expires on 31 Mar 2026",
    ]


def test_after_downtime_only_the_most_urgent_is_sent(reminder_org):
    document = reminder_org.make_document(reminder_org.make_customer(start=None), date(2026, 3, 31))
    assert reminder_org.run_reminders("2026-03-01").planned == 1  # 30 days before
    assert reminder_org.run_reminders("2026-03-28").planned == 1  # 14 and 7 days were missed
    assert (
        reminder_org.run_reminders("2026-03-10").planned == 0
    )  # a replay has nothing to add: something more urgent was sent
    assert [(key, days) for _, key, _, days in reminder_org.list_planned()] == [(document.id, 30), (document.id, 7)]


def test_a_document_that_expired_long_ago_is_reminded_of_once(reminder_org):
    reminder_org.make_document(reminder_org.make_customer(start=None), date(2020, 2, 29))
    assert [reminder_org.run_reminders(day).planned for day in ("2026-03-01", "2026-03-02", "2027-01-01")] == [1, 0, 0]
    assert db.session.scalars(select(OutboxMessage.why)).one() == "ISO 27001 expired on 29 Feb 2020"


def test_a_new_expiry_date_starts_over_and_a_removed_document_stops(reminder_org):
    document = reminder_org.make_document(reminder_org.make_customer(start=None), date(2026, 3, 31))
    reminder_org.run_reminders("2026-03-30")
    reminder_org.change_row(document, expiry_date=date(2027, 3, 31))
    assert [reminder_org.run_reminders(day).planned for day in ("2026-03-31", "2027-02-28", "2027-03-01")] == [0, 0, 1]
    assert reminder_org.list_planned()[-1] == ("compliance", document.id, "2027-03-31", 30)
    with history.act_as(reminder_org.system, "test"):
        db.session.delete(document)
        db.session.commit()
    assert reminder_org.run_reminders("2027-03-31").planned == 0


def test_thresholds_are_those_of_each_organisation(session):
    own_org, foreign_org = make_reminder_org(), make_reminder_org("Their Telecom", reminder_days="60, 3")
    for reminder_org in (own_org, foreign_org):
        reminder_org.make_document(reminder_org.make_customer(start=None), date(2026, 3, 31))
    for ahead in range(90, -1, -1):
        for reminder_org in (own_org, foreign_org):
            reminder_org.run_reminders(date(2026, 3, 31) - timedelta(days=ahead))
    assert [days for *_, days in own_org.list_planned()] == [30, 14, 7, 1, 0]
    assert [days for *_, days in foreign_org.list_planned()] == [60, 3, 0]


def obstacle_counts(reminder_org, day="2026-03-31"):
    outcome = reminder_org.run_reminders(day)
    assert outcome.planned == 0
    assert db.session.scalar(select(func.count()).select_from(OutboxMessage)) == 0
    return dict(outcome.not_sent)


# --- What keeps one from being sent --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("purpose", "values", "reason"),
    [
        (TemplatePurpose.REVIEW, {"reviewer_email": None}, "No reviewer email set"),
        (TemplatePurpose.COMPLIANCE, {"reviewer_email": None}, "No reviewer email set"),
        (TemplatePurpose.REVIEW, {"reviewer_email": "nobody"}, "“nobody” is not an email address"),
    ],
)
def test_without_an_email_nothing_is_sent_and_later_it_is(reminder_org, purpose, values, reason):
    customer = reminder_org.make_customer(start=None)
    row = customer
    if purpose is TemplatePurpose.COMPLIANCE:
        row = reminder_org.make_document(customer, date(2026, 3, 31))
    else:
        reminder_org.change_row(customer, review_start_date=date(2026, 3, 31), review_frequency=3)
    reminder_org.change_row(row, **values)
    [(obstacle, count)] = obstacle_counts(reminder_org).items()
    assert (obstacle.startswith(reason), count) == (True, 1)
    reminder_org.change_row(row, reviewer_email=REVIEWER)
    assert reminder_org.run_reminders("2026-04-03").planned == 1


def test_the_template_it_names_the_usual_one_or_none(reminder_org):
    other = make.NotificationTemplateFactory(
        organisation=reminder_org.organisation, name="Another", subject="Look at {{customer}}"
    )
    reminder_org.make_customer(review_template_id=other.id, start=date(2026, 3, 31))
    reminder_org.run_reminders("2026-03-31")
    assert db.session.scalars(select(OutboxMessage.subject)).one().startswith("Look at ")
    reminder_org.change_row(other, active=False)
    reminder_org.make_customer(review_template_id=other.id, start=date(2026, 3, 31))
    assert dict(reminder_org.run_reminders("2026-03-31").not_sent) == {"The template “Another” is inactive": 1}
    reminder_org.change_row(reminder_org.templates[TemplatePurpose.REVIEW], active=False)
    reminder_org.make_customer(start=date(2026, 3, 31))
    assert dict(reminder_org.run_reminders("2026-03-31").not_sent) == {
        "The template “Another” is inactive": 1,
        "There is no template for “review due”": 1,
    }


def test_dropped_customers_and_organisations_that_want_none(reminder_org):
    customer = reminder_org.make_customer(status_id=reminder_org.dropped.id, start=date(2026, 3, 31))
    reminder_org.make_document(customer, date(2026, 3, 31))
    assert obstacle_counts(reminder_org) == {"The customer is dropped": 2}
    reminder_org.change_row(customer, status_id=reminder_org.active.id)
    reminder_org.change_row(reminder_org.organisation, reminders_active=False)
    assert obstacle_counts(reminder_org) == {"Reminders are inactive for the organisation": 2}
    reminder_org.change_row(reminder_org.organisation, reminders_active=True)
    assert reminder_org.run_reminders("2026-03-31").planned == 2


# --- Once, and nothing lost ----------------------------------------------------------------------------------------


def test_a_dry_run_counts_the_same_and_changes_nothing(reminder_org):
    for number in range(CHUNK + 3):
        reminder_org.make_customer(start=date(2026, 3, 31), reviewer_email=REVIEWER if number % 2 else None)
    before = db.session.scalar(select(func.count()).select_from(History))
    dry = reminder_org.run_reminders("2026-03-31", dry_run=True)
    assert db.session.scalar(select(func.count()).select_from(OutboxMessage)) == 0
    assert db.session.scalar(select(func.count()).select_from(History)) == before
    done = reminder_org.run_reminders("2026-03-31")
    assert (dry.planned, dry.not_sent) == (done.planned, done.not_sent) == (101, {"No reviewer email set": 102})


def test_a_report_is_asked_for_where_it_is_automatic(reminder_org):
    reminder_org.make_customer(start=date(2026, 3, 31), automatic_report=True, name="With")
    plain = reminder_org.make_customer(start=date(2026, 3, 31), name="Without", automatic_report=False)
    reminder_org.make_document(plain, date(2026, 3, 31))
    reminder_org.run_reminders("2026-03-31")
    found = db.session.execute(select(OutboxMessage.subject, OutboxMessage.report_on)).all()
    assert set(found) == {
        ("Review of With", date(2026, 3, 31)),
        ("Review of Without", None),
        ("ISO 27001 of Without", None),
    }


def test_a_reminder_that_was_cancelled_is_not_planned_again(reminder_org):
    reminder_org.make_customer(start=date(2026, 3, 31))
    reminder_org.run_reminders("2026-03-31")
    message = db.session.scalars(select(OutboxMessage)).one()
    admin = make_user(reminder_org.organisation)
    outbox.cancel(message, actor=Actor.from_user(admin))
    db.session.commit()
    assert [reminder_org.run_reminders(day).planned for day in ("2026-03-31", "2026-04-15")] == [0, 0]


def test_names_cannot_break_out_of_the_subject_or_the_page(reminder_org):
    reminder_org.make_customer(start=date(2026, 3, 31), name="Evil\r\nBcc: all@hub.example <script>x</script>")
    reminder_org.run_reminders("2026-03-31")
    message = db.session.scalars(select(OutboxMessage)).one()
    assert "\n" not in message.subject
    assert "<script>" not in message.html_body


def test_an_organisation_sees_only_its_own(session):
    own_org, foreign_org = make_reminder_org(), make_reminder_org("Their Telecom")
    for reminder_org in (own_org, foreign_org):
        reminder_org.make_customer(start=date(2026, 3, 31))
    assert own_org.run_reminders("2026-03-31").planned == 1
    assert {row.organisation_id for row in db.session.scalars(select(Reminder))} == {own_org.id}
    assert set(db.session.scalars(select(OutboxMessage.organisation_id))) == {own_org.id}


def test_the_reason_is_unique_even_where_the_reminder_is_not_known(reminder_org):
    """Of two who plan at once the second finds the message; whoever deleted the ledger's row sends nothing twice."""
    reminder_org.make_customer(start=date(2026, 3, 31))
    reminder_org.run_reminders("2026-03-31")
    db.session.execute(Reminder.__table__.delete())
    assert reminder_org.run_reminders("2026-03-31").planned == 0
    assert db.session.scalar(select(func.count()).select_from(OutboxMessage)) == 1

"""Reminders of reviews and documents: what is due is planned once, and what cannot be sent says why."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from customerhub import clock, history, outbox
from customerhub.errors import Invalid
from customerhub.notifications import reminders
from customerhub.notifications.due import crossed, find_due, thresholds_of
from customerhub.permissions import Actor
from jobs.reminders import CHUNK
from models import History, OutboxMessage, Reminder
from models.base import db
from models.enums import OutboxState, TemplatePurpose
from tests import factories as make
from tests.notifications.book import REVIEWER, make_book
from tests.people import make_user

DAYS = st.integers(1, 365)


@pytest.fixture
def book(session):
    return make_book()


# --- Which threshold -----------------------------------------------------------------------------------------------


def test_thresholds_are_those_of_the_organisation_and_the_day_itself():
    assert thresholds_of("30, 14, 7, 1") == (30, 14, 7, 1, 0)
    assert thresholds_of("7") == (7, 0)


@given(st.sets(DAYS, min_size=1, max_size=6), st.integers(-400, 400))
def test_the_most_urgent_threshold_by_walking_over_the_days(days, left):
    """Walk towards the day and note each threshold that is met on the way."""
    expiry = date(2026, 1, 31)
    as_of, met = expiry - timedelta(days=left), None
    for ahead in range(400, left - 1, -1):
        if ahead in days or ahead == 0:
            met = ahead
    assert crossed(expiry, as_of, (*days, 0)) == met


# --- Reviews -------------------------------------------------------------------------------------------------------


def test_a_review_is_reminded_of_on_its_day_and_not_before(book):
    customer = book.customer()
    assert book.run("2025-01-30").planned == 0
    assert book.run("2025-01-31").planned == 1
    message = db.session.scalars(select(OutboxMessage)).one()
    assert (message.recipient, message.subject, message.state) == (
        REVIEWER, f"Review of {customer.name}", OutboxState.WAITING,
    )  # fmt: skip
    assert "It is due on 31 Jan 2025." in message.text_body
    assert (message.why, message.customer_id) == ("A review is due on 31 Jan 2025", customer.id)
    assert [book.run(day).planned for day in ("2025-01-31", "2025-02-01", "2025-04-29")] == [0, 0, 0]
    assert book.run("2025-05-02").planned == 1  # two days of downtime
    assert book.planned()[-1] == ("review", customer.id, "2025-04-30", 0)
    last = db.session.scalars(select(OutboxMessage).order_by(OutboxMessage.id.desc())).first()
    assert last.why == "A review was due on 30 Apr 2025"


def test_a_start_in_the_past_does_not_flood(book):
    customer = book.customer(start=date(2015, 3, 31), frequency=1)
    assert book.run("2026-03-15").planned == 1
    assert book.planned() == [("review", customer.id, "2026-02-28", 0)]


def test_the_ends_of_months_are_counted_from_the_start(book):
    customer = book.customer(start=date(2025, 1, 31), frequency=1)
    day = date(2025, 1, 31)
    while day < date(2025, 6, 1):
        book.run(day)
        day += timedelta(days=1)
    dates = [due for _, key, due, _ in book.planned() if key == customer.id]
    assert dates == ["2025-01-31", "2025-02-28", "2025-03-31", "2025-04-30", "2025-05-31"]


def test_a_review_that_was_done_before_is_not_reminded_of(book):
    customer = book.customer()
    make.ReviewFactory(organisation=book.organisation, customer_id=customer.id, due_on=date(2025, 4, 30))
    assert book.run("2025-01-31").planned == 1
    assert book.run("2025-05-01").planned == 0
    assert book.run("2025-07-31").planned == 1


def test_a_day_in_the_past_can_be_replayed(book):
    """Each due date has its own reminder, in whatever order the days are run."""
    customer = book.customer()
    assert [book.run(day).planned for day in ("2025-08-01", "2025-05-15", "2025-08-02", "2025-05-16")] == [1, 1, 0, 0]
    assert [due for _, key, due, _ in book.planned() if key == customer.id] == ["2025-07-31", "2025-04-30"]


# --- Documents -----------------------------------------------------------------------------------------------------


def test_each_threshold_is_reminded_of_once(book):
    customer = book.customer(start=None)
    document = book.document(customer, date(2026, 3, 31))
    days = {}
    for ahead in range(40, -6, -1):
        day = date(2026, 3, 31) - timedelta(days=ahead)
        if book.run(day).planned:
            days[ahead] = book.planned()[-1][3]
    assert days == {30: 30, 14: 14, 7: 7, 1: 1, 0: 0}
    assert {key for _, key, _, _ in book.planned()} == {document.id}
    assert db.session.scalars(select(OutboxMessage.why).order_by(OutboxMessage.id)).all() == [
        *(f"ISO 27001 expires on 31 Mar 2026: {ahead} days before" for ahead in (30, 14, 7)),
        "ISO 27001 expires on 31 Mar 2026: 1 day before",
        "ISO 27001 expires on 31 Mar 2026",
    ]


def test_after_downtime_only_the_most_urgent_is_sent(book):
    document = book.document(book.customer(start=None), date(2026, 3, 31))
    assert book.run("2026-03-01").planned == 1  # 30 days before
    assert book.run("2026-03-28").planned == 1  # 14 and 7 days were missed
    assert book.run("2026-03-10").planned == 0  # a replay has nothing to add: something more urgent was sent
    assert [(key, days) for _, key, _, days in book.planned()] == [(document.id, 30), (document.id, 7)]


def test_a_document_that_expired_long_ago_is_told_of_once(book):
    book.document(book.customer(start=None), date(2020, 2, 29))
    assert [book.run(day).planned for day in ("2026-03-01", "2026-03-02", "2027-01-01")] == [1, 0, 0]
    assert db.session.scalars(select(OutboxMessage.why)).one() == "ISO 27001 expired on 29 Feb 2020"


def test_a_new_expiry_date_starts_over_and_a_removed_document_stops(book):
    document = book.document(book.customer(start=None), date(2026, 3, 31))
    book.run("2026-03-30")
    book.change(document, expiry_date=date(2027, 3, 31))
    assert [book.run(day).planned for day in ("2026-03-31", "2027-02-28", "2027-03-01")] == [0, 0, 1]
    assert book.planned()[-1] == ("compliance", document.id, "2027-03-31", 30)
    with history.acting(book.system, "test"):
        db.session.delete(document)
        db.session.commit()
    assert book.run("2027-03-31").planned == 0


def test_thresholds_are_those_of_each_organisation(session):
    ours, theirs = make_book(), make_book("Their Telecom", reminder_days="60, 3")
    for book in (ours, theirs):
        book.document(book.customer(start=None), date(2026, 3, 31))
    for ahead in range(90, -1, -1):
        for book in (ours, theirs):
            book.run(date(2026, 3, 31) - timedelta(days=ahead))
    assert [days for *_, days in ours.planned()] == [30, 14, 7, 1, 0]
    assert [days for *_, days in theirs.planned()] == [60, 3, 0]


# --- What keeps one from being sent --------------------------------------------------------------------------------


def obstacles(book, day="2026-03-31"):
    outcome = book.run(day)
    assert outcome.planned == 0
    assert db.session.scalar(select(func.count()).select_from(OutboxMessage)) == 0
    return dict(outcome.not_sent)


@pytest.mark.parametrize(
    ("purpose", "values", "reason"),
    [
        (TemplatePurpose.REVIEW, {"reviewer_email": None}, "It has no reviewer email"),
        (TemplatePurpose.COMPLIANCE, {"reviewer_email": None}, "It has no reviewer email"),
        (TemplatePurpose.REVIEW, {"reviewer_email": "nobody"}, "“nobody” is not an email address"),
    ],
)
def test_without_an_email_nothing_is_sent_and_later_it_is(book, purpose, values, reason):
    customer = book.customer(start=None)
    row = customer
    if purpose is TemplatePurpose.COMPLIANCE:
        row = book.document(customer, date(2026, 3, 31))
    else:
        book.change(customer, review_start_date=date(2026, 3, 31), review_frequency=3)
    book.change(row, **values)
    [(told, count)] = obstacles(book).items()
    assert (told.startswith(reason), count) == (True, 1)
    book.change(row, reviewer_email=REVIEWER)
    assert book.run("2026-04-03").planned == 1


def test_the_template_it_names_the_usual_one_or_none(book):
    other = make.NotificationTemplateFactory(
        organisation=book.organisation, name="Another", subject="Look at {{customer}}"
    )
    book.customer(review_template_id=other.id, start=date(2026, 3, 31))
    book.run("2026-03-31")
    assert db.session.scalars(select(OutboxMessage.subject)).one().startswith("Look at ")
    book.change(other, active=False)
    book.customer(review_template_id=other.id, start=date(2026, 3, 31))
    assert dict(book.run("2026-03-31").not_sent) == {"The template “Another” is switched off": 1}
    book.change(book.templates[TemplatePurpose.REVIEW], active=False)
    book.customer(start=date(2026, 3, 31))
    assert dict(book.run("2026-03-31").not_sent) == {
        "The template “Another” is switched off": 1, "There is no template for “review due”": 1,
    }  # fmt: skip


def test_dropped_customers_and_organisations_that_want_none(book):
    customer = book.customer(status_id=book.dropped.id, start=date(2026, 3, 31))
    book.document(customer, date(2026, 3, 31))
    assert obstacles(book) == {"The customer is dropped": 2}
    book.change(customer, status_id=book.active.id)
    book.change(book.organisation, reminders_active=False)
    assert obstacles(book) == {"Reminders are switched off for the organisation": 2}
    book.change(book.organisation, reminders_active=True)
    assert book.run("2026-03-31").planned == 2


# --- Once, and nothing lost ----------------------------------------------------------------------------------------


def test_a_dry_run_tells_the_same_and_changes_nothing(book):
    for number in range(CHUNK + 3):
        book.customer(start=date(2026, 3, 31), reviewer_email=REVIEWER if number % 2 else None)
    before = db.session.scalar(select(func.count()).select_from(History))
    dry = book.run("2026-03-31", dry_run=True)
    assert db.session.scalar(select(func.count()).select_from(OutboxMessage)) == 0
    assert db.session.scalar(select(func.count()).select_from(History)) == before
    done = book.run("2026-03-31")
    assert (dry.planned, dry.not_sent) == (done.planned, done.not_sent) == (101, {"It has no reviewer email": 102})


def test_a_report_is_asked_for_where_it_is_automatic(book):
    book.customer(start=date(2026, 3, 31), automatic_report=True, name="With")
    plain = book.customer(start=date(2026, 3, 31), name="Without", automatic_report=False)
    book.document(plain, date(2026, 3, 31))
    book.run("2026-03-31")
    found = db.session.execute(select(OutboxMessage.subject, OutboxMessage.report_on)).all()
    assert set(found) == {
        ("Review of With", date(2026, 3, 31)), ("Review of Without", None), ("ISO 27001 of Without", None),
    }  # fmt: skip


def test_a_reminder_that_was_cancelled_is_not_planned_again(book):
    book.customer(start=date(2026, 3, 31))
    book.run("2026-03-31")
    message = db.session.scalars(select(OutboxMessage)).one()
    admin = make_user(book.organisation)
    outbox.cancel(message, actor=Actor.of(admin))
    db.session.commit()
    assert [book.run(day).planned for day in ("2026-03-31", "2026-04-15")] == [0, 0]


def test_names_cannot_break_out_of_the_subject_or_the_page(book):
    book.customer(start=date(2026, 3, 31), name="Evil\r\nBcc: all@hub.example <script>x</script>")
    book.run("2026-03-31")
    message = db.session.scalars(select(OutboxMessage)).one()
    assert "\n" not in message.subject
    assert "<script>" not in message.html_body


def test_an_organisation_sees_only_its_own(session):
    ours, theirs = make_book(), make_book("Their Telecom")
    for book in (ours, theirs):
        book.customer(start=date(2026, 3, 31))
    assert ours.run("2026-03-31").planned == 1
    assert {row.organisation_id for row in db.session.scalars(select(Reminder))} == {ours.id}
    assert set(db.session.scalars(select(OutboxMessage.organisation_id))) == {ours.id}


def test_the_reason_is_unique_even_where_the_reminder_is_not_known(book):
    """Of two who plan at once the second finds the message; whoever deleted the ledger's row sends nothing twice."""
    book.customer(start=date(2026, 3, 31))
    book.run("2026-03-31")
    db.session.execute(Reminder.__table__.delete())
    assert book.run("2026-03-31").planned == 0
    assert db.session.scalar(select(func.count()).select_from(OutboxMessage)) == 1


# --- What changes while it is planned ------------------------------------------------------------------------------

DAY = date(2026, 3, 31)


def planned_late(book, *rows_and_values):
    """Plan what was found on DAY, after somebody has changed these rows; the messages."""
    db.session.commit()
    found = [due for due in find_due(book.organisation, as_of=DAY) if due.obstacle is None]
    for row, values in rows_and_values:
        book.change(row, **values)
    count = reminders.plan(book.organisation, found, as_of=DAY)
    db.session.commit()
    messages = db.session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)).all()
    assert count == len(messages) == len(book.planned())
    return messages


def test_what_is_no_longer_due_when_it_is_planned_is_left_out(book):
    moved, dropped, renewed = (book.customer(start=DAY if number < 2 else None) for number in range(3))
    document = book.document(renewed, DAY + timedelta(days=5))
    kept = book.customer(start=DAY, name="Kept")
    messages = planned_late(
        book, (moved, {"review_start_date": date(2026, 6, 1)}), (dropped, {"status_id": book.dropped.id}),
        (document, {"expiry_date": date(2027, 3, 31)}),
    )  # fmt: skip
    assert [each.customer_id for each in messages] == [kept.id]
    assert book.run(DAY).planned == 0


def test_it_goes_to_whom_it_would_go_when_it_is_planned(book):
    customer = book.customer(start=DAY)
    [message] = planned_late(book, (customer, {"reviewer_email": "new@hub.example"}))
    assert message.recipient == "new@hub.example"


def test_a_template_that_is_switched_off_meanwhile_is_not_used_and_stops_no_other(book):
    document = book.document(book.customer(start=DAY), DAY)
    [message] = planned_late(book, (book.templates[TemplatePurpose.REVIEW], {"active": False}))
    assert message.subject.startswith(document.certificate)
    assert dict(book.run(DAY).not_sent) == {"There is no template for “review due”": 1}


# --- Plans that change ---------------------------------------------------------------------------------------------


def test_by_a_new_plan_nothing_is_due_that_a_review_of_the_old_one_has_done(book):
    customer = book.customer(start=date(2025, 1, 1), frequency=2)
    book.run("2025-11-01")
    make.ReviewFactory(
        organisation=book.organisation, customer_id=customer.id, due_on=date(2025, 11, 1), done_on=date(2025, 11, 10)
    )
    book.change(customer, review_frequency=3)  # by which one was due on 1 October
    assert [book.run(day).planned for day in ("2025-11-15", "2025-12-31", "2026-01-01")] == [0, 0, 1]
    assert book.planned()[-1] == ("review", customer.id, "2026-01-01", 0)


@pytest.mark.parametrize("day", [date.min, date(1899, 12, 31), date(2200, 1, 1), date.max])
def test_a_day_out_of_reach_is_refused(book, day):
    book.document(book.customer(), DAY)
    with pytest.raises(Invalid, match=f"The year {day.year} is out of reach: 1900 to 2199"):
        book.run(day, dry_run=True)


# --- What waits while the mail server is away ----------------------------------------------------------------------


def written(book):
    """(days before, state, what is told of it) of each message, in the order of the planning."""
    db.session.expire_all()
    rows = db.session.scalars(select(Reminder).where(Reminder.organisation_id == book.id).order_by(Reminder.id)).all()
    return [(row.days_before, row.message.state, row.message.last_error) for row in rows]


def test_of_what_waits_only_the_most_urgent_is_sent(book):
    customer = book.customer(start=None)
    for expiry in (DAY, DAY + timedelta(days=200)):
        book.document(customer, expiry)
    for ahead in (30, 14, 7):
        book.run(DAY - timedelta(days=ahead))
    followed = "A more urgent reminder followed"
    assert written(book) == [
        (30, OutboxState.CANCELLED, followed), (14, OutboxState.CANCELLED, followed), (7, OutboxState.WAITING, None),
    ]  # fmt: skip
    assert book.run(DAY - timedelta(days=7)).planned == 0


def test_what_waits_for_a_document_that_is_removed_is_not_sent(book):
    customer = book.customer(start=None)
    gone, _kept = (book.document(customer, DAY) for _ in range(2))
    book.run(DAY)
    with history.acting(book.system, "test"):
        db.session.delete(gone)
        db.session.commit()
    book.run(DAY)
    assert written(book) == [
        (0, OutboxState.CANCELLED, "The document was removed"), (0, OutboxState.WAITING, None),
    ]  # fmt: skip


def test_what_waits_for_a_review_that_is_done_is_not_sent(book):
    done, late, older = (book.customer(start=DAY) for _ in range(3))
    book.run(DAY)
    for customer, due_on in ((done, DAY), (late, date(2025, 12, 31)), (older, None)):
        make.ReviewFactory(organisation=book.organisation, customer_id=customer.id, due_on=due_on, done_on=DAY)
    book.run(DAY)
    assert [state for _, state, _ in written(book)] == [
        OutboxState.CANCELLED, OutboxState.WAITING, OutboxState.WAITING
    ]  # fmt: skip
    assert written(book)[0][2] == "The review was done"


def test_of_reviews_only_the_reminder_of_the_latest_waits(book):
    book.customer(start=DAY, frequency=1)
    for day in (DAY, date(2026, 4, 30), date(2026, 5, 31)):
        book.run(day)
    followed = "The reminder of the next review followed"
    assert written(book) == [
        (0, OutboxState.CANCELLED, followed), (0, OutboxState.CANCELLED, followed), (0, OutboxState.WAITING, None),
    ]  # fmt: skip


def test_a_replay_of_an_earlier_day_is_sent_whatever_came_after_that_day(book):
    customer = book.customer(start=DAY, frequency=1)
    make.ReviewFactory(
        organisation=book.organisation, customer_id=customer.id, due_on=date(2026, 5, 31), done_on=date(2026, 6, 1)
    )
    for day in (date(2026, 4, 30), DAY, DAY):
        book.run(day)
    assert written(book) == [(0, OutboxState.WAITING, None)] * 2


@pytest.mark.parametrize("state", [OutboxState.SENT, OutboxState.HELD, OutboxState.FAILED, "in hand"])
def test_what_does_not_wait_any_more_is_left_as_it_is(book, state):
    book.customer(start=DAY, frequency=1)
    book.run(DAY)
    message = db.session.scalars(select(OutboxMessage)).one()
    if state == "in hand":
        message.claimed_until = clock.now() + timedelta(minutes=5)
    else:
        message.state, message.next_attempt_at = state, None
    before = message.state
    book.run("2026-04-30")
    assert written(book) == [(0, before, None), (0, OutboxState.WAITING, None)]


def test_what_waits_in_another_organisation_is_left_to_its_own_runs(session):
    ours, theirs = make_book(), make_book("Their Telecom")
    for book in (ours, theirs):
        document = book.document(book.customer(start=None), DAY)
        book.run(DAY)
        with history.acting(book.system, "test"):
            db.session.delete(document)
            db.session.commit()
    ours.run(DAY)
    assert [written(book)[0][1] for book in (ours, theirs)] == [OutboxState.CANCELLED, OutboxState.WAITING]


def test_a_dry_run_cancels_nothing(book):
    book.customer(start=DAY, frequency=1)
    for day in (DAY, date(2026, 4, 30)):
        book.run(day, dry_run=day != DAY)
    assert written(book) == [(0, OutboxState.WAITING, None)]

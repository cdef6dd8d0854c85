"""What is told ahead is what the daily job then does, day by day."""

from datetime import date, timedelta

import pytest
from sqlalchemy import delete

from customerhub.notifications.upcoming import list_upcoming_reminders
from models import Customer, OutboxMessage, Reminder
from models.base import db
from models.enums import ReminderKind, TemplatePurpose
from tests.support import factories as make

DAY = date(2026, 1, 31)


def days_ahead(days: int) -> date:
    return DAY + timedelta(days=days)


def reminder_keys(planned):
    return [(each.send_on, each.kind.value, each.document_id, each.due_on, each.days_before) for each in planned]


def list_telling_days(upcoming_reminders, until):
    """The days on which something is due by what was told, and those before and after: what comes in between, the job
    makes up for on the next of them. Of the first ninety, all.
    """
    days = {DAY + timedelta(days=each) for each in range(90)} | {until}
    for each in upcoming_reminders:
        days |= {each.send_on + timedelta(days=shift) for shift in (-1, 0, 1)}
    return sorted(day for day in days if DAY <= day <= until)


@pytest.mark.parametrize(
    ("start", "frequency", "expiries"),
    [
        (DAY, 1, []),
        (days_ahead(-1), 1, [0, 1]),
        (days_ahead(-40), 3, [-1, 30, 31]),
        (days_ahead(20), 12, [14, 13, 45]),
        (days_ahead(-500), 12, [7, 8, 200]),
        (None, None, [-400]),
    ],
)
@pytest.mark.slow
def test_upcoming_reminders_come_true(reminder_org, start, frequency, expiries):
    customer = reminder_org.make_customer(start=start, frequency=frequency)
    for days in expiries:
        reminder_org.make_document(customer, days_ahead(days))
    db.session.commit()
    db.session.expire_all()
    upcoming_reminders = list_upcoming_reminders(db.session.get_one(Customer, customer.id), as_of=DAY)
    until = max([each.send_on for each in upcoming_reminders], default=DAY)
    came = []
    for day in list_telling_days(upcoming_reminders, until):
        before = len(reminder_org.list_planned())
        reminder_org.run_reminders(day)
        came += [(day, *key) for key in reminder_org.list_planned()[before:]]
    expected = [
        (each.send_on, each.kind.value, each.document_id or customer.id, each.due_on.isoformat(), each.days_before)
        for each in upcoming_reminders
    ]
    last_review = max([each.send_on for each in upcoming_reminders if each.kind is ReminderKind.REVIEW], default=until)
    assert sorted(expected) == sorted(each for each in came if each[1] != "review" or each[0] <= last_review)
    assert [each.obstacle for each in upcoming_reminders] == [None] * len(upcoming_reminders)


def test_what_was_planned_is_no_longer_to_come(reminder_org):
    customer = reminder_org.make_customer(start=DAY, frequency=3)
    reminder_org.make_document(customer, days_ahead(10))
    assert [each.send_on for each in list_upcoming_reminders(customer, as_of=DAY)][:2] == [DAY, DAY]
    reminder_org.run_reminders(DAY)
    left = list_upcoming_reminders(db.session.get_one(Customer, customer.id), as_of=DAY)
    assert [(each.send_on, each.days_before) for each in left] == [
        (days_ahead(3), 7),
        (days_ahead(9), 1),
        (days_ahead(10), 0),
        (date(2026, 4, 30), 0),
        (date(2026, 7, 31), 0),
        (date(2026, 10, 31), 0),
    ]


def test_each_that_does_not_come_says_why(reminder_org):
    customer = reminder_org.make_customer(start=days_ahead(-5), frequency=1, reviewer_email=None)
    reminder_org.make_document(
        customer, days_ahead(1), template_id=reminder_org.templates[TemplatePurpose.COMPLIANCE].id
    )
    reminder_org.change_row(reminder_org.templates[TemplatePurpose.COMPLIANCE], active=False)
    upcoming_reminders = list_upcoming_reminders(db.session.get_one(Customer, customer.id), as_of=DAY)
    assert [(each.send_on, each.kind.value, each.obstacle) for each in upcoming_reminders] == [
        (DAY, "compliance", "The template “compliance document” is inactive"),
        (DAY, "review", "No reviewer email set"),
        (days_ahead(1), "compliance", "The template “compliance document” is inactive"),
        (date(2026, 2, 26), "review", "No reviewer email set"),
        (date(2026, 3, 26), "review", "No reviewer email set"),
        (date(2026, 4, 26), "review", "No reviewer email set"),
    ]
    assert reminder_org.run_reminders(DAY).planned == 0


def test_a_review_that_was_done_early_is_not_announced(reminder_org):
    customer = reminder_org.make_customer(start=days_ahead(5), frequency=6)
    make.ReviewFactory(
        organisation=reminder_org.organisation, customer_id=customer.id, due_on=days_ahead(5), done_on=DAY
    )
    upcoming_reminders = list_upcoming_reminders(customer, as_of=DAY)
    assert [each.obstacle for each in upcoming_reminders] == ["Already done", None, None]


def test_what_a_run_for_a_day_to_come_has_planned_is_not_announced(reminder_org):
    customer = reminder_org.make_customer(start=DAY, frequency=1)
    document = reminder_org.make_document(customer, days_ahead(40))
    reminder_org.run_reminders(days_ahead(35))  # a review on 28 February, and the document 7 days before
    upcoming_reminders = list_upcoming_reminders(db.session.get_one(Customer, customer.id), as_of=DAY)
    assert [(each.send_on, each.document_id, each.days_before) for each in upcoming_reminders] == [
        (DAY, 0, 0),
        (days_ahead(39), document.id, 1),
        (days_ahead(40), document.id, 0),
        (date(2026, 3, 31), 0, 0),
        (date(2026, 4, 30), 0, 0),
    ]
    day, came = DAY, []
    while day <= date(2026, 4, 30):
        came += [day] * reminder_org.run_reminders(day).planned
        day += timedelta(days=1)
    assert came == sorted(each.send_on for each in upcoming_reminders)


def test_nothing_is_upcoming_for_a_customer_without_a_plan(reminder_org):
    assert list_upcoming_reminders(reminder_org.make_customer(start=None), as_of=DAY) == []


def test_looking_ahead_writes_nothing(reminder_org):
    customer = reminder_org.make_customer(start=DAY)
    list_upcoming_reminders(customer, as_of=DAY)
    assert db.session.execute(delete(Reminder)).rowcount == 0
    assert db.session.execute(delete(OutboxMessage)).rowcount == 0
    assert not db.session.dirty


@pytest.mark.parametrize(
    ("account_email", "reviewer_email", "is_obstacle"),
    [
        ("kim@hub.example", "kim@hub.example", True),
        ("kim@hub.example", "KIM@Hub.Example", True),
        ("kim@müller.example", "kim@xn--mller-kva.example", True),
        ("kim@hub.example", "kim2@hub.example", False),
    ],
)
def test_a_reviewer_whose_account_is_deactivated_is_an_obstacle(
    reminder_org, account_email, reviewer_email, is_obstacle
):
    """Reminders were sent to people who had left, and nobody else heard of them."""
    user = make.UserFactory(organisation=reminder_org.organisation, email=account_email, active=True)
    customer = reminder_org.make_customer(start=DAY, frequency=3, reviewer_email=reviewer_email)
    reminder_org.make_document(customer, days_ahead(10), reviewer_email=reviewer_email)
    reminder_org.make_document(customer, days_ahead(40))
    db.session.commit()
    assert {each.obstacle for each in list_upcoming_reminders(customer, as_of=DAY)} == {None}
    reminder_org.change_row(user, active=False)
    told = list_upcoming_reminders(customer, as_of=DAY)
    expected = "The account of the reviewer is deactivated" if is_obstacle else None
    assert {each.obstacle for each in told if each.recipient == reviewer_email} == {expected}
    assert {each.obstacle for each in told if each.recipient != reviewer_email} == {None}
    result = reminder_org.run_reminders(DAY)
    assert (result.planned, sum(result.not_sent.values())) == ((0, 2) if is_obstacle else (2, 0))
    assert len(reminder_org.list_planned()) == (0 if is_obstacle else 2)
    reminder_org.change_row(user, active=True)
    reminder_org.run_reminders(DAY)
    assert len(reminder_org.list_planned()) == 2, "once the obstacle is removed they are sent"


def test_an_account_of_another_organisation_tells_nothing(reminder_org):
    other = make.OrganisationFactory(name="Other Telecom")
    make.UserFactory(organisation=other, email="kim@hub.example", active=False)
    customer = reminder_org.make_customer(start=DAY, frequency=3, reviewer_email="kim@hub.example")
    assert {each.obstacle for each in list_upcoming_reminders(customer, as_of=DAY)} == {None}
